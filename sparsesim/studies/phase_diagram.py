"""The phase diagram: which limit every point of the (alpha, delta) plane has, and what it asks of the learning rate.

Nothing is simulated: regions, exponents and cells are those of `theory.phases`.
"""

import itertools
from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim.figures import phase_diagram as figures
from sparsesim.figures import style
from sparsesim.outcomes import Outcome
from sparsesim.simulation.driver import Progress
from sparsesim.studies import checks
from sparsesim.sweep import Sweep
from sparsesim.theory.phases import CELLS, REGIONS, Phase, classify

MOST_PANELS = 12
# kappa of the prescription and q of the slow time s = t d^-q, as they read in each open region.
FORMULAS = {
    "A": ("delta - alpha", "delta"),
    "B": ("1 - beta", "1 - beta + alpha"),
    "C": ("delta - alpha", "delta"),
    "D": ("1 - beta", "1"),
    "E": ("1 - beta", "1"),
    "F": ("delta - alpha", "delta - alpha + beta"),
}
VARIABLES = {
    "region": lambda phase: phase.region,
    "batch_regime": lambda phase: phase.batch_regime,
    "momentum_phase": lambda phase: phase.momentum_phase,
    "kappa": lambda phase: phase.kappa,
    "frontier_exponent": lambda phase: phase.frontier_exponent,
    "learning_rate_gap": lambda phase: phase.kappa - phase.frontier_exponent,
    "learning_exponent": lambda phase: phase.learning_exponent,
    "retention_exponent": lambda phase: phase.retention_exponent,
    "clock_exponent": lambda phase: phase.clock_exponent,
    "cell": lambda phase: _cell(phase, phase.kappa),
    "frontier_cell": lambda phase: _cell(phase, phase.frontier_exponent),
}


def compute(sweep: Sweep, progress: Progress, simulate: object = None) -> xr.Dataset:
    """Every point's region, exponents and cells, with dims (beta, alpha, delta).

    Raises:
        ValueError: the axes are not alpha, delta and perhaps beta, or a value would replace an exponent.
    """
    checks.axes(sweep, "phase_diagram", ("alpha", "delta"), ("beta",))
    checks.absent(sweep, ("p", "B", "eps", "eta", "eta_over_critical"), "the phase diagram is of exponents alone")
    checks.absent(sweep, ("kappa",), "the phase diagram compares the prescribed kappa with that of the frontier")
    axes = {"beta": [sweep.parameters.get("beta")], **sweep.axes}
    if len(axes["beta"]) > MOST_PANELS:
        raise ValueError(f"the axis beta must have at most {MOST_PANELS} values here, got {len(axes['beta'])}")
    low = {"alpha": 0.0, "beta": 0.0, "delta": 1.0}
    for name in low:
        for value in axes[name]:
            classify(**{**low, name: value})  # refuses what is outside its range, before any work is done
    dims = ("beta", "alpha", "delta")
    shape = tuple(len(axes[dim]) for dim in dims)
    progress(0, shape[0] * shape[1])
    phases: list[Phase] = []
    for row, (beta, alpha) in enumerate(itertools.product(axes["beta"], axes["alpha"]), start=1):
        phases += [classify(alpha, beta, delta) for delta in axes["delta"]]
        progress(row, shape[0] * shape[1])
    variables = {
        name: (dims, np.array([value(phase) for phase in phases]).reshape(shape)) for name, value in VARIABLES.items()
    }
    return xr.Dataset(variables, {dim: np.asarray(axes[dim], dtype=float) for dim in dims}, {"verdict": "computed"})


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """The regions, and how far the prescription stays below the frontier."""
    drawn = {
        "phase_diagram": figures.phase_diagram(dataset),
        "learning_rate_gap": figures.learning_rate_gap(dataset),
    }
    return [path for name, figure in drawn.items() for path in style.save(figure, folder, name)]


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """For every beta: the share of each region and boundary in the points, the triple point, the largest gap."""
    return {
        "verdict": dataset.attrs["verdict"],
        "planes": [
            {
                "beta": float(plane["beta"]),
                "triple_point": {"alpha": float(plane["beta"]), "delta": 1.0},
                "share_of_points": {name: share for name in REGIONS if (share := _share(plane, name))},
                "largest_learning_rate_gap": float(plane["learning_rate_gap"].max()),
            }
            for _, plane in dataset.groupby("beta", squeeze=False)
            for plane in [plane.squeeze("beta")]
        ],
    }


def outcome(dataset: xr.Dataset) -> Outcome:
    """For every beta: the regions in view, their limits, and the exponents of learning rate and slow time."""
    rows = [("learning rate, slow time", "eta ~ d^-kappa, s = t d^-q, t in active updates")]
    for beta in dataset["beta"].values:
        plane = dataset.sel(beta=beta)
        rows += [(f"beta = {beta:g}", "limit (cell), share of the plane")]
        for region, (kappa, clock) in FORMULAS.items():
            here = plane["region"] == region
            if here.any():
                cell = int(plane["cell"].values[here.values][0])
                rows += [
                    (f"  {region}: {REGIONS[region]}", f"{CELLS[cell]} (cell {cell}), {_share(plane, region):.0%}"),
                    (f"     kappa = {kappa}", _span(plane["kappa"].where(here))),
                    (f"     q = {clock}", _span(plane["clock_exponent"].where(here))),
                ]
        gap = float(plane["learning_rate_gap"].max())
        rows += [("  triple point", f"alpha = {beta:g}, delta = 1")]
        rows += [("  gap to the true frontier", f"eta can be up to d^{gap:.3g} larger" if gap > 0.0 else "none")]
    return Outcome("the phase diagram: which limit a scaling has as d grows", rows)


def _cell(phase: Phase, kappa: float) -> int:
    number = phase.cell(kappa).number
    assert number is not None  # neither the prescription nor the frontier exponent is beyond the frontier
    return number


def _share(plane: xr.Dataset, region: str) -> float:
    return float((plane["region"] == region).mean())


def _span(values: xr.DataArray) -> str:
    """The range of what is not constant, or the constant."""
    low, high = float(values.min()), float(values.max())
    return f"{low:.3g}" if high - low < 1e-9 else f"{low:.3g} to {high:.3g}"
