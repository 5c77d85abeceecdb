"""The recursion against its single steps, in all regimes; long runs; what is taken where no polynomial follows."""

import numpy as np
import pytest

from sparsesim import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic import collocation
from sparsesim.theory.logistic.drift import Cells
from sparsesim.theory.logistic.fixed_point import fixed_point
from sparsesim.theory.logistic.recursion import Solution, recursion, recursions, stepped
from sparsesim.theory.logistic.stability import curvature_ceiling, decay_rate

GOLDEN = (RareClassLogistic(d=100, p=0.1, B=16, r=1.0), HeavyBall(eta=0.4, eps=0.05))


def random_case(rng):
    """All regimes: eta about the claimed ceiling, about B/d, or about the curvature ceiling; eps from 1 to 1e-6."""
    problem = RareClassLogistic(
        d=int(10 ** rng.uniform(0.5, 8)),
        p=10 ** rng.uniform(-5, -0.31),
        B=int(10 ** rng.uniform(0, 6)),
        r=rng.uniform(0.3, 2.0),
    )
    eps = float(rng.choice([1.0, 0.9, 0.5, 0.1, 10 ** rng.uniform(-6, 0), 10 ** rng.uniform(-3, 0)]))
    ceiling = curvature_ceiling(problem, eps)
    eta = rng.choice(
        [10 ** rng.uniform(-1.5, 1.5) * eps / problem.p, 10 ** rng.uniform(-2, 1.5) * problem.B / problem.d,
         rng.uniform(0.3, 1.0) * ceiling, 10 ** rng.uniform(-2, 2)]
    )  # fmt: skip
    eta = min(eta, 24.0 * problem.B / problem.d, 1.05 * ceiling)
    R, V = 10 ** rng.uniform(-2, 0.7), (problem.p * 10 ** rng.uniform(-2, 1)) ** 2 * rng.integers(2)
    start = {
        "theta_par": rng.uniform(-0.5, 2.0),
        "m_par": problem.p * rng.normal(),
        "R": R,
        "V": V,
        "C": rng.uniform(-1, 1) * np.sqrt(R * V),
    }
    return problem, HeavyBall(eta, eps), start


def scales(path, problems):
    """What errors are relative to, (step, cell, 5): the largest value so far, and natural ones where it is 0."""
    size = np.maximum.accumulate(np.abs(path), axis=0)
    size[..., 0] += [problem.r for problem in problems]
    size[..., 1] = np.maximum(size[..., 1], [problem.p * problem.r for problem in problems])
    size[..., 4] = np.maximum(size[..., 4], np.sqrt(size[..., 2] * size[..., 3]))
    return np.maximum(size, 1e-300)


def errors(cases, steps):
    """Relative errors of `recursions`, and those of single steps from a start off by 1e-14, (step, cell, 5) each."""
    problems, optimizers, starts = zip(*cases, strict=True)
    states = np.array([problem.start_moments(start) for problem, start in zip(problems, starts, strict=True)])
    cells = Cells.of(problems, optimizers)
    path = stepped(cells, states, steps)
    nearby = stepped(cells, states * (1.0 + 1e-14), steps)
    size = scales(path, problems)
    found = recursions(problems, optimizers, [np.arange(steps + 1)] * len(cases), starts).swapaxes(0, 1)
    return np.abs(found - path) / size, np.abs(nearby - path) / size


class Count:
    """Counts calls of a function and the cells and steps that its accepted attempts cover."""

    def __init__(self, function):
        self.function, self.calls, self.covered = function, 0, 0.0

    def __call__(self, cells, states, n):
        found = self.function(cells, states, n)
        self.calls += len(n)
        self.covered += n[found.accepted].sum()
        return found


@pytest.fixture
def attempts(monkeypatch):
    count = Count(collocation.attempt)
    monkeypatch.setattr(collocation, "attempt", count)
    return count


def assert_equal_to_single_steps(seed, number, steps, attempts):
    rng = np.random.default_rng(seed)
    cases = [random_case(rng) for _ in range(number)]
    found, nearby = errors(cases, steps)
    worst = found.max(axis=(0, 2))
    # Beyond the curvature ceiling some cells are chaotic: there single steps themselves lose their digits.
    bound = 1e-11 + 1e2 * nearby.max(axis=(0, 2))
    assert not [(cases[i], found[:, i].max(axis=0), bound[i]) for i in np.flatnonzero(worst > bound)]
    assert np.quantile(bound, 0.8) < 2e-11  # so most of them say something
    assert attempts.covered > 0.5 * number * steps  # and most were no single steps
    assert attempts.covered < number * steps


