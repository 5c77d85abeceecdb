"""One scaling (alpha, beta, delta) well inside each region of least squares."""

MIDDLES = {
    "A": (0.25, 1.5, 0.5),
    "B": (0.3, 0.5, 0.4),
    "C": (0.3, 0.5, 1.2),
    "D": (0.8, 0.3, 0.25),
    "E": (0.8, 0.3, 0.9),
    "F": (0.8, 0.3, 2.0),
}
