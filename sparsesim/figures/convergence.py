"""How fast the limits are reached: the largest distance from the limit against dimension."""

from collections.abc import Mapping

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsesim.figures import labels, reading, style
from sparsesim.figures.slow_time import VARIABLE_NAMES, discrete

GROUPS = (
    ("above resonance", ("above resonance",)),
    ("on resonance", ("on resonance",)),
    ("below resonance or memoryless", ("below resonance", "memoryless")),
)
COLOURS = (style.BLUE, style.VERMILLION, style.GREEN, style.ORANGE, style.PURPLE, style.SKY)
MARKERS = "os^Dv<>ph*"
STYLES = {"theta_par": (0, (6, 1)), "m_par": (0, (4, 1, 1, 1)), "V": (0, (4, 2)), "C": (0, (1, 1.5))}
ZIGZAGS = "Zigzags: the batch size is rounded to a whole number, closer at some $d$ than at others."
MAPS = r"At $\delta$ = 0 on resonance and above it the limit is a map, which the sparse ODE does not approach."
SMALLEST, LARGEST = 1e-11, 1e40  # below the one an error is of rounding; beyond the other is what no axes can span
APART = 0.085  # of the height of a panel: between direct labels, of two lines each


@style.styled
def convergence(dataset: xr.Dataset, names: Mapping[str, str] | None = None) -> Figure:
    """The largest distance from the limit over all slow times, against d, a panel a momentum phase.

    R with marks and a label that says how fast it falls; other variables lighter, where the limit has them.

    Args:
        dataset: sup_error_* (case, dimension, variable) and order_* (case, variable) of what converges.
        names: the * and words for it, a row of panels each; the main ODE by default, without words.
    """
    names = {"main_ode": ""} if names is None else names
    phases = dataset["momentum_phase"].values
    groups = [(name, np.flatnonzero(np.isin(phases, members))) for name, members in GROUPS]
    groups = [(name, chosen) for name, chosen in groups if chosen.size]
    logistic = reading.is_logistic(dataset)
    if logistic:  # no minibatch is idle, and momentum never without memory
        groups = [(name.removesuffix(" or memoryless"), chosen) for name, chosen in groups]
    figure, axes = style.new_figure(
        len(names), len(groups), width=style.DOUBLE, height=0.6 + 2.9 * len(names), sharex=True, sharey="row"
    )
    label = f"largest distance from the limit, $0 \\leq s \\leq {dataset['s'].values[-1]:g}$"
    for row, (kind, words) in zip(axes, names.items(), strict=True):
        errors = dataset[f"sup_error_{kind}"].where(lambda e: (e > SMALLEST) & (e < LARGEST))
        row[0].set_yscale("log")
        if bool(errors.notnull().any()):
            row[0].set_ylim(float(errors.min()) / 1.5, float(errors.max()) * 2.0)
        row[0].set_ylabel(label.replace(", ", ",\nover its largest value, ") if logistic else label)
        for ax, (name, chosen) in zip(row, groups, strict=True):
            ax.set_title(f"{words},\n{name}" if words else name)
            ax.set(xscale="log")
            _slopes(ax, dataset["dimension"].values)
            orders = dataset[f"order_{kind}"].sel(variable="R")
            _group(ax, errors.isel(case=chosen), orders.isel(case=chosen))
    for ax in axes[-1]:
        ax.set_xlabel(labels.axis_label("d"))
    figure.supxlabel(f"{ZIGZAGS}\n{MAPS}" if discrete(dataset) else ZIGZAGS, size=7)
    _legend(figure, axes[0, 0], dataset)
    return figure


def _legend(figure: Figure, ax: Axes, dataset: xr.Dataset) -> None:
    """The looks of variables, and the lines of `_slopes`."""
    moments = _lighter(dataset)
    handles = [ax.plot([], [], color=style.INK, marker="o", ms=3)[0]]
    handles += [ax.plot([], [], color=style.INK, alpha=0.45, lw=0.8, ls=STYLES[name])[0] for name in moments]
    handles.append(ax.plot([], [], color=style.GREY, lw=0.6)[0])
    names = ["squared error $R$ (start: 1)", *(VARIABLE_NAMES[name] for name in moments), "slopes for comparison"]
    figure.legend(handles, names, loc="outside upper center", ncols=min(4, len(names)))


def _lighter(dataset: xr.Dataset | xr.DataArray) -> list[str]:
    """The variables beside R."""
    return [name for name in STYLES if name in dataset["variable"].values]


def _group(ax: Axes, errors: xr.DataArray, orders: xr.DataArray) -> None:
    """The cases of a panel, and their labels beside its right end."""
    d = errors["dimension"].values
    ends, texts, colours = [], [], []
    for i, case in enumerate(errors["case"].values):
        colour, marker = COLOURS[i % len(COLOURS)], MARKERS[i % len(MARKERS)]
        own = errors.sel(case=case)
        for variable in _lighter(errors):
            ax.plot(d, own.sel(variable=variable), color=colour, alpha=0.45, lw=0.8, ls=STYLES[variable])
        R = own.sel(variable="R").values
        ax.plot(d, R, color=colour, marker=marker, ms=3, mew=0)
        if np.isfinite(R).any():
            ends.append(ax.transLimits.transform((0.0, np.log10(R[np.isfinite(R)][-1])))[1])
            texts.append(f"{case}\nslope {-orders.sel(case=case).item():.2f}")
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
