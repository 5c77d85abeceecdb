"""Powers and exponentials against the same floats in 80-digit arithmetic."""

import numpy as np
import pytest
from high_precision import as_float, exponential
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from sparsesim.theory import propagate

# Two fast decays feed, and are fed by, a rate of 1e-18: what a sparse system at d = 1e12 looks like.
SLOW = np.array([[-1e-18, 3e-19, -2e-18], [0.5, -0.75, 0.25], [0.5, -0.125, -0.5]])


def exact_power(A, x0, n, f=None, unit=None):
    """(U + A)^n x0 and the forcing's part of it, every float taken as an exact number."""
    size = len(x0)
    M = mp.matrix(size + 1)
    for i in range(size):
        for j in range(size):
            M[i, j] = mpf(float(A[i][j]))
        M[i, i] += 1 if unit is None else unit[i]
        M[i, size] = 0 if f is None else mpf(float(f[i]))
    M[size, size] = 1
    return [as_float(v) for v in (M ** int(n) * mp.matrix([*map(float, x0), 1]))[:size]]


def exact_flow(A, x0, t):
    return [as_float(v) for v in exponential(mp.matrix(A.tolist()) * mpf(float(t))) * mp.matrix(list(map(float, x0)))]


@pytest.mark.parametrize("n", [1, 2, 3, 1000, 10**9, 10**15, 10**18, 3 * 10**19, 10**21])
def test_rates_of_1e_minus_18_survive_beside_rates_of_one(n):
    n = min(n, 2**63 - 1)
    x0 = [1.0, 0.0, -2.0]
    np.testing.assert_allclose(propagate.discrete(SLOW, x0, [n])[0], exact_power(SLOW, x0, n), rtol=1e-14)
    t = n * 0.7310585
    np.testing.assert_allclose(propagate.continuous(SLOW, x0, [t])[0], exact_flow(SLOW, x0, t), rtol=1e-14)


@pytest.mark.parametrize("a", [-1.5, -0.999, -0.3, -1e-3, -1e-12, 1e-12, 0.4, 7.0])
def test_one_variable_keeps_its_digits_while_it_decays_or_grows(a):
    counts = np.array([1, 2, 5, 63, 64, 200])
    exact = [exact_power([[a]], [1.0], n)[0] for n in counts]
    np.testing.assert_allclose(propagate.discrete([[a]], [1.0], counts)[:, 0], exact, rtol=1e-13)
    flow = [as_float(mp.exp(mpf(a) * t)) for t in counts.tolist()]
    np.testing.assert_allclose(propagate.continuous([[a]], [1.0], counts)[:, 0], flow, rtol=1e-13)


def test_random_systems():
    rng = np.random.default_rng(1)
    for _ in range(50):
        size = rng.integers(1, 5)
        A = rng.normal(size=(size, size)) * 10.0 ** rng.uniform(-6, 0.5)
        x0, f, counts = rng.normal(size=size), rng.normal(size=size), np.sort(rng.integers(0, 60, 3))
        for row, n in zip(propagate.discrete(A, x0, counts, f), counts, strict=True):
            exact = exact_power(A, x0, n, f)
            np.testing.assert_allclose(row, exact, atol=1e-12 * np.abs(exact).max())
        for row, t in zip(propagate.continuous(A, x0, counts), counts, strict=True):
            exact = exact_flow(A, x0, t)
            np.testing.assert_allclose(row, exact, atol=1e-12 * np.abs(exact).max())


def test_time_zero_is_the_start():
    x0 = np.array([0.1, -3e-7, 2e9])
    assert (propagate.discrete(SLOW, x0, [0, 1], [1.0, 2.0, 3.0])[0] == x0).all()
    assert (propagate.continuous(SLOW, x0, [0.0, 1.0], [1.0, 2.0, 3.0])[0] == x0).all()


def test_counts_beyond_2_to_the_53_keep_their_last_bit():
    quarter_turn = [[-1.0, -1.0], [1.0, -1.0]]
    counts = 2**60 + np.arange(5)
    expected = [[1, 0], [0, 1], [-1, 0], [0, -1], [1, 0]]
    np.testing.assert_array_equal(propagate.discrete(quarter_turn, [1.0, 0.0], counts), expected)


