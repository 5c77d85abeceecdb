"""One step of every engine from random states against the exact drift: z standard normal, and errors that are caught.

The mean of many steps is not closed for logistic regression; that of one is, given the state. theta_par moves by -eta
times the new m_par, so that their scores are one score. Every test fixes its seed; see test_law.py of least squares for
the thresholds.
"""

import dataclasses
import importlib

import numpy as np
import pytest
from scipy import stats

from sparsesim import HeavyBall, RareClassLogistic
from sparsesim.simulation.driver import run_cells
from sparsesim.simulation.plan import Cell, Plan

# The module: the package has the function of its name.
theory = importlib.import_module("sparsesim.theory.logistic.drift")

ALPHA = 1e-5
TRAJECTORIES = 2048
SCORED = (1, 2, 3, 4)  # m_par, R, V, C


def random_cells(count: int, dimensions: tuple[int, ...], batches: tuple[int, ...], seed: int) -> list[Cell]:
    """Random problems, optimizers and states, with a rare sample in every fifth minibatch at least.

    Rarer ones would leave means to a few trajectories, whose z is not normal. eps = 1, R = 0, theta = 0 and m = 0 are
    among them.
    """
    rng = np.random.default_rng(seed)
    cells = []
    while len(cells) < count:
        d, B = int(rng.choice(dimensions)), int(rng.choice(batches))
        p = float(np.exp(rng.uniform(np.log(0.01), np.log(0.6))))
        if p * B < 0.2:
            continue
        r = float(rng.uniform(0.3, 2.0))
        theta, m = rng.normal(size=2) * [1.0, 0.2] * (rng.random() < 0.9)
        vectors = rng.normal(size=(2, min(3, d - 1))) * 0.6 * np.exp(rng.normal(size=(2, 1)) * 0.6)
        vectors[1] *= 0.2 * (rng.random() < 0.9)
        vectors[0] *= rng.random() < 0.9
        start = (theta, m, *(float(a @ b) for a, b in ((vectors[0], vectors[0]), (vectors[1], vectors[1]), vectors)))
        optimizer = HeavyBall(float(rng.uniform(0.02, 2.0)), float(rng.choice([1.0, 0.5, 0.1, 0.02])))
        cells.append(Cell(RareClassLogistic(d, p, B, r), optimizer, np.array([1]), start))
    return cells


def scores(cells: list[Cell], plan: Plan, simulated: list[Cell] | None = None) -> np.ndarray:
    """Z of the means after one step, (cell, moment); NaN where nothing is random.

    Args:
        cells: what theory is asked about.
        plan: how they are simulated.
        simulated: what is simulated in their place, for tests of power.
    """
    found = np.full((len(cells), len(SCORED)), np.nan)
    for i, (cell, result) in enumerate(zip(cells, run_cells(simulated or cells, plan), strict=True)):
        start = np.array(cell.start)
        exact = (start + theory.drift(cell.problem, cell.optimizer, start))[list(SCORED)]
        mean, error = (result[name][0, list(SCORED)] for name in ("mean", "std_error"))
        random = error > 1e-5 * np.abs(exact) + 1e-12
        found[i, random] = (mean - exact)[random] / error[random]
    return found


def surprise(z: np.ndarray) -> float:
    """The least p-value of tests that scores are standard normal: each moment's law, and the largest of all."""
    columns = [column[np.isfinite(column)] for column in z.T]
    known = np.concatenate(columns)
    largest = 2.0 * stats.norm.sf(np.abs(known).max()) * known.size
    return min(largest, *(stats.kstest(column, "norm").pvalue for column in columns if column.size))


def test_one_step_of_the_reduced_engine_follows_the_drift_at_a_thousand_states() -> None:
    cells = random_cells(1000, (1, 2, 3, 4, 5, 8, 100, 10**9), (1, 2, 5, 16), seed=1)
    z = scores(cells, Plan("minibatch", 3, TRAJECTORIES))
    assert np.isfinite(z).mean() > 0.8
    assert surprise(z) > 0.01
    # D2 R/B is no small part of E|g|^2 at small d: more than a tenth in every seventh cell of those.
    shares = [share_of_D2(cell) for cell in cells if 2 < cell.problem.d < 10]
    assert np.mean(np.abs(shares) > 0.1) > 1.0 / 7.0


