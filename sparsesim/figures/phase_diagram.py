"""The (alpha, delta) plane as a map: its regions by name, and what the prescribed learning rate leaves unused."""

import math
import textwrap
from collections.abc import Mapping

import matplotlib
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch, Polygon

from sparsesim.figures import boundaries, labels, placing, regions, style
from sparsesim.figures.boundaries import Line
from sparsesim.figures.phase_plane import heatmap

MOST_COLUMNS = 3
# Hue tells batches (grey, blue, orange), depth tells momentum.
COLOURS = {"A": "#e2e2e2", "B": "#e3f0fa", "C": "#b5d5ee", "D": "#fff6df", "E": "#fde3b4", "F": "#f9c586"}
LIMITS = dict.fromkeys("ACF", "heavy ball,\nno noise") | dict.fromkeys("BDE", "noisy SGD")
BOTH = "both $d^{\\,\\beta-1}$"
CEILINGS = dict.fromkeys("BDE", BOTH) | dict.fromkeys("CF", "paper $d^{\\,\\alpha-\\delta}$\nexact $d^{\\,\\beta-1}$")
CEILINGS |= {"A": "paper $d^{\\,\\alpha-\\delta}$\nexact $d^{\\,\\min(\\beta-1,\\ \\alpha+\\delta)}$"}
KEY = {
    "A": "concentrated batches: heavy ball, no noise",
    "B": "dense batches, below resonance: noisy SGD",
    "C": "dense batches, above resonance: heavy ball, no noise",
    "D": "sparse batches, momentum memoryless: noisy SGD",
    "E": "sparse batches, below resonance: noisy SGD",
    "F": "sparse batches, above resonance: heavy ball, no noise",
}
CEILING_KEY = {region: words.replace("\n", ", ") for region, words in CEILINGS.items()}
NOTES = (
    "Batches by the number $pB$ of their active samples: sparse, fewer than one; dense, up to $d$; concentrated, more. "
    "Above resonance momentum outlives learning. Memoryless: it does not live from one active minibatch to the next. "
    "Thick dashes, resonance: momentum and noise act together; at the triple point (dot) sparse and dense batches meet."
)
AXES = {
    "alpha": r"sparsity exponent $\alpha$   ($p = d^{-\alpha}$; rightwards rarer)",
    "delta": "momentum-decay exponent $\\delta$\n($\\varepsilon = d^{-\\delta}$; upwards a longer memory)",
}
RESONANCE = "above resonance"  # the side by which its boundary is known


@style.styled
def phase_diagram(dataset: xr.Dataset) -> Figure:
    """Regions, their boundaries and the triple point, one panel for every beta; see `studies.phase_diagram`."""
    return _diagram(dataset, LIMITS, KEY, "Which limit momentum SGD on sparse least squares has as $d$ grows")


@style.styled
def ceilings(dataset: xr.Dataset) -> Figure:
    """The same with the highest stable learning rate in every region: as the paper has it, and exactly."""
    return _diagram(
        dataset, CEILINGS, CEILING_KEY, "The highest stable learning rate as $d$ grows: the paper's, and the exact one"
    )


def _diagram(dataset: xr.Dataset, words: Mapping[str, str], key: Mapping[str, str], title: str) -> Figure:
    """Regions with words in them, where there is room, and in the legend."""
    figure, panels = _panels(dataset, extra=1.35, pad=15.0)
    keys, drawn = {}, []
    for ax, plane in panels:
        box = (*ax.get_xlim(), *ax.get_ylim())
        outlines = {region: regions.polygon(region, float(plane["beta"]), box) for region in COLOURS}
        outlines = {region: corners for region, corners in outlines.items() if len(corners)}
        for region, corners in outlines.items():
            colour = COLOURS[region]
            ax.add_patch(Polygon(corners, facecolor=colour, lw=0, label=region))
            keys[region] = Patch(facecolor=colour, edgecolor=style.INK, lw=0.4, label=f"{region}   {key[region]}")
        found = boundaries.lines(plane, "alpha", "delta", box)
        _drawn(ax, found)
        boundaries.name_above(ax, found)
        drawn.append((ax, float(plane["beta"]), found, outlines))
    figure.legend(handles=[keys[region] for region in COLOURS if region in keys], loc="outside lower left",
                  ncols=min(2, len(panels)), handlelength=1.2, title=_wrapped(figure, NOTES, 18), title_fontsize=7,
                  alignment="left")  # fmt: skip
    figure.suptitle(_wrapped(figure, title, 16), x=0.012, ha="left")
    figure.draw_without_rendering()
    for ax, beta, found, outlines in drawn:
        panel = placing.Panel(ax, found)
        if ax.get_xlim()[0] <= beta <= ax.get_xlim()[1] and ax.get_ylim()[0] <= 1.0 <= ax.get_ylim()[1]:
            ax.plot(beta, 1.0, "o", ms=5, color=style.VERMILLION, mec=style.INK, mew=0.6, zorder=5, clip_on=False)
            panel.point(beta, 1.0, "triple point", style.VERMILLION)
        for line in found:
            name = "resonance:  " if line.boundary.positive == RESONANCE else ""
            panel.equation(line, [other for other in found if other is not line], name)
        for region, corners in outlines.items():
            panel.area(corners, region, words[region])
    return figure


