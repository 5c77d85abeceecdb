"""Steps to a target against looking at every minibatch, and the fewest against other optimizers looked at so."""

import numpy as np
import pytest

from sparsesim.problems import Embedding
from sparsesim.theory import conflict, target
from sparsesim.theory import embedding as rows

E_FOLDS = 6.0


def looked_at(embedding: Embedding, eta: float, eps: float, e_folds: float = E_FOLDS) -> float:
    """The first minibatch from which on no R is above the target."""
    rate = float(rows.decay_rates(embedding, eta, eps).min())
    R = rows.risks(embedding, eta, eps, np.arange(int(12.0 * e_folds / rate) + 30)).max(axis=0)
    return float(np.flatnonzero(np.exp(-e_folds) < R)[-1] + 1)


def test_steps_are_those_of_looking_at_every_minibatch() -> None:
    """Of both tokens, overdamped and oscillating, with roots of either sign; the frequent one is last in some."""
    rng, off, frequent = np.random.default_rng(0), [], 0
    for _ in range(150):
        embedding = Embedding(np.array([0.3, 0.3 / 10.0 ** rng.uniform(0.0, 2.0)]), 20, int(10.0 ** rng.uniform(2, 6)))
        eps = float(10.0 ** rng.uniform(-1.7, 0.0))
        eta = float(rng.uniform(0.1, 0.97) * rows.critical_learning_rate(embedding, eps))
        there = looked_at(embedding, eta, eps)
        own = [looked_at(Embedding(embedding.p[[j]], 20, embedding.B), eta, eps) for j in (0, 1)]
        frequent += own[0] > own[1]
        off.append((float(target.steps_to(embedding, eta, eps, E_FOLDS)) - there) / (there + 20.0))
    assert frequent > 15
    assert np.abs(np.mean(off)) < 0.02
    assert np.quantile(np.abs(off), 0.9) < 0.05
    assert np.abs(off).max() < 0.12


def test_steps_of_many_at_once_and_of_what_is_unstable() -> None:
    embedding = Embedding(np.array([0.3, 0.03]), 20, 200)
    eta = np.array([1.0, 5.0, 30.0])
    found = target.steps_to(embedding, eta, 0.1, E_FOLDS)
    assert found[:2] == pytest.approx([looked_at(embedding, one, 0.1) for one in (1.0, 5.0)], rel=0.05)
    assert np.isinf(found[2])


@pytest.mark.parametrize("B", [300, 3000, 10**6])
@pytest.mark.parametrize("eps", [None, 0.1])
def test_no_optimizer_takes_fewer_steps_than_the_tuned_one(B: int, eps: float | None) -> None:
    embedding, rng = Embedding(np.array([0.2, 0.004]), 30, B), np.random.default_rng(B)
    if eps is None:
        tuned = target.fewest_steps(embedding, E_FOLDS)
    else:
        tuned = target.fewest_steps_at(embedding, E_FOLDS, eps)
        assert tuned.eps == eps
    assert tuned.decay_rate == pytest.approx(float(conflict.worst_rate(embedding, tuned.eta, tuned.eps)))
    fewest = looked_at(embedding, tuned.eta, tuned.eps)
    near = np.exp(rng.normal(0.0, [[0.3], [0.3]], (2, 150)))
    wide = np.exp(rng.uniform([[-3.0], [-4.0]], [[1.5], [3.0]], (2, 150)))
    for more, other in np.concatenate([near, wide], axis=1).T.tolist():
        own = eps or min(1.0, tuned.eps * other)
        eta = tuned.eta * more
        if eta < 0.99 * float(rows.critical_learning_rate(embedding, own)):
            rough = float(target.steps_to(embedding, eta, own, E_FOLDS))
            assert rough > 1.3 * fewest or looked_at(embedding, eta, own) >= 0.92 * fewest - 1.0


def test_where_to_search_as_well_is_heeded() -> None:
    embedding = Embedding(np.array([0.2, 0.004]), 30, 10**6)
    alone = target.fewest_steps(embedding, E_FOLDS)
    bad = conflict.Tuned(1e-3 * alone.eta, 1.0, 1e-9)
    assert target.fewest_steps(embedding, E_FOLDS, near=bad) == alone
    steps = [float(target.steps_to(embedding, one.eta, one.eps, E_FOLDS))
             for one in (target.fewest_steps(embedding, E_FOLDS, near=alone), alone)]  # fmt: skip
    assert steps[0] <= steps[1]


def test_crossings() -> None:
    times = np.array([0.0, 1.0, 2.0, 3.0])
    assert target.crossing(np.array([3.0, 1.0, -1.0, -2.0]), times) == pytest.approx(1.5)
    assert target.crossing(np.array([3.0, -1.0, 1.0, -1.0]), times) == pytest.approx(2.5)  # for good, not at first
    assert target.crossing(np.array([3.0, 2.0, 1.0, 0.5]), times) == np.inf
    assert target.crossing(np.array([-1.0, -1.0, -2.0, -2.0]), times) == 0.0
    assert target.crossing(np.array([-3.0, -1.0, -2.0, -2.0]), times) == 0.0
