"""Spread of trajectories around the recursion, against the chain of docs/logistic.md, section 7, and its own limits."""

import sys

import numpy as np
import pytest
from logistic_chain import simulate, step
from scipy.linalg import solve_discrete_lyapunov

from sparsesim import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic.class_means import ClassMeans
from sparsesim.theory.logistic.coefficients import residual_moments, slopes_at
from sparsesim.theory.logistic.curvature import PAIRS, second_order
from sparsesim.theory.logistic.drift import Cells, changes_and_slopes, drift, jacobian
from sparsesim.theory.logistic.fixed_point import fixed_point
from sparsesim.theory.logistic.fluctuations import fluctuations, fluctuations_of, stationary
from sparsesim.theory.logistic.noise import step_covariance
from sparsesim.theory.logistic.recursion import recursion

UPPER = np.triu_indices(5)
GOLDEN = (RareClassLogistic(d=100, p=0.1, B=16, r=1.0), HeavyBall(eta=0.4, eps=0.05))


def random_case(rng, d, B, p):
    problem = RareClassLogistic(d=d, p=p, B=B, r=rng.uniform(0.5, 1.5))
    optimizer = HeavyBall(eta=10 ** rng.uniform(-1.5, 0.5), eps=10 ** rng.uniform(-1.5, 0.0))
    R, V = 10 ** rng.uniform(-1, 1), 10 ** rng.uniform(-3, 0)
    C = rng.uniform(-1, 1) * np.sqrt(R * V)
    return problem, optimizer, np.array([rng.uniform(-0.5, 1.5), rng.normal() * 0.1, R, V, C])


def step_scores(problem, optimizer, state, rng, samples=2500, batches=40):
    """z-scores of the fifteen covariances of one step, with standard errors by batches."""
    starts = np.tile(state, (samples, 1))
    measured = np.array([np.cov(step(problem, optimizer, starts, rng).T)[UPPER] for _ in range(batches)])
    error = measured.std(axis=0, ddof=1) / np.sqrt(batches)
    return (step_covariance(problem, optimizer, state)[UPPER] - measured.mean(axis=0)) / error


@pytest.mark.parametrize(
    ("d", "B", "p"),
    [
        (3, 1, 0.3),
        (3, 64, 0.05),
        (5, 2, 0.1),
        (10, 16, 0.1),
        (30, 4, 0.02),
        (100, 64, 0.01),
        (1000, 4, 0.3),
        (1000, 64, 0.05),
    ],
)
def test_covariance_of_a_step(d, B, p):
    rng = np.random.default_rng(d + B)
    assert np.abs(step_scores(*random_case(rng, d, B, p), rng)).max() < 4.0


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(24))
def test_covariance_of_a_step_at_random(seed):
    rng = np.random.default_rng(100 + seed)
    d, B, p = int(10 ** rng.uniform(0.5, 3.0)), int(2 ** rng.uniform(0.0, 6.1)), 10 ** rng.uniform(-1.5, -0.4)
    scores = step_scores(*random_case(rng, d, B, p), rng, samples=10000)
    assert np.abs(scores).max() < 4.5


@pytest.mark.parametrize(
    "state",
    [[0.0, 0.1, 0.0, 0.3, 0.0], [0.0, 0.0, 1.0, 0.2, 0.1], [1.0, 0.1, 0.0, 0.3, 0.0]],
    ids=["theta = 0", "theta_par = 0", "R = 0"],
)
def test_covariance_of_a_step_where_directions_vanish(state):
    problem, optimizer = RareClassLogistic(d=6, p=0.2, B=4, r=1.0), HeavyBall(0.5, 0.3)
    rng = np.random.default_rng(5)
    covariance = step_covariance(problem, optimizer, state)[UPPER]
    starts = np.tile(state, (2500, 1))
    measured = np.array([np.cov(step(problem, optimizer, starts, rng).T)[UPPER] for _ in range(40)])
    error = measured.std(axis=0, ddof=1) / np.sqrt(40)
    assert np.abs(covariance - measured.mean(axis=0)).max() < 1e-12 + 4.0 * error.max()
    exact = error == 0.0
    assert (np.abs((covariance - measured.mean(axis=0))[~exact] / error[~exact]) < 4.0).all()


