"""Any grid of cells: simulated moments against exact ones."""

from pathlib import Path

import xarray as xr

from sparsesim import figures, outcomes
from sparsesim.comparison import compare
from sparsesim.simulation.driver import Progress
from sparsesim.sweep import Simulator, Sweep, run_sweep


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The simulated and compared grid."""
    return compare(simulate(sweep, progress))


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """What fits the dims of the grid."""
    return figures.draw(dataset, folder)


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Verdicts and scores."""
    return outcomes.summary(dataset)


def outcome(dataset: xr.Dataset) -> outcomes.Outcome:
    """Verdicts and scores, and where simulation and theory disagree."""
    return outcomes.comparison(dataset)
