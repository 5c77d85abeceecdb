"""Beyond the paper: critical batch sizes of a vocabulary, without momentum and with the best.

Minibatches until no token has more than e^-8 of its squared error left, each optimizer tuned for the fewest. They fall
like 1/B up to a bend, which the most frequent token makes: the learning rate can grow no more. With the best momentum
it comes later by about the root of the ratio of the largest frequency to the smallest. Points are simulated, lines
exact, dotted the asymptotes of decay rates; momentum's steps are above its asymptote because its two equal modes are
slow at first.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import critical_batch


def draw(dataset: xr.Dataset) -> Figure:
    """Minibatches and tokens to the target against the batch size."""
    return critical_batch.critical_batch(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Measured bends beside the predicted ones, and how much later momentum bends."""
    sgd, momentum = dataset.sel(optimizer="sgd"), dataset.sel(optimizer="momentum")
    later = float(momentum["bend"] / sgd["bend"])
    root = (dataset.attrs["most_frequent"] / dataset.attrs["rarest"]) ** 0.5
    error = float(sgd["bend_std_error"] / sgd["bend"])
    return [
        Check("bend of plain SGD, measured over predicted", float(sgd["bend"] / sgd["critical_batch"]),
              1.0 - 4.0 * error, 1.0 + 4.0 * error),
        Check("bend of momentum, measured over that of rates", float(momentum["bend"] / momentum["critical_batch"]),
              0.6, 0.85),
        Check("momentum bends later, over the root of the ratio of frequencies", later / root, 0.6, 0.85),
        Check("largest |z| of simulated steps", float(np.abs(dataset["steps_z"]).max()),
              high=dataset.attrs["steps_bound"]),
    ]  # fmt: skip


if __name__ == "__main__":
    experiment.script(__file__)
