"""The sparse limit: one-step drift as p -> 0, with nothing else taken to a limit (docs/logistic.md, section 4).

In the variables (theta_par, m/p, R, V/p^2, C/p) four numbers are left: the step h = eta p, eps, the noise n = d/(B p)
and the norm r of the signal. With rho = exp((theta_par^2 + R - r^2)/2) and

    G = rho theta_par - r,      W = mu^2 V + 2 mu eps rho C + eps^2 (n + rho^2 R)

one minibatch changes them, in the mean, by

    theta_par    -h (mu m + eps G)                     R    -2 h (mu C + eps rho R) + h^2 W
    m            -eps m + eps G                        V    W - V
                                                       C    -eps C + eps rho R - h W.

Read as a map it is also the limit at the corner delta = 0, where h and eps stay (section 6.5). Read as an ODE, with a
minibatch for a unit of time, it is what tends to the limits where eps vanishes. Where eps stays, map and ODE differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic import stiff

VARIABLES = RareClassLogistic.moments  # of the limits too: theta_par, m/p, R, V/p^2, C/p
SIGNAL = VARIABLES[:2]
# How the entries of the matrix, row first, and of the forcing decay: the weights of 1, kappa, delta, alpha and beta.
_ORDERS = {
    "RR": (0, 1, 1, 1, 0),
    "RV": (0, 2, 0, 0, 0),
    "RC": (0, 1, 0, 0, 0),
    "VR": (0, 0, 2, 2, 0),
    "VV": (0, 0, 1, 0, 0),
    "VC": (0, 0, 1, 1, 0),
    "CR": (0, 0, 1, 1, 0),
    "CV": (0, 1, 0, 0, 0),
    "CC": (0, 0, 1, 0, 0),
    "R": (-1, 2, 2, 1, 1),
    "V": (-1, 0, 2, 1, 1),
    "C": (-1, 1, 2, 1, 1),
}


@dataclass(frozen=True)
class SparseSystem:
    """The sparse limit in scaled variables, as a map and as an ODE; made by `of`, or of four numbers of one's own.

    Raises:
        ValueError: step, eps or r is outside its range, or noise is below 0.
    """

    step: float  # h = eta p
    eps: float
    noise: float  # n = d/(B p)
    r: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "step", _validate.positive("step", self.step))
        object.__setattr__(self, "eps", _validate.probability("eps", self.eps))
        object.__setattr__(self, "noise", _validate.non_negative("noise", self.noise))
        object.__setattr__(self, "r", _validate.positive("r", self.r))

    @classmethod
    def of(cls, problem: RareClassLogistic, optimizer: HeavyBall) -> SparseSystem:
        """That of a problem and an optimizer."""
        return cls(optimizer.eta * problem.p, optimizer.eps, problem.d / (problem.B * problem.p), problem.r)

    def drift(self, state: ArrayLike) -> np.ndarray:
        """The mean change of the scaled variables in one minibatch: (..., 5) to (..., 5)."""
        th, m, R, V, C = np.moveaxis(np.asarray(state, dtype=np.float64), -1, 0)
        h, eps, mu = self.step, self.eps, 1.0 - self.eps
        rho = curvature_factor(th, R, self.r)
        G = rho * th - self.r
        pumped = 2.0 * mu * eps * rho * C + eps * eps * (self.noise + rho * rho * R)  # W - mu^2 V
        W = mu * mu * V + pumped
        return np.stack(
            [
                -h * (mu * m + eps * G),
                -eps * m + eps * G,
                -2.0 * h * (mu * C + eps * rho * R) + h * h * W,
                pumped - eps * (2.0 - eps) * V,
                -eps * C + eps * rho * R - h * W,
            ],
            axis=-1,
        )

    def jacobian(self, state: ArrayLike) -> np.ndarray:
        """Derivatives of the drift, with the variable that is moved last: (..., 5) to (..., 5, 5)."""
        state = np.asarray(state, dtype=np.float64)
        th, _, R, _, C = np.moveaxis(state[..., None], -2, 0)
        h, eps, mu = self.step, self.eps, 1.0 - self.eps
        e_th, e_m, e_R, e_V, e_C = np.eye(5)
        rho = curvature_factor(th, R, self.r)
        d_rho = rho * (th * e_th + 0.5 * e_R)
        d_G = th * d_rho + rho * e_th
        d_pull = R * d_rho + rho * e_R  # of rho R
        d_pumped = 2.0 * mu * eps * (C * d_rho + rho * e_C) + eps * eps * rho * (R * d_rho + d_pull)
        d_W = mu * mu * e_V + d_pumped
        rows = [
            -h * (mu * e_m + eps * d_G),
            -eps * e_m + eps * d_G,
            -2.0 * h * (mu * e_C + eps * d_pull) + h * h * d_W,
            d_pumped - eps * (2.0 - eps) * e_V,
            -eps * e_C + eps * d_pull - h * d_W,
        ]
        return np.stack(np.broadcast_arrays(*rows), axis=-2)

    def recursion(self, times: ArrayLike, start: Mapping[str, float] | None = None) -> np.ndarray:
        """The map, step by step.

        Args:
            times: (time,), whole numbers of minibatches, strictly increasing, 0 or above.
            start: scaled variables at time 0 by name; R = 1 and the others 0 where it does not say.

        Returns:
            (time, 5); where the map diverges, infinities and then NaN.

        Raises:
            ValueError: an argument is outside its range.
        """
        counts = _validate.clock_times(times, "minibatch")
        state, done = np.array(start_variables(start)), 0
        states = np.empty((len(counts), 5))
        with np.errstate(over="ignore", invalid="ignore"):
            for row, count in enumerate(counts):
                for _ in range(count - done):
                    state = state + self.drift(state)
                states[row], done = state, count
        return states

    def ode(self, times: ArrayLike, start: Mapping[str, float] | None = None) -> np.ndarray:
        """The ODE whose derivative by the minibatch is the drift.

        Args:
            times: (time,), minibatches, strictly increasing, 0 or above.
            start: scaled variables at time 0 by name; R = 1 and the others 0 where it does not say.

        Returns:
            (time, 5), at times up to 1e10 and beyond: what is slaved costs nothing.

        Raises:
            ValueError: an argument is outside its range.
            NotFollowed: the solver does not reach the last time.
        """
        return stiff.solve(self.drift, self.jacobian, start_variables(start), _validate.clock_times(times, "poisson"))


def curvature_factor(theta_par: Any, R: Any, r: float) -> Any:
    """The factor rho = exp((theta_par^2 + R - r^2)/2), by which curvature at a state exceeds that at the optimum.

    For numbers or arrays of them.
    """
    return np.exp(0.5 * (theta_par * theta_par + R - r * r))


def units(p: float) -> np.ndarray:
    """The five moments in their scaled variables: what (theta_par, m/p, R, V/p^2, C/p) are multiplied by. (5,)."""
    return np.array([1.0, p, 1.0, p * p, p])


def start_variables(start: Mapping[str, float] | None) -> tuple[float, ...]:
    """Scaled variables at time 0 from a mapping by name; R = 1 and the others 0 where it does not say.

    Raises:
        ValueError: an unknown name, or C^2 > R V.
    """
    return _validate.start_moments(start, d=2, signal=SIGNAL)


def sparse_drift(problem: RareClassLogistic, optimizer: HeavyBall, state: ArrayLike) -> np.ndarray:
    """The mean change of (theta_par, m_par, R, V, C) in one minibatch, as p -> 0 (section 4).

    Args:
        problem: p, d, B and r count.
        optimizer: heavy ball.
        state: (..., 5).

    Returns:
        (..., 5), per minibatch.
    """
    scale = units(problem.p)
    return scale * SparseSystem.of(problem, optimizer).drift(np.asarray(state, dtype=np.float64) / scale)


def sparse_ode(
    problem: RareClassLogistic,
    optimizer: HeavyBall,
    times: ArrayLike,
    start: Mapping[str, float] | None = None,
) -> np.ndarray:
    """(theta_par, m_par, R, V, C) of the ODE whose derivative by the minibatch is `sparse_drift` (eqs 223-228).

    Args:
        problem: p, d, B and r count.
        optimizer: heavy ball.
        times: (time,), minibatches, strictly increasing, 0 or above.
        start: moments at time 0 by name; R = 1 and the others 0 where it does not say.

    Returns:
        (time, 5).

    Raises:
        ValueError: an argument is outside its range.
        NotFollowed: the solver does not reach the last time.
    """
    scale = units(problem.p)
    first = dict(zip(VARIABLES, (np.array(problem.start_moments(start)) / scale).tolist(), strict=True))
    return scale * SparseSystem.of(problem, optimizer).ode(times, first)


def bulk_matrix(
    problem: RareClassLogistic, optimizer: HeavyBall, theta_par: float, R: float
) -> tuple[np.ndarray, np.ndarray]:
    """M and f of the drift M (R, V, C) + f of the moments across the signal, at a state's rho (sections 3 and 4).

    Returns:
        (3, 3) and (3,), per minibatch, order R, V, C.
    """
    A = problem.p * float(curvature_factor(theta_par, R, problem.r))
    eta, eps, mu = optimizer.eta, optimizer.eps, optimizer.mu
    # What a minibatch adds to |m_perp|^2 from R, V and C and from noise: W - mu^2 V.
    e_R, e_V, e_C = np.eye(3)
    pumped = eps * eps * A * A * e_R + 2.0 * mu * eps * A * e_C
    W = mu * mu * e_V + pumped
    matrix = np.stack(
        [
            -2.0 * eta * (mu * e_C + eps * A * e_R) + eta * eta * W,
            pumped - eps * (2.0 - eps) * e_V,
            -eps * e_C + eps * A * e_R - eta * W,
        ]
    )
    noise = eps * eps * problem.d * problem.p / problem.B
    return matrix, noise * np.array([eta * eta, 1.0, -eta])


def entry_exponents(alpha: float, beta: float, delta: float, kappa: float) -> dict[str, float]:
    """How the entries of `bulk_matrix` go with d: each like d^exponent, where delta > 0 and eta eps p vanishes.

    Returns:
        Exponents by "RR", "RV", ... for the matrix, row first, and by "R", "V", "C" for the forcing (section 4).
    """
    exponents = np.array([1.0, kappa, delta, alpha, beta])
    return {entry: -float(np.dot(orders, exponents)) for entry, orders in _ORDERS.items()}