@style.styled
def learning_rate_gap(dataset: xr.Dataset) -> Figure:
    """By which power of d the prescribed learning rate is below the frontier, one panel for every beta."""
    figure, panels = _panels(dataset, extra=0.75, pad=5.0)
    largest = float(dataset["learning_rate_gap"].max())
    norm, colours = (
        Normalize(0.0, largest or 1.0),
        ListedColormap(matplotlib.colormaps["YlOrBr"](np.linspace(0.0, 0.75, 256))),
    )
    step = 0.5 if largest < 4.0 else 1.0
    levels = np.arange(step, largest, step)
    meshes, resonances = [], []
    for ax, plane in panels:
        box = (*ax.get_xlim(), *ax.get_ylim())
        gap = plane["learning_rate_gap"].transpose("delta", "alpha")
        meshes.append(heatmap(ax, gap, colours, norm))
        ax.set(xlim=box[:2], ylim=box[2:], facecolor=colours(0.0))  # the gap vanishes with delta
        _levels(ax, gap, [level for level in levels if gap.min() < level < gap.max()])
        found = boundaries.lines(plane, "alpha", "delta", box)
        resonances.append([line for line in found if line.boundary.positive == RESONANCE])
        _drawn(ax, resonances[-1])
    bar = figure.colorbar(meshes[0], ax=[ax for ax, _ in panels], pad=0.015, aspect=28)
    bar.set_label(r"gap $\kappa - \kappa_c$:  $\eta_c / \eta \sim d^{\,\kappa - \kappa_c}$")
    title = (
        "By which power of $d$ the paper's $\\eta$ stays below the true stability frontier\n"
        r"none below resonance; $\delta-\alpha-(1-\beta)$ above; "
        r"$2\delta$ where curvature sets the frontier ($\alpha+\delta<\beta-1$)"
    )
    figure.suptitle(_wrapped(figure, title, 18), x=0.012, ha="left")
    figure.draw_without_rendering()
    for (ax, _), found in zip(panels, resonances, strict=True):
        panel = placing.Panel(ax, found)
        for line in found:
            panel.equation(line, [], "no gap below:  ", "top")
    return figure


def _levels(ax: Axes, gap: xr.DataArray, levels: list[float]) -> None:
    """Contours of the gap, each labelled halfway along."""
    if not levels or min(gap.shape) < 2:
        return
    curves = ax.contour(gap["alpha"], gap["delta"], gap, levels=levels, colors=style.INK, linewidths=0.6)
    low, high = ax.get_xlim()
    bottom, top = ax.get_ylim()
    rises = [1.0 - float(gap["beta"]) + level for level in levels]  # delta - alpha on the contour
    middles = [(max(low, bottom - rise) + min(high, top - rise)) / 2 for rise in rises]
    places = [(alpha, alpha + rise) for alpha, rise in zip(middles, rises, strict=True)]
    ax.clabel(curves, fmt=lambda level: f"$d^{{\\,{level:g}}}$", fontsize=7, manual=places)


def _panels(dataset: xr.Dataset, extra: float, pad: float) -> tuple[Figure, list[tuple[Axes, xr.Dataset]]]:
    """A figure with a panel for every beta, with limits, labels and title, `extra` inches higher than the panels."""
    planes = [dataset.sel(beta=beta) for beta in np.sort(dataset["beta"].values)]
    columns = min(MOST_COLUMNS, len(planes))
    rows = math.ceil(len(planes) / columns)
    width = style.DOUBLE if columns > 1 else 4.6
    figure, axes = style.new_figure(
        rows, columns, width=width, height=rows * (3.3 if columns < 3 else 2.5) + extra, sharey=True
    )
    for ax in axes.flat[len(planes) :]:
        ax.set_visible(False)
    for ax, plane in zip(axes.flat, planes, strict=False):
        ax.set(xlim=_limits(plane["alpha"].values), ylim=_limits(plane["delta"].values))
        ax.set_xlabel(AXES["alpha"] if columns < 3 else labels.axis_label("alpha"))
        ax.set_title(rf"batch size $B = d^{{\beta}}$, $\beta$ = {labels.number(float(plane['beta']))}", pad=pad)
        ax.spines[:].set_visible(True)
    for ax in axes[:, 0]:
        ax.set_ylabel(AXES["delta"] if rows == 1 else labels.axis_label("delta"))
    return figure, list(zip(axes.flat, planes, strict=False))


def _limits(values: np.ndarray) -> tuple[float, float]:
    """The range of an axis; from 0 where its first step does: delta is above 0, and the plane begins there."""
    low, high = float(values.min()), float(values.max())
    step = (high - low) / max(1, values.size - 1)
    if step == 0.0:
        return max(0.0, low - 0.5), high + 0.5
    return (0.0 if low <= 1.5 * step else low), high


def _drawn(ax: Axes, found: list[Line]) -> None:
    for line in found:
        width = 1.6 if line.boundary.positive == RESONANCE else 0.9
        x, y = zip(line.start, line.end, strict=True)
        ax.plot(x, y, color=style.INK, lw=width, ls="-" if line.boundary.batch else (0, (4, 2)))


def _wrapped(figure: Figure, text: str, letters: float) -> str:
    """The text in lines that fit the figure, at so many letters an inch."""
    width = round(letters * figure.get_size_inches()[0])
    return "\n".join(textwrap.fill(line, width, break_on_hyphens=False) for line in text.splitlines())
