"""The phase diagram beside what it means for the last iterate, and the table of its regimes."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.patches import Polygon

from sparsesim.figures import boundaries, labels, phase_diagram, phase_plane, placing, reading, regions, style

PACES = {
    "updates": "after {ticks:,.0f} active updates",
    "samples": "after {ticks:,.0f} minibatches, {samples:,.0f} samples",
}
REGIMES = (
    ("region", "batches", "momentum", "limit", r"$\eta \sim d^{-\kappa}$, $\kappa$ =", r"$s = t\,d^{-q}$, $q$ ="),
    ("A", "concentrated", "above resonance", "heavy ball, no noise", r"$\delta-\alpha$", r"$\delta$"),
    ("B", "dense", "below resonance", "noisy SGD", r"$1-\beta$", r"$1-\beta+\alpha$"),
    ("C", "dense", "above resonance", "heavy ball, no noise", r"$\delta-\alpha$", r"$\delta$"),
    ("D", "sparse", "memoryless", "noisy SGD", r"$1-\beta$", "1"),
    ("E", "sparse", "below resonance", "noisy SGD", r"$1-\beta$", "1"),
    ("F", "sparse", "above resonance", "heavy ball, no noise", r"$\delta-\alpha$", r"$\delta-\alpha+\beta$"),
)


@style.styled
def overview(dataset: xr.Dataset) -> Figure:
    """Regions, R after a number of updates, R after a number of samples, and the regimes as a table.

    Args:
        dataset: over (alpha, delta) with `feedback` and, over `pace` too, `risk` and `ticks`; B.
    """
    figure, axes = style.new_figure(2, 3, width=style.DOUBLE, height=4.4, height_ratios=[2.6, 1.5])
    grid = axes[1, 0].get_gridspec()
    for ax in axes[1]:
        ax.remove()
    _table(figure.add_subplot(grid[1, :]))
    values = dataset["risk"].transpose("pace", "delta", "alpha")
    stable = ~(dataset["feedback"] >= 1.0).transpose("delta", "alpha").values
    norm, colours = phase_plane.scale(values.values, stable)
    meshes = []
    for ax, pace in zip(axes[0, 1:], values["pace"].values, strict=True):
        meshes.append(phase_plane.heatmap(ax, values.sel(pace=pace, drop=True), colours, norm))
        found = phase_plane.decorate(ax, dataset, "alpha", "delta", ylabel=False)
        ticks = float(dataset["ticks"].sel(pace=pace))
        samples = ticks * float(dataset["B"].values.flat[0])
        ax.set_title(PACES[str(pace)].format(ticks=ticks, samples=samples), pad=boundaries.title_pad(found))
    bar = figure.colorbar(meshes[0], ax=list(axes[0, 1:]), label="squared error $R$, simulated",
                          extend=phase_plane.extend(norm, values), pad=0.015, aspect=24)  # fmt: skip
    if isinstance(norm, LogNorm):
        style.plain_log_ticks(bar.ax.yaxis, norm.vmin or 1.0, norm.vmax or 1.0)
    left = axes[0, 0]
    left.set(xlim=axes[0, 1].get_xlim(), ylim=axes[0, 1].get_ylim(), xlabel=labels.axis_label("alpha"),
             ylabel=labels.axis_label("delta"), title=rf"phase diagram, $\beta$ = {_beta(dataset):g}")  # fmt: skip
    outlines = _regions(left, dataset)
    figure.draw_without_rendering()
    panel = placing.Panel(left, boundaries.lines(dataset, "alpha", "delta", (*left.get_xlim(), *left.get_ylim())))
    for region, corners in outlines.items():
        panel.area(corners, region, "")
    return figure


def _beta(dataset: xr.Dataset) -> float:
    beta = reading.constant(dataset, "beta")
    assert beta is not None
    return beta


def _regions(ax: Axes, dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """Draw the regions and their boundaries. Returns their outlines."""
    box = (*ax.get_xlim(), *ax.get_ylim())
    found = {region: regions.polygon(region, _beta(dataset), box) for region in phase_diagram.COLOURS}
    found = {region: corners for region, corners in found.items() if len(corners)}
    for region, corners in found.items():
        ax.add_patch(Polygon(corners, facecolor=phase_diagram.COLOURS[region], lw=0, label=region))
    for line in boundaries.lines(dataset, "alpha", "delta", box):
        x, y = zip(line.start, line.end, strict=True)
        ax.plot(x, y, color=style.INK, lw=0.9, ls="-" if line.boundary.batch else (0, (4, 2)))
    ax.plot(_beta(dataset), 1.0, "o", ms=5, color=style.VERMILLION, mec=style.INK, mew=0.6, zorder=5)
    return found


def _table(ax: Axes) -> None:
    ax.set_axis_off()
    head, *rows = REGIMES
    table = ax.table(cellText=rows, colLabels=head, loc="center", cellLoc="left", edges="horizontal",
                     colWidths=[0.08, 0.16, 0.2, 0.24, 0.16, 0.16])  # fmt: skip
    table.auto_set_font_size(False)
    table.set_fontsize(7)
    for cell in table.get_celld().values():
        cell.set_linewidth(0.3)
