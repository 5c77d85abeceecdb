"""Triple point, near its frontier: damped oscillations, balanced moments and raw risk.

The learning rate is at 90% of the frontier. R, V/p^2 and C/p of the main ODE oscillate with the limit and do not
diverge; on a logarithmic axis R decays.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import collapse


def draw(dataset: xr.Dataset) -> Figure:
    """The balanced moments, and R on a logarithmic axis."""
    return collapse.collapse(dataset.isel(case=0), log=True)


def checks(dataset: xr.Dataset) -> list[Check]:
    """How near R is to its limit, that it decays in simulation, and its scores."""
    last = float(dataset["mean"].isel(case=0, d=-1, time=-1).sel(moment="R"))
    return [*experiment.check_limit(dataset), Check("simulated R at the end", last, high=0.5)]


if __name__ == "__main__":
    experiment.script(__file__)
