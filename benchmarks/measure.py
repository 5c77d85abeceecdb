"""How everything here is measured: programs one after another in a round, several rounds, medians.

A drift of the machine's speed then meets all programs of a round alike, and ratios are taken round by round.
"""

import os
import statistics
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

from sparsesim.simulation.blocks import Block

# Of a vectorised launch: the vector engine's are cut to fit.
MOST_BYTES = 4 * 2**30
SHORTEST = 0.2  # of a measurement's length: a calibration that took less says little
LAUNCHES = 10.0  # as long as so many launches without a tick: their cost must not matter
MOST_TICKS = 10**6


class Machine(NamedTuple):
    """How launches fill the machine.

    On a CPU the tiles of a launch run one after another, and each core runs a launch. On an accelerator (`lanes` is
    not None) one launch at a time has that many lanes at once.
    """

    lanes: int | None

    @property
    def sequential(self) -> bool:
        """Whether the tiles of a launch run one after another."""
        return self.lanes is None

    @property
    def workers(self) -> int:
        """Launches at a time."""
        return cores() if self.sequential else 1

    def tiles(self, block: Block) -> int:
        """Tiles in a launch of the driver."""
        if self.lanes is None:
            return block.program.tiles_per_launch
        return max(1, min(self.lanes // block.lanes, MOST_BYTES // block.tile_bytes))


class Settings(NamedTuple):
    """How long to measure."""

    rounds: int
    seconds: float  # of one measurement, about


class Case(NamedTuple):
    """A program to measure: `run` computes so many ticks on one worker, `updates` are those of one tick of one."""

    run: Callable[[int], object]
    updates: float
    workers: int


class Rates(NamedTuple):
    """Updates per second of some cases, of all workers together; one mapping a round."""

    rounds: list[dict[str, float]]

    def median(self, name: str) -> float:
        """Of one case."""
        return statistics.median(row[name] for row in self.rounds)

    def medians(self) -> dict[str, float]:
        """Of every case."""
        return {name: self.median(name) for name in self.rounds[0]}

    def ratio(self, faster: str, slower: str) -> float:
        """How many times as fast one case is as another."""
        return statistics.median(row[faster] / row[slower] for row in self.rounds)

    def ratios(self, pairs: Mapping[str, tuple[str, str]]) -> dict[str, float]:
        """Time of an update of the first of each pair over that of the second, where both were measured."""
        return {
            name: self.ratio(faster, slower)
            for name, (slower, faster) in pairs.items()
            if self.rounds[0].keys() >= {slower, faster}
        }

    def spread(self) -> float:
        """Fastest over slowest case, each relative to its round."""
        relative = [
            statistics.median(row[name] / statistics.mean(row.values()) for row in self.rounds)
            for name in self.rounds[0]
        ]
        return max(relative) / min(relative)


def rates(cases: Mapping[str, Case], settings: Settings) -> Rates:
    """Measure the cases side by side."""
    ticks = {name: calibrated(case, settings.seconds) for name, case in cases.items()}
    return Rates(
        [
            {name: ticks[name] * case.updates * case.workers / taken(case, ticks[name]) for name, case in cases.items()}
            for _ in range(settings.rounds)
        ]
    )


def calibrated(case: Case, seconds: float) -> int:
    """Ticks that take about `seconds`, or longer where a launch by itself takes long; compiles on the way."""
    case.run(1)
    launch = taken(case, 0)
    ticks = 1
    while (elapsed := taken(case, ticks) - launch) < SHORTEST * seconds and ticks < MOST_TICKS:
        ticks *= 4
    return max(1, round(ticks * max(seconds, LAUNCHES * launch) / elapsed))


def taken(case: Case, ticks: int) -> float:
    """Seconds until every worker has run that many ticks."""
    with ThreadPoolExecutor(case.workers) as pool:
        began = time.perf_counter()
        for future in [pool.submit(case.run, ticks) for _ in range(case.workers)]:
            future.result()
        return time.perf_counter() - began


def cores() -> int:
    """Cores of this machine."""
    return os.cpu_count() or 1
