"""How far simulation and exact theory are apart, in standard errors: over a plane, and as a distribution."""

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import PatchCollection
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from scipy.special import ndtri

from sparsesim.figures import boundaries, labels, reading, style
from sparsesim.figures.phase_plane import hatch, heatmap, outlines

CONVENTIONAL = 1.96  # 95% of standard normal scores lie within
MOST_POINTS = 2000  # of a quantile-quantile panel


def extreme_z(dataset: xr.Dataset) -> xr.DataArray:
    """The trusted z of largest magnitude in each cell, over times and moments; NaN where there is none."""
    z = reading.trusted_z(dataset)
    highest, lowest = z.max(("time", "moment")), z.min(("time", "moment"))
    return xr.where(highest >= -lowest, highest, lowest)


@style.styled
def z_map(dataset: xr.Dataset) -> Figure:
    """The trusted z of largest magnitude of every cell, over the two cell dims.

    Colour shows the value, out to the bound that all of them together should keep; `+` and `-` its sign, for a
    reader without colours. Cells without a z to trust are hatched; cells that disagree have a black frame.
    """
    x, y = reading.plane_dims(dataset)
    dataset = dataset.sortby([x, y])
    z = extreme_z(dataset).transpose(y, x)
    figure, axes = style.new_figure(width=style.SINGLE, height=3.1)
    ax = axes[0, 0]
    limit = bound(dataset) or max(4.0, float(np.nanmax(np.abs(z.values), initial=0.0)))
    mesh = heatmap(ax, z, matplotlib.colormaps[style.DIVERGING], Normalize(-limit, limit))
    hatch(ax, z.isnull())
    _signs(ax, z)
    disagrees = (dataset["verdict"] == "disagrees").transpose(y, x) if "verdict" in dataset else z.isnull() & False
    _frames(ax, disagrees)
    found = boundaries.lines(dataset, x, y, (*ax.get_xlim(), *ax.get_ylim()))
    boundaries.draw(ax, found, along=False)
    ax.set(xlabel=labels.axis_label(x), ylabel=labels.axis_label(y))
    figure.colorbar(mesh, ax=ax, label="$z$ of largest magnitude", extend="both", pad=0.02, aspect=28)
    notes = ["framed: disagrees"] if disagrees.any() else []
    notes += ["hatched: nothing to trust"] if z.isnull().any() else []
    title = f"{labels.fixed(dataset, without=(x, y))}\n{', '.join(notes)}".strip()
    ax.set_title(title, pad=boundaries.title_pad(found))
    return figure


@style.styled
def z_distribution(dataset: xr.Dataset) -> Figure:
    """All trusted z: a histogram with the standard normal density, and their quantiles against normal ones."""
    z = np.sort(reading.trusted_z(dataset).values.ravel())
    z = z[np.isfinite(z)]
    figure, axes = style.new_figure(1, 2, width=style.DOUBLE, height=2.6)
    _histogram(axes[0, 0], z)
    _quantiles(axes[0, 1], z, bound(dataset))
    figure.suptitle(summary(z, bound(dataset)), x=0.012, ha="left")
    return figure


def summary(z: np.ndarray, limit: float | None) -> str:
    """The count of scores, how many are within 1.96, and the largest beside what chance allows."""
    text = f"{z.size:,} scores     {np.mean(np.abs(z) < CONVENTIONAL):.1%} within ±{CONVENTIONAL} (normal: 95.0%)"
    text += f"     largest $|z|$ = {np.abs(z).max():.2f}"
    return text + (f" (Bonferroni bound {limit:.2f})" if limit else "")


def bound(dataset: xr.Dataset) -> float | None:
    """What the largest |z| should keep below, if the comparison says."""
    limit = float(dataset.attrs.get("z_bound", np.nan))
    return limit if np.isfinite(limit) else None


def _signs(ax: Axes, z: xr.DataArray) -> None:
    """A + or - in every cell that has a score."""
    y, x = (str(dim) for dim in z.dims)
    up, across = np.meshgrid(z[y].values, z[x].values, indexing="ij")
    for marker, chosen in (("+", z.values > 0), ("_", z.values < 0)):
        colours = [boundaries.ink(ax, np.array(place))[0] for place in zip(across[chosen], up[chosen], strict=True)]
        ax.scatter(across[chosen], up[chosen], marker=marker, s=9, c=colours, linewidths=0.6)


def _frames(ax: Axes, marked: xr.DataArray) -> None:
    """A black frame around every marked cell (y, x)."""
    frames = PatchCollection(outlines(marked), facecolor="none", edgecolor="black", linewidth=1.4)
    ax.add_collection(frames, autolim=False)


def _histogram(ax: Axes, z: np.ndarray) -> None:
    """Density of the scores, those beyond 5 in the outermost bins, and the standard normal density."""
    borders = np.linspace(-5, 5, 41 if z.size > 300 else 21)
    ax.hist(
        np.clip(z, -5, 5), bins=list(borders), density=True, color=style.SKY, edgecolor="white", lw=0.4, label="scores"
    )
    grid = np.linspace(-5, 5, 201)
    ax.plot(grid, np.exp(-(grid**2) / 2) / np.sqrt(2 * np.pi), color=style.INK, label="standard normal")
    beyond = " (outermost bins: all beyond)" if np.abs(z).max() > 5 else ""
    ax.set(xlabel=f"$z${beyond}", ylabel="density", xlim=(-5, 5))
    ax.legend(loc="upper left")


def _quantiles(ax: Axes, z: np.ndarray, limit: float | None) -> None:
    """Sorted scores against normal quantiles; of very many, all in the tails and an even choice in between."""
    normal = ndtri((np.arange(z.size) + 0.5) / z.size)
    chosen = np.unique(np.searchsorted(normal, np.linspace(normal[0], normal[-1], MOST_POINTS)))
    ax.axline((0, 0), slope=1, color=style.INK, lw=0.8)
    if limit:
        for level in (-limit, limit):
            ax.axhline(level, color=style.GREY, lw=0.8, ls=(0, (4, 2)))
        ax.annotate("Bonferroni bound", (0.02, limit), xycoords=("axes fraction", "data"), xytext=(0, -2.5),
                    textcoords="offset points", va="top", color=style.GREY, size=7)  # fmt: skip
    ax.plot(normal[chosen], z[chosen], "o", ms=2.2, mew=0, color=style.BLUE)
    ax.set(xlabel="normal quantile", ylabel="quantile of $z$")
