"""Solutions of small stiff systems at the accuracy of a reference."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike
from scipy.integrate import solve_ivp

# Near what doubles allow. The absolute error is what a variable that decays may keep.
RELATIVE, ABSOLUTE = 1e-12, 1e-15
MOST_EVALUATIONS = 200_000  # of a derivative, some ten seconds: what oscillates for so long is beyond any figure


class NotFollowed(ArithmeticError):
    """A limit that cannot be followed for so long."""


def solve(
    derivative: Callable[[np.ndarray], np.ndarray],
    jacobian: Callable[[np.ndarray], np.ndarray],
    start: ArrayLike,
    times: np.ndarray,
) -> np.ndarray:
    """x(t) for the autonomous dx/dt = derivative(x), by LSODA, which turns to implicit steps where they pay.

    Args:
        derivative: of (n,) to (n,), of variables whose size is about 1 or above, or of no interest below it.
        jacobian: of (n,) to (n, n), the derivative of `derivative`.
        start: (n,), the state at time 0.
        times: (time,), strictly increasing, 0 or above.

    Returns:
        (time, n), with a relative error of about 1e-10.

    Raises:
        NotFollowed: the solver does not reach the last time, or not within some seconds.
    """
    start = np.asarray(start, dtype=np.float64)
    if times[-1] == 0.0:
        return start[None, :].copy()
    evaluations = itertools.count()

    def bounded(_: float, x: np.ndarray) -> np.ndarray:
        """The derivative, so many times: what oscillates for long would take for ever."""
        if next(evaluations) > MOST_EVALUATIONS:
            raise NotFollowed(f"the ODE could not be solved up to time {times[-1]:g} in {MOST_EVALUATIONS} steps")
        return derivative(x)

    solution = solve_ivp(
        bounded,
        (0.0, times[-1]),
        start,
        method="LSODA",
        t_eval=times,
        jac=lambda _, x: jacobian(x),
        rtol=RELATIVE,
        atol=ABSOLUTE,
    )
    if not solution.success:
        raise NotFollowed(f"the ODE could not be solved up to time {times[-1]:g}: {solution.message}")
    return solution.y.T
