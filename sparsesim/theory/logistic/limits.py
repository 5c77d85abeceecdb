"""The limits of rare-class logistic regression: what the five moments become as d grows (docs/logistic.md, section 6).

Two numbers are left of a scaling beside the norm r of the signal: the stiffness c, the limit of eta p/eps, and the
noise K, that of eta d/(2B). With rho = exp((theta_par^2 + R - r^2)/2), on the slow time s = k d^-q of minibatches k:

    c stays       theta_par' = -c m                         where m, V and C stand for m/p, V/p^2 and C/p,
                  m'         = -m + rho theta_par - r       all of it times c_eps, and q = delta
                  R'         = -2 c C
                  V'         = -2 V + 2 rho C + 2 K/c
                  C'         = -C + rho R - c V
    c vanishes    theta_par' = -(rho theta_par - r)         times c_eta c_p, and q = alpha + kappa;
                  R'         = -2 rho R + 2 K               m/p, C/p and V are slaved

The paper's learning rate keeps c above and on resonance and K below and on it. Without noise the first system is a
heavy ball in the convex potential U = rho - r theta_par, globally convergent at every c. At delta = 0 with c > 0 time
stays discrete, and the limit is a map: `limit_map`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.scaling import Scaling
from sparsesim.theory import phases
from sparsesim.theory.logistic import stiff
from sparsesim.theory.logistic.noise_floor import floor
from sparsesim.theory.logistic.recursion import recursion
from sparsesim.theory.logistic.sparse import VARIABLES, SparseSystem, curvature_factor, start_variables, units
from sparsesim.theory.phases import LogisticPhase, NoLimit, Prefactors

SLOW_VARIABLES = ("theta_par", "R")
_SLOW = [VARIABLES.index(name) for name in SLOW_VARIABLES]


class Slaved(NamedTuple):
    """What follows the slow variables at once, below resonance (section 6.2)."""

    m_par: np.ndarray  # m_par/p
    V: np.ndarray  # V/(eps d p/B); V/p^2 has no limit
    C: np.ndarray  # C/p


class Pair(NamedTuple):
    """The heavy ball behind the moments: R = |X|^2, V/p^2 = |Y|^2 and C/p = X . Y, X and Y in a plane."""

    theta_par: np.ndarray  # (time,)
    m_par: np.ndarray  # (time,), m/p
    X: np.ndarray  # (time, 2)
    Y: np.ndarray  # (time, 2)

    @property
    def variables(self) -> np.ndarray:
        """The limit's variables: (time, 5)."""
        across = [(self.X**2).sum(axis=-1), (self.Y**2).sum(axis=-1), (self.X * self.Y).sum(axis=-1)]
        return np.stack([self.theta_par, self.m_par, *across], axis=-1)


