"""Phase diagram of least squares, and the last-iterate risk over the same plane.

At the left the regions by name. After the same number of active updates the risk is lowest where batches are dense and
memory short; where they are sparse, below resonance, it does not depend on how rare activations are. After the same
number of samples it does: most minibatches are idle there, and little has been learned. The table has the regimes:
which limit, which learning rate, which slow time.
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
    failed = sum(of.attrs.get("failed_cells", 0) for of in found.values())
    verdict = "disagrees" if "disagrees" in {of.attrs["verdict"] for of in found.values()} else "computed"
    return dataset.assign_attrs(scores, verdict=verdict, failed_cells=failed)


def draw(dataset: xr.Dataset) -> Figure:
    """The diagram, the two planes, the table."""
    return diagram.overview(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """How R depends on sparsity where batches are sparse and memory short, and the scores of both planes."""
    sparse = (
        dataset["risk"].isel(delta=0).where(dataset["alpha"] > float(dataset["beta"].values.flat[0]) + 0.4, drop=True)
    )
    ratio = sparse.isel(alpha=-1) / sparse.isel(alpha=0)
    rarest = float(sparse.isel(alpha=-1).sel(pace="samples"))
    return [
        Check(
            "sparse batches, R after updates: rarest over most frequent", float(ratio.sel(pace="updates")), 0.8, 1.25
        ),
        Check("the same after samples", float(ratio.sel(pace="samples")), low=1.05),
        Check("R of the rarest after samples", rarest, 0.9, 1.05),
        *experiment.scores(dataset, "updates_"),
        *experiment.scores(dataset, "samples_"),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
