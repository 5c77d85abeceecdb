"""Simulation as a user calls it: validated inputs in, labelled datasets out."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import optax
import xarray as xr
from numpy.typing import ArrayLike

from sparsesim import _validate, provenance
from sparsesim.problems import HeavyBall, LeastSquares, Problem, RareClassLogistic
from sparsesim.simulation import launches, sampling, vector
from sparsesim.simulation.blocks import Block
from sparsesim.simulation.driver import Progress, run_cells
from sparsesim.simulation.plan import ENGINES, Cell, Plan
from sparsesim.simulation.statistics import QUARTILE_TRAJECTORIES, Record, Statistics

# Range of float32 that squares of these stay in, and minibatches of one trajectory that are stepped in some hours.
SMALLEST, LARGEST = 1e-15, 1e15
MOST_MINIBATCHES = 1e9
# What an engine can count, by clock: in 32 bits, of which Poisson counts need room above their mean; in float64's whole
# numbers; and in the reduced engine's fixed point.
MOST_TICKS = {
    ("vector", "minibatch"): 2**31 - 1,
    ("vector", "active"): 2**31 - 1,
    ("vector", "poisson"): 2**31 - 2**20,
    ("reduced", "minibatch"): 2**53,
    ("reduced", "active"): 2**31 - 1,
    ("reduced", "poisson"): 2**38,
}
MOST_SAMPLES = {
    ("vector", "least_squares"): 2**31 - 1,
    ("reduced", "least_squares"): 10**12,
    ("vector", "logistic"): 2**31 - 2**16,
    ("reduced", "logistic"): 2**31 - 2**16,
}
MOST_DIMENSIONS = 2**63 - 1  # that a dataset's whole numbers hold
Optimizer = HeavyBall | optax.GradientTransformation


def simulate(
    problem: Problem,
    optimizer: Optimizer,
    *,
    times: ArrayLike,
    trajectories: int,
    seed: int,
    clock: str = "minibatch",
    engine: str = "reduced",
    oracle: str | None = None,
    start: Mapping[str, float] | None = None,
    chunk: int | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Simulate sparse SGD and return its moments with their statistics.

    Of least squares the second moments R = |e|^2, V = |m|^2 and C = <e, m>; of logistic regression theta_par and m_par
    along the signal, and R, V, C of what theta and m have across it.

    Trajectories run in float32; the statistics over them are gathered in float64. The reduced engine carries exponents
    and rounding errors along: it follows R from 1e-300 to 1e+300 and resolves updates of any smallness.

    Args:
        problem: what is learned.
        optimizer: `HeavyBall`; or, with the vector engine, any optax transformation: then m is minus the last update,
            learning rate included.
        times: increasing ticks of the clock to record at: whole minibatches, whole active updates, or Poisson time.
        trajectories: how many, at least 2.
        seed: a whole number; (seed, problem, optimizer) alone decide the random numbers.
        clock: "minibatch" (the algorithm itself), "active" (only minibatches with an active sample count) or "poisson"
            (active updates arrive at unit rate). Logistic regression knows the first alone: every sample counts there.
        engine: "reduced", trajectories as chains of three numbers, or five: exact in law, at a cost free of d (and of p
            and B for least squares; B normals a minibatch for logistic regression); or "vector", d-dimensional
            trajectories.
        oracle: of the vector engine: "sampled" (default), the exact law of the gradient in O(d), for logistic
            regression in O(B + d); or "literal", the algorithm as written in O(B d).
        start: moments at time 0 by name; by default R = 1 and the rest 0. With an optax transformation only those of
            theta: R, and theta_par.
        chunk: trajectories in memory at once; by default from the memory at hand. It does not change a result on CPU.
        progress: called with (work done, all work), first when the inputs are known to be good.

    Returns:
        Dataset with dims (time, moment): mean, std_error, effective_sample_size, lower_quartile, median,
        upper_quartile (the quartiles from the first 4096 trajectories). Attributes record every input and the versions.

    Raises:
        ValueError: an argument is outside its range; the message names it, its value and the range.
        MemoryError: the problem is too large for the memory at hand.
    """
    dataset = simulate_cells(
        [(problem, optimizer)],
        times=[times],
        trajectories=trajectories,
        seed=seed,
        clock=clock,
        engine=engine,
        oracle=oracle,
        start=start,
        chunk=chunk,
        progress=progress,
    ).isel(cell=0)
    parameters = {name: dataset[name].item() for name in dataset.coords if dataset[name].ndim == 0}
    return dataset.assign_coords(time=dataset.clock_time.values).assign_attrs(parameters)