@dataclass(frozen=True)
class LogisticLimit:
    """dx/ds = derivative(x), on the slow time s = k d^-clock_exponent, k in minibatches; made by `limit_ode`.

    Variables: theta_par, m_par/p, R, V/p^2 and C/p, named as the moments are; or theta_par and R alone.
    """

    scaling: Scaling
    phase: LogisticPhase
    r: float
    clock_exponent: float
    stiffness: float | None  # c = eta p/eps in the limit; None where it vanishes
    noise: float  # K = eta d/(2B) in the limit; 0 where it vanishes
    rate: float  # the slow time's unit in the system's own: c_eps, or c_eta c_p where c vanishes

    @property
    def variables(self) -> tuple[str, ...]:
        """Names of the variables."""
        return SLOW_VARIABLES if self.stiffness is None else VARIABLES

    def derivative(self, state: ArrayLike) -> np.ndarray:
        """The change per unit of slow time: (..., variable) to (..., variable)."""
        state = np.asarray(state, dtype=np.float64)
        c = self.stiffness
        if c is None:
            th, R = np.moveaxis(state, -1, 0)
            rho = curvature_factor(th, R, self.r)
            return self.rate * np.stack([self.r - rho * th, 2.0 * (self.noise - rho * R)], axis=-1)
        th, m, R, V, C = np.moveaxis(state, -1, 0)
        rho = curvature_factor(th, R, self.r)
        changes = [
            -c * m,
            -m + rho * th - self.r,
            -2.0 * c * C,
            -2.0 * V + 2.0 * rho * C + 2.0 * self.noise / c,
            -C + rho * R - c * V,
        ]
        return self.rate * np.stack(changes, axis=-1)

    def jacobian(self, state: ArrayLike | None = None) -> np.ndarray:
        """Derivatives of `derivative`, with the variable that is moved last; at the equilibrium by default.

        Returns:
            (..., variable, variable), per unit of slow time.
        """
        state = self.equilibrium if state is None else np.asarray(state, dtype=np.float64)
        c, e = self.stiffness, dict(zip(self.variables, np.eye(len(self.variables)), strict=True))
        x = dict(zip(self.variables, np.moveaxis(state[..., None], -2, 0), strict=True))
        th, R = x["theta_par"], x["R"]
        rho = curvature_factor(th, R, self.r)
        d_rho = rho * (th * e["theta_par"] + 0.5 * e["R"])
        d_G = th * d_rho + rho * e["theta_par"]  # of the signal's gradient rho theta_par - r
        d_pull = R * d_rho + rho * e["R"]  # of rho R
        if c is None:
            return self.rate * np.stack([-d_G, -2.0 * d_pull], axis=-2)
        rows = [
            -c * e["m_par"],
            d_G - e["m_par"],
            -2.0 * c * e["C"],
            2.0 * (x["C"] * d_rho + rho * e["C"] - e["V"]),
            d_pull - e["C"] - c * e["V"],
        ]
        return self.rate * np.stack(np.broadcast_arrays(*rows), axis=-2)

    @cached_property
    def equilibrium(self) -> np.ndarray:
        """The one state that stays: the optimum, or where noise holds the error (`floor`). (variable,)."""
        _, theta_par, R = floor(self.noise, self.r)
        if self.stiffness is None:
            return np.array([theta_par, R])
        return np.array([theta_par, 0.0, R, self.noise / self.stiffness, 0.0])

    @property
    def spectrum(self) -> np.ndarray:
        """The eigenvalues at the equilibrium per unit of slow time, the slowest first: complex (variable,)."""
        found = np.linalg.eigvals(self.jacobian())
        return found[np.argsort(-np.real(found))].astype(np.complex128)

    @property
    def decay_rate(self) -> float:
        """The rate of the slowest mode of the variables at the equilibrium, per unit of slow time."""
        return -float(np.real(self.spectrum[0]))

    @property
    def oscillates(self) -> bool:
        """Whether the variables turn around the equilibrium.

        Without noise where 4 c (1 + r^2) > 1, for the signal turns before the bulk does; never where c vanishes.
        """
        if self.stiffness is None:
            return False
        if self.noise == 0.0:
            return 4.0 * self.stiffness * (1.0 + self.r**2) > 1.0
        return bool((np.imag(self.spectrum) != 0.0).any())

    def trajectory(self, s: ArrayLike, start: Mapping[str, float] | None = None) -> np.ndarray:
        """The limit's variables along slow time.

        Args:
            s: (time,), strictly increasing, 0 or above.
            start: values at s = 0 by the name of a variable, in their scaled form; R = 1 and the others 0 where it
                does not say.

        Returns:
            (time, variable).

        Raises:
            ValueError: s that is no such time, an unknown name, or a start that no vectors have.
            NotFollowed: the solver does not reach the last time.
        """
        times = self.rate * _validate.clock_times(s, "poisson")
        return stiff.solve(
            lambda x: self.derivative(x) / self.rate, lambda x: self.jacobian(x) / self.rate, self._start(start), times
        )

    def pair(self, s: ArrayLike, start: Mapping[str, float] | None = None) -> Pair:
        """The heavy ball whose squares and products the moments are (section 6.1, Volterra form).

            X' = -c Y,    Y' = -Y + rho X,    rho = exp((theta_par^2 + |X|^2 - r^2)/2)

        with theta_par and m as they are, times c_eps. On a line where C^2 = R V at the start, else in a plane.

        Args:
            s: (time,), as for `trajectory`.
            start: as for `trajectory`.

        Raises:
            ValueError: as `trajectory`; or a limit with noise, or in which momentum is slaved, which has no such form.
            NotFollowed: the solver does not reach the last time.
        """
        c = self._noise_free("a pair (X, Y)")
        th, m, R, V, C = self._start(start)
        X = math.sqrt(R)
        along = C / X if X > 0.0 else math.sqrt(V)
        first = [th, X, 0.0, m, along, math.sqrt(max(V - along * along, 0.0))]

        # With positions q = (theta_par, X) the pull is the gradient of U, and its derivative the Hessian.
        signal = np.array([self.r, 0.0, 0.0])

        def derivative(x: np.ndarray) -> np.ndarray:
            rho = curvature_factor(x[0], x[1] ** 2 + x[2] ** 2, self.r)
            return np.concatenate([-c * x[3:], rho * x[:3] - signal - x[3:]])

        def jacobian(x: np.ndarray) -> np.ndarray:
            rho, identity = curvature_factor(x[0], x[1] ** 2 + x[2] ** 2, self.r), np.eye(3)
            return np.block([[np.zeros((3, 3)), -c * identity], [rho * (identity + np.outer(x[:3], x[:3])), -identity]])

        solution = stiff.solve(derivative, jacobian, first, self.rate * _validate.clock_times(s, "poisson"))
        return Pair(solution[:, 0], solution[:, 3], solution[:, 1:3], solution[:, 4:])

    def lyapunov(self, state: ArrayLike) -> np.ndarray:
        """E = U + (c/2)(m^2 + V), with U = rho - r theta_par, which falls along every trajectory (section 6.1).

        E' = -c (m^2 + V) times c_eps: every start ends at the optimum, whatever the stiffness.

        Args:
            state: (..., 5).

        Returns:
            (...).

        Raises:
            ValueError: a limit with noise, or in which momentum is slaved.
        """
        c = self._noise_free("a Lyapunov function")
        th, m, R, V, _ = np.moveaxis(np.asarray(state, dtype=np.float64), -1, 0)
        return curvature_factor(th, R, self.r) - self.r * th + 0.5 * c * (m * m + V)

    def slaved(self, state: ArrayLike) -> Slaved:
        """Momentum below resonance, at states (theta_par, R): (..., 2) to three of (...), see section 6.2.

        At delta = 0 it depends on eps, which the slow variables do not.

        Raises:
            ValueError: a limit in which momentum is a variable, or in which noise vanishes.
        """
        if self.stiffness is not None or self.noise == 0.0:
            raise ValueError("momentum must be slaved, and noise stay, for its slaved values: that is below resonance")
        th, R = np.moveaxis(np.asarray(state, dtype=np.float64), -1, 0)
        rho = curvature_factor(th, R, self.r)
        eps = Prefactors.of(self.scaling).c_eps if self.scaling.delta == 0.0 else 0.0
        V = np.full(th.shape, 1.0 / (2.0 - eps))
        return Slaved(rho * th - self.r, V, rho * R - 2.0 * self.noise * V)

    def with_noise_of(self, problem: RareClassLogistic, optimizer: HeavyBall) -> LogisticLimit:
        """The same limit with the noise that is left at finite d, K = c eps d/(2 B p).

        Above resonance noise vanishes slowly, as d^-(delta - (1 + alpha - beta)). With it what is left of the sparse
        limit's distance is of order eps, and the equilibrium is the floor at finite d (section 6.1).

        Raises:
            ValueError: a limit in which momentum is slaved.
        """
        if self.stiffness is None:
            raise ValueError("noise of finite d must be put into a limit in which momentum is a variable")
        ratio = optimizer.eps * problem.d / (problem.B * problem.p)
        return replace(self, noise=0.5 * self.stiffness * ratio)

    def ticks(self, s: ArrayLike, d: int) -> np.ndarray:
        """The minibatches k = s d^clock_exponent of slow times. Shape of `s`."""
        return np.asarray(s, dtype=np.float64) * float(d) ** self.clock_exponent

    def at(self, d: int, s: ArrayLike, start: Mapping[str, float] | None = None) -> np.ndarray:
        """The limit's variables at finite d, by the exact recursion: what converges to `trajectory`.

        Args:
            d: dimension.
            s: (time,), strictly increasing, 0 or above; the recursion is read at the nearest whole minibatches.
            start: as for `trajectory`.

        Returns:
            (time, variable).

        Raises:
            ValueError: an argument is outside its range.
        """
        problem, optimizer = self.scaling.at(d, r=self.r)
        minibatches = np.rint(self.ticks(_validate.clock_times(s, "poisson"), problem.d))
        times, inverse = np.unique(minibatches, return_inverse=True)
        named = dict(zip(self.variables, self._start(start), strict=True))
        scales = dict(zip(VARIABLES, units(problem.p), strict=True))
        first = {name: float(value * scales[name]) for name, value in named.items()}
        return self.observe(problem, optimizer, recursion(problem, optimizer, times, first)[inverse])

    def observe(self, problem: RareClassLogistic, optimizer: HeavyBall, moments: ArrayLike) -> np.ndarray:
        """The limit's variables of moments (..., 5) in the order theta_par, m_par, R, V, C. Returns (..., variable)."""
        scaled = np.asarray(moments, dtype=np.float64) / units(problem.p)
        return scaled if self.stiffness is not None else scaled[..., _SLOW]

    def _start(self, start: Mapping[str, float] | None) -> np.ndarray:
        for name in start or {}:
            _validate.choice("a name in start", name, self.variables)
        first = np.array(start_variables(start))
        return first if self.stiffness is not None else first[_SLOW]

    def _noise_free(self, what: str) -> float:
        """The stiffness of a limit without noise."""
        if self.stiffness is None or self.noise != 0.0:
            raise ValueError(f"the limit must be without noise and with momentum for {what}: strictly above resonance")
        return self.stiffness


