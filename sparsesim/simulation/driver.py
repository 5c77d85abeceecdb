"""The driver: cells x trajectories in blocks, one compilation a program, statistics gathered as they come.

A block is a fixed number of trajectories of one cell. Its shape depends on its program alone, because the last bits of
a result depend on the shape of what computes it. On a CPU the blocks of a launch run one after another and launches
side by side, one a core; on an accelerator the blocks of a launch are vectorised together, and wait for the longest:
`vectorised_launches` bounds what that wastes. (The lanes of a block, too, wait for each other at recordings on clocks
where their active updates are random in number: there a few tens of updates between recordings are good.) How many
blocks make a launch (the chunk) follows from the memory at hand, and on a CPU changes no bit of a result.
"""

import functools
import itertools
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sparsesim.problems import HeavyBall, LeastSquares, Problem
from sparsesim.simulation import reduced, sampling, vector
from sparsesim.simulation.logistic import reduced as logistic_reduced
from sparsesim.simulation.logistic import vector as logistic_vector
from sparsesim.simulation.statistics import QUARTILE_TRAJECTORIES, Record, Statistics, Summary, summarise

MEMORY_SHARE = 0.5
MOST_PADDING = 0.5  # of the work of a launch
# Work of a launch on a CPU: enough for its overhead, little enough to share out and to show progress.
LAUNCH_WORK = 1e7
ACCELERATOR_LANES = 2**20  # whose state a large GPU streams in about the time of a kernel's launch
ENGINES = ("reduced", "vector")

Progress = Callable[[float, float], None]


class Program(Protocol):
    """What an engine gives the driver: hashable, for cells that share it share a compilation."""

    @property
    def lanes(self) -> int:
        """Trajectories in a block."""
        ...

    @property
    def blocks_per_launch(self) -> int:
        """Blocks that make a launch on a CPU worth its overhead."""
        ...

    @property
    def trajectory_floats(self) -> int:
        """Memory of a trajectory while it runs, without its records, in float32 numbers."""
        ...

    @property
    def targets_per_trajectory(self) -> bool:
        """Whether `targets` has a leading axis over trajectories."""
        ...

    def work(self, problem: Any, gaps: np.ndarray) -> np.ndarray:
        """Expected cost of a trajectory between recordings, for ticks between them; in any unit."""
        ...

    def parameters(self, problem: Any, optimizer: Any, start: Any) -> Any:
        """The numbers of a cell, traced."""
        ...

    def targets(self, times: np.ndarray, seed: int, cell: int, trajectories: range) -> Any:
        """When the trajectories of a block are recorded, as `run` takes it."""
        ...

    def run(self, key: jax.Array, cell: Any, targets: Any) -> Record:
        """One trajectory, (time, moment)."""
        ...


class Cell(NamedTuple):
    """One cell: what is simulated, when it is recorded, where it starts."""

    problem: Problem
    optimizer: HeavyBall | None  # None: the plan's transformation
    times: np.ndarray  # (time,), ticks of the clock
    start: tuple[float, ...]  # the problem's moments

    @property
    def number(self) -> int:
        """The cell's name in the random streams, from its content."""
        return sampling.cell_number(self.problem, self.optimizer)


class Plan(NamedTuple):
    """What all cells share."""

    clock: str
    seed: int
    trajectories: int
    engine: str = "reduced"
    oracle: str | None = None  # of the vector engine
    transformation: optax.GradientTransformation | None = None  # likewise; None: heavy ball

    def program(self, problem: Problem) -> Program:
        """The program that simulates a cell."""
        if self.engine == "reduced":
            if isinstance(problem, LeastSquares):
                return reduced.Program(self.clock, problem.label_noise > 0.0)
            return logistic_reduced.program_of(problem)
        assert self.oracle is not None
        if isinstance(problem, LeastSquares):
            return vector.program_of(problem, self.clock, self.oracle, self.transformation)
        return logistic_vector.program_of(problem, self.oracle, self.transformation)


class Block(NamedTuple):
    """Some trajectories of one cell."""

    cell: int
    first: int
    size: int  # fewer than the program's lanes at the end of a cell
    last: bool  # of its cell


