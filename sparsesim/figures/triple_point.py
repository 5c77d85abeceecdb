"""The triple point: second moments against their limit, and the SDE that shares its means and nothing else."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from sparsesim.figures import labels, slow_time, style
from sparsesim.figures.trajectories import ERRORS
from sparsesim.problems import LeastSquares

RATE = "c_eta"
MOST_COLUMNS = 4
SQUARES = "$X^2$ of\nthe SDE"
LETTERS = (
    r"$c_\eta$: learning rate; stiffness $w$: learning within one momentum memory; feedback $u$ of the gradient noise: "
    "stable below 1."
)
ABOUT_MOMENTS = (
    r"The triple point, $\alpha = \beta$ and $\delta = 1$: a fixed share of minibatches holds a gradient, and momentum "
    f"lives as long as learning takes.\n{LETTERS}"
)
ABOUT_PATHS = (
    "The paths' mean squares and products are those of the limit. But the squared error $R$ of a large problem is "
    f"nearly certain, and $X^2$ is not.\n{LETTERS}"
)
PATH_REACH = 3.5  # of X in sight


def shown(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset at no more learning rates than there is room for, spread over the axis in increasing order."""
    dataset = dataset.sortby(RATE)
    count = dataset.sizes[RATE]
    return dataset.isel({RATE: np.unique(np.linspace(0, count - 1, min(count, MOST_COLUMNS)).round().astype(int))})


@style.styled
def moments(dataset: xr.Dataset) -> Figure:
    """R, V/p^2 and C/p (rows) against slow time at a few learning rates (columns)."""
    dataset = shown(dataset)
    figure, axes = style.new_figure(3, dataset.sizes[RATE], width=style.DOUBLE, height=5.4, sharex=True)
    for column, rate in zip(axes.T, dataset[RATE].values, strict=True):
        own = dataset.sel({RATE: rate})
        for ax, variable in zip(column, LeastSquares.moments, strict=True):
            slow_time.panel(ax, own, variable)
            ax.axhline(0, color=style.GREY, lw=0.5, zorder=0)
        column[0].set_title(_title(own))
        column[-1].set_xlabel("slow time $s = t/d$ ($t$: active updates)")
    for ax, variable in zip(axes[:, 0], LeastSquares.moments, strict=True):
        ax.set_ylabel(slow_time.VARIABLE_NAMES[variable])
    slow_time.legend(figure, dataset)
    figure.supxlabel(ABOUT_MOMENTS, size=7)
    return figure


@style.styled
def overview(dataset: xr.Dataset) -> Figure:
    """R, V/p^2 and C/p of one learning rate with the quartiles of single trajectories, and paths of the SDE."""
    own = shown(dataset).isel({RATE: 0})
    figure, axes = style.new_figure(2, 2, width=style.DOUBLE, height=4.9)
    for ax, variable in zip(axes.flat, LeastSquares.moments, strict=False):
        slow_time.panel(ax, own, variable)
        for d, (colour, _) in slow_time.looks(own).items():
            at = own.sel(d=d, moment=variable)
            scale = float(at["p"]) ** slow_time.POWERS[variable]
            low, high = (at[f"{name}_quartile"].values / scale for name in ("lower", "upper"))
            ax.fill_between(at["slow_time"].values, low, high, color=colour, alpha=0.2, lw=0)
        ax.axhline(0, color=style.GREY, lw=0.5, zorder=0)
        ax.set(xlabel="slow time $s = t/d$ ($t$: active updates)", ylabel=slow_time.VARIABLE_NAMES[variable])
    _paths(axes[1, 1], own)
    axes[1, 1].set(xlabel="slow time $s$", xlim=(0, own["s"].values[-1]))
    axes[1, 1].set_ylabel(f"{dataset.sizes['path']} paths $X(s)$ of the SDE")
    axes[0, 0].set_title(_title(own))
    band = Patch(color=style.GREY, alpha=0.3, lw=0, label="quartiles of single trajectories")
    axes[0, 1].legend(handles=[band], loc="upper right")
    slow_time.legend(figure, own)
    return figure


