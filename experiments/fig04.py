"""Logistic regression: how signal and bulk couple.

On resonance all five variables move on one clock: the signal pulls theta_par to 1, noise lifts the bulk R, and a large
bulk slows the signal down. Points are simulated means, lines the exact recursion, dots the sparse-limit ODE at the same
d, the grey line its limit.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import collapse


def draw(dataset: xr.Dataset) -> Figure:
    """The signal above, the bulk below."""
    return collapse.coupled(dataset.isel(case=0))


def checks(dataset: xr.Dataset) -> list[Check]:
    """How near the recursion is to the limit, and the scores of the simulation."""
    return experiment.convergence(dataset.isel(case=0), within=2e-2) + experiment.scores(dataset)


if __name__ == "__main__":
    experiment.script(__file__)