def run_cells(
    cells: Sequence[Cell], plan: Plan, *, chunk: int | None = None, progress: Progress | None = None
) -> list[dict[str, np.ndarray]]:
    """Simulate every cell. Cells of one `Program` share a compilation.

    Args:
        cells: what to simulate; all with the same number of recording times.
        plan: what they share.
        chunk: trajectories in memory at once, rounded up to whole blocks; None sizes it from the memory at hand.
        progress: called with (work done, all work) at the start and as blocks end.

    Returns:
        Per cell, the statistics of `Statistics.result`, each (time, moment).

    Raises:
        MemoryError: not even one block fits in memory; raised before anything is compiled.
    """
    programs = [plan.program(cell.problem) for cell in cells]
    groups = [
        Group(program, [i for i in range(len(cells)) if programs[i] == program], cells, plan)
        for program in dict.fromkeys(programs)
    ]
    for group in groups:
        group.check_memory()
    total = sum(group.work for group in groups)
    results: dict[int, dict[str, np.ndarray]] = {}
    statistics, done = Statistics(), 0.0
    if progress is not None:
        progress(done, total)
    for group in groups:
        for block, summary, values in group.run(chunk):
            statistics.add(summary, block.size, values)
            if block.last:
                results[block.cell], statistics = statistics.result(), Statistics()
            done += group.block_work(block.cell)
            if progress is not None:
                progress(done, total)
    return [results[i] for i in range(len(cells))]