@style.styled
def paths(dataset: xr.Dataset) -> Figure:
    """Paths of the SDE, the mean of their squares against the limit of R, and the spread of R against that of X^2."""
    dataset = shown(dataset)
    figure, axes = style.new_figure(3, dataset.sizes[RATE], width=style.DOUBLE, height=6.2)
    for column, rate in zip(axes.T, dataset[RATE].values, strict=True):
        own = dataset.sel({RATE: rate})
        _paths(column[0], own)
        _means(column[1], own)
        _spread(column[2], own)
        column[0].set_title(_title(own))
        column[1].set_xlabel("slow time $s$")
        for ax in column[:2]:
            ax.set_xlim(0, dataset["s"].values[-1])
    axes[0, 0].set_ylabel(f"{dataset.sizes['path']} paths $X(s)$ of the SDE")
    axes[1, 0].set_ylabel("mean of $X^2$, limit of $R$")
    axes[2, 0].set_ylabel("single $R$ or $X^2$ over its mean")
    handles, names = axes[1, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=len(names))
    figure.supxlabel(ABOUT_PATHS, size=7)
    return figure


def _paths(ax: Axes, own: xr.Dataset) -> None:
    for path in own["sde_path"].transpose("path", ...).values:
        ax.plot(own["path_time"], path, color=style.BLUE, lw=0.5, alpha=0.5)
    ax.axhline(0, color=style.GREY, lw=0.5, zorder=0)
    ax.set_ylim(*np.clip(ax.get_ylim(), -PATH_REACH, PATH_REACH))


def _means(ax: Axes, own: xr.Dataset) -> None:
    """Means of X^2 with their errors, hollow where few paths carry them, on the limit of R."""
    own = own.sel(variable="R")
    limit = own["limit_curve"].values
    ax.plot(own["s"], limit, label=r"limit of $R$ as $d \to \infty$", **slow_time.LIMIT)
    mean, error, trusted = (own[f"sde_{name}"].values for name in ("mean", "std_error", "trusted"))
    trusted = trusted.astype(bool) | (own["sde_time"].values == 0.0)
    low, high = 0.3 * np.nanmin(limit), 2.5 * np.nanmax(limit)
    for chosen, face, name in (
        (trusted, style.BLUE, rf"mean of $X^2$ over {own.attrs['sde_paths']:,} paths $\pm$ 2 standard errors"),
        (~trusted, "white", "the same, carried by few paths"),
    ):
        # A bar to below zero would have no end on a logarithmic axis.
        bars = np.stack([np.minimum(ERRORS * error, mean - low / 10), ERRORS * error]).clip(0.0)[:, chosen]
        ax.errorbar(own["sde_time"].values[chosen], mean[chosen], bars, fmt="o", ms=3.2, mew=0.8, color=style.BLUE,
                    mfc=face, elinewidth=0.8, label=name)  # fmt: skip
    ax.set(yscale="log", ylim=(low, high))


def _spread(ax: Axes, own: xr.Dataset) -> None:
    """Quartiles over the mean, at the middle record: of R at every simulated d, and of X^2."""
    middle = own.sizes["time"] // 2
    bars = []
    for d, (colour, _) in slow_time.looks(own).items():
        cell = own.sel(d=d, moment="R").isel(time=middle)
        quartiles = [float(cell[name] / cell["mean"]) for name in ("lower_quartile", "median", "upper_quartile")]
        bars.append((f"$R$ at\n$d$ = {slow_time.dimension(d)}", quartiles, colour))
    square = own.sel(variable="R").isel(sde_time=middle)
    names = ("sde_lower_quartile", "sde_median", "sde_upper_quartile")
    bars.append((SQUARES, [float(square[name] / square["sde_limit"]) for name in names], style.BLUE))
    for place, (_, (low, median, high), colour) in enumerate(bars):
        ax.bar(place, high - low, 0.5, low, color=colour, alpha=0.45, lw=0)
        ax.plot([place - 0.25, place + 0.25], [median, median], color=style.INK, lw=1.2)
    ax.axhline(1, color=style.GREY, lw=0.6, zorder=0)
    ax.set_xticks(range(len(bars)), [name for name, _, _ in bars])
    ax.set_ylim(0, None)
    ax.set_xlabel(f"quartiles and median at $s$ = {labels.number(round(square['sde_time'].item(), 6))}")


def _title(own: xr.Dataset) -> str:
    """Learning rate, stiffness and feedback of a column."""
    w, u = own["stiffness"].item(), own["limit_feedback"].item()
    return f"{labels.equation(RATE, own[RATE].item())}, $w$ = {w:.3g}, $u$ = {u:.3g}"
