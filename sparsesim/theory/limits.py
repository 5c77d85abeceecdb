"""The limit ODE of every region, boundary and cell of least squares: what the second moments become as d grows.

`limit_ode` is the door to the limits of logistic regression too, which are in `theory.logistic.limits`.

On the slow time s = t d^-q, t in active updates, one of three linear systems is left. With P ~ P0 d^-alpha_eff the
probability of an active minibatch, and u = c_eta/(2 c_B) where the noise feedback stays (0 where it vanishes):

    cells 1, 2    R' = -(2 c_eta c_p (1 - u)/P0) R                         momentum is gone: SGD
    cells 3, 4    (R, V/p^2, C/p)' = (c_eps/P0) K(w, u) (R, V/p^2, C/p)    K: `continuum.generator`, w = c_eta c_p/c_eps
    cells 5 - 8   E' = -(c_eps/P0) (1 - u/(1 - lam/4)) E                   lam = c_eta c_eps c_p in 7 and 8, 0 before

where E = R + eta C + eta V/(eps p) is the envelope of an oscillation that is faster than any slow time
(docs/least_squares.md, section 6, and docs/momentum.md, section 3). Under the paper's learning rate only cells 2
(below resonance), 3 (above) and 4 (on it) occur.

The 3x3 system is the second moments of a linear SDE of a pair (X, Y), R = X^2, V/p^2 = Y^2, C/p = X Y: `sde`. Without
noise, strictly above resonance, that is the heavy-ball ODE itself.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple, overload

import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import HeavyBall, LeastSquares, Problem
from sparsesim.scaling import Scaling
from sparsesim.theory import continuum, least_squares, phases, propagate
from sparsesim.theory.logistic import limits as logistic
from sparsesim.theory.logistic.limits import LogisticLimit
from sparsesim.theory.logistic.sparse import units as moment_units
from sparsesim.theory.phases import Cell, NoLimit, Phase

# The variables of a limit by its cell. SGD forgets V and C, an envelope does not tell them apart.
VARIABLES = {
    **dict.fromkeys((1, 2), ("R",)),
    **dict.fromkeys((3, 4), ("R", "V", "C")),
    **dict.fromkeys((5, 6, 7, 8), ("E",)),
}


class LinearSDE(NamedTuple):
    """dZ = drift Z ds + diffusion Z dW, Ito, for Z = (X, Y) and one Brownian motion W; s is the limit's slow time."""

    drift: np.ndarray  # (2, 2)
    diffusion: np.ndarray  # (2, 2); zero: an ODE


