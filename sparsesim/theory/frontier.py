"""The frontier of stability, found twice more and compared with what the paper claims; what bounds the decay.

`stability.critical_learning_rate` is a closed form. Here it is found again from the matrices alone, with no use of
the feedbacks: where an eigenvalue of the minibatch map leaves the unit circle, and where Routh and Hurwitz's criterion
fails for the Poisson generator. The paper's ceilings come from coefficients of that criterion cut off at low orders of
eta (docs/least_squares.md, section 3): one is exact and one is no limit at all.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.optimize import root_scalar

from sparsesim import _validate
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.theory.least_squares import coefficients, minibatch_increment, poisson_generator
from sparsesim.theory.stability import critical_learning_rate


def critical_learning_rate_by_spectral_radius(problem: LeastSquares, eps: float) -> float:
    """The eta at which the largest modulus of an eigenvalue of the minibatch map T is one.

    Measured against the closed form: relative errors of 3e-16 in the median, and below 1e-8 for B up to 1e6 and eps
    down to 1e-9. They are largest where curvature sets the frontier and three eigenvalues lie within eps: 4e-15/eps.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    eps = _validate.probability("eps", eps)

    def decay(eta: float) -> np.ndarray:
        """Above 0 while no eigenvalue has left the unit circle."""
        return np.array([-_growth(minibatch_increment(problem, HeavyBall(eta, eps)), eta)])

    return _first_sign_change(problem, decay)


def critical_learning_rate_by_routh_hurwitz(problem: LeastSquares, eps: float) -> float:
    """The smallest eta at which c1, c3 or c1 c2 - c3 of the full Poisson generator changes its sign.

    All by minors of the matrix, where `stability.routh_hurwitz` knows c3 in closed form. Measured against the closed
    form: relative errors of 3e-16 in the median, and below 2e-9 for B up to 1e6 and eps down to 1e-9; up to 2e-15/eps
    where curvature sets the frontier.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    eps = _validate.probability("eps", eps)

    def criterion(eta: float) -> np.ndarray:
        """What Routh and Hurwitz want above 0."""
        c1, c2, c3 = _characteristic(poisson_generator(problem, HeavyBall(eta, eps)))
        return np.array([c1, c3, c1 * c2 - c3])

    return _first_sign_change(problem, criterion)


def claimed_critical_learning_rate(problem: LeastSquares, eps: float) -> float:
    """The frontier of the paper's Proposition 2: the smaller of its two ceilings.

    The noise ceiling, c3 = 0, is the exact frontier; the correlation ceiling is none, and far too low above resonance.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    return min(critical_learning_rate(problem, eps), claimed_correlation_ceiling(problem, eps))


def claimed_correlation_ceiling(problem: LeastSquares, eps: float) -> float:
    """((1-b1) + (1-b2))/(2 phi1), of order d^(alpha-delta) for sparse exponents: NOT a limit of stability.

    It is where c1 c2 = c3 with c1 and c2 at order eta^0 and c3 at order eta^1. Above resonance the order-eta term of
    c2, left out, is by then as large as what was kept, and with it c1 c2 > c3 holds up to the exact frontier
    (least_squares.md, section 3). It is here to be drawn beside the exact frontier.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    c = coefficients(problem, HeavyBall(1.0, _validate.probability("eps", eps)))
    return (c.b1c + c.b2c) / (2.0 * c.phi1)


def curvature_cap(problem: LeastSquares, eps: float) -> float:
    """2 (2-eps)/(eps p), the eta at which H_curvature = 1 and the mean itself stops decaying (momentum.md, section 1).

    The frontier of an infinite minibatch; every other one is below.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    eps = _validate.probability("eps", eps)
    return 2.0 * (2.0 - eps) / (eps * problem.p)


def oscillation_window(problem: LeastSquares, eps: float) -> tuple[float, float]:
    """(low, high), the eta between which the mean oscillates and rho(F)^2 = mu: momentum forgets no faster.

    (1 - sqrt mu)^2 <= eta eps p <= (1 + sqrt mu)^2 (momentum.md, section 1). Both are 1/p at eps = 1.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    eps = _validate.probability("eps", eps)
    sum_squared = (1.0 + math.sqrt(1.0 - eps)) ** 2  # times (1 - sqrt mu)^2 it is eps^2
    return eps / (sum_squared * problem.p), sum_squared / (eps * problem.p)


def _growth(increment: np.ndarray, eta: float) -> float:
    """rho^2 - 1 with the spectral radius rho of 1 + increment, an increment on (R, V, C)."""
    # In (eta^2 V, eta C, R) slow rows come last: eigenvalues of a matrix graded downwards keep their relative accuracy.
    order, units = [1, 2, 0], np.array([eta * eta, eta, 1.0])
    graded = increment[np.ix_(order, order)] * units[:, None] / units
    values = np.linalg.eigvals(graded)
    return float((2.0 * values.real + np.abs(values) ** 2).max())


def _characteristic(A: np.ndarray) -> tuple[float, float, float]:
    """(c1, c2, c3) of det(l - A) = l^3 + c1 l^2 + c2 l + c3, by minors."""
    minor = [[A[i, i] * A[j, j] - A[i, j] * A[j, i] for j in range(3)] for i in range(3)]
    determinant = A[0, 0] * minor[1][2] - A[0, 1] * (A[1, 0] * A[2, 2] - A[1, 2] * A[2, 0])
    determinant += A[0, 2] * (A[1, 0] * A[2, 1] - A[1, 1] * A[2, 0])
    return -float(A.trace()), minor[0][1] + minor[0][2] + minor[1][2], -determinant


def _first_sign_change(problem: LeastSquares, signs: Callable[[float], np.ndarray]) -> float:
    """The smallest eta at which an entry of `signs(eta)` turns negative, looked for upwards by factors of two.

    The search starts where the error shrinks: far below both 1/p, where a mean step of plain SGD is the error itself,
    and B/(d+2), where the noise of a step is.
    """
    low = min(problem.B / (problem.d + 2.0), 1.0 / problem.p) / 8.0
    while (signs(2.0 * low) >= 0.0).all():
        low *= 2.0

    def crossing(entry: int) -> float:
        """Where one of the entries changes its sign."""
        found = root_scalar(lambda factor: signs(low * factor)[entry], bracket=(1.0, 2.0), method="brentq", xtol=1e-15)
        return low * found.root

    return min(crossing(entry) for entry in np.flatnonzero(signs(2.0 * low) < 0.0).tolist())
