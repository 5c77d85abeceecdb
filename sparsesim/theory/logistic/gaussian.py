"""Gaussian means of functions of the sigmoid, by the trapezoid rule with its error bounded beforehand.

With s the sigmoid, q = 1 - s and f = mean + spread z, z ~ N(0, 1), every coefficient of the model is a fixed
combination of the means E[s(f)^k] and E[s(f)^k q(f)], because s' = s q: derivatives of s and s^2 are polynomials in s
times s q and s^2 q. All these means are positive, so they keep their relative digits however rare the class.

The integrand is analytic but for the poles of s, at distance pi/spread from the real axis. Moving the contour by i y
changes the trapezoid rule of step h by a factor exp(y^2/2 - 2 pi y/h), in relative terms since |s(f + i v)| is s(f) up
to a factor of order one. The best y that stays below the poles makes this exp(-E) at the step used here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

EXPONENT = 48.0  # E: exp(-48) = 1e-21 leaves room for the poles of order six in the slopes of D2
TAIL = 9.5  # a standard normal is beyond it with probability 1e-21
SLAB = 2**16  # nodes times states that are in memory at once: half a megabyte an array, which caches hold
LARGEST_LOGIT = 700.0  # exp of it is still a float


class Slab(NamedTuple):
    """States that share their nodes."""

    states: np.ndarray  # (state,), their indices
    z: np.ndarray  # (node,)
    weights: np.ndarray  # (node,), of z ~ N(0, 1)
    f: np.ndarray  # (state, node), the logits, which the receiver may overwrite


def sigmoid_means(mean: np.ndarray, spread: np.ndarray, powers: int, products: int) -> np.ndarray:
    """E[s^k], k = 1..powers, followed by E[s^k q], k = 1..products, at f = mean + spread z.

    Relative errors stay below 1e-13 for E[s^k], and for E[s^k q] while k <= powers; E[s^k q] beyond that is as accurate
    relative to E[s^powers q].

    Args:
        mean: (state,), finite.
        spread: (state,), 0 or above, finite; 0 gives the values at the mean.
        powers: the number of powers, at least 1.
        products: the number of products.

    Returns:
        (powers + products, state).
    """
    means = np.empty((powers + products, mean.size))
    for slab in _slabs(mean, spread, powers):
        s, q = _sigmoid(slab.f)
        power = s.copy()
        for k in range(powers):
            means[k, slab.states] = power @ slab.weights
            if k + 1 < powers:
                power *= s
        q *= s
        for k in range(products):
            means[powers + k, slab.states] = q @ slab.weights
            q *= s
    return means


def curvature_means(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """E[s' z^k], k = 0, 1, 2, at f = mean + spread z; arguments as in `sigmoid_means`. Returns (3, state)."""
    means = np.empty((3, mean.size))
    for slab in _slabs(mean, spread, 1):
        s, q = _sigmoid(slab.f)
        means[:, slab.states] = ((s * q) @ (slab.weights * slab.z ** np.arange(3)[:, None]).T).T
    return means


def loss_mean(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """E[log(1 + exp f)] at f = mean + spread z; arguments as in `sigmoid_means`. Returns (state,)."""
    means = np.empty(mean.size)
    for slab in _slabs(mean, spread, 1):
        means[slab.states] = np.logaddexp(0.0, slab.f) @ slab.weights
    return means


def _slabs(mean: np.ndarray, spread: np.ndarray, powers: int) -> Iterator[Slab]:
    """All states, a few at a time, with nodes that reach wherever s^k, k <= powers, has weight."""
    with np.errstate(over="ignore"):
        # The z whose logit is 0 is where s^k turns from exp(k f) to 1; tilting by exp(k f) moves the weight by
        # k spread, but not beyond it. Below it q is 1, above it exp(-f), which moves the weight down.
        turn = -mean / np.maximum(spread, 1e-300)
    low = np.clip(turn, -spread, spread) - TAIL
    high = np.clip(turn, 0.0, powers * spread) + TAIL
    order = np.argsort(-spread, kind="stable")  # states of one slab share their nodes, so they should be alike
    first = 0
    while first < mean.size:
        step = _step(float(spread[order[first]]))
        widest = np.max(high[order[first:]] - low[order[first:]])
        count = max(1, int(SLAB * step / widest))
        states = order[first : first + count]
        z = np.arange(low[states].min(), high[states].max() + step, step)
        weights = step / math.sqrt(2.0 * math.pi) * np.exp(-0.5 * z * z)
        yield Slab(states, z, weights, mean[states, None] + spread[states, None] * z)
        first += count


def _step(spread: float) -> float:
    """The largest step whose relative error is exp(-EXPONENT); below the least spread the poles do not matter."""
    least = math.pi / math.sqrt(2.0 * EXPONENT)
    spread = max(spread, least)
    return 2.0 * math.pi**2 / (spread * (EXPONENT + math.pi**2 / (2.0 * spread**2)))


def _sigmoid(f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sigmoid s and q = 1 - s, both with all their digits; f is overwritten."""
    q = np.exp(-np.clip(f, -LARGEST_LOGIT, LARGEST_LOGIT, out=f), out=f)
    s = 1.0 / (1.0 + q)
    q *= s  # exp(-f) s(f) = s(-f), without a difference
    return s, q
