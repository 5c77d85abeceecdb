"""Closed forms of the spectral conflict against searches that know none of them, and its golden numbers."""

import math

import numpy as np
import pytest
from scipy.optimize import differential_evolution, minimize_scalar

from sparsesim.problems import Embedding
from sparsesim.theory import conflict
from sparsesim.theory import embedding as rows

GOLDEN = Embedding(np.array([0.2, 0.2 / 64]), 50, 64)


def random_embedding(rng: np.random.Generator, largest_batch: float = 7.0) -> Embedding:
    p = rng.uniform(1e-4, 0.5) * np.geomspace(1.0, 10.0 ** -rng.uniform(0.1, 4), 40)
    return Embedding(p / max(1.0, p.sum()), int(10.0 ** rng.uniform(0, 4)), int(10.0 ** rng.uniform(0, largest_batch)))


def test_golden_numbers() -> None:
    for B, steps in ((64, 260.4840551), (1024, 25.26894695)):
        assert 1.0 / conflict.best_sgd(Embedding(GOLDEN.p, 50, B)).decay_rate == pytest.approx(steps, rel=1e-9)
    assert conflict.large_batch_sgd(64.0) == pytest.approx(15.99869783, rel=1e-9)
    assert conflict.large_batch_momentum(64.0) == pytest.approx(1.989539572, rel=1e-9)


def test_the_limit_of_large_batches_is_reached_like_the_root_of_the_batch() -> None:
    """At the limit's own momentum and learning rate three eigenvalues meet, and S is off like B^(-1/3)."""
    k, limit = 64.0, conflict.large_batch_momentum(64.0)
    mu = conflict.large_batch_best_momentum(k)
    eps, found = 1.0 - mu, []
    eta = (1.0 + math.sqrt(mu)) ** 2 / (eps * 0.2)
    for B, there in ((10**9, 2.074), (10**12, 1.998)):
        embedding = Embedding(GOLDEN.p, 50, B)
        assert 1.0 / float(conflict.worst_rate(embedding, eta, eps)) == pytest.approx(there, abs=6e-4)
        found.append(1.0 / conflict.best_momentum(embedding).decay_rate)
    assert found == pytest.approx([1.9936415, 1.9896691], rel=1e-6)
    assert math.log((found[0] - limit) / (found[1] - limit)) / math.log(1000.0) == pytest.approx(0.5, abs=0.01)


def test_while_all_are_stable_the_slowest_token_is_the_first_or_the_last() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        embedding = random_embedding(rng)
        eps = float(10.0 ** rng.uniform(-4, 0))
        eta = float(rng.uniform(0, 1.0) * rows.critical_learning_rate(embedding, eps))
        all_rates = rows.decay_rates(embedding, eta, eps)
        assert conflict.worst_rate(embedding, eta, eps) == pytest.approx(all_rates.min(), rel=1e-9, abs=1e-15)


def test_no_learning_rate_is_better_than_the_closed_form_of_sgd() -> None:
    rng = np.random.default_rng(1)
    for _ in range(200):
        embedding = random_embedding(rng)
        found = conflict.best_sgd(embedding)
        critical = float(rows.critical_learning_rate(embedding, 1.0))
        assert found.decay_rate == pytest.approx(float(conflict.worst_rate(embedding, found.eta, 1.0)), rel=1e-9)
        searched = conflict.worst_rate(embedding, np.linspace(1e-6, 1.0, 4001) * critical, 1.0).max()
        assert searched <= found.decay_rate * (1.0 + 1e-9)
        assert searched >= found.decay_rate * (1.0 - 2e-3)
        assert conflict.best_learning_rate(embedding, 1.0).decay_rate == pytest.approx(found.decay_rate, rel=1e-7)


def test_the_best_momentum_is_that_of_a_nested_search() -> None:
    rng = np.random.default_rng(2)
    for _ in range(4):
        embedding = random_embedding(rng)
        found = conflict.best_momentum(embedding)
        grid = np.geomspace(1e-5, 1.0, 60)
        rates = [conflict.best_learning_rate(embedding, eps).decay_rate for eps in grid.tolist()]
        i = int(np.argmax(rates))
        bounds = math.log(grid[max(0, i - 1)]), math.log(grid[min(59, i + 1)])
        searched = minimize_scalar(
            lambda x, embedding=embedding: -conflict.best_learning_rate(embedding, math.exp(x)).decay_rate,
            bounds=bounds, method="bounded",
        )  # fmt: skip
        assert found.decay_rate == pytest.approx(max(-searched.fun, *rates), rel=1e-5)
        assert found.decay_rate >= conflict.best_sgd(embedding).decay_rate


