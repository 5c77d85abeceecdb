"""The one-hot problem as written: rows by themselves have the law of the one-feature chain, whatever they share."""

from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
import optax
import pytest
from scipy import stats

from sparsesim import HeavyBall
from sparsesim.problems import Embedding
from sparsesim.simulation.datasets import sample_paths
from sparsesim.simulation.embedding import simulate_embedding
from sparsesim.simulation.transformations import heavy_ball, lazy_heavy_ball, scheduled_heavy_ball
from sparsesim.theory import embedding as theory

EMBEDDING = Embedding(np.array([0.5, 0.2, 0.05, 0.01]), 6, 8, label_noise=0.3)
TIMES, TRAJECTORIES = [1, 10, 60], 2000
ETA, EPS = 0.3, 0.2


def worst_z(found, exact: np.ndarray, embedding: Embedding) -> float:
    """The largest |z| of rows and of the loss."""
    rows = (found["mean"] - exact) / found["std_error"]
    loss = (found["loss"] - 0.5 * embedding.p @ exact) / found["loss_std_error"]
    return float(max(abs(rows).max(), abs(loss).max()))


def test_means_of_rows_and_of_the_loss_are_exact() -> None:
    found = simulate_embedding(EMBEDDING, HeavyBall(ETA, EPS), times=TIMES, trajectories=TRAJECTORIES, seed=0)
    assert worst_z(found, theory.risks(EMBEDDING, ETA, EPS, TIMES), EMBEDDING) < 4.5
    wrong = theory.risks(EMBEDDING, 1.05 * ETA, EPS, TIMES)
    assert worst_z(found, wrong, EMBEDDING) > 6.0


def test_rows_by_themselves_have_the_law_of_the_chain() -> None:
    """Two-sample tests of R at every time, row by row."""
    found = simulate_embedding(EMBEDDING, HeavyBall(ETA, EPS), times=TIMES, trajectories=TRAJECTORIES, seed=1)
    levels = []
    for j in range(EMBEDDING.p.size):
        paths = sample_paths(EMBEDDING.row(j), HeavyBall(ETA, EPS), times=TIMES, paths=TRAJECTORIES, seed=2)
        for i in range(1, len(TIMES)):
            chain = paths.sel(moment="R").values[:, i]
            levels.append(stats.ks_2samp(found["risk"].values[:, j, i], chain).pvalue)
    assert min(levels) > 1e-3 / len(levels)
    assert np.median(levels) > 0.05


def test_rows_depend_on_each_other() -> None:
    """What one token has of a minibatch the others have not."""
    embedding = Embedding(np.array([0.5, 0.5]), 4, 2)
    found = simulate_embedding(embedding, HeavyBall(0.2, 1.0), times=[1], trajectories=4000, seed=0)
    first, second = found["risk"].values[:, :, 0].T
    assert stats.pearsonr(first, second).statistic < -0.1


SCHEDULE: Callable[[int], float] = lambda k: min(1.0, 3.0 / k)  # noqa: E731


@pytest.mark.parametrize(("transformation", "exact"), [
    (lazy_heavy_ball(ETA, EPS), lambda: theory.risks(EMBEDDING, ETA, EPS, TIMES, lazy=True)),
    (heavy_ball(ETA, jnp.minimum(1.0, 4.0 * ETA * EMBEDDING.p)[:, None]),
     lambda: theory.risks(EMBEDDING, ETA, np.minimum(1.0, 4.0 * ETA * EMBEDDING.p), TIMES)),
    (scheduled_heavy_ball(ETA, lambda k: jnp.minimum(1.0, 3.0 / k)),
     lambda: theory.scheduled_risks(EMBEDDING, ETA, SCHEDULE, TIMES)),
    (optax.sgd(ETA), lambda: theory.risks(EMBEDDING, ETA, 1.0, TIMES)),
], ids=["lazy", "per-frequency", "schedule", "sgd"])  # fmt: skip
def test_optimizers_have_exact_equations(transformation: optax.GradientTransformation, exact) -> None:
    found = simulate_embedding(EMBEDDING, transformation, times=TIMES, trajectories=TRAJECTORIES, seed=3)
    assert worst_z(found, exact(), EMBEDDING) < 4.5
    if transformation.update.__qualname__.startswith("lazy"):
        assert worst_z(found, theory.risks(EMBEDDING, ETA, EPS, TIMES), EMBEDDING) > 6.0


def test_equal_seeds_give_equal_numbers() -> None:
    runs = [
        simulate_embedding(EMBEDDING, HeavyBall(ETA, EPS), times=[5], trajectories=20, seed=seed)["risk"].values
        for seed in (7, 7, 8)
    ]
    assert (runs[0] == runs[1]).all()
    assert (runs[0] != runs[2]).any()


@pytest.mark.parametrize(("change", "words"), [
    ({"times": [3, 2]}, "times must be strictly increasing"), ({"trajectories": 1}, "trajectories must be"),
    ({"seed": -1}, "seed must be"), ({"start": -1.0}, "start must be"),
])  # fmt: skip
def test_bad_input_is_refused(change: dict[str, object], words: str) -> None:
    good = {"times": [1], "trajectories": 2, "seed": 0}
    with pytest.raises(ValueError, match=words):
        simulate_embedding(EMBEDDING, HeavyBall(ETA, EPS), **{**good, **change})  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="p must be at least 1e-05 where tokens are drawn"):
        simulate_embedding(Embedding(np.array([1e-7]), 2, 2), HeavyBall(ETA, EPS), times=[1], trajectories=2, seed=0)
