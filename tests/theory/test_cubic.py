"""Real roots of cubics against roots in 50 digits."""

import math

import numpy as np
import pytest
from mpmath import mp, mpf

from sparsesim.theory import cubic


def exact_root(a, b, c):
    """The positive root of y^3 = a y^2 + b y + c, by bisection and Newton's method."""
    a, b, c = mpf(a), mpf(b), mpf(c)
    low, high = mpf(0), 2 * (abs(a) + mp.sqrt(abs(b)) + mp.cbrt(c))
    for _ in range(400):
        middle = (low + high) / 2
        low, high = (middle, high) if ((middle - a) * middle - b) * middle < c else (low, middle)
    return high


def coefficients(number, seed, low, high):
    """Signs of (1, -a, -b, -c) change once: a and b both 0 or above, both 0 or below, or a below and b above."""
    rng = np.random.default_rng(seed)
    for _ in range(number):
        a, b, c = 10.0 ** rng.uniform(low, high, 3)
        signs = [(1, 1), (0, 1), (1, 0), (-1, -1), (0, -1), (-1, 0), (-1, 1)]
        sign_a, sign_b = signs[rng.integers(len(signs))]
        yield float(sign_a * a), float(sign_b * b), float(c)


def test_the_positive_root():
    for a, b, c in coefficients(300, 21, -12, 12):
        root = exact_root(a, b, c)
        # A root that is small beside the coefficients is found as a difference from nothing: all digits of it.
        assert abs(cubic.only_positive_root(a, b, c) - root) <= 2e-15 * root, (a, b, c)


@pytest.mark.parametrize("b", [-1e-12, -0.3, -1.0, -7.0, *(-np.geomspace(1e2, 1e12, 41))])
def test_without_a_constant_the_root_is_zero(b):
    # A path of Newton's that rounds at one of these would end at a root of its own rounding.
    assert cubic.only_positive_root(0.0, b, 0.0) == pytest.approx(0.0, abs=1e-100)
    assert cubic.only_positive_root(-0.5, b, 0.0) == pytest.approx(0.0, abs=1e-100)


def test_special_roots():
    assert cubic.only_positive_root(0.0, 0.0, 0.0) == 0.0
    assert cubic.only_positive_root(0.0, 0.0, 8.0) == pytest.approx(2.0, rel=1e-15)
    assert cubic.only_positive_root(0.0, 9.0, 0.0) == pytest.approx(3.0, rel=1e-15)
    assert cubic.only_positive_root(5.0, 0.0, 0.0) == pytest.approx(5.0, rel=1e-15)
    assert cubic.only_positive_root(0.0, 0.0, math.inf) == math.inf


def test_polishing_finds_the_last_digits():
    # (x + 1e-12)(x^2 + x + 1), from a start that is off by a third.
    root = -1e-12
    polished = cubic.polished(1.3 * root, 1.0 - root, 1.0 - root, -root)
    assert polished == pytest.approx(root, rel=1e-15, abs=0.0)


def test_many_cubics_have_the_roots_of_each():
    a, b, c = np.array(list(coefficients(300, 5, -6, 6))).T
    found = cubic.only_positive_roots(a, b, c)
    each = [cubic.only_positive_root(*one) for one in zip(a.tolist(), b.tolist(), c.tolist(), strict=True)]
    np.testing.assert_allclose(found, each, rtol=4e-16)
    np.testing.assert_array_equal(cubic.only_positive_roots(a[:, None], b[0], c[0])[0, 0], found[0])
