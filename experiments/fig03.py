"""Phase diagram of least squares, and the last-iterate risk over the same plane.

At the left the regions by name. After the same number of active updates the risk grows towards long memory, whatever
sparsity; after the same number of samples it grows towards rare activations too, for there most minibatches are idle.
The table has the regimes: which limit, which learning rate, which slow time.
"""

from dataclasses import replace

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import compare, experiment
from sparsesim.experiment import Check
from sparsesim.figures import diagram
from sparsesim.simulation.driver import Progress
from sparsesim.sweep import Simulator, Sweep


def compute(sweep: Sweep, progress: Progress, simulate: Simulator) -> xr.Dataset:
    """R at the end, paced by active updates and by samples: batches are of one size, so samples are minibatches."""
    found = {}
    for pace, clock in (("updates", "active"), ("samples", "minibatch")):
        found[pace] = compare(simulate(replace(sweep, clock=clock), progress))
    last = [of["mean"].sel(moment="R", drop=True).isel(time=-1) for of in found.values()]
    dataset = found["updates"][["feedback"]].assign(
        risk=xr.concat(last, xr.Variable("pace", list(found))),
        ticks=("pace", [float(of["clock_time"].max()) for of in found.values()]),
    )
    scores = {f"{pace}_{key}": of.attrs[key] for pace, of in found.items() for key in experiment.SCORES}
    return dataset.assign_attrs(scores, verdict="computed")


def draw(dataset: xr.Dataset) -> Figure:
    """The diagram, the two planes, the table."""
    return diagram.overview(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """The scores of both planes."""
    return experiment.scores(dataset, "updates_") + experiment.scores(dataset, "samples_")


if __name__ == "__main__":
    experiment.script(__file__)
