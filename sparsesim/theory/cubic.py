"""Real roots of the cubics whose one rightmost root is real: characteristic polynomials of systems that keep a cone."""

import math


def only_positive_root(a: float, b: float, c: float) -> float:
    """The one root y > 0 of y^3 = a y^2 + b y + c where the signs of (1, -a, -b, -c) change once; 0 if c = 0 and b < 0.

    Newton's method from above all roots: no root lies right of it in real part, so it descends without a turn.
    """
    y = 2.0 * max(abs(a), math.sqrt(abs(b)), math.cbrt(c))
    if not 0.0 < y < 1e100:
        return y
    while True:
        value = ((y - a) * y - b) * y - c
        slope = (3.0 * y - 2.0 * a) * y - b
        if slope <= 0.0:
            return y
        lower = y - value / slope
        if lower < 0.5 * y:  # a long step, as a sum of positive terms: the difference cancels
            lower = ((2.0 * y - a) * y * y + c) / slope
        if not lower < y:
            return y
        y = lower


def polished(x: float, quadratic: float, linear: float, constant: float) -> float:
    """A root of x^3 + quadratic x^2 + linear x + constant, from nearby, by Newton's method."""
    for _ in range(5):
        x -= (((x + quadratic) * x + linear) * x + constant) / ((3.0 * x + 2.0 * quadratic) * x + linear)
    return x
