"""Mean and fluctuation of the minibatch gradient, along the signal and across it (docs/logistic.md, section 1).

By symmetry three numbers carry a mean gradient, E[g] = par ŵ + perp theta_perp, and the second moment needs no more
directions than what and e1 = theta_perp/|theta_perp|: across both the gradient is isotropic with mean zero.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic.coefficients import coefficients
from sparsesim.theory.logistic.drift import Cells, squared_gradient


class MeanGradient(NamedTuple):
    """The population gradient, par ŵ + perp theta_perp; floats, or arrays of one shape."""

    par: np.ndarray | float
    perp: np.ndarray | float


class GradientCovariance(NamedTuple):
    """(Co)variances of a minibatch gradient along ŵ ("par") and along theta_perp ("radial")."""

    par: np.ndarray | float
    radial: np.ndarray | float
    cross: np.ndarray | float


def mean_gradient(problem: RareClassLogistic, theta_par: ArrayLike, R: ArrayLike) -> MeanGradient:
    """G = A theta_par - b r along the signal, and A, the factor of theta_perp across it (docs/logistic.md, section 1).

    Errors of G are some 1e-15 of A theta_par: close to the optimum, where both terms cancel, its digits go.

    Args:
        problem: gives p and r; d and B play no part.
        theta_par: component of theta along the signal, finite.
        R: squared norm of theta across the signal, 0 or above.

    Raises:
        ValueError: a state outside its range.
    """
    c = coefficients(problem, theta_par, R)
    return MeanGradient(c.A * np.asarray(theta_par)[()] - c.b * problem.r, c.A)


def squared_gradient_across(problem: RareClassLogistic, theta_par: ArrayLike, R: ArrayLike) -> np.ndarray | float:
    """S = E|g_perp|^2 of a minibatch across the signal (docs/logistic.md, section 1, eq. 201).

    ((d-1) D0 + D2 R)/B + (1 - 1/B) A^2 R: noise that stays at R = 0, and what is proportional to R.

    Args:
        problem: all of it plays a part.
        theta_par: component of theta along the signal, finite.
        R: squared norm of theta across the signal, 0 or above.

    Raises:
        ValueError: a state outside its range.
    """
    c = coefficients(problem, theta_par, R)
    cells = Cells.of([problem], [HeavyBall(1.0, 1.0)])[0]  # a gradient knows no optimizer
    return squared_gradient(cells, c, np.asarray(R))[()]


def gradient_covariance(problem: RareClassLogistic, theta_par: ArrayLike, R: ArrayLike) -> GradientCovariance:
    """Variance of a minibatch gradient along ŵ and along theta_perp, and their covariance.

    At R = 0 the direction e1 is an arbitrary one across the signal (docs/logistic.md, section 1).

    Args:
        problem: gives p, r and B; d plays no part.
        theta_par: component of theta along the signal, finite.
        R: squared norm of theta across the signal, 0 or above.

    Raises:
        ValueError: a state outside its range.
    """
    c = coefficients(problem, theta_par, R)
    r, B, x, R = problem.r, problem.B, np.asarray(theta_par)[()], np.asarray(R)[()]
    G = c.A * x - c.b * r
    return GradientCovariance(
        (c.D0 + c.D2 * x**2 + 2.0 * c.Dx * r * x + c.Dm * r**2 - G**2) / B,
        (c.D0 + c.D2 * R - c.A**2 * R) / B,
        np.sqrt(R) * (c.D2 * x + c.Dx * r - G * c.A) / B,
    )