def test_large_batches_with_a_given_momentum() -> None:
    for k in (4.0, 64.0, 1e4):
        best = conflict.large_batch_best_momentum(k)
        assert conflict.large_batch_momentum(k, best) == pytest.approx(conflict.large_batch_momentum(k), rel=1e-6)
        assert conflict.large_batch_momentum(k, 0.0) == pytest.approx(conflict.large_batch_sgd(k), rel=1e-12)
        for mu in (0.5 * best, 0.5 * (1.0 + best)):
            assert conflict.large_batch_momentum(k, mu) > conflict.large_batch_momentum(k)
    far = conflict.best_learning_rate(Embedding(GOLDEN.p, 50, 10**13), 0.1)
    assert 1.0 / far.decay_rate == pytest.approx(conflict.large_batch_momentum(64.0, 0.9), rel=1e-3)


def test_single_samples_cost_least_with_and_without_momentum() -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        embedding = random_embedding(rng, largest_batch=5.0)
        least = conflict.samples_per_e_fold(embedding)
        assert 1.0 / conflict.best_sgd(Embedding(embedding.p, embedding.d, 1)).decay_rate == pytest.approx(least)
        for tuned in (conflict.best_sgd(embedding), conflict.best_momentum(embedding)):
            assert embedding.B / tuned.decay_rate >= least * (1.0 - 1e-9)


def test_critical_batches_lie_within_their_bounds() -> None:
    rng = np.random.default_rng(4)
    for _ in range(1000):
        embedding = random_embedding(rng)
        low, high = conflict.critical_batch_sgd_bounds(embedding)
        assert low * (1.0 - 1e-9) <= conflict.critical_batch_sgd(embedding) <= high * (1.0 + 1e-9)
        momentum = conflict.critical_batch_momentum(embedding)
        assert momentum <= conflict.critical_batch_momentum_bound(embedding) * (1.0 + 1e-9)
    k = 1e4
    ratio = conflict.critical_batch_momentum(Embedding(np.array([0.5, 0.5 / k]), 100, 1)) / conflict.critical_batch_sgd(
        Embedding(np.array([0.5, 0.5 / k]), 100, 1)
    )
    assert ratio == pytest.approx(math.sqrt(k), rel=1e-2)


def test_one_frequency_is_no_conflict() -> None:
    embedding = Embedding(np.array([0.01, 0.01]), 10, 100)
    assert conflict.large_batch_sgd(1.0) == 0.0
    assert conflict.critical_batch_sgd(embedding) == math.inf
    assert conflict.best_momentum(embedding).eps == pytest.approx(1.0)


MANY = 1000  # random vocabularies


@pytest.mark.slow
def test_stability_of_random_vocabularies_by_eigenvalues() -> None:
    """The frontier is that of the first or of the last token, of the first iff B > (1+mu)/(1-mu)."""
    rng = np.random.default_rng(10)
    for _ in range(MANY):
        embedding = random_embedding(rng)
        eps = float(10.0 ** rng.uniform(-3, 0))
        own = 1.0 / rows.feedbacks(embedding, 1.0, eps)
        critical = float(rows.critical_learning_rate(embedding, eps))
        assert critical == pytest.approx(min(own[embedding.p.argmax()], own[embedding.p.argmin()]))
        frequent = bool(own[embedding.p.argmax()] <= own[embedding.p.argmin()] * (1.0 + 1e-12))
        assert frequent == ((2.0 - eps) / eps * (1.0 - 1e-12) <= embedding.B)
        for share, stable in ((1.0 - 1e-5, True), (1.0 + 1e-5, False)):
            assert (largest_eigenvalue(embedding, share * critical, eps) < 1.0) == stable


