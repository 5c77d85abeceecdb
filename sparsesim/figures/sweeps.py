"""The last record of a sweep along one axis: simulated, exact, and the scores between the two."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsesim.figures import labels, reading, style
from sparsesim.figures.trajectories import ERRORS
from sparsesim.figures.zscores import CONVENTIONAL

FRONTIER = "eta_over_critical"  # the axis on which the stability frontier is at one
MARKERS = {
    "theta_par": ("D", style.ORANGE),
    "m_par": ("v", style.PURPLE),
    "R": ("o", style.BLUE),
    "V": ("s", style.VERMILLION),
    "C": ("^", style.GREEN),
}


@style.styled
def final_against(dataset: xr.Dataset, axis: str) -> Figure:
    """R at the last record against the values of one axis, and below it z there for all moments.

    Bars are two standard errors each way; unstable cells have hollow markers, and so have scores not to be trusted.
    """
    dataset = dataset.sortby(axis)
    scored = "z" in dataset
    figure, axes = style.new_figure(
        2 if scored else 1, 1, width=style.SINGLE, height=3.8 if scored else 2.6, sharex="col",
        height_ratios=[2.4, 1.0] if scored else None,
    )  # fmt: skip
    _final(axes[0, 0], dataset, axis)
    if scored:
        _scores(axes[1, 0], dataset, axis)
    for ax in axes[:, 0]:
        if reading.spans_decades(dataset[axis].values):
            ax.set_xscale("log")
        if axis == FRONTIER:
            ax.axvline(1.0, color=style.GREY, lw=0.8, ls=(0, (4, 2)), label="stability frontier")
    axes[0, 0].set_title(f"{labels.fixed(dataset, without=(axis,))}\n{labels.last_record(dataset)}".strip())
    axes[0, 0].set_ylabel(labels.moment("R", dataset))
    _legend(axes[0, 0])
    axes[-1, 0].set_xlabel(labels.axis_label(axis))
    return figure


def _final(ax: Axes, dataset: xr.Dataset, axis: str) -> None:
    x = dataset[axis].values
    final = {name: reading.last(dataset, name, "R").values for name in ("mean", "std_error", "median")}
    marked = reading.unstable(dataset).values
    if "exact" in dataset:
        ax.plot(x, reading.last(dataset, "exact", "R").values, color=style.INK, label=labels.exact(dataset))
    for chosen, face, label in ((~marked, style.BLUE, "simulated mean"), (marked, "white", "simulated mean, unstable")):
        if chosen.any():
            ax.errorbar(x[chosen], final["mean"][chosen], ERRORS * final["std_error"][chosen], fmt="o", ms=3.6,
                        color=style.BLUE, mfc=face, mew=0.9, elinewidth=0.9, capsize=1.8, label=label)  # fmt: skip
    ax.plot(x, final["median"], ls="none", marker="_", ms=7, mew=1.2, color=style.ORANGE, label="median")
    shown = np.concatenate([final["mean"], final["median"]])
    if reading.spans_decades(shown[shown != 0]):
        ax.set_yscale("log")


def _legend(ax: Axes) -> None:
    """The legend in the order of reading; matplotlib puts error bars last."""
    handles, names = ax.get_legend_handles_labels()
    order = sorted(range(len(names)), key=lambda i: (names[i] in ("median", "stability frontier"), names[i]))
    ax.legend([handles[i] for i in order], [names[i] for i in order])


def _scores(ax: Axes, dataset: xr.Dataset, axis: str) -> None:
    ax.axhspan(-CONVENTIONAL, CONVENTIONAL, color=style.GREY, alpha=0.15, lw=0)
    ax.axhline(0, color=style.GREY, lw=0.6)
    for moment in reading.moments(dataset):
        marker, colour = MARKERS[moment]
        z, trusted = (reading.last(dataset, name, moment).values for name in ("z", "trusted"))
        x, trusted = dataset[axis].values, trusted.astype(bool)
        for chosen, face, label in ((trusted, colour, labels.MOMENT_SYMBOLS[moment]), (~trusted, "white", None)):
            ax.plot(x[chosen], z[chosen], marker, ms=3.2, color=colour, mew=0.8, mfc=face, label=label)
    z = dataset["z"].isel(time=-1).values
    limit = 1.1 * float(np.max(np.abs(z), where=np.isfinite(z), initial=2.2))
    ax.set(ylabel="$z$", ylim=(-limit, limit))
    ax.legend(ncols=5, loc="lower left", bbox_to_anchor=(0, 1), borderaxespad=0, columnspacing=1, handletextpad=0.2)
