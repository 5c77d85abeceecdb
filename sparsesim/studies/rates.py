"""Rates: how fast simulated moments decay, against the rate of the limit and the exact one at finite d.

The rate is read off the simulated means alone, from the envelope (see `studies.envelope`), between the middle and the
end of a run: by then faster modes have gone.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim import report
from sparsesim.comparison import MIN_EFFECTIVE_SHARE, compare
from sparsesim.figures import rates as pictures
from sparsesim.figures import style
from sparsesim.scaling import Scaling
from sparsesim.simulation.driver import Progress
from sparsesim.studies import checks, curves
from sparsesim.studies.envelope import envelopes
from sparsesim.sweep import CASE, Simulator, Sweep, run_sweep
from sparsesim.theory import stability
from sparsesim.theory.least_squares import activity
from sparsesim.theory.limits import LimitODE, limit_ode

FAR = 10**12


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The simulated and compared cells, with their rates per unit of slow time.

    Adds over (case, d, time) `slow_time` and the `envelope` with `envelope_std_error` (an upper bound); over (case, d)
    `rate` with `rate_std_error`, NaN where few trajectories carry it, `rate_exact`, of the exact moments over the same
    time, and `rate_limit`; and over case `rate_far`, of the slowest exact mode at d = 1e12, and its `cell`.

    Raises:
        ValueError: the sweep is not of cases over d in slow time, or a case has no limit.
        MemoryError: see `run_sweep`.
    """
    if not sweep.cases:
        raise ValueError("sweep.cases must name at least one case in the study rates, got none")
    checks.axes(sweep, "rates", ("d",), cases=True)
    curves.check(sweep, "rates")
    limits = [limit_ode(cell.scaling) for cell in sweep.cells() if cell.scaling is not None]
    dataset = compare(simulate(sweep, progress))
    ticks = dataset["clock_time"].values
    slow = curves.slow_time(sweep, ticks.reshape(-1, ticks.shape[-1]), limits).reshape(ticks.shape)
    shape = ticks.shape[:-1]
    dims = dataset["feedback"].dims
    dataset = dataset.assign(envelopes(dataset)).assign(
        slow_time=(dataset["clock_time"].dims, slow),
        rate_limit=(dims, np.reshape([limit.decay_rate for limit in limits], shape)),
        rate_far=(CASE, [_slowest(limit.scaling, limit) for limit in limits[:: shape[1]]]),
        cell=(CASE, [limit.cell.number for limit in limits[:: shape[1]]]),
    )
    return dataset.assign(_rates(dataset))


def _slowest(scaling: Scaling, limit: LimitODE) -> float:
    """The exact rate at a dimension where nothing but the limit is left."""
    problem, optimizer = scaling.at(FAR)
    return stability.decay_rate(problem, optimizer) / activity(problem)[0] * float(limit.ticks(1.0, FAR))


def _rates(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """Of the simulated and of the exact envelope, over the second half of the run."""
    half = dataset.sizes["time"] // 2
    late = dataset.isel(time=-1), dataset.isel(time=half)
    span = late[0]["slow_time"] - late[1]["slow_time"]
    with np.errstate(all="ignore"):
        rate = xr.apply_ufunc(np.log, late[1]["envelope"] / late[0]["envelope"]) / span
        exact = xr.apply_ufunc(np.log, late[1]["envelope_exact"] / late[0]["envelope_exact"]) / span
        errors = [end["envelope_std_error"] / end["envelope"] for end in late]
        error = (errors[0] ** 2 + errors[1] ** 2) ** 0.5 / span
    carried = dataset["effective_sample_size"].sel(moment="R", drop=True).isel(time=[half, -1]).min("time")
    trusted = carried >= MIN_EFFECTIVE_SHARE * dataset.attrs["trajectories"]
    return {"rate": rate.where(trusted), "rate_std_error": error.where(trusted), "rate_exact": exact}


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Measured over predicted rates."""
    return style.save(pictures.ratios(dataset), folder, "rates")


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Verdicts and scores, and every rate."""
    rates = {
        str(case): {
            name: {f"{d:g}": curves.number(dataset[name].sel(case=case, d=d).item()) for d in dataset["d"].values}
            for name in ("rate", "rate_std_error", "rate_exact", "rate_limit")
        }
        for case in dataset[CASE].values
    }
    return {**report.summary(dataset), "rates": rates}


def outcome(dataset: xr.Dataset) -> report.Outcome:
    """Rates case by case at the largest dimension, before the comparison of the moments."""
    rows = [("decay rate per unit of slow time", "measured / limit (exact / limit)")]
    for case in dataset[CASE].values:
        own = dataset.sel({CASE: case}).isel(d=-1)
        ratio, error, exact = (own[name] / own["rate_limit"] for name in ("rate", "rate_std_error", "rate_exact"))
        rows.append((f"  {case}, d = {own['d'].item():g}", f"{ratio:.4f} ± {error:.1g} ({exact:.4f})"))
    return curves.joined(report.comparison(dataset), rows, [])
