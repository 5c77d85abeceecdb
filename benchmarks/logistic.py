"""Logistic regression: its engines, and the normals and sigmoids of a minibatch alone, side by side."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import Case, Machine, Settings, rates
from benchmarks.programs import launched, looped
from benchmarks.report import Row, Section
from sparsesim import HeavyBall, RareClassLogistic
from sparsesim.simulation import sampling
from sparsesim.simulation.blocks import Block
from sparsesim.simulation.logistic import reduced
from sparsesim.simulation.plan import Cell, Plan

DIMENSIONS = (100, 1000, 10000)
BATCHES = (16, 256, 4096)
P, R = 0.05, 1.0
FLOOR, EPS = 0.1, 0.1  # eta d/(2B), far below the fold, and the momentum's decay
MOST_FEATURES = 2**22  # of a literal minibatch: more take seconds each, and gigabytes
LONGEST = Settings(rounds=3, seconds=0.15)  # of some forty cases, half of whose time is compilation
RATIOS = {
    "literal/reduced": ("literal", "reduced"),
    "sampled/reduced": ("sampled", "reduced"),
    "reduced/floor": ("reduced", "floor"),
}
NOTES = [
    f"p = {P}, r = {R}. An update is a minibatch.",
    "`floor` draws the B normals of a minibatch as the reduced engine does, evaluates B sigmoids and adds all of them "
    "up, in the same lanes and tiles. `literal` is left out where a minibatch has more than "
    f"{MOST_FEATURES:.0e} features.",
]


def logistic(machine: Machine, settings: Settings) -> list[Section]:
    """Updates per second by dimension and minibatch, and ratios."""
    speeds: list[Row] = []
    ratios: list[Row] = []
    settings = Settings(min(settings.rounds, LONGEST.rounds), min(settings.seconds, LONGEST.seconds))
    for B in BATCHES:
        floor = reduced_floor(cell_of(DIMENSIONS[0], B), machine)  # of every d, and compiled once
        for d in DIMENSIONS:
            measured = rates({**engines(d, B, machine), "floor": floor}, settings)
            speeds.append({"d": d, "B": B, **measured.medians()})
            ratios.append({"d": d, "B": B, **measured.ratios(RATIOS)})
    return [
        Section("logistic", "trajectory-updates per second", speeds, NOTES),
        Section("logistic ratios", "time of an update over time of an update", ratios, []),
    ]


def cell_of(d: int, B: int) -> Cell:
    """A stable cell, recorded after a minibatch."""
    optimizer = HeavyBall(2.0 * FLOOR * B / d, EPS)
    return Cell(RareClassLogistic(d, P, B, R), optimizer, np.array([1]), (0.0, 0.0, 1.0, 0.0, 0.0))


def engines(d: int, B: int, machine: Machine) -> dict[str, Case]:
    """The engines of one dimension and minibatch, `literal` where it is not too large."""
    oracles = ("literal", "sampled") if d * B <= MOST_FEATURES else ("sampled",)
    plans = {oracle: Plan("minibatch", 0, 1, "vector", oracle) for oracle in oracles}
    cell = cell_of(d, B)
    return {name: launched(cell, plan, machine) for name, plan in {**plans, "reduced": Plan("minibatch", 0, 1)}.items()}


def reduced_floor(cell: Cell, machine: Machine) -> Case:
    """The normals and as many sigmoids of a minibatch, summed."""
    assert isinstance(cell.problem, RareClassLogistic)
    program = reduced.program_of(cell.problem)
    tiles = machine.tiles(Block(program, {0: cell}, Plan("minibatch", 0, 1)))

    def start(key: jax.Array) -> tuple[sampling.Xoshiro, jax.Array]:
        words = jax.random.bits(key, (4, program.width), jnp.uint32)
        return sampling.Xoshiro(*words), jnp.zeros(program.width)

    def of_slice(_: Any, state: tuple[sampling.Xoshiro, jax.Array]) -> tuple[sampling.Xoshiro, jax.Array]:
        samples = reduced.drawn(state[0])
        return samples.generators, state[1] + samples.normals + jax.nn.sigmoid(samples.normals)

    def step(state: tuple[sampling.Xoshiro, jax.Array], tick: jax.Array, slices: jax.Array) -> Any:
        # As the engine does, which knows where there is but one.
        if program.width < reduced.WIDEST:
            return of_slice(0, state)
        return jax.lax.fori_loop(0, slices, of_slice, state)

    slices = np.int32(-(-cell.problem.B // program.width))
    return looped(start, step, slices, tiles, program.lanes, machine)
