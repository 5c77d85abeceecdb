"""Every case along its slow time: how second moments at growing dimension fall onto their limit."""

import math
from collections.abc import Sequence

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsesim.figures import labels, reading, slow_time, style
from sparsesim.theory.phases import LOGISTIC_REGIONS, REGIONS

COLUMNS = 4
TITLE_SIZE = 6.5  # points: the longest fits above its panel
NOTES = (
    "How to read this\n"
    "Momentum SGD on sparse least squares, where a parameter gets a gradient from a\n"
    "share $p \\sim d^{-\\alpha}$ of the samples, with minibatches of $B \\sim d^{\\,\\beta}$ samples and\n"
    "momentum decay $\\varepsilon \\sim d^{-\\delta}$. The squared error $R$ starts at 1. Time $s = t/d^{\\,q}$\n"
    "is slow: it counts updates $t$, minibatches that hold a gradient; panels name $q$.\n"
    "  dense, sparse batches: nearly all, nearly no minibatches hold one\n"
    "  concentrated batches: so large that their noise vanishes\n"
    "  above, on, below resonance: momentum lives longer than, as long\n"
    "    as, less long than learning would take without it\n"
    "  memoryless: momentum is gone before the next update\n"
    "  memory-line: it just lives from one update to the next"
)

LOGISTIC_NOTES = (
    "Momentum SGD on logistic regression with a rare class of probability $p \\sim d^{-\\alpha}$, minibatches of "
    "$B \\sim d^{\\,\\beta}$ samples and momentum decay $\\varepsilon \\sim d^{-\\delta}$.\n"
    "Slow time is $s = k/d^{\\,q}$ after $k$ minibatches. Noise-floor batches are so small that their noise stays in "
    "the limit, or vanishes by momentum alone."
)


@style.styled
def limits(dataset: xr.Dataset) -> Figure:
    """R against slow time, a panel a case: the limit, exact means at the simulated dimensions, and simulated means."""
    count = dataset.sizes["case"]
    rows = math.ceil(count / COLUMNS)
    columns = min(COLUMNS, count)
    figure, axes = style.new_figure(
        rows, columns, width=style.DOUBLE, height=0.75 + 1.72 * rows, sharex=True, sharey=True
    )
    for ax, case in zip(axes.flat, dataset["case"].values, strict=False):
        own = dataset.sel(case=case)
        slow_time.panel(ax, own, "R")
        ax.set_title(title(own), size=TITLE_SIZE)
        _write_exponents(ax, own)
    highest = float(np.nanmax(np.minimum(dataset["limit_curve"].sel(variable="R"), 1e3)))
    axes[0, 0].set_ylim(0, 1.08 * highest)
    _finish(figure, axes, count)
    for ax in axes[:, 0]:
        ax.set_ylabel(slow_time.VARIABLE_NAMES["R"])
    slow_time.legend(figure, dataset)
    if rows * columns - count >= 3:
        axes[-1, columns - 3].text(
            0.0, 1.12, NOTES, transform=axes[-1, columns - 3].transAxes, va="top", size=6.6, linespacing=1.25
        ).set_in_layout(False)
    return figure


@style.styled
def momentum(dataset: xr.Dataset) -> Figure:
    """V/p^2 and C/p against slow time, in the cases where they belong to the limit."""
    return rows(dataset, ("V", "C"))


@style.styled
def rows(dataset: xr.Dataset, variables: Sequence[str]) -> Figure:
    """Some variables against slow time, in the cases where they belong to the limit: a row each, up to four cases."""
    known = dataset["limit_curve"].sel(variable=list(variables)).notnull().any("s").all("variable")
    dataset = dataset.isel(case=np.flatnonzero(known.values))
    count, height = dataset.sizes["case"], len(variables)
    blocks = math.ceil(count / COLUMNS)
    columns = math.ceil(count / blocks)
    inches = 0.75 + blocks * (1.55 * height if height < 3 else 1.3 * height)
    figure, axes = style.new_figure(height * blocks, columns, width=style.DOUBLE, height=inches, sharex=True)
    for i, case in enumerate(dataset["case"].values):
        own = dataset.sel(case=case)
        block, column = divmod(i, columns)
        for row, variable in enumerate(variables):
            ax = axes[height * block + row, column]
            slow_time.panel(ax, own, variable)
            ax.axhline(0, color=style.GREY, lw=0.5, zorder=0)
            if variable == "R":
                _write_exponents(ax, own)
            if column == 0:
                words = slow_time.VARIABLE_NAMES[variable]
                ax.set_ylabel(words if height < 3 else words.replace(" $", "\n$"))  # on two lines where panels are low
        axes[height * block, column].set_title(title(own), size=TITLE_SIZE)
    last = [ax for block in axes.reshape(blocks, height, columns)[-1] for ax in block[count - (blocks - 1) * columns :]]
    for ax in last:
        ax.set_visible(False)
    for ax in axes[-1]:
        ax.set_xlabel("slow time $s$")
    if reading.is_logistic(dataset):
        figure.supxlabel(LOGISTIC_NOTES, size=6.6, linespacing=1.25)
    slow_time.legend(figure, dataset)
    return figure


def title(case: xr.Dataset) -> str:
    """The name of a case and its region in words, in two lines; words alone where the name is the region's own."""
    logistic = reading.is_logistic(case)
    name, region = case["case"].item(), case["region"].item()
    words = (LOGISTIC_REGIONS if logistic else REGIONS)[region].replace(" - ", r" $-$ ")
    for exponent in reading.EXPONENTS:
        words = words.replace(exponent, labels.symbol(exponent))
    if logistic:
        return (words if name == region else f"{name}: {words}").replace(", ", ",\n", 1)
    return f"{name}: {words}".replace(", ", ",\n", 1) if len(name) == 1 else f"{name}:\n{words}"


def exponents(case: xr.Dataset) -> str:
    """The exponents of a case and of its slow time."""
    alpha, beta, delta = (float(case[name].values.flat[0]) for name in ("alpha", "beta", "delta"))
    return rf"$\alpha, \beta, \delta$ = {alpha:g}, {beta:g}, {delta:g}" + f"\n$q$ = {case['clock_exponent'].item():.3g}"


def _write_exponents(ax: Axes, case: xr.Dataset) -> None:
    ax.text(0.97, 0.97, exponents(case), transform=ax.transAxes, ha="right", va="top", size=6.5, color=style.GREY)


def _finish(figure: Figure, axes: np.ndarray, count: int) -> None:
    """Axis labels below the last panel of every column, and no empty panels."""
    columns = axes.shape[1]
    for i, ax in enumerate(axes.flat):
        if i >= count:
            ax.set_axis_off()
        elif i + columns >= count:
            ax.set_xlabel("slow time $s$")
            ax.tick_params(labelbottom=True)
