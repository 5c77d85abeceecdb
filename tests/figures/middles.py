"""One scaling (alpha, beta, delta) well inside each region of least squares."""

MIDDLES = {
    "A": (0.2, 1.4, 1.0),
    "B": (0.3, 0.5, 0.4),
    "C": (0.2, 0.5, 1.2),
    "D": (1.2, 0.5, 0.3),
    "E": (1.0, 0.5, 0.8),
    "F": (0.8, 0.5, 1.8),
}
