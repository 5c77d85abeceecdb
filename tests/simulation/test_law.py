"""The law of the vector engine: one-step means on every clock, whole distributions, and tests that must fail.

Every test fixes its seed. Thresholds: a family of n z-scores is held to the Bonferroni bound at 1e-5, a
Kolmogorov-Smirnov test to p > 1e-5: over the some 100 tests here a correct program is called wrong with probability
below 1e-3, and not again once it has passed, as nothing is random between runs.
"""

import dataclasses

import numpy as np
import optax
import pytest
from paths import engine_paths, loop_paths, random_cell, random_start
from scipy import stats

from sparsesim import HeavyBall, LeastSquares, compare, simulate
from sparsesim.simulation.driver import run_cells
from sparsesim.simulation.plan import Cell, Plan
from sparsesim.theory import least_squares

ALPHA = 1e-5
TRAJECTORIES = 4096


def one_step_scores(
    d: int, clock: str, oracle: str, *, label_noise: bool, batches: tuple[int, ...], cells: int = 40
) -> np.ndarray:
    """Z of the simulated means after one tick from random states, (cell, moment); NaN where nothing is random."""
    rng = np.random.default_rng([d, len(clock), len(oracle), label_noise])
    work = []
    for _ in range(cells):
        problem, optimizer = random_cell(rng, d, batches, label_noise=label_noise)
        work.append(Cell(problem, optimizer, np.array([1]), random_start(rng, d)))
    results = run_cells(work, Plan(clock, 5, TRAJECTORIES, "vector", oracle))
    scores = np.full((cells, 3), np.nan)
    for i, (cell, result) in enumerate(zip(work, results, strict=True)):
        start = dict(zip("RVC", cell.start, strict=True))
        exact = least_squares.moments(cell.problem, cell.optimizer, [1], clock, start)[0]
        enough = result["std_error"][0] > 1e-5 * np.abs(exact) + 1e-7 * np.sqrt(exact[0] * exact[1])
        scores[i, enough] = ((result["mean"][0] - exact) / result["std_error"][0])[enough]
    return scores


ANY = (1, 2, 8, 31)


# A compilation each, and with the literal oracle one for each B: every clock, oracle and kind of noise, and every small
# d, but not their product; the reduced engine is tested on all of them.
@pytest.mark.parametrize(
    ("clock", "oracle", "label_noise", "dimensions", "batches"),
    [
        ("minibatch", "sampled", False, (1,), ANY),
        ("minibatch", "sampled", True, (3,), ANY),
        pytest.param("active", "sampled", False, (2, 3), ANY, marks=pytest.mark.slow),
        pytest.param("active", "sampled", True, (1,), ANY, marks=pytest.mark.slow),
        pytest.param("poisson", "sampled", False, (3,), ANY, marks=pytest.mark.slow),
        pytest.param("poisson", "sampled", True, (2,), ANY, marks=pytest.mark.slow),
        ("minibatch", "literal", False, (2,), (4,)),
        pytest.param("minibatch", "literal", False, (2,), (1, 4), marks=pytest.mark.slow),
        pytest.param("minibatch", "literal", True, (3,), (1, 4), marks=pytest.mark.slow),
        ("active", "literal", False, (1,), (1,)),
        pytest.param("active", "literal", False, (1,), (1, 4), marks=pytest.mark.slow),
        pytest.param("active", "literal", True, (3,), (1, 4), marks=pytest.mark.slow),
        pytest.param("poisson", "literal", False, (2,), (1, 4), marks=pytest.mark.slow),
    ],
)
def test_one_step_means_follow_the_maps(
    clock: str, oracle: str, label_noise: bool, dimensions: tuple[int, ...], batches: tuple[int, ...]
) -> None:
    scores = np.concatenate(
        [one_step_scores(d, clock, oracle, label_noise=label_noise, batches=batches) for d in dimensions]
    )
    known = scores[np.isfinite(scores)]
    assert known.size > 0.8 * scores.size
    assert np.abs(known).max() < stats.norm.isf(ALPHA / 2 / known.size)
    for moment in range(3):
        column = scores[:, moment]
        assert stats.kstest(column[np.isfinite(column)], "norm").pvalue > ALPHA


@pytest.mark.parametrize("oracle", ["sampled", "literal"])
@pytest.mark.parametrize(
    ("problem", "optimizer", "clock"),
    [
        (LeastSquares(3, 0.3, 2), HeavyBall(0.4, 0.3), "minibatch"),
        (LeastSquares(2, 0.2, 3, label_noise=0.5), HeavyBall(0.5, 0.5), "active"),
        (LeastSquares(1, 0.5, 1), HeavyBall(0.3, 1.0), "minibatch"),
    ],
)
def test_distribution_equals_a_plain_loop(problem: LeastSquares, optimizer: HeavyBall, clock: str, oracle: str) -> None:
    ticks = [1, 3, 10]
    ours = engine_paths(problem, optimizer, ticks, trajectories=4000, clock=clock, oracle=oracle)
    loop = loop_paths(problem, optimizer, ticks, trajectories=4000, clock=clock)
    for i in range(len(ticks)):
        for moment in range(3):
            # Rounding would split the atoms of idle minibatches.
            a, b = (np.round(paths[:, i, moment], 6) for paths in (ours, loop))
            assert stats.ks_2samp(a, b).pvalue > ALPHA


