"""Sweeps: a grid over named parameters, or over named cases of them -> cells -> one labelled dataset."""

import itertools
import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import numpy as np
import psutil
import xarray as xr

from sparsesim import _validate
from sparsesim.problems import HeavyBall, LeastSquares, Problem, RareClassLogistic
from sparsesim.scaling import EXPONENTS, Scaling
from sparsesim.simulation import datasets
from sparsesim.simulation.driver import Progress, run_cells
from sparsesim.simulation.plan import Cell, Plan
from sparsesim.theory import limits, logistic, stability
from sparsesim.theory.least_squares import activity
from sparsesim.theory.logistic.fixed_point import SaturatedBranch
from sparsesim.vocabulary.counts import Vocabulary

SCALING = tuple(field.name for field in fields(Scaling))
# Values that replace what the scaling says; `eta_over_critical` sets eta as a multiple of the exact frontier.
DIRECT = ("p", "B", "eps", "eta", "eta_over_critical")
PARAMETERS = (*SCALING, "d", "label_noise", "r", *DIRECT)
REQUIRED = ("alpha", "beta", "delta", "d")
# What takes an exponent out of force.
REPLACED = {"alpha": ("p",), "beta": ("B",), "delta": ("eps",), "kappa": ("eta", "eta_over_critical")}
CASE = "case"  # the dim of named cases
UNITS = ("ticks", "e_folds", "relaxations", "slow_time")
SPACINGS = ("linear", "log")


@dataclass(frozen=True)
class Times:
    """When to record.

    Args:
        horizon: the last time, above 0; on a clock that counts at least `records`, since times must differ.
        unit: "ticks" of the clock; "e_folds": e-folding times of the slowest exact mode of the cell's second moments
            (of the fastest growing one where the cell is unstable); "relaxations": those of the squared mean error,
            which noise does not slow; both on the minibatch clock, and on the others the active updates that as many
            minibatches hold on average; or "slow_time", the s of the cell's limit. For logistic regression e-folds are
            those of the exact map at its fixed point, and there are no relaxations.
        records: how many times after 0, at least 1.
        spacing: "linear" or "log".
        most_ticks: where the horizon lies beyond so many ticks it is brought there; None: never.

    Raises:
        ValueError: an argument is outside its range.
    """

    horizon: float
    unit: str = "ticks"
    records: int = 20
    spacing: str = "linear"
    most_ticks: float | None = None

    def __post_init__(self) -> None:
        _validate.positive("times.horizon", self.horizon)
        _validate.choice("times.unit", self.unit, UNITS)
        _validate.whole("times.records", self.records, low=1)
        _validate.choice("times.spacing", self.spacing, SPACINGS)
        if self.most_ticks is not None:
            _validate.positive("times.most_ticks", self.most_ticks)

    def of(self, problem: Problem, optimizer: HeavyBall, clock: str, scaling: Scaling | None = None) -> np.ndarray:
        """The recording times of one cell, (records + 1,), from 0; whole on clocks that count.

        Raises:
            ValueError: the unit is undefined for this cell.
        """
        horizon = self.horizon * self._unit(problem, optimizer, clock, scaling)
        if self.most_ticks is not None:
            horizon = min(horizon, self.most_ticks)
        if not math.isfinite(horizon):
            raise ValueError(
                f"times.horizon must be a finite number of ticks, got {self.horizon} {self.unit} for {problem} and "
                f"{optimizer}"
            )
        if clock != "poisson":
            horizon = max(math.ceil(horizon), self.records)
        if self.spacing == "linear":
            later = np.linspace(0.0, horizon, self.records + 1)[1:]
        else:
            later = np.geomspace(horizon / 10.0**3 if clock == "poisson" else 1.0, horizon, self.records)
            later[-1] = horizon  # also where it is the only one
        if clock != "poisson":
            # Rounded, and pushed apart where rounding made neighbours equal.
            later = np.maximum(np.rint(later), np.arange(1, self.records + 1))
        times = np.concatenate([[0.0], later])
        if not (np.diff(times) > 0.0).all():
            raise ValueError(
                f"times.horizon must have room for times.records = {self.records} different times, got {horizon} ticks"
            )
        return times

    def _unit(self, problem: Problem, optimizer: HeavyBall, clock: str, scaling: Scaling | None) -> float:
        """The unit in ticks of the clock."""
        if self.unit == "ticks":
            return 1.0
        if self.unit == "slow_time" and scaling is None:
            raise ValueError("times.unit must not be 'slow_time' where values replace those of a scaling")
        least_squares = isinstance(problem, LeastSquares)
        P = activity(problem)[0] if least_squares else 1.0
        if self.unit == "slow_time":
            assert scaling is not None
            limit = limits.limit_ode(scaling) if least_squares else logistic.limit_of(scaling, problem.r)
            active = float(limit.ticks(1.0, problem.d))
            return active / P if clock == "minibatch" else active
        per_minibatch = abs(self._rate(problem, optimizer))
        if per_minibatch == 0.0:
            raise ValueError(f"times.unit must be ticks where nothing decays, got {self.unit!r} for {optimizer}")
        return (1.0 if clock == "minibatch" else P) / per_minibatch

    def _rate(self, problem: Problem, optimizer: HeavyBall) -> float:
        """The rate of the unit, per minibatch."""
        if isinstance(problem, LeastSquares):
            rate = stability.decay_rate if self.unit == "e_folds" else stability.mean_decay_rate
            return rate(problem, optimizer)
        if self.unit == "relaxations":
            raise ValueError("times.unit must not be 'relaxations' for logistic regression; take e_folds")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SaturatedBranch)  # past the fold trajectories settle on it
            return logistic.decay_rate(problem, optimizer)


