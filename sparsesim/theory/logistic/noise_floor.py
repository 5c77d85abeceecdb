"""Where noise holds the error in the limits of rare-class logistic regression (docs/logistic.md, section 6.2).

The floor depends on K = eta d/(2B) and on r alone: momentum does not move it.
"""

from __future__ import annotations

import math
from typing import NamedTuple, cast

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq
from scipy.special import lambertw

from sparsesim import _validate


class Floor(NamedTuple):
    """Where noise holds the error (section 6.2): rho R = K and rho theta_par = r."""

    rho: float
    theta_par: float
    R: float


def floor(K: float, r: float) -> Floor:
    """The equilibrium at noise K = eta d/(2B) (eq. 247): the one root rho >= 1 of 2 ln rho = r^2/rho^2 + K/rho - r^2.

    Args:
        K: 0 or above.
        r: norm of the signal.

    Raises:
        ValueError: an argument is outside its range.
    """
    K, r = _validate.non_negative("K", K), _validate.positive("r", r)

    def excess(x: float) -> float:
        """Increasing in x = ln rho, and at K/2 no longer negative."""
        return 2.0 * x - r * r * math.expm1(-2.0 * x) - K * math.exp(-x)

    x = 0.0 if K == 0.0 else cast(float, brentq(excess, 0.0, 0.5 * K, xtol=1e-300, rtol=np.float64(1e-15)))
    return Floor(math.exp(x), r * math.exp(-x), K * math.exp(-x))


def approximate_floor(K: ArrayLike, r: float) -> np.ndarray:
    """R from R = K exp(-R/(2(1 + r^2))), the floor at small K to second order (eq. 235).

    Its relative error at r = 1 is 3e-4 at K = 0.1 and 2% at K = 1 (section 9, F7). Shape of `K`.
    """
    scale = 2.0 * (1.0 + r * r)
    return scale * lambertw(np.asarray(K, dtype=np.float64) / scale).real


def approximate_theta_par(R: ArrayLike, r: float) -> np.ndarray:
    """theta_par = r - r R/(2(1 + r^2)) at a floor R that is small (eq. 248). Shape of `R`."""
    return r - r * np.asarray(R, dtype=np.float64) / (2.0 * (1.0 + r * r))
