"""What momentum does to one feature: the plane of learning rate and momentum, and the best of every momentum."""

import matplotlib
import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator, NullLocator
from numpy.typing import ArrayLike

from sparsesim.figures import labels, style
from sparsesim.figures.phase_plane import heatmap, is_log

DEEP = 300.0  # times the least cost, where the colour scale ends
FASTEST = 2.0  # by which momentum is at most faster at the same learning rate, as eps -> 0 (momentum.md, section 4)
MEMORY = r"memory: $-\ln \mu$ and $N_{mem} = pB/\varepsilon$"
COST = r"active samples per factor $e$ in $R$"


@style.styled
def momentum(dataset: xr.Dataset) -> Figure:
    """Sample cost with the decay rate, and the speed against plain SGD at the same learning rate, over (eps, eta)."""
    dataset = dataset.sortby(["eta", "eps"])
    figure, axes = style.new_figure(1, 2, width=style.DOUBLE, height=4.6, sharey=True)
    left, right = axes[0]
    least, active = float(dataset["best_sample_cost"].min()), dataset.attrs["p"] * dataset.attrs["B"]
    # Without decay the cost is infinite and the speed is not above 0: both at an end of their scales.
    cost = dataset["sample_cost"].transpose("eta", "eps").fillna(np.inf).clip(max=10 * DEEP * least)
    top = min(DEEP * least, max(float(cost.max()), 1.01 * least))
    mesh = heatmap(left, cost, matplotlib.colormaps[style.SEQUENTIAL], LogNorm(least, top))
    bar = figure.colorbar(mesh, ax=left, location="bottom", extend="max", pad=0.02, aspect=28, label=COST)
    style.plain_log_ticks(bar.ax.xaxis, least, top)
    rates = bar.ax.secondary_xaxis(
        "top", functions=(lambda cost: _over(active, cost), lambda rate: _over(active, rate))
    )
    rates.set_xlabel("decay rate per minibatch")
    speed = dataset["speed_ratio"].transpose("eta", "eps")
    mesh = heatmap(right, speed, matplotlib.colormaps[style.DIVERGING], LogNorm(1 / FASTEST, FASTEST))
    bar = figure.colorbar(mesh, ax=right, location="bottom", extend="both", pad=0.02, aspect=28,
                          label=r"decay rate over that of plain SGD at the same $\eta$")  # fmt: skip
    bar.ax.xaxis.set(major_locator=FixedLocator([0.5, 0.7, 1, 1.4, 2]), minor_locator=NullLocator(),
                     major_formatter=FixedFormatter(["0.5", "0.7", "1", "1.4", "2"]))  # fmt: skip
    for ax in (left, right):
        _lines(ax, dataset)
        ax.set_xlabel(labels.axis_label("eps"))
    left.set_ylabel(labels.axis_label("eta"))
    left.set_title("what a factor $e$ in squared error costs")
    right.set_title("what momentum gains at the same learning rate")
    if bool((speed.isnull() & (dataset["feedback"] < 1.0)).mean() > 0.01):
        left.fill_between([], [], color=style.MISSING, lw=0, label="only momentum stable")
    handles, names = left.get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names), columnspacing=1.2)
    figure.suptitle(f"Decay of one sparse feature: {_problem(dataset)}", x=0.012, ha="left")
    return figure


