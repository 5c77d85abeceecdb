"""What would be better: learning rate, momentum and batch size for a vocabulary, with and without momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq

from sparsesim import _validate
from sparsesim.problems import Embedding
from sparsesim.theory import conflict
from sparsesim.theory import embedding as theory
from sparsesim.vocabulary.counts import Vocabulary

BANDS = 120  # of tokens of nearly equal frequency, where a loss is searched for its least
POINTS, ROUNDS = 13, 5  # of a search that closes in on the best of a grid


class Choice(NamedTuple):
    """An optimizer and what it reaches."""

    eta: float
    eps: float
    rate: float  # of the slowest token, per minibatch
    loss: float  # excess loss after the budget
    floor: float  # of the excess loss


class Advice(NamedTuple):
    """What is best for one vocabulary, width and batch, by three standards; plain SGD beside momentum."""

    slowest_sgd: Choice  # the slowest token is fastest
    slowest: Choice
    loss_sgd: Choice  # the excess loss after the budget is least
    loss: Choice
    equal_floor: Choice | None  # momentum at the floor of `loss_sgd`, fastest slowest token; None without label noise
    critical_batch_sgd: float
    critical_batch: float


class Losses:
    """The excess loss (1/2) sum_j p_j R_j of a vocabulary after some minibatches, by bands of tokens.

    Args:
        vocabulary: all of it.
        d: width of rows.
        B: tokens in a minibatch.
        label_noise: standard deviation on the targets.
        bands: see `Vocabulary.groups`.
    """

    def __init__(self, vocabulary: Vocabulary, d: int, B: int, label_noise: float = 0.0, bands: int = BANDS) -> None:
        groups = vocabulary.groups(bands)
        self.embedding, self.tokens = Embedding(groups.p, d, B, label_noise), groups.tokens

    def at(self, eta: float | np.ndarray, eps: float, times: Sequence[int] | np.ndarray) -> np.ndarray:
        """(time,), from R = 1 everywhere, with the shape of eta before; inf or large where a token is unstable."""
        R = theory.risks(self.embedding, np.asarray(eta)[..., None], eps, times)
        with np.errstate(over="ignore", invalid="ignore"):
            return 0.5 * (self.tokens * self.embedding.p) @ R

    def floor(self, eta: float, eps: float) -> float:
        """Where label noise holds it."""
        return 0.5 * float((self.tokens * self.embedding.p) @ theory.floors(self.embedding, eta, eps))

    def choice(self, eta: float, eps: float, minibatches: int) -> Choice:
        """What an optimizer reaches."""
        rate = float(conflict.worst_rate(self.embedding, eta, eps))
        return Choice(eta, eps, rate, float(self.at(eta, eps, [minibatches])[0]), self.floor(eta, eps))


def advise(vocabulary: Vocabulary, d: int, B: int, minibatches: int, *, label_noise: float = 0.0) -> Advice:
    """The best constant learning rate and momentum for a budget of minibatches.

    Args:
        vocabulary: all of it.
        d: width of rows.
        B: tokens in a minibatch.
        minibatches: the budget, at least 1.
        label_noise: standard deviation on the targets.

    Raises:
        ValueError: an argument is outside its range.
    """
    minibatches = _validate.whole("minibatches", minibatches, low=1)
    losses = Losses(vocabulary, d, B, label_noise)
    embedding = losses.embedding
    sgd, momentum = conflict.best_sgd(embedding), conflict.best_momentum(embedding)
    least_sgd = _least(losses, minibatches, (1.0, 1.0))
    least = _least(losses, minibatches, (1e-4, 1.0))
    least = min(least, least_sgd, key=lambda choice: choice.loss)
    return Advice(
        slowest_sgd=losses.choice(sgd.eta, sgd.eps, minibatches),
        slowest=losses.choice(momentum.eta, momentum.eps, minibatches),
        loss_sgd=least_sgd,
        loss=least,
        equal_floor=None if label_noise == 0.0 else _at_floor(losses, least_sgd, minibatches),
        critical_batch_sgd=conflict.critical_batch_sgd(embedding),
        critical_batch=conflict.critical_batch_momentum(embedding),
    )


def _least(losses: Losses, minibatches: int, eps_range: tuple[float, float]) -> Choice:
    """The least loss over eta, and over eps between two values, by a grid that closes in on its best point."""
    low_eps, high_eps = eps_range
    low, high = 1e-4, 0.999
    best: Choice | None = None
    for number in range(ROUNDS):
        points = 2 * POINTS if number == 0 else POINTS
        grid_eps = [low_eps] if low_eps == high_eps else np.geomspace(low_eps, high_eps, points).tolist()
        shares = np.geomspace(low, high, points)
        found = _grid(losses, minibatches, grid_eps, shares)
        i, j = np.unravel_index(int(np.nanargmin(found)), found.shape)
        eps, share = grid_eps[i], float(shares[j])
        eta = share * float(theory.critical_learning_rate(losses.embedding, eps))
        choice = losses.choice(eta, eps, minibatches)
        best = choice if best is None or choice.loss < best.loss else best
        low_eps, high_eps = grid_eps[max(0, i - 2)], grid_eps[min(len(grid_eps) - 1, i + 2)]
        low, high = float(shares[max(0, j - 2)]), float(shares[min(shares.size - 1, j + 2)])
    assert best is not None
    return best


def _grid(losses: Losses, minibatches: int, eps: Sequence[float], shares: np.ndarray) -> np.ndarray:
    """Losses over (eps, share of the critical learning rate)."""
    found = np.empty((len(eps), shares.size))
    for i, value in enumerate(eps):
        critical = float(theory.critical_learning_rate(losses.embedding, value))
        found[i] = losses.at(shares * critical, value, [minibatches])[:, 0]
    return found


def _at_floor(losses: Losses, sgd: Choice, minibatches: int) -> Choice:
    """Of all optimizers with this floor that whose slowest token is fastest."""
    tuned = [_tuned(losses, sgd.floor, eps) for eps in np.geomspace(1e-4, 1.0, 41).tolist()]
    best = max(tuned, key=lambda one: one.decay_rate)
    return losses.choice(best.eta, best.eps, minibatches)


def _tuned(losses: Losses, floor: float, eps: float) -> conflict.Tuned:
    """The learning rate with this floor, found where the floor rises with it."""
    critical = float(theory.critical_learning_rate(losses.embedding, eps))

    def excess(log_share: float) -> float:
        """How far, in its logarithm, the floor is above the wanted one."""
        return math.log(losses.floor(critical * -math.expm1(-math.exp(log_share)), eps) / floor)

    share = -math.expm1(-math.exp(brentq(excess, -60.0, 3.4, xtol=1e-10)))  # pyright: ignore[reportArgumentType]
    eta = share * critical
    return conflict.Tuned(eta, eps, float(conflict.worst_rate(losses.embedding, eta, eps)))
