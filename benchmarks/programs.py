"""The programs of JAX that are measured: launches of the driver, and loops of a few operations in every lane."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import Case, Machine
from sparsesim import HeavyBall, LeastSquares
from sparsesim.simulation import reduced, sampling, vector
from sparsesim.simulation.blocks import Block, Tile
from sparsesim.simulation.plan import Cell, Plan

P, B = 0.126, 32
EPS = 0.06
START = (1.0, 0.0, 0.0)
LANES = 4096  # of a loop of a sampler: enough for XLA's overhead, and in a core's cache


def stable(problem: LeastSquares) -> HeavyBall:
    """An optimizer well inside stability: a quarter of the largest learning rate of plain SGD."""
    return HeavyBall(0.5 * problem.B / (problem.d + 2 + (problem.B - 1) * problem.p), EPS)


def cell_of(problem: LeastSquares) -> Cell:
    """A stable cell, recorded after a tick."""
    return Cell(problem, stable(problem), np.array([1]), START)


def launched(cell: Cell, plan: Plan, machine: Machine) -> Case:
    """A launch of the driver; a tick is one of the plan's clock."""
    program = plan.program(cell.problem)

    def block(ticks: int) -> Block:
        return Block(program, {0: cell._replace(times=np.array([ticks]))}, plan)

    count = machine.tiles(block(1))
    tiles = [Tile(0, number * program.lanes, program.lanes, False) for number in range(count)]

    def run(ticks: int) -> None:
        block(ticks).launch(tiles, count, sequential=machine.sequential)

    return Case(run, count * program.lanes, machine.workers)


def reduced_engine(problem: LeastSquares, machine: Machine, clock: str = "active") -> Case:
    """The reduced engine."""
    return launched(cell_of(problem), Plan(clock, 0, 1), machine)


def vector_engine(problem: LeastSquares, machine: Machine, oracle: str) -> Case:
    """The vector engine, by minibatches."""
    return launched(cell_of(problem), Plan("minibatch", 0, 1, "vector", oracle), machine)


Start = Callable[[jax.Array], Any]
Step = Callable[[Any, jax.Array, Any], Any]


def looped(start: Start, step: Step, arguments: Any, tiles: int, lanes: int, machine: Machine) -> Case:
    """A loop in every lane, of tiles of lanes as the driver's.

    Args:
        start: a lane's state from its key.
        step: (state, tick, arguments) -> the next state.
        arguments: what the lanes of a tile share.
        tiles: in a launch.
        lanes: in a tile.
        machine: what the launches fill.
    """

    def lane(number: jax.Array, ticks: jax.Array, shared: Any) -> Any:
        key = sampling.trajectory_key(sampling.cell_key(0, 0), number)
        return jax.lax.fori_loop(0, ticks, lambda tick, state: step(state, tick, shared), start(key))

    @jax.jit
    def program(ticks: jax.Array, numbers: jax.Array, shared: Any) -> Any:
        def tile(of_tile: tuple[jax.Array, Any]) -> Any:
            return jax.vmap(lane, in_axes=(0, None, None))(of_tile[0], ticks, of_tile[1])

        return jax.lax.map(tile, (numbers, shared)) if machine.sequential else jax.vmap(tile)((numbers, shared))

    numbers = np.arange(tiles * lanes, dtype=np.uint32).reshape(tiles, lanes)
    stacked = jax.tree.map(lambda leaf: np.stack([leaf] * tiles), arguments)

    def run(ticks: int) -> None:
        jax.block_until_ready(program(jnp.int32(ticks), numbers, stacked))

    return Case(run, tiles * lanes, machine.workers)


def reduced_floor(problem: LeastSquares, machine: Machine) -> Case:
    """The random numbers of the reduced engine: `reduced._draw` in as many lanes and tiles, summed."""
    plan = Plan("active", 0, 1)
    program = reduced.Program(plan.clock, noisy=False)
    tiles = machine.tiles(Block(program, {0: cell_of(problem)}, plan))

    def step(state: tuple[sampling.Xoshiro, jax.Array], _: jax.Array, cell: reduced.Parameters) -> Any:
        generator, draw = reduced._draw(state[0], cell, program)
        return generator, state[1] + sum(draw)

    parameters = program.parameters(problem, stable(problem), START)
    return looped(_generator_and_total, step, parameters, tiles, program.lanes, machine)


def vector_floor(problem: LeastSquares, machine: Machine) -> Case:
    """The d Gaussians of an update of the vector engine, and nothing else."""
    plan = Plan("minibatch", 0, 1, "vector", "sampled")
    program = vector.program_of(problem, plan.clock, "sampled")
    tiles = machine.tiles(Block(program, {0: cell_of(problem)}, plan))

    def start(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.random.key_data(key), jnp.zeros(problem.d)

    def step(state: tuple[jax.Array, jax.Array], tick: jax.Array, _: None) -> tuple[jax.Array, jax.Array]:
        return state[0], state[1] + jax.random.normal(address(state[0], tick), (problem.d,))

    return looped(start, step, None, tiles, program.lanes, machine)


def sampler(draw: Callable[[jax.Array, Any], jax.Array], table: Any, machine: Machine) -> Case:
    """Draws of one law, a word of xoshiro128++ each."""

    def step(state: tuple[sampling.Xoshiro, jax.Array], _: jax.Array, table: Any) -> Any:
        generator, words = sampling.next_words(state[0], 1)
        return generator, state[1] + draw(words[0], table)

    return flat(_generator_and_total, step, table, machine)


def flat(start: Start, step: Step, arguments: Any, machine: Machine) -> Case:
    """A loop without tiles."""
    return looped(start, step, arguments, 1, machine.lanes or LANES, machine)


def address(words: jax.Array, tick: jax.Array, generator: str = sampling.GENERATOR) -> jax.Array:
    """The key of a tick, from the words of a lane's."""
    return jax.random.fold_in(jax.random.wrap_key_data(words, impl=generator), tick)


def _generator_and_total(key: jax.Array) -> tuple[sampling.Xoshiro, jax.Array]:
    return sampling.xoshiro(key), jnp.float32(0.0)
