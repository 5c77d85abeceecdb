"""The oracles of the vector engine side by side, and the cost of the Gaussians that they cannot do without.

    make bench            all sizes, a table on the terminal, and engines-<processor>.json beside this file

Times are microseconds a trajectory-update (one minibatch of one trajectory) with all cores at work, each the median of
several rounds; in a round the three programs run one after another, so that a drift of the machine's speed meets all of
them alike. `floor` draws one update's d Gaussians, and nothing else.
"""

import argparse
import json
import os
import platform
import re
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from rich.console import Console
from rich.table import Table

from sparsesim import HeavyBall, LeastSquares
from sparsesim.simulation.datasets import environment
from sparsesim.simulation.driver import Block, Cell, Group, Plan, block_trajectories
from sparsesim.simulation.sampling import GENERATOR
from sparsesim.simulation.vector import shape_of

P = 0.126
DIMENSIONS = (100, 1000, 10000)
BATCHES = (8, 32, 256)
ROUNDS = 5
SECONDS = 0.3  # a measurement, about


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dimensions", type=int, nargs="+", default=DIMENSIONS)
    parser.add_argument("--batches", type=int, nargs="+", default=BATCHES)
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent)
    arguments = parser.parse_args()
    console, rows = Console(), []
    for d in arguments.dimensions:
        for B in arguments.batches:
            rows.append(measure(d, B))
            console.print(f"measured d = {d}, B = {B}", highlight=False)
    machine = {"processor": processor(), "cores": os.cpu_count(), **environment()}
    console.print(table(machine, rows))
    name = re.sub(r"[^a-z0-9]+", "-", f"{machine['processor']} {machine['cores']} cores".lower()).strip("-")
    path = arguments.folder / f"engines-{name}.json"
    path.write_text(json.dumps({"machine": machine, "p": P, "rows": rows}, indent=1) + "\n")
    console.print(f"written: {path}", highlight=False, soft_wrap=True)


def measure(d: int, B: int) -> dict[str, float]:
    """Microseconds a trajectory-update of the three programs at one size, and their ratios round by round."""
    problem, optimizer = LeastSquares(d, P, B), HeavyBall(0.25 * B / d, 0.06)
    runs = {
        "literal": oracle_run(problem, optimizer, "literal"),
        "sampled": oracle_run(problem, optimizer, "sampled"),
        "floor": gaussians_run(problem),
    }
    sizes = {name: calibrated(run) for name, run in runs.items()}
    rounds = [{name: run(sizes[name]) for name, run in runs.items()} for _ in range(ROUNDS)]
    median = {name: statistics.median(row[name] for row in rounds) for name in runs}
    return {
        "d": d,
        "B": B,
        **median,
        "literal/sampled": statistics.median(row["literal"] / row["sampled"] for row in rounds),
        "sampled/floor": statistics.median(row["sampled"] / row["floor"] for row in rounds),
    }


Run = Callable[[int], float]


def calibrated(run: Run) -> int:
    """Ticks that take about `SECONDS`; compiles on the way."""
    run(1)
    ticks = 1
    while True:
        began = time.perf_counter()
        run(ticks)
        taken = time.perf_counter() - began
        if taken > 0.2 * SECONDS or ticks > 10**6:
            return max(1, round(ticks * SECONDS / taken))
        ticks *= 4


def oracle_run(problem: LeastSquares, optimizer: HeavyBall, oracle: str) -> Run:
    """A launch of the driver on every core."""
    cells = [Cell(problem, optimizer, np.array([1]), (1.0, 0.0, 0.0))]
    group = Group(shape_of(problem, oracle), [0], cells, Plan("minibatch", oracle, 0, 1))

    def run(ticks: int) -> float:
        group.cells = [cells[0]._replace(times=np.array([ticks]))]
        return on_every_core(lambda: group.launch([Block(0, 0, True, 0.0)], True), ticks, group.lanes)

    return run


def gaussians_run(problem: LeastSquares) -> Run:
    """The same number of lanes, each drawing d Gaussians a tick from keys of its own."""
    lanes = block_trajectories(problem.d)
    keys = jax.random.split(jax.random.key(0, impl=GENERATOR), lanes)

    @jax.jit
    def program(keys: jax.Array, ticks: jax.Array) -> jax.Array:
        def tick(i: jax.Array, total: jax.Array) -> jax.Array:
            return total + jax.vmap(lambda key: jax.random.normal(jax.random.fold_in(key, i), (problem.d,)))(keys)

        return jax.lax.fori_loop(0, ticks, tick, jnp.zeros((lanes, problem.d)))

    return lambda ticks: on_every_core(lambda: program(keys, ticks).block_until_ready(), ticks, lanes)


def on_every_core(launch: Callable[[], object], ticks: int, lanes: int) -> float:
    """Microseconds a trajectory-update when each core runs `launch`."""
    cores = os.cpu_count() or 1
    with ThreadPoolExecutor(cores) as pool:
        began = time.perf_counter()
        for future in [pool.submit(launch) for _ in range(cores)]:
            future.result()
        return (time.perf_counter() - began) / (cores * ticks * lanes) * 1e6


def processor() -> str:
    """The processor's name, as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def table(machine: dict, rows: list[dict[str, float]]) -> Table:
    """The rows as a person reads them."""
    result = Table(title=f"microseconds a trajectory-update, p = {P}, {machine['processor']}, {machine['cores']} cores")
    for column in rows[0]:
        result.add_column(column, justify="right")
    for row in rows:
        result.add_row(*(str(v) if k in ("d", "B") else f"{v:.3g}" for k, v in row.items()))
    return result


if __name__ == "__main__":
    main()
