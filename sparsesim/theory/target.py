"""Minibatches until no token of a vocabulary has more than a target of its squared error left, and the fewest.

Errors may oscillate: what counts is when the peaks of R are below the target for good. The token that is last is the
most frequent or the rarest, as it is with rates (`conflict`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sparsesim.problems import Embedding
from sparsesim.theory import conflict
from sparsesim.theory import embedding as rows
from sparsesim.theory.tuning import Tuned

RECORDS, PHASES = 16, 6  # of a path to a target, and of an oscillation from each of them on
EARLIEST, LATEST = 0.3, 8.0  # where the path is looked at, in times that the e-folds would take at the slowest rate
POINTS, ROUNDS = 9, 7  # of a search, each way
REACH, CLOSING = 8.0, 0.6  # factor of its first grid, and the power by which it closes in

Grid = Callable[[Tuned, float], tuple[np.ndarray, np.ndarray]]  # around a point, to a reach: eta and eps


def steps_to(embedding: Embedding, eta: float | np.ndarray, eps: float | np.ndarray, e_folds: float) -> np.ndarray:
    """Minibatches from which on R of the most frequent token and of the rarest stays below exp(-e_folds).

    Args:
        embedding: without label noise.
        eta: learning rate, broadcast with eps.
        eps: momentum decay.
        e_folds: of the squared error, from R = 1 and momentum at rest.

    Returns:
        The shape of eta and eps, no whole numbers; right to some per cent, interpolated between peaks. inf where it is
        unstable, or not there in 8 times what the slowest mode would take.
    """
    two = conflict.extremes(embedding)
    eta, eps = np.broadcast_arrays(eta, eps)
    rate = conflict.worst_rate(two, eta, eps)
    unit = np.where(rate > 0.0, e_folds / np.maximum(rate, 1e-300), 1.0)
    times = np.geomspace(EARLIEST, LATEST, RECORDS) * unit[..., None]
    of = rows.step(two, eta[..., None], eps[..., None])
    counts = np.rint(times[..., None, :, None] + _phases(of)[..., None, :])
    R = rows.noiseless_risks(of, counts.reshape(*of.lam.shape, -1)).reshape(counts.shape).max(axis=-1)
    found = crossing(np.log(np.maximum(R.max(axis=-2), 1e-300)) + e_folds, times)
    return np.where(rate > 0.0, found, np.inf)


def _phases(of: rows.Step) -> np.ndarray:
    """Minibatches that are spread over an oscillation of R, (..., row, phase); 0 where there is none."""
    mu = 1.0 - of.eps
    with np.errstate(divide="ignore", invalid="ignore"):
        angle = np.arccos((1.0 + mu - of.lam) / (2.0 * np.sqrt(mu)))  # of the mean error in a minibatch
        # R is its square, and seen at whole minibatches alone: angles beyond pi/2 go backwards.
        period = np.pi / np.minimum(angle, np.pi - angle)
    period = np.where(np.isfinite(period), np.minimum(period, 1.0 / of.eps), 0.0)  # longer ones die out before
    return period[..., None] * (np.arange(PHASES) / PHASES)


def crossing(values: np.ndarray, times: np.ndarray) -> np.ndarray:
    """When values (..., time) go below 0 for good, interpolated; inf where they do not, the first time if all are."""
    peak = np.maximum.accumulate(values[..., ::-1], axis=-1)[..., ::-1]
    below = peak <= 0.0
    after = np.maximum(1, below.argmax(axis=-1))[..., None]
    (high, low), (before, then) = (
        (np.take_along_axis(of, after - 1, axis=-1)[..., 0], np.take_along_axis(of, after, axis=-1)[..., 0])
        for of in (peak, np.broadcast_to(times, peak.shape))
    )
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.clip(np.where(high > low, high / (high - low), 0.0), 0.0, 1.0)
    return np.where(below[..., -1], before + share * (then - before), np.inf)


def fewest_steps(embedding: Embedding, e_folds: float, near: Tuned | None = None) -> Tuned:
    """The learning rate and momentum that take the fewest minibatches to a target.

    Not those of the best rate, whose two modes of equal decay are slow at first.

    Args:
        embedding: without label noise.
        e_folds: the target, as in `steps_to`.
        near: where to search as well, such as the best of a batch size nearby.
    """

    def grid(tuned: Tuned, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Around a point in both."""
        some = np.geomspace(1.0 / reach, reach, POINTS)
        return tuned.eta * some, np.minimum(1.0, tuned.eps * some)[:, None]

    return _fewest(embedding, e_folds, grid, [conflict.best_momentum(embedding), *([near] if near else [])])


def fewest_steps_at(embedding: Embedding, e_folds: float, eps: float, near: Tuned | None = None) -> Tuned:
    """The learning rate that does so, given the momentum; arguments as in `fewest_steps`."""

    def grid(tuned: Tuned, reach: float) -> tuple[np.ndarray, np.ndarray]:
        """Around a point in the learning rate."""
        return tuned.eta * np.geomspace(1.0 / reach, reach, POINTS**2), np.array([[eps]])

    return _fewest(embedding, e_folds, grid, [conflict.best_learning_rate(embedding, eps), *([near] if near else [])])


def _fewest(embedding: Embedding, e_folds: float, grid: Grid, starts: list[Tuned]) -> Tuned:
    """The best of grids that close in on the best point so far, from each start."""
    found: list[tuple[float, Tuned]] = []
    for start in starts:
        best, reach = (float(steps_to(embedding, start.eta, start.eps, e_folds)), start), REACH
        for _ in range(ROUNDS):
            eta, eps = np.broadcast_arrays(*grid(best[1], reach))
            steps = steps_to(embedding, eta, eps, e_folds)
            at = np.unravel_index(int(steps.argmin()), steps.shape)
            if steps[at] < best[0]:
                rate = float(conflict.worst_rate(embedding, eta[at], eps[at]))
                best = float(steps[at]), Tuned(float(eta[at]), float(eps[at]), rate)
            reach **= CLOSING
        found.append(best)
    return min(found, key=lambda one: one[0])[1]
