"""The driver: cells x trajectories in blocks, one compilation a shape, statistics gathered as they come.

A block is a fixed number of trajectories of one cell. Its shape depends on the problem and the oracle alone, because
the last bits of a result depend on the shape of the program that computes it. On a CPU blocks run one after another
inside a launch and launches side by side, one a core; on an accelerator the blocks of a launch are vectorised together.
How many blocks make a launch (the chunk) follows from the memory at hand, and on a CPU changes no bit of a result.
"""

import functools
import itertools
import math
import os
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import NamedTuple

import jax
import numpy as np
import optax
import psutil

from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.simulation import sampling, vector
from sparsesim.simulation.statistics import QUARTILE_TRAJECTORIES, Statistics

# Coordinates that a block holds at once: its arrays stay in a core's cache at moderate d.
BLOCK_COORDINATES = 2**18
MOST_TRAJECTORIES = 256
# XLA vectorises a block of one trajectory badly.
FEWEST_TRAJECTORIES = 4
# Live float32 arrays of a block's size: error, momentum, draws now and next, temporaries of the generator.
ARRAYS = 8
MEMORY_SHARE = 0.5

Progress = Callable[[float, float], None]


class Cell(NamedTuple):
    """One cell: what is simulated, when it is recorded, where it starts."""

    problem: LeastSquares
    optimizer: HeavyBall | None  # None: the plan's transformation
    times: np.ndarray  # (time,), ticks of the clock
    start: tuple[float, float, float]  # R, V, C

    @property
    def number(self) -> int:
        """The cell's name in the random streams, from its content."""
        return sampling.cell_number(self.problem, self.optimizer)


class Plan(NamedTuple):
    """What all cells share."""

    clock: str
    oracle: str
    seed: int
    trajectories: int
    transformation: optax.GradientTransformation | None = None


class Block(NamedTuple):
    """Some trajectories of one cell, and what they cost in coordinates drawn."""

    cell: int
    first: int
    last: bool  # of its cell
    work: float


