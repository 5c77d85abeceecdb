"""Last-iterate risk with time in units of the learning timescale: of one order of magnitude all over the plane.

Every cell of the plane of sparsity and momentum decay runs for two of its own slow times, d^q active updates. Where
figure 9 spans all orders of magnitude, what is left here is within one: not how fast a limit is reached, but the limit
that each region has, slowest on resonance and fastest where sparse and dense batches meet.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check, largest
from sparsesim.figures import phase_plane


def draw(dataset: xr.Dataset) -> Figure:
    """Simulated and exact R."""
    return phase_plane.phase_plane(dataset, when="at slow time $s$ = 2")


def checks(dataset: xr.Dataset) -> list[Check]:
    """The scores of all cells, and by how much R differs over the plane."""
    last = dataset.sel(moment="R").isel(time=-1)
    untested = float((dataset["verdict"] == "untested").mean())
    simulated = last["mean"]
    return [
        Check("largest R at slow time 2", largest(simulated), high=0.6),
        Check("largest over smallest R", float(simulated.max(skipna=False) / simulated.min()), high=10.0),
        Check("largest |simulated - exact| R", largest(simulated - last["exact"]), high=0.05),
        Check("share of cells that cannot be judged", untested, high=0.05),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
