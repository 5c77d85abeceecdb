"""A moment over a plane of two swept parameters, simulated beside exact, with the phases drawn on it."""

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection, QuadMesh
from matplotlib.colors import Colormap, LogNorm, Normalize, SymLogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from scipy.interpolate import RegularGridInterpolator

from sparsesim.figures import boundaries, labels, reading, style

BOTTOM = 0.05  # this fraction of the cells may lie below the colour scale: one corner does not take all of it
ROUNDING = 1e-9  # a value at an end of the scale counts as on it
VARIABLES = {"mean": "simulated", "exact": "exact"}


def phase_plane(dataset: xr.Dataset, moment: str = "R", when: str | None = None) -> Figure:
    """The mean of a moment at the last record over (alpha, delta), simulated and exact; see `plane`."""
    return plane(dataset, "alpha", "delta", moment, when)


@style.styled
def plane(dataset: xr.Dataset, x: str, y: str, moment: str = "R", when: str | None = None) -> Figure:
    """The mean of a moment at the last record over two cell dims, simulated and, where known, exact.

    Both panels share one colour scale. The phase boundaries that cross the plane are drawn and named, and so is the
    stability frontier, feedback H = 1 (theory section 3). Unstable cells are hatched, values that are not finite grey.

    Args:
        dataset: what `compare` returns, with the cell dims x and y.
        x: the dim along the horizontal axis.
        y: the dim along the vertical axis.
        moment: the name of one.
        when: when the last record is, in words; None: the time, where all cells have the same.
    """
    dataset = dataset.sortby([x, y])
    values = {name: reading.last(dataset, name, moment).transpose(y, x) for name in VARIABLES if name in dataset}
    figure, axes = style.new_figure(
        1, len(values), width=style.DOUBLE if len(values) > 1 else style.SINGLE, height=3.15, sharey=True
    )
    stable = ~reading.unstable(dataset).transpose(y, x).values
    norm, colours = scale(np.stack([value.values for value in values.values()]), stable)
    meshes = []
    for i, (ax, (name, value)) in enumerate(zip(axes.flat, values.items(), strict=True)):
        meshes.append(heatmap(ax, value, colours, norm))
        found = decorate(ax, dataset, x, y, ylabel=i == 0)
        ax.set_title(_panel_title(dataset, name), pad=boundaries.title_pad(found))
    label = f"{labels.moment(moment, dataset)} {when or labels.last_record(dataset)}"
    bar = figure.colorbar(
        meshes[0], ax=list(axes.flat), label=label, extend=extend(norm, *values.values()), pad=0.015, aspect=28
    )
    if isinstance(norm, LogNorm):
        style.plain_log_ticks(bar.ax.yaxis, norm.vmin or 1.0, norm.vmax or 1.0)
    figure.suptitle(_heading(dataset, x, y), x=0.012, ha="left")
    return figure


def heatmap(ax: Axes, values: xr.DataArray, colours: Colormap, norm: Normalize) -> QuadMesh:
    """Draw values (y, x) as cells; grey if not finite, the lowest colour if zero or less on a log scale."""
    y, x = (str(dim) for dim in values.dims)
    log = {dim: is_log(values, dim) for dim in (x, y)}
    shown = values.values
    if isinstance(norm, LogNorm) and norm.vmin is not None:
        shown = np.where(shown <= 0, norm.vmin / 2, shown)
    mesh = ax.pcolormesh(
        reading.edges(values[x].values, log[x]),
        reading.edges(values[y].values, log[y]),
        np.ma.masked_invalid(shown),
        cmap=colours.with_extremes(bad=style.MISSING),
        norm=norm,
        linewidth=0,
        rasterized=True,
    )
    ax.set_facecolor(style.MISSING)
    ax.set(xscale="log" if log[x] else "linear", yscale="log" if log[y] else "linear")
    ax.autoscale(tight=True)
    ax.spines[:].set_visible(True)
    return mesh


def decorate(ax: Axes, dataset: xr.Dataset, x: str, y: str, ylabel: bool = True) -> list[boundaries.Line]:
    """Hatches, stability frontier, phase boundaries and axis labels on a panel that `heatmap` drew."""
    hatch(ax, reading.unstable(dataset).transpose(y, x))
    if crosses_frontier(dataset):
        _frontier(ax, dataset["feedback"].transpose(y, x))
    found = boundaries.lines(dataset, x, y, (*ax.get_xlim(), *ax.get_ylim()))
    boundaries.draw(ax, found)
    ax.set_xlabel(labels.axis_label(x))
    if ylabel:
        ax.set_ylabel(labels.axis_label(y))
    return found


def hatch(ax: Axes, marked: xr.DataArray, pattern: str = "////") -> None:
    """Hatch the marked cells (y, x) of a heatmap, light on dark ground and dark on light."""
    y, x = (str(dim) for dim in marked.dims)
    up, across = np.meshgrid(marked[y].values, marked[x].values, indexing="ij")
    dark = np.array(
        [boundaries.ink(ax, np.array(place))[0] == "white" for place in zip(across.flat, up.flat, strict=True)]
    )
    dark = dark.reshape(marked.shape)
    for colour, chosen in (("#d9d9d9", marked & dark), ("#5a5a5a", marked & ~dark)):
        if chosen.any():
            patches = PatchCollection(outlines(chosen), facecolor="none", edgecolor=colour, linewidth=0, hatch=pattern)
            ax.add_collection(patches, autolim=False)


