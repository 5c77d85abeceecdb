"""The spectral conflict: how fast the slowest of many tokens can be (docs/momentum.md, section 5).

The rate that counts is Lambda_min = min_j Lambda_j over tokens of one learning rate and momentum. While all of them are
stable it is that of the most frequent or of the rarest: over hundreds of random vocabularies and optimizers no other
was slower than both (`tests/theory/test_conflict.py`). With k = p_1/p_V, large batches take S = 1/Lambda_min
minibatches an e-fold,

    S_SGD = 1/(2 ln((k+1)/(k-1))),    S_mom = 1/(2 ln((sqrt k+1)/(sqrt k-1))),

and small ones E/B, E = 1/log1p(p_V/(d+2-p_V)) samples: the two meet at the critical batch size E/S, which momentum
moves up by about sqrt k. S_mom is approached like B^(-1/2).
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from sparsesim import _validate
from sparsesim.problems import Embedding
from sparsesim.theory import embedding as rows
from sparsesim.theory.tuning import Tuned

POINTS, ROUNDS = 33, 12  # of a search that closes in on the best of a grid
SHORTEST_MEMORY = 1e-7  # eps below which nothing is searched


class Bounds(NamedTuple):
    """Between which two numbers something is known to lie."""

    low: float
    high: float


def extremes(embedding: Embedding) -> Embedding:
    """The most frequent token and the rarest."""
    p = embedding.p
    return Embedding(np.array([p.max(), p.min()]) if p.size > 1 else p, embedding.d, embedding.B, embedding.label_noise)


def worst_rate(embedding: Embedding, eta: float | np.ndarray, eps: float | np.ndarray) -> np.ndarray:
    """Lambda_min per minibatch while all are stable, else below 0; eta and eps are broadcast with each other."""
    eta, eps = np.broadcast_arrays(eta, eps)
    return rows.decay_rates(extremes(embedding), eta[..., None], eps[..., None]).min(axis=-1)


def best_sgd(embedding: Embedding) -> Tuned:
    """The learning rate without momentum at which the slowest token is fastest, in closed form (section 5).

    While (B-1)(p_1-p_V) <= d+2 the rarest token alone decides, beyond it is a compromise with the most frequent.
    """
    p1, pV = float(embedding.p.max()), float(embedding.p.min())
    d, B = embedding.d, embedding.B
    if (B - 1) * (p1 - pV) <= d + 2:
        return Tuned(B / (d + 2 + (B - 1) * pV), 1.0, math.log1p(B * pV / (d + 2 - pV)))
    D = d + 2 + (B - 1) * (p1 + pV)
    share = 4.0 * B * (B - 1) * p1 * pV / D**2
    return Tuned(2.0 * B / D, 1.0, -math.log1p(-share) if share < 1.0 else math.inf)


def best_learning_rate(embedding: Embedding, eps: float) -> Tuned:
    """The learning rate at which the slowest token is fastest, given the momentum.

    Each token's rate rises with eta to one maximum and falls (`theory.tuning`), and so does their minimum: a search
    finds it.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    eps = _validate.probability("eps", eps)
    critical = float(rows.critical_learning_rate(embedding, eps))
    low, high = 1e-12, 1.0
    for _ in range(ROUNDS):
        share = np.geomspace(low, high, POINTS) if low < 0.5 * high else np.linspace(low, high, POINTS)
        best = int(worst_rate(embedding, share * critical, eps).argmax())
        low, high = float(share[max(0, best - 1)]), float(share[min(POINTS - 1, best + 1)])
    eta = 0.5 * (low + high) * critical
    return Tuned(eta, eps, float(worst_rate(embedding, eta, eps)))


def best_momentum(embedding: Embedding) -> Tuned:
    """The learning rate and the momentum at which the slowest token is fastest.

    A search on a grid in both that closes in on its best point; plain SGD where nothing is better.
    """
    low_eps, high_eps, low, high = SHORTEST_MEMORY, 1.0, 1e-6, 1.0
    best = best_sgd(embedding)
    for number in range(2 * ROUNDS):
        eps = np.geomspace(low_eps, high_eps, 4 * POINTS if number == 0 else POINTS)
        share = np.geomspace(low, high, 4 * POINTS if number == 0 else POINTS)
        critical = rows.critical_learning_rate(extremes(embedding), eps[:, None])
        rate = worst_rate(embedding, share * critical[:, None], eps[:, None])
        i, j = np.unravel_index(int(rate.argmax()), rate.shape)
        if rate[i, j] > best.decay_rate:
            best = Tuned(float(share[j] * critical[i]), float(eps[i]), float(rate[i, j]))
        # Along the ridge between two tokens' rates the best point of a grid may be a few away.
        low_eps, high_eps = float(eps[max(0, i - 4)]), float(eps[min(eps.size - 1, i + 4)])
        low, high = float(share[max(0, j - 4)]), float(share[min(share.size - 1, j + 4)])
    return best