@style.styled
def momentum_best(dataset: xr.Dataset) -> Figure:
    """Decay rate and sample cost at the best learning rate of every momentum, with their limits."""
    dataset = dataset.sortby("eps")
    figure, axes = style.new_figure(1, 2, width=style.DOUBLE, height=3.4)
    left, right = axes[0]
    eps, attrs = dataset["eps"].values, dataset.attrs
    active = attrs["p"] * attrs["B"]
    finite = dataset["rate_cap"].where(np.isfinite(dataset["rate_cap"]))
    left.plot(eps, finite, color=style.GREY, ls=":", label=MEMORY)
    right.plot(eps, dataset["memory_cost"], color=style.GREY, ls=":", label=MEMORY)
    right.plot(eps, dataset["stability_cost"], color=style.GREY, ls="-.", label=r"stability: $N_{stab} = 2B/\eta_c$")
    limits = (active / dataset["limit_cost"], dataset["limit_cost"])
    plain = (attrs["sgd_decay_rate"], attrs["sgd_sample_cost"])
    best = (dataset["best_decay_rate"], dataset["best_sample_cost"])
    shown = np.unique(np.rint(np.linspace(0, eps.size - 1, 25))).astype(int).tolist()
    for ax, limit, sgd, exact in zip((left, right), limits, plain, best, strict=True):
        ax.axhline(sgd, color=style.GREEN, lw=1.4, ls="--", label="plain SGD at its best $\\eta$")
        ax.plot(eps, limit, color=style.ORANGE, lw=1.6, label=r"limit $\varepsilon \to 0$: $pB/N_1$ and $N_1$")
        ax.plot(eps, exact, "o", ms=2.8, mew=0, color=style.BLUE, markevery=shown, label=r"momentum at its best $\eta$")
        if is_log(dataset["best_eta"], "eps"):
            ax.set_xscale("log")
        ax.set(yscale="log", xlabel=labels.axis_label("eps"))
        _momentum_axis(ax)
    left.set(ylabel="decay rate per minibatch", ylim=(0.7 * float(best[0].min()), 2.5 * plain[0]))
    right.set(ylabel=COST, ylim=(0.5 * plain[1], 1.5 * float(best[1].max())))
    for ax in (left, right):
        style.plain_log_ticks(ax.yaxis, *ax.get_ylim())
    curves = {str(line.get_label()): line for ax in (right, left) for line in ax.lines}
    figure.legend(handles=list(curves.values()), loc="outside lower center", ncols=3)
    figure.suptitle(
        f"One feature never saves samples by momentum: {_problem(dataset)}\n"
        r"$N_1 = (N_{stab} + N_{mem} + (N_{stab}^2 + N_{mem}^2)^{1/2})\,/\,2$;  "
        r"plain SGD: $pB\,/\,\ln(1 + pB/(d+2-p))$",
        x=0.012, ha="left",
    )  # fmt: skip
    return figure


def _lines(ax: Axes, dataset: xr.Dataset) -> None:
    """Frontier and what is beyond it, onset of oscillation, the best learning rates and the best of all."""
    eps = dataset["eps"].values
    limits = ax.get_xlim(), ax.get_ylim()
    frontier = dataset["critical_eta"].values
    ax.fill_between(eps, frontier, max(limits[1][1], frontier.max()), facecolor="#d9d9d9", edgecolor=style.GREY, lw=0,
                    hatch="////", label="unstable")  # fmt: skip
    halo = [patheffects.withStroke(linewidth=2.6, foreground="white")]
    ax.plot(eps, frontier, color=style.VERMILLION, lw=1.5, path_effects=halo, label=r"frontier $\eta_c$")
    for name, label in (("oscillation_low", "onset of oscillation"), ("oscillation_high", None)):
        ax.plot(eps, np.where(dataset[name] < frontier, dataset[name], np.nan), color=style.INK, ls=":", lw=1.3,
                path_effects=halo, label=label)  # fmt: skip
    ax.plot(eps, dataset["best_eta"], color=style.INK, lw=1.1, ls="--", path_effects=halo,
            label=r"best $\eta$ at each $\varepsilon$")  # fmt: skip
    best = dataset.attrs["best_eps"], dataset.attrs["best_eta"]
    if limits[1][0] <= best[1] <= limits[1][1]:  # on the border it is drawn whole, beyond it not at all
        ax.plot(*best, "*", ms=10, color=style.ORANGE, mec=style.INK, mew=0.7, clip_on=False, zorder=5, ls="none",
                label="best of all")  # fmt: skip
    for axis, name in (("x", "eps"), ("y", "eta")):  # a single value has the width of its cell
        if dataset.sizes[name] > 1:
            ax.set(**{f"{axis}lim": tuple(dataset[name].values[[0, -1]])})
    _momentum_axis(ax)


def _momentum_axis(ax: Axes) -> None:
    """The momentum mu = 1 - eps along the top, at powers of ten of eps."""
    if ax.get_xscale() != "log":
        return
    low, high = ax.get_xlim()
    powers = np.arange(np.ceil(np.log10(low) - 1e-9), np.floor(np.log10(high) + 1e-9) + 1)
    top = ax.secondary_xaxis("top")
    names = [f"{1.0 - 10.0**power:.{int(max(0, -power))}f}" for power in powers]
    top.xaxis.set(major_locator=FixedLocator((10.0**powers).tolist()), minor_locator=NullLocator())
    top.xaxis.set_major_formatter(FixedFormatter(names))
    top.set_xlabel(r"momentum $\mu = 1 - \varepsilon$", size=7)


def _over(amount: float, values: ArrayLike) -> np.ndarray:
    """amount/values; matplotlib also asks at 0."""
    return amount / np.maximum(values, 1e-200)


def _problem(dataset: xr.Dataset) -> str:
    return ", ".join(labels.equation(name, dataset.attrs[name]) for name in ("d", "p", "B"))
