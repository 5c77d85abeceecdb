"""A panel along slow time: a limit, and what converges to it at a few dimensions, computed exactly and simulated."""

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sparsesim.figures import labels, style
from sparsesim.figures.trajectories import ERRORS

LIMIT = {"color": "#c4c4c4", "lw": 4.5, "solid_capstyle": "butt"}
VARIABLE_NAMES = {
    "theta_par": r"signal $\theta_\parallel$",
    "m_par": r"its momentum $m_\parallel/p$",
    "R": "squared error $R$",
    "V": "momentum energy $V/p^2$",
    "C": "correlation $C/p$",
}
POWERS = {"theta_par": 0, "m_par": 1, "R": 0, "V": 2, "C": 1}  # of p by which a moment is scaled
SIZES = (4.6, 3.2, 1.8)  # of marks, from small d to large: where they lie on each other all are seen
WHOLE = {"color": LIMIT["color"], "lw": 1.5, "marker": "o", "ms": 7.5, "mew": 0}  # a limit whose time stays discrete
# What is drawn dotted, and what it and the solid exact map are called in the legend.
DOTTED_CURVES = {
    "main_ode": ("exact mean, updates at random times", "exact mean"),
    "sparse_ode": (r"sparse ODE at the same $d$", "exact recursion"),
}
CURVES = ("limit_curve", *DOTTED_CURVES, "exact_map", "mean", "std_error")
LARGEST = 1e40  # what is unstable outgrows what axes can span
DOTTED = (0, (1, 1.4))
ENDS_EARLY = "simulated up to here"
COVERED = 0.97  # of the slow times: a simulation that ends before has its end marked


def panel(ax: Axes, case: xr.Dataset, variable: str) -> None:
    """One variable against slow time.

    Args:
        ax: where to draw.
        case: limit_curve (s, variable), at whole s alone where time stays `discrete`; main_ode or sparse_ode, exact_map
            (dimension, s, variable), updates_per_unit (dimension); mean, std_error (d, time, moment) with slow_time
            (d, time) and p (d). ODE and map are drawn at the simulated dimensions, and left out where they are missing.
        variable: as a moment is named; V is V/p^2, C and m_par are C/p and m/p.
    """
    s = case["s"].values
    case = case.assign({name: case[name].where(abs(case[name]) < LARGEST) for name in CURVES if name in case})
    limit = case["limit_curve"].sel(variable=variable)
    if discrete(case):
        ax.plot(s[limit.notnull()], limit.dropna("s"), **WHOLE)
    else:
        ax.plot(s, limit, **LIMIT)
    for d, (colour, size) in looks(case).items():
        at = case.sel(d=d)
        if "exact_map" in case:
            theory = case.sel(dimension=round(d), variable=variable)
            ax.plot(*at_updates(theory), color=colour, lw=0.9)
            ax.plot(s, theory[_dotted(case)], color=colour, lw=0.9, ls=DOTTED)
        scale = float(at["p"]) ** POWERS[variable]
        simulated = at.sel(moment=variable)
        time = simulated["slow_time"].values
        mean, error = (simulated[name].values / scale for name in ("mean", "std_error"))
        ax.errorbar(time, mean, ERRORS * error, fmt="o", ms=size, color=colour,
                    mfc=colour if size == SIZES[-1] else "white", mew=0.8, elinewidth=0.8)  # fmt: skip
        mark_end(ax, time[-1], s[-1], colour)
    ax.set_xlim(0, s[-1])


def at_updates(theory: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The exact map of one variable at one dimension, and the slow times of its whole updates."""
    per_unit = theory["updates_per_unit"].item()
    times, first = np.unique(np.rint(theory["s"].values * per_unit) / per_unit, return_index=True)
    return times, theory["exact_map"].values[first]


def mark_end(ax: Axes, end: float, last: float, colour: Any) -> None:
    """Mark where a simulation ends, if that is before the last slow time."""
    if end < COVERED * last:
        ax.plot([end], [0.045], "<", color=colour, ms=4.5, mew=0, transform=ax.get_xaxis_transform(), clip_on=False)


def ends_early(dataset: xr.Dataset) -> bool:
    """Whether a simulation ends before the last slow time."""
    return bool((dataset["slow_time"].isel(time=-1) < COVERED * dataset["s"].values[-1]).any())


def looks(dataset: xr.Dataset) -> dict[float, tuple[Any, float]]:
    """Colour and size of marks by simulated d, from small to large."""
    dimensions = sorted(dataset["d"].values.tolist())
    sizes = np.interp(np.linspace(0, 1, len(dimensions)), np.linspace(0, 1, len(SIZES)), SIZES)
    return dict(zip(dimensions, zip(style.sequence(len(dimensions)), sizes, strict=True), strict=True))


def legend(figure: Figure, dataset: xr.Dataset) -> None:
    """What `panel` draws: a row of colours, a row of kinds."""
    colours, kinds = [(Line2D([], [], **LIMIT), r"limit $d \to \infty$")], []
    for d, (colour, size) in looks(dataset).items():
        face = colour if size == SIZES[-1] else "white"
        mark = Line2D([], [], color=colour, lw=0.9, marker="o", ms=size, mfc=face, mew=0.8)
        colours.append((mark, f"{labels.symbol('d')} = {dimension(d)}"))
    kinds.append((_key(marker="o", ms=SIZES[1], mfc="white", mew=0.8), r"simulated mean $\pm$ 2 standard errors"))
    if "exact_map" in dataset:
        dotted, solid = DOTTED_CURVES[_dotted(dataset)]
        kinds += [(_key(lw=0.9), solid), (_key(lw=0.9, ls=DOTTED), dotted)]
    if discrete(dataset):
        kinds.append((Line2D([], [], **WHOLE), r"limit that is a map ($\delta$ = 0)"))
    if ends_early(dataset):
        kinds.append((_key(marker="<", ms=4.5, mew=0), ENDS_EARLY))
    columns = max(len(colours), len(kinds))
    blank = [(Line2D([], [], lw=0), "")]
    padded = [row + blank * (columns - len(row)) for row in (colours, kinds)]
    entries = [entry for pair in zip(*padded, strict=True) for entry in pair]  # a legend is filled by columns
    handles, names = zip(*entries, strict=True)
    figure.legend(handles, names, loc="outside upper center", ncols=columns, columnspacing=1.4)


def discrete(dataset: xr.Dataset) -> bool:
    """Whether there is a limit whose time stays discrete."""
    return "discrete" in dataset.coords and bool(dataset["discrete"].any())


def _dotted(dataset: xr.Dataset) -> str:
    return next(name for name in DOTTED_CURVES if name in dataset)


def _key(**look: Any) -> Line2D:
    return Line2D([], [], **{"color": style.INK, "lw": 0, **look})


def dimension(d: float) -> str:
    """A dimension, powers of ten as such."""
    power = round(math.log10(d))
    return f"$10^{{{power}}}$" if d >= 100 and d == 10.0**power else labels.number(d)