def large_batch_sgd(k: float) -> float:
    """S_SGD, the minibatches an e-fold of the slowest token takes however large they are (section 5).

    Args:
        k: p_1/p_V, at least 1; at 1 one step suffices, and S = 0.

    Raises:
        ValueError: k is below 1.
    """
    k = _validate.real("k", k, "1 or above", low=1.0)
    return 0.0 if k == 1.0 else 0.25 / math.atanh(1.0 / k)  # ln((k+1)/(k-1)) = 2 artanh(1/k)


def large_batch_momentum(k: float, mu: float | None = None) -> float:
    """S_mom, the same with momentum: at the best, sqrt mu = (sqrt k-1)/(sqrt k+1), or at a given mu (section 5).

    Raises:
        ValueError: k is below 1, or mu is outside [0, 1).
    """
    k = _validate.real("k", k, "1 or above", low=1.0)
    if mu is None:
        return large_batch_sgd(math.sqrt(k))
    mu = _validate.real("mu", mu, "in [0, 1)", low=0.0, high=math.nextafter(1.0, 0.0))
    trace = (1.0 + mu) * (k - 1.0) / (k + 1.0)
    discriminant = trace * trace - 4.0 * mu
    root = math.sqrt(mu) if discriminant < 0.0 else 0.5 * (trace + math.sqrt(discriminant))
    return -0.5 / math.log(root) if root > 0.0 else 0.0


def large_batch_best_momentum(k: float) -> float:
    """The mu of S_mom, ((sqrt k-1)/(sqrt k+1))^2.

    Raises:
        ValueError: k is below 1.
    """
    root = math.sqrt(_validate.real("k", k, "1 or above", low=1.0))
    return ((root - 1.0) / (root + 1.0)) ** 2


def samples_per_e_fold(embedding: Embedding) -> float:
    """E, the fewest samples an e-fold of the slowest token takes, with or without momentum: at B = 1, mu = 0."""
    pV = float(embedding.p.min())
    return 1.0 / math.log1p(pV / (embedding.d + 2 - pV))


def critical_batch_sgd(embedding: Embedding) -> float:
    """E/S_SGD, the batch size at which plain SGD turns from saving samples to saving steps; inf for equal tokens."""
    steps = large_batch_sgd(_ratio(embedding))
    return samples_per_e_fold(embedding) / steps if steps > 0.0 else math.inf


def critical_batch_momentum(embedding: Embedding) -> float:
    """E/S_mom, the same with the best momentum."""
    steps = large_batch_momentum(_ratio(embedding))
    return samples_per_e_fold(embedding) / steps if steps > 0.0 else math.inf


def critical_batch_sgd_bounds(embedding: Embedding) -> Bounds:
    """Between 4 (d+2-p_V)/p_1 and (k^2/(k^2-1)) 4 (d+2)/p_1 (section 5)."""
    k, p1, pV = _ratio(embedding), float(embedding.p.max()), float(embedding.p.min())
    high = math.inf if k == 1.0 else k * k / (k * k - 1.0) * 4.0 * (embedding.d + 2) / p1
    return Bounds(4.0 * (embedding.d + 2 - pV) / p1, high)


def critical_batch_momentum_bound(embedding: Embedding) -> float:
    """At most (k/(k-1)) 4 (d+2)/sqrt(p_1 p_V) (section 5)."""
    k, p1, pV = _ratio(embedding), float(embedding.p.max()), float(embedding.p.min())
    return math.inf if k == 1.0 else k / (k - 1.0) * 4.0 * (embedding.d + 2) / math.sqrt(p1 * pV)


def _ratio(embedding: Embedding) -> float:
    return float(embedding.p.max() / embedding.p.min())