def largest_eigenvalue(embedding: Embedding, eta: float, eps: float) -> float:
    """Of the map of (R, V, C) written down from its definition, over all rows."""
    p, d, B, mu = embedding.p, embedding.d, embedding.B, 1.0 - eps
    lam, noise = eta * eps * p, (eta * eps) ** 2 * p * (d + 2.0 - p) / B
    # e' = e - q', q' = mu q + g, in q = eta m; E<e, g> = lam R and E|g|^2 = (lam^2 + noise) R.
    Q = np.stack([lam**2 + noise, np.full_like(p, mu * mu), 2.0 * mu * lam], axis=-1)
    X = np.stack([lam, np.zeros_like(p), np.full_like(p, mu)], axis=-1)
    R = np.stack([np.ones_like(p), np.zeros_like(p), np.zeros_like(p)], axis=-1) + Q - 2.0 * X
    return float(np.abs(np.linalg.eigvals(np.stack([R, Q, X - Q], axis=-2))).max())


@pytest.mark.slow
def test_plain_sgd_of_random_vocabularies_by_brute_force() -> None:
    rng = np.random.default_rng(11)
    for _ in range(MANY):
        embedding = random_embedding(rng)
        found = conflict.best_sgd(embedding)
        critical = float(rows.critical_learning_rate(embedding, 1.0))

        def rate(eta: float, embedding: Embedding = embedding) -> float:
            """Of the slowest of all rows."""
            return float(rows.decay_rates(embedding, eta, 1.0).min())

        grid = np.linspace(1e-6, 1.0, 400) * critical
        best = grid[int(np.argmax([rate(eta) for eta in grid.tolist()]))]
        step = grid[1] - grid[0]
        searched = minimize_scalar(lambda eta: -rate(eta), bounds=(max(1e-9 * critical, best - step), best + step),
                                   method="bounded", options={"xatol": 1e-9 * critical})  # fmt: skip
        assert -searched.fun == pytest.approx(found.decay_rate, rel=1e-4)
        assert -searched.fun <= found.decay_rate * (1.0 + 1e-9)
        assert rate(found.eta) == pytest.approx(found.decay_rate, rel=1e-9)


@pytest.mark.slow
def test_momentum_of_random_vocabularies_by_evolution() -> None:
    """Over all rows, by a search that knows nothing of extremes."""
    rng = np.random.default_rng(12)
    for seed in range(100):
        embedding = random_embedding(rng)
        found = conflict.best_momentum(embedding)

        def cost(x: np.ndarray, embedding: Embedding = embedding) -> float:
            """Minus the rate of the slowest of all rows."""
            eps = float(np.exp(x[1]))
            eta = float(np.exp(x[0]) * rows.critical_learning_rate(embedding, eps))
            return -float(rows.decay_rates(embedding, eta, eps).min())

        searched = differential_evolution(
            cost, [(-8.0, -1e-9), (-12.0, 0.0)], rng=seed, popsize=12, maxiter=60, tol=1e-8
        )
        assert -searched.fun <= found.decay_rate * (1.0 + 1e-4)
        assert -searched.fun >= found.decay_rate * (1.0 - 0.05)


@pytest.mark.slow
def test_large_batches_of_random_ratios_by_evolution() -> None:
    """Without noise heavy ball's roots are those of z^2 - (1 + mu - lam) z + mu, for lam of both tokens."""
    rng = np.random.default_rng(13)
    for seed in range(MANY):
        k = float(10.0 ** rng.uniform(0.1, 4))

        def cost(x: np.ndarray, k: float = k) -> float:
            """Log of the largest root; mu = 0 is plain SGD."""
            mu = float(x[1])
            lam = float(x[0]) * 2.0 * (1.0 + mu) * np.array([1.0, 1.0 / k])
            roots = [np.abs(np.roots([1.0, -(1.0 + mu - one), mu])).max() for one in lam.tolist()]
            return math.log(max(roots))

        if seed < MANY // 10:  # some are enough where every cost takes roots
            searched = differential_evolution(
                cost, [(1e-3, 1.0), (0.0, 1.0 - 1e-6)], rng=seed, popsize=15, maxiter=80, tol=1e-10
            )
            assert -0.5 / searched.fun == pytest.approx(conflict.large_batch_momentum(k), rel=0.02)
            assert -0.5 / searched.fun >= conflict.large_batch_momentum(k) * (1.0 - 1e-6)
        grid = np.linspace(1e-3, 1.0, 20_001)[:, None] * 2.0 * np.array([1.0, 1.0 / k])
        steps = -0.5 / np.log(np.abs(1.0 - grid).max(axis=1).min())
        assert steps == pytest.approx(conflict.large_batch_sgd(k), rel=0.2)
        assert steps >= conflict.large_batch_sgd(k) * (1.0 - 1e-9)
