"""Beyond the paper: how fast every tenth of a text is learned under one momentum.

Tokens in falling order of frequency, a tenth of the text each. The first oscillate, above resonance; those near it are
learned best; the last have hardly begun. Every token is simulated, 128 trajectories each, and every line is exact.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import vocabulary as figures


def draw(dataset: xr.Dataset) -> Figure:
    """Losses of the tenths."""
    return figures.learning(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Scores of the tenths, and how far apart they are in the end."""
    z = abs(dataset["loss_z"]).where(dataset["loss_judged"])
    last = dataset["loss"].isel(time=-1)
    return [
        Check("largest |z| of a tenth's loss", float(z.max()), high=dataset.attrs["loss_bound"]),
        Check("losses that are judged", float(z.notnull().sum()), low=60.0),
        Check("loss left in the last tenth over that in the first", float(last[-1] / last[0]), low=10.0),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