def test_one_dimension_has_no_spread_across_the_signal():
    problem, optimizer = RareClassLogistic(d=1, p=0.1, B=4, r=1.0), HeavyBall(0.3, 0.2)
    found = fluctuations(problem, optimizer, [10, 1000], {"R": 0.0})
    assert not found.covariance[:, 2:].any()
    assert found.deviation[1, 0] > 0.05
    assert stationary(problem, optimizer).deviation[:2] == pytest.approx(found.deviation[1, :2], rel=1e-3)


def test_class_means_give_the_residual_moments():
    """Stein's identity on the class means, against the moments from a quadrature of their own."""
    p, r = np.array([0.3, 0.01, 1e-6]), np.array([1.0, 0.6, 2.0])
    th, R = np.array([0.5, -0.3, 1.2]), np.array([1.0, 3.0, 0.2])
    means, exact = ClassMeans.at(p, r, th, R), residual_moments(p, r, th, R)
    np.testing.assert_allclose(means.derivative(4, 0).sum(axis=0), exact.a4, rtol=1e-12)
    slope = means.derivative(3, 1)
    np.testing.assert_allclose(np.hypot(th, np.sqrt(R)) * (slope[0] - slope[1]), exact.a3u, rtol=1e-12)
    np.testing.assert_allclose(-means.derivative(3, 0)[1], exact.a3y, rtol=1e-12)


def test_second_derivatives_of_the_map():
    rng = np.random.default_rng(2)
    for _ in range(10):
        problem, optimizer, state = random_case(rng, int(10 ** rng.uniform(0.5, 4)), 8, 10 ** rng.uniform(-3, -0.4))
        at = [np.asarray(x) for x in (problem.p, problem.r, state[0], state[2])]
        cells = Cells.of([problem], [optimizer])[0]
        found = second_order(cells, state, slopes_at(*at), ClassMeans.at(*at))
        scale = np.abs(found).max(axis=1)
        for column, (i, j) in enumerate(PAIRS):
            moved = np.zeros(5)
            moved[i] = 1e-3 * state[2] if i == 2 else 1e-3
            ahead, back, two, minus = (jacobian(problem, optimizer, state + k * moved)[:, j] for k in (1, -1, 2, -2))
            numeric = (8.0 * (ahead - back) - (two - minus)) / (12.0 * moved[i])
            expected = 0.5 * numeric if i == j else numeric
            assert (np.abs(found[:, column] - expected) < 1e-7 * scale + 1e-12).all(), (i, j)


def plain(problem, optimizer, steps, start):
    """Covariance and bias by the two recursions as they stand, after every step."""
    cells, state = Cells.of([problem], [optimizer])[0], np.array(problem.start_moments(start))
    covariance, bias, result = np.zeros((5, 5)), np.zeros(5), []
    for _ in range(steps):
        at = [np.asarray(x) for x in (problem.p, problem.r, state[0], state[2])]
        J = np.eye(5) + changes_and_slopes(cells, state)[1]
        spread = np.array([covariance[pair] for pair in PAIRS])
        bias = J @ bias + second_order(cells, state, slopes_at(*at), ClassMeans.at(*at)) @ spread
        covariance = J @ covariance @ J.T + step_covariance(problem, optimizer, state)
        state = state + drift(problem, optimizer, state)
        result.append((covariance, bias))
    return result


