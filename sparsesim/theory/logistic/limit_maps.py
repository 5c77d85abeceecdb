"""The limit of any scaling of logistic regression: an ODE, or at the corner delta = 0 a map (docs/logistic.md, 6.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from sparsesim.scaling import Scaling
from sparsesim.theory import phases
from sparsesim.theory.logistic.limits import LogisticLimit, limit_map, limit_ode
from sparsesim.theory.logistic.recursion import recursion
from sparsesim.theory.logistic.sparse import VARIABLES, SparseSystem, start_variables, units
from sparsesim.theory.phases import LogisticPhase, NoLimit


@dataclass(frozen=True)
class LimitMap:
    """A limit in which time stays discrete, as `LogisticLimit` is one in which it does not; made by `limit_of`.

    Variables: theta_par, m_par/p, R, V/p^2 and C/p. Its slow time counts minibatches, and is whole.
    """

    scaling: Scaling
    phase: LogisticPhase
    r: float
    system: SparseSystem

    variables: ClassVar[tuple[str, ...]] = VARIABLES
    clock_exponent: ClassVar[float] = 0.0

    def trajectory(self, s: ArrayLike, start: Mapping[str, float] | None = None) -> np.ndarray:
        """The limit's variables at whole s, (time, 5); as for `SparseSystem.recursion`."""
        return self.system.recursion(s, start)

    def ticks(self, s: ArrayLike, d: int) -> np.ndarray:
        """The minibatches of slow times: s itself, at every d."""
        return np.asarray(s, dtype=np.float64)

    def at(self, d: int, s: ArrayLike, start: Mapping[str, float] | None = None) -> np.ndarray:
        """The limit's variables at finite d and whole s by the exact recursion, (time, 5): `LogisticLimit.at`."""
        problem, optimizer = self.scaling.at(d, r=self.r)
        scale = units(problem.p)
        first = dict(zip(VARIABLES, (np.array(start_variables(start)) * scale).tolist(), strict=True))
        return recursion(problem, optimizer, s, first) / scale


def limit_of(scaling: Scaling, r: float) -> LogisticLimit | LimitMap:
    """The limit of a scaling, be it an ODE or a map.

    Raises:
        ValueError: r is not a finite number above 0.
        NoLimit: a ValueError too; a scaling that has neither, as `limit_ode` says.
    """
    try:
        return limit_ode(scaling, r)
    except NoLimit as no_ode:
        try:
            system = limit_map(scaling, r)
        except NoLimit:
            raise no_ode from None
    phase = phases.classify(scaling.alpha, scaling.beta, scaling.delta, "logistic")
    return LimitMap(scaling, phase, system.r, system)
