"""Bias against speed above resonance: risk floor and rate of convergence against delta.

With the paper's learning rate both fall above resonance, and it seems that momentum buys a lower floor with speed. With
a learning rate that stays the floor stays and the rate alone falls: what lowers the floor is the smaller learning rate,
and not momentum.
"""

from dataclasses import replace

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from sparsesim import compare, experiment
from sparsesim.experiment import Check
from sparsesim.figures.logistic import bias_speed as pictures
from sparsesim.simulation.driver import Progress
from sparsesim.studies.logistic import bias_speed
from sparsesim.sweep import Simulator, Sweep, Times

APPROACH = Times(
    5, "e_folds", records=10
)  # from the origin to the optimum; the second half is that of the slowest mode


def compute(sweep: Sweep, progress: Progress, simulate: Simulator) -> xr.Dataset:
    """Floors from the optimum, and rates from the origin, of theta_par."""
    dataset = bias_speed.compute(sweep, progress, simulate)
    times = replace(APPROACH, most_ticks=sweep.times.most_ticks)
    approach = compare(simulate(replace(sweep, start={"theta_par": 0.0}, times=times), progress)).sortby("delta")
    half = approach.sizes["time"] // 2
    own = approach.sel(moment="theta_par").isel(time=[half, -1])
    away = abs(own["mean"] - dataset["fixed_theta_par"])
    span = own["clock_time"].diff("time").isel(time=0, drop=True)
    with np.errstate(all="ignore"):
        rate = xr.apply_ufunc(np.log, away.isel(time=0, drop=True) / away.isel(time=1, drop=True)) / span
        error = ((own["std_error"] / away) ** 2).sum("time") ** 0.5 / span
    # Where the signal has come as near as its own noise, or turns around the optimum, there is no rate to read.
    clear = (away > 5.0 * own["std_error"]).all("time") & (error < 0.2 * rate)
    long = own["clock_time"].isel(time=-1) * dataset["fixed_rate"] > 0.9 * APPROACH.horizon
    # Above resonance the signal turns around the optimum, and its distance has no slope.
    calm = 4.0 * dataset["eta"] * dataset["p"] * (1.0 + dataset["r"] ** 2) < dataset["eps"]
    seen = clear & long & calm
    settled = dataset["floor_z"].notnull()
    return dataset.assign(
        measured_rate=rate.where(seen),
        measured_rate_std_error=error.where(seen),
        excess_risk=dataset["excess_risk"].where(settled),
    )


def draw(dataset: xr.Dataset) -> Figure:
    """Floor and rate against delta."""
    return pictures.against_delta(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Floors against exact fixed points, and how they change along delta where the learning rate stays."""
    stays = dataset.sel(case="constant")
    floors, rates = stays["fixed_excess_risk"], stays["fixed_rate"]
    off = abs(dataset["measured_rate"] / dataset["fixed_rate"] - 1.0)
    return [
        Check("largest |z| of settled floors", float(abs(dataset["floor_z"]).max().fillna(0.0)), high=5.0),
        Check("measured over exact rates: largest distance from 1", float(off.max().fillna(0.0)), high=0.15),
        Check("exact floors at constant eta: largest over smallest", float(floors.max() / floors.min()), high=1.2),
        Check("exact rates at constant eta: largest over smallest", float(rates.max() / rates.min()), low=1.5),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
