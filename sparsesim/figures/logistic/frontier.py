"""Where the learning rate ends: R and the spread of theta_par against eta, with the claimed and the true ceilings."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsesim.figures import labels, style
from sparsesim.figures.trajectories import ERRORS

SHADES = (style.BLUE, style.GREEN, style.PURPLE, style.SKY)
MARKERS = "os^D"
JUMP = 1.5  # of ln R between neighbours on a curve
CEILINGS = {
    "claimed_ceiling": (style.GREY, (0, (4, 2)), r"claimed ceiling $\varepsilon/p$"),
    "fold_ceiling": (style.ORANGE, "-", "noise fold"),
    "curvature_ceiling": (style.VERMILLION, (0, (5, 1, 1, 1)), "curvature ceiling"),
}


@style.styled
def frontier(dataset: xr.Dataset) -> Figure:
    """One column a problem, one colour a momentum: R at the end above, below it how far theta_par scatters.

    Lines are the exact fixed point and the scatter around it that theory predicts, dotted where the fixed point is
    unstable; filled points were simulated, hollow ones where another attractor exists beside a stable fixed point.
    """
    problems = _problems(dataset)
    figure, axes = style.new_figure(2, len(problems), width=style.DOUBLE, height=4.4, sharex="col")
    for column, (title, settings) in zip(axes.T, problems.items(), strict=True):
        for i, number in enumerate(settings):
            _setting(column, dataset, number, i, len(settings) > 1)
        column[0].set_title(title)
        column[1].set_xlabel(labels.axis_label("eta"))
        for ax in column:
            ax.set(xscale="log", yscale="log")
            ax.margins(y=0.1)
        _ceilings(column, dataset.isel(settings=settings))
        style.plain_log_ticks(column[1].xaxis, *column[1].get_xlim())
        for ax in column:
            style.plain_log_ticks(ax.yaxis, *ax.get_ylim())
        if len(settings) > 1:
            column[0].legend(loc="lower right", handletextpad=0.3)
    axes[0, 0].set_ylabel("squared error $R$ at the end")
    axes[1, 0].set_ylabel(r"standard deviation of $\theta_\parallel$")
    handles = [
        axes[0, 0].errorbar([], [], yerr=[], fmt="o", ms=4, color=style.BLUE, label="simulated"),
        *axes[0, 0].plot([], [], "o", ms=4, color=style.BLUE, mfc="white", label="simulated, two attractors"),
        *axes[0, 0].plot([], [], color=style.BLUE, label="exact fixed point, predicted spread"),
        *axes[0, 0].plot([], [], color=style.BLUE, ls=":", label="unstable"),
        *(axes[0, 0].plot([], [], color=c, ls=ls, lw=1.3, label=label)[0] for c, ls, label in CEILINGS.values()),
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=4)
    return figure


def _problems(dataset: xr.Dataset) -> dict[str, list[int]]:
    """Settings by the problem that they share, which is named by its numbers, with eps where it has but one."""
    shared: dict[tuple[float, ...], list[int]] = {}
    for number in range(dataset.sizes["settings"]):
        cell = _cells(dataset, number).isel(case=0)
        shared.setdefault(tuple(float(cell[name]) for name in ("d", "B", "p")), []).append(number)
    titles = {}
    for (d, B, p), numbers in shared.items():
        title = f"{labels.equation('d', d)}, {labels.equation('B', B)}\n{labels.equation('p', p)}"
        if len(numbers) == 1:
            title += f", {labels.equation('eps', float(_cells(dataset, numbers[0])['eps'][0]))}"
        titles[title] = numbers
    return titles


def _cells(dataset: xr.Dataset, number: int) -> xr.Dataset:
    return dataset.isel(case=np.flatnonzero(dataset["setting"].values == number))


def _setting(axes: np.ndarray, dataset: xr.Dataset, number: int, place: int, named: bool) -> None:
    """One momentum of a problem; where curves and points coincide the first ones are seen around the later."""
    cells, curve = _cells(dataset, number), dataset.isel(settings=number)
    colour, marker = SHADES[place % len(SHADES)], MARKERS[place % len(MARKERS)]
    size, width = (6.5, 2.2) if named and place == 0 else (3.8, 1.0)
    eta, R, spread = (curve[f"curve_{name}"].values for name in ("eta", "R", "spread_theta_par"))
    stable, jump = np.isfinite(spread), _jump(R)
    for values, ax in ((R, axes[0]), (spread, axes[1])):
        ax.plot(np.insert(eta, jump, np.nan), np.insert(np.where(stable, values, np.nan), jump, np.nan), color=colour,
                lw=width)  # fmt: skip
    axes[0].plot(np.insert(eta, jump, np.nan), np.insert(np.where(stable, np.nan, R), jump, np.nan), color=colour,
                 ls=":")  # fmt: skip
    end = cells.sel(moment="R").isel(time=-1)
    both = cells["predicted"].values == "either"
    label = labels.equation("eps", float(cells["eps"][0])) if named else None
    relative = 1.0 / np.sqrt(2.0 * (dataset.attrs["trajectories"] - 1.0))  # of a normal standard deviation
    scatter = cells["spread_theta_par"].values
    for ax, mean, error in (
        (axes[0], end["mean"].values, end["std_error"].values),
        (axes[1], scatter, relative * scatter),
    ):
        for chosen, face in ((~both, colour), (both, "white")):
            ax.errorbar(cells["eta"].values[chosen], mean[chosen], ERRORS * error[chosen], fmt=marker, ms=size,
                        color=colour, mfc=face, elinewidth=0.9, capsize=1.8, zorder=3,
                        label=label if face == colour else None)  # fmt: skip


def _jump(R: np.ndarray) -> np.ndarray:
    """Where R jumps from one branch to another: no line connects them."""
    return np.flatnonzero(np.diff(np.log(R)) > JUMP) + 1


def _ceilings(axes: np.ndarray, settings: xr.Dataset) -> None:
    """Vertical lines at the ceilings, those out of sight named at the edge."""
    low, high = axes[0].get_xlim()
    for name, (colour, style_of, words) in CEILINGS.items():
        values = np.unique(settings[name].values)
        for ax in axes:
            for value in values[(low < values) & (values < high)]:
                ax.axvline(value, color=colour, ls=style_of, lw=1.1, zorder=0)
        beyond = values[np.isfinite(values) & (values >= high)]
        if beyond.size:
            _beyond(axes[1], words.split(" $")[0], float(beyond.min()), colour, name == "claimed_ceiling")
    axes[0].set_xlim(low, high)


def _beyond(ax: Axes, words: str, value: float, colour: str, higher: bool) -> None:
    ax.annotate(f"{words}\nfrom {labels.number(value)} →", (1.0, 0.22 if higher else 0.02), xycoords="axes fraction",
                ha="right", va="bottom", size=6.5, color=colour,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.0})  # fmt: skip
