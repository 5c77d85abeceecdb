"""Every region and boundary against its limit ODE: theory up to d = 1e12, simulation as far as updates allow."""

from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim import outcomes
from sparsesim.comparison import compare
from sparsesim.figures import convergence, style
from sparsesim.figures import limits as panels
from sparsesim.simulation.driver import Progress
from sparsesim.studies import checks, curves
from sparsesim.sweep import CASE, Simulator, Sweep, run_sweep
from sparsesim.theory.limits import LimitODE, NoLimit, limit_ode

DIMENSIONS = 10 ** np.arange(2, 13)
SHOWN = (10**2, 10**4, 10**6, 10**8)  # in the table
SLOWEST = 0.1  # an order of convergence that six decades hardly show
# An error above the rounding of B that the last six decades leave as it is belongs to a limit that is wrong.
STALLED, LEAST_ERROR = 0.9, 1e-3


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The simulated and compared cases, and the curves of `curves.curves` for every case at d = 1e2 to 1e12.

    Returns:
        Dims (case, d, time, moment) for what is simulated, with `slow_time` (case, d, time); (case, s, variable) for
        `limit_curve` and (case, dimension, s, variable) for the curves that converge to it, `order_main_ode` and
        `order_exact_map` (case, variable) for how fast; region and momentum_phase by case.

    Raises:
        ValueError: the sweep is not of cases over d in slow time, or a case has no limit of R.
        MemoryError: see `run_sweep`.

    The verdict is that of the comparison; "disagrees" also where the exact moments stop approaching a limit.
    """
    if not sweep.cases:
        raise ValueError("sweep.cases must name at least one case in the study limits, got none")
    checks.axes(sweep, "limits", ("d",), cases=True)
    curves.check(sweep, "limits")
    per_cell = _limits(sweep)
    dataset = compare(simulate(sweep, progress))
    per_case = per_cell[:: len(sweep.axes["d"])]
    s = np.linspace(0.0, sweep.times.horizon, curves.POINTS)
    dimensions = np.union1d(DIMENSIONS, np.asarray(sweep.axes["d"], dtype=np.int64))
    theory = xr.concat([curves.curves(limit, s, dimensions) for limit in per_case], CASE)
    for name in ("main_ode", "exact_map"):
        orders = [
            [curves.order(dimensions, errors) for errors in case.T] for case in theory[f"sup_error_{name}"].values
        ]
        theory[f"order_{name}"] = ((CASE, "variable"), np.array(orders))
    ticks = dataset["clock_time"].values
    slow = curves.slow_time(sweep, ticks.reshape(-1, ticks.shape[-1]), per_cell).reshape(ticks.shape)
    if dataset.attrs["verdict"] == "agrees" and any(_stalled(theory.isel({CASE: i})) for i in range(len(per_case))):
        dataset.attrs["verdict"] = "disagrees"
    return dataset.assign(theory.data_vars).assign_coords(
        region=(CASE, [limit.phase.region for limit in per_case]),
        momentum_phase=(CASE, [limit.phase.momentum_phase for limit in per_case]),
        clock_exponent=(CASE, [limit.clock_exponent for limit in per_case]),
        slow_time=((CASE, "d", "time"), slow),
    )


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """R along slow time in every case, V and C where the limit has them, and how the errors fall with d."""
    figures = {"limits": panels.limits(dataset)}
    if bool(dataset["limit_curve"].sel(variable="V").notnull().any()):
        figures["limits_momentum"] = panels.momentum(dataset)
    figures["convergence"] = convergence.convergence(dataset)
    return [path for name, figure in figures.items() for path in style.save(figure, folder, name)]


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Verdicts and scores, and by case the largest distance of R from its limit, at every d, and its order."""
    cases = {}
    for case in dataset[CASE].values:
        own = dataset.sel({CASE: case, "variable": "R"})
        cases[str(case)] = {
            "region": own["region"].item(),
            **{name: own[name].values.flat[0].item() for name in ("alpha", "beta", "delta")},
            "simulated_to_slow_time": curves.by_dimension(own["slow_time"].isel(time=-1), "d"),
            **{
                f"{kind}_{name}": value
                for name in ("main_ode", "exact_map")
                for kind, value in (
                    ("sup_error", curves.by_dimension(own[f"sup_error_{name}"], "dimension")),
                    ("order", curves.number(own[f"order_{name}"].item())),
                )
            },
        }
    return {**outcomes.summary(dataset), "limits": cases}


def outcome(dataset: xr.Dataset) -> outcomes.Outcome:
    """How far R of the main ODE is from the limit, case by case, and what the comparison says."""
    shown = [d for d in SHOWN if d in dataset["dimension"].values]
    rows = [("largest |R - limit| at d =", " ".join(f"{d:<7.0e}" for d in shown) + " falls like")]
    remarks = []
    for case in dataset[CASE].values:
        own = dataset.sel({CASE: case, "variable": "R"})
        errors, order = own["sup_error_main_ode"], own["order_main_ode"].item()
        numbers = " ".join(f"{errors.sel(dimension=d).item():<7.1e}" for d in shown)
        rows.append((f"  {case}", f"{numbers} d^{-order:.2f}"))
        last = errors.isel(dimension=-1)
        if not np.isfinite(last):
            remarks.append(f"{case}: unstable, R or its limit outgrows a float")
        elif _stalled(own) or not order > SLOWEST:
            remarks.append(
                f"{case}: R does not visibly converge to the limit, {last.item():.2g} away at d = "
                f"{last['dimension'].item():.0e}"
            )
    return curves.joined(outcomes.comparison(dataset), rows, remarks)


def _stalled(case: xr.Dataset) -> bool:
    """Whether R of the main ODE has stopped approaching the limit; not so where either outgrows a float."""
    errors = case["sup_error_main_ode"]
    errors = errors.sel(variable="R") if "variable" in errors.dims else errors
    middle, last = (float(errors.sel(dimension=d)) for d in (10**6, 10**12))
    return bool(np.isfinite(last)) and last > LEAST_ERROR and last > STALLED * middle


def _limits(sweep: Sweep) -> list[LimitODE]:
    """The limit of every cell.

    Raises:
        ValueError: a case has none, or one of its envelope alone.
    """
    found = []
    names = [name for name in sweep.cases for _ in sweep.axes["d"]]
    for name, cell in zip(names, sweep.cells(), strict=True):
        assert cell.scaling is not None
        try:
            limit = limit_ode(cell.scaling)
        except NoLimit as error:
            raise ValueError(f"the case {name} must have a limit: {error}") from error
        if limit.variables[0] != "R":
            raise ValueError(
                f"the case {name} must have a limit of R, got one of its envelope alone; take kappa of at least "
                f"{limit.phase.kappa:g}"
            )
        found.append(limit)
    return found
