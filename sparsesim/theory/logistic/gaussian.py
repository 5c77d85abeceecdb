"""Gaussian means of powers of the sigmoid, by the trapezoid rule with its error bounded beforehand.

With s the sigmoid, q = 1 - s and f = mean + spread z, z ~ N(0, 1), every coefficient of the model is a fixed
combination of the means E[s(f)^k] and E[s(f)^k q(f)], because s' = s q: derivatives of s and s^2 are polynomials in s
times s q and s^2 q. All these means are positive, so they keep their relative digits however rare the class.

The integrand is analytic but for the poles of s, at distance pi/spread from the real axis. Moving the contour by i y
changes the trapezoid rule of step h by a factor exp(y^2/2 - 2 pi y/h), in relative terms since |s(f + i v)| is s(f) up
to a factor of order one. The best y that stays below the poles makes this exp(-E) at the step used here.
"""

from __future__ import annotations

import math

import numpy as np

EXPONENT = 48.0  # E: exp(-48) = 1e-21 leaves room for the poles of order six in the slopes of D2
TAIL = 9.5  # a standard normal is beyond it with probability 1e-21
SLAB = 2**16  # nodes times states that are in memory at once: half a megabyte an array, which caches hold
LARGEST_LOGIT = 700.0  # exp of it is still a float


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
    with np.errstate(over="ignore"):
        # The state whose logit is 0 is where s^k turns from exp(k f) to 1; tilting by exp(k f) moves the weight by
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
        slab = order[first : first + count]
        z = np.arange(low[slab].min(), high[slab].max() + step, step)
        weights = step / math.sqrt(2.0 * math.pi) * np.exp(-0.5 * z * z)
        means[:, slab] = _weighted(mean[slab, None] + spread[slab, None] * z, weights, powers, products)
        first += count
    return means


def _step(spread: float) -> float:
    """The largest step whose relative error is exp(-EXPONENT); below the least spread the poles do not matter."""
    least = math.pi / math.sqrt(2.0 * EXPONENT)
    spread = max(spread, least)
    return 2.0 * math.pi**2 / (spread * (EXPONENT + math.pi**2 / (2.0 * spread**2)))


def _weighted(f: np.ndarray, weights: np.ndarray, powers: int, products: int) -> np.ndarray:
    """Sums over the last axis; f (state, node) is overwritten. Returns (powers + products, state)."""
    sums = np.empty((powers + products, f.shape[0]))
    q = np.exp(-np.clip(f, -LARGEST_LOGIT, LARGEST_LOGIT, out=f), out=f)
    s = 1.0 / (1.0 + q)
    q *= s  # exp(-f) s(f) = s(-f), without a difference
    power = s.copy()
    for k in range(powers):
        sums[k] = power @ weights
        if k + 1 < powers:
            power *= s
    q *= s
    for k in range(products):
        sums[powers + k] = q @ weights
        q *= s
    return sums
