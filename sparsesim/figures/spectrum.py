"""The map of spectra: where second moments decay without oscillation, with one, or grow."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsesim.figures import labels, style
from sparsesim.figures.triple_point import RATE, shown

LEVELS = [0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.6, 0.8]
MARKERS = "osD^"
BOX = {"fc": "white", "ec": "none", "alpha": 0.8, "pad": 1.5}
# Stiffnesses between which a pair of modes turns complex: at no feedback, and at feedback one.
LAST, FIRST = 1 / 4, 1 / 16


@style.styled
def spectrum_types(dataset: xr.Dataset) -> Figure:
    """The plane of stiffness and feedback with its three kinds of spectrum; the study's learning rates; their modes."""
    points = shown(dataset)
    figure, axes = style.new_figure(2, points.sizes[RATE], width=style.DOUBLE, height=5.6, height_ratios=[2.2, 1.0])
    grid = axes[0, 0].get_gridspec()
    for ax in axes[0]:
        ax.remove()
    plane = figure.add_subplot(grid[0, :])
    _plane(plane, dataset)
    _points(plane, dataset, points)
    for i, ax in enumerate(axes[1]):
        _modes(ax, points.isel({RATE: i}), MARKERS[i])
    reach = 1.25 * max(0.3, float(np.abs(points["eigenvalue"].sel(part="imaginary")).max()))
    left = 1.15 * min(-2.0, float(points["eigenvalue"].sel(part="real").min()))
    right = 1.15 * max(0.3, float(points["eigenvalue"].sel(part="real").max()))
    for ax in axes[1]:
        ax.set(xlim=(left, right), ylim=(-reach, reach), xlabel="growth rate of a mode")
    axes[1, 0].set_ylabel("frequency of a mode")
    figure.supxlabel(
        "Rates and frequencies per momentum memory, the time in which momentum falls by a factor $e$.", size=7
    )
    return figure


def boundary() -> tuple[np.ndarray, np.ndarray]:
    """(w, u) on the line (1 - 4 w)^3 = 108 w^2 u^2, below which three modes are real; u from 0 to 1."""
    w = np.linspace(FIRST, LAST, 400)
    return w, np.sqrt((1.0 - 4.0 * w) ** 3 / 108.0) / w


def _plane(ax: Axes, dataset: xr.Dataset) -> None:
    """Areas, their boundaries and the rate at which second moments decay."""
    w, u = boundary()
    low, high = dataset["map_stiffness"].values[[0, -1]]
    top = max(dataset["map_feedback"].values[-1], 1.1 * float(dataset["limit_feedback"].max()))
    ax.set(xscale="log", xlim=(low, high), ylim=(0, top))
    ax.fill_betweenx([0, 1], low, high, color=style.ORANGE, alpha=0.16, lw=0)
    ax.fill_between(np.concatenate([[low, FIRST], w]), np.concatenate([[1, 1], u]), color="white", lw=0)
    ax.fill_between(np.concatenate([[low, FIRST], w]), np.concatenate([[1, 1], u]), color=style.SKY, alpha=0.3, lw=0)
    ax.fill_between([low, high], 1, top, facecolor=style.MISSING, alpha=0.35, lw=0, hatch="///", edgecolor="white")
    ax.plot(w, u, color=style.INK, lw=1.4)
    ax.axhline(1, color=style.INK, lw=1.4)
    rate = dataset["map_decay_rate"].transpose("map_feedback", "map_stiffness")
    stable = rate.sel(map_feedback=slice(None, 1.0))
    lines = ax.contour(
        stable["map_stiffness"], stable["map_feedback"], stable, LEVELS, colors=style.GREY, linewidths=0.6
    )
    ax.clabel(lines, fmt=lambda level: f"{level:g}", fontsize=6.5)
    for place, text in (
        ((0.022, 0.62), "three real modes:\nno oscillation"),
        ((0.33, 0.72), "a complex pair:\noscillation"),
        ((0.3, (1 + top) / 2), "unstable: the noise feeds back more than is learned"),
    ):
        ax.text(*place, text, ha="center", va="center", size=8, bbox=BOX)
    ax.set_xlabel(r"stiffness $w = c_\eta c_p / c_\varepsilon$: learning within one momentum memory")
    ax.set_ylabel(r"feedback of the noise $u = c_\eta / (2\,c_B)$")
    ax.set_title("Kinds of spectrum on resonance. Grey: rate at which second moments decay")


def _points(ax: Axes, dataset: xr.Dataset, points: xr.Dataset) -> None:
    """The way of the learning rate through the plane, and where the study is on it."""
    w, u = dataset["stiffness"].values[-1], dataset["limit_feedback"].values[-1]
    low, high = ax.get_xlim()
    way = np.geomspace(low, high, 300)
    ax.plot(way, way * u / w, color=style.VERMILLION, lw=1.2, ls=(0, (4, 2)), scaley=False)
    rest = np.setdiff1d(dataset[RATE].values, points[RATE].values)
    others = dataset.sel({RATE: rest})
    ax.plot(others["stiffness"], others["limit_feedback"], "o", color=style.VERMILLION, ms=3, mfc="white")
    for i, rate in enumerate(points[RATE].values):
        own = points.sel({RATE: rate})
        place = own["stiffness"].item(), own["limit_feedback"].item()
        ax.plot(*place, MARKERS[i], color=style.VERMILLION, ms=6, mec="white", mew=0.6, clip_on=False)
        ax.annotate(labels.equation(RATE, rate), place, xytext=(-6, 6), textcoords="offset points", ha="right",
                    color=style.VERMILLION, bbox=BOX)  # fmt: skip


def _modes(ax: Axes, own: xr.Dataset, marker: str) -> None:
    """The three modes of one learning rate in the complex plane."""
    modes = own["eigenvalue"].transpose("mode", "part").values
    ax.axvspan(0, 1e3, facecolor=style.MISSING, alpha=0.35, lw=0, hatch="///", edgecolor="white")
    ax.axhline(0, color=style.GREY, lw=0.5, zorder=0)
    ax.plot(modes[:, 0], modes[:, 1], marker, color=style.VERMILLION, ms=5, mec="white", mew=0.6)
    ax.set_title(
        f"{labels.equation(RATE, own[RATE].item())}: modes decay at\n"
        + ", ".join(sorted({f"{-x:.2f}" for x in modes[:, 0]}, key=float))
        + (" (below 0: it grows)" if modes[:, 0].max() > 0.0 else "")
    )
