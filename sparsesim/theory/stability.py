"""When the second moments stay bounded, how fast they decay, and where label noise stops them (minibatch clock).

All of it follows from two feedbacks, both proportional to eta (docs/momentum.md, section 1):

    H_noise = eta (d+2-p)/(2B),    H_curvature = eta eps p/(2 (2-eps)),    H = H_noise + H_curvature = eta/eta_c.

The moments are stable iff H < 1, on all three clocks at once. The minibatch map T preserves the cone of covariance
matrices, so its spectral radius is itself an eigenvalue: a real one, and no complex root has to be found. With
z = 1 + eps x = mu + eps y it is the only positive root y, or the only x > -1, of the characteristic polynomial

    y (y^2 - eps D y - mu D) = 2 w H_noise (mu + eps y)(2 mu + eps y)
    (1 + x)(x^2 + (2 - eps + eps k) x + k) = 2 w H_noise (1 + eps x)(2 - eps + eps x)

with the stiffness w = eta p/eps, k = 2 w (2-eps)(1 - H_curvature) and D = 1 - k. In y the root is well conditioned
everywhere, even where oscillation sets in (D = 0); in x it keeps its digits where decay is slow, since the constant
term is 2 w (2-eps)(1-H). The coefficients are formed in rational arithmetic: 1 - H and D are then right to the last
bit, however close to zero.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import NamedTuple

from sparsesim import _validate
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.theory import cubic
from sparsesim.theory.least_squares import coefficients, poisson_generator


class Feedbacks(NamedTuple):
    """The two ways in which a large learning rate feeds the error back; stable iff their total is below 1."""

    noise: float
    curvature: float

    @property
    def total(self) -> float:
        """H = eta/eta_c."""
        return self.noise + self.curvature


class RouthHurwitz(NamedTuple):
    """Coefficients of the characteristic polynomial l^3 + c1 l^2 + c2 l + c3 of the Poisson generator.

    The generator is stable iff c1, c3 and the margin c1 c2 - c3 are all above 0.
    """

    c1: float
    c2: float
    c3: float
    margin: float


def critical_learning_rate(problem: LeastSquares, eps: float) -> float:
    """eta_c = 2/((d+2-p)/B + eps p/(2-eps)): stable iff eta < eta_c (least_squares.md, section 3).

    Args:
        problem: label noise plays no part.
        eps: momentum decay, in (0, 1].

    Raises:
        ValueError: eps is outside (0, 1].
    """
    eps = _validate.probability("eps", eps)
    d, p, B = problem.d, problem.p, problem.B
    return 2.0 / ((d + 2 - p) / B + eps * p / (2.0 - eps))


def feedbacks(problem: LeastSquares, optimizer: HeavyBall) -> Feedbacks:
    """H_noise and H_curvature (momentum.md, section 1)."""
    return Feedbacks(*map(_rounded, _feedbacks(problem, optimizer)))


def margin(problem: LeastSquares, optimizer: HeavyBall) -> float:
    """1 - H, right to the last bit: positive iff stable."""
    H_noise, H_curvature = _feedbacks(problem, optimizer)
    return _rounded(1 - H_noise - H_curvature)


def routh_hurwitz(problem: LeastSquares, optimizer: HeavyBall) -> RouthHurwitz:
    """Routh-Hurwitz quantities of the full Poisson generator (least_squares.md, section 3).

    c3 is the exact 2 eta phi1 (1-b1)(1-b2)(1-H): all of instability is in its sign.
    """
    A = poisson_generator(problem, optimizer)
    c = coefficients(problem, optimizer)
    c1 = -float(A.trace())
    c2 = float(sum(A[i, i] * A[j, j] - A[i, j] * A[j, i] for i, j in ((0, 1), (0, 2), (1, 2))))
    c3 = 2.0 * c.eta * c.phi1 * c.b1c * c.b2c * margin(problem, optimizer)
    return RouthHurwitz(c1, c2, c3, c1 * c2 - c3)


def decay_rate(problem: LeastSquares, optimizer: HeavyBall) -> float:
    """Lambda = -ln rho(T), the rate per minibatch at which second moments decay; negative when they grow.

    -inf when the growth of one step is beyond the range of a float.
    """
    _, p, _, eta, eps = _rationals(problem, optimizer)
    mu = 1 - eps
    w = eta * p / eps
    H_noise, H_curvature = _feedbacks(problem, optimizer)
    k = 2 * w * (2 - eps) * (1 - H_curvature)
    D = 1 - k
    n = 2 * w * H_noise
    y = cubic.only_positive_root(
        _rounded(eps * D + n * eps**2), _rounded(mu * (D + 3 * n * eps)), _rounded(2 * n * mu**2)
    )
    x = y - 1.0
    if abs(x) < 0.5:
        constant = 2 * w * (2 - eps) * (1 - H_noise - H_curvature)
        linear = 2 - eps + (1 + eps) * k - n * eps * (3 - eps)
        quadratic = 3 - eps + eps * k - n * eps**2
        x = cubic.polished(x, _rounded(quadratic), _rounded(linear), _rounded(constant))
    if optimizer.eps * x > -0.5:
        return -math.log1p(optimizer.eps * x)
    rho = optimizer.mu + optimizer.eps * y
    return -math.log(rho) if rho > 0.0 else math.inf


def mean_decay_rate(problem: LeastSquares, optimizer: HeavyBall) -> float:
    """-2 ln rho(F), the rate per minibatch at which the square of the mean error decays: what noise can only slow down.

    F = [[1 - lam, -mu], [lam, mu]] moves the means of (e, eta m), lam = eta eps p, so that z^2 - (1+mu-lam) z + mu = 0,
    and decay_rate <= mean_decay_rate <= retention_cap (momentum.md, section 1). Relative error at most 1e-15. Negative
    when the mean grows (H_curvature > 1), -inf beyond the range of a float, inf where nothing is left after a step
    (eps = 1, eta p = 1).
    """
    _, p, _, eta, eps = _rationals(problem, optimizer)
    mu = 1 - eps
    trace = abs(1 + mu - eta * eps * p)
    discriminant = trace * trace - 4 * mu
    if discriminant <= 0:
        return retention_cap(optimizer.eps)
    root = _rounded(trace) * math.sqrt(_rounded(discriminant / (trace * trace)))  # the square alone may overflow
    modulus = 0.5 * _rounded(trace) + 0.5 * root
    if not 0.5 < modulus < 2.0:
        return -2.0 * math.log(modulus)
    # The product of the two 1 - |z| is 1 + mu - trace, and its smaller factor is divided out of the other.
    return -2.0 * math.log1p(-2.0 * _rounded(1 + mu - trace) / (_rounded(2 - trace) + root))


def retention_cap(eps: float) -> float:
    """-ln mu, per minibatch: no second moment decays faster than the buffer forgets (momentum.md, section 1).

    inf at eps = 1.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    eps = _validate.probability("eps", eps)
    return -math.log1p(-eps) if eps < 1.0 else math.inf