@dataclass(frozen=True)
class LimitODE:
    """dx/ds = matrix x, on the slow time s = t d^-clock_exponent, t in active updates; made by `limit_ode`.

    Variables: R, V/p^2 and C/p, named "R", "V", "C"; or R alone; or the envelope "E" = R + eta C + eta V/(eps p).
    """

    scaling: Scaling
    phase: Phase
    cell: Cell
    clock_exponent: float
    variables: tuple[str, ...]
    stiffness: float | None  # w = eta p/eps in the limit; None where it vanishes or diverges
    feedback: float  # u, of the noise
    curvature: float  # lam/4 = H_curvature; 0 outside cells 7 and 8
    rate: float  # the slow time's unit in the system's own: c_eps/P0, or 2 c_eta c_p/P0 for SGD

    @cached_property
    def matrix(self) -> np.ndarray:
        """The matrix of the system, per unit of slow time: (variable, variable)."""
        if self.stiffness is not None:
            return self.rate * continuum.generator(self.stiffness, self.feedback)
        return np.array([[-self.rate * (1.0 - self.feedback / (1.0 - self.curvature))]])

    @property
    def spectrum(self) -> np.ndarray:
        """The eigenvalues per unit of slow time, the slowest first: complex (variable,)."""
        if self.stiffness is not None:
            return self.rate * continuum.roots(self.stiffness, self.feedback)
        return self.matrix[0].astype(complex)

    @property
    def decay_rate(self) -> float:
        """The rate of the slowest mode per unit of slow time; negative if it grows."""
        return -float(self.spectrum[0].real)

    @property
    def stable(self) -> bool:
        """Whether the system is Hurwitz: u < 1, that is c_eta < 2 c_B where noise stays; u < 1 - lam/4 in cell 8."""
        return self.feedback < 1.0 - self.curvature

    @property
    def oscillates(self) -> bool:
        """Whether the moments oscillate: with a complex pair of eigenvalues, or, as an envelope, ever faster."""
        if self.stiffness is not None:
            return continuum.oscillates(self.stiffness, self.feedback)
        return self.variables == ("E",)

    @property
    def sde(self) -> LinearSDE:
        """The SDE whose second moments (E X^2, E Y^2, E X Y) obey the 3x3 system (section 6); without noise an ODE.

        Raises:
            ValueError: the limit has one variable alone.
        """
        if self.stiffness is None:
            raise ValueError(f"the limit in cell {self.cell.number} ({self.cell.name}) has one variable and no SDE")
        w, u = self.stiffness, self.feedback
        drift = self.rate * np.array([[0.0, -w], [1.0, -1.0]])
        diffusion = math.sqrt(self.rate) * np.array([[0.0, 0.0], [math.sqrt(2.0 * u / w), 0.0]])
        return LinearSDE(drift, diffusion)

    def trajectory(self, s: ArrayLike, start: Mapping[str, float] | None = None) -> np.ndarray:
        """The limit's variables along slow time.

        Args:
            s: (time,), strictly increasing, 0 or above.
            start: values at s = 0 by the name of a variable, V and C in their scaled form; 1 for the first variable
                and 0 for the others where they are not given.

        Returns:
            (time, variable).

        Raises:
            ValueError: s that is no such time, an unknown name, or a start that no two vectors have.
        """
        times = _validate.clock_times(s, "poisson")
        for name in start or {}:
            _validate.choice("a name in start", name, self.variables)
        if len(self.variables) == 3:
            first = _validate.start_moments(start, d=2)
        else:
            (name,) = self.variables
            first = (_validate.non_negative(f"start[{name!r}]", (start or {}).get(name, 1.0)),)
        return propagate.continuous(self.matrix, first, times)

    def ticks(self, s: ArrayLike, d: int) -> np.ndarray:
        """The active updates t = s d^clock_exponent of slow times. Shape of `s`."""
        return np.asarray(s, dtype=np.float64) * float(d) ** self.clock_exponent

    def observe(self, problem: LeastSquares, optimizer: HeavyBall, moments: np.ndarray) -> np.ndarray:
        """The limit's variables of moments (..., 3) in the order R, V, C. Returns (..., variable)."""
        p = problem.p
        R, V, C = np.moveaxis(np.asarray(moments, dtype=np.float64), -1, 0)
        if self.variables == ("E",):
            weights = envelope_weights(p, optimizer.eta, optimizer.eps)
            return (weights["R"] * R + weights["V"] * V + weights["C"] * C)[..., None]
        return np.stack([R, V / p**2, C / p], axis=-1)[..., : len(self.variables)]

    def at(self, d: int, s: ArrayLike, clock: str = "poisson") -> np.ndarray:
        """The limit's variables at finite d, exactly: what converges to `trajectory` from the same slow times.

        Args:
            d: dimension.
            s: (time,), strictly increasing, 0 or above.
            clock: "poisson", the paper's main ODE; or "active", the exact map at the nearest whole numbers of updates.

        Returns:
            (time, variable).

        Raises:
            ValueError: an argument is outside its range.
        """
        _validate.choice("clock", clock, ("poisson", "active"))
        problem, optimizer = self.scaling.at(d)
        times, inverse = self.ticks(_validate.clock_times(s, "poisson"), problem.d), slice(None)
        if clock == "active":
            times, inverse = np.unique(np.rint(times), return_inverse=True)
        moments = least_squares.moments(problem, optimizer, times, clock)[inverse]
        return self.observe(problem, optimizer, moments)


@overload
def limit_ode(scaling: Scaling, problem: Literal["least_squares"] = "least_squares", r: None = None) -> LimitODE: ...


@overload
def limit_ode(scaling: Scaling, problem: str, r: float | None = None) -> LimitODE | LogisticLimit: ...


