"""How trajectories concentrate: the standard deviation of one of them against dimension, simulated and predicted."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsesim.figures import labels, reading, style
from sparsesim.figures.trajectories import ERRORS

SHOWN = ("theta_par", "R")  # what concentrates everywhere; m_par, V and C need p B well above eps as well


@style.styled
def concentration(dataset: xr.Dataset) -> Figure:
    """Standard deviations of theta_par and R over trajectories at the last record, against d.

    Bars are two standard errors each way, for normal deviations; lines are what `compare` predicts (docs/logistic.md,
    section 8).
    """
    dataset = dataset.sortby("d")
    figure, axes = style.new_figure(1, len(SHOWN), width=style.DOUBLE, height=2.7)
    for ax, moment in zip(axes[0], SHOWN, strict=True):
        _panel(ax, dataset, moment)
    axes[0, 0].legend(loc="lower left")
    figure.suptitle(f"{labels.fixed(dataset, without=('d',))}     {labels.last_record(dataset)}", x=0.012, ha="left")
    return figure


def _panel(ax: Axes, dataset: xr.Dataset, moment: str) -> None:
    d, count = dataset["d"].values, dataset.attrs["trajectories"]
    simulated = np.sqrt(count) * reading.last(dataset, "std_error", moment).values
    predicted = reading.last(dataset, "spread", moment).values
    error = ERRORS * simulated / np.sqrt(2.0 * (count - 1))
    ax.errorbar(d, simulated, error, fmt="o", ms=3.6, color=style.BLUE, mew=0, elinewidth=0.9, label="simulated")
    ax.plot(d, predicted, color=style.INK, label="predicted, leading order in $1/d$")
    guide = predicted[-1] * np.sqrt(d[-1] / d)
    ax.plot(d, guide, color=style.GREY, lw=0.8, ls=(0, (4, 2)), label=r"$d^{\,-1/2}$")
    ax.set(xscale="log", yscale="log", xlabel=labels.axis_label("d"))
    ax.set_ylabel(f"standard deviation of {labels.MOMENT_SYMBOLS[moment]}")