def run_cells(
    cells: Sequence[Cell], plan: Plan, *, chunk: int | None = None, progress: Progress | None = None
) -> list[dict[str, np.ndarray]]:
    """Simulate every cell. Cells of one `vector.Shape` share a compilation: of one d, and of one B with `literal`.

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
    shapes = [vector.shape_of(cell.problem, plan.oracle) for cell in cells]
    groups = [
        Group(shape, [i for i in range(len(cells)) if shapes[i] == shape], cells, plan) for shape in sorted(set(shapes))
    ]
    for group in groups:
        group.check_memory()
    total = sum(group.work for group in groups)
    results: dict[int, dict[str, np.ndarray]] = {}
    statistics, done = Statistics(), 0.0
    if progress is not None:
        progress(done, total)
    for group in groups:
        for block, records in group.run(chunk):
            statistics.add(records[: plan.trajectories - block.first])
            if block.last:
                results[block.cell], statistics = statistics.result(), Statistics()
            done += block.work
            if progress is not None:
                progress(done, total)
    return [results[i] for i in range(len(cells))]


def block_trajectories(coordinates: int) -> int:
    """Trajectories in a block, from the coordinates that one minibatch of one trajectory draws."""
    return min(MOST_TRAJECTORIES, max(FEWEST_TRAJECTORIES, BLOCK_COORDINATES // coordinates))


class Group:
    """The cells that share a compilation, and their blocks."""

    def __init__(self, shape: vector.Shape, members: list[int], cells: Sequence[Cell], plan: Plan) -> None:
        self.shape, self.cells, self.plan = shape, cells, plan
        self.lanes = block_trajectories(shape.coordinates)
        self.parameters = {
            i: vector.parameters(cells[i].problem, cells[i].optimizer, cells[i].start, shape) for i in members
        }
        # Neighbours of like horizon: blocks that are vectorised together wait for the longest.
        self.members = sorted(members, key=lambda i: cells[i].times[-1])
        self.blocks_per_cell = -(-plan.trajectories // self.lanes)
        self.work = self.blocks_per_cell * sum(self._block_work(i) for i in members)

    def _block_work(self, cell: int) -> float:
        minibatches = float(self.cells[cell].times[-1])
        if self.plan.clock != "minibatch" and (self.plan.oracle == "literal" or self.plan.transformation is not None):
            minibatches /= -math.expm1(vector.log_idle(self.cells[cell].problem))  # idle ones are stepped too
        return minibatches * self.lanes * self.shape.coordinates

    def blocks(self) -> Iterator[Block]:
        """All blocks, those of a cell one after another."""
        for i in self.members:
            for number in range(self.blocks_per_cell):
                yield Block(i, number * self.lanes, number == self.blocks_per_cell - 1, self._block_work(i))

    @property
    def block_bytes(self) -> int:
        """Memory that one block takes while it runs, its records and the values kept for quartiles included."""
        records = 3 * max(len(self.cells[i].times) for i in self.members)
        # Of the cell under way, with the copies that a quantile takes.
        kept = 3 * records * min(QUARTILE_TRAJECTORIES, self.plan.trajectories)
        return 4 * (self.lanes * (self.shape.coordinates * ARRAYS + records) + kept)

    def check_memory(self) -> None:
        """Refuse, with a `MemoryError`, what does not fit block by block."""
        available = _available_memory()
        if self.block_bytes > available:
            raise MemoryError(
                f"{self.lanes} trajectories at d = {self.shape.d}, oracle={self.plan.oracle}, need with their records "
                f"{self.block_bytes / 1e9:.1f} GB and {available / 1e9:.1f} GB are available; lower d or the times"
                + (" or B, or take oracle=sampled" if self.plan.oracle == "literal" else "")
            )

    def run(self, chunk: int | None) -> Iterator[tuple[Block, np.ndarray]]:
        """Blocks with their records (trajectory, time, moment), in order."""
        cpu = jax.default_backend() == "cpu"
        workers = (os.cpu_count() or 1) if cpu else 1
        fitting = int(MEMORY_SHARE * _available_memory() / self.block_bytes)
        count = self.blocks_per_cell * len(self.members)
        size = min(count, (1 if cpu else max(1, fitting)) if chunk is None else -(-chunk // self.lanes))
        workers = max(1, min(workers, fitting // size))
        blocks = self.blocks()
        queue = iter(lambda: list(itertools.islice(blocks, size)), [])
        pool = ThreadPoolExecutor(workers)
        pending: deque[tuple[list[Block], Future[np.ndarray]]] = deque()
        try:
            while True:
                while len(pending) < 2 * workers and (launch := next(queue, None)) is not None:
                    # A short last launch is filled up: another length would be another compilation.
                    filled = launch + [launch[-1]] * (size - len(launch))
                    pending.append((launch, pool.submit(self.launch, filled, cpu)))
                if not pending:
                    return
                launch, records = pending.popleft()
                yield from zip(launch, records.result(), strict=False)
        finally:
            # A launch cannot be stopped; after an interruption the user need not wait for those under way.
            pool.shutdown(wait=False, cancel_futures=True)

    def launch(self, blocks: list[Block], sequential: bool) -> np.ndarray:
        """Records of some blocks, (block, trajectory, time, moment); one after another, or vectorised together."""
        plan = self.plan
        program = _program(self.shape, plan.clock, plan.transformation, sequential)
        cells = [self.cells[block.cell] for block in blocks]
        keys = jax.numpy.stack([sampling.cell_key(plan.seed, cell.number) for cell in cells])
        lanes = np.stack([np.arange(block.first, block.first + self.lanes) for block in blocks])
        parameters = jax.tree.map(lambda *leaves: np.stack(leaves), *(self.parameters[block.cell] for block in blocks))
        targets = np.stack([self._targets(cell, block) for cell, block in zip(cells, blocks, strict=True)])
        return np.asarray(program(keys, lanes.astype(np.uint32), parameters, targets.astype(np.int32)))

    def _targets(self, cell: Cell, block: Block) -> np.ndarray:
        """Ticks at each recording: (time,), or (trajectory, time) on the Poisson clock, where they are random."""
        if self.plan.clock != "poisson":
            return cell.times
        trajectories = range(block.first, block.first + self.lanes)
        return sampling.poisson_counts(self.plan.seed, cell.number, cell.times, trajectories)


@functools.lru_cache(maxsize=64)
def _program(
    shape: vector.Shape, clock: str, transformation: optax.GradientTransformation | None, sequential: bool
) -> Callable[..., jax.Array]:
    """The compiled launch: (block), (block, lane), parameters (block, ...), targets -> (block, lane, time, moment)."""
    one = functools.partial(vector.trajectory, shape=shape, clock=clock, transformation=transformation)
    lanes = jax.vmap(
        lambda key, lane, cell, targets: one(jax.random.fold_in(key, lane), cell, targets),
        in_axes=(None, 0, None, 0 if clock == "poisson" else None),
    )
    if sequential:
        return jax.jit(lambda *blocks: jax.lax.map(lambda block: lanes(*block), blocks))
    return jax.jit(jax.vmap(lanes))


def _available_memory() -> float:
    """Bytes free on the device that computes."""
    statistics = jax.local_devices()[0].memory_stats() if jax.default_backend() != "cpu" else None
    if statistics:
        return float(statistics["bytes_limit"] - statistics["bytes_in_use"])
    return float(psutil.virtual_memory().available)
