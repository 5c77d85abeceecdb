"""Blocks: cells that share a program, cut into tiles, which launches compute.

A tile is a fixed number of trajectories of one cell: its program's lanes. On an accelerator the tiles of a launch wait
for the longest: `launches.vectorised_launches` bounds what that wastes. (The lanes of a tile, too, wait for each other
at recordings on clocks where their active updates are random in number: there a few tens of updates between recordings
are good.) How many tiles make a launch (the chunk) follows from the memory at hand.
"""

import functools
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from sparsesim.simulation import launches, sampling
from sparsesim.simulation.launches import Launch, Step
from sparsesim.simulation.plan import Cell, Plan, Program
from sparsesim.simulation.statistics import QUARTILE_TRAJECTORIES, Record, Summary

MEMORY_SHARE = 0.5
# Work of a launch on a CPU: enough for its overhead, little enough to share out.
LAUNCH_WORK = 1e7
ACCELERATOR_LANES = 2**20  # of one device, whose state a large GPU streams in about the time of a kernel's launch


class Tile(NamedTuple):
    """Some trajectories of one cell."""

    cell: int
    first: int
    size: int  # fewer than the program's lanes at the end of a cell
    last: bool  # of its cell

    @property
    def kept(self) -> int:
        """Of its first trajectories, those whose values quartiles need."""
        return max(0, min(self.size, QUARTILE_TRAJECTORIES - self.first))


class Underway(NamedTuple):
    """A launch between two calls of its program."""

    steps: int  # calls so far
    work: float  # of theirs
    state: Any  # (tile, lane)
    summaries: tuple[Summary, ...]  # of the recordings so far, (tile, time, moment)
    records: tuple[Record, ...]  # likewise, (tile, lane, time, moment), where quartiles need any


class OutOfDeviceMemory(Exception):
    """A launch did not fit on its device."""