def test_growth_beyond_floats_is_infinite_and_decay_zero():
    counts, growing = [10, 1100, 10**6, 10**18], np.array([[1.0, -1.0], [-1.0, 1.0]])  # eigenvalues of 1 + A: 1 and 3
    got = propagate.discrete(growing, [1.0, 0.0], counts)
    np.testing.assert_allclose(got[0], [(3.0**10 + 1) / 2, (1 - 3.0**10) / 2], rtol=1e-15)
    np.testing.assert_array_equal(got[1:], [[np.inf, -np.inf]] * 3)
    np.testing.assert_array_equal(propagate.continuous(growing, [1.0, 0.0], [1e3, 1e300]), [[np.inf, -np.inf]] * 2)
    assert (propagate.discrete(-0.75 * np.eye(2), [1.0, 1.0], counts)[2:] == 0.0).all()
    assert (propagate.continuous(-0.75 * np.eye(2), [1.0, 1.0], [1e4, 1e300]) == 0.0).all()
    huge = propagate.discrete([[1e300, -1e300], [1e290, 1e280]], [1.0, 1.0], [1, 2, 3, 10**9], [1e300, 1.0])
    assert not np.isnan(huge).any()


def test_a_start_beyond_the_reach_of_one_float_product_returns():
    # 2^2000 in between: the exponents of matrix and vector carry it.
    down = propagate.discrete([[-0.5]], [1e300], [1000, 2000])[:, 0]
    np.testing.assert_allclose(down, [1e300 / 2.0**1000, 1e300 / 2.0**1000 / 2.0**1000], rtol=1e-15)
    up = propagate.discrete([[1.0]], [1e-300], [1000, 2000])[:, 0]
    np.testing.assert_allclose(up, [1e-300 * 2.0**1000, 1e-300 * 2.0**1000 * 2.0**1000], rtol=1e-15)


def test_forcing_is_the_sum_of_its_steps():
    A, x, f = SLOW, np.array([1.0, 2.0, -1.0]), np.array([1e-3, 0.5, -0.25])
    rows = propagate.discrete(A, x, np.arange(40), f)
    for row in rows:
        np.testing.assert_allclose(row, x, atol=1e-14)
        x = x + A @ x + f


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e250])
def test_forcing_of_any_size_leaves_slow_rates_alone(size):
    f = np.array([1e-18, 0.0, 0.5]) * size
    row = propagate.discrete(SLOW, [0.0, 0.0, 0.0], [10**17], f)[0]
    np.testing.assert_allclose(row, exact_power(SLOW, [0.0, 0.0, 0.0], 10**17, f), rtol=1e-14)
    # x' = A x + f from zero is A^-1 (exp(A t) - 1) f.
    t = 1e17
    M = mp.matrix(SLOW.tolist())
    exact = M**-1 * (exponential(M * mpf(t)) - mp.eye(3)) * mp.matrix(f.tolist())
    np.testing.assert_allclose(
        propagate.continuous(SLOW, [0.0, 0.0, 0.0], [t], f)[0], [as_float(v) for v in exact], rtol=1e-14
    )


def test_unit_says_what_the_matrix_is_a_difference_from():
    A, unit = SLOW.copy(), np.array([1.0, 0.0, 0.0])
    A[1, 1], A[2, 2] = 1e-30, 3e-25  # themselves, far below the rounding of one
    row = propagate.discrete(A, [0.0, 1.0, 0.0], [1], unit=unit)[0]
    np.testing.assert_array_equal(row, A[:, 1])
    for n in (2, 10**6, 10**18):
        row = propagate.discrete(A, [1.0, 1.0, 1.0], [n], unit=unit)[0]
        np.testing.assert_allclose(row, exact_power(A, [1.0, 1.0, 1.0], n, unit=unit), rtol=1e-14)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-60, 60), min_size=3, max_size=3), st.integers(0, 10**18))
def test_units_of_the_variables_change_no_bit(exponents, n):
    x0, units = np.array([1.0, 0.5, -2.0]), 2.0 ** np.array(exponents)
    scaled = SLOW * units[:, None] / units
    np.testing.assert_array_equal(
        propagate.discrete(scaled, x0 * units, [n]), units * propagate.discrete(SLOW, x0, [n])
    )


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**18), st.integers(0, 10**18))
def test_a_run_goes_on_where_another_ended(m, n):
    x0 = np.array([1.0, 0.5, -2.0])
    halfway = propagate.discrete(SLOW, x0, [m])[0]
    whole = propagate.discrete(SLOW, x0, [m + n])[0]
    np.testing.assert_allclose(propagate.discrete(SLOW, halfway, [n])[0], whole, rtol=1e-14)
    halfway = propagate.continuous(SLOW, x0, [m / 7])[0]
    whole = propagate.continuous(SLOW, x0, [m / 7 + n / 3])[0]
    np.testing.assert_allclose(propagate.continuous(SLOW, halfway, [n / 3])[0], whole, rtol=1e-14)
