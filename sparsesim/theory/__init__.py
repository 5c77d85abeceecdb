"""Theory: pure functions in NumPy float64. Nothing here simulates, and nothing here imports JAX."""
