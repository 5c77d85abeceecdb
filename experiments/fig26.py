"""Logistic regression, where noise changes its character.

At beta = 1 + alpha, above resonance.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import collapse


def draw(dataset: xr.Dataset) -> Figure:
    """The moments that the limit has, at growing dimension."""
    return collapse.collapse(dataset.isel(case=0), floor=True)


def checks(dataset: xr.Dataset) -> list[Check]:
    """How near R is to its limit, how fast it comes nearer, and the scores of the simulation."""
    return experiment.convergence(dataset.isel(case=0), within=2e-2) + experiment.scores(dataset)


if __name__ == "__main__":
    experiment.script(__file__)
