"""Beyond the paper: claimed and exact frontier, with simulated divergence.

Above resonance the paper bounds the learning rate by eps/p. Points are where simulated moments start to grow: on the
exact frontier, far above the claim. At the right a run at 1.2 times the exact frontier diverges, and one
at 0.95 times, far above the claim, does not.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import frontier


def draw(dataset: xr.Dataset) -> Figure:
    """The frontiers, and trajectories on both sides of the exact one."""
    return frontier.overview(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Where simulated moments start to grow, against the exact and the claimed frontier."""
    off = abs(dataset["frontier"] / dataset["frontier_exact"] - 1.0)
    found = float(off.notnull().sum())
    over = float((dataset["frontier_exact"] / dataset["frontier_claimed"]).max())
    return [
        Check("simulated frontiers", found, low=1.0),
        Check("largest distance from the exact one", float(off.max()), high=0.06),
        Check("largest exact over claimed", over, low=10.0),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
