"""Logistic regression: how signal and bulk couple.

On resonance all five variables move on one clock: the signal pulls theta_par to 1 and, with its momentum, beyond;
noise holds the bulk R up, which in the limit keeps theta_par below 1 at the end. Points are simulated means, lines the
exact recursion, the dotted line the sparse-limit ODE at the same d, the grey line its limit.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.figures import collapse

__all__ = ["checks", "draw"]


def draw(dataset: xr.Dataset) -> Figure:
    """The signal above, the bulk below."""
    return collapse.coupled(dataset.isel(case=0))


if __name__ == "__main__":
    experiment.script(__file__)
