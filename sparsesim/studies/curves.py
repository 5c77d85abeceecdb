"""What theory says along slow time: a limit ODE, and at finite d the main ODE and the exact map that converge to it."""

import numpy as np
import xarray as xr

from sparsesim.outcomes import Outcome
from sparsesim.problems import LeastSquares
from sparsesim.sweep import Sweep
from sparsesim.theory.least_squares import activity
from sparsesim.theory.limits import LimitODE

POINTS = 401  # of the slow-time grid
VARIABLES = ("R", "V", "C")  # R, V/p^2 and C/p
ASYMPTOTIC = 1e4  # dimensions from here on show the order of convergence
MOST_UPDATES = 2.0**63  # that the exact map can count


def curves(limit: LimitODE, s: np.ndarray, dimensions: np.ndarray) -> xr.Dataset:
    """The limit of R, V/p^2 and C/p and what converges to it, from the start R = 1.

    The exact map knows whole updates alone: it is given at the one nearest to a slow time, and its error is its
    distance from the limit at that update, for else it would be that of rounding time.

    Args:
        limit: with R as its first variable.
        s: (s,), slow times from 0.
        dimensions: (dimension,), whole numbers.

    Returns:
        `limit_curve` (s, variable); `main_ode` and `exact_map` (dimension, s, variable), and their largest distances
        from the limit, `sup_error_main_ode` and `sup_error_exact_map` (dimension, variable); `updates_per_unit`
        (dimension) of slow time. NaN where the limit leaves V and C open, and where there are more updates than can be
        counted.
    """
    known = slice(len(limit.variables))
    shape = (len(dimensions), len(s), len(VARIABLES))
    curve, main, exact = np.full(shape[1:], np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    rounded = np.full(shape, np.nan)
    with np.errstate(over="ignore", invalid="ignore"):  # what is unstable leaves the range of a float
        curve[:, known] = limit.trajectory(s)
        for i, d in enumerate(dimensions):
            main[i, :, known] = limit.at(int(d), s)
            updates = limit.ticks(s, int(d))
            if updates[-1] < MOST_UPDATES:
                exact[i, :, known] = limit.at(int(d), s, "active")
                times, inverse = np.unique(np.rint(updates) / limit.ticks(1.0, int(d)), return_inverse=True)
                rounded[i, :, known] = limit.trajectory(times)[inverse]
        errors = {"main_ode": np.abs(main - curve).max(axis=1), "exact_map": np.abs(exact - rounded).max(axis=1)}
    full = ("dimension", "s", "variable")
    return xr.Dataset(
        {
            "limit_curve": (full[1:], curve),
            "main_ode": (full, main),
            "exact_map": (full, exact),
            **{f"sup_error_{name}": (("dimension", "variable"), error) for name, error in errors.items()},
            "updates_per_unit": ("dimension", [float(limit.ticks(1.0, int(d))) for d in dimensions]),
        },
        {"s": s, "dimension": np.asarray(dimensions), "variable": list(VARIABLES)},
    )


def slow_time(sweep: Sweep, ticks: np.ndarray, limits: list[LimitODE]) -> np.ndarray:
    """Slow times of the records of all cells in their order, from their ticks (cell, time). Shape of `ticks`."""
    slow = np.empty(ticks.shape)
    for i, (cell, limit) in enumerate(zip(sweep.cells(), limits, strict=True)):
        share = activity(cell.problem)[0] if sweep.clock == "minibatch" else 1.0
        slow[i] = ticks[i] * share / limit.ticks(1.0, cell.problem.d)
    return slow


def order(dimensions: np.ndarray, errors: np.ndarray) -> float:
    """The power q of an error that falls like d^-q, fitted to large dimensions; NaN if fewer than two have one."""
    shown = (dimensions >= ASYMPTOTIC) & np.isfinite(errors) & (errors > 0.0)
    if shown.sum() < 2:
        return float("nan")
    return -float(np.polyfit(np.log10(dimensions[shown]), np.log10(errors[shown]), 1)[0])


def check(sweep: Sweep, study: str) -> None:
    """Refuse a sweep that is not in slow time, or not of scalings that have a limit.

    Raises:
        ValueError: it is not.
    """
    if sweep.times.unit != "slow_time":
        raise ValueError(f"times.unit must be slow_time in the study {study}, got {sweep.times.unit!r}")
    if sweep.start:
        raise ValueError(f"start must not be given in the study {study}: its curves start at R = 1, got {sweep.start}")
    for cell in sweep.cells():
        if isinstance(cell.problem, LeastSquares) and cell.problem.label_noise:
            raise ValueError(
                f"label_noise must be 0 in the study {study}: the limits are without, got {cell.problem.label_noise}"
            )
        if cell.scaling is None:
            raise ValueError(
                f"p, B, eps and eta must follow from the scaling in the study {study}, for they grow with d"
            )


def number(value: float) -> float | None:
    """A float as JSON can hold it."""
    return float(value) if np.isfinite(value) else None


def by_dimension(values: xr.DataArray, dim: str) -> dict[str, float | None]:
    """Numbers along a dim, by its coordinate, as JSON can hold them."""
    return {f"{d:g}": number(value) for d, value in zip(values[dim].values, values.values, strict=True)}


def joined(first: Outcome, rows: list[tuple[str, str]], remarks: list[str]) -> Outcome:
    """An outcome with rows before its own, and remarks after."""
    return first._replace(rows=[*rows, *first.rows], remarks=[*first.remarks, *remarks])
