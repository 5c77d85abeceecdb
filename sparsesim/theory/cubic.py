"""Real roots of the cubics whose one rightmost root is real: characteristic polynomials of systems that keep a cone."""

import math
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

Number = TypeVar("Number", float, np.ndarray)


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


def only_positive_roots(a: ArrayLike, b: ArrayLike, c: ArrayLike) -> np.ndarray:
    """`only_positive_root` of many cubics at once, their coefficients broadcast."""
    a, b, c = np.broadcast_arrays(*(np.asarray(values, dtype=np.float64) for values in (a, b, c)))
    y = 2.0 * np.maximum(np.maximum(np.abs(a), np.sqrt(np.abs(b))), np.cbrt(c))
    going = (y > 0.0) & (y < 1e100)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        while going.any():
            slope = (3.0 * y - 2.0 * a) * y - b
            lower = y - (((y - a) * y - b) * y - c) / slope
            lower = np.where(lower < 0.5 * y, ((2.0 * y - a) * y * y + c) / slope, lower)
            going = going & (slope > 0.0) & (lower < y)
            y = np.where(going, lower, y)
    return y


def polished(x: Number, quadratic: Number, linear: Number, constant: Number) -> Number:
    """A root of x^3 + quadratic x^2 + linear x + constant, from nearby, by Newton's method; of floats or arrays."""
    for _ in range(5):
        x -= (((x + quadratic) * x + linear) * x + constant) / ((3.0 * x + 2.0 * quadratic) * x + linear)
    return x
