"""Excess risk, the Kullback-Leibler divergence from the optimum, and the curvature of the risk.

The risk is L = (1-p) E[log(1 + exp f1)] + p E[log(1 + exp -f2)] with the logits of the two classes
(docs/logistic.md, section 2). Close to the optimum L - L* is the difference of numbers that agree. There it is computed
as what a convex function rises along the segment theta_t = theta* + t u from the optimum,

    KL = int_0^1 (1-t) u^T H(theta_t) u dt,        u^T H u = E[s'(f) <u, x>^2],

which adds nothing but positive numbers.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsesim.problems import RareClassLogistic
from sparsesim.theory.logistic import gaussian
from sparsesim.theory.logistic.coefficients import States, slopes_at

CLOSE = 0.1  # below this fraction of the risk its excess is taken from the segment: a difference would lose digits
SEGMENT_NODES = 12  # so close to the optimum 12 Gauss-Legendre nodes leave 3e-14, for r up to 12


class Hessians(NamedTuple):
    """Second derivatives of the risk; floats, or arrays of one shape.

    par along ŵ, radial along theta_perp, cross between the two, and perp in any direction across both. At the
    optimum cross is 0 and radial is perp.
    """

    par: np.ndarray | float
    cross: np.ndarray | float
    radial: np.ndarray | float
    perp: np.ndarray | float


def excess_risk(problem: RareClassLogistic, theta_par: ArrayLike, R: ArrayLike) -> np.ndarray | float:
    """L(theta) - L(theta*), of the mean logistic loss (docs/logistic.md, section 2, eqs. 202-203).

    Relative errors stay below 1e-12, at the optimum as well as far from it.

    Args:
        problem: gives p and r; d and B play no part.
        theta_par: component of theta along the signal, finite.
        R: squared norm of theta across the signal, 0 or above.

    Raises:
        ValueError: a state outside its range.
    """
    return excess_risk_at(problem.p, problem.r, theta_par, R)


def excess_risk_at(p: ArrayLike, r: ArrayLike, theta_par: ArrayLike, R: ArrayLike) -> np.ndarray | float:
    """`excess_risk` for many problems and states at once.

    Args:
        p: probability of the rare class, in (0, 1).
        r: norm of the signal, above 0.
        theta_par: component of theta along the signal, finite.
        R: squared norm of theta across the signal, 0 or above.

    Raises:
        ValueError: an argument outside its range, or shapes that do not broadcast.
    """
    states = States(p, r, theta_par, R)
    risk, least = _risk(states), _risk(States(states.p, states.r, states.r, 0.0))
    excess = risk - least
    close = excess < CLOSE * risk
    if close.any():
        near = States(*(values[close] for values in (states.p, states.r, states.theta_par, states.R)))
        excess[close] = _rise(near)
    return states.shaped(excess)


def approximate_excess_risk(problem: RareClassLogistic, theta_par: ArrayLike, R: ArrayLike) -> np.ndarray | float:
    """p/2 ((1+r^2)(theta_par-r)^2 + R), up to relative errors of order p exp(r^2) and of the order of |theta - theta*|.

    For comparison with the paper (docs/logistic.md, section 2, eq. 204).

    Args:
        problem: gives p and r; d and B play no part.
        theta_par: component of theta along the signal, finite.
        R: squared norm of theta across the signal, 0 or above.

    Raises:
        ValueError: a state outside its range.
    """
    states = States(problem.p, problem.r, theta_par, R)
    along = (1.0 + states.r**2) * (states.theta_par - states.r) ** 2
    return states.shaped(0.5 * states.p * (along + states.R))


def hessians(problem: RareClassLogistic, theta_par: ArrayLike, R: ArrayLike) -> Hessians:
    """Curvature of the risk at a state (docs/logistic.md, section 2); (r, 0) gives that of the optimum.

    Derivatives of the gradient G ŵ + A theta_perp: dG/dtheta_par along ŵ, A across it, and 2 R dA/dR more along
    theta_perp.

    Args:
        problem: gives p and r; d and B play no part.
        theta_par: component of theta along the signal, finite.
        R: squared norm of theta across the signal, 0 or above.

    Raises:
        ValueError: a state outside its range.
    """
    c, by_theta, by_R = slopes_at(problem.p, problem.r, theta_par, R)
    x, R = np.asarray(theta_par)[()], np.asarray(R)[()]
    return Hessians(c.A + by_theta.A * x - by_theta.b * problem.r, np.sqrt(R) * by_theta.A, c.A + 2.0 * R * by_R.A, c.A)


def _risk(states: States) -> np.ndarray:
    """L, (state,)."""
    losses = gaussian.loss_mean(states.logits.ravel(), np.tile(states.tau, 2))
    return states.mix(*losses.reshape(states.logits.shape))


def _rise(states: States) -> np.ndarray:
    """KL as an integral along the segment from the optimum, (state,)."""
    nodes, weights = np.polynomial.legendre.leggauss(SEGMENT_NODES)
    t = 0.5 * (1.0 + nodes)
    p, r, R, along = (a[:, None] for a in (states.p, states.r, states.R, states.theta_par - states.r))
    theta_par = r + t * along
    tau = np.hypot(theta_par, t * np.sqrt(R))

    # u in the plane of theta_t: its component along theta_t, on which the logit depends, and the square of the other.
    safe = np.where(tau > 0.0, tau, 1.0)
    inward = np.where(tau > 0.0, (along * theta_par + t * R) / safe, along)
    across = R * (r / safe) ** 2

    def curvature(mean: np.ndarray, shift: np.ndarray) -> np.ndarray:
        """E[s' <u, x>^2] in a class where <u, x> is N(shift, |u|^2)."""
        m0, m1, m2 = gaussian.curvature_means(mean.ravel(), tau.ravel()).reshape(3, *tau.shape)
        return (shift**2 + across) * m0 + 2.0 * shift * inward * m1 + inward**2 * m2

    bias = np.broadcast_to(states.bias[:, None], tau.shape)
    common, rare = curvature(bias, 0.0 * along), curvature(bias + r * theta_par, r * along)
    return ((1.0 - p) * common + p * rare) @ (0.5 * weights * (1.0 - t))
