"""Decay rates: measured in simulations, exact at finite d, and of the limit."""

import textwrap

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import NullLocator

from sparsesim.figures import slow_time, style
from sparsesim.figures.trajectories import ERRORS
from sparsesim.theory.phases import CELLS

LIMIT = {"color": style.INK, "lw": 1.0, "ls": (0, (4, 2))}


@style.styled
def ratios(dataset: xr.Dataset) -> Figure:
    """Measured and exact rates over those of the limits in the same time, by case and dimension."""
    figure, axes = style.new_figure(width=style.DOUBLE, height=3.0)
    ax, count = axes[0, 0], dataset.sizes["d"]
    for i, (d, (colour, _)) in enumerate(slow_time.looks(dataset).items()):
        own = dataset.sel(d=d)
        place = np.arange(own.sizes["case"]) + 0.5 * ((i + 0.5) / count - 0.5)
        ratio, error = own["rate"] / own["rate_window"], own["rate_std_error"] / own["rate_window"]
        exact = (own["rate_exact"] / own["rate_window"]).where(ratio.notnull())
        ax.plot(place, exact, "_", color=style.INK, ms=9, mew=1.0, zorder=4)
        ax.errorbar(place, ratio, ERRORS * error, fmt="o", ms=4, color=colour, mfc="white", mew=0.9, elinewidth=0.9)
    ax.axhline(1.0, **LIMIT)
    names = [textwrap.fill(f"{number}: {CELLS[int(number)]}", 14) for number in dataset["cell"].values]
    ax.set_xticks(range(len(names)), names)
    ax.set_ylabel("decay rate over that of the limit")
    ax.set_title("Decay rates in the eight cells of learning-rate exponents: measured over predicted")
    handles = [
        *(Line2D([], [], color=colour, lw=0, marker="o", ms=4, mfc="white", mew=0.9,
                 label=rf"simulated $\pm$ 2 standard errors, $d$ = {slow_time.dimension(d)}")
          for d, (colour, _) in slow_time.looks(dataset).items()),
        Line2D([], [], color=style.INK, lw=0, marker="_", ms=9, label="exact at the same $d$ and times"),
        Line2D([], [], **LIMIT, label=r"limit $d \to \infty$"),
    ]  # fmt: skip
    figure.legend(handles=handles, loc="outside lower center", ncols=3)
    return figure


@style.styled
def slopes(dataset: xr.Dataset, parameter: str, symbol: str) -> Figure:
    """Decay of log R for a sweep of a parameter, one case a value, and measured against predicted slopes."""
    dataset = dataset.isel(d=-1)
    figure, axes = style.new_figure(1, 2, width=style.DOUBLE, height=2.9)
    values = dataset[parameter].values
    colours = style.sequence(len(values))
    for value, case, colour in zip(values, dataset["case"].values, colours, strict=True):
        own = dataset.sel(case=case)
        R = own.sel(moment="R")
        points = {"fmt": "o", "color": colour, "mfc": "white", "mew": 0.8, "elinewidth": 0.8}
        bars = ERRORS * R["std_error"]
        axes[0, 0].errorbar(own["slow_time"], R["mean"], bars, ms=3, label=f"{symbol} = {value:g}", **points)
        s = np.linspace(0.0, float(own["slow_time"].max()), 50)
        axes[0, 0].plot(s, np.exp(-float(own["rate_limit"]) * s), color=colour, lw=0.9, ls=LIMIT["ls"])
        axes[0, 1].errorbar(value, own["rate"], ERRORS * own["rate_std_error"], ms=4, **points)
    axes[0, 1].plot(values, dataset["rate_limit"], **LIMIT, zorder=0, label="predicted by the limit")
    axes[0, 1].plot([], [], "o", ms=4, color=style.GREY, mfc="white", label=r"simulated $\pm$ 2 standard errors")
    d = slow_time.dimension(float(dataset["d"]))
    axes[0, 0].set(
        yscale="log",
        xlabel="slow time $s$",
        ylabel="squared error $R$",
        title=f"simulated (points) and limit (dashed), $d$ = {d}",
    )
    axes[0, 1].set(xlabel=symbol, xscale="log", ylabel="rate per unit of slow time", title="slope of $-\\log R$")
    axes[0, 1].set_xticks(values, [f"{value:g}" for value in values])
    axes[0, 1].xaxis.set_minor_locator(NullLocator())
    axes[0, 0].legend(ncols=2)
    axes[0, 1].legend(loc="upper left")
    return figure