class Group:
    """The cells that share a program, and their blocks."""

    def __init__(self, program: Program, members: list[int], cells: Sequence[Cell], plan: Plan) -> None:
        self.program, self.cells, self.plan = program, cells, plan
        self.lanes = program.lanes
        self.parameters = {i: program.parameters(cells[i].problem, cells[i].optimizer, cells[i].start) for i in members}
        self.gap_work = {i: program.work(cells[i].problem, np.diff(cells[i].times, prepend=0.0)) for i in members}
        # The longest first: blocks that are vectorised together wait for their longest.
        self.members = sorted(members, key=self.block_work, reverse=True)
        self.blocks_per_cell = -(-plan.trajectories // self.lanes)
        self.work = self.blocks_per_cell * sum(self.block_work(i) for i in members)

    def block_work(self, cell: int) -> float:
        """The cost of a block of this cell, in the program's unit."""
        return float(self.gap_work[cell].sum()) * self.lanes

    def blocks(self) -> list[Block]:
        """All blocks, those of a cell one after another."""
        return [
            Block(i, first, min(self.lanes, self.plan.trajectories - first), number == self.blocks_per_cell - 1)
            for i in self.members
            for number, first in enumerate(range(0, self.plan.trajectories, self.lanes))
        ]

    @property
    def block_bytes(self) -> int:
        """Memory that one block takes while it runs, its records and the values kept for quartiles included."""
        records = max(len(self.cells[i].times) * len(self.cells[i].start) for i in self.members)
        # Of the cell under way, in float64, with the copies that a quantile takes.
        kept = 2 * 3 * records * min(QUARTILE_TRAJECTORIES, self.plan.trajectories)
        return 4 * (self.lanes * (self.program.trajectory_floats + 2 * records) + kept)

    def check_memory(self) -> None:
        """Refuse, with a `MemoryError`, what does not fit block by block."""
        available = _available_memory()
        if self.block_bytes > available:
            largest = max(self.cells[i].problem.d for i in self.members)
            raise MemoryError(
                f"{self.lanes} trajectories at d = {largest}, engine={self.plan.engine}, need with their records "
                f"{self.block_bytes / 1e9:.1f} GB and {available / 1e9:.1f} GB are available; record at fewer times"
                + ("" if self.plan.engine == "reduced" else ", lower d or B, or take engine=reduced")
            )

    def run(self, chunk: int | None) -> Iterator[tuple[Block, Summary, Record | None]]:
        """Blocks in order, with their summaries and the values that quartiles need."""
        cpu = jax.default_backend() == "cpu"
        workers = (os.cpu_count() or 1) if cpu else 1
        blocks = self.blocks()
        fitting = max(1, int(MEMORY_SHARE * _available_memory() / self.block_bytes))
        if chunk is not None:
            size = -(-chunk // self.lanes)
        elif cpu:
            worthwhile = min(
                self.program.blocks_per_launch, int(LAUNCH_WORK / max(1.0, self.block_work(self.members[0])))
            )
            size = min(fitting, worthwhile, -(-len(blocks) // (2 * workers)))
        else:
            size = min(fitting, ACCELERATOR_LANES // self.lanes)
        size = max(1, min(size, len(blocks)))
        works = np.stack([self.gap_work[block.cell] for block in blocks])
        sizes = sequential_launches(len(blocks), size) if cpu else vectorised_launches(works, size)
        workers = max(1, min(workers, fitting // size))
        queue, remaining = iter(sizes), iter(blocks)
        for width in {launch.size for launch in sizes}:
            self.launch([], width, cpu)  # compiled once, before the workers would all compile it at once
        pool = ThreadPoolExecutor(workers)
        pending: deque[tuple[list[Block], Future[tuple[Summary, Record]]]] = deque()
        try:
            while True:
                while len(pending) < 2 * workers and (launch := next(queue, None)) is not None:
                    held = list(itertools.islice(remaining, launch.blocks))
                    pending.append((held, pool.submit(self.launch, held, launch.size, cpu)))
                if not pending:
                    return
                held, future = pending.popleft()
                summaries, records = future.result()
                for i, block in enumerate(held):
                    kept = min(block.size, QUARTILE_TRAJECTORIES - block.first)
                    values = Record(*(np.asarray(part)[i, :kept] for part in records)) if kept > 0 else None
                    yield block, Summary(*(part[i] for part in summaries)), values
        finally:
            # A launch cannot be stopped; after an interruption the user need not wait for those under way.
            pool.shutdown(wait=False, cancel_futures=True)

    def launch(self, blocks: list[Block], size: int, sequential: bool) -> tuple[Summary, Record]:
        """Summaries and records of some blocks, each with a leading axis of `size`: what is missing does no work."""
        program = _program(self.program, sequential)
        filled = blocks + [Block(self.members[0], 0, 0, False)] * (size - len(blocks))
        keys = np.stack([self._key(block.cell) for block in filled])
        firsts = np.array([block.first for block in filled], np.uint32)
        counts = np.array([block.size for block in filled], np.int32)
        targets = [
            self.program.targets(
                self.cells[block.cell].times * (number < len(blocks)),
                self.plan.seed,
                self.cells[block.cell].number,
                range(block.first, block.first + self.lanes),
            )
            for number, block in enumerate(filled)
        ]
        parameters = [self.parameters[block.cell] for block in filled]
        stacked = (jax.tree.map(lambda *leaves: np.stack(leaves), *trees) for trees in (parameters, targets))
        summaries, records = program(keys, firsts, counts, *stacked)
        return jax.tree.map(np.asarray, summaries), records

    def _key(self, cell: int) -> np.ndarray:
        return sampling.cell_key(self.plan.seed, self.cells[cell].number)


class Launch(NamedTuple):
    """A number of blocks, and the size of the launch that runs them."""

    blocks: int
    size: int


def sequential_launches(blocks: int, size: int) -> list[Launch]:
    """All of one size, for one compilation; a short last one is filled with blocks that do nothing."""
    return [Launch(min(size, blocks - first), size) for first in range(0, blocks, size)]


def vectorised_launches(works: np.ndarray, size: int) -> list[Launch]:
    """Launches of `size`, or halves of it, such that no launch is more than `MOST_PADDING` padding.

    Args:
        works: (block, time), the work of each block between recordings, blocks of much work first.
        size: the most that fit.
    """
    launches, first = [], 0
    while first < len(works):
        width = size
        while width > 1 and padding(works[first : first + width], width) > MOST_PADDING:
            width //= 2
        launches.append(Launch(min(width, len(works) - first), width))
        first += width
    return launches


def padding(works: np.ndarray, size: int) -> float:
    """The share of a vectorised launch that is waiting: between recordings all wait for the slowest."""
    return 1.0 - works.sum() / (size * works.max(axis=0).sum())


@functools.lru_cache(maxsize=64)
def _program(program: Program, sequential: bool) -> Callable[..., tuple[Summary, Record]]:
    """The compiled launch: (block) keys, firsts, counts, parameters and targets -> (block, ...) summaries, records."""
    lanes = jnp.arange(program.lanes, dtype=jnp.uint32)
    trajectories = jax.vmap(
        lambda key, lane, cell, targets: program.run(sampling.trajectory_key(key, lane), cell, targets),
        in_axes=(None, 0, None, 0 if program.targets_per_trajectory else None),
    )

    def block(key: jax.Array, first: jax.Array, count: jax.Array, cell: Any, targets: Any) -> tuple[Summary, Record]:
        """Trajectories from `first` on, and the summary of the `count` that belong to the cell."""
        record = trajectories(key, first + lanes, cell, targets)
        return summarise(record, count), record

    if sequential:
        return jax.jit(lambda *blocks: jax.lax.map(lambda one: block(*one), blocks))
    return jax.jit(jax.vmap(block))


def _available_memory() -> float:
    """Bytes free on the device that computes."""
    if jax.default_backend() != "cpu":
        statistics = jax.local_devices()[0].memory_stats() or {}
        if "bytes_limit" in statistics:
            return float(statistics["bytes_limit"] - statistics["bytes_in_use"])
    # Needed here alone: a machine that only measures the engines has no psutil.
    import psutil

    return float(psutil.virtual_memory().available)