def test_it_is_equal_to_single_steps(attempts):
    assert_equal_to_single_steps(1, 60, 800, attempts)


@pytest.mark.slow
def test_it_is_equal_to_single_steps_for_long(attempts):
    assert_equal_to_single_steps(2, 200, 5000, attempts)


def test_golden_number_7():
    found = recursion(*GOLDEN, [1, 100])
    golden = [
        [0.00182077515442, -0.00455193788604, 0.997260578262, 0.00151846573592, 0.00312058402531],
        [0.973258558412, 0.00804038450431, 1.34881771948, 0.0155086380124, -0.00362973164114],
    ]
    np.testing.assert_allclose(found, golden, rtol=1e-11)


@pytest.mark.parametrize("steps", [10**7, 10**12, 2**62])
def test_long_runs_take_few_polynomials(steps, attempts):
    found = recursion(*GOLDEN, [steps])
    np.testing.assert_allclose(found[0], fixed_point(*GOLDEN), rtol=1e-12, atol=1e-15)
    assert attempts.calls < 60


@pytest.mark.parametrize(
    ("eta", "eps"), [(1e-6, 1.0), (1e-6, 1e-3), (1e-2, 1e-6), pytest.param(0.03, 1e-6, marks=pytest.mark.slow)]
)
def test_long_runs_that_are_not_over_are_the_same_in_two_halves(eta, eps, attempts):
    """Slow decay below resonance and slow oscillation above it, over 1e7 steps, broken at a time of no significance."""
    problem, optimizer = RareClassLogistic(d=1000, p=0.01, B=50, r=1.0), HeavyBall(eta, eps)
    whole = recursion(problem, optimizer, [1_234_567, 10**7])
    assert attempts.calls < 300
    start = dict(zip(problem.moments, whole[0].tolist(), strict=True))
    np.testing.assert_allclose(recursion(problem, optimizer, [10**7 - 1_234_567], start)[0], whole[1], rtol=1e-9)
    decayed = np.abs(whole[1, 0] - fixed_point(problem, optimizer)[0])
    assert decayed > 1e-6 or decay_rate(problem, optimizer) > 1e-7


@pytest.mark.slow
def test_a_slow_run_is_equal_to_a_hundred_thousand_single_steps():
    problem = RareClassLogistic(d=1000, p=0.01, B=50, r=1.0)
    optimizers = [HeavyBall(3.0, 1e-4), HeavyBall(1e-3, 1e-2), HeavyBall(1e-2, 1.0), HeavyBall(0.05, 1e-5)]
    problems, times = [problem] * 4, np.arange(0, 100_001, 1000)
    path = stepped(Cells.of(problems, optimizers), np.array([problem.start_moments(None)] * 4), 100_000)
    found = recursions(problems, optimizers, [times] * 4).swapaxes(0, 1)
    assert (np.abs(found - path[times]) / scales(path, problems)[times]).max() < 1e-10


def test_an_unstable_fixed_point_is_left():
    """Beyond the curvature ceiling an error that alternates grows; no polynomial follows it, and none may hide it."""
    problem = RareClassLogistic(d=1, p=0.1, B=10, r=1.0)
    optimizer = HeavyBall(1.05 * curvature_ceiling(problem, 0.5), 0.5)
    assert decay_rate(problem, optimizer) < 0.0
    start = {"theta_par": 1.0 + 1e-13, "R": 0.0}
    states = recursion(problem, optimizer, [2000, 2001], start)
    assert np.abs(states[:, 0] - 1.0).min() > 0.05
    path = stepped(Cells.of([problem], [optimizer]), np.array([problem.start_moments(start)]), 2001)
    np.testing.assert_allclose(states, path[2000:, 0], rtol=1e-9)


def test_past_the_fold_it_ends_on_the_saturated_branch_and_before_on_the_other():
    """F3: eta d/(2B) = 15 and 25 at p = 1e-3, d = 1e4, B = 100."""
    problem = RareClassLogistic(d=10**4, p=1e-3, B=100, r=1.0)
    optimizers = [HeavyBall(0.3, 0.1), HeavyBall(0.5, 0.1), HeavyBall(0.5, 1e-3)]
    ends = recursions([problem] * 3, optimizers, [[10**9]] * 3)[:, 0]
    np.testing.assert_allclose(ends[:, 2], [4.90, 573.0, 573.0], rtol=2e-3)


