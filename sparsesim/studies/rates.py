"""Rates: how fast simulated moments decay, against the rate of the limit and the exact one at finite d.

The rate is read off the simulated means alone, from the envelope (see `studies.envelope`), between the middle and the
end of a run. Faster modes may not have gone by then: exact moments and limit are read over the same time.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim import outcomes
from sparsesim.comparison import compare
from sparsesim.figures import rates as pictures
from sparsesim.figures import style
from sparsesim.scaling import Scaling
from sparsesim.simulation.driver import Progress
from sparsesim.studies import checks, curves
from sparsesim.studies.envelope import envelopes, growths
from sparsesim.sweep import CASE, Simulator, Sweep, run_sweep
from sparsesim.theory import stability
from sparsesim.theory.least_squares import activity
from sparsesim.theory.limits import LimitODE, limit_ode

FAR = 10**12
COVERED = 0.97  # of its horizon: a run that ends before is none to read a rate from


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The simulated and compared cells, with their rates per unit of slow time.

    Adds over (case, d, time) `slow_time` and the `envelope` with `envelope_std_error` (an upper bound); over (case, d)
    `rate` with `rate_std_error`, NaN where few trajectories carry it or the run ends before its horizon, `rate_exact`
    and `rate_window`, of the exact moments and of the limit over the same time, and `rate_limit`, of the slowest mode
    of the limit; and over case `rate_far`, of the slowest exact mode at d = 1e12, and its `cell`.

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
    return dataset.assign(_rates(dataset, sweep.times.horizon))


def _slowest(scaling: Scaling, limit: LimitODE) -> float:
    """The exact rate at a dimension where nothing but the limit is left."""
    problem, optimizer = scaling.at(FAR)
    return stability.decay_rate(problem, optimizer) / activity(problem)[0] * float(limit.ticks(1.0, FAR))


def _rates(dataset: xr.Dataset, horizon: float) -> dict[str, xr.DataArray]:
    """Of the simulated and of the exact envelope and of the limit's, over the second half of the run."""
    grown = growths(dataset, dataset["slow_time"])
    whole = dataset["slow_time"].isel(time=-1) >= COVERED * horizon
    limit = -grown["growth_limit"]
    return {
        "rate": -grown["growth"].where(whole),
        "rate_std_error": grown["growth_std_error"].where(whole),
        "rate_exact": -grown["growth_exact"],
        "rate_window": limit.where(limit.notnull(), dataset["rate_limit"]),  # R alone has one rate at all times
    }


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Measured over predicted rates."""
    return style.save(pictures.ratios(dataset), folder, "rates")


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Verdicts and scores, and every rate."""
    rates = {
        str(case): {
            name: {f"{d:g}": curves.number(dataset[name].sel(case=case, d=d).item()) for d in dataset["d"].values}
            for name in ("rate", "rate_std_error", "rate_exact", "rate_window", "rate_limit")
        }
        for case in dataset[CASE].values
    }
    return {**outcomes.summary(dataset), "rates": rates}


def outcome(dataset: xr.Dataset) -> outcomes.Outcome:
    """Rates case by case at the largest dimension, before the comparison of the moments."""
    rows = [("decay rate per unit of slow time", "measured / limit (exact / limit)")]
    for case in dataset[CASE].values:
        own = dataset.sel({CASE: case}).isel(d=-1)
        ratio, error, exact = (own[name] / own["rate_window"] for name in ("rate", "rate_std_error", "rate_exact"))
        rows.append((f"  {case}, d = {own['d'].item():g}", f"{ratio:.4f} ± {error:.1g} ({exact:.4f})"))
    return curves.joined(outcomes.comparison(dataset), rows, [])
