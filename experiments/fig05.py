"""Bias against speed above resonance: risk floor and rate of convergence against delta.

With the paper's learning rate both fall above resonance, and it seems that momentum buys a lower floor with speed.
With a learning rate that stays the floor stays and the rate alone falls: what lowers the floor is the smaller learning
rate, and not momentum.
"""

from dataclasses import replace

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import compare, experiment
from sparsesim.comparison import chance
from sparsesim.experiment import Check, largest
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
    """Floors and rates against exact ones, and how they change along delta where the learning rate stays."""
    stays = dataset.sel(case="constant")
    floors, rates = stays["excess_risk"], stays["measured_rate"]
    return [
        Check(
            "largest |z| of floors",
            largest(dataset["floor_z"]),
            high=chance(dataset["floor_z"].size, dataset.attrs["trajectories"]),
        ),
        Check(
            "measured over predicted rates: largest distance from 1",
            largest(dataset["measured_rate"] / dataset["fixed_rate"] - 1.0),
            high=0.15,
        ),
        Check(
            "floors at constant eta: largest over smallest", float(floors.max(skipna=False) / floors.min()), high=1.2
        ),
        Check("rates at constant eta: largest over smallest", float(rates.max(skipna=False) / rates.min()), low=1.5),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
