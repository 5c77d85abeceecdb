"""Coefficients, slopes and residual moments against 50-digit arithmetic, golden numbers and identities."""

import logistic_precision as precise
import numpy as np
import pytest

from sparsesim import RareClassLogistic
from sparsesim.theory.logistic.coefficients import (
    Coefficients,
    coefficients,
    coefficients_at,
    residual_moments,
    slopes_at,
)

STATES = [  # p, r, theta_par, R
    (0.5, 1.0, 0.3, 0.2),
    (0.1, 2.0, 2.0, 1.0),
    (1e-3, 1.0, -0.7, 1.5),
    (1e-9, 0.5, 0.4, 3.0),
    (1e-2, 1.0, 0.0, 0.0),
]


def random_states(number, seed, low=0.0, high=5.0):
    """Cells with p from 0.5 to 1e-9, r from 0.2 to 3, |theta| from `low` to `high` in any direction."""
    rng = np.random.default_rng(seed)
    states = []
    for _ in range(number):
        p, r = float(10.0 ** rng.uniform(-9.0, np.log10(0.5))), float(rng.uniform(0.2, 3.0))
        tau, angle = rng.uniform(low, high), rng.uniform(-1.0, np.pi / 2)
        states.append((p, r, float(tau * np.cos(angle)), float((tau * np.sin(angle)) ** 2)))
    return states


def errors(values, exact, scale):
    return [float(abs(value - reference) / size) for value, reference, size in zip(values, exact, scale, strict=True)]


def assert_coefficients(state):
    size = precise.scales(*state)[0]
    exact = precise.coefficients(*state)
    for values in (coefficients_at(*state), slopes_at(*state).value):
        assert max(errors(values, exact, size)) < 2e-14, state


def assert_slopes(state):
    _, *sizes = precise.scales(*state)
    for values, exact, size in zip(slopes_at(*state)[1:], precise.slopes(*state), sizes, strict=True):
        assert max(errors(values, exact, size)) < 5e-14, state


@pytest.mark.parametrize("state", STATES)
def test_coefficients_against_fifty_digits(state):
    assert_coefficients(state)


@pytest.mark.parametrize("state", STATES[::3])
def test_slopes_against_fifty_digits(state):
    assert_slopes(state)


def test_residual_moments_against_fifty_digits():
    for state in STATES:
        exact = precise.residual_moments(*state)
        assert residual_moments(*state) == pytest.approx([float(value) for value in exact], rel=2e-14, abs=1e-40), state


@pytest.mark.slow
@pytest.mark.parametrize("state", random_states(40, seed=5))
def test_all_of_it_against_fifty_digits(state):
    assert_coefficients(state)
    assert_slopes(state)
    exact = precise.residual_moments(*state)
    assert residual_moments(*state) == pytest.approx([float(value) for value in exact], rel=2e-14, abs=0.0), state


@pytest.mark.slow
@pytest.mark.parametrize("state", random_states(3, seed=6, low=20.0, high=100.0))
def test_far_out_coefficients_against_fifty_digits(state):
    assert_coefficients(state)


def test_golden_numbers():
    assert RareClassLogistic(d=10, p=0.01, B=1, r=1.0).bias == pytest.approx(-5.09511985013, rel=1e-11, abs=0.0)
    frequent = coefficients(RareClassLogistic(d=10, p=0.1, B=1, r=1.0), 0.5, 1.0)
    golden = (0.0799664754051, 0.0858580820772, 0.092354462391, 0.0215062065953, -0.016368134697, 0.07537301122)
    assert frequent == pytest.approx(golden, rel=5e-12, abs=0.0)
    rare = coefficients(RareClassLogistic(d=10, p=1e-6, B=1, r=1.0), 1.0, 0.5)
    assert rare[:3] == pytest.approx((1.28401412937e-6, 9.99996509708e-7, 1.00000040815e-6), rel=5e-12, abs=0.0)
    optimum = coefficients(RareClassLogistic(d=10, p=0.1, B=1, r=1.0), 1.0, 0.0)
    assert optimum[:3] == pytest.approx([0.0806511805127] * 3, rel=5e-12, abs=0.0)


