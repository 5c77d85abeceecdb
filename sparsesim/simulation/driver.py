"""The driver: cells x trajectories in blocks, one compilation a program, statistics gathered as they come.

Results depend on (seed, cell) and `Plan.many` alone: on a CPU to the last bit, whatever else is computed beside a cell,
in whichever order, in launches of whatever size, on however many devices, and however often it was interrupted.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, Future, ThreadPoolExecutor, wait
from typing import Protocol

import numpy as np

from sparsesim.simulation import launches
from sparsesim.simulation.blocks import Block, blocks_of
from sparsesim.simulation.execution import Checkpoint, Execution, Results
from sparsesim.simulation.plan import Cell, Plan

CHECKPOINT_SECONDS = 20.0  # between them, and a call of a program that must end first takes some seconds
ATTEMPTS = 2  # at a block that fails


# Told of work done and all work, in any unit; first when the inputs are known to be good.
Progress = Callable[[float, float], None]


class Keeper(Protocol):
    """Who keeps what blocks result in."""

    def resume(self, block: Block) -> Checkpoint | None:
        """Where an interrupted run left the block, if one did."""
        ...

    def checkpoint(self, block: Block, checkpoint: Checkpoint) -> None:
        """Keep the state of a block that is under way."""
        ...

    def finished(self, block: Block, results: Results, seconds: float) -> None:
        """Keep the statistics of the cells of a block, which took so long."""
        ...

    def failed(self, block: Block, error: Exception, again: bool) -> None:
        """Take note of an error, after which the block is tried again or given up; raising it ends the run."""
        ...


class Memory:
    """Keeps results until they are asked for; an error ends the run."""

    def __init__(self) -> None:
        self.results: Results = {}

    def resume(self, block: Block) -> None:
        """Nothing is interrupted."""

    def checkpoint(self, block: Block, checkpoint: Checkpoint) -> None:
        """Nothing is kept."""

    def finished(self, block: Block, results: Results, seconds: float) -> None:
        """Keeps the results."""
        self.results |= results

    def failed(self, block: Block, error: Exception, again: bool) -> None:
        """Ends the run."""
        raise error


class Meter:
    """Adds up what several threads do.

    Args:
        progress: who is told of work.
        total: all work.
        done: work that was done before.
        ended: told how many cells have ended.
    """

    def __init__(
        self,
        progress: Progress | None,
        total: float,
        done: float = 0.0,
        ended: Callable[[int], None] = lambda cells: None,
    ) -> None:
        self.progress, self.total, self.done, self.ended = progress, total, done, ended
        self.work: Counter[Block] = Counter()
        self.cells: Counter[Block] = Counter()
        self.lock = threading.Lock()
        self.add(None)

    def add(self, block: Block | None, work: float = 0.0, cells: int = 0) -> None:
        """Add work, and cells that have ended."""
        with self.lock:
            if block is not None:
                # What is computed again, because a launch was too large, counts once.
                self.work[block] = min(block.work, self.work[block] + work)  # type: ignore[assignment]
                self.cells[block] += cells
            if cells:
                self.ended(self.cells.total())
            if self.progress is not None:
                self.progress(self.done + self.work.total(), self.total)

    def reset(self, block: Block) -> None:
        """Forget a block that begins again."""
        with self.lock:
            del self.work[block], self.cells[block]


def run_cells(
    cells: Sequence[Cell], plan: Plan, *, chunk: int | None = None, progress: Progress | None = None
) -> list[dict[str, np.ndarray]]:
    """Simulate every cell. Cells of one `Program` share a compilation.

    Args:
        cells: what to simulate; all with the same number of recording times.
        plan: what they share.
        chunk: trajectories in memory at once, rounded up to whole tiles; None sizes it from the memory at hand.
        progress: see `Progress`.

    Returns:
        Per cell, the statistics of `Statistics.result`, each (time, moment).

    Raises:
        MemoryError: not even one tile fits in memory; raised before anything is compiled.
    """
    blocks, memory = blocks_of(dict(enumerate(cells)), plan), Memory()
    check_memory(blocks)
    run_blocks(blocks, memory, Meter(progress, sum(block.work for block in blocks)), chunk=chunk)
    return [memory.results[i] for i in range(len(cells))]


def check_memory(blocks: Sequence[Block]) -> None:
    """Refuse, with a `MemoryError`, what does not fit tile by tile."""
    for block in blocks:
        block.check_memory()


def run_blocks(blocks: Sequence[Block], keeper: Keeper, meter: Meter, *, chunk: int | None = None) -> None:
    """Simulate blocks, some at a time; those that fail are tried once more when the others are done.

    Raises:
        Exception: what `keeper` raises, and an OSError, as of a full disk, which another attempt would not mend.
    """
    stop = threading.Event()
    workers = launches.workers()
    # Blocks of their own threads wait for launches, so that no worker is idle while a block ends and another begins.
    pool, starters = ThreadPoolExecutor(workers), ThreadPoolExecutor(max(2, workers))
    remaining = list(blocks)

    def attempt(block: Block, again: bool) -> bool:
        """Whether the block was computed."""
        execution = Execution(
            block,
            pool,
            chunk,
            worked=lambda work: meter.add(block, work),
            ended=lambda: meter.add(block, cells=1),
            stop=stop,
        )
        try:
            if (checkpoint := keeper.resume(block)) is not None:
                execution.restore(checkpoint)
            results = execution.run(lambda state: keeper.checkpoint(block, state), CHECKPOINT_SECONDS)
        except OSError:
            raise
        except Exception as error:
            if stop.is_set():
                raise
            meter.reset(block)
            keeper.failed(block, error, again)
            return False
        keeper.finished(block, results, execution.seconds)
        return True

    try:
        for number in range(1, ATTEMPTS + 1):
            again = number < ATTEMPTS
            attempts = {block: starters.submit(attempt, block, again) for block in remaining}
            _join(list(attempts.values()))
            remaining = [block for block, future in attempts.items() if not future.result()]
    finally:
        # A launch cannot be stopped; after an interruption the user need not wait for those under way.
        stop.set()
        for executor in (starters, pool):
            executor.shutdown(wait=False, cancel_futures=True)


def _join(futures: list[Future[bool]]) -> None:
    """Wait for all, or for the first that raises."""
    done, _ = wait(futures, return_when=FIRST_EXCEPTION)
    for future in done:
        future.result()
