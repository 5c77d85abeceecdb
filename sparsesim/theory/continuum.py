"""The continuum system: momentum SGD as eps -> 0, heavy ball with multiplicative noise in continuous time.

Time is counted in momentum memories (1/eps minibatches), the state is (R, V/p^2, C/p), and two numbers are left, the
stiffness w = eta p/eps and the feedback u of the noise (docs/momentum.md, section 2):

    R' = -2 w C,    V' = 2 C - 2 V + (2/w)(u R + phi),    C' = R - C - w V.

Its roots x = y - 1 solve y^3 + (4 w - 1) y = 4 w u, that is x^3 + 3 x^2 + (2 + 4 w) x + 4 w (1 - u) = 0. The system
keeps the cone of covariance matrices, so that the slowest root is real. It is stable iff u < 1, at every stiffness: the
Routh-Hurwitz margin is 6 + 8 w + 4 w u.

At finite eps the same system with `matched` parameters follows the mean of the algorithm itself at all times.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.theory import cubic, propagate, stability


def generator(stiffness: float, feedback: float) -> np.ndarray:
    """The matrix of the system on (R, V/p^2, C/p), per momentum memory. Returns (3, 3).

    Raises:
        ValueError: a stiffness that is not above 0, or a feedback below 0.
    """
    w, u = _parameters(stiffness, feedback)
    return np.array([[0.0, 0.0, -2.0 * w], [2.0 * u / w, -2.0, 2.0], [1.0, -w, -1.0]])


def decay_rate(stiffness: float, feedback: float) -> float:
    """r_c, the rate per momentum memory at which second moments decay: minus the rightmost root, which is real.

    r_c <= 1 - u, with equality in the limit of large stiffness; r_c ~ 2 w (1 - u) for small. Negative when u > 1.

    Raises:
        ValueError: as `generator`.
    """
    w, u = _parameters(stiffness, feedback)
    y = cubic.only_positive_root(0.0, 1.0 - 4.0 * w, 4.0 * w * u)
    if abs(y - 1.0) < 0.5:  # slow: in x = y - 1 the rate keeps its digits
        return -cubic.polished(y - 1.0, 3.0, 2.0 + 4.0 * w, 4.0 * w * (1.0 - u))
    return 1.0 - y


def roots(stiffness: float, feedback: float) -> np.ndarray:
    """All three roots x, per momentum memory, the rightmost (real) one first. Returns complex (3,).

    Raises:
        ValueError: as `generator`.
    """
    w, u = _parameters(stiffness, feedback)
    slowest = -decay_rate(w, u)
    y = slowest + 1.0
    half_gap = cmath.sqrt((1.0 - 4.0 * w) - 0.75 * y * y)
    return np.array([slowest, -1.0 - 0.5 * y + half_gap, -1.0 - 0.5 * y - half_gap])


def oscillates(stiffness: float, feedback: float) -> bool:
    """Whether two of the roots are a complex pair: (1 - 4 w)^3 < 108 w^2 u^2; w > 1/4 at u = 0, w > 1/16 at u = 1.

    Raises:
        ValueError: as `generator`.
    """
    w, u = _parameters(stiffness, feedback)
    return (1.0 - 4.0 * w) ** 3 < 108.0 * (w * u) ** 2


@dataclass(frozen=True)
class Matched:
    """The continuum system whose noise-free part is the algorithm's own, exactly, once a minibatch."""

    eta: float
    label_floor: float  # temperature phi, in the units of R
    time_unit: float  # -ln mu: momentum memories, as the continuum counts them, in a minibatch
    stiffness: float
    feedback: float
    conversion: np.ndarray  # P (2, 2): (e, eta m) of the algorithm = P (e, -w Y) of the continuum's normal form

    def start(self, moments: Mapping[str, float] | None = None) -> np.ndarray:
        """The continuum state (R, V/p^2, C/p) that starts where the algorithm's (R, V, C) does. Returns (3,).

        Raises:
            ValueError: moments that no two vectors have.
        """
        R, V, C = _validate.start_moments(moments, d=2)
        covariance = np.array([[R, self.eta * C], [self.eta * C, self.eta * self.eta * V]])
        inverse = np.linalg.inv(self.conversion)
        converted = inverse @ covariance @ inverse.T
        return np.array([converted[0, 0], converted[1, 1], converted[0, 1]])

    def squared_error(self, minibatches: ArrayLike, moments: Mapping[str, float] | None = None) -> np.ndarray:
        """R of the continuum at whole minibatches k, from the start (R, V, C) = `moments`. Returns (time,)."""
        times = self.time_unit * _validate.clock_times(minibatches, "minibatch")
        noise = np.array([0.0, 2.0 * self.label_floor / self.stiffness, 0.0]) if self.label_floor else None
        A = generator(self.stiffness, self.feedback)
        return propagate.continuous(A, self.start(moments), times, noise)[:, 0]

    def error_scale(self, moments: Mapping[str, float] | None = None) -> float:
        """What the distance from the algorithm's R is proportional to, uniformly in time.

        -ln mu (R + w V/p^2 + phi) at the converted start. The factor was below 1 for eps up to 1/2, and below 1.2 for
        larger, wherever it was looked for, except near the Nyquist frequency, where the algorithm's mean turns by a
        quarter a step (section 2).
        """
        R, V, _ = self.start(moments)
        return self.time_unit * (R + self.stiffness * V + self.label_floor)