def simulate_cells(
    cells: Sequence[tuple[Problem, Optimizer]],
    *,
    times: Sequence[ArrayLike],
    trajectories: int,
    seed: int,
    clock: str = "minibatch",
    engine: str = "reduced",
    oracle: str | None = None,
    start: Mapping[str, float] | None = None,
    chunk: int | None = None,
    progress: Progress | None = None,
) -> xr.Dataset:
    """Simulate many cells at once; arguments as in `simulate`, with one sequence of times a cell, all equally long.

    Returns:
        Dataset with dims (cell, time, moment); d, p, B, label_noise or r, eta and eps are coordinates of the cell and
        `clock_time` (cell, time) holds the times.

    Raises:
        ValueError: as `simulate`; also no cells, or cells of two kinds, with other optax transformations or numbers of
            times.
        MemoryError: as `simulate`.
    """
    work, plan = prepared(
        cells,
        times=times,
        trajectories=trajectories,
        seed=seed,
        clock=clock,
        engine=engine,
        oracle=oracle,
        start=start,
    )
    if chunk is not None:
        chunk = _validate.whole("chunk", chunk, low=1)
    return labelled(work, plan, run_cells(work, plan, chunk=chunk, progress=progress))


def sample_paths(
    problem: Problem,
    optimizer: HeavyBall,
    *,
    times: ArrayLike,
    paths: int,
    seed: int,
    clock: str = "minibatch",
    start: Mapping[str, float] | None = None,
) -> xr.DataArray:
    """Moments of single trajectories: those that `simulate` averages, the first of them, by the reduced engine.

    Args:
        problem: as in `simulate`, like all that follow but `paths`.
        optimizer: see there.
        times: see there.
        paths: how many, from 2 to `statistics.QUARTILE_TRAJECTORIES`.
        seed: see there.
        clock: see there.
        start: see there.

    Returns:
        (path, time, moment), with the times as a coordinate.

    Raises:
        ValueError: an argument is outside its range.
        MemoryError: so many records are too large for the memory at hand.
    """
    if _validate.whole("paths", paths, low=2) > QUARTILE_TRAJECTORIES:
        raise ValueError(f"paths must be at most {QUARTILE_TRAJECTORIES}, got {paths}")
    (cell,), plan = prepared([(problem, optimizer)], times=[times], trajectories=paths, seed=seed, clock=clock,
                             engine="reduced", oracle=None, start=start)  # fmt: skip
    block = Block(plan.program(problem), {0: cell}, plan)
    block.check_memory()
    found = []
    for tile in block.tiles:
        _, records = block.launch([tile], launches.devices())
        assert records is not None
        found.append(Record(*(part[0, : tile.kept] for part in records)).numbers)
    return xr.DataArray(
        np.concatenate(found),
        {"time": cell.times, "moment": list(problem.moments)},
        ("path", "time", "moment"),
        attrs={"clock": clock, "seed": seed},
    )


def prepared(
    cells: Sequence[tuple[Problem, Optimizer]],
    *,
    times: Sequence[ArrayLike],
    trajectories: int,
    seed: int,
    clock: str,
    engine: str,
    oracle: str | None,
    start: Mapping[str, float] | None,
    many: bool = False,
) -> tuple[list[Cell], Plan]:
    """What `simulate_cells` would simulate, checked: cells, and what they share; `many` as in `Plan`.

    Raises:
        ValueError: see there.
    """
    if not cells:
        raise ValueError("cells must hold at least one (problem, optimizer), got none")
    _validate.choice("engine", engine, ENGINES)
    transformation = _transformation(cells, start)
    if isinstance(cells[0][0], RareClassLogistic) and clock != "minibatch":
        _validate.choice("clock", clock, _validate.CLOCKS)
        raise ValueError(f"clock must be minibatch for logistic regression, where every sample counts, got {clock!r}")
    if engine == "vector":
        oracle = "sampled" if oracle is None else _validate.choice("oracle", oracle, vector.ORACLES)
    elif oracle is not None:
        raise ValueError(f"oracle must be left out with the {engine} engine, which has none, got {oracle!r}")
    elif transformation is not None:
        raise ValueError(
            f"optimizer must be a HeavyBall with the {engine} engine, got an optax transformation; take engine='vector'"
        )
    trajectories = _validate.whole("trajectories", trajectories, low=2)
    seed = _validate.whole("seed", seed, low=0)
    for name, value, limit in (("trajectories", trajectories, 32), ("seed", seed, 63)):
        if value >= 2**limit:
            raise ValueError(f"{name} must be below 2^{limit}, got {value}")
    for problem, optimizer in cells:
        _check_range(problem, optimizer, engine)
    work = [
        Cell(
            problem,
            optimizer if isinstance(optimizer, HeavyBall) else None,
            _ticks(cell_times, clock, engine),
            problem.start_moments(start),
        )
        for (problem, optimizer), cell_times in zip(cells, times, strict=True)
    ]
    if oracle == "literal" or transformation is not None:
        for cell in work:
            _check_idle(cell, clock)
    if len({len(cell.times) for cell in work}) > 1:
        raise ValueError("times must be equally many in all cells")
    return work, Plan(clock, seed, trajectories, engine, oracle, transformation, many)