class SweepCell(NamedTuple):
    """A cell as its parameters make it."""

    problem: Problem
    optimizer: HeavyBall
    exponents: dict[str, float]  # those of the scaling that are in force
    scaling: Scaling | None  # None where a value replaces one of the scaling's


def make_cell(parameters: Mapping[str, float | None]) -> SweepCell:
    """A cell from named parameters.

    Args:
        parameters: `d`, the fields of `Scaling`, `label_noise` or, for logistic regression, `r`, and p, B, eps, eta or
            eta_over_critical where they replace what the scaling says; None counts as absent. Critical is the
            stability frontier, for logistic regression the lower of its two ceilings.

    Raises:
        ValueError: an unknown name, a value outside its range or missing, or both eta and eta_over_critical.
    """
    for name in parameters:
        _validate.choice("a parameter's name", name, PARAMETERS)
    given: dict[str, Any] = {name: value for name, value in parameters.items() if value is not None}
    for name in REQUIRED:
        if name not in given:
            raise ValueError(f"{name} must be given, got None")
    if "eta" in given and "eta_over_critical" in given:
        raise ValueError("eta and eta_over_critical must not both be given")
    scaling = Scaling(**{name: given[name] for name in SCALING if name in given})
    problem, optimizer = _realised(scaling, given)
    eps = given.get("eps", optimizer.eps)
    eta = given.get("eta", optimizer.eta)
    if "eta_over_critical" in given:
        multiple = _validate.positive("eta_over_critical", given["eta_over_critical"])
        eta = multiple * _critical_learning_rate(problem, eps)
        if not 0.0 < eta < math.inf:
            raise ValueError(f"eta_over_critical must keep eta in the range of a float, got {multiple} and eta = {eta}")
    exponents = {name: getattr(scaling, name) for name, by in REPLACED.items() if not given.keys() & set(by)}
    whole = scaling if not given.keys() & set(DIRECT) else None
    return SweepCell(problem, HeavyBall(eta, eps), exponents, whole)


def _realised(scaling: Scaling, given: Mapping[str, Any]) -> tuple[Problem, HeavyBall]:
    """A scaling's problem and optimizer, with p and B where they are given."""
    values = {name: given[name] for name in ("p", "B") if name in given}
    if given.get("r") is None:
        problem, optimizer = scaling.at(given["d"], label_noise=given.get("label_noise", 0.0))
    else:
        # Where p is given it does not matter that the scaling's may be 1.
        scaling = replace(scaling, alpha=1.0, c_p=0.5) if "p" in given else scaling
        problem, optimizer = scaling.at(given["d"], given["r"], label_noise=given.get("label_noise", 0.0))
    return replace(problem, **values), optimizer


def _critical_learning_rate(problem: Problem, eps: float) -> float:
    if isinstance(problem, LeastSquares):
        return stability.critical_learning_rate(problem, eps)
    return logistic.critical_learning_rate(problem, eps)


