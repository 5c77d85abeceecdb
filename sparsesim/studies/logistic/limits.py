"""Every region of logistic regression against its limit: theory up to d = 1e10, simulation as far as samples allow.

Two things at finite d are held against the limit. The exact recursion is what is simulated: it has the coefficients of
the model, and approaches the limit like p = d^-alpha or more slowly. The sparse ODE has the limit's own coefficients,
so that it is closer, and shows less. At the corner delta = 0, where the limit is a map, it stays away from it.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim import outcomes
from sparsesim.comparison import compare
from sparsesim.figures import convergence, style
from sparsesim.figures import limits as panels
from sparsesim.problems import RareClassLogistic
from sparsesim.simulation.driver import Progress
from sparsesim.studies import checks
from sparsesim.studies import curves as common
from sparsesim.studies.logistic import curves
from sparsesim.sweep import CASE, Simulator, Sweep, run_sweep
from sparsesim.theory.logistic import LimitMap, LogisticLimit, limit_of
from sparsesim.theory.phases import NoLimit

DIMENSIONS = 10 ** np.arange(2, 11)  # beyond them the sparse ODE is too stiff for its solver
SHOWN = (10**2, 10**4, 10**8)  # in the table
NAMES = {"exact_map": "exact recursion", "sparse_ode": "sparse ODE"}
SLOWEST = 0.1  # an order of convergence that four decades hardly show
# An error above the rounding of B that the last four decades leave as it is belongs to a limit that is wrong.
STALLED, LEAST_ERROR = 0.9, 1e-3


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The simulated and compared cases, and the curves of `curves.curves` for every case at d = 1e2 to 1e10.

    Returns:
        Dims (case, d, time, moment) for what is simulated, with `slow_time` (case, d, time); (case, s, variable) for
        `limit_curve` and (case, dimension, s, variable) for the curves that converge to it, `order_exact_map` and
        `order_sparse_ode` (case, variable) for how fast; region, momentum_phase and whether time is `discrete` by case.

    Raises:
        ValueError: the sweep is not of cases over d in slow time, or a case has no limit.
        MemoryError: see `run_sweep`.

    The verdict is that of the comparison; "disagrees" also where the exact recursion, or the sparse ODE of a limit that
    is an ODE, stops approaching the limit.
    """
    if not sweep.cases:
        raise ValueError("sweep.cases must name at least one case in the study limits, got none")
    checks.axes(sweep, "limits", ("d",), cases=True)
    common.check(sweep, "limits")
    per_cell = _limits(sweep)
    dataset = compare(simulate(sweep, progress))
    per_case = per_cell[:: len(sweep.axes["d"])]
    s = np.linspace(0.0, sweep.times.horizon, common.POINTS)
    dimensions = np.union1d(DIMENSIONS, np.asarray(sweep.axes["d"], dtype=np.int64))
    theory = xr.concat([curves.curves(limit, s, dimensions) for limit in per_case], CASE)
    for kind in curves.KINDS:
        orders = [
            [common.order(dimensions, errors) for errors in case.T] for case in theory[f"sup_error_{kind}"].values
        ]
        theory[f"order_{kind}"] = ((CASE, "variable"), np.array(orders))
    ticks = dataset["clock_time"].values
    units = [limit.ticks(1.0, cell.problem.d) for limit, cell in zip(per_cell, sweep.cells(), strict=True)]
    dataset = dataset.assign(theory.data_vars).assign_coords(
        region=(CASE, [limit.phase.region for limit in per_case]),
        momentum_phase=(CASE, [limit.phase.momentum_phase for limit in per_case]),
        clock_exponent=(CASE, [limit.clock_exponent for limit in per_case]),
        discrete=(CASE, [isinstance(limit, LimitMap) for limit in per_case]),
        slow_time=((CASE, "d", "time"), ticks / np.reshape(units, (*ticks.shape[:-1], 1))),
    )
    if dataset.attrs["verdict"] == "agrees" and any(_wrong(dataset.isel({CASE: i})) for i in range(len(per_case))):
        dataset.attrs["verdict"] = "disagrees"
    return dataset


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """R and theta_par along slow time in every case, momentum where limits have it, and how errors fall with d."""
    figures = {"limits": panels.rows(dataset, ("R", "theta_par"))}
    if bool(dataset["limit_curve"].sel(variable="V").notnull().any()):
        figures["limits_momentum"] = panels.rows(dataset, ("m_par", "V", "C"))
    figures["convergence"] = convergence.convergence(dataset, NAMES)
    return [path for name, figure in figures.items() for path in style.save(figure, folder, name)]


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Verdicts and scores, and by case the largest distances from its limit, at every d, and their orders."""
    cases = {}
    for case in dataset[CASE].values:
        own = dataset.sel({CASE: case})
        cases[str(case)] = {
            "region": own["region"].item(),
            **{name: own[name].values.flat[0].item() for name in ("alpha", "beta", "delta")},
            "simulated_to_slow_time": common.by_dimension(own["slow_time"].isel(time=-1), "d"),
            **{
                f"{what}_{kind}": {
                    name: of_variable(own[f"{what}_{kind}"].sel(variable=name)) for name in own["variable"].values
                }
                for kind in curves.KINDS
                for what, of_variable in (
                    ("sup_error", lambda errors: common.by_dimension(errors, "dimension")),
                    ("order", lambda order: common.number(order.item())),
                )
            },
        }
    return {**outcomes.summary(dataset), "limits": cases}


def outcome(dataset: xr.Dataset) -> outcomes.Outcome:
    """How far R of the exact recursion and of the sparse ODE are from the limit, and what the comparison says."""
    shown = [d for d in SHOWN if d in dataset["dimension"].values]
    rows, remarks = [], []
    for kind, words in NAMES.items():
        rows.append((f"{words} |R - limit| at d =", " ".join(f"{d:<7.0e}" for d in shown) + " falls like"))
        for case in dataset[CASE].values:
            own = dataset.sel({CASE: case})
            errors, order = own[f"sup_error_{kind}"].sel(variable="R"), own[f"order_{kind}"].sel(variable="R").item()
            numbers = " ".join(f"{errors.sel(dimension=d).item():<7.1e}" for d in shown)
            apart = kind == "sparse_ode" and bool(own["discrete"])
            rows.append((f"  {case}", f"{numbers} " + ("not: a map" if apart else f"d^{-order:.2f}")))
            last = errors.isel(dimension=-1)
            if not np.isfinite(last):
                remarks.append(f"{case}: unstable, the {words} or the limit outgrows a float")
            elif not apart and (_stalled(own, kind) or not order > SLOWEST):
                remarks.append(
                    f"{case}: the {words} does not visibly converge to the limit, R is {last.item():.2g} away at d = "
                    f"{last['dimension'].item():.0e}"
                )
    return common.joined(outcomes.comparison(dataset), rows, remarks)


def _wrong(case: xr.Dataset) -> bool:
    """Whether a limit is not that of what should converge to it."""
    return _stalled(case, "exact_map") or (_stalled(case, "sparse_ode") and not bool(case["discrete"]))


def _stalled(case: xr.Dataset, kind: str) -> bool:
    """Whether a variable has stopped approaching the limit."""
    middle, last = (case[f"sup_error_{kind}"].sel(dimension=d) for d in (10**6, 10**10))
    return bool(((last > LEAST_ERROR) & (last > STALLED * middle)).any())


def _limits(sweep: Sweep) -> list[LogisticLimit | LimitMap]:
    """The limit of every cell.

    Raises:
        ValueError: a case has none.
    """
    found = []
    names = [name for name in sweep.cases for _ in sweep.axes["d"]]
    for name, cell in zip(names, sweep.cells(), strict=True):
        assert cell.scaling is not None
        assert isinstance(cell.problem, RareClassLogistic)
        try:
            found.append(limit_of(cell.scaling, cell.problem.r))
        except NoLimit as error:
            raise ValueError(f"the case {name} must have a limit: {error}") from error
    return found
