"""The stability frontier: where simulated moments start to grow, beside the exact frontier and the claimed one."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsesim.figures import labels, style
from sparsesim.figures.trajectories import ERRORS

MULTIPLE = "eta_over_critical"
MARKERS = "os^Dvp"


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """The frontier, the growth it was found from, and trajectories on both sides, as PDF and PNG. Returns the paths."""
    figures = {"frontier": frontier, "growth": growth, "divergence": divergence}
    return [path for name, figure in figures.items() for path in style.save(figure(dataset), folder, name)]


@style.styled
def frontier(dataset: xr.Dataset) -> Figure:
    """Critical learning rates against delta, one colour a dimension: points simulated, lines exact and claimed."""
    figure, axes = style.new_figure(width=style.SINGLE * 1.3, height=3.4)
    _frontier_panel(axes[0, 0], dataset)
    return figure


@style.styled
def overview(dataset: xr.Dataset) -> Figure:
    """The frontier, and beside it the envelope in time at the largest delta and dimension, on both sides of it."""
    figure, axes = style.new_figure(1, 2, width=style.DOUBLE, height=3.4)
    left, right = axes[0]
    _frontier_panel(left, dataset)
    long = dataset.isel(delta=-1)["growth"].notnull().any(MULTIPLE).values
    _divergence_panel(right, dataset.isel(delta=-1, d=int(np.flatnonzero(long)[-1]) if long.any() else 0))
    top = labels.equation("delta", float(dataset.delta[-1]))
    right.set(
        yscale="log",
        xlabel="time in e-folds of the squared mean error",
        ylabel=rf"envelope $E$ of the squared error, {top}",
    )
    style.plain_log_ticks(right.yaxis, *right.get_ylim())
    right.legend(title=r"$\eta$: simulated $\pm$ 2 standard errors, exact", title_fontsize=7, loc="upper left")
    right.set_ylim(top=3.0 * right.get_ylim()[1])
    return figure


def _frontier_panel(ax: Axes, dataset: xr.Dataset) -> None:
    delta, shades = dataset.delta.values, style.sequence(dataset.sizes["d"])
    for i, d in enumerate(dataset.d.values):
        cell, colour = dataset.sel(d=d), shades[i]
        ax.plot(delta, cell.frontier_exact, color=colour)
        ax.plot(delta, cell.frontier_claimed, color=colour, ls=(0, (3, 2)))
        bracket = np.abs(np.stack([cell.frontier_low, cell.frontier_high]) - cell.frontier.values)
        marker = MARKERS[i % len(MARKERS)]
        ax.errorbar(delta, cell.frontier.values, bracket, fmt=marker, ms=3.5, color=colour, mec="white", mew=0.5,
                    elinewidth=0.9, capsize=3.5, zorder=3)  # fmt: skip
        ax.annotate(labels.equation("d", d), (delta[-1], cell.frontier_exact.values[-1]), xytext=(9, 0),
                    textcoords="offset points", color=colour, va="center", size=7)  # fmt: skip
    ax.set_yscale("log")
    ax.set(xlabel=labels.axis_label("delta"), ylabel=r"critical learning rate $\eta_c$")
    resonance = 1.0 - float(dataset.beta.values.flat[0]) + float(dataset.alpha.values.flat[0])
    if delta[0] < resonance < delta[-1]:
        ax.axvline(resonance, color=style.GREY, lw=0.7, ls=":")
        ax.annotate("resonance", (resonance, 1.0), xycoords=ax.get_xaxis_transform(), xytext=(2, -2),
                    textcoords="offset points", va="top", size=7, color=style.GREY)  # fmt: skip
    ax.margins(x=0.03)
    ax.set_title(f"Where second moments start to grow\n{labels.fixed(dataset, without=('d', 'delta'))}")
    handles = [
        ax.errorbar([], [], yerr=[], fmt="o", ms=4, color=style.BLUE, label="simulated; bars: its bracket"),
        *ax.plot([], [], color=style.BLUE, label="exact (H = 1)"),
        *ax.plot([], [], color=style.BLUE, ls=(0, (3, 2)), label="claimed: no limit of stability"),
    ]
    ax.legend(handles=handles, loc="lower left", frameon=True, framealpha=1.0, edgecolor="none")


@style.styled
def growth(dataset: xr.Dataset) -> Figure:
    """The envelope's growth per relaxation against the learning rate, one panel a dimension, one colour a delta."""
    figure, first = _panels(dataset, _growth_panel, r"$\eta / \eta_c$")
    first.set_ylabel("growth of $E$ per relaxation")
    return figure


@style.styled
def divergence(dataset: xr.Dataset) -> Figure:
    """The envelope in time at the largest delta, on both sides of the exact frontier and far above the claimed one."""
    figure, first = _panels(dataset.isel(delta=-1), _divergence_panel, "relaxations")
    top = labels.equation("delta", float(dataset.delta[-1]))
    first.set(yscale="log", ylabel=rf"envelope $E$ of the squared error, {top}")
    style.plain_log_ticks(first.yaxis, *first.get_ylim())
    return figure


def _panels(dataset: xr.Dataset, panel: Callable[[Axes, xr.Dataset], None], xlabel: str) -> tuple[Figure, Axes]:
    """A figure with a panel for every dimension and one legend, and the first of the panels."""
    count = dataset.sizes["d"]
    figure, axes = style.new_figure(
        1, count, width=style.DOUBLE if count > 1 else style.SINGLE, height=2.7, sharey=True
    )
    for ax, d in zip(axes[0], dataset.d.values, strict=True):
        panel(ax, dataset.sel(d=d))
        ax.set_xlabel(xlabel)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside right center")
    return figure, axes[0, 0]


def _growth_panel(ax: Axes, cells: xr.Dataset) -> None:
    ax.set_title(labels.equation("d", float(cells.d)))
    ax.axhline(0.0, color=style.GREY, lw=0.6)
    ax.axvline(1.0, color=style.GREY, lw=0.8, ls=(0, (4, 2)))
    shades = style.sequence(cells.sizes["delta"])
    for shade, marker, delta in zip(shades, MARKERS * 9, cells.delta.values, strict=False):
        cell = cells.sel(delta=delta)
        ax.errorbar(cell[MULTIPLE].values, cell.growth.values, ERRORS * cell.growth_std_error.values, fmt=marker + "-",
                    ms=3, lw=0.8, color=shade, elinewidth=0.8, label=labels.equation("delta", delta))  # fmt: skip


def _divergence_panel(ax: Axes, cells: xr.Dataset) -> None:
    if bool(cells.growth.isnull().all()):
        ax.text(0.05, 0.05, "too short a run to tell growth", transform=ax.transAxes, size=7, color=style.VERMILLION)
    shades = style.sequence(cells.sizes[MULTIPLE])
    for shade, marker, multiple in zip(shades, MARKERS * 9, cells[MULTIPLE].values, strict=False):
        cell = cells.sel({MULTIPLE: multiple})
        ax.plot(cell.relaxations, cell.envelope_exact, color=shade, lw=0.8)
        error = ERRORS * cell.envelope_std_error.values
        ax.errorbar(cell.relaxations.values, cell.envelope.values, error, fmt=marker, ms=3, color=shade, elinewidth=0.8,
                    label=rf"${multiple:g}\,\eta_c$")  # fmt: skip
    claimed = float(cells.frontier_exact / cells.frontier_claimed)
    ax.set_title(f"{labels.equation('d', float(cells.d))}\n" + rf"claimed limit: $\eta_c / {claimed:.3g}$")