@pytest.mark.parametrize(
    ("problem", "optimizer", "steps", "start"),
    [
        (*GOLDEN, 150, None),
        (RareClassLogistic(d=1000, p=0.03, B=30, r=1.0), HeavyBall(3.0, 0.01), 400, None),  # many oscillations
        (RareClassLogistic(d=50, p=0.1, B=4, r=1.3), HeavyBall(0.05, 1.0), 200, {"theta_par": 2.0, "R": 4.0}),
    ],
)
def test_intervals_give_what_single_steps_give(problem, optimizer, steps, start):
    exact = plain(problem, optimizer, steps, start)
    singly = fluctuations(problem, optimizer, np.arange(1, steps + 1), start)  # all intervals of one step
    # States come from polynomials that follow the recursion to 1e-11.
    for step_index in (0, 10, steps - 1):
        covariance, bias = exact[step_index]
        np.testing.assert_allclose(singly.covariance[step_index], covariance, rtol=1e-7, atol=1e-10 * covariance.max())
        np.testing.assert_allclose(singly.bias[step_index], bias, rtol=1e-6, atol=1e-9 * np.abs(bias).max())
    times = np.array([1, steps // 10, steps // 3, steps])
    together = fluctuations(problem, optimizer, times, start)
    np.testing.assert_allclose(together.deviation, singly.deviation[times - 1], rtol=1e-2)
    scale = np.abs(singly.bias).max(axis=0)
    assert (np.abs(together.bias - singly.bias[times - 1]) < 2e-2 * scale).all()


def test_finer_intervals_are_better(monkeypatch):
    times, answers = [40, 400], {}
    for tolerance in (0.3, 0.1, 0.02):
        monkeypatch.setattr(sys.modules[fluctuations.__module__], "TOLERANCE", tolerance)
        answers[tolerance] = fluctuations(*GOLDEN, times).covariance
    errors = [np.abs(answers[t] / answers[0.02] - 1.0).max() for t in (0.3, 0.1)]
    assert errors[1] < 0.5 * errors[0]


def test_cells_together_are_cells_alone():
    problems = [GOLDEN[0], RareClassLogistic(d=1000, p=0.01, B=64, r=0.7), RareClassLogistic(d=20, p=0.3, B=1, r=2.0)]
    optimizers = [GOLDEN[1], HeavyBall(1.0, 0.01), HeavyBall(0.02, 0.5)]
    times = [[0, 7, 300], [1, 200, 100000], [3, 4, 5]]
    together = fluctuations_of(problems, optimizers, times)
    assert together.covariance.shape == (3, 3, 5, 5)
    assert not together.covariance[0, 0].any()
    assert not together.bias[0, 0].any()
    for i in range(3):
        alone = fluctuations(problems[i], optimizers[i], times[i])
        np.testing.assert_allclose(together.deviation[i], alone.deviation, rtol=5e-3)


def test_the_stationary_covariance_solves_lyapunovs_equation():
    for problem, optimizer in (GOLDEN, (RareClassLogistic(d=1000, p=0.01, B=30, r=1.0), HeavyBall(0.5, 0.1))):
        found, state = stationary(problem, optimizer), fixed_point(problem, optimizer)
        expected = solve_discrete_lyapunov(
            jacobian(problem, optimizer, state), step_covariance(problem, optimizer, state)
        )
        np.testing.assert_allclose(found.covariance, expected, rtol=1e-7, atol=1e-12)
        late = fluctuations(problem, optimizer, [10**7])
        np.testing.assert_allclose(late.covariance[0], expected, rtol=1e-3, atol=1e-3 * np.abs(expected).min())
        np.testing.assert_allclose(late.bias[0], found.bias, rtol=1e-3, atol=1e-9)


@pytest.mark.parametrize("eps", [1.0, 0.1])
def test_small_learning_rates_have_the_spread_of_section_3(eps):
    problem, eta = RareClassLogistic(d=1000, p=0.01, B=200, r=1.0), 1e-4
    found, R = stationary(problem, HeavyBall(eta, eps)), fixed_point(problem, HeavyBall(eta, eps))[2]
    assert found.deviation[0] == pytest.approx(np.sqrt(eta / (2 * problem.B)), rel=1e-3)
    assert found.deviation[2] / R == pytest.approx(np.sqrt(2 / (problem.d - 1)), rel=1e-3)


SIZED = [0, 2, 3, 4]  # m_par is 0 where it settles


@pytest.mark.parametrize(
    ("B", "eta", "golden"),
    [(2, 0.5 * 1000**-0.9, [0.0165, 0.045, 6.0, 30.0]), (16, 0.4 * 1000**-0.6, [0.015, 0.046, 2.1, 12.0])],
)
def test_flag_10_momentum_does_not_average_itself(B, eta, golden):
    """Relative deviations of theta_par, R, V and C at d = 1000, alpha = .7, delta = .1, r = 1, to some digits."""
    problem, optimizer = RareClassLogistic(d=1000, p=1000**-0.7, B=B, r=1.0), HeavyBall(eta, 1000**-0.1)
    found, state = stationary(problem, optimizer), fixed_point(problem, optimizer)
    assert (found.deviation[SIZED] / abs(state[SIZED])) == pytest.approx(golden, rel=0.05)


def test_an_unstable_fixed_point_has_no_stationary_spread():
    with pytest.raises(ArithmeticError, match="unstable"):
        stationary(RareClassLogistic(d=10, p=10**-1.2, B=10**6, r=1.0), HeavyBall(123.0, 0.3))


def cell_of(d, p=0.02, eta=1.0):
    """Cells whose limit is the same: B grows like d^(1/2), eta like d^(-1/2), eps stays."""
    B = round(8 * np.sqrt(d / 50))
    return RareClassLogistic(d=d, p=p, B=B, r=1.0), HeavyBall(eta * 8 * B / d, 0.2)


def scores(d, trajectories, times, seed, p=0.02):
    """z-scores of the mean from the recursion, and from recursion + bias; measured over predicted deviation."""
    problem, optimizer = cell_of(d, p)
    states = simulate(problem, optimizer, trajectories, times, seed)
    predicted, centre = fluctuations(problem, optimizer, times), recursion(problem, optimizer, times)
    mean, deviation = states.mean(axis=1), states.std(axis=1)
    error = deviation / np.sqrt(trajectories)
    return (mean - centre) / error, (mean - centre - predicted.bias) / error, deviation / predicted.deviation


def test_mean_and_deviation_of_trajectories():
    """At d = 50 theta_par, m_par, R and V all miss the recursion and meet recursion + bias."""
    before, after, ratio = scores(50, 20000, [20, 80], seed=1)
    assert (np.abs(before).max(axis=0)[:4] > 5.0).all()
    assert np.abs(after).max() < 4.0
    assert np.abs(ratio - 1.0).max() < 0.1


def test_where_the_expansion_is_trusted():
    """Down to d = 5, but not at K = 14 close to the fold at 17.2, where trajectories jump to the saturated floor."""
    few = RareClassLogistic(d=5, p=0.1, B=4, r=1.0), HeavyBall(1.6, 0.3)
    assert fluctuations(*few, [80]).trusted(recursion(*few, [80])).all()
    states, predicted = simulate(*few, 20000, [80], 3)[0], fluctuations(*few, [80])
    error = states.std(axis=0) / np.sqrt(20000)
    missed = states.mean(axis=0) - recursion(*few, [80])[0]
    assert np.abs(missed / error).max() > 5.0
    assert np.abs((missed - predicted.bias[0]) / error).max() < 4.0
    assert states.std(axis=0) == pytest.approx(predicted.deviation[0], rel=0.15)
    folding = RareClassLogistic(d=100, p=0.001, B=20, r=1.0), HeavyBall(5.6, 0.3)
    assert not fluctuations(*folding, [1500]).trusted(recursion(*folding, [1500])).any()


@pytest.mark.slow
@pytest.mark.parametrize(("d", "trajectories", "seen"), [(50, 100000, 15.0), (200, 100000, 10.0), (800, 40000, 3.0)])
@pytest.mark.parametrize("p", [0.02, 0.1])
def test_mean_and_deviation_at_three_dimensions(d, trajectories, seen, p):
    before, after, ratio = scores(d, trajectories, [3, 20, 100], seed=2, p=p)
    if p == 0.02:
        assert np.abs(before).max() > seen
    assert np.abs(after).max() < 4.5
    assert np.abs(ratio - 1.0).max() < 0.01 + 4.0 / d


@pytest.mark.slow
def test_deviation_falls_like_one_over_sqrt_d():
    """Settled deviations of theta_par and R over a factor of 16 in d: the slope, and the predicted constants."""
    dimensions, measured, predicted = (50, 200, 800), [], []
    for d in dimensions:
        problem, optimizer = RareClassLogistic(d=d, p=0.1, B=d // 10, r=1.0), HeavyBall(1.0, 0.3)
        states = simulate(problem, optimizer, 4000, [150], seed=d)[0]
        predicted.append(stationary(problem, optimizer).deviation[[0, 2]])
        measured.append(states.std(axis=0)[[0, 2]])
    # Four standard errors of a deviation from 4000 trajectories are 4.5%; the next order adds a few 1/d.
    np.testing.assert_allclose(measured, predicted, rtol=0.06)
    slopes = np.polyfit(np.log(dimensions), np.log(measured), 1)[0]
    np.testing.assert_allclose(slopes, -0.5, atol=0.04)
