"""Draws by inversion: quantile functions as tables that hold float32's precision out to tails of 2^-33.

One random word is one draw, of any law, at one cost: no loop, no rejection, no branch. A word w in [0, 2^32) is the
probability (w + 1/2) / 2^32. Its distance q <= 1/2 from the nearer end, as a float, is the address: exponent and three
bits of the mantissa choose one of 257 intervals of that side, the rest of the mantissa is where a cubic is evaluated.
Intervals shrink with q, so a quantile like q^(1/n) keeps its relative precision however far in the tail.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from numpy.polynomial import Chebyshev, chebyshev
from scipy import interpolate, special, stats

from sparsesim.simulation import gamma

Array = Any

SUBINTERVALS = 8  # of a factor 2 in q
ROWS = 32 * SUBINTERVALS + 1  # a side; the last is q = 1/2 alone
COEFFICIENTS = 4
# Of a mixture's number of degrees; a coarser lattice under a wide law changes nothing at double precision.
NODES_PER_DEVIATION = 4.0
NORMAL_DEGREE, NORMAL_END = 95, 6.35  # of a quantile function's polynomial in the normal's; covers 2^-33
FORGOTTEN = 2.0**-60  # relative weight of the numbers of degrees that are left out
# Between frequencies a mixture's quantiles are polynomials in log2 p, on intervals of this width, through so many
# nodes: right to 1e-10 also where p B is some 20 and few active samples turn from usual to very rare.
INTERVAL, INTERVAL_NODES = 0.25, 16

# Quantile functions take tail probabilities q (any shape) and which tail they are of.
Quantile = Callable[[np.ndarray, bool], np.ndarray]


def draw(word: Array, table: Array) -> jax.Array:
    """The quantile at a random word; `table` (2 * ROWS * COEFFICIENTS,) as `tabulated` returns it."""
    upper = word >> 31
    distance = jnp.where(upper, ~word, word).astype(jnp.float32) + 0.5
    pattern = jax.lax.bitcast_convert_type(distance, jnp.uint32)
    row = (pattern >> 20) - (126 << 3) + upper * ROWS
    within = jax.lax.bitcast_convert_type((pattern & 0xFFFFF) | 0x3F800000, jnp.float32) - (1.0 + 0.5 / SUBINTERVALS)
    first = row * COEFFICIENTS  # unsigned: JAX need not look for negative indices
    # A gather a coefficient: XLA's CPU backend is faster at four of those than at one of rows.
    c0, c1, c2, c3 = (jnp.asarray(table)[first + i] for i in range(COEFFICIENTS))
    return c0 + within * (c1 + within * (c2 + within * c3))


def tabulated(quantile: Quantile) -> np.ndarray:
    """A quantile function as a table for `draw`, float32: the cubic through the Chebyshev nodes of each interval."""
    q, _ = _nodes()
    return _table(*(quantile(np.append(q, 0.5), upper) for upper in (False, True)))


@functools.cache
def _nodes() -> tuple[np.ndarray, np.ndarray]:
    """Where a quantile function is asked for, (node,), and what makes cubics of each four values."""
    octaves = 2.0 ** np.arange(-1, 31)
    mantissas = 1.0 + (np.arange(SUBINTERVALS) + 0.5) / SUBINTERVALS
    within = np.cos(np.pi * (np.arange(COEFFICIENTS) + 0.5) / COEFFICIENTS) * (0.5 / SUBINTERVALS)
    q = octaves[:, None, None] * (mantissas[:, None] + within) * 2.0**-32
    return q.reshape(-1), np.linalg.inv(np.vander(within, increasing=True)).T


def _table(*sides: np.ndarray) -> np.ndarray:
    """The table of values at the nodes and at 1/2, of the lower tail and of the upper."""
    _, to_monomials = _nodes()
    table = np.zeros((2, ROWS, COEFFICIENTS))
    for side, values in zip(table, sides, strict=True):
        side[:-1] = values[:-1].reshape(ROWS - 1, COEFFICIENTS) @ to_monomials
        side[-1, 0] = values[-1]  # the word next to 1/2 rounds to it, the left end of an interval that is not there
    return table.astype(np.float32).reshape(-1)


def normal(q: np.ndarray, upper: bool) -> np.ndarray:
    """The standard normal's quantiles."""
    return -special.ndtri(q) if upper else special.ndtri(q)


NORMAL = tabulated(normal)


@functools.lru_cache(maxsize=4096)
def chi(degrees: int) -> np.ndarray:
    """Table of the chi law, the root of a chi-square: the length of a Gaussian vector; 0 for no degrees or fewer."""
    if degrees < 1:
        return np.zeros(2 * ROWS * COEFFICIENTS, np.float32)
    return tabulated(lambda q, upper: np.sqrt(2.0 * gamma.quantile(degrees / 2.0, q, upper)))


@functools.lru_cache(maxsize=4096)
def active_chi(B: int, p: float) -> np.ndarray:
    """Table of the root of a chi-square whose degrees are the active samples of an active minibatch.

    They are Binomial(B, p) conditioned on at least one. Only this mixture enters a trajectory, never the number.
    """
    return _active_table(_log_root(B, p))


