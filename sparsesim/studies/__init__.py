"""What a command can make of a sweep: one module a study.

A study computes a dataset, and from that dataset alone draws figures and says what came out. Its dataset has an
attribute `verdict`: "agrees", "disagrees" or "untested" where something was simulated, else "computed".
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import xarray as xr

from sparsesim.outcomes import Outcome
from sparsesim.simulation.driver import Progress
from sparsesim.studies import (
    critical_batch,
    frontier,
    grid,
    limits,
    momentum,
    optimizers,
    phase_diagram,
    rates,
    triple_point,
    vocabulary,
)
from sparsesim.studies.logistic import bias_speed, noise_floor
from sparsesim.studies.logistic import frontier as logistic_frontier
from sparsesim.studies.logistic import limits as logistic_limits
from sparsesim.sweep import Simulator, Sweep, run_sweep

__all__ = ["OF_TOKENS", "STUDIES", "Study"]

OF_TOKENS = ("critical_batch", "optimizers", "vocabulary")  # studies of a vocabulary, which others would not heed


class Study(Protocol):
    """A module that has these functions."""

    def compute(self, sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
        """The dataset; `progress` is called with (work done, all work), first when the inputs are known to be good.

        Args:
            sweep: what it is about.
            progress: told how far it is.
            simulate: who simulates, where anything is simulated; by default in memory.

        Raises:
            ValueError: a value is outside its range, or the sweep is not of the kind that the study is about.
            MemoryError: a cell, or all results together, are too large for the memory at hand.
        """
        ...

    def draw(self, dataset: xr.Dataset, folder: Path) -> list[Path]:
        """Figures as PDF and PNG in `folder`. Returns their paths."""
        ...

    def summary(self, dataset: xr.Dataset) -> Mapping[str, object]:
        """The outcome in plain numbers."""
        ...

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """The outcome for a reader."""
        ...


# By problem, since what can be asked of one is not what can be asked of the other.
STUDIES: Mapping[str, Mapping[str, Study]] = {
    "least_squares": {
        "grid": grid,
        "critical_batch": critical_batch,
        "frontier": frontier,
        "limits": limits,
        "momentum": momentum,
        "optimizers": optimizers,
        "phase_diagram": phase_diagram,
        "rates": rates,
        "triple_point": triple_point,
        "vocabulary": vocabulary,
    },
    "logistic": {
        "grid": grid,
        "bias_speed": bias_speed,
        "frontier": logistic_frontier,
        "limits": logistic_limits,
        "noise_floor": noise_floor,
    },
}
