"""Last-iterate risk over sparsity and momentum decay: simulation and main ODE side by side.

R after the same number of expected active updates everywhere. The diagonal is resonance: above it momentum outlives
learning, and with the paper's learning rate risk stays high.
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
    """The scores of all cells, and how many cannot be judged."""
    untested = float((dataset["verdict"] == "untested").mean())
    return [Check("share of cells that cannot be judged", untested, high=0.5), *experiment.scores(dataset)]


if __name__ == "__main__":
    experiment.script(__file__)
