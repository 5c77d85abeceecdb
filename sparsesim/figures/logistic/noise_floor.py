"""The noise floor: R against K = eta (d-1)/(2B) for every momentum and batch, and R against momentum."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsesim.figures import labels, style
from sparsesim.figures.trajectories import ERRORS

MARKERS = "os^Dvp"


@style.styled
def noise_floor(dataset: xr.Dataset) -> Figure:
    """Left: all learning rates, batches and momenta on one curve. Right: flat in momentum, unless eta follows it.

    Points are simulated, hollow where they have not settled at the end, with bars of two standard errors each way.
    """
    figure, axes = style.new_figure(1, 2, width=style.DOUBLE, height=3.5, sharey=True)
    left, right = axes[0]
    _collapse(left, dataset)
    _flat(right, dataset.isel(B=-1))
    left.set(ylabel="noise floor $R$")
    figure.suptitle(
        f"The noise floor does not depend on momentum: {labels.equation('d', _one(dataset, 'd'))}, "
        f"{labels.equation('p', _one(dataset, 'p'))}",
        x=0.012, ha="left",
    )  # fmt: skip
    return figure


def _collapse(ax: Axes, dataset: xr.Dataset) -> None:
    ax.plot(dataset["curve_K"], dataset["curve_exact"], color=style.INK, label="exact fixed point")
    ax.plot(dataset["curve_K"], dataset["curve_limit"], color=style.GREY, ls=(0, (4, 2)), label=r"limit, $\rho R = K$")
    ax.plot(dataset["curve_K"], dataset["curve_K"], color=style.GREY, ls=":", lw=0.8, label="$R = K$")
    shades = style.sequence(dataset.sizes["eps"])
    for j, eps in enumerate(dataset["eps"].values[::-1]):
        for i, B in enumerate(dataset["B"].values):
            cells = dataset.sel(B=B, eps=eps)
            # Points of equal K lie on each other: larger ones show around smaller ones.
            size = 7.0 - 4.5 * j / max(1, len(shades) - 1)
            label = labels.equation("eps", eps) if i == 0 else None
            _points(ax, cells["K"].values, cells, shades[j], MARKERS[i % len(MARKERS)], size, label)
    ax.set(xscale="log", yscale="log", xlabel=r"$K = \eta\,(d-1)/(2B)$")
    ax.set_ylim(0.5 * float(dataset["curve_exact"].min()), 2.0 * float(dataset["curve_exact"].max()))
    batches = [
        ax.plot([], [], MARKERS[i % len(MARKERS)], ms=3.5, color=style.GREY, label=labels.equation("B", B))[0]
        for i, B in enumerate(dataset["B"].values)
    ]
    handles, _ = ax.get_legend_handles_labels()
    ax.legend(handles=[h for h in handles if h not in batches] + batches, loc="upper left")


def _flat(ax: Axes, dataset: xr.Dataset) -> None:
    """One batch: floors against eps at every learning rate, and the floor where eta = eps/p."""
    eps, p = dataset["eps"].values, _one(dataset, "p")
    colour, resonance = style.BLUE, r"resonance, $\varepsilon = \eta p$"
    for i, eta in enumerate(dataset["eta"].values):
        cells = dataset.sel(eta=eta)
        ax.plot(eps, cells["fixed_R"], color=colour, lw=0.9)
        _points(ax, eps, cells, colour, MARKERS[i % len(MARKERS)], 4.0, None)
        ax.annotate(labels.equation("eta", eta), (eps[-1], float(cells["fixed_R"][-1])), xytext=(5, 0),
                    textcoords="offset points", va="center", size=7, color=colour)  # fmt: skip
        if eps[0] < eta * p < eps[-1]:
            ax.plot(eta * p, float(cells["fixed_R"][0]), "|", ms=11, mew=1.4, color=style.INK, label=resonance)
            resonance = None
    ax.plot(dataset["curve_eps"], dataset["curve_claimed"], color=style.VERMILLION, ls=(0, (3, 2)),
            label=r"exact, at $\eta = \varepsilon / p$")  # fmt: skip
    if bool(dataset["floor_z"].isnull().any()):
        ax.plot([], [], "o", ms=4.0, mfc="white", color=style.BLUE, label="hollow: not settled")
    ax.set(xscale="log", xlabel=labels.axis_label("eps"), title=labels.equation("B", float(dataset["B"])))
    ax.set_xlim(eps[0] / 1.5, eps[-1] * 6.0)
    ax.legend(loc="upper left")


def _points(
    ax: Axes, x: np.ndarray, cells: xr.Dataset, colour: str, marker: str, size: float, label: str | None
) -> None:
    end = cells.sel(moment="R").isel(time=-1)
    settled = cells["floor_z"].notnull().values
    for chosen, face in ((settled, colour), (~settled, "white")):
        ax.errorbar(x[chosen], end["mean"].values[chosen], ERRORS * end["std_error"].values[chosen], fmt=marker,
                    ms=size, color=colour, mfc=face, mew=0.6, elinewidth=0.9, zorder=3,
                    label=label if chosen is settled else None)  # fmt: skip


def _one(dataset: xr.Dataset, name: str) -> float:
    return float(dataset[name].values.flat[0])
