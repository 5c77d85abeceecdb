"""Exact drift against golden numbers and plain formulas, its slopes against differences, dV against exact sums."""

from fractions import Fraction

import numpy as np
import pytest

from sparsesim import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic.coefficients import coefficients
from sparsesim.theory.logistic.drift import Cells, changes, changes_and_slopes, drift, jacobian

GOLDEN = (RareClassLogistic(d=100, p=0.1, B=16, r=1.0), HeavyBall(eta=0.4, eps=0.05))


def random_case(rng):
    """A problem, an optimizer and a state of vectors that exist, on all scales."""
    problem = RareClassLogistic(
        d=int(10 ** rng.uniform(0.5, 6)),
        p=10 ** rng.uniform(-4, -0.4),
        B=int(10 ** rng.uniform(0, 4)),
        r=rng.uniform(0.3, 2),
    )
    optimizer = HeavyBall(eta=10 ** rng.uniform(-3, 1), eps=10 ** rng.uniform(-4, 0))
    R, V = 10 ** rng.uniform(-2, 1), 10 ** rng.uniform(-4, 0)
    C = rng.uniform(-1, 1) * np.sqrt(R * V)
    return problem, optimizer, np.array([rng.uniform(-0.5, 2), rng.normal() * 0.1, R, V, C])


def test_golden_number_5():
    change = drift(*GOLDEN, [0.5, -0.03, 1.0, 0.05, 0.02])
    golden = [0.0123174968875, -0.000793742218734, -0.0109228362692, -0.00327610783093, -0.0156912330974]
    np.testing.assert_allclose(change, golden, rtol=1e-11)


def test_the_change_is_that_of_the_moments_of_one_step():
    """Means of products of theta - eta m+ and m+ = mu m + eps g, from means and second moments of g alone."""
    rng = np.random.default_rng(1)
    for _ in range(50):
        problem, optimizer, state = random_case(rng)
        theta_par, m_par, R, V, C = state
        c = coefficients(problem, theta_par, R)
        eta, eps, mu, d, B = optimizer.eta, optimizer.eps, optimizer.mu, problem.d, problem.B
        g_par, g_theta, g_m = c.A * theta_par - c.b * problem.r, c.A * R, c.A * C
        g_g = ((d - 1) * c.D0 + c.D2 * R) / B + (1 - 1 / B) * c.A**2 * R
        m_next = mu * m_par + eps * g_par
        V_next = mu**2 * V + 2 * mu * eps * g_m + eps**2 * g_g
        C_next = mu * C + eps * g_theta - eta * V_next
        R_next = R - 2 * eta * (mu * C + eps * g_theta) + eta**2 * V_next
        stepped = np.array([theta_par - eta * m_next, m_next, R_next, V_next, C_next])
        np.testing.assert_allclose(state + drift(problem, optimizer, state), stepped, rtol=1e-13, atol=1e-15)


def test_the_jacobian_is_the_slope_of_the_map():
    rng = np.random.default_rng(2)
    for _ in range(30):
        problem, optimizer, state = random_case(rng)
        slopes = jacobian(problem, optimizer, state) - np.eye(5)
        for column in range(5):
            step = np.zeros(5)
            step[column] = 1e-3 * max(abs(state[column]), 1e-3)
            ahead, back, far_ahead, far_back = (drift(problem, optimizer, state + k * step) for k in (1, -1, 2, -2))
            difference = (8 * (ahead - back) - (far_ahead - far_back)) / (12 * step[column])
            scale = np.abs(slopes).max(axis=1) * 1e-7
            np.testing.assert_array_less(np.abs(difference - slopes[:, column]), scale + 1e-13)


def test_small_eps_does_not_cancel():
    """DV at eps = 1e-12 against the same formula in exact fractions; as W - V it would keep four digits."""
    problem, eps = RareClassLogistic(d=100, p=0.1, B=16, r=1.0), 1e-12
    state = np.array([0.5, -0.03, 1.0, 0.05, 0.02])
    c = coefficients(problem, 0.5, 1.0)
    A, D0, D2, R, V, C, e = map(Fraction, (c.A, c.D0, c.D2, *state[2:].tolist(), eps))
    S = (99 * D0 + D2 * R) / 16 + Fraction(15, 16) * A * A * R
    exact = (1 - e) ** 2 * V + 2 * (1 - e) * e * A * C + e * e * S - V
    assert abs(drift(problem, HeavyBall(0.4, eps), state)[3] / float(exact) - 1.0) < 1e-14


def test_states_and_cells_broadcast():
    rng = np.random.default_rng(3)
    cases = [random_case(rng) for _ in range(6)]
    problems, optimizers, states = zip(*cases, strict=True)
    cells, states = Cells.of(problems, optimizers), np.array(states)
    change, slopes = changes_and_slopes(cells, states)
    np.testing.assert_allclose(change, changes(cells, states), rtol=1e-13, atol=1e-18)
    for i, (problem, optimizer, state) in enumerate(cases):
        np.testing.assert_allclose(change[i], drift(problem, optimizer, state), rtol=1e-12, atol=1e-18)
        np.testing.assert_allclose(np.eye(5) + slopes[i], jacobian(problem, optimizer, state), rtol=1e-11, atol=1e-15)
    at_nodes = changes(cells[:, None], np.repeat(states[:, None], 3, axis=1))
    np.testing.assert_allclose(at_nodes[:, 2], change, rtol=1e-12, atol=1e-18)
    problem, optimizer, _ = cases[0]
    np.testing.assert_allclose(drift(problem, optimizer, states)[0], change[0], rtol=1e-12, atol=1e-18)


def test_one_dimension_has_nothing_across_the_signal():
    change = drift(RareClassLogistic(d=1, p=0.1, B=4, r=1.0), HeavyBall(0.3, 0.2), [0.2, 0.1, 0.0, 0.0, 0.0])
    assert change[:2].all()
    assert not change[2:].any()


@pytest.mark.parametrize(
    ("state", "complaint"),
    [
        ([0.0, 0.0, 1.0, 0.0], "five moments"),
        (0.0, "five moments"),
        ([0.0, 0.0, -1.0, 0.0, 0.0], "R in state must be a finite number, 0 or above, got -1.0"),
        ([0.0, 0.0, 1.0, -2.0, 0.0], "V in state must be a finite number, 0 or above, got -2.0"),
        ([0.0, np.nan, 1.0, 0.0, 0.0], "state must be a finite number, got nan"),
    ],
)
@pytest.mark.parametrize("function", [drift, jacobian])
def test_states_that_no_vectors_have_are_refused(function, state, complaint):
    with pytest.raises(ValueError, match=complaint):
        function(*GOLDEN, state)