def share_of_D2(cell: Cell) -> float:
    """What D2 R contributes to the second moment of a sample's gradient across the signal."""
    c = theory.coefficients_at(cell.problem.p, cell.problem.r, cell.start[0], cell.start[2])
    return float(c.D2 * cell.start[2] / ((cell.problem.d - 1) * c.D0))


@pytest.mark.parametrize(
    ("oracle", "d", "batches", "count"),
    [
        pytest.param("sampled", 1, (1, 5, 16), 100, marks=pytest.mark.slow),
        ("sampled", 4, (1, 5), 100),
        pytest.param("sampled", 4, (16,), 200, marks=pytest.mark.slow),
        pytest.param("sampled", 2, (1, 16, 40, 200), 200, marks=pytest.mark.slow),
        pytest.param("sampled", 40, (1, 16, 40), 500, marks=pytest.mark.slow),
        ("literal", 3, (4,), 200),
        pytest.param("literal", 1, (2,), 100, marks=pytest.mark.slow),
        pytest.param("literal", 2, (1,), 100, marks=pytest.mark.slow),
        pytest.param("literal", 8, (12,), 600, marks=pytest.mark.slow),
    ],
)
def test_one_step_of_the_vector_engine_follows_the_drift(
    oracle: str, d: int, batches: tuple[int, ...], count: int
) -> None:
    z = scores(random_cells(count, (d,), batches, seed=d), Plan("minibatch", 3, TRAJECTORIES, "vector", oracle))
    # At d = 1 only m_par moves.
    assert np.isfinite(z).mean() > (0.2 if d == 1 else 0.8)
    assert surprise(z) > ALPHA


def power_cells() -> list[Cell]:
    return random_cells(300, (3, 4, 5), (2, 5, 16), seed=2)


@pytest.mark.slow
def test_power_nothing_wrong_passes() -> None:
    assert surprise(scores(power_cells(), Plan("minibatch", 4, TRAJECTORIES))) > ALPHA


@pytest.mark.slow
@pytest.mark.parametrize("wrong", ["D2", "1 - 1/B"])
def test_power_a_term_that_theory_forgets_is_caught(wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def incomplete(cells: theory.Cells, c: theory.Coefficients, R: np.ndarray) -> np.ndarray:
        forgotten = c.D2 * R / cells.B if wrong == "D2" else -np.square(c.A) * R / cells.B
        return right(cells, c, R) - forgotten

    right = theory.squared_gradient
    monkeypatch.setattr(theory, "squared_gradient", incomplete)
    assert surprise(scores(power_cells(), Plan("minibatch", 4, TRAJECTORIES))) < ALPHA


def test_power_a_bias_beside_its_bayes_value_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = RareClassLogistic.bias.fget
    assert right is not None
    # Of the simulation alone: theory makes its own.
    monkeypatch.setattr(RareClassLogistic, "bias", property(lambda problem: right(problem) + 0.1))
    assert surprise(scores(power_cells(), Plan("minibatch", 4, TRAJECTORIES))) < ALPHA


@pytest.mark.slow
def test_power_a_class_probability_off_by_three_percent_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    cells = power_cells()
    off = [cell._replace(problem=dataclasses.replace(cell.problem, p=1.03 * cell.problem.p)) for cell in cells]
    # The classes alone: the bias stays where it is best for p itself.
    biases = {new.problem: cell.problem.bias for new, cell in zip(off, cells, strict=True)}
    monkeypatch.setattr(RareClassLogistic, "bias", property(biases.__getitem__))
    assert surprise(scores(cells, Plan("minibatch", 4, 4 * TRAJECTORIES), off)) < ALPHA
