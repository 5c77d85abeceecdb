"""Sweeps: a grid over named parameters -> cells -> one labelled dataset."""

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import psutil
import xarray as xr

from sparsesim import _validate
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.scaling import Scaling
from sparsesim.simulation.datasets import simulate_cells
from sparsesim.simulation.driver import Progress
from sparsesim.theory import stability
from sparsesim.theory.least_squares import activity

SCALING = tuple(field.name for field in fields(Scaling))
# Values that replace what the scaling says; `eta_over_critical` sets eta as a multiple of the exact frontier.
DIRECT = ("p", "B", "eps", "eta", "eta_over_critical")
PARAMETERS = (*SCALING, "d", "label_noise", *DIRECT)
# What takes an exponent out of force.
REPLACED = {"alpha": ("p",), "beta": ("B",), "delta": ("eps",), "kappa": ("eta", "eta_over_critical")}
UNITS = ("ticks", "e_folds")
SPACINGS = ("linear", "log")


@dataclass(frozen=True)
class Times:
    """When to record.

    Args:
        horizon: the last time, above 0; on a clock that counts at least `records`, since times must differ.
        unit: "ticks" of the clock, or "e_folds": e-folding times of the slowest exact mode of the cell's second moments
            (of the fastest growing one where the cell is unstable) on the minibatch clock, and on the others the active
            updates that as many minibatches hold on average.
        records: how many times after 0, at least 1.
        spacing: "linear" or "log".

    Raises:
        ValueError: an argument is outside its range.
    """

    horizon: float
    unit: str = "ticks"
    records: int = 20
    spacing: str = "linear"

    def __post_init__(self) -> None:
        _validate.positive("times.horizon", self.horizon)
        _validate.choice("times.unit", self.unit, UNITS)
        _validate.whole("times.records", self.records, low=1)
        _validate.choice("times.spacing", self.spacing, SPACINGS)

    def of(self, problem: LeastSquares, optimizer: HeavyBall, clock: str) -> np.ndarray:
        """The recording times of one cell, (records + 1,), from 0; whole on clocks that count."""
        horizon = float(self.horizon)
        if self.unit == "e_folds":
            rate = abs(stability.decay_rate(problem, optimizer))
            if rate == 0.0:
                raise ValueError(f"times.unit must be ticks on the stability frontier, got 'e_folds' for {optimizer}")
            horizon /= rate
            if clock != "minibatch":
                horizon *= activity(problem)[0]
        if clock != "poisson":
            horizon = max(math.ceil(horizon), self.records)
        if self.spacing == "linear":
            later = np.linspace(0.0, horizon, self.records + 1)[1:]
        else:
            later = np.geomspace(horizon / 10.0**3 if clock == "poisson" else 1.0, horizon, self.records)
        if clock != "poisson":
            # Rounded, and pushed apart where rounding made neighbours equal.
            later = np.maximum(np.rint(later), np.arange(1, self.records + 1))
        return np.concatenate([[0.0], later])


def make_cell(parameters: Mapping[str, float | None]) -> tuple[LeastSquares, HeavyBall, dict[str, float]]:
    """A cell from named parameters: its problem, its optimizer and the scaling exponents that are in force.

    Args:
        parameters: `d`, the fields of `Scaling`, `label_noise`, and p, B, eps, eta or eta_over_critical where they
            replace what the scaling says; None counts as absent.

    Raises:
        ValueError: an unknown name, a value outside its range, or both eta and eta_over_critical.
    """
    for name in parameters:
        _validate.choice("a parameter's name", name, PARAMETERS)
    given: dict[str, Any] = {name: value for name, value in parameters.items() if value is not None}
    if "eta" in given and "eta_over_critical" in given:
        raise ValueError("eta and eta_over_critical must not both be given")
    scaling = Scaling(**{name: given[name] for name in SCALING if name in given})
    problem, optimizer = scaling.at(given["d"], label_noise=given.get("label_noise", 0.0))
    problem = LeastSquares(problem.d, given.get("p", problem.p), given.get("B", problem.B), problem.label_noise)
    eps = given.get("eps", optimizer.eps)
    eta = given.get("eta", optimizer.eta)
    if "eta_over_critical" in given:
        multiple = _validate.positive("eta_over_critical", given["eta_over_critical"])
        eta = multiple * stability.critical_learning_rate(problem, eps)
    exponents = {name: getattr(scaling, name) for name, by in REPLACED.items() if not given.keys() & set(by)}
    return problem, HeavyBall(eta, eps), exponents