def labelled(work: Sequence[Cell], plan: Plan, statistics: Sequence[Mapping[str, np.ndarray]]) -> xr.Dataset:
    """The statistics of cells as a dataset that records how they were made."""
    dataset = xr.Dataset(
        {name: (("cell", "time", "moment"), np.stack([s[name] for s in statistics])) for name in Statistics.NAMES},
        coords={
            "moment": list(work[0].problem.moments),
            "clock_time": (("cell", "time"), np.stack([cell.times for cell in work])),
        },
    )
    for name in (field.name for field in dataclasses.fields(work[0].problem)):
        dataset.coords[name] = ("cell", [getattr(cell.problem, name) for cell in work])
    if plan.transformation is None:
        for name in ("eta", "eps"):
            dataset.coords[name] = ("cell", [getattr(cell.optimizer, name) for cell in work])
    return dataset.assign_attrs(
        problem=work[0].problem.name,
        optimizer="heavy_ball" if plan.transformation is None else "optax",
        clock=plan.clock,
        engine=plan.engine,
        **({} if plan.oracle is None else {"oracle": plan.oracle}),
        seed=plan.seed,
        trajectories=plan.trajectories,
        **{f"start_{name}": value for name, value in zip(work[0].problem.moments, work[0].start, strict=True)},
        device=provenance.device(),
        **provenance.attributes(),
    )


def _transformation(
    cells: Sequence[tuple[Problem, Optimizer]], start: Mapping[str, float] | None
) -> optax.GradientTransformation | None:
    """The optax transformation that all cells share, or None for heavy ball."""
    for problem, optimizer in cells:
        if not isinstance(problem, Problem):
            raise ValueError(f"problem must be a LeastSquares or a RareClassLogistic, got {problem!r}")
        if not isinstance(optimizer, HeavyBall | optax.GradientTransformation):
            raise ValueError(f"optimizer must be a HeavyBall or an optax GradientTransformation, got {optimizer!r}")
    if len({type(problem) for problem, _ in cells}) > 1:
        raise ValueError("problem must be of one kind in all cells, got least squares and logistic regression")
    custom = {optimizer for _, optimizer in cells if not isinstance(optimizer, HeavyBall)}
    if not custom:
        return None
    if len(custom) > 1 or any(isinstance(optimizer, HeavyBall) for _, optimizer in cells):
        raise ValueError("optimizer must be the same optax transformation in all cells")
    if any(value for name, value in (start or {}).items() if name not in ("R", "theta_par")):
        raise ValueError(
            f"start must give R, or theta_par, alone with an optax transformation, got {dict(start or {})!r}"
        )
    return custom.pop()


def _ticks(times: ArrayLike, clock: str, engine: str) -> np.ndarray:
    ticks = _validate.clock_times(times, clock)
    limit = MOST_TICKS[engine, clock]
    if ticks[-1] > limit:
        raise ValueError(
            f"times must be at most {limit} on the {clock} clock with the {engine} engine, got {ticks[-1]}"
        )
    return ticks


def _check_range(problem: Problem, optimizer: Optimizer, engine: str) -> None:
    """Engines compute in float32, and count the samples of a minibatch in 32 bits where they draw each."""
    samples = problem.B
    if samples > (limit := MOST_SAMPLES[engine, problem.name]):
        raise ValueError(f"B must be at most {limit} with the {engine} engine, got {samples}")
    if problem.d > MOST_DIMENSIONS:
        raise ValueError(f"d must be at most {MOST_DIMENSIONS}, got {problem.d}")
    values = {"label_noise": problem.label_noise} if isinstance(problem, LeastSquares) else {"r": problem.r}
    if isinstance(optimizer, HeavyBall):
        values |= {"eta": optimizer.eta, "eps": optimizer.eps}
    for name, value in values.items():
        if value != 0.0 and not SMALLEST <= value <= LARGEST:
            raise ValueError(f"{name} must be between {SMALLEST} and {LARGEST} (float32), got {value}")


def _check_idle(cell: Cell, clock: str) -> None:
    """Where idle minibatches are stepped one by one, their number must be one that ends."""
    active = -math.expm1(sampling.log_idle(cell.problem))
    if clock != "minibatch" and cell.times[-1] > MOST_MINIBATCHES * active:
        raise ValueError(
            f"times must be at most {MOST_MINIBATCHES * active:.3g} on the {clock} clock at p = {cell.problem.p}, "
            f"where an active minibatch is one in {1.0 / active:.3g} and each is stepped, got {cell.times[-1]}; "
            "heavy ball with oracle=sampled jumps over idle ones"
        )
