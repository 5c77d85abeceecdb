"""Region A: concentrated batches, above resonance.

Batches are so large that their noise vanishes: R, V/p^2 and C/p of the main ODE fall onto a heavy ball without
noise, which oscillates.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import collapse


def draw(dataset: xr.Dataset) -> Figure:
    """The moments that the limit has, at growing dimension."""
    return collapse.collapse(dataset.isel(case=0))


def checks(dataset: xr.Dataset) -> list[Check]:
    """How near R is to its limit, how fast it comes nearer, and the scores of the simulation."""
    return experiment.convergence(dataset.isel(case=0), within=2e-3) + experiment.scores(dataset)


if __name__ == "__main__":
    experiment.script(__file__)