def spectral_radius(problem: LeastSquares, optimizer: HeavyBall) -> float:
    """rho(T) = exp(-Lambda), per minibatch (momentum.md, section 1)."""
    rate = decay_rate(problem, optimizer)
    return math.exp(-rate) if rate > -700.0 else math.inf


def noise_floor(problem: LeastSquares, optimizer: HeavyBall) -> float:
    """R* = eta d s2/(2 B (1-H)), at which label noise of variance s2 holds the squared error.

    0 without label noise; inf where label noise meets an unstable optimizer (least_squares.md, section 4).
    """
    if problem.label_noise == 0.0:
        return 0.0
    left = margin(problem, optimizer)
    if left <= 0.0:
        return math.inf
    return optimizer.eta * problem.d * problem.label_noise**2 / (2.0 * problem.B) / left


def _rationals(problem: LeastSquares, optimizer: HeavyBall) -> tuple[Fraction, Fraction, Fraction, Fraction, Fraction]:
    """(d, p, B, eta, eps), exactly."""
    return (
        Fraction(problem.d),
        Fraction(problem.p),
        Fraction(problem.B),
        Fraction(optimizer.eta),
        Fraction(optimizer.eps),
    )


def _feedbacks(problem: LeastSquares, optimizer: HeavyBall) -> tuple[Fraction, Fraction]:
    d, p, B, eta, eps = _rationals(problem, optimizer)
    return eta * (d + 2 - p) / (2 * B), eta * eps * p / (2 * (2 - eps))


def _rounded(exact: Fraction) -> float:
    """The nearest float; +-inf beyond their range."""
    try:
        return float(exact)
    except OverflowError:
        return math.inf if exact > 0 else -math.inf