class Block:
    """Cells that share a program and are all long or all not (see `launches.STEP_WORK`), the costliest first.

    Args:
        program: that simulates them.
        cells: by a number of the caller's.
        plan: what they share.
    """

    def __init__(self, program: Program, cells: Mapping[int, Cell], plan: Plan) -> None:
        self.program, self.plan, self.lanes = program, plan, program.lanes
        gaps = {i: np.diff(cell.times, prepend=0.0) for i, cell in cells.items()}
        self.gap_work = {i: program.work(cell.problem, gaps[i]) for i, cell in cells.items()}
        # Tiles that are vectorised together wait for their longest.
        self.cells = {i: cells[i] for i in sorted(cells, key=self.tile_work, reverse=True)}
        self.tiles_per_cell = -(-plan.trajectories // self.lanes)
        self.work = self.tiles_per_cell * sum(self.tile_work(i) for i in cells)
        self.long = any(self.is_long(i) for i in cells)

    def of(self, cells: Iterable[int]) -> "Block":
        """A block of some of its cells."""
        return Block(self.program, {i: self.cells[i] for i in cells}, self.plan)

    def parameters(self, cells: Sequence[int]) -> Any:
        """What the program is told of each, stacked; not kept, for tables of many cells fill the memory."""
        told = {
            i: self.program.parameters(cell.problem, cell.optimizer, cell.start)
            for i, cell in ((i, self.cells[i]) for i in dict.fromkeys(cells))
        }
        return jax.tree.map(lambda *leaves: np.stack(leaves), *(told[i] for i in cells))

    @functools.cached_property
    def tiles(self) -> list[Tile]:
        """All tiles, those of a cell one after another."""
        return [
            Tile(i, first, min(self.lanes, self.plan.trajectories - first), number == self.tiles_per_cell - 1)
            for i in self.cells
            for number, first in enumerate(range(0, self.plan.trajectories, self.lanes))
        ]

    def tile_work(self, cell: int) -> float:
        """The cost of a tile of this cell, in the program's unit."""
        return float(self.gap_work[cell].sum()) * self.lanes

    def is_long(self, cell: int) -> bool:
        """Whether a tile of this cell takes more than one call of its program."""
        return self.tile_work(cell) > launches.STEP_WORK

    @property
    def tile_bytes(self) -> int:
        """Memory that one tile takes while it runs, its records and the values kept for quartiles included."""
        records = max(len(cell.times) * len(cell.start) for cell in self.cells.values())
        # Of the cell under way, in float64, with the copies that a quantile takes.
        kept = 2 * 3 * records * min(QUARTILE_TRAJECTORIES, self.plan.trajectories)
        return 4 * (self.lanes * (self.program.trajectory_floats + 2 * records) + kept)

    def check_memory(self) -> None:
        """Refuse, with a `MemoryError`, what does not fit tile by tile."""
        available = available_memory()
        if self.tile_bytes > available:
            largest = max(cell.problem.d for cell in self.cells.values())
            raise MemoryError(
                f"{self.lanes} trajectories at d = {largest}, engine={self.plan.engine}, need with their records "
                f"{self.tile_bytes / 1e9:.1f} GB and {available / 1e9:.1f} GB are available; record at fewer times"
                + ("" if self.plan.engine == "reduced" else ", lower d or B, or take engine=reduced")
            )

    def launch_size(self, chunk: int | None) -> int:
        """Tiles in a launch, as many on each device."""
        devices, workers = launches.devices(), launches.workers()
        longest = max(1.0, self.tile_work(next(iter(self.cells))))
        if chunk is not None:
            size = -(-chunk // self.lanes)
            if launches.is_cpu():  # one after another they would keep the launch from ending
                size = min(size, devices * max(1, int(launches.STEP_WORK / longest)))
        elif launches.is_cpu():
            worthwhile = min(self.program.tiles_per_launch, int(LAUNCH_WORK / longest))
            size = min(self.fitting, worthwhile * devices, -(-len(self.tiles) // (2 * workers)))
        else:
            size = min(self.fitting, devices * ACCELERATOR_LANES // self.lanes)
        return devices * -(-max(1, min(size, len(self.tiles))) // devices)

    @property
    def fitting(self) -> int:
        """Tiles that fit in memory at once."""
        return max(1, int(MEMORY_SHARE * available_memory() / self.tile_bytes))

    def launches(self, tiles: Sequence[Tile], size: int) -> list[Launch]:
        """How launches of at most `size` cover some of the tiles."""
        if launches.is_cpu():
            return launches.sequential_launches(len(tiles), size)
        works = np.stack([self.gap_work[tile.cell] for tile in tiles])
        return launches.vectorised_launches(works, size, launches.devices())

    def launch(
        self,
        tiles: Sequence[Tile],
        size: int,
        *,
        sequential: bool | None = None,
        begun: Underway | None = None,
        seen: Callable[[Underway, float], None] = lambda underway, work: None,
    ) -> tuple[Summary, Record | None]:
        """Summaries (tile, time, moment) and, where quartiles need them, records (tile, lane, time, moment).

        Args:
            tiles: what to compute.
            size: of the launch; what is missing of it does no work.
            sequential: whether tiles run one after another; None: on a CPU.
            begun: where to go on.
            seen: told after every call of the program how far it is, and the work of the call.

        Raises:
            OutOfDeviceMemory: it does not fit; fewer tiles may.
        """
        try:
            return self._launch(tiles, size, sequential, begun, seen)
        except jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            raise OutOfDeviceMemory(str(error).splitlines()[0]) from error

    def _launch(
        self,
        tiles: Sequence[Tile],
        size: int,
        sequential: bool | None,
        begun: Underway | None,
        seen: Callable[[Underway, float], None],
    ) -> tuple[Summary, Record | None]:
        sequential = launches.is_cpu() if sequential is None else sequential
        program = launches.compiled(self.program, sequential, launches.devices())
        filled = [*tiles, *[Tile(next(iter(self.cells)), 0, 0, False)] * (size - len(tiles))]
        keys = np.stack([self._key(tile.cell) for tile in filled])
        firsts = np.array([tile.first for tile in filled], np.uint32)
        counts = np.array([tile.size for tile in filled], np.int32)
        # Placed once: they hold tables, and every call would send them again.
        of_tiles = launches.placed((keys, firsts, counts, self.parameters([tile.cell for tile in filled])))
        keys, firsts, counts, parameters = of_tiles
        underway = begun or Underway(0, 0.0, program.initial(keys, firsts, parameters), (), ())
        keeps = any(tile.kept for tile in tiles)
        for number, step in enumerate(self._steps(filled, len(tiles)), start=1):
            if number <= underway.steps:
                continue
            gaps = self.program.encoded(step.gaps)
            state, summary, record = program.step(underway.state, keys, firsts, counts, parameters, gaps)
            summaries, records = underway.summaries, underway.records
            if step.recorded:
                summaries = (*summaries, _on_host(summary))
                records = (*records, _on_host(record)) if keeps else ()
            underway = Underway(number, underway.work + step.work, jax.block_until_ready(state), summaries, records)
            seen(underway, step.work)
        summary = Summary(*(np.concatenate(part, axis=1) for part in zip(*underway.summaries, strict=True)))
        if not keeps:
            return summary, None
        return summary, Record(*(np.concatenate(part, axis=2) for part in zip(*underway.records, strict=True)))

    def initial_state(self, size: int) -> Any:
        """The shapes of the state of a launch."""
        keys, firsts = np.zeros((size, 2), np.uint32), np.zeros(size, np.uint32)
        parameters = self.parameters([next(iter(self.cells))] * size)
        program = launches.compiled(self.program, launches.is_cpu(), 1)
        return jax.eval_shape(program.initial, keys, firsts, parameters)

    def _steps(self, tiles: Sequence[Tile], present: int) -> Iterator[Step]:
        """The calls of a launch, in which all but the first tiles do nothing."""
        gaps, work = [], []
        for number, tile in enumerate(tiles):
            cell, trajectories = self.cells[tile.cell], range(tile.first, tile.first + self.lanes)
            times = cell.times * (number < present)
            gaps.append(self.program.gaps(times, self.plan.seed, cell.number, trajectories))
            work.append(self.gap_work[tile.cell] * (self.lanes * (number < present)))
        return launches.steps(np.stack(gaps), np.stack(work), self.long)

    def _key(self, cell: int) -> np.ndarray:
        return sampling.cell_key(self.plan.seed, self.cells[cell].number)


def blocks_of(cells: Mapping[int, Cell], plan: Plan) -> list[Block]:
    """The fewest blocks that hold all cells: one for each program that cells need, and one for its long cells."""
    programs = {i: plan.program(cell.problem) for i, cell in cells.items()}
    blocks = []
    for program in dict.fromkeys(programs.values()):
        own = Block(program, {i: cell for i, cell in cells.items() if programs[i] == program}, plan)
        kinds = ({i: cell for i, cell in own.cells.items() if own.is_long(i) == long} for long in (True, False))
        blocks += [Block(program, kind, plan) for kind in kinds if kind]
    return blocks


def _on_host(tree: Any) -> Any:
    return jax.tree.map(np.asarray, tree)


def available_memory() -> float:
    """Bytes free on a device that computes."""
    if not launches.is_cpu():
        statistics = jax.local_devices()[0].memory_stats() or {}
        if "bytes_limit" in statistics:
            return float(statistics["bytes_limit"] - statistics["bytes_in_use"])
    # Needed here alone: a machine that only measures the engines has no psutil.
    import psutil

    return float(psutil.virtual_memory().available)