def run_sweep(
    axes: Mapping[str, Sequence[float]],
    parameters: Mapping[str, float | None],
    times: Times,
    *,
    trajectories: int,
    seed: int,
    clock: str = "active",
    engine: str = "reduced",
    oracle: str | None = None,
    chunk: int | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Simulate every cell of a grid.

    Args:
        axes: values by parameter name; no axis at all is a single cell.
        parameters: the values that all cells share, as in `make_cell`.
        times: when to record.
        trajectories: as in `simulate`, like all that follow.
        seed: see there.
        clock: see there.
        engine: see there.
        oracle: see there.
        chunk: see there.
        progress: see there.

    Returns:
        Dataset with one dim an axis, then (time, moment); as from `simulate_cells`, with the exponents beside.

    Raises:
        ValueError: an argument is outside its range, or an axis is empty or repeats a value.
        MemoryError: a cell, or all results together, are too large for the memory at hand.
    """
    for name, values in axes.items():
        _validate.choice("an axis", name, PARAMETERS)
        if len(values) == 0 or len(set(values)) < len(values):
            raise ValueError(f"the axis {name} must have at least one value and no value twice, got {list(values)!r}")
    for exponent, values in REPLACED.items():
        given = [name for name in values if name in axes or parameters.get(name) is not None]
        if exponent in axes and given:
            raise ValueError(f"{given[0]} must not be given where {exponent} is an axis: it would not depend on it")
    _validate.choice("clock", clock, _validate.CLOCKS)
    # Statistics, exact values and what is made of them: some 30 numbers a record.
    needed = math.prod(len(values) for values in axes.values()) * (times.records + 1) * 3 * 8 * 30
    if needed > (available := psutil.virtual_memory().available):
        raise MemoryError(
            f"the results of this sweep need {needed / 1e9:.1f} GB and {available / 1e9:.1f} GB are available; take "
            "fewer cells or times.records"
        )
    points = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    cells = [make_cell({**parameters, **point}) for point in points]
    recorded = [times.of(problem, optimizer, clock) for problem, optimizer, _ in cells]
    dataset = simulate_cells(
        [(problem, optimizer) for problem, optimizer, _ in cells],
        times=recorded,
        trajectories=trajectories,
        seed=seed,
        clock=clock,
        engine=engine,
        oracle=oracle,
        chunk=chunk,
        progress=progress,
    )
    for name in cells[0][2]:
        dataset.coords[name] = ("cell", [exponents[name] for _, _, exponents in cells])
    dataset = _on_grid(dataset, {name: np.asarray(values) for name, values in axes.items()})
    if all(np.array_equal(recorded[0], other) for other in recorded):
        dataset = dataset.assign_coords(time=recorded[0])
    return dataset


def _on_grid(dataset: xr.Dataset, axes: Mapping[str, np.ndarray]) -> xr.Dataset:
    """The dim `cell` unfolded into one dim an axis."""
    shape = tuple(len(values) for values in axes.values())

    def unfolded(variable: xr.DataArray) -> tuple[tuple[str, ...], np.ndarray]:
        rest = tuple(str(dim) for dim in variable.dims[1:])
        return (*axes, *rest), variable.values.reshape(shape + variable.shape[1:])

    variables = {name: unfolded(variable) for name, variable in dataset.data_vars.items()}
    coords = {
        name: unfolded(variable) if "cell" in variable.dims else variable
        for name, variable in dataset.coords.items()
        if name not in axes
    }
    return xr.Dataset(variables, {**coords, **axes}, dataset.attrs)
