"""The execution of a block: launches side by side, statistics in order, and what a checkpoint holds of both."""

import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor, wait
from typing import Any, NamedTuple

import jax
import numpy as np

from sparsesim.simulation import launches
from sparsesim.simulation.blocks import Block, OutOfDeviceMemory, Tile, Underway
from sparsesim.simulation.statistics import Record, Statistics, Summary

Address = tuple[int, int, int]  # of a launch: its first tile, its tiles, its size
Results = dict[int, dict[str, np.ndarray]]
Checkpoint = tuple[dict[str, Any], dict[str, np.ndarray]]  # JSON values, arrays

_compiling = threading.Lock()


class Queued(NamedTuple):
    """A launch that has been handed to the workers."""

    first: int  # its first tile
    tiles: list[Tile]
    size: int
    future: "Future[tuple[Summary, Record | None]]"


class Execution:
    """One block on its way.

    Args:
        block: what to compute.
        pool: who computes launches.
        chunk: trajectories in memory at once, rounded up to whole tiles; None sizes it from the memory at hand.
        worked: told of work done, as it is.
        ended: told of a cell that is done.
        stop: set when nothing more is wanted.
    """

    def __init__(
        self,
        block: Block,
        pool: ThreadPoolExecutor,
        chunk: int | None,
        worked: Callable[[float], None],
        ended: Callable[[], None],
        stop: threading.Event,
    ) -> None:
        self.block, self.pool, self.worked, self.ended, self.stop = block, pool, worked, ended, stop
        self.size = block.launch_size(chunk)
        self.results: Results = {}
        self.consumed, self.statistics = 0, Statistics()
        self.underway: dict[Address, Underway] = {}
        self.began, self.earlier = time.perf_counter(), 0.0

    @property
    def seconds(self) -> float:
        """What the block has taken so far, in runs that were interrupted too."""
        return self.earlier + time.perf_counter() - self.began

    def run(self, checkpoint: Callable[[Checkpoint], None], interval: float) -> Results:
        """Statistics of the block's cells, with a checkpoint every `interval` seconds.

        Raises:
            MemoryError: one tile does not fit on its device.
        """
        while self.consumed < len(self.block.tiles):
            try:
                self._stream(checkpoint, interval)
            except OutOfDeviceMemory as error:
                if self.size <= launches.devices():
                    raise MemoryError(f"{self.block.lanes} trajectories do not fit on their device: {error}") from error
                self.size = max(launches.devices(), self.size // (2 * launches.devices()) * launches.devices())
                self.underway.clear()
        return self.results

    def _stream(self, checkpoint: Callable[[Checkpoint], None], interval: float) -> None:
        """Launches of one size until the block is done, or one of them fails."""
        abandoned, pending = threading.Event(), deque[Queued]()
        first, remaining = self.consumed, self.block.launches(self.block.tiles[self.consumed :], self.size)
        for width in {launch.size for launch in remaining}:
            self._compile(width)
        queue, due = iter(remaining), time.monotonic() + interval
        try:
            while True:
                while len(pending) < 2 * launches.workers() and (launch := next(queue, None)) is not None:
                    tiles = self.block.tiles[first : first + launch.tiles]
                    future = self.pool.submit(self._launch, first, tiles, launch.size, abandoned)
                    pending.append(Queued(first, tiles, launch.size, future))
                    first += launch.tiles
                if not pending:
                    return
                if wait([pending[0].future], timeout=max(0.0, due - time.monotonic())).done:
                    queued = pending.popleft()
                    self._consume(queued, *queued.future.result())
                if time.monotonic() >= due:
                    checkpoint(self.checkpoint())
                    due = time.monotonic() + interval
        finally:
            abandoned.set()
            for queued in pending:
                queued.future.cancel()
            if not self.stop.is_set():  # else the user need not wait for those under way
                wait([queued.future for queued in pending])

    def _compile(self, width: int) -> None:
        """Compile before the workers would all do so at once."""
        with _compiling:
            self.block.launch([], width)

    def _launch(
        self, first: int, tiles: list[Tile], size: int, abandoned: threading.Event
    ) -> tuple[Summary, Record | None]:
        address = (first, len(tiles), size)

        def seen(underway: Underway, work: float) -> None:
            """Keeps the state for a checkpoint."""
            if abandoned.is_set() or self.stop.is_set():
                raise CancelledError
            self.underway[address] = underway
            self.worked(work)

        return self.block.launch(tiles, size, begun=self.underway.get(address), seen=seen)

    def _consume(self, queued: Queued, summaries: Summary, records: Record | None) -> None:
        """Add what a launch has found."""
        for i, tile in enumerate(queued.tiles):
            kept = None
            if tile.kept:
                assert records is not None
                kept = Record(*(part[i, : tile.kept] for part in records))
            self.statistics.add(Summary(*(part[i] for part in summaries)), tile.size, kept)
            if tile.last:
                self.results[tile.cell], self.statistics = self.statistics.result(), Statistics()
                self.ended()
        self.consumed += len(queued.tiles)
        self.underway.pop((queued.first, len(queued.tiles), queued.size), None)

    def checkpoint(self) -> Checkpoint:
        """Everything that `restore` needs to go on from here: JSON values and arrays."""
        arrays = {
            f"results/{number}/{name}": values
            for number, results in enumerate(self.results.values())
            for name, values in results.items()
        }
        arrays |= {f"statistics/{name}": values for name, values in self.statistics.state().items()}
        # Copied at once: workers add to it.
        launches_underway = dict(self.underway)
        for address, underway in launches_underway.items():
            for name, tree in zip(Underway._fields, underway, strict=True):
                leaves = jax.tree.leaves(tree)
                arrays |= {f"{_name(address)}/{name}/{i}": np.asarray(leaf) for i, leaf in enumerate(leaves)}
        about = {
            "seconds": self.seconds,
            "consumed": self.consumed,
            "finished": len(self.results),
            "launches": [list(address) for address in launches_underway],
        }
        return about, arrays

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint. Launches of other sizes than this execution's begin anew."""
        about, arrays = checkpoint
        self.consumed, self.earlier = about["consumed"], about["seconds"]
        for number, cell in zip(range(about["finished"]), self.block.cells, strict=False):
            self.results[cell] = {name: arrays[f"results/{number}/{name}"] for name in Statistics.NAMES}
            self.ended()
        prefix = "statistics/"
        state = {name.removeprefix(prefix): values for name, values in arrays.items() if name.startswith(prefix)}
        self.statistics = Statistics.restored(state)
        for first, tiles, size in about["launches"]:
            self.underway[first, tiles, size] = self._underway((first, tiles, size), arrays)
        self.worked(sum(self.block.tile_work(tile.cell) for tile in self.block.tiles[: self.consumed]))
        self.worked(sum(underway.work for underway in self.underway.values()))

    def _underway(self, address: Address, arrays: Mapping[str, np.ndarray]) -> Underway:
        """A launch as a checkpoint holds it."""

        def leaves(part: str) -> list[np.ndarray]:
            """Those of one of its parts, in order."""
            prefix = f"{_name(address)}/{part}/"
            return [arrays[f"{prefix}{i}"] for i in range(sum(name.startswith(prefix) for name in arrays))]

        def many(kind: type[Any], part: str) -> tuple[Any, ...]:
            """A part that is a sequence of named tuples."""
            values, length = leaves(part), len(kind._fields)
            return tuple(kind(*values[i : i + length]) for i in range(0, len(values), length))

        structure = jax.tree.structure(self.block.initial_state(address[2]))
        (steps,), (work,) = leaves("steps"), leaves("work")
        state = jax.tree.unflatten(structure, leaves("state"))
        return Underway(int(steps), float(work), state, many(Summary, "summaries"), many(Record, "records"))


def _name(address: Address) -> str:
    return "launch-{}-{}-{}".format(*address)
