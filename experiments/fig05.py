"""Bias against speed above resonance: risk floor and rate of convergence against delta.

With the paper's learning rate both fall above resonance, and it seems that momentum buys a lower floor with speed. With
a learning rate that stays the floor stays and the rate alone falls: what lowers the floor is the smaller learning rate,
and not momentum.
"""

from dataclasses import replace

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import compare, experiment
from sparsesim.experiment import Check
from sparsesim.figures.logistic import bias_speed as pictures
from sparsesim.simulation.driver import Progress
from sparsesim.studies.logistic import bias_speed
from sparsesim.sweep import Simulator, Sweep, Times

APPROACH = Times(3, "e_folds", records=6)  # from the origin to the optimum


def compute(sweep: Sweep, progress: Progress, simulate: Simulator) -> xr.Dataset:
    """Floors from the optimum, and rates from the origin."""
    dataset, _ = bias_speed.settled(sweep, progress, simulate)
    times = replace(APPROACH, most_ticks=sweep.times.most_ticks)
    approach = compare(simulate(replace(sweep, start={"theta_par": 0.0}, times=times), progress)).sortby("delta")
    floors = dataset["excess_risk"].where(dataset["floor_z"].notnull())
    return dataset.assign({**bias_speed.rates(approach), "excess_risk": floors})


def draw(dataset: xr.Dataset) -> Figure:
    """Floor and rate against delta."""
    return pictures.against_delta(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Floors against exact fixed points, and how they change along delta where the learning rate stays."""
    stays = dataset.sel(case="constant")
    floors, rates = stays["fixed_excess_risk"], stays["fixed_rate"]
    off = abs(dataset["measured_rate"] / dataset["fixed_rate"] - 1.0)
    z = (dataset["measured_rate"] - dataset["recursion_rate"]) / dataset["measured_rate_std_error"]
    floor_z = abs(dataset["floor_z"])
    return [
        Check("floors measured", float(floor_z.notnull().sum()), low=off.size / 2),
        Check("largest |z| of floors", float(floor_z.max()), high=5.0),
        Check("rates measured", float(off.notnull().sum()), low=off.size / 2),
        Check("largest |z| of rates against the recursion", float(abs(z).max()), high=5.0),
        Check("measured over predicted rates: largest distance from 1", float(off.max()), high=0.15),
        Check("exact floors at constant eta: largest over smallest", float(floors.max() / floors.min()), high=1.2),
        Check("exact rates at constant eta: largest over smallest", float(rates.max() / rates.min()), low=1.5),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
