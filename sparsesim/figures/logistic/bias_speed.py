"""Bias and speed: excess risk at the floor against the rate at which it is reached, along momentum."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from sparsesim.figures import labels, style
from sparsesim.figures.trajectories import ERRORS

MARKERS = "os^D"


@style.styled
def bias_speed(dataset: xr.Dataset) -> Figure:
    """Excess risk at the floor against the rate: best is the lower right.

    Points are simulated floors at exact rates, one colour a momentum, one marker a case. Lines are the exact fixed
    points at all learning rates of one momentum, up to where they become unstable or saturate; dashed without momentum.
    """
    figure, axes = style.new_figure(width=style.SINGLE * 1.5, height=3.6)
    ax = axes[0, 0]
    ax.plot(dataset["plain_rate"], dataset["plain_excess_risk"], color=style.INK, lw=1.2, ls=(0, (4, 2)),
            label=r"exact, all $\eta$: no momentum")  # fmt: skip
    shades = style.sequence(dataset.sizes["delta"])
    cases, momenta = [], []
    for j, shade in enumerate(shades):
        curve = dataset.isel(delta=j)
        label = f"{labels.equation('delta', float(curve['delta']))}, {labels.equation('eps', float(curve['eps'][0]))}"
        momenta += ax.plot(curve["curve_rate"], curve["curve_excess_risk"], color=shade, lw=1.0, label=label)
    for i, case in enumerate(dataset["case"].values):
        cells, marker = dataset.sel(case=case), MARKERS[i % len(MARKERS)]
        settled = cells["floor_z"].notnull().values
        rate, floor, error = (
            cells[name].values for name in ("fixed_rate", "excess_risk", "excess_risk_std_error")
        )  # fmt: skip
        for j, shade in enumerate(shades):
            ax.errorbar(rate[j], floor[j], ERRORS * error[j], fmt=marker, ms=6.0 - 2.0 * i, color=shade, mec=style.INK,
                        mfc=shade if settled[j] else "white", mew=0.5, elinewidth=0.9, zorder=3 + i)  # fmt: skip
        cases += ax.plot([], [], marker, ms=6.0 - 2.0 * i, color=style.GREY, mec=style.INK, mew=0.5,
                         label=f"simulated, {_rule(cells, str(case))}")  # fmt: skip
    if bool(dataset["floor_z"].isnull().any()):
        cases += ax.plot([], [], "o", ms=6.0, mfc="white", mec=style.INK, mew=0.5, label="hollow: not settled")
    shown = dataset["excess_risk"].values
    rates = dataset["fixed_rate"].values
    ax.set(xscale="log", yscale="log", xlabel="rate per minibatch", ylabel="excess risk at the floor")
    ax.set_ylim(0.3 * shown.min(), 30.0 * shown.max())
    ax.set_xlim(0.4 * rates.min(), 30.0 * rates.max())
    ax.set_title(f"What momentum does to floor and rate\n{_fixed(dataset)}")
    figure.legend(handles=[*cases, ax.lines[0], *momenta], loc="outside right center")
    return figure


@style.styled
def against_delta(dataset: xr.Dataset) -> Figure:
    """Floor and rate against delta, simulated and predicted, one colour a case.

    Args:
        dataset: of the study `bias_speed`, with `measured_rate` and `measured_rate_std_error` (case, delta).
    """
    figure, axes = style.new_figure(1, 2, width=style.DOUBLE, height=2.9)
    pairs = (("excess_risk", "fixed_excess_risk", "excess risk at the floor"),
             ("measured_rate", "fixed_rate", "rate per minibatch"))  # fmt: skip
    delta = dataset["delta"].values
    for ax, (measured, predicted, words) in zip(axes[0], pairs, strict=True):
        looks = zip((style.BLUE, style.VERMILLION), MARKERS, (2.2, 1.0), ("-", (0, (4, 2))), (5.5, 3.5), strict=False)
        for case, (colour, marker, lw, ls, ms) in zip(dataset["case"].values, looks, strict=False):
            own = dataset.sel(case=case)
            ax.plot(delta, own[predicted], color=colour, lw=lw, ls=ls, label=f"predicted, {_rule(own, str(case))}")
            ax.errorbar(delta, own[measured], ERRORS * own[f"{measured}_std_error"], fmt=marker, ms=ms, color=colour,
                        mfc="white", mew=0.9, elinewidth=0.9,
                        label=rf"simulated $\pm$ 2 standard errors, {case} $\eta$")  # fmt: skip
        resonance = 1.0 - float(dataset["beta"].values.flat[0]) + float(dataset["alpha"].values.flat[0])
        ax.axvline(resonance, color=style.GREY, lw=0.7, ls=":")
        ax.annotate("resonance", (resonance, 0.0), xycoords=ax.get_xaxis_transform(), xytext=(-3, 3),
                    textcoords="offset points", ha="right", size=7, color=style.GREY)  # fmt: skip
        ax.set(yscale="log", xlabel=labels.axis_label("delta"), ylabel=words)
        style.plain_log_ticks(ax.yaxis, *ax.get_ylim())
    figure.suptitle(_fixed(dataset), x=0.012, ha="left")
    handles, names = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=2)
    return figure


def _fixed(dataset: xr.Dataset) -> str:
    """The problem of all cells."""
    return ", ".join(labels.equation(name, float(dataset[name].values.flat[0])) for name in ("d", "B", "p"))


def _rule(cells: xr.Dataset, case: str) -> str:
    """A case by its name, and by its learning rate where that is one."""
    eta = np.unique(cells["eta"].values)
    return rf"{case} $\eta$" if eta.size > 1 else rf"{case} $\eta$ = {labels.number(eta[0])}"