def limit_ode(scaling: Scaling, problem: str = "least_squares", r: float | None = None) -> LimitODE | LogisticLimit:
    """The limit of a scaling: of least squares for any learning-rate exponent at or above the true frontier, of
    logistic regression for any at or above the prescription.

    Args:
        scaling: its kappa decides the cell; the prescription gives the paper's limits (least_squares.md, section 6;
            logistic.md, section 6).
        problem: "least_squares" or "logistic".
        r: norm of the signal of logistic regression; None for least squares.

    Raises:
        ValueError: an argument is outside its range.
        NoLimit: a ValueError too; delta = 0, where momentum lives for a fixed number of minibatches; kappa below the
            frontier exponent, where trajectories diverge at once; or, at the curvature ceiling, c_eta c_eps c_p of 4 or
            above, where the mean does. For logistic regression see `theory.logistic.limits.limit_ode`.
    """
    _validate.choice("problem", problem, phases.PROBLEMS)
    if problem == "logistic":
        if r is None:
            raise ValueError("r must be a finite number above 0 for logistic regression, got None")
        return logistic.limit_ode(scaling, r)
    if r is not None:
        raise ValueError(f"r must be None for least squares, which has no signal to norm, got {r!r}")
    if scaling.delta == 0.0:
        raise NoLimit("delta must be above 0 for a limit ODE, got 0.0")
    phase = phases.classify(scaling.alpha, scaling.beta, scaling.delta)
    assert scaling.kappa is not None
    cell = phase.cell(scaling.kappa)
    if cell.number is None:
        raise NoLimit(
            f"kappa must be at least {phase.frontier_exponent:g}, the frontier exponent of alpha = {scaling.alpha:g}, "
            f"beta = {scaling.beta:g}, delta = {scaling.delta:g}, got {scaling.kappa:g}"
        )
    c_p, c_B, *_ = phases.Prefactors.of(scaling)
    P0 = _activity_prefactor(scaling, phase, c_p, c_B)
    feedback = scaling.c_eta / (2.0 * c_B) if cell.number in (2, 4, 6, 8) else 0.0
    curvature = scaling.c_eta * scaling.c_eps * c_p / 4.0 if cell.number in (7, 8) else 0.0
    if curvature >= 1.0:
        raise NoLimit(f"c_eta c_eps c_p must be below 4 at the curvature ceiling, got {4.0 * curvature:g}")
    sgd = cell.number in (1, 2)
    return LimitODE(
        scaling=scaling,
        phase=phase,
        cell=cell,
        clock_exponent=(scaling.kappa + scaling.alpha if sgd else scaling.delta) - phase.idle_exponent,
        variables=VARIABLES[cell.number],
        stiffness=scaling.c_eta * c_p / scaling.c_eps if cell.number in (3, 4) else None,
        feedback=feedback,
        curvature=curvature,
        rate=(2.0 * scaling.c_eta * c_p if sgd else scaling.c_eps) / P0,
    )


def envelope_weights(p: Any, eta: Any, eps: Any) -> dict[str, Any]:
    """What R, V and C count in the envelope E = R + eta C + eta V/(eps p), by name, for numbers or arrays of them.

    Without decay and noise E is what the oscillation of the mean conserves: with q = eta m and lam = eta eps p it is
    |e|^2 + <e, q> + |q|^2/lam, positive while lam < 4.
    """
    return {"R": 1.0, "V": eta / (eps * p), "C": eta}


def limit_moments(
    scaling: Scaling,
    problem: Problem,
    times: ArrayLike,
    clock: str,
    start: Mapping[str, float] | None = None,
) -> np.ndarray:
    """The problem's moments as the limit has them, at ticks of a clock of a problem at finite d.

    Args:
        scaling: what the limit is of.
        problem: the problem at finite d, whose p scales moments and whose P turns minibatches into active updates.
        times: (time,), as in `least_squares.moments`.
        clock: "minibatch", "active" or "poisson"; "minibatch" for logistic regression.
        start: moments at time 0 by name, as there.

    Returns:
        (time, moment), NaN for a moment that the limit leaves open.

    Raises:
        ValueError: an argument is outside its range, or, as NoLimit, see `limit_ode`.
    """
    ticks = _validate.clock_times(times, clock).astype(np.float64)
    limit: LimitODE | LogisticLimit
    if isinstance(problem, LeastSquares):
        limit = limit_ode(scaling)
        ticks = ticks * least_squares.activity(problem)[0] if clock == "minibatch" else ticks
        units = dict(zip(problem.moments, (1.0, problem.p**2, problem.p), strict=True))
    else:
        limit = logistic.limit_ode(scaling, problem.r)
        units = dict(zip(problem.moments, moment_units(problem.p).tolist(), strict=True))
    moments = np.full((len(ticks), len(units)), np.nan)
    first = dict(zip(units, problem.start_moments(start), strict=True))
    known = [name for name in limit.variables if name in units]
    if known:
        scaled = {name: first[name] / units[name] for name in known}
        values = limit.trajectory(ticks / limit.ticks(1.0, problem.d), scaled)
        places = [problem.moments.index(name) for name in known]
        moments[:, places] = values * [units[name] for name in known]
    return moments


def _activity_prefactor(scaling: Scaling, phase: Phase, c_p: float, c_B: float) -> float:
    """P0, the limit of P d^alpha_eff."""
    if phase.batch_regime == "sparse":
        return c_p * c_B
    if phase.batch_regime == "dense-sparse":
        return 1.0 - (1.0 - c_p) ** c_B if scaling.alpha == 0.0 else -math.expm1(-c_p * c_B)
    return 1.0
