"""The reduced engine against exact moments: all clocks, corners, a thousand random cells, long runs, huge numbers."""

import math
import os
import subprocess
import sys

import numpy as np
import pytest
from paths import engine_paths, random_cell, random_start
from scipy import stats

from sparsesim import HeavyBall, LeastSquares, compare, simulate
from sparsesim.simulation.driver import run_cells
from sparsesim.simulation.plan import Cell, Plan
from sparsesim.theory import least_squares, stability

ALPHA = 1e-5


def scores_and_errors(work: list[Cell], clock: str, trajectories: int = 8192) -> tuple[np.ndarray, np.ndarray]:
    """At each cell's only recording: z (cell, moment), NaN where too little is random; and the relative errors."""
    results = run_cells(work, Plan(clock, seed=5, trajectories=trajectories))
    scores, errors = np.full((len(work), 3), np.nan), np.zeros((len(work), 3))
    for i, (cell, result) in enumerate(zip(work, results, strict=True)):
        start = dict(zip("RVC", cell.start, strict=True))
        exact = least_squares.moments(cell.problem, cell.optimizer, cell.times, clock, start)[-1]
        scale = np.array([exact[0], exact[1], math.sqrt(exact[0] * exact[1])])
        mean, error = result["mean"][-1], result["std_error"][-1]
        # What few trajectories carry is no normal mean, and what float32 rounds has no sampling noise.
        enough = (error > 1e-6 * scale) & (result["effective_sample_size"][-1] > 0.3 * trajectories)
        scores[i, enough] = (mean - exact)[enough] / error[enough]
        errors[i] = np.abs(mean - exact) / scale
        errors[i, error > 1e-6 * scale] = 0.0
    return scores, errors


def assert_standard_normal(scores: np.ndarray) -> None:
    """The largest score, and the law of the scores of each moment."""
    known = scores[np.isfinite(scores)]
    assert np.abs(known).max() < stats.norm.isf(ALPHA / 2 / known.size)
    for column in scores.T:
        assert stats.kstest(column[np.isfinite(column)], "norm").pvalue > ALPHA


# A compilation each; those that are slow have both their clock and their noise in others.
@pytest.mark.parametrize(
    ("clock", "label_noise"),
    [
        ("minibatch", False),
        ("active", True),
        ("poisson", True),
        pytest.param("minibatch", True, marks=pytest.mark.slow),
        pytest.param("active", False, marks=pytest.mark.slow),  # `test_means_at_a_thousand_random_cells` is of it
        pytest.param("poisson", False, marks=pytest.mark.slow),
    ],
)
def test_one_step_means_follow_the_maps(clock: str, label_noise: bool) -> None:
    rng = np.random.default_rng([len(clock), label_noise])
    work = []
    for d in (1, 2, 3, 4, 10, 1000) * 50:
        problem, optimizer = random_cell(rng, d, (1, 2, 8, 31), label_noise=label_noise)
        work.append(Cell(problem, optimizer, np.array([1]), random_start(rng, d)))
    scores, errors = scores_and_errors(work, clock)
    assert np.isfinite(scores).mean() > 0.7
    assert_standard_normal(scores)
    assert errors.max() < 1e-5


def random_cells(rng: np.random.Generator) -> list[Cell]:
    """A thousand cells over all magnitudes, stable with H < 0.5; five share p and B, whose tables take time."""
    work = []
    for _ in range(200):
        p, B = float(10.0 ** rng.uniform(-9, 0)), round(10.0 ** rng.uniform(0, 6))
        for _ in range(5):
            d, eps = round(10.0 ** rng.uniform(0, 12)), float(10.0 ** rng.uniform(-9, 0))
            problem = LeastSquares(d, p, B)
            optimizer = HeavyBall(rng.uniform(0.05, 0.45) * stability.critical_learning_rate(problem, eps), eps)
            assert stability.feedbacks(problem, optimizer).total < 0.5
            work.append(Cell(problem, optimizer, np.array([100]), (1.0, 0.0, 0.0)))
    return work


def test_means_at_a_thousand_random_cells() -> None:
    scores, errors = scores_and_errors(random_cells(np.random.default_rng(8)), "active", 2048)
    assert np.isfinite(scores).sum(axis=0).min() > 250
    assert_standard_normal(scores)
    assert errors.max() < 1e-5


