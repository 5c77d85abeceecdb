"""One region or boundary: how its moments at growing dimension fall onto the limit, exactly and simulated."""

import math
from typing import Any

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from sparsesim.figures import labels, limits, reading, slow_time, style
from sparsesim.figures.trajectories import ERRORS

DIMENSIONS = (10**2, 10**4, 10**6, 10**8)
LIMIT = {"color": style.INK, "lw": 1.2, "ls": (0, (4, 2)), "zorder": 5}
# What is drawn at finite d: of least squares the main ODE, of logistic regression the recursion that is simulated.
CURVES = {"least_squares": "main_ode", "logistic": "exact_map"}
NAMES = {"main_ode": "main ODE: updates at random times", "exact_map": "exact recursion"}
MOST_COLUMNS = 3
VANISHING = 0.1  # of its largest: below that a floor is shown on a logarithmic axis, where its power of d is a slope
COUPLING = (
    "Upper row: the signal. Lower row: the bulk.\n"
    r"$k$: minibatches, of which each counts."
    "\n"
    r"A large bulk $R$ saturates the sigmoid and"
    "\n"
    r"slows the signal $\theta_\parallel$; the noise of"
    "\n"
    "gradients lifts $R$ to its floor."
)


def kind(case: xr.Dataset) -> str:
    """The variable that holds what is drawn at finite d."""
    return CURVES["logistic" if reading.is_logistic(case) else "least_squares"]


@style.styled
def collapse(case: xr.Dataset, *, floor: bool = False, log: bool = False) -> Figure:
    """The variables that the limit has, against slow time.

    Args:
        case: one case of the studies `limits`, without the dim case.
        floor: whether a panel more has R at the last slow time against d.
        log: whether a panel more has R on a logarithmic axis.
    """
    variables = [
        str(name) for name in case["variable"].values if np.isfinite(case["limit_curve"].sel(variable=name)).any()
    ]
    count = len(variables) + floor + log
    columns = 2 if count == 4 else min(MOST_COLUMNS, count)
    rows = math.ceil(count / columns)
    width = style.DOUBLE if columns > 1 else style.SINGLE * 1.25
    figure, axes = style.new_figure(rows, columns, width=width, height=0.95 + 2.0 * rows)
    drawn = {*DIMENSIONS, *map(round, case["d"].values.tolist())}
    dimensions = [int(d) for d in case["dimension"].values if d in drawn]
    colours = dict(zip(dimensions, style.sequence(len(dimensions)), strict=True))
    clock = "minibatches" if reading.is_logistic(case) else "active updates"
    for ax, variable in zip(axes.flat, variables, strict=False):
        _panel(ax, case, variable, colours)
        ax.set(xlabel="slow time $s$", ylabel=slow_time.VARIABLE_NAMES[variable])
    if floor:
        _floor(axes.flat[len(variables)], case, colours)
    if log:
        _panel(axes.flat[count - 1], case, "R", colours)
        axes.flat[count - 1].set(yscale="log", xlabel="slow time $s$", ylabel="$R$, logarithmic")
        style.plain_log_ticks(axes.flat[count - 1].yaxis, *axes.flat[count - 1].get_ylim())
    for ax in axes.flat[count:]:
        ax.set_axis_off()
    name = limits.title(case).replace(",\n", ", ").replace(":\n", ": ")
    time = rf"$s = t\,d^{{\,-{case['clock_exponent'].item():.3g}}}$, $t$: {clock}"
    parts = [name, _exponents(case), time]
    figure.suptitle("; ".join(parts) if columns > 1 else "\n".join([name, "; ".join(parts[1:])]))
    _legend(figure, case, colours, 4 if columns > 1 else 2)
    return figure


@style.styled
def coupled(case: xr.Dataset) -> Figure:
    """The five variables of logistic regression: the signal's in the first row, the bulk's in the second."""
    figure, axes = style.new_figure(2, 3, width=style.DOUBLE, height=4.6, sharex=True)
    axes[0, 2].set_axis_off()
    for ax, variable in zip([*axes[0, :2], *axes[1]], ("theta_par", "m_par", "R", "V", "C"), strict=True):
        slow_time.panel(ax, case, variable)
        ax.set_ylabel(slow_time.VARIABLE_NAMES[variable])
        ax.axhline(0, color=style.GREY, lw=0.5, zorder=0)
    for ax in axes[1]:
        ax.set_xlabel(rf"slow time $s = k\,d^{{\,-{case['clock_exponent'].item():.3g}}}$")
    axes[0, 2].text(0.0, 1.0, COUPLING, transform=axes[0, 2].transAxes, va="top", size=7, linespacing=1.4)
    slow_time.legend(figure, case)
    return figure