@pytest.mark.parametrize(
    ("factor", "R"), [(1, 0.00886), (10, 0.08775), pytest.param(56, 0.47014, marks=pytest.mark.slow)]
)
def test_far_above_the_claimed_ceiling_it_settles(factor, R):
    """F2: 10 and 56 times eps/p at d = 1000, B = 178, delta = 4/3."""
    problem, eps = RareClassLogistic(d=1000, p=1000**-0.5, B=178, r=1.0), 1000 ** (-4.0 / 3.0)
    end = recursion(problem, HeavyBall(factor * eps / problem.p, eps), [10**7])[0]
    assert end[2] == pytest.approx(R, abs=6e-6)


def test_cells_together_are_as_cells_alone():
    rng = np.random.default_rng(5)
    problems, optimizers, starts = zip(*[random_case(rng) for _ in range(5)], strict=True)
    times = [[0, 1, 5 + i, 300 + 70 * i, 1000 * (i + 1)] for i in range(5)]
    together = recursions(problems, optimizers, times, starts)
    for i in range(5):
        alone = recursion(problems[i], optimizers[i], times[i], starts[i])
        np.testing.assert_allclose(together[i], alone, rtol=1e-9, atol=1e-13)
        np.testing.assert_array_equal(alone[0], problems[i].start_moments(starts[i]))


def test_times_are_the_callers():
    few = recursion(*GOLDEN, [0, 7, 500, 12345])
    many = recursion(*GOLDEN, np.arange(12346))
    np.testing.assert_allclose(few, many[[0, 7, 500, 12345]], rtol=1e-11, atol=1e-14)
    np.testing.assert_array_equal(few[0], GOLDEN[0].start_moments(None))
    np.testing.assert_array_equal(recursion(*GOLDEN, [0]), few[:1])


def test_one_dimension():
    problem, optimizer = RareClassLogistic(d=1, p=0.1, B=4, r=1.3), HeavyBall(0.3, 0.2)
    states = recursion(problem, optimizer, [10, 10**6], {"R": 0.0})
    assert not states[:, 2:].any()
    assert 0.0 < states[0, 0] < 0.5
    assert states[1, 0] == pytest.approx(1.3, rel=1e-13)
    with pytest.raises(ValueError, match="d = 1"):
        recursion(problem, optimizer, [10])


def test_a_solution_is_the_recursion_at_whole_times_and_smooth_between():
    solution = Solution(*GOLDEN, horizon=5000)
    whole = np.arange(5001)
    np.testing.assert_allclose(solution(whole), recursion(*GOLDEN, whole), rtol=1e-11, atol=1e-14)
    assert solution.breaks[0] == 0
    assert solution.breaks[-1] == 5000
    assert (np.diff(solution.breaks) > 0).all()
    inside = np.arange(200, 400) + 0.5
    between = solution(inside)
    neighbours = [solution(inside + offset) for offset in (-1.5, -0.5, 0.5, 1.5)]
    cubic = (9.0 * (neighbours[1] + neighbours[2]) - neighbours[0] - neighbours[3]) / 16.0
    np.testing.assert_allclose(between, cubic, rtol=1e-5, atol=1e-7)
    breaks = solution.breaks[1:-1]
    np.testing.assert_allclose(solution(breaks - 1e-9), solution(breaks), rtol=1e-9, atol=1e-11)


def test_a_solution_joins_single_steps_by_lines():
    problem = RareClassLogistic(d=100, p=0.1, B=16, r=1.0)
    optimizer = HeavyBall(0.9 * curvature_ceiling(problem, 0.9), 0.9)  # alternates, so single steps it is
    solution = Solution(problem, optimizer, 20)
    ends = solution([3, 4])
    np.testing.assert_allclose(solution([3.25])[0], 0.75 * ends[0] + 0.25 * ends[1], rtol=1e-13)


@pytest.mark.parametrize("times", [[-1.0], [21.0], [np.nan]])
def test_a_solution_ends_at_its_horizon(times):
    with pytest.raises(ValueError, match="times must be between 0 and 20"):
        Solution(*GOLDEN, 20)(times)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (([GOLDEN[0]], [GOLDEN[1]] * 2, [[1]]), "as many as each other, got 1, 2, 1 and 1"),
        (([GOLDEN[0]] * 2, [GOLDEN[1]] * 2, [[1, 2], [3]]), "as many in each row"),
        (([GOLDEN[0]], [GOLDEN[1]], [[2, 1]]), "strictly increasing"),
        (([GOLDEN[0]], [GOLDEN[1]], [[0.5]]), "whole numbers"),
        (([GOLDEN[0]], [GOLDEN[1]], [[1]], [{"V": -1.0}]), "V"),
    ],
)
def test_bad_arguments_are_refused(arguments, complaint):
    with pytest.raises(ValueError, match=complaint):
        recursions(*arguments)