def matched(problem: LeastSquares, optimizer: HeavyBall) -> Matched:
    """The continuum system at matched parameters: its R follows the algorithm's uniformly in time (section 2).

    Raises:
        ValueError: eps = 1, which has no momentum to match; or H_curvature >= 1, where the mean itself diverges.
    """
    eps, mu = optimizer.eps, optimizer.mu
    if eps == 1.0:
        raise ValueError("eps must be in (0, 1) for a continuum system, got 1.0")
    feedbacks = stability.feedbacks(problem, optimizer)
    if feedbacks.curvature >= 1.0:
        limit = optimizer.eta / feedbacks.curvature
        raise ValueError(f"eta must be below {limit:.6g}, where the mean diverges, got {optimizer.eta}")
    w = optimizer.eta * problem.p / eps
    root_mu, ebar = math.sqrt(mu), -math.log1p(-eps)
    # The mean turns by the angle arccos c a minibatch, or not at all: (1 - c)/2, without cancellation.
    half = eps * eps * (w - 1.0 / (1.0 + root_mu) ** 2) / (4.0 * root_mu)
    sign = 1.0 if half <= 0.5 else -1.0
    half = half if sign > 0.0 else 1.0 - half
    # sin(angle)/angle and its square, which turns negative where there is no angle.
    angle = 2.0 * math.asin(math.sqrt(half)) if half >= 0.0 else 2.0 * math.asinh(math.sqrt(-half))
    sinc = 1.0 if angle == 0.0 else (math.sin(angle) if half >= 0.0 else math.sinh(angle)) / angle
    turn = (angle / ebar) ** 2
    stiffness = 0.25 + (turn if half >= 0.0 else -turn)
    lam = optimizer.eta * eps * problem.p
    step = ebar * sinc
    conversion = np.array(
        [[1.0, 0.0], [(eps - lam - sign * root_mu * step) / (2.0 * mu), sign * step * stiffness / root_mu]]
    )
    floor = optimizer.eta * problem.d * problem.label_noise**2 / (2.0 * problem.B)
    kept = 1.0 - feedbacks.curvature
    return Matched(optimizer.eta, floor / kept, ebar, stiffness, feedbacks.noise / kept, conversion)


def _parameters(stiffness: float, feedback: float) -> tuple[float, float]:
    return _validate.positive("stiffness", stiffness), _validate.non_negative("feedback", feedback)
