"""The driver end to end, from cells to statistics: how the rate grows with trajectories and cells."""

import numpy as np

from benchmarks.measure import Case, Settings, rates
from benchmarks.programs import START, B, P, stable
from benchmarks.report import Row, Section
from sparsesim import HeavyBall, LeastSquares
from sparsesim.simulation.driver import run_cells
from sparsesim.simulation.plan import Cell, Plan

PROBLEM = LeastSquares(1000, P, B)
UPDATES = 256  # of a trajectory
TRAJECTORIES = (64, 256, 1024, 4096, 16384, 65536)
CELLS = (1, 4, 16, 64, 256, 1024)
USUAL = (4, 512)  # cells and trajectories where the other is varied
MOST_ROUNDS = 3  # the largest take seconds


def end_to_end(settings: Settings) -> Section:
    """Active updates per second by cells and trajectories a cell."""
    sizes = dict.fromkeys([(USUAL[0], n) for n in TRAJECTORIES] + [(n, USUAL[1]) for n in CELLS])
    cases = {f"{cells} {trajectories}": whole(cells, trajectories) for cells, trajectories in sizes}
    measured = rates(cases, settings._replace(rounds=min(settings.rounds, MOST_ROUNDS)))
    rows: list[Row] = [
        {"cells": cells, "trajectories": trajectories, "reduced": measured.median(f"{cells} {trajectories}")}
        for cells, trajectories in sizes
    ]
    notes = [
        f"`run_cells`, {UPDATES} active updates a trajectory, recorded once; d = {PROBLEM.d}, B = {B}, p = {P}. Cells "
        "differ in their learning rates. Compilation and quantile tables are done beforehand."
    ]
    return Section("cells", "active updates per second of the reduced engine, end to end", rows, notes)


def whole(count: int, trajectories: int) -> Case:
    """`run_cells` on that many cells, which fills the machine by itself; a tick is a call."""
    rule, times = stable(PROBLEM), np.array([UPDATES])
    cells = [Cell(PROBLEM, HeavyBall(rule.eta / (1 + i / count), rule.eps), times, START) for i in range(count)]
    plan = Plan("active", 0, trajectories)

    def run(calls: int) -> None:
        for _ in range(calls):
            run_cells(cells, plan)

    return Case(run, count * trajectories * UPDATES, 1)