def test_information_identities_hold_at_the_optimum():
    """The model is well specified there: A = b = D0, and the second moment is the Hessian, along the signal too."""
    rng = np.random.default_rng(7)
    p, r = 10.0 ** rng.uniform(-9.0, np.log10(0.5), 300), rng.uniform(0.1, 4.0, 300)
    c = coefficients_at(p, r, r, 0.0)
    np.testing.assert_allclose(c.b, c.A, rtol=1e-12)
    np.testing.assert_allclose(c.D0, c.A, rtol=1e-12)
    slope = slopes_at(p, r, r, 0.0).theta_par
    parallel = c.A + r * (slope.A - slope.b)  # dG/dtheta_par, the curvature along the signal
    np.testing.assert_allclose(c.D0 + (c.D2 + 2.0 * c.Dx + c.Dm) * r**2, parallel, rtol=1e-12)


def test_slopes_are_those_of_the_coefficients():
    rng = np.random.default_rng(8)
    p, r = 10.0 ** rng.uniform(-6.0, np.log10(0.5), 50), rng.uniform(0.3, 2.0, 50)
    theta_par, R = rng.uniform(-1.0, 2.0, 50), rng.uniform(0.1, 3.0, 50)
    step = 1e-3
    slopes = slopes_at(p, r, theta_par, R)
    for shift, computed in (((step, 0.0), slopes.theta_par), ((0.0, step), slopes.R)):
        states = [coefficients_at(p, r, theta_par + k * shift[0], R + k * shift[1]) for k in (-2, -1, 1, 2)]
        for name in Coefficients._fields:
            a, b, c, e = (getattr(state, name) for state in states)
            difference = (a - 8.0 * b + 8.0 * c - e) / (12.0 * step)  # errs by step^4
            np.testing.assert_allclose(
                getattr(computed, name), difference, rtol=1e-8, atol=1e-9 * np.min(p), err_msg=name
            )


def test_many_cells_are_computed_as_each_alone():
    """Cells that share a slab share their nodes; one far out must not spoil the others, nor their order matter."""
    states = np.array([*STATES, *random_states(300, seed=9), (1e-3, 1.0, 0.3, 5000.0), (1e-6, 1.0, 40.0, 100.0)])
    together = np.array(coefficients_at(*states.T))
    alone = np.array([coefficients_at(*state) for state in states]).T
    np.testing.assert_allclose(together, alone, rtol=1e-12, atol=0.0)


def test_shapes_broadcast():
    c = coefficients_at(np.array([[0.1], [0.01]]), 1.0, np.array([0.0, 0.5, 1.0]), 0.5)
    assert all(value.shape == (2, 3) for value in c)
    assert c.D0[1, 2] == pytest.approx(coefficients_at(0.01, 1.0, 1.0, 0.5).D0, rel=1e-14, abs=0.0)
    assert all(isinstance(value, float) for value in coefficients_at(0.01, 1.0, 1.0, 0.5))
    assert coefficients_at(0.1, 1.0, np.zeros(0), 1.0).A.shape == (0,)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0.0, 1.0, 0.0, 1.0), r"p must be in \(0, 1\), got 0.0"),
        ((1.0, 1.0, 0.0, 1.0), r"p must be in \(0, 1\), got 1.0"),
        ((0.1, 0.0, 0.0, 1.0), "r must be a finite number above 0, got 0.0"),
        ((0.1, 1.0, np.nan, 1.0), "theta_par must be a finite number, got nan"),
        ((0.1, 1.0, "x", 1.0), "theta_par must be a finite number, got 'x'"),
        ((0.1, 1.0, 0.0, np.inf), "R must be a finite number, 0 or above, got inf"),
        ((0.1, 1.0, 0.0, np.array([1.0, -2.0])), "R must be a finite number, 0 or above, got -2.0"),
    ],
)
def test_arguments_out_of_range_are_named(arguments, message):
    for function in (coefficients_at, slopes_at, residual_moments):
        with pytest.raises(ValueError, match=message):
            function(*arguments)
