"""The same plane with time in units of the learning timescale: the risk is nearly the same everywhere.

Every cell runs for two of its own slow times, d^q active updates. What is left of the colours is the limit that each
region has, and not how fast it is reached.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import phase_plane


def draw(dataset: xr.Dataset) -> Figure:
    """Simulated and exact R."""
    return phase_plane.phase_plane(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """The scores of all cells, and by how much R differs over the plane."""
    last = dataset["exact"].sel(moment="R").isel(time=-1)
    untested = float((dataset["verdict"] == "untested").mean())
    return [
        Check("largest R at slow time 2", float(last.max()), high=1.5),
        Check("share of cells that cannot be judged", untested, high=0.5),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
