"""What a spread of the state adds to the mean change of a step, to second order (docs/logistic.md, sections 1 and 3).

The drift is linear in m_par and V; it is curved in theta_par and R through the coefficients, and bilinear in C and
them. So its second-order mean is linear in five covariances, of (theta_par, theta_par), (theta_par, R), (R, R),
(theta_par, C) and (R, C): `PAIRS`, in this order everywhere here.
"""

from __future__ import annotations

import numpy as np

from sparsesim.theory.logistic.class_means import ClassMeans
from sparsesim.theory.logistic.coefficients import Slopes
from sparsesim.theory.logistic.drift import Cells

PAIRS = ((0, 0), (0, 2), (2, 2), (0, 4), (2, 4))


def second_order(cells: Cells, states: np.ndarray, slopes: Slopes, means: ClassMeans) -> np.ndarray:
    """The factors of the covariances `PAIRS` in the mean change of a step: half its second derivatives, twice mixed.

    Args:
        cells: parameters that broadcast with the leading axes of the states.
        states: (..., 5), R at least 0.
        slopes: the coefficients there and their derivatives.
        means: those of the classes there.

    Returns:
        (..., 5, pair): row i is that of moment i, in the order (theta_par, m_par, R, V, C).
    """
    theta_par, _, R, _, C = np.moveaxis(states[..., None], -2, 0)
    c, by_theta, by_R = slopes
    A, b, D0, D2 = _curvatures(cells, states, means)
    A_theta, A_R, D2_theta, D2_R = (np.asarray(x)[..., None] for x in (by_theta.A, by_R.A, by_theta.D2, by_R.D2))
    level = np.asarray(c.A)[..., None]
    e_tt, e_tR, e_RR, e_tC, e_RC = np.eye(5)

    A_squared = 2.0 * level * A + A_theta**2 * e_tt + 2.0 * A_theta * A_R * e_tR + A_R**2 * e_RR
    A_along = theta_par * A + A_theta * e_tt + A_R * e_tR
    AR = R * A + A_theta * e_tR + A_R * e_RR
    AC = C * A + A_theta * e_tC + A_R * e_RC
    D2_R_product = R * D2 + D2_theta * e_tR + D2_R * e_RR
    A_squared_R = R * A_squared + 2.0 * level * (A_theta * e_tR + A_R * e_RR)

    B, r, bulk, eta, eps = (np.asarray(x)[..., None] for x in (cells.B, cells.r, cells.bulk, cells.eta, cells.eps))
    G = A_along - r * b
    S = (bulk * D0 + D2_R_product) / B + (1.0 - 1.0 / B) * A_squared_R
    U = 2.0 * (1.0 - eps) * eps * AC + eps * eps * S
    return np.stack([-eta * eps * G, eps * G, eta * eta * U - 2.0 * eta * eps * AR, U, eps * AR - eta * U], axis=-2)


def _curvatures(cells: Cells, states: np.ndarray, means: ClassMeans) -> list[np.ndarray]:
    """Second derivatives of A, b, D0 and D2, each (..., pair): half those in theta_par and in R, and the mixed one.

    With y the class, d/dR E[phi] = E[phi'']/2 and d/dtheta_par E[phi] = theta_par E[phi''] + r y E[phi'].
    """
    theta_par, r = states[..., 0], cells.r
    # What A, b, D0 and D2 are means of: s' = d|a|/df, less in the rare class; |a| of the rare class; a^2; (a^2)''.
    sources = (
        lambda n: means.derivative(1, n + 1) * _by_class(1.0, -1.0, theta_par),
        lambda n: means.derivative(1, n) * _by_class(0.0, 1.0, theta_par),
        lambda n: means.derivative(2, n),
        lambda n: means.derivative(2, n + 2),
    )
    result = []
    for mean in sources:
        (second, third, fourth), zero = (mean(n) for n in (2, 3, 4)), np.zeros_like(theta_par)
        both, all_fourth = second.sum(axis=0), fourth.sum(axis=0)
        theta_theta = both + theta_par**2 * all_fourth + 2.0 * theta_par * r * third[1] + r * r * second[1]
        theta_R = 0.5 * (theta_par * all_fourth + r * third[1])
        result.append(np.stack([0.5 * theta_theta, theta_R, 0.125 * all_fourth, zero, zero], axis=-1))
    return result


def _by_class(common: float, rare: float, like: np.ndarray) -> np.ndarray:
    """Factors of the two classes, (class, ...) beside the axes of an array."""
    return np.array([common, rare]).reshape(2, *np.ones(like.ndim, dtype=int))