def limit_ode(scaling: Scaling, r: float) -> LogisticLimit:
    """The limit ODE of a scaling, at the prescribed learning rate or a smaller one (section 6).

    Args:
        scaling: exponents and prefactors; alpha above 0.
        r: norm of the signal.

    Raises:
        ValueError: r is not a finite number above 0.
        NoLimit: a ValueError too; alpha = 0, at which p does not vanish; kappa below the prescription, where
            oscillations are faster than any slow time or noise carries R off; or delta = 0 with a stiffness that
            stays, where the limit is a map.
    """
    phase, r, discrete = _checked(scaling, r)
    if discrete:
        raise NoLimit(
            "delta must be above 0 for a limit ODE where eta p stays, got 0.0: time is discrete there, and the limit "
            "is the map that theory.logistic.limit_map returns"
        )
    assert scaling.kappa is not None
    growing, noisy, _ = phase.balance(scaling.kappa)
    c_p, c_B, c_eps, c_eta = Prefactors.of(scaling)
    slow = growing < 0
    return LogisticLimit(
        scaling=scaling,
        phase=phase,
        r=r,
        clock_exponent=scaling.kappa + scaling.alpha if slow else scaling.delta,
        stiffness=None if slow else c_eta * c_p / c_eps,
        noise=c_eta / (2.0 * c_B) if noisy == 0 else 0.0,
        rate=c_eta * c_p if slow else c_eps,
    )


