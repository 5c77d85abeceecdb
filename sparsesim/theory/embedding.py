"""Tokens of unequal frequency under one learning rate and momentum: exact moments and rates of all rows at once.

Row j of an `Embedding` is by itself sparse least squares of frequency p_j (docs/momentum.md, section 5). In
q = eta m a minibatch moves (R, Q, X) = (E|e|^2, E|q|^2, E<e, q>) by

    q' = mu q + lam e + noise,    e' = e - q',    lam = eta eps p,    n = lam eta eps (d+2-p)/B,

where n R is the variance that sampling adds. Lazy momentum (as SparseAdam has it) touches a row in its active
minibatches alone, of probability P: there lam and n are those of an active minibatch, and idle ones change nothing, so
that lazy momentum is the dense model on the clock of active updates. Everything is float64; rates near the frontier
lose the digits that 1 - H loses (`stability.decay_rate` does not, row by row).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import Embedding
from sparsesim.theory import cubic, propagate

CHUNK = 50_000  # rows at a time


class Step(NamedTuple):
    """What a minibatch does to a row, (row,) each."""

    lam: np.ndarray  # curvature of a step
    n: np.ndarray  # variance it adds, per R
    eps: np.ndarray
    share: np.ndarray  # of minibatches that do it: 1, or those that are active

    @property
    def curvature(self) -> np.ndarray:
        """The feedback lam/(2(2-eps))."""
        return self.lam / (2.0 * (2.0 - self.eps))

    @property
    def noise(self) -> np.ndarray:
        """The feedback n/(2 lam eps)."""
        return self.n / (2.0 * self.lam * self.eps)


def activity(embedding: Embedding) -> np.ndarray:
    """(row,), the probability that a minibatch has a sample of the token, 1 - (1-p)^B."""
    with np.errstate(divide="ignore"):
        return -np.expm1(embedding.B * np.log1p(-embedding.p))


def step(embedding: Embedding, eta: ArrayLike, eps: ArrayLike, *, lazy: bool = False) -> Step:
    """The step of every row.

    Args:
        embedding: its rows are the last axis.
        eta: learning rate, above 0; broadcast with the rows.
        eps: momentum decay, in (0, 1]; likewise, so that each row may have its own.
        lazy: whether rows are touched by their active minibatches alone.

    Raises:
        ValueError: eta or eps is outside its range.
    """
    eta = _validate.numbers("eta", eta, "above 0", low=0.0, open_low=True)
    eps = _validate.numbers("eps", eps, "in (0, 1]", low=0.0, high=1.0, open_low=True)
    p, d, B = embedding.p, embedding.d, embedding.B
    eta, eps, p = np.broadcast_arrays(eta, eps, p)
    lam, n = eta * eps * p, (eta * eps) ** 2 * (p / B) * (d + 2.0 - p)
    if not lazy:
        return Step(lam, n, eps, np.ones_like(p))
    P = np.broadcast_to(activity(embedding), p.shape)
    spread = (d + 2.0 - p) - B * p * ((1.0 - P) / P)  # B P^2/p times the variance of an active gradient, per R
    return Step(lam / P, (eta * eps) ** 2 * (p / (B * P)) * spread, eps, P)


def feedbacks(embedding: Embedding, eta: ArrayLike, eps: ArrayLike, *, lazy: bool = False) -> np.ndarray:
    """H of every row; it is stable iff H < 1 (section 1). Shapes as in `step`."""
    of = step(embedding, eta, eps, lazy=lazy)
    return of.noise + of.curvature


def critical_learning_rate(embedding: Embedding, eps: ArrayLike) -> np.ndarray:
    """The eta below which all rows are stable: the least of theirs, H being proportional to eta (section 5).

    Args:
        embedding: all of its rows.
        eps: momentum decay, in (0, 1]; any shape before a last axis of rows, or a number.

    Returns:
        The shape of eps without its last axis; a number for a number.
    """
    return 1.0 / feedbacks(embedding, 1.0, eps).max(axis=-1)


def decay_rates(embedding: Embedding, eta: ArrayLike, eps: ArrayLike, *, lazy: bool = False) -> np.ndarray:
    """-ln of the spectral radius of every row's moments, per minibatch; negative where they grow (section 1).

    Shapes as in `step`. The cubic is that of `theory.stability`.
    """
    of = step(embedding, eta, eps, lazy=lazy)
    mu, stiffness = 1.0 - of.eps, of.lam / of.eps**2
    k = 2.0 * stiffness * (2.0 - of.eps) * (1.0 - of.curvature)
    D, n = 1.0 - k, 2.0 * stiffness * of.noise
    y = cubic.only_positive_roots(of.eps * (D + n * of.eps), mu * (D + 3.0 * n * of.eps), 2.0 * n * mu**2)
    x = y - 1.0
    constant = 2.0 * stiffness * (2.0 - of.eps) * (1.0 - of.noise - of.curvature)
    linear = 2.0 - of.eps + (1.0 + of.eps) * k - n * of.eps * (3.0 - of.eps)
    quadratic = 3.0 - of.eps + of.eps * k - n * of.eps**2
    with np.errstate(all="ignore"):
        polished = cubic.polished(x, quadratic, linear, constant)
        x = np.where((np.abs(x) < 0.5) & np.isfinite(polished), polished, x)
        return -np.log1p(np.maximum(of.share * of.eps * x, -1.0))


def floors(embedding: Embedding, eta: ArrayLike, eps: ArrayLike) -> np.ndarray:
    """R at which label noise holds every row, eta d s^2/(2 B (1-H)); inf where it is unstable (section 1)."""
    left = 1.0 - feedbacks(embedding, eta, eps)
    with np.errstate(divide="ignore"):
        level = np.asarray(eta) * embedding.d * embedding.label_noise**2 / (2.0 * embedding.B)
        return np.where(left > 0.0, level / left, np.inf if embedding.label_noise else 0.0)


def risks(
    embedding: Embedding, eta: ArrayLike, eps: ArrayLike, times: ArrayLike, *, lazy: bool = False, start: float = 1.0
) -> np.ndarray:
    """Exact E|e|^2 of every row after so many minibatches, from |e|^2 = `start` and momentum at rest.

    Args:
        embedding: all of it plays a part.
        eta: learning rate; any shape that is broadcast with the rows, its last axis.
        eps: momentum decay, likewise: one for all rows, or (row,), or more.
        times: (time,), minibatches, whole and increasing.
        lazy: see `step`.
        start: R at time 0.

    Returns:
        (row, time), or (..., row, time).

    Raises:
        ValueError: an argument is outside its range.
    """
    counts = _validate.clock_times(times, "minibatch")
    of = step(embedding, eta, eps, lazy=lazy)
    flat = Step(*(values.reshape(-1) for values in of))
    p, rates = (np.broadcast_to(values, of.lam.shape).reshape(-1) for values in (embedding.p, eta))
    found = []
    for first in range(0, p.size, CHUNK):
        some = slice(first, first + CHUNK)
        part = Step(*(values[some] for values in flat))
        A = _increments(part) * part.share[:, None, None]
        x0, forcing = np.array([start, 0.0, 0.0]), None
        if embedding.label_noise > 0.0:
            forcing = _forcing(embedding, p[some], rates[some], part.eps)
        found.append(propagate.discrete(A, x0, counts, forcing)[..., 0])
    return np.concatenate(found).reshape(*of.lam.shape, counts.size)


def noiseless_risks(of: Step, times: np.ndarray) -> np.ndarray:
    """R of many steps at once without label noise, from R = 1 and momentum at rest, (..., row, time).

    Args:
        of: as `step` gives them, for all (active) minibatches.
        times: (time,), whole numbers, or (..., row, time), of each its own.
    """
    return propagate.discrete(_increments(of), [1.0, 0.0, 0.0], times)[..., 0]


def scheduled_risks(
    embedding: Embedding, eta: float, eps: Callable[[int], float], times: ArrayLike, *, start: float = 1.0
) -> np.ndarray:
    """As `risks`, with a momentum decay that changes from minibatch to minibatch: eps(k) in the k-th, from 1 on."""
    counts = _validate.clock_times(times, "minibatch")
    state = np.tile([start, 0.0, 0.0], (embedding.p.size, 1))
    wanted, found = set(counts.tolist()), [state[:, 0]] if 0 in counts else []
    together = max(1, CHUNK // embedding.p.size)  # minibatches whose maps are in memory at once
    for first in range(1, int(counts[-1]) + 1, together):
        some = range(first, min(first + together, int(counts[-1]) + 1))
        of = step(embedding, eta, np.array([eps(k) for k in some])[:, None])
        forcing = _forcing(embedding, np.broadcast_to(embedding.p, of.lam.shape), eta, of.eps)
        for k, A, f in zip(some, _increments(of), forcing, strict=True):
            state = state + (A @ state[..., None])[..., 0] + f
            if k in wanted:
                found.append(state[:, 0])
    return np.stack(found, axis=-1)


def _increments(of: Step) -> np.ndarray:
    """The map of an (active) minibatch on (R, Q, X) minus the identity, (row, 3, 3)."""
    lam, n, eps = of.lam, of.n, of.eps
    mu = 1.0 - eps
    rows = [
        [-lam * (2.0 - lam) + n, mu * mu, -2.0 * mu * (1.0 - lam)],
        [lam * lam + n, -eps * (2.0 - eps), 2.0 * lam * mu],
        [lam * (1.0 - lam) - n, -mu * mu, -eps - 2.0 * mu * lam],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def _forcing(embedding: Embedding, p: np.ndarray, eta: ArrayLike, eps: np.ndarray) -> np.ndarray:
    """What label noise adds to (R, Q, X) in a minibatch, active or not, (row, 3)."""
    energy = (np.asarray(eta) * eps * embedding.label_noise) ** 2 * (p / embedding.B) * embedding.d
    return energy[..., None] * np.array([1.0, 1.0, -1.0])
