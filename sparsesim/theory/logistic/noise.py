"""How far a minibatch carries the five moments from their mean: the covariance of one step.

With e1 along theta_perp and e2 across it in the plane of m_perp, a step is linear in four numbers of the gradient:
g_par, g1, g2 and P = |g_perp|^2 = g1^2 + S chi^2/B^2, where S is the sum of the squared residuals a_i^2 and chi^2 has
d - 2 degrees of freedom (docs/logistic.md, section 7):

    m_par' = mu m_par + eps g_par                theta_par' = theta_par - eta m_par'
    V' = mu^2 V + 2 mu eps (c1 g1 + c2 g2) + eps^2 P         c1 = C/sqrt(R),  c1^2 + c2^2 = V
    R' = R - 2 eta sqrt(R) m1' + eta^2 V'        C' = sqrt(R) m1' - eta V'        m1' = mu c1 + eps g1

Their joint covariance follows from cumulants, up to the fourth, of a sample's gradient. Where the rare class is seldom
seen, p B < 1, it is the spread of S that decides how V moves, and S is correlated with the gradient.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic.class_means import ClassMeans
from sparsesim.theory.logistic.coefficients import Coefficients, coefficients_at
from sparsesim.theory.logistic.drift import Cells, checked


def step_covariance(problem: RareClassLogistic, optimizer: HeavyBall, state: ArrayLike) -> np.ndarray:
    """Cov[next state | state], in the order (theta_par, m_par, R, V, C).

    Exact for any d and B, from fourth moments of the residuals.

    Args:
        problem: all of it plays a part.
        optimizer: likewise.
        state: (5,), or any (..., 5).

    Returns:
        (5, 5), or (..., 5, 5).

    Raises:
        ValueError: a state that is not finite, not of five moments, or with R or V below 0.
    """
    states = checked(state)
    cells = Cells.of([problem], [optimizer])[0]
    at = problem.p, problem.r, states[..., 0], states[..., 2]
    return step_covariances(cells, states, coefficients_at(*at), ClassMeans.at(*map(np.asarray, at)))


def step_covariances(cells: Cells, states: np.ndarray, c: Coefficients, means: ClassMeans) -> np.ndarray:
    """`step_covariance` at states (..., 5) of cells that broadcast with their leading axes, from what is there."""
    _, _, R, V, C = np.moveaxis(states, -1, 0)
    eta, eps, mu = cells.eta, cells.eps, 1.0 - cells.eps
    size = np.sqrt(R)
    # At R = 0 any direction may be e1; the one across m_perp is as good as another.
    c1 = np.divide(C, size, out=np.zeros_like(size), where=size > 0.0)
    c2 = np.sqrt(np.maximum(V - c1 * c1, 0.0))
    zero = np.zeros_like(size)
    to_V = np.stack([zero, 2.0 * mu * eps * c1, 2.0 * mu * eps * c2, eps * eps + zero], axis=-1)
    to_product = np.stack([zero, eps * size, zero, zero], axis=-1)  # sqrt(R) m1'
    to_m = np.stack([eps + zero, zero, zero, zero], axis=-1)
    eta = np.asarray(eta)[..., None]
    moves = [-eta * to_m, to_m, eta * eta * to_V - 2.0 * eta * to_product, to_V, to_product - eta * to_V]
    factor = np.stack(moves, axis=-2)
    return factor @ _gradient_covariance(cells, states, c, means) @ np.swapaxes(factor, -1, -2)


def _gradient_covariance(cells: Cells, states: np.ndarray, c: Coefficients, means: ClassMeans) -> np.ndarray:
    """The joint covariance of (g_par, g1, g2, |g_perp|^2) of a minibatch, (..., 4, 4).

    With cumulants k and g1 of mean G1: Cov[g1^2, x] = k[g1, g1, x] + 2 G1 Cov[g1, x], and Var[g1^2] is
    k[g1, g1, g1, g1] + 4 G1 k[g1, g1, g1] + 2 Var[g1]^2 + 4 G1^2 Var[g1].
    """
    B = cells.B
    across = np.where(cells.bulk > 0.0, 1.0, 0.0)  # nothing is at d = 1
    n = np.maximum(cells.bulk - 1.0, 0.0)  # dimensions across theta_perp too
    k = _cumulants(cells, states, c, means)

    covariance = np.zeros((*states.shape[:-1], 4, 4))
    covariance[..., 0, 0] = k.par_par / B
    covariance[..., 0, 1] = across * k.par_1 / B
    covariance[..., 1, 1] = across * k.one_1 / B
    covariance[..., 2, 2] = across * c.D0 / B
    # Given S, S chi^2 has mean n S and variance 2 n S^2.
    rest = n * ((n + 2.0) * k.S_S / B + 2.0 * np.square(c.D0)) / B**2
    first = k.one_11 / B**2
    square = (k.one_111 / B + 4.0 * k.mean * k.one_11) / B**2 + (2.0 * k.one_1 / B + 4.0 * k.mean**2) * k.one_1 / B
    mixed = n * (k.S_11 / B + 2.0 * k.mean * k.S_1) / B**2
    covariance[..., 0, 3] = across * (n * k.S_par / B**2 + k.par_11 / B**2 + 2.0 * k.mean * k.par_1 / B)
    covariance[..., 1, 3] = across * (n * k.S_1 / B**2 + first + 2.0 * k.mean * k.one_1 / B)
    covariance[..., 3, 3] = across * (rest + square + 2.0 * mixed)
    below = np.tril_indices(4, -1)
    covariance[..., below[0], below[1]] = covariance[..., below[1], below[0]]
    return covariance


class _Cumulants(NamedTuple):
    """Joint cumulants over samples of x = a x_par, x1 = a x_1 and a^2; g and S are sums over a minibatch of them."""

    mean: np.ndarray  # of x1
    par_par: np.ndarray
    par_1: np.ndarray
    one_1: np.ndarray
    S_par: np.ndarray
    S_1: np.ndarray
    S_S: np.ndarray
    one_11: np.ndarray
    par_11: np.ndarray
    S_11: np.ndarray
    one_111: np.ndarray


def _cumulants(cells: Cells, states: np.ndarray, c: Coefficients, means: ClassMeans) -> _Cumulants:
    """From raw moments; with w normal across theta, x_par = cos u - sin w + r y and x_1 = sin u + cos w."""
    th, size, r = states[..., 0], np.sqrt(states[..., 2]), cells.r
    tau = np.hypot(th, size)
    cos = np.divide(th, tau, out=np.ones_like(tau), where=tau > 0.0)
    sin = np.divide(size, tau, out=np.zeros_like(tau), where=tau > 0.0)
    # Means of a^3 u^j, a^4 u^j and a^3 u^j y by Stein's identity; a^3 has the sign of the class.
    third = [common - rare for common, rare in (means.derivative(3, n) for n in range(4))]
    fourth = [means.derivative(4, n).sum(axis=0) for n in (0, 2, 4)]
    rare = [-means.derivative(3, n)[1] for n in (0, 2)]
    a3u, a3u3 = tau * third[1], tau * (3.0 * third[1] + tau**2 * third[3])
    a4, a4u2 = fourth[0], fourth[0] + tau**2 * fourth[1]
    a4u4 = 3.0 * fourth[0] + tau**2 * (6.0 * fourth[1] + tau**2 * fourth[2])
    a3y, a3u2y = rare[0], rare[0] + tau**2 * rare[1]

    G, G1 = c.A * th - c.b * r, c.A * size
    x1_x1 = c.D0 + c.D2 * size**2
    x_x1 = size * (c.D2 * th + c.Dx * r)
    x1_a2, x_a2 = sin * a3u, cos * a3u + r * a3y
    x1_3 = sin**3 * a3u3 + 3.0 * sin * cos**2 * a3u
    x1_2_x = cos * sin**2 * (a3u3 - 2.0 * a3u) + cos**3 * a3u + r * (sin**2 * a3u2y + cos**2 * a3y)
    x1_2_a2 = sin**2 * a4u2 + cos**2 * a4
    x1_4 = sin**4 * a4u4 + 6.0 * (sin * cos) ** 2 * a4u2 + 3.0 * cos**4 * a4
    return _Cumulants(
        mean=G1,
        par_par=c.D0 + (c.D2 * th + 2.0 * c.Dx * r) * th + c.Dm * r * r - G * G,
        par_1=x_x1 - G * G1,
        one_1=x1_x1 - G1 * G1,
        S_par=x_a2 - c.D0 * G,
        S_1=x1_a2 - c.D0 * G1,
        S_S=a4 - np.square(c.D0),
        one_11=x1_3 - 3.0 * G1 * x1_x1 + 2.0 * G1**3,
        par_11=x1_2_x - 2.0 * G1 * x_x1 - G * x1_x1 + 2.0 * G1 * G1 * G,
        S_11=x1_2_a2 - 2.0 * G1 * x1_a2 - c.D0 * x1_x1 + 2.0 * G1 * G1 * c.D0,
        one_111=x1_4 - 4.0 * G1 * x1_3 - 3.0 * x1_x1**2 + 12.0 * x1_x1 * G1 * G1 - 6.0 * G1**4,
    )
