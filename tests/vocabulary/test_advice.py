"""Advice against searches of other kinds, and the scaling that preserves sparsity."""

import math

import numpy as np
import pytest
from scipy.optimize import minimize

from sparsesim.theory import conflict
from sparsesim.theory import embedding as theory
from sparsesim.vocabulary import Losses, Vocabulary, advise, preserving_size

VOCABULARY = Vocabulary.zipf(80, 1.0)


def whole_loss(vocabulary: Vocabulary, d: int, B: int, eta: float, eps: float, k: int, noise: float = 0.0) -> float:
    embedding = vocabulary.embedding(d, B, noise)
    return 0.5 * float(embedding.p @ theory.risks(embedding, eta, eps, [k])[:, 0])


def test_bands_lose_nothing_that_matters() -> None:
    vocabulary, d, B = Vocabulary.zipf(20_000, 1.1), 64, 256
    losses = Losses(vocabulary, d, B)
    for eps in (1.0, 0.1, 0.01):
        eta = 0.5 * float(theory.critical_learning_rate(losses.embedding, eps))
        for k in (10, 1000, 30_000):
            exact = whole_loss(vocabulary, d, B, eta, eps, k)
            assert losses.at(eta, eps, [k])[0] == pytest.approx(exact, rel=2e-3)


@pytest.mark.parametrize(("B", "k"), [(64, 200), (4096, 50)])
def test_no_optimizer_next_to_the_best_has_a_lower_loss(B: int, k: int) -> None:
    found = advise(VOCABULARY, 32, B, k).loss
    losses = Losses(VOCABULARY, 32, B)
    assert found.loss == pytest.approx(whole_loss(VOCABULARY, 32, B, found.eta, found.eps, k), rel=2e-3)

    def cost(x: np.ndarray) -> float:
        eps = min(1.0, math.exp(x[1]))
        value = losses.at(math.exp(x[0]), eps, [k])[0]
        return value if np.isfinite(value) else 1e9

    for eps in (1.0, 0.3, 0.05):
        eta = 0.3 * float(theory.critical_learning_rate(losses.embedding, eps))
        searched = minimize(cost, [math.log(eta), math.log(eps)], method="Nelder-Mead", options={"maxiter": 300})
        assert found.loss <= searched.fun * 1.02


def test_choices_are_what_they_are_called() -> None:
    found = advise(VOCABULARY, 32, 1024, 100, label_noise=0.5)
    embedding = VOCABULARY.embedding(32, 1024, 0.5)
    assert found.slowest_sgd.rate == pytest.approx(conflict.best_sgd(embedding).decay_rate)
    assert found.slowest.rate >= found.slowest_sgd.rate
    assert found.loss.loss <= found.loss_sgd.loss <= found.slowest_sgd.loss
    assert (found.loss_sgd.eps, found.slowest_sgd.eps) == (1.0, 1.0)
    assert found.equal_floor is not None
    assert found.equal_floor.floor == pytest.approx(found.loss_sgd.floor, rel=1e-6)
    assert found.equal_floor.rate >= found.loss_sgd.rate * (1.0 - 1e-9)
    assert found.critical_batch > found.critical_batch_sgd
    assert advise(VOCABULARY, 32, 16, 10).equal_floor is None


@pytest.mark.parametrize("exponent", [0.0, 0.8, 1.0, 1.5])
def test_the_size_that_keeps_the_rarest_token(exponent: float) -> None:
    for factor in (0.01, 1.0, 7.0):
        size = preserving_size(5000, factor, exponent=exponent)
        p = [Vocabulary.zipf(whole, exponent).p[-1] for whole in (math.floor(size), math.ceil(size))]
        wanted = Vocabulary.zipf(5000, exponent).p[-1] / factor
        assert min(p) <= wanted * (1.0 + 1e-6)
        assert max(p) >= wanted * (1.0 - 1e-6)
    assert preserving_size(5000, 1e-9, exponent=exponent) == 1.0
