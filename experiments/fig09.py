"""Last-iterate risk over sparsity and momentum decay: simulation and main ODE side by side.

R after the same number of expected active updates everywhere. It falls where batches are dense and memory is short:
with the paper's learning rate a longer memory means smaller steps, and towards the top nothing has moved yet.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check, largest
from sparsesim.figures import phase_plane


def draw(dataset: xr.Dataset) -> Figure:
    """Simulated and exact R."""
    return phase_plane.phase_plane(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """The scores of all cells, and how many cannot be judged."""
    untested = float((dataset["verdict"] == "untested").mean())
    last = dataset.sel(moment="R").isel(time=-1)
    return [
        Check("largest |simulated - exact| R", largest(last["mean"] - last["exact"]), high=0.05),
        Check("share of cells that cannot be judged", untested, high=0.05),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