def limit_map(scaling: Scaling, r: float) -> SparseSystem:
    """The limit at delta = 0 and kappa = -alpha, a map by the minibatch: the sparse system itself (section 6.5).

    Its step is h = c_eta c_p, its noise 1/(c_B c_p) at the triple point beta = 1 + alpha and 0 with larger batches.
    `SparseSystem.recursion` gives (theta_par, m/p, R, V/p^2, C/p) at whole minibatches.

    Raises:
        ValueError: r is not a finite number above 0.
        NoLimit: a ValueError too; as `limit_ode`, or a scaling whose limit is an ODE.
    """
    phase, r, discrete = _checked(scaling, r)
    if not discrete:
        raise NoLimit(
            f"delta must be 0 and kappa -alpha for a limit map, got delta = {scaling.delta:g} and kappa = "
            f"{scaling.kappa:g}; theory.limits.limit_ode has the limit"
        )
    c_p, c_B, c_eps, c_eta = Prefactors.of(scaling)
    assert scaling.kappa is not None
    noisy = phase.balance(scaling.kappa)[1] == 0
    return SparseSystem(step=c_eta * c_p, eps=c_eps, noise=1.0 / (c_B * c_p) if noisy else 0.0, r=r)


def _checked(scaling: Scaling, r: float) -> tuple[LogisticPhase, float, bool]:
    """The phase, r, and whether time stays discrete; NoLimit where there is neither ODE nor map."""
    r = _validate.positive("r", r)
    if scaling.alpha == 0.0:
        raise NoLimit("alpha must be above 0 for a limit of logistic regression, where p vanishes, got 0.0")
    phase = phases.classify(scaling.alpha, scaling.beta, scaling.delta, "logistic")
    assert scaling.kappa is not None
    growing, noisy, _ = phase.balance(scaling.kappa)
    if growing > 0 or noisy > 0:
        what = "noise would carry R off" if noisy > 0 else "oscillations would be faster than any slow time"
        raise NoLimit(
            f"kappa must be at least {phase.kappa:g}, the prescription at alpha = {scaling.alpha:g}, beta = "
            f"{scaling.beta:g}, delta = {scaling.delta:g}, below which {what}, got {scaling.kappa:g}"
        )
    return phase, r, growing == 0 and phase.region in ("concentrated-corner", "triple-point")