@pytest.mark.parametrize("start", [(0.0, 0.0, 0.0), (0.0, 0.5, 0.0)])
def test_at_the_minimum_label_noise_alone_drives(start: tuple[float, float, float]) -> None:
    problem, optimizer = LeastSquares(3, 0.4, 3, label_noise=0.7), HeavyBall(0.3, 0.5)
    (result,) = run_cells(
        [Cell(problem, optimizer, np.array([1, 6]), start)], Plan("minibatch", 1, 20_000, "vector", "sampled")
    )
    named = dict(zip("RVC", start, strict=True))
    exact = least_squares.moments(problem, optimizer, [1, 6], "minibatch", named)
    z = (result["mean"] - exact) / result["std_error"]
    assert np.abs(z).max() < stats.norm.isf(ALPHA / 2 / z.size)


@pytest.mark.slow
def test_oracles_agree_in_distribution_at_higher_dimension() -> None:
    problem, optimizer = LeastSquares(40, 0.1, 12, label_noise=0.3), HeavyBall(0.2, 0.1)
    sampled = engine_paths(problem, optimizer, [5, 60], trajectories=4000)
    literal = engine_paths(problem, optimizer, [5, 60], trajectories=4000, oracle="literal", seed=1)
    for i in range(2):
        for moment in range(3):
            assert stats.ks_2samp(sampled[:, i, moment], literal[:, i, moment]).pvalue > ALPHA


POWER_PROBLEM, POWER_OPTIMIZER = LeastSquares(20, 0.2, 10), HeavyBall(0.4, 0.2)
POWER_TIMES = [0, 2, 5, 10, 20, 40]


def verdict_of(optimizer: HeavyBall | optax.GradientTransformation, trajectories: int) -> str:
    """The verdict on a simulation with `optimizer` when it is passed off as POWER_OPTIMIZER, on R alone."""
    data = simulate(POWER_PROBLEM, optimizer, times=POWER_TIMES, trajectories=trajectories, seed=2, engine="vector")
    data = data.assign_coords(eta=POWER_OPTIMIZER.eta, eps=POWER_OPTIMIZER.eps).assign_attrs(optimizer="heavy_ball")
    compared = compare(data)
    magnitude = abs(compared.z).where(compared.trusted).sel(moment="R")
    return "disagrees" if float(magnitude.max()) > compared.attrs["z_bound"] else "agrees"


def old_momentum(eta: float, eps: float) -> optax.GradientTransformation:
    """Heavy ball with a bug: theta moves by the momentum of before this gradient."""

    def update(gradient, m, params=None):
        return -eta * m, (1 - eps) * m + eps * gradient

    return optax.GradientTransformation(lambda params: 0.0 * params, update)


@pytest.mark.slow
def test_the_right_optimizer_passes() -> None:
    assert verdict_of(POWER_OPTIMIZER, 80_000) == "agrees"
    eta, eps = POWER_OPTIMIZER.eta, POWER_OPTIMIZER.eps
    chain = optax.chain(optax.ema(1 - eps, debias=False), optax.scale(-eta))
    assert verdict_of(chain, 80_000) == "agrees"


def test_the_momentum_of_an_optax_transformation_is_minus_its_update() -> None:
    """`optax.sgd` is heavy ball; its V and C are those of eta m."""
    eta, eps = POWER_OPTIMIZER.eta, POWER_OPTIMIZER.eps
    transformation = optax.sgd(eta * eps, momentum=1 - eps)
    theirs = simulate(POWER_PROBLEM, transformation, times=[5], trajectories=4000, seed=2, engine="vector")
    exact = least_squares.moments(POWER_PROBLEM, POWER_OPTIMIZER, [5], "minibatch")[0] * [1.0, eta**2, eta]
    z = (theirs["mean"].values[0] - exact) / theirs["std_error"].values[0]
    assert np.abs(z).max() < stats.norm.isf(ALPHA / 2 / 3)


@pytest.mark.slow
def test_power_two_percent_in_eta_is_caught() -> None:
    assert verdict_of(dataclasses.replace(POWER_OPTIMIZER, eta=1.02 * POWER_OPTIMIZER.eta), 80_000) == "disagrees"


@pytest.mark.slow
def test_power_two_percent_in_eps_is_caught() -> None:
    assert verdict_of(dataclasses.replace(POWER_OPTIMIZER, eps=1.02 * POWER_OPTIMIZER.eps), 80_000) == "disagrees"


@pytest.mark.slow
def test_power_old_momentum_is_caught() -> None:
    assert verdict_of(old_momentum(POWER_OPTIMIZER.eta, POWER_OPTIMIZER.eps), 2000) == "disagrees"


@pytest.mark.slow
def test_power_a_missing_eps_is_caught() -> None:
    missing = optax.sgd(POWER_OPTIMIZER.eta / 10, momentum=POWER_OPTIMIZER.mu)
    assert verdict_of(missing, 2000) == "disagrees"


@pytest.mark.slow
def test_power_a_wrong_batch_is_caught() -> None:
    """The law tests above would see the noise of 9 samples where there are 10."""
    wrong = engine_paths(LeastSquares(20, 0.2, 9), POWER_OPTIMIZER, [10], trajectories=20_000)
    right = engine_paths(POWER_PROBLEM, POWER_OPTIMIZER, [10], trajectories=20_000)
    assert stats.ks_2samp(wrong[:, 0, 1], right[:, 0, 1]).pvalue < ALPHA
