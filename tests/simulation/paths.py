"""What the tests of the engines share: raw trajectories, random cells, and an oracle that shares no code with them."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import numpy as np

from sparsesim import HeavyBall, LeastSquares
from sparsesim.problems import Problem
from sparsesim.simulation import sampling
from sparsesim.simulation.plan import Plan, Program

# Of every call of a program, whatever is asked for: another shape would be another compilation, which takes longer.
LANES, RECORDS = 2048, 3


@functools.cache
def compiled(program: Program) -> Callable[..., Any]:
    """Raw trajectories of a program; whoever changes what it traces clears this cache before and after."""

    def run(key: np.ndarray, lane: jax.Array, cell: Any, gaps: Any) -> Any:
        key = sampling.trajectory_key(key, lane)

        def recorded(state: Any, gap: Any) -> tuple[Any, Any]:
            state = program.advance(state, gap, key, cell)
            return state, program.observe(state, key, cell)

        return jax.lax.scan(recorded, program.initial(key, cell), gaps)[1]

    # The cell is an argument, so that the cells of a program compile once.
    return jax.jit(jax.vmap(run, in_axes=(None, 0, None, 0 if program.gaps_per_trajectory else None)))


def engine_paths(
    problem: Problem,
    optimizer: HeavyBall | None,
    ticks: list[int],
    *,
    trajectories: int,
    clock: str = "minibatch",
    engine: str = "vector",
    oracle: str = "sampled",
    seed: int = 0,
    start: tuple[float, ...] = (1.0, 0.0, 0.0),
    transformation: Any = None,
) -> np.ndarray:
    """Moments of single trajectories of one engine, (trajectory, time, moment); `oracle` is the vector engine's."""
    plan = Plan(clock, seed, trajectories, engine, oracle if engine == "vector" else None, transformation)
    program = plan.program(problem)
    number = sampling.cell_number(problem, optimizer)
    key = sampling.cell_key(seed, number)
    cell = program.parameters(problem, optimizer, start)
    found = []
    for first in range(0, trajectories, LANES):
        gaps = program.gaps(np.asarray(ticks, np.float64), seed, number, range(first, first + LANES))
        more = [(0, 0)] * (gaps.ndim - 1) + [(0, max(0, RECORDS - len(ticks)))]
        encoded = program.encoded(np.pad(gaps, more))  # recorded again where they are
        record = compiled(program)(key, np.arange(first, first + LANES, dtype=np.uint32), cell, encoded)
        with np.errstate(over="ignore"):
            found.append(np.ldexp(np.asarray(record.values, np.float64) + np.asarray(record.rests), record.exponent))
    return np.concatenate(found)[:trajectories, : len(ticks)]


def loop_paths(
    problem: LeastSquares,
    optimizer: HeavyBall,
    ticks: list[int],
    *,
    trajectories: int,
    clock: str = "minibatch",
    seed: int = 0,
) -> np.ndarray:
    """The algorithm as one would write it on a blackboard, in NumPy, one trajectory after another; R = 1, m = 0."""
    rng = np.random.default_rng(seed)
    records = np.empty((trajectories, len(ticks), 3))
    for trajectory in range(trajectories):
        theta_star = rng.normal(size=problem.d)
        theta_star /= np.linalg.norm(theta_star)
        theta, m = np.zeros(problem.d), np.zeros(problem.d)
        tick = 0
        for i, target in enumerate(ticks):
            while tick < target:
                gradient, active = np.zeros(problem.d), False
                for _ in range(problem.B):
                    if rng.random() < problem.p:
                        active = True
                        x = rng.normal(size=problem.d)
                        y = x @ theta_star + problem.label_noise * rng.normal()
                        gradient += x * (x @ theta - y) / problem.B
                m = (1 - optimizer.eps) * m + optimizer.eps * gradient
                theta = theta - optimizer.eta * m
                tick += clock == "minibatch" or active
            e = theta - theta_star
            records[trajectory, i] = e @ e, m @ m, e @ m
    return records


def random_start(rng: np.random.Generator, d: int) -> tuple[float, float, float]:
    """Moments of a random error and momentum."""
    e, m = rng.normal(size=(2, d)) * np.exp(rng.normal(size=(2, 1)))
    return float(e @ e), float(m @ m), float(e @ m)


def random_cell(
    rng: np.random.Generator, d: int, batches: tuple[int, ...], *, label_noise: bool = False
) -> tuple[LeastSquares, HeavyBall]:
    """A cell in which thousands of minibatches hold a hundred idle ones or none, and a hundred active ones.

    Otherwise a mean over thousands of trajectories misses events that carry part of it, and its z means nothing.
    p = 1, B = 1 and eps = 1 are among the cells.
    """
    while True:
        B, p = int(rng.choice(batches)), float(rng.choice([1.0, 0.7, 0.3, 0.1]))
        idle = (1.0 - p) ** B
        if idle == 0.0 or 0.03 < idle < 0.97:
            break
    eps = float(rng.choice([1.0, 0.5, 0.1, 0.01]))
    eta = float(rng.uniform(0.1, 0.9) * 2.0 * B / (d + 2.0 + B * p))
    return LeastSquares(d, p, B, float(rng.uniform(0.1, 1.0)) if label_noise else 0.0), HeavyBall(eta, eps)
