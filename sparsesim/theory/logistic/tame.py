"""Tame reductions: the coefficients while the common class stays on the exponential tail of the sigmoid.

There s(f) is exp(f), whose Gaussian means are elementary (docs/logistic.md, section 4). With
rho = exp((theta_par^2 + R - r^2)/2) the leading terms are A = p rho, b = p, D0 = p and D2 = 0, and the first
corrections are of relative order p exp(2 tau^2 - r^2), tau^2 = theta_par^2 + R. That, and not p rho, has to be small:
s^2 has its weight at z = 2 tau.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsesim.problems import RareClassLogistic
from sparsesim.theory.logistic.coefficients import States
from sparsesim.theory.logistic.sparse import curvature_factor

LARGEST = 700.0  # exponents are cut here, far beyond all validity, so that no infinities meet


class TameCoefficients(NamedTuple):
    """Approximations of the coefficients; floats, or arrays of one shape."""

    A: np.ndarray | float
    b: np.ndarray | float
    D0: np.ndarray | float
    D2: np.ndarray | float


class TameReduction(NamedTuple):
    """The leading terms, these with the first correction, and the number that has to be small for either to hold."""

    leading: TameCoefficients
    corrected: TameCoefficients
    validity: np.ndarray | float  # p exp(2 tau^2 - r^2)


def tame_reduction(problem: RareClassLogistic, theta_par: ArrayLike, R: ArrayLike) -> TameReduction:
    """Leading and first corrected forms of A, b, D0 and D2 (docs/logistic.md, section 4).

    The relative error of the leading form is of the order of `validity`, that of the corrected one of a higher order in
    p; where `validity` is not small, neither says anything, and the correction makes it worse.

    Args:
        problem: gives p and r; d and B play no part.
        theta_par: component of theta along the signal, finite.
        R: squared norm of theta across the signal, 0 or above.

    Raises:
        ValueError: a state outside its range.
    """
    states = States(problem.p, problem.r, theta_par, R)
    p, r = states.p, problem.r
    with np.errstate(over="ignore"):
        rho = np.minimum(curvature_factor(states.theta_par, states.R, r), np.exp(LARGEST))
    squared = np.exp(np.minimum(2.0 * states.tau**2 - r**2, LARGEST))  # E22
    mixed = np.exp(np.minimum(r * states.theta_par + 0.5 * (states.tau**2 - r**2), LARGEST))  # E12
    leading = (p * rho, p, p, 0.0 * p)
    corrections = (p * p * (mixed - 2.0 * squared), -p * p * mixed, p * p * (squared - 2.0 * mixed),
                   p * p * (4.0 * squared - 2.0 * mixed))  # fmt: skip
    corrected = (a + b for a, b in zip(leading, corrections, strict=True))
    return TameReduction(
        TameCoefficients(*map(states.shaped, leading)),
        TameCoefficients(*map(states.shaped, corrected)),
        states.shaped(p * squared),
    )
