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
    ax.set_title(
        "What momentum does to floor and rate\n"
        + ", ".join(labels.equation(name, float(dataset[name].values.flat[0])) for name in ("d", "B", "p"))
    )
    figure.legend(handles=[*cases, ax.lines[0], *momenta], loc="outside right center")
    return figure


def _rule(cells: xr.Dataset, case: str) -> str:
    """A case by its name, and by its learning rate where that is one."""
    eta = np.unique(cells["eta"].values)
    return rf"{case} $\eta$" if eta.size > 1 else rf"{case} $\eta$ = {labels.number(eta[0])}"