@dataclass(frozen=True)
class Sweep:
    """What to simulate: a grid of cells, when to record them, and how.

    Args:
        axes: values by parameter name; no axis at all is a single cell.
        parameters: the values that all cells share, as in `make_cell`.
        times: when to record.
        trajectories: as in `simulate`, like all that follow but `cases`.
        seed: see there.
        clock: see there.
        engine: see there.
        oracle: see there.
        chunk: see there.
        start: see there; where it says nothing, R = 1 and the rest 0.
        cases: further parameters by the name of a case; cases are one more dim, "case", before the axes.
        vocabulary: the tokens that a study is about; None: there are none.

    Raises:
        ValueError: an argument is outside its range, an axis is empty or repeats a value, or a parameter has two
            values.
    """

    axes: Mapping[str, Sequence[float]]
    parameters: Mapping[str, float | None]
    times: Times
    trajectories: int
    seed: int
    clock: str = "active"
    engine: str = "reduced"
    oracle: str | None = None
    chunk: int | None = None
    start: Mapping[str, float] = field(default_factory=dict)
    cases: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    vocabulary: Vocabulary | None = None

    def __post_init__(self) -> None:
        for name, values in self.axes.items():
            _validate.choice("an axis", name, PARAMETERS)
            if len(values) == 0 or len(set(values)) < len(values):
                raise ValueError(
                    f"the axis {name} must have at least one value and no value twice, got {list(values)!r}"
                )
        for exponent, values in REPLACED.items():
            given = [name for name in values if name in self.axes or self.parameters.get(name) is not None]
            if exponent in self.axes and given:
                raise ValueError(f"{given[0]} must not be given where {exponent} is an axis: it would not depend on it")
        for case, parameters in self.cases.items():
            if shared := parameters.keys() & self.axes.keys():
                raise ValueError(f"{shared.pop()} must not be both an axis and a parameter of the case {case}")
        _validate.choice("clock", self.clock, _validate.CLOCKS)

    @property
    def grid(self) -> dict[str, np.ndarray]:
        """The dims of the cells and their coordinates."""
        cases = {CASE: np.asarray(list(self.cases))} if self.cases else {}
        return cases | {name: np.asarray(values) for name, values in self.axes.items()}

    def cells(self) -> list[SweepCell]:
        """All cells, in the order of the grid.

        Raises:
            ValueError: a parameter is outside its range.
            MemoryError: the results of so many are too large for the memory at hand.
        """
        self._check_memory()
        return [
            make_cell({**self.parameters, **case, **dict(zip(self.axes, values, strict=True))})
            for case in (self.cases.values() or [{}])
            for values in itertools.product(*self.axes.values())
        ]

    def _check_memory(self) -> None:
        # Statistics, exact values and what is made of them: some 30 numbers a record.
        shape = [len(values) for values in self.grid.values()]
        moments = len(RareClassLogistic.moments)  # the most of a problem
        needed = math.prod(shape) * (self.times.records + 1) * moments * 8 * 30
        if needed > (available := psutil.virtual_memory().available):
            cells = " x ".join(map(str, shape or [1]))
            raise MemoryError(
                f"the results of this sweep need {needed / 1e9:.1f} GB and {available / 1e9:.1f} GB are available; "
                f"take fewer cells or times.records, got {cells} cells (scale.points, num of {', '.join(self.axes)})"
            )

    def origin(self, name: str) -> str:
        """Of a value that the engines refuse, in words: the keys that it follows from where it is not given itself."""
        given = {key for key, value in self.parameters.items() if value is not None}
        given = given.union(self.axes, *self.cases.values())
        if name == "times":
            unit = "" if self.times.unit == "ticks" else ", whose length follows from problem, optimizer and scaling"
            records = f"times.records is {self.times.records}"
            return f"; times.horizon is {self.times.horizon} {self.times.unit}{unit}, {records}"
        if name == "eta" and "eta_over_critical" in given:
            return "; eta is eta_over_critical times the critical one"
        if name not in EXPONENTS or name in given:
            return ""
        exponent, sign = EXPONENTS[name]
        rule = ", kappa = max(1 - beta, delta - alpha)" if name == "eta" and "kappa" not in given else ""
        return f"; {name} = c_{name} d^{'-' if sign < 0 else ''}{exponent}{rule}"


Simulator = Callable[[Sweep, Progress], xr.Dataset]  # `run_sweep`, or one that keeps what it has computed


