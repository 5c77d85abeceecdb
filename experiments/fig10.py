"""The same plane with time in units of the learning timescale: the risk is of one order everywhere.

Every cell runs for two of its own slow times, d^q active updates. Where fig09 spans all orders of magnitude, what is
left here is within one: not how fast a limit is reached, but the limit that each region has, slowest on resonance and
fastest where sparse and dense batches meet.
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
        Check("largest R at slow time 2", float(last.max()), high=0.6),
        Check("largest over smallest R", float(last.max() / last.min()), high=20.0),
        Check("share of cells that cannot be judged", untested, high=0.5),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
