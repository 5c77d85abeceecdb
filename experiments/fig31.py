"""Beyond the paper: optimizers that try to resolve the spectral conflict, on one vocabulary.

Lazy momentum moves rows in their own minibatches alone, as optimizers for sparse gradients do; momentum by frequency
remembers longer for rarer tokens; momentum that grows with time starts as plain SGD. All are tuned for the least excess
loss at the end, and all have exact equations: lines. Points are the problem as written, rows sharing minibatches.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import optimizers as figures


def draw(dataset: xr.Dataset) -> Figure:
    """Losses, and what every token has left."""
    return figures.optimizers(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Scores of the losses, and losses over that of plain SGD."""
    last = dataset["loss"].isel(time=-1)
    over = last / last.sel(optimizer="sgd")
    return [
        Check("largest |z| of a loss", float(np.abs(dataset["loss_z"]).max()), high=dataset.attrs["loss_bound"]),
        *(
            Check(f"loss over that of plain SGD, {of['words'].item()}", float(of), 0.5, 1.0)
            for of in over.assign_coords(words=dataset["words"]).drop_sel(optimizer="sgd")
        ),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