@pytest.mark.parametrize(
    "start", [(1.0, 0.0, 0.0), (2.0, 3.0, -1.5), (0.0, 2.0, 0.0), (4.0, 1.0, 2.0), (0.0, 0.0, 0.0)]
)
def test_start_has_the_asked_moments(start: tuple[float, float, float]) -> None:
    named = dict(zip("RVC", start, strict=True))
    data = simulate(LeastSquares(6, 0.5, 2), HeavyBall(3.0, 0.5), times=[0], trajectories=2, seed=0, start=named)
    np.testing.assert_allclose(data["mean"][0], start, rtol=1e-6, atol=1e-6)


def test_at_the_minimum_nothing_moves_without_label_noise() -> None:
    problem, optimizer = LeastSquares(5, 0.5, 2), HeavyBall(0.1, 0.5)
    data = simulate(problem, optimizer, times=[10], trajectories=8, seed=0, start={"R": 0.0})
    assert (data["mean"] == 0.0).all()


def test_on_a_line_error_and_momentum_are_parallel() -> None:
    paths = engine_paths(
        LeastSquares(1, 0.5, 2), HeavyBall(0.9, 0.3), [40], trajectories=50, engine="reduced", start=(1.0, 1.0, -1.0)
    )
    R, V, C = paths[:, 0].T
    np.testing.assert_allclose(C**2, R * V, rtol=1e-5)


def test_idle_minibatches_follow_the_closed_form_at_any_distance() -> None:
    """With p so small that no minibatch is active, m decays by mu a minibatch and drags e along."""
    eta, eps, times = 0.5, 1e-6, np.array([1, 10, 12345, 10**6, 5 * 10**6, 2**53])
    problem, start = LeastSquares(3, 1e-24, 1), (1.0, 2.0, 0.25)
    data = simulate(
        problem, HeavyBall(eta, eps), times=times, trajectories=2, seed=0, start=dict(zip("RVC", start, strict=True))
    )
    decay = np.exp(times * np.log1p(-eps))
    moved = eta * (1.0 - eps) / eps * -np.expm1(times * np.log1p(-eps))
    R, V, C = start
    exact = np.stack([R - 2.0 * moved * C + moved**2 * V, decay**2 * V, decay * (C - moved * V)], axis=-1)
    np.testing.assert_allclose(data["mean"], exact, rtol=2e-5, atol=1e-300)


def test_recording_changes_no_trajectory() -> None:
    problem, optimizer = LeastSquares(9, 0.03, 2, label_noise=0.1), HeavyBall(0.6, 0.02)
    for clock, rtol in (("minibatch", 1e-4), ("active", 1e-4), ("poisson", 1e-4)):
        often = simulate(problem, optimizer, times=range(5, 101, 5), trajectories=64, seed=2, clock=clock)
        once = simulate(problem, optimizer, times=np.linspace(1, 100, 20).round(), trajectories=64, seed=2, clock=clock)
        np.testing.assert_allclose(often["mean"][-1], once["mean"][-1], rtol=rtol)


def test_clocks_count_beyond_32_bits() -> None:
    problem, optimizer = LeastSquares(100, 1e-10, 1), HeavyBall(1e-3, 0.01)
    data = compare(simulate(problem, optimizer, times=[10**11, 10**12], trajectories=8192, seed=0))
    assert data.attrs["verdict"] == "agrees"
    assert data.trusted.sel(moment="R").all()


@pytest.mark.parametrize(("eta", "updates", "magnitude"), [(0.5, 498, -299.8), (0.9, 140, -280.0), (3.0, 50, 30.1)])
def test_moments_leave_the_range_of_float32(eta: float, updates: int, magnitude: float) -> None:
    """Batches so large that e shrinks or grows by 1 - eta nearly the same in every trajectory."""
    problem, optimizer = LeastSquares(10, 1.0, 10**6), HeavyBall(eta, 1.0)
    data = compare(simulate(problem, optimizer, times=[0, updates], trajectories=4096, seed=0, clock="active"))
    assert math.log10(data["mean"][1].sel(moment="R")) == pytest.approx(magnitude, abs=0.2)
    assert abs(data.z[1].sel(moment="R")) < stats.norm.isf(ALPHA / 2)