def _panel(ax: Axes, case: xr.Dataset, variable: str, colours: dict[int, Any]) -> None:
    s, scale_power = case["s"].values, slow_time.POWERS[variable]
    for d, colour in colours.items():
        theory = case.sel(dimension=d, variable=variable)
        if kind(case) == "exact_map":
            ax.plot(*slow_time.at_updates(theory), color=colour, lw=1.0)
        else:
            ax.plot(s, theory[kind(case)], color=colour, lw=1.0)
        if d in case["d"].values:
            if kind(case) != "exact_map":
                ax.plot(*slow_time.at_updates(theory), color=colour, lw=0.9, ls=slow_time.DOTTED)
            at = case.sel(d=d, moment=variable)
            slow_time.mark_end(ax, at["slow_time"].values[-1], s[-1], colour)
            scale = float(at["p"]) ** scale_power
            ax.errorbar(at["slow_time"], at["mean"] / scale, ERRORS * at["std_error"] / scale, fmt="o", ms=3.2,
                        color=colour, mfc="white", mew=0.8, elinewidth=0.8)  # fmt: skip
    ax.plot(s, case["limit_curve"].sel(variable=variable), **LIMIT)
    if variable not in ("R", "theta_par"):
        ax.axhline(0, color=style.GREY, lw=0.5, zorder=0)
    ax.set_xlim(0, s[-1])


def _floor(ax: Axes, case: xr.Dataset, colours: dict[int, Any]) -> None:
    """R at the last slow time against d."""
    last = case[kind(case)].sel(variable="R").isel(s=-1)
    ax.plot(case["dimension"], last, color=style.GREY, lw=0.9)
    for d, colour in colours.items():
        if d in case["d"].values:
            at = case.sel(d=d, moment="R").isel(time=-1)
            if at["slow_time"] >= slow_time.COVERED * case["s"][-1]:
                ax.errorbar(d, at["mean"], ERRORS * at["std_error"], fmt="o", ms=5.0, color=colour, mfc="none", mew=0.8)
    limit = float(case["limit_curve"].sel(variable="R").isel(s=-1))
    vanishes = limit < VANISHING * float(last.max())
    if not vanishes:  # else what is left of it is the end of its way to 0
        ax.axhline(limit, **LIMIT)
    ax.set(
        xscale="log",
        yscale="log" if vanishes else "linear",
        xlabel="dimension $d$",
        ylabel=f"$R$ at $s$ = {labels.number(float(case['s'][-1]))}",
    )


def _exponents(case: xr.Dataset) -> str:
    return limits.exponents(case).split("\n")[0]


def _legend(figure: Figure, case: xr.Dataset, colours: dict[int, Any], columns: int) -> None:
    simulated = {"color": style.GREY, "lw": 0, "marker": "o", "ms": 3.2, "mfc": "white"}
    handles = [
        Line2D([], [], color=colour, lw=1.0, label=f"$d$ = {slow_time.dimension(d)}") for d, colour in colours.items()
    ]
    handles += [
        Line2D([], [], color=style.GREY, lw=1.0, label=NAMES[kind(case)]),
        Line2D([], [], label=r"simulated mean $\pm$ 2 standard errors", **simulated),
    ]
    if kind(case) != "exact_map":
        name = "exact mean of what is simulated"
        handles.append(Line2D([], [], color=style.GREY, lw=0.9, ls=slow_time.DOTTED, label=name))
    if slow_time.ends_early(case):
        handles.append(Line2D([], [], color=style.GREY, lw=0, marker="<", ms=4.5, label=slow_time.ENDS_EARLY))
    handles.append(Line2D([], [], **LIMIT, label=r"limit $d \to \infty$"))
    figure.legend(handles=handles, loc="outside lower center", ncols=columns, columnspacing=1.4)
