"""How fast the limits are reached: the largest distance from the limit against dimension."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsesim.figures import labels, style

GROUPS = (
    ("above resonance", ("above resonance",)),
    ("on resonance", ("on resonance",)),
    ("below resonance or memoryless", ("below resonance", "memoryless")),
)
COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.ORANGE, style.PURPLE, style.SKY)
MARKERS = "os^Dv<>ph*"
STYLES = {"V": (0, (4, 2)), "C": (0, (1, 1.5))}
SMALLEST, LARGEST = 1e-11, 1e40  # below the one an error is of rounding; beyond the other is what no axes can span
APART = 0.085  # of the height of a panel: between direct labels, of two lines each


@style.styled
def convergence(dataset: xr.Dataset) -> Figure:
    """The largest distance of the main ODE from its limit over all slow times, against d, a panel a momentum phase.

    R with marks and a label that says how fast it falls; V/p^2 and C/p lighter, where the limit has them.
    """
    phases = dataset["momentum_phase"].values
    groups = [(name, np.flatnonzero(np.isin(phases, members))) for name, members in GROUPS]
    groups = [(name, chosen) for name, chosen in groups if chosen.size]
    figure, axes = style.new_figure(1, len(groups), width=style.DOUBLE, height=3.5, sharey=True)
    errors = dataset["sup_error_main_ode"].where(lambda e: (e > SMALLEST) & (e < LARGEST))
    axes[0, 0].set_yscale("log")
    if bool(errors.notnull().any()):
        axes[0, 0].set_ylim(float(errors.min()) / 1.5, float(errors.max()) * 2.0)
    for ax, (name, chosen) in zip(axes[0], groups, strict=True):
        ax.set_title(name)
        ax.set(xscale="log", xlabel=labels.axis_label("d"))
        _slopes(ax, dataset["dimension"].values)
        _group(ax, dataset.isel(case=chosen), errors.isel(case=chosen))
    axes[0, 0].set_ylabel(f"largest distance from the limit, $0 \\leq s \\leq {dataset['s'].values[-1]:g}$")
    figure.supxlabel("Zigzags: the batch size is rounded to a whole number, closer at some $d$ than at others.", size=7)
    handles = [axes[0, 0].plot([], [], color=style.INK, marker="o", ms=3)[0]]
    handles += [axes[0, 0].plot([], [], color=style.INK, alpha=0.45, lw=0.8, ls=ls)[0] for ls in STYLES.values()]
    handles.append(axes[0, 0].plot([], [], color=style.GREY, lw=0.6)[0])
    names = ["squared error $R$ (start: 1)", "momentum energy $V/p^2$", "correlation $C/p$"]
    figure.legend(handles, [*names, "slopes for comparison"], loc="outside upper center", ncols=4)
    return figure


def _group(ax: Axes, dataset: xr.Dataset, errors: xr.DataArray) -> None:
    """The cases of a panel, and their labels beside its right end."""
    d = dataset["dimension"].values
    ends, texts, colours = [], [], []
    for i, case in enumerate(dataset["case"].values):
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        own = errors.sel(case=case)
        for variable, ls in STYLES.items():
            ax.plot(d, own.sel(variable=variable), color=colour, alpha=0.45, lw=0.8, ls=ls)
        R = own.sel(variable="R").values
        ax.plot(d, R, color=colour, marker=marker, ms=3, mew=0)
        if np.isfinite(R).any():
            ends.append(ax.transLimits.transform((0.0, np.log10(R[np.isfinite(R)][-1])))[1])
            texts.append(f"{case}\nslope {-dataset['order_main_ode'].sel(case=case, variable='R').item():.2f}")
            colours.append(colour)
    for place, text, colour in zip(spread(np.array(ends), APART), texts, colours, strict=True):
        ax.text(1.03, place, text, transform=ax.transAxes, color=colour, size=6.5, va="center", linespacing=1.0)


def spread(places: np.ndarray, apart: float) -> np.ndarray:
    """Places of labels in [0, 1] near where they belong, in the same order, at least `apart` from each other."""
    ranks = np.argsort(places, kind="stable")
    # Without their least distance times rank, labels need only be in order: the nearest such places are pooled means.
    pools: list[list[float]] = []
    for value in places[ranks] - apart * np.arange(len(places)):
        pools.append([float(value)])
        while len(pools) > 1 and np.mean(pools[-2]) > np.mean(pools[-1]):
            pools[-2:] = [pools[-2] + pools[-1]]
    level = [float(np.mean(pool)) for pool in pools for _ in pool]
    spread_out = np.clip(level, 0.0, max(0.0, 1.0 - apart * (len(places) - 1))) + apart * np.arange(len(places))
    result = np.empty(len(places))
    result[ranks] = spread_out
    return result


def _slopes(ax: Axes, d: np.ndarray) -> None:
    """Lines that fall like d^-1/2 and d^-1, in the lower left corner."""
    low, high = np.log10(ax.get_ylim())
    start = 10.0 ** (low + 0.42 * (high - low))
    for power, name in ((0.5, r"$d^{\,-1/2}$"), (1.0, r"$d^{\,-1}$")):
        end = d[0] * 10.0 ** (min(np.log10(d[-1] / d[0]), (np.log10(start) - low) / power) * 0.8)
        ax.plot([d[0], end], [start, start * (end / d[0]) ** -power], color=style.GREY, lw=0.6)
        ax.text(end, start * (end / d[0]) ** -power, name, color=style.GREY, size=6.5, va="top", ha="center")
