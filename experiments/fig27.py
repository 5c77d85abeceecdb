"""Beyond the paper: claimed and exact frontier, with simulated divergence.

Above resonance the paper bounds the learning rate by eps/p. Points are where simulated moments start to grow: on the
exact frontier, far above the claim. At the right, where runs are long enough, a run at 1.2 times the exact frontier
diverges, and one at 0.95 times, far above the claim, does not.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.comparison import chance
from sparsesim.experiment import Check
from sparsesim.figures import frontier


def draw(dataset: xr.Dataset) -> Figure:
    """The frontiers, and trajectories on both sides of the exact one."""
    return frontier.overview(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Where simulated moments start to grow, against the exact and the claimed frontier."""
    off = dataset["frontier"] / dataset["frontier_exact"] - 1.0
    over = float((dataset["frontier"] / dataset["frontier_claimed"]).max())
    growth = dataset["growth"]
    beyond = growth.where(dataset["eta_over_critical"] > 1.0, -growth)
    z = (growth - dataset["growth_exact"]) / dataset["growth_std_error"]
    simulated = growth.notnull().all("eta_over_critical")
    missed = float((simulated & off.isnull()).sum())
    return [
        Check("frontiers not found where all runs are long enough", missed, high=0.0),
        Check("simulated frontiers: largest distance from the exact one", float(abs(off).max()), high=0.04),
        Check("simulated over claimed frontier, largest", over, low=3.0),
        Check("least growth beyond the exact frontier, and decay below it", float(beyond.min()), low=0.0),
        Check(
            "largest |z| of growth",
            float(abs(z).max()),
            high=chance(int(z.notnull().sum()), dataset.attrs["trajectories"]),
        ),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
