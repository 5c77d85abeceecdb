"""What sparse updates do to momentum: a frequent and a rare feature under one mu.

Upper row the error, lower row the buffer, over minibatches, each on its own scale. The frequent feature sees a
gradient every few steps, and its buffer is a running mean. Between the gradients of the rare one (ticks) the buffer
decays like mu^k, straight lines here, and goes on moving the parameter: the error drifts although nothing new is
known, until the buffer is too small to matter.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check, largest
from sparsesim.figures import sample_paths as pictures
from sparsesim.simulation.datasets import sample_paths
from sparsesim.simulation.driver import Progress
from sparsesim.sweep import Simulator, Sweep
from sparsesim.theory.least_squares import activity

ROUNDING = 1e-4  # of float32, in what a buffer loses in one idle minibatch


def compute(sweep: Sweep, progress: Progress, simulate: Simulator) -> xr.Dataset:
    """Single trajectories at every minibatch."""
    cells = sweep.cells()
    times = np.arange(int(sweep.times.horizon) + 1)
    progress(0, len(cells))
    paths = [
        sample_paths(cell.problem, cell.optimizer, times=times, paths=sweep.trajectories, seed=sweep.seed)
        for cell in cells
    ]
    moments = xr.concat(paths, xr.Variable("feature", list(sweep.cases)))
    mu = xr.DataArray([cell.optimizer.mu for cell in cells], dims="feature")
    V = moments.sel(moment="V", drop=True)
    # In an idle minibatch |m|^2 decays by mu^2 and by nothing else.
    active = abs(V - mu**2 * V.shift(time=1, fill_value=0.0)) > ROUNDING * V
    return xr.Dataset(
        {
            "moments": moments,
            "active": active,
            "mu": mu,
            "p": ("feature", [cell.problem.p for cell in cells]),
            "activity": ("feature", [activity(cell.problem)[0] for cell in cells]),
        },
        attrs={"verdict": "computed", "eta": cells[0].optimizer.eta},
    )


def draw(dataset: xr.Dataset) -> Figure:
    """A few of the paths."""
    return pictures.sample_paths(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """How often minibatches are active, and what of the error's movement falls into idle ones."""
    active = dataset["active"].isel(time=slice(1, None))
    n = active.sizes["path"] * active.sizes["time"]
    P = dataset["activity"]
    z = (active.mean(["path", "time"]) - P) / (P * (1 - P) / n) ** 0.5
    moved = abs(np.sqrt(dataset["moments"].sel(moment="R")).diff("time"))
    idle = _idle(moved, active)
    return [
        Check("largest |z| of the share of active minibatches", largest(z), high=4.0),
        Check("share of the rare feature's movement in idle minibatches", idle, low=0.5),
    ]


def _idle(moved: xr.DataArray, active: xr.DataArray) -> float:
    """Of the rare feature: the share of all movement of |error| that happens without a gradient."""
    own, when = moved.sel(feature="rare"), active.sel(feature="rare")
    return float(own.where(~when).sum() / own.sum())


if __name__ == "__main__":
    experiment.script(__file__)
