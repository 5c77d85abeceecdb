"""What a token costs: simulated in tiles for few trajectories or for many, tables, and exact moments beside it."""

import time
from collections.abc import Callable

import numpy as np

from benchmarks.measure import Settings
from benchmarks.programs import START
from benchmarks.report import Row, Section
from sparsesim import HeavyBall
from sparsesim.simulation import quantiles
from sparsesim.simulation.driver import run_cells
from sparsesim.simulation.plan import Cell, Plan
from sparsesim.theory import least_squares
from sparsesim.vocabulary import Vocabulary

TOKENS, TRAJECTORIES, MINIBATCHES = 512, 256, 60
EMBEDDING = Vocabulary.zipf(128_256).embedding(4096, 1_000_000)
OPTIMIZER = HeavyBall(120.0, 0.1)
MOST_ROUNDS = 3


def vocabulary(settings: Settings) -> Section:
    """Milliseconds a token, in rounds of all ways side by side."""
    every = EMBEDDING.p.size // TOKENS
    problems = [EMBEDDING.row(j) for j in range(0, every * TOKENS, every)]
    times = np.unique(np.rint(np.geomspace(1, MINIBATCHES, 8)))
    cells = [Cell(problem, OPTIMIZER, times, START) for problem in problems]

    def simulated(many: bool) -> None:
        quantiles.active_chi.cache_clear()
        run_cells(cells, Plan("minibatch", 0, TRAJECTORIES, many=many))

    ways: dict[str, Callable[[], object]] = {
        "simulated, as any cells": lambda: simulated(False),
        "simulated, as many cells": lambda: simulated(True),
        "table of its own": lambda: [quantiles.active_chi.__wrapped__(one.B, one.p) for one in problems],
        "table between others": lambda: [quantiles.interpolated_active_chi(one.B, one.p) for one in problems],
        "exact moments, one by one": lambda: [
            least_squares.moments(problem, OPTIMIZER, times, "minibatch") for problem in problems
        ],
        "exact moments, all at once": lambda: least_squares.moments_of(
            [(problem, OPTIMIZER) for problem in problems], [times] * TOKENS, "minibatch"
        ),
    }
    for way in ways.values():  # what is compiled or made once
        way()
    rounds = [{name: seconds(way) for name, way in ways.items()} for _ in range(min(settings.rounds, MOST_ROUNDS))]
    rows: list[Row] = [
        {"what": name, "ms": 1e3 * float(np.median([one[name] for one in rounds])) / TOKENS} for name in ways
    ]
    note = (
        f"{TOKENS} of {EMBEDDING.p.size} tokens of a Zipf law, {TRAJECTORIES} trajectories, {MINIBATCHES} minibatches, "
        f"{times.size} records; simulated with the tables that it takes."
    )
    return Section("vocabulary", "milliseconds a token", rows, [note])


def seconds(way: Callable[[], object]) -> float:
    """Of one call."""
    began = time.perf_counter()
    way()
    return time.perf_counter() - began