class Prepared(NamedTuple):
    """A sweep, checked: its cells, and what the driver is to make of them."""

    cells: list[SweepCell]
    work: list[Cell]
    plan: Plan


def run_sweep(sweep: Sweep, progress: Progress | None = None) -> xr.Dataset:
    """Simulate every cell of a sweep.

    Returns:
        Dataset with the dims of the grid, then (time, moment); as from `simulate_cells`, with the exponents beside, and
        the scaling's prefactors where no value replaces the scaling's; and what `labelled` adds.

    Raises:
        ValueError: a parameter is outside its range.
        MemoryError: a cell, or all results together, are too large for the memory at hand.
    """
    ready = prepared(sweep)
    return labelled(sweep, ready, run_cells(ready.work, ready.plan, chunk=sweep.chunk, progress=progress))


def prepared(sweep: Sweep) -> Prepared:
    """What is to be simulated.

    Raises:
        ValueError: see `run_sweep`.
        MemoryError: all results together are too large.
    """
    cells = sweep.cells()
    recorded = [sweep.times.of(cell.problem, cell.optimizer, sweep.clock, cell.scaling) for cell in cells]
    if sweep.chunk is not None:
        _validate.whole("chunk", sweep.chunk, low=1)
    try:
        work, plan = datasets.prepared(
            [(cell.problem, cell.optimizer) for cell in cells],
            times=recorded,
            trajectories=sweep.trajectories,
            seed=sweep.seed,
            clock=sweep.clock,
            engine=sweep.engine,
            oracle=sweep.oracle,
            start=sweep.start,
            many=sweep.vocabulary is not None,
        )
    except ValueError as error:
        refused, _, _ = str(error).partition(" ")
        raise ValueError(f"{error}{sweep.origin(refused)}") from error
    return Prepared(cells, work, plan)


def labelled(sweep: Sweep, ready: Prepared, statistics: Sequence[Mapping[str, np.ndarray]]) -> xr.Dataset:
    """The statistics of all cells on the grid of their sweep.

    Adds over the cells `status`, "finite", or "diverged" or "nan" where a moment's mean is infinite or none, and
    `first_bad_time`, in ticks, from which on it is.
    """
    cells = ready.cells
    dataset = datasets.labelled(ready.work, ready.plan, statistics)
    for name in cells[0].exponents:
        dataset.coords[name] = ("cell", [cell.exponents[name] for cell in cells])
    scalings = [cell.scaling for cell in cells if cell.scaling is not None]
    if len(scalings) == len(cells):
        for name in SCALING:
            dataset.coords[name] = ("cell", [getattr(scaling, name) for scaling in scalings])
    recorded = dataset["clock_time"].values
    status, first_bad = _status(dataset["mean"].values, recorded)
    dataset = on_grid(dataset.assign(status=("cell", status), first_bad_time=("cell", first_bad)), sweep.grid)
    if (recorded == recorded[0]).all():
        dataset = dataset.assign_coords(time=recorded[0])
    return dataset


def _status(mean: np.ndarray, times: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """By cell, whether its means (cell, time, moment) stay finite, and the first time at which they do not."""
    bad = ~np.isfinite(mean).all(axis=-1)
    first, any_bad = bad.argmax(axis=-1), bad.any(axis=-1)
    rows = np.arange(len(mean))
    infinite = np.isinf(mean[rows, first]).any(axis=-1)
    status = np.where(any_bad, np.where(infinite, "diverged", "nan"), "finite")
    return status, np.where(any_bad, times[rows, first], np.nan)


def on_grid(dataset: xr.Dataset, grid: Mapping[str, np.ndarray]) -> xr.Dataset:
    """The dim `cell` unfolded into the dims of a grid."""
    shape = tuple(len(values) for values in grid.values())

    def unfolded(variable: xr.DataArray) -> tuple[tuple[str, ...], np.ndarray]:
        """Dims and values of a variable over cells on the grid."""
        rest = tuple(str(dim) for dim in variable.dims[1:])
        return (*grid, *rest), variable.values.reshape(shape + variable.shape[1:])

    variables = {name: unfolded(variable) for name, variable in dataset.data_vars.items()}
    coords = {
        name: unfolded(variable) if "cell" in variable.dims else variable
        for name, variable in dataset.coords.items()
        if name not in grid
    }
    return xr.Dataset(variables, {**coords, **grid}, dataset.attrs)
