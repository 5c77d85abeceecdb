"""Moments against time in a few cells: exact curve, simulated mean with its error, and the spread of trajectories."""

from itertools import product

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import SymmetricalLogLocator

from sparsesim.figures import labels, reading, style

ERRORS = 2.0  # standard errors each way in a band or bar
DEPTH = 1e3  # how far below the mean a logarithmic panel follows the lower quartile


@style.styled
def trajectories(dataset: xr.Dataset, cells: list[dict[str, int]] | None = None) -> Figure:
    """Every moment (rows) against clock time in a few cells (columns).

    Args:
        dataset: what `simulate` or `compare` returns; the exact curve is drawn where there is one.
        cells: the position of each cell along the cell dims; by default up to four spread over the grid.
    """
    cells = spread(dataset) if cells is None else cells
    columns, moments = len(cells), reading.moments(dataset)
    width = style.SINGLE if columns == 1 else style.DOUBLE
    height = 1.0 + (1.4 if columns > 1 else 1.53) * len(moments)
    figure, axes = style.new_figure(len(moments), columns, width=width, height=height, sharex="col")
    for column, position in zip(axes.T, cells, strict=True):
        cell = dataset.isel(position)
        for ax, moment in zip(column, moments, strict=True):
            _panel(ax, cell, moment)
        column[0].set_title(_title(dataset, cell))
        if bool(reading.unstable(cell)):
            column[0].text(0.04, 0.96, "unstable", transform=column[0].transAxes, va="top", color=style.VERMILLION)
    for ax, moment in zip(axes[:, 0], moments, strict=True):
        ax.set_ylabel(labels.moment(moment, dataset))
    figure.supxlabel(labels.CLOCKS.get(dataset.attrs.get("clock", ""), "time"), size=8)
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names) if columns > 1 else 2)
    return figure


def spread(dataset: xr.Dataset) -> list[dict[str, int]]:
    """Up to four cells: of one dim four from end to end, of two the corners of the inner part."""
    dims = reading.cell_dims(dataset)
    fractions = np.linspace(0, 1, 4) if len(dims) == 1 else np.array([0.2, 0.8])
    places = [sorted({round(f * (dataset.sizes[dim] - 1)) for f in fractions}) for dim in dims]
    found = [dict(zip(dims, place, strict=True)) for place in product(*places)]
    return found[:: -(-len(found) // 4)]


def _panel(ax: Axes, cell: xr.Dataset, moment: str) -> None:
    """One moment of one cell."""
    if _log_spaced(reading.clock_time(cell).values):
        cell = cell.isel(time=reading.clock_time(cell).values > 0)
        ax.set_xscale("log")
    time = reading.clock_time(cell).values
    data = {str(name): cell[name].sel(moment=moment).values for name in cell.data_vars if "moment" in cell[name].dims}
    _scale(ax, moment, data)
    mean, error = data["mean"], ERRORS * data["std_error"]
    _band(ax, time, data["lower_quartile"], data["upper_quartile"], alpha=0.14, label="quartiles")
    _band(ax, time, mean - error, mean + error, alpha=0.4, label=r"mean $\pm$ 2 standard errors")
    every = max(1, len(time) // 25)
    ax.plot(time, _shown(ax, mean), "o", ms=2.4, mew=0, markevery=every, color=style.BLUE, label="simulated mean")
    if "exact" in data:
        ax.plot(time, _shown(ax, data["exact"]), color=style.INK, lw=1.0, label=labels.exact(cell))
    if "limit" in data:  # of every panel, or the legend would lack it where the first has none
        limit = np.where(data["limit"] < ax.get_ylim()[1], data["limit"], np.nan)
        ax.plot(
            time, limit, color=style.VERMILLION, lw=1.0, ls=(0, (4, 2)), label=r"limit $d \to \infty$", scaley=False
        )


def _log_spaced(time: np.ndarray) -> bool:
    """Whether most records come early, as they do when their times grow by a factor."""
    later = time[time > 0]
    return later.size > 2 and float(np.median(later)) < 0.2 * float(later[-1])


def _band(ax: Axes, time: np.ndarray, low: np.ndarray, high: np.ndarray, alpha: float, label: str) -> None:
    if ax.get_yscale() == "log":
        low = np.maximum(low, ax.get_ylim()[0] / 2)
    ax.fill_between(time, low, _shown(ax, high), color=style.BLUE, alpha=alpha, lw=0, label=label)


def _shown(ax: Axes, values: np.ndarray) -> np.ndarray:
    """Values without the zeros of a logarithmic panel: that at the start would be a stroke from below."""
    return np.where(values > 0, values, np.nan) if ax.get_yscale() == "log" else values


def _scale(ax: Axes, moment: str, data: dict[str, np.ndarray]) -> None:
    """Logarithmic for R and V, and for others that span decades: then linear near zero where they have both signs."""
    curves = np.concatenate([data[name] for name in ("mean", "exact") if name in data])
    curves = curves[np.isfinite(curves) & (curves != 0)]
    signed = moment not in ("R", "V")
    # Where the signal is learned its size is what counts, not how it left 0.
    if not curves.size or moment == "theta_par" or (signed and not reading.spans_decades(np.abs(curves))):
        return
    if signed and curves.min() < 0:
        _scale_signed(ax, float(np.abs(curves).max()), ERRORS * float(np.fmax.reduce(data["std_error"])))
        return
    curves = curves[curves > 0]
    if not curves.size:
        return
    quartiles = np.concatenate([data["lower_quartile"], data["upper_quartile"]])
    shown = np.concatenate([curves, quartiles[np.isfinite(quartiles)]])
    shown = shown[shown > curves.min() / DEPTH]
    low, high = float(shown.min()), float(shown.max())
    margin = max((high / low) ** 0.05, 1.0 + 1e-6)
    ax.set_yscale("log")
    ax.set_ylim(low / margin, high * margin)
    style.plain_log_ticks(ax.yaxis, low / margin, high * margin)


def _scale_signed(ax: Axes, largest: float, noise: float) -> None:
    """Logarithmic both ways from zero, linear within the noise; linear altogether if little rises above it."""
    linear = max(largest / 1e3, noise)
    if not linear < largest / 30:
        return
    linear = 10.0 ** np.ceil(np.log10(linear))
    ax.set_yscale("symlog", linthresh=linear)
    locator = SymmetricalLogLocator(base=10, linthresh=linear)
    locator.set_params(numticks=7)
    ax.yaxis.set_major_locator(locator)


def _title(dataset: xr.Dataset, cell: xr.Dataset) -> str:
    """The coordinates of a cell; without cell dims what the single cell is."""
    names = reading.cell_dims(dataset)
    return ", ".join(labels.equation(name, float(cell[name])) for name in names) if names else labels.fixed(cell)
