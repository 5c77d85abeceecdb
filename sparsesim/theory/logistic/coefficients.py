"""Exact coefficients of gradient and second moment at any state (docs/logistic.md, section 1).

The logit of a sample is f = b + r theta_par y + tau z with z ~ N(0, 1), y its class and tau^2 = theta_par^2 + R, so all
expectations are Gaussian means over the two classes. What the common class gives at f the rare one gives at -f: its
residual is s(f) - 1 = -s(-f). Both classes therefore need the same means, those of `gaussian.sigmoid_means`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import RareClassLogistic
from sparsesim.theory.logistic import gaussian

# Derivatives as combinations of s q, s^2 q, s^3 q, s^4 q, s^5 q, where s' = s q and q' = -s q.
S1 = np.array([1.0, 0.0, 0.0, 0.0, 0.0])  # s'
S2 = np.array([1.0, -2.0, 0.0, 0.0, 0.0])  # s''
S3 = np.array([1.0, -6.0, 6.0, 0.0, 0.0])  # s'''
U1 = np.array([0.0, 2.0, 0.0, 0.0, 0.0])  # (s^2)'
U2 = np.array([0.0, 4.0, -6.0, 0.0, 0.0])  # (s^2)''
U3 = np.array([0.0, 8.0, -30.0, 24.0, 0.0])  # (s^2)'''
U4 = np.array([0.0, 16.0, -114.0, 216.0, -120.0])  # (s^2)''''


class Coefficients(NamedTuple):
    """What gradient and second moment are made of; floats, or arrays of one shape.

    With mu_vec = r ŵ, per sample E[g] = A theta - b mu_vec and
    E[g g^T] = D0 I + D2 theta theta^T + Dx (mu_vec theta^T + theta mu_vec^T) + Dm mu_vec mu_vec^T.
    """

    A: np.ndarray | float
    b: np.ndarray | float
    D0: np.ndarray | float
    D2: np.ndarray | float
    Dx: np.ndarray | float
    Dm: np.ndarray | float


class Slopes(NamedTuple):
    """Coefficients and their partial derivatives in theta_par and in R, each field for field."""

    value: Coefficients
    theta_par: Coefficients
    R: Coefficients


class ResidualMoments(NamedTuple):
    """Means over samples of products of the residual a = s(f) - y, the normal u along theta and the class y."""

    a4: np.ndarray | float
    a3u: np.ndarray | float
    a3y: np.ndarray | float


def coefficients(problem: RareClassLogistic, theta_par: ArrayLike, R: ArrayLike) -> Coefficients:
    """The coefficients of a problem at states that broadcast (docs/logistic.md, section 1).

    Args:
        problem: gives p and r; d and B play no part.
        theta_par: component of theta along the signal, finite.
        R: squared norm of theta across the signal, 0 or above.

    Raises:
        ValueError: a state outside its range; the message names it, its value and the range.
    """
    return coefficients_at(problem.p, problem.r, theta_par, R)


def coefficients_at(p: ArrayLike, r: ArrayLike, theta_par: ArrayLike, R: ArrayLike) -> Coefficients:
    """The coefficients for many problems and states at once (docs/logistic.md, section 1).

    Relative errors stay below 1e-12 for p from 0.5 to 1e-9 and |theta| up to 100; D2 changes sign, and its error is
    relative to the integral of the absolute value.

    Args:
        p: probability of the rare class, in (0, 1).
        r: norm of the signal, above 0.
        theta_par: component of theta along the signal, finite.
        R: squared norm of theta across the signal, 0 or above.

    Returns:
        Coefficients of the shape to which the arguments broadcast; floats where that is ().

    Raises:
        ValueError: an argument outside its range, or shapes that do not broadcast.
    """
    states = States(p, r, theta_par, R)
    s, s2, *products = states.means(2, 3)
    return states.coefficients(s, s2, np.array(products))


def slopes_at(p: ArrayLike, r: ArrayLike, theta_par: ArrayLike, R: ArrayLike) -> Slopes:
    """The coefficients and their derivatives in theta_par and R, from the same nodes.

    dE[phi]/dR = E[phi'']/2, dE[phi]/dtheta_par = theta_par E[phi''] and, for the rare class, r E[phi'] more
    (docs/logistic.md, section 1: Stein's identity). Errors are relative to the integral of the absolute value.

    Args:
        p: as in `coefficients_at`.
        r: as there.
        theta_par: as there.
        R: as there.

    Raises:
        ValueError: an argument outside its range, or shapes that do not broadcast.
    """
    states = States(p, r, theta_par, R)
    s, s2, *rest = states.means(2, 5)
    products = np.array(rest)
    common, rare = products[:, 0], products[:, 1]
    # Second derivatives in f of the six integrands, class by class, and first ones of the rare class, d/df = -d/d(-f).
    curvature = np.array(
        [
            states.mix(S3 @ common, S3 @ rare),
            states.p * (S2 @ rare),
            states.mix(U2 @ common, U2 @ rare),
            states.mix(U4 @ common, U4 @ rare),
            -states.p * (U3 @ rare),
            states.p * (U2 @ rare),
        ]
    )
    shift = states.p * np.array([-S2 @ rare, -S1 @ rare, -U1 @ rare, -U3 @ rare, U2 @ rare, -U1 @ rare])
    return Slopes(
        states.coefficients(s, s2, products[:3]),
        Coefficients(*map(states.shaped, states.theta_par * curvature + states.r * shift)),
        Coefficients(*map(states.shaped, 0.5 * curvature)),
    )


def residual_moments(p: ArrayLike, r: ArrayLike, theta_par: ArrayLike, R: ArrayLike) -> ResidualMoments:
    """E[a^4], E[a^3 u] and E[a^3 y] per sample, with a = s(f) - y and f = b + r theta_par y + tau u.

    E[a^3 u] = tau E[(a^3)'] by Stein's identity, and E[a^3 y] is below 0.

    Args:
        p: as in `coefficients_at`.
        r: as there.
        theta_par: as there.
        R: as there.

    Raises:
        ValueError: an argument outside its range, or shapes that do not broadcast.
    """
    states = States(p, r, theta_par, R)
    _, _, s3, s4, _, _, s3q = states.means(4, 3)
    return ResidualMoments(
        states.shaped(states.mix(*s4)),
        states.shaped(3.0 * states.tau * states.mix(*s3q)),
        states.shaped(-states.p * s3[1]),
    )


class States:
    """Checked arguments as flat arrays (state,), with the mean logits of both classes."""

    def __init__(self, p: ArrayLike, r: ArrayLike, theta_par: ArrayLike, R: ArrayLike) -> None:
        arrays = np.broadcast_arrays(
            _validate.numbers("p", p, "in (0, 1)", low=0.0, high=1.0, open_low=True, open_high=True),
            _validate.numbers("r", r, "a finite number above 0", low=0.0, open_low=True),
            _validate.numbers("theta_par", theta_par),
            _validate.numbers("R", R, "a finite number, 0 or above", low=0.0),
        )
        self.shape = arrays[0].shape
        self.p, self.r, self.theta_par, self.R = (array.ravel() for array in arrays)
        self.tau = np.hypot(self.theta_par, np.sqrt(self.R))
        self.bias = np.log(self.p) - np.log1p(-self.p) - 0.5 * self.r**2
        self.logits = np.stack([self.bias, -(self.bias + self.r * self.theta_par)])  # the rare class at -f

    def means(self, powers: int, products: int) -> np.ndarray:
        """`gaussian.sigmoid_means` of the common class at f and the rare one at -f: (mean, class, state)."""
        means = gaussian.sigmoid_means(self.logits.ravel(), np.tile(self.tau, 2), powers, products)
        return means.reshape(powers + products, *self.logits.shape)

    def mix(self, common: np.ndarray, rare: np.ndarray) -> np.ndarray:
        """The mean over both classes."""
        return (1.0 - self.p) * common + self.p * rare

    def coefficients(self, s: np.ndarray, s2: np.ndarray, products: np.ndarray) -> Coefficients:
        """From E[s] and E[s^2], (class, state), and E[s^k q], k = 1..3, (product, class, state)."""
        common, rare = products[:, 0], products[:, 1]
        values = (
            self.mix(common[0], rare[0]),
            self.p * s[1],
            self.mix(*s2),
            self.mix(U2[:3] @ common, U2[:3] @ rare),
            -self.p * (U1[:3] @ rare),
            self.p * s2[1],
        )
        return Coefficients(*map(self.shaped, values))

    def shaped(self, flat: np.ndarray) -> np.ndarray | float:
        """An array of the broadcast shape, a float where that is ()."""
        return flat.reshape(self.shape) if self.shape else float(flat[0])
