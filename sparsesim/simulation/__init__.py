"""Simulation: vectorised JAX kernels. Nothing here knows a theoretical moment."""
