"""Gaussian means of functions of the sigmoid, by the trapezoid rule with its error bounded beforehand.

With s the sigmoid, q = 1 - s and f = mean + spread z, z ~ N(0, 1), every coefficient of the model is a fixed
combination of the means E[s(f)^k] and E[s(f)^k q(f)], because s' = s q: derivatives of s and s^2 are polynomials in s
times s q and s^2 q. All these means are positive, so they keep their relative digits however rare the class.

The integrand is analytic but for the poles of s, at distance pi/spread from the real axis. Moving the contour by i y
changes the trapezoid rule of step h by a factor exp(y^2/2 - 2 pi y/h), in relative terms since |s(f + i v)| is s(f) up
to a factor of order one. The best y that stays below the poles makes this exp(-E) at the step used here.

Where the spread is large the nodes would be ever closer, 2 pi^2/E apart in f. Most of them would lie where s is 0 or 1,
so there the sum runs over f instead, as far as s' reaches. (s^k)' = k s^k q turns the means of powers into such sums:
E[s(f)^k] is the sum over l of k s(l)^k q(l) times the probability that f exceeds l.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy.special import ndtr

EXPONENT = 48.0  # E: exp(-48) = 1e-21 leaves room for the poles of order six in the slopes of D2
TAIL = 8.5  # a standard normal is beyond it with probability 1e-17
SLAB = 2**15  # nodes times states that are in memory at once: arrays of 256 KB, which caches hold
LARGEST_LOGIT = 700.0  # exp of it is still a float
WIDE = 16.0  # the spread above which sums run over f
REACH = 90.0  # of f: s' is at most exp(-90) beyond, and no less than exp(-45) of it is left with the density of f


class Slab(NamedTuple):
    """States that share their nodes z."""

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
    for wide in _wide_slabs(mean, spread):
        for k in range(1, powers + 1):
            means[k - 1, wide.states] = ndtr(-wide.z) @ (k * wide.weights * wide.s ** (k - 1))
        for k in range(1, products + 1):
            means[powers + k - 1, wide.states] = wide.density @ (wide.weights * wide.s ** (k - 1))
    return means


def curvature_means(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """E[s' z^k], k = 0, 1, 2, at f = mean + spread z; arguments as in `sigmoid_means`. Returns (3, state)."""
    means = np.empty((3, mean.size))
    for slab in _slabs(mean, spread, 1):
        s, q = _sigmoid(slab.f)
        means[:, slab.states] = ((s * q) @ (slab.weights * slab.z ** np.arange(3)[:, None]).T).T
    for wide in _wide_slabs(mean, spread):
        for k in range(3):
            means[k, wide.states] = (wide.density * wide.z**k) @ wide.weights
    return means


def loss_mean(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """E[log(1 + exp f)] at f = mean + spread z; arguments as in `sigmoid_means`. Returns (state,)."""
    means = np.empty(mean.size)
    for slab in _slabs(mean, spread, 1):
        means[slab.states] = np.logaddexp(0.0, slab.f) @ slab.weights
    for wide in _wide_slabs(mean, spread):  # s' is the second derivative, and E[max(f - l, 0)] is elementary
        scale = spread[wide.states]
        means[wide.states] = scale * ((scale[:, None] * wide.density - wide.z * ndtr(-wide.z)) @ wide.weights)
    return means


def _slabs(mean: np.ndarray, spread: np.ndarray, powers: int) -> Iterator[Slab]:
    """The states that are not wide, a few at a time, with nodes wherever s^k, k <= powers, has weight."""
    with np.errstate(over="ignore"):
        # The z whose logit is 0 is where s^k turns from exp(k f) to 1; tilting by exp(k f) moves the weight by
        # k spread, but not beyond it. Below it q is 1, above it exp(-f), which moves the weight down.
        turn = -mean / np.maximum(spread, 1e-300)
    low = np.clip(turn, -spread, spread) - TAIL
    high = np.clip(turn, 0.0, powers * spread) + TAIL
    left = np.flatnonzero(~_is_wide(mean, spread))
    left = left[np.argsort(-spread[left], kind="stable")]  # states that share nodes should be alike
    while left.size:
        step = _step(float(spread[left[0]]))
        widest = np.max(high[left] - low[left])
        states, left = np.split(left, [max(1, int(SLAB * step / widest))])
        # Multiples of a step of 30 bits are exact. A large spread would multiply the rounding of others.
        z = step * np.arange(math.floor(low[states].min() / step), math.ceil(high[states].max() / step) + 1)
        weights = step / math.sqrt(2.0 * math.pi) * np.exp(-0.5 * z * z)
        f = spread[states, None] * z
        f += mean[states, None]
        yield Slab(states, z, weights, f)


class WideSlab(NamedTuple):
    """States of large spread, whose nodes are the same logits for all."""

    states: np.ndarray  # (state,), their indices
    z: np.ndarray  # (state, node), of the logits
    density: np.ndarray  # (state, node), of f at the logits
    s: np.ndarray  # (node,), the sigmoid at the logits
    weights: np.ndarray  # (node,), step times s'


def _is_wide(mean: np.ndarray, spread: np.ndarray) -> np.ndarray:
    """Whether sums run over f: its density changes by at most exp(|f|/2) from that at 0, and s' falls as exp(-|f|)."""
    return (spread > WIDE) & (np.abs(mean) / np.maximum(spread, 1.0) < 0.5 * spread)


def _wide_slabs(mean: np.ndarray, spread: np.ndarray) -> Iterator[WideSlab]:
    """The wide states, a few at a time."""
    left = np.flatnonzero(_is_wide(mean, spread))
    if not left.size:
        return
    step = 2.0 * math.pi**2 / EXPONENT
    f = step * np.arange(-math.ceil(REACH / step), math.ceil(REACH / step) + 1)
    s, q = _sigmoid(f.copy())
    while left.size:
        states, left = np.split(left, [SLAB // f.size])
        scale = spread[states, None]
        z = (f - mean[states, None]) / scale
        yield WideSlab(states, z, np.exp(-0.5 * z * z) / (math.sqrt(2.0 * math.pi) * scale), s, step * s * q)


def _step(spread: float) -> float:
    """The largest step of 30 bits with an error of exp(-EXPONENT); below the least spread the poles do not matter."""
    least = math.pi / math.sqrt(2.0 * EXPONENT)
    spread = max(spread, least)
    step = 2.0 * math.pi**2 / (spread * (EXPONENT + math.pi**2 / (2.0 * spread**2)))
    mantissa, exponent = math.frexp(step)
    return math.ldexp(math.floor(math.ldexp(mantissa, 30)), exponent - 30)


def _sigmoid(f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The sigmoid s and q = 1 - s, both with all their digits; f is overwritten."""
    np.clip(f, -LARGEST_LOGIT, LARGEST_LOGIT, out=f)
    q = np.exp(np.negative(f, out=f), out=f)
    s = 1.0 + q
    np.reciprocal(s, out=s)
    q *= s  # exp(-f) s(f) = s(-f), without a difference
    return s, q