def interpolated_active_chi(B: int, p: float) -> np.ndarray:
    """As `active_chi`, some forty times faster where many p are close: interpolated between some of them."""
    if p >= 0.5:  # next to 1 a polynomial of a small minibatch has its zero
        return active_chi(B, p)
    position = math.log2(p) / INTERVAL
    interval = math.floor(position)
    (within,) = chebyshev.chebvander(2.0 * (position - interval) - 1.0, INTERVAL_NODES - 1)
    return _active_table(within @ _interval(B, interval))


@functools.lru_cache(maxsize=4096)
def _interval(B: int, number: int) -> np.ndarray:
    """Chebyshev coefficients (of log2 p, of the normal score) on an interval, from `INTERVAL` times `number` on."""
    nodes = np.cos(np.pi * (np.arange(INTERVAL_NODES) + 0.5) / INTERVAL_NODES)
    p = 2.0 ** (INTERVAL * (number + 0.5 * (nodes + 1.0)))
    return np.linalg.solve(chebyshev.chebvander(nodes, INTERVAL_NODES - 1), [_log_root(B, float(x)) for x in p])


def _active_table(log_root: np.ndarray) -> np.ndarray:
    """The table of what `_log_root` describes."""
    lower, upper = (np.exp(scores @ log_root) for scores in _scores())
    return _table(lower, upper)


@functools.cache
def _scores() -> tuple[np.ndarray, np.ndarray]:
    """Chebyshev polynomials at the normal scores of all nodes of the lower tail and of the upper, (node, degree)."""
    q = np.append(_nodes()[0], 0.5)
    lower, upper = (chebyshev.chebvander(normal(q, side) / NORMAL_END, NORMAL_DEGREE) for side in (False, True))
    return lower, upper


def _log_root(B: int, p: float) -> np.ndarray:
    """Chebyshev coefficients, in the normal score, of the log of the quantiles that `active_chi` tabulates."""
    degrees, weights = active_degrees(B, p)

    def log_root(z: np.ndarray) -> np.ndarray:
        """Log of the mixture's quantile at a normal score."""
        q, upper = special.ndtr(-np.abs(z)), z > 0.0
        values = np.empty_like(z)
        for tail in (False, True):
            values[upper == tail] = np.log(mixture_quantile(degrees, weights, q[upper == tail], tail))
        return values

    # The mixture's tails take long to sum, and its quantiles are smooth in those of the normal law.
    return Chebyshev.interpolate(log_root, NORMAL_DEGREE, domain=[-NORMAL_END, NORMAL_END]).coef


def active_degrees(B: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of active samples, and their probabilities given at least one.

    Every number where the law is narrow; where it is wide, a lattice fine enough that a smooth function's mean over it
    is its mean over all (the trapezoidal rule errs by exp(-2 (pi NODES_PER_DEVIATION)^2), little more in the tails).
    """
    law = stats.binom(B, p)
    reach = 10.0 * law.std() + 40.0
    lowest, highest = max(1, math.floor(law.mean() - reach)), min(B, math.ceil(law.mean() + reach))
    degrees = np.arange(lowest, highest + 1, max(1, int(law.std() / NODES_PER_DEVIATION)))
    weights = stats.binom.pmf(degrees, B, p)
    kept = weights > FORGOTTEN * weights.max()
    return degrees[kept].astype(float), weights[kept] / weights[kept].sum()


def mixture_quantile(degrees: np.ndarray, weights: np.ndarray, q: np.ndarray, upper: bool) -> np.ndarray:
    """Quantiles of the root of a mixture of chi-squares: interpolated, then made exact by Newton steps in log q.

    Args:
        degrees: the degrees of freedom, (component,).
        weights: their probabilities.
        q: tail probabilities in (0, 1/2], (point,).
        upper: which tail.
    """
    shapes = degrees / 2.0

    def log_tail(x: np.ndarray) -> np.ndarray:
        """Log of the mixture's probability beyond x."""
        with np.errstate(divide="ignore"):
            return np.log(gamma.tail(shapes, x[..., None], upper) @ weights)

    def slope(x: np.ndarray, log_value: np.ndarray) -> np.ndarray:
        """The slope of `log_tail` in ln x."""
        density = gamma.log_density(shapes, x[..., None]) @ weights
        return (-density if upper else density) / np.exp(log_value)

    # A mixture's quantile lies between those of its extreme components.
    ends = gamma.quantile(shapes[[0, -1]], np.array([[q.min()], [q.max()]]), upper)
    log_x = np.linspace(np.log(ends.min()), np.log(ends.max()), 128)
    values = log_tail(np.exp(log_x))
    order = slice(None, None, -1) if upper else slice(None)
    kept = np.isfinite(values)
    values, log_x = values[kept][order], log_x[kept][order]
    rising = np.diff(values, prepend=-np.inf) > 0.0
    guess = interpolate.PchipInterpolator(values[rising], log_x[rising])(np.log(q))
    for _ in range(3):
        x = np.exp(guess)
        value = log_tail(x)
        guess = guess - (value - np.log(q)) / slope(x, value)
    return np.sqrt(2.0 * np.exp(guess))