@pytest.mark.parametrize(
    ("problem", "optimizer", "start", "times"),
    [
        # An update that takes nearly all of e: what is left is no difference of large numbers.
        (LeastSquares(10, 1.0, 10**9), HeavyBall(1.0, 1.0), (1.0, 0.0, 0.0), [1, 2, 3]),
        # Momentum far above its natural size, forgotten at once.
        (LeastSquares(10, 1e-3, 1000), HeavyBall(0.1, 1.0), (1.0, 1e16, 0.0), [2, 5]),
        # Numbers whose squares are below float32.
        (LeastSquares(5, 0.3, 2, label_noise=0.5), HeavyBall(1e-15, 1e-6), (0.0, 0.0, 0.0), [1, 10, 100]),
        (LeastSquares(3, 1e-12, 10**12), HeavyBall(1e11, 1e-5), (1.0, 0.0, 0.0), [1, 1000]),
    ],
)
def test_extreme_updates(
    problem: LeastSquares, optimizer: HeavyBall, start: tuple[float, float, float], times: list[int]
) -> None:
    work = [Cell(problem, optimizer, np.array(times), start)]
    (result,) = run_cells(work, Plan("active", seed=0, trajectories=8192))
    exact = least_squares.moments(problem, optimizer, times, "active", dict(zip("RVC", start, strict=True)))
    trusted = result["effective_sample_size"] > 0.2 * 8192
    assert trusted.sum() >= len(times)
    z = ((result["mean"] - exact) / result["std_error"])[trusted]
    assert np.abs(z).max() < stats.norm.isf(ALPHA / 2 / z.size)


@pytest.mark.parametrize("R", [1e-60, 1e-300])
def test_an_error_far_below_the_label_noise_is_recorded(R: float) -> None:
    problem = LeastSquares(5, 0.3, 2, label_noise=0.5)
    data = simulate(problem, HeavyBall(0.1, 0.5), times=[0, 5], trajectories=64, seed=0, start={"R": R})
    assert float(data["mean"][0].sel(moment="R")) == pytest.approx(R, rel=1e-5)
    assert (data["std_error"][0] < 1e-5 * R).all()


@pytest.mark.slow
def test_double_precision_elsewhere_changes_nothing() -> None:
    """A user's JAX may compute in 64 bits; random words stay words."""
    code = (
        "from sparsesim import *\n"
        "for engine in ('reduced', 'vector'):\n"
        "    data = simulate(LeastSquares(4, 0.3, 3, 0.2), HeavyBall(0.2, 0.3), times=[1, 9], trajectories=4000,"
        " seed=0, engine=engine)\n"
        "    print(compare(data).attrs['verdict'])\n"
    )
    environment = {**os.environ, "JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.split() == ["agrees", "agrees"], done.stderr


@pytest.mark.parametrize("clock", ["active", "minibatch"])
def test_growth_beyond_float64_is_infinite(clock: str) -> None:
    problem, optimizer = LeastSquares(10, 1.0, 10**6), HeavyBall(1e12, 1.0)
    data = simulate(problem, optimizer, times=[10, 50], trajectories=8, seed=0, clock=clock)
    assert np.isfinite(data["mean"][0]).all()
    assert np.isinf(data["mean"][1].sel(moment="R"))


def test_updates_below_float32_resolution_add_up() -> None:
    """1 - 1e-8 is 1 in float32: without what rounding took off, nothing would ever move."""
    problem, updates = LeastSquares(10, 1.0, 10**6), 20_000
    moving = simulate(problem, HeavyBall(1e-8, 1.0), times=[updates], trajectories=2, seed=0, clock="active")
    assert 1.0 - float(moving["mean"][0].sel(moment="R")) == pytest.approx(-math.expm1(-2e-8 * updates), rel=1e-4)
    hardly = simulate(problem, HeavyBall(1e-12, 1.0), times=[10], trajectories=2, seed=0, clock="active")
    assert 1.0 - float(hardly["mean"][0].sel(moment="R")) == pytest.approx(2e-11, rel=0.01)
    decaying = simulate(
        problem, HeavyBall(1e-8, 1e-8), times=[updates], trajectories=2, seed=0, clock="active", start={"V": 1e4}
    )
    assert 1.0 - float(decaying["mean"][0].sel(moment="V")) / 1e4 == pytest.approx(2e-8 * updates, rel=1e-2)


@pytest.mark.slow
def test_a_long_run_settles_where_theory_says() -> None:
    """Three million updates at eps = 1e-6, each a million times smaller than the moments that they balance."""
    problem = LeastSquares(10**12, 1.0, 10**6, label_noise=1.0)
    optimizer = HeavyBall(1e-9, 1e-6)
    data = compare(simulate(problem, optimizer, times=[3_000_000], trajectories=512, seed=0, clock="active"))
    np.testing.assert_allclose(data["mean"], data.exact, rtol=1e-3)


def test_same_seed_same_bits() -> None:
    arguments = {"times": [1, 5], "trajectories": 700, "clock": "poisson"}
    problem, optimizer = LeastSquares(7, 0.2, 3), HeavyBall(0.2, 0.5)
    first = simulate(problem, optimizer, seed=1, **arguments)
    assert simulate(problem, optimizer, seed=1, **arguments).identical(first)
    assert not simulate(problem, optimizer, seed=2, **arguments).equals(first)