def outlines(marked: xr.DataArray) -> list[Rectangle]:
    """The rectangles of the marked cells (y, x)."""
    y, x = (str(dim) for dim in marked.dims)
    across, up = (reading.edges(marked[dim].values, is_log(marked, dim)).tolist() for dim in (x, y))
    return [
        Rectangle((across[i], up[j]), across[i + 1] - across[i], up[j + 1] - up[j])
        for j, i in zip(*np.nonzero(marked.values), strict=True)
    ]


def is_log(values: xr.DataArray | xr.Dataset, dim: str) -> bool:
    """Whether an axis is logarithmic: never that of an exponent."""
    return dim not in reading.EXPONENTS and reading.spans_decades(values[dim].values)


def crosses_frontier(dataset: xr.Dataset) -> bool:
    """Whether some cells are stable and some are not."""
    marked = reading.unstable(dataset).values
    return bool(marked.any() and not marked.all())


def scale(values: np.ndarray, stable: np.ndarray) -> tuple[Normalize, Colormap]:
    """The colour scale for values (panel, y, x): that of the stable cells, if there are any.

    Logarithmic where all is positive; a moment of both signs is diverging, linear near zero.
    """
    shown = values[:, stable] if stable.any() else values
    shown = shown[np.isfinite(shown)]
    if not shown.size:
        return LogNorm(0.1, 1.0), matplotlib.colormaps[style.SEQUENTIAL]
    if shown.min() < 0:
        top = float(np.abs(shown).max())
        return SymLogNorm(top / 1e3, vmin=-top, vmax=top, base=10), matplotlib.colormaps[style.DIVERGING]
    top = float(shown.max()) or 1.0
    positive = shown[shown > 0]
    bottom = float(np.quantile(positive, BOTTOM)) if positive.size else top / 10
    return LogNorm(min(bottom, top / 1.01), top), matplotlib.colormaps[style.SEQUENTIAL]


def extend(norm: Normalize, *values: xr.DataArray) -> str:
    """At which ends of the scale values lie outside it, as a colour bar is told."""
    finite = np.concatenate([value.values[np.isfinite(value.values)] for value in values])
    low, high = (float(limit or 0.0) for limit in (norm.vmin, norm.vmax))
    below = bool((finite < low - ROUNDING * abs(low)).any())
    above = bool((finite > high + ROUNDING * abs(high)).any())
    return {(False, False): "neither", (True, False): "min", (False, True): "max", (True, True): "both"}[below, above]


def _frontier(ax: Axes, feedback: xr.DataArray) -> None:
    """The curve H = 1. log H is close to linear in the exponents, so it is continued to the borders of the panel."""
    if min(feedback.shape) < 2:
        return
    y, x = (str(dim) for dim in feedback.dims)
    logs = {dim: is_log(feedback, dim) for dim in (x, y)}
    centres = {dim: np.log(feedback[dim].values) if logs[dim] else feedback[dim].values for dim in (x, y)}
    points = {
        dim: np.concatenate([[limits[0]], feedback[dim].values, [limits[1]]])
        for dim, limits in ((x, ax.get_xlim()), (y, ax.get_ylim()))
    }
    at = np.meshgrid(*(np.log(points[dim]) if logs[dim] else points[dim] for dim in (y, x)), indexing="ij")
    surface = RegularGridInterpolator(
        (centres[y], centres[x]),
        np.log(feedback.values),
        bounds_error=False,
        fill_value=None,  # type: ignore[arg-type]  # None asks for extrapolation; the stub does not know
    )
    for colour, width in (("white", 3.0), (style.VERMILLION, 1.6)):
        ax.contour(points[x], points[y], surface(tuple(at)), levels=[0.0], colors=colour, linewidths=width)


def _panel_title(dataset: xr.Dataset, name: str) -> str:
    if name == "exact":
        return labels.exact(dataset)
    return f"simulated, mean of {dataset.attrs.get('trajectories', 'all')} trajectories"


def _heading(dataset: xr.Dataset, x: str, y: str) -> str:
    """What is fixed, and where the system is stable."""
    parts = [labels.fixed(dataset, without=(x, y))]
    if reading.is_logistic(dataset):
        beyond = bool(reading.unstable(dataset).any())
        parts.append("hatched: beyond a ceiling of the learning rate" if beyond else "below both ceilings everywhere")
    elif "feedback" in dataset:
        marked = reading.unstable(dataset).values
        largest = f"{float(dataset['feedback'].max()):.2g}"
        if not marked.any():
            parts.append(f"stable everywhere here (feedback $H \\leq {largest}$)")
        elif marked.all():
            parts.append("unstable everywhere here (hatched)")
        else:
            parts.append("orange: stability frontier, feedback $H = 1$; hatched: unstable")
    return "     ".join(part for part in parts if part)
