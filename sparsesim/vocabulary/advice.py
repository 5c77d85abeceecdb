"""What would be better: learning rate, momentum and batch size for a vocabulary, with and without momentum."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import ndimage, special
from scipy.optimize import OptimizeResult, brentq, minimize, minimize_scalar

from sparsesim import _validate
from sparsesim.problems import Embedding
from sparsesim.theory import conflict
from sparsesim.theory import embedding as theory
from sparsesim.vocabulary.counts import Vocabulary

BANDS = 120  # of tokens of nearly equal frequency, where a loss is searched for its least
SHORTEST_MEMORY = 1e-8  # eps below which nothing is searched
LOGITS = (-20.0, 7.0)  # of learning rates over the critical one, between which is searched
LEAST = 1e-300  # loss below which none is told from another
POINTS, VALLEYS = 49, 6  # of a grid, each way, and of those from which a search goes down


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
    least_sgd = _least(losses, minibatches, np.array([1.0]))
    least = _least(losses, minibatches, np.geomspace(SHORTEST_MEMORY, 1.0, POINTS))
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


def _least(losses: Losses, minibatches: int, eps: np.ndarray) -> Choice:
    """The least loss over eta and over some eps or, where these are many, between them: a search from every valley."""
    logits = np.linspace(*LOGITS, POINTS)  # of the share of the critical learning rate

    def cost(x: np.ndarray) -> float:
        """Log of the loss."""
        eta, own = _optimizer(losses, x, eps)
        return float(_logs(losses.at(eta, own, [minibatches]))[0])

    grid, found = _grid(losses, minibatches, eps, logits), []
    for i, j in _valleys(grid):
        start = np.array([logits[j], math.log(eps[i])])
        searched = minimize(cost, start if eps.size > 1 else start[:1], method="Nelder-Mead",
                            options={"xatol": 1e-4, "fatol": 1e-8})  # fmt: skip
        found.append(searched if searched.fun <= grid[i, j] else OptimizeResult(x=start, fun=grid[i, j]))
    best = min(found, key=lambda one: one.fun)
    return losses.choice(*_optimizer(losses, best.x, eps), minibatches)


def _optimizer(losses: Losses, x: np.ndarray, eps: np.ndarray) -> tuple[float, float]:
    """Eta and eps from the logit of a share of the critical learning rate and, where it is searched, log eps."""
    own = float(np.clip(np.exp(x[1]), eps.min(), eps.max())) if x.size > 1 else float(eps[0])
    return float(special.expit(x[0])) * float(theory.critical_learning_rate(losses.embedding, own)), own


def _grid(losses: Losses, minibatches: int, eps: np.ndarray, logits: np.ndarray) -> np.ndarray:
    """Logs of losses over (eps, logit); inf where there is none."""
    rows = []
    for own in eps.tolist():
        critical = float(theory.critical_learning_rate(losses.embedding, own))
        rows.append(losses.at(special.expit(logits) * critical, own, [minibatches])[:, 0])
    return _logs(np.stack(rows))


def _logs(losses: np.ndarray) -> np.ndarray:
    """Of losses; one that underflows is as small as any, and one that is no finite number as bad."""
    return np.where(np.isfinite(losses), np.log(np.maximum(losses, LEAST)), np.inf)


def _valleys(grid: np.ndarray) -> list[tuple[int, int]]:
    """The lowest of the points that no neighbour is below."""
    around = ndimage.minimum_filter(grid, size=3, mode="nearest")
    places = np.argwhere((grid <= around) & np.isfinite(grid))
    order = np.argsort([grid[i, j] for i, j in places])[:VALLEYS]
    return [(int(i), int(j)) for i, j in places[order]]


def _at_floor(losses: Losses, sgd: Choice, minibatches: int) -> Choice:
    """Of all optimizers with this floor that whose slowest token is fastest."""

    def slowness(log_eps: float) -> float:
        """Minus its rate."""
        return -_tuned(losses, sgd.floor, math.exp(log_eps)).decay_rate

    grid = np.log(np.geomspace(SHORTEST_MEMORY, 1.0, POINTS))
    i = int(np.argmin([slowness(log_eps) for log_eps in grid.tolist()]))
    bounds = grid[max(0, i - 1)], grid[min(POINTS - 1, i + 1)]
    found = minimize_scalar(slowness, bounds=bounds, method="bounded", options={"xatol": 1e-6})
    best = min((float(grid[i]), float(found.x)), key=slowness)
    tuned = _tuned(losses, sgd.floor, math.exp(best))
    return losses.choice(tuned.eta, tuned.eps, minibatches)


def _tuned(losses: Losses, floor: float, eps: float) -> conflict.Tuned:
    """The learning rate with this floor, found where the floor rises with it."""
    critical = float(theory.critical_learning_rate(losses.embedding, eps))

    def excess(log_share: float) -> float:
        """How far, in its logarithm, the floor is above the wanted one."""
        return math.log(losses.floor(critical * -math.expm1(-math.exp(log_share)), eps) / floor)

    share = -math.expm1(-math.exp(brentq(excess, -60.0, 3.4, xtol=1e-10)))  # pyright: ignore[reportArgumentType]
    eta = share * critical
    return conflict.Tuned(eta, eps, float(conflict.worst_rate(losses.embedding, eta, eps)))
