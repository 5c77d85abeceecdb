"""Launches: tiles of lanes as one call of a compiled program, on one device or sharded over all local ones.

On a CPU the tiles of a launch run one after another, on an accelerator they are vectorised together. Either way a tile
is computed by the same code whatever stands beside it, and on a CPU to the same bits: its shape follows from its
program alone, and with several devices each runs its share of the tiles as it would run them alone.
"""

import functools
import math
import os
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from sparsesim.simulation import sampling
from sparsesim.simulation.plan import Program
from sparsesim.simulation.statistics import Record, Summary, summarise

MOST_PADDING = 0.5  # of the work of a launch
# Work of a tile in one call of its program, some seconds on a CPU. The tiles of a long cell take several calls, which
# depends on the cell alone: its bits may depend on it.
STEP_WORK = 1e8


class Launch(NamedTuple):
    """A number of tiles, and the size of the launch that runs them."""

    tiles: int
    size: int


class Step(NamedTuple):
    """A call of a launch's program."""

    gaps: np.ndarray  # (tile, [lane,] time)
    work: float
    recorded: bool  # whether recordings end its gaps


class Compiled(NamedTuple):
    """The programs of a launch; all arguments and results have a leading axis over tiles."""

    initial: Callable[..., Any]  # keys, first trajectories, parameters -> states (tile, lane)
    # states, keys, first trajectories, how many belong to their cell, parameters, gaps
    # -> states, `Summary` (tile, time, moment), `Record` (tile, lane, time, moment)
    step: Callable[..., tuple[Any, Summary, Record]]


def is_cpu() -> bool:
    """Whether the devices that compute are CPUs."""
    return jax.default_backend() == "cpu"


def devices() -> int:
    """Local devices that share the tiles of a launch."""
    return jax.local_device_count()


def workers() -> int:
    """Launches at a time: they fill the cores of a CPU, and wait for each other on accelerators."""
    return max(1, (os.cpu_count() or 1) // devices()) if is_cpu() else 1


@functools.lru_cache(maxsize=64)
def compiled(program: Program, sequential: bool, shards: int) -> Compiled:
    """The programs of a launch whose tiles are shared out over so many local devices."""
    lanes = jnp.arange(program.lanes, dtype=jnp.uint32)

    def keys_of(key: jax.Array, first: jax.Array) -> jax.Array:
        """Of the trajectories from `first` on."""
        return jax.vmap(lambda lane: sampling.trajectory_key(key, lane))(first + lanes)

    def initial(key: jax.Array, first: jax.Array, cell: Any) -> Any:
        """The trajectories of a tile at time 0."""
        return jax.vmap(lambda key: program.initial(key, cell))(keys_of(key, first))

    def trajectory(state: Any, gaps: Any, key: jax.Array, cell: Any) -> tuple[Any, Record]:
        """A trajectory some gaps later, and its moments after each, (time, moment)."""

        def recorded(state: Any, gap: Any) -> tuple[Any, Record]:
            """The state a gap later, and its moments."""
            state = program.advance(state, gap, key, cell)
            return state, program.observe(state, key, cell)

        return jax.lax.scan(recorded, state, gaps)

    def step(state: Any, key: jax.Array, first: jax.Array, count: jax.Array, cell: Any, gaps: Any) -> Any:
        """A tile some gaps later, its moments, and their summary over the `count` that belong to the cell."""
        axes = (0, 0 if program.gaps_per_trajectory else None, 0, None)
        state, record = jax.vmap(trajectory, axes)(state, gaps, keys_of(key, first), cell)
        return state, summarise(record, count), record

    return Compiled(*(_over_tiles(function, sequential, shards) for function in (initial, step)))


def _over_tiles(function: Callable[..., Any], sequential: bool, shards: int) -> Callable[..., Any]:
    """A function of one tile as one of the tiles of a launch."""

    def over(*tiles: Any) -> Any:
        """All of them, or those of one device."""
        return jax.lax.map(lambda tile: function(*tile), tiles) if sequential else jax.vmap(function)(*tiles)

    program = jax.jit(over)
    return program if shards == 1 else _on_devices(program, shards)


def _on_devices(program: Callable[..., Any], shards: int) -> Callable[..., Any]:
    """A function of tiles, of which each device computes its share by the program that one device would run alone.

    One partitioned program for all would make them wait for each other in loops, and XLA cannot compile it: the
    round trip of its partitioner has no form for `GENERATOR`'s multiplications (JAX 0.10).
    """
    sharding = _sharding(shards)

    def shared(*tiles: Any) -> Any:
        """All tiles, as arrays over the devices."""
        tiles = placed(tiles)

        def share(device: Any) -> Any:
            """What the device holds."""
            return jax.tree.map(lambda leaf: _of_device(leaf, device), tiles)

        parts = [program(*share(device)) for device in jax.local_devices()[:shards]]  # all at once: none is waited for
        return jax.tree.map(joined, *parts)

    def joined(*parts: jax.Array) -> jax.Array:
        """The shares of an array as one."""
        shape = (sum(len(part) for part in parts), *parts[0].shape[1:])
        return jax.make_array_from_single_device_arrays(shape, sharding, list(parts))

    return shared


def _of_device(array: jax.Array, device: Any) -> jax.Array:
    return next(shard.data for shard in array.addressable_shards if shard.device == device)


def placed(tree: Any) -> Any:
    """Arrays with a leading axis over tiles, on the devices that share them."""
    shards = devices()
    return jax.device_put(tree, _sharding(shards) if shards > 1 else jax.local_devices()[0])


@functools.cache
def _sharding(shards: int) -> NamedSharding:
    return NamedSharding(Mesh(np.array(jax.local_devices()[:shards]), ("tile",)), PartitionSpec("tile"))


def steps(gaps: np.ndarray, work: np.ndarray, long: bool) -> Iterator[Step]:
    """The calls of a launch's program.

    Args:
        gaps: (tile, [lane,] time).
        work: (tile, time).
        long: whether the launch is more than one call: then every call is one gap, or a part of a large one.
    """
    if not long:
        yield Step(gaps, float(work.sum()), True)
        return
    for time in range(work.shape[1]):
        parts = max(1, math.ceil(work[:, time].max() / STEP_WORK))
        share, rest = np.divmod(gaps[..., time : time + 1], parts)
        for part in range(parts):
            yield Step(share + (part < rest), float(work[:, time].sum()) / parts, part == parts - 1)


def sequential_launches(tiles: int, size: int) -> list[Launch]:
    """All of one size, for one compilation; a short last one is filled with tiles that do nothing."""
    return [Launch(min(size, tiles - first), size) for first in range(0, tiles, size)]


def vectorised_launches(works: np.ndarray, size: int, shards: int = 1) -> list[Launch]:
    """Launches of `size`, or halves of it, such that no launch is more than `MOST_PADDING` padding.

    Args:
        works: (tile, time), the work of each tile between recordings, tiles of much work first.
        size: the most that fit, a multiple of `shards`.
        shards: devices that share a launch evenly.
    """
    launches, first = [], 0
    while first < len(works):
        width = size
        while width > shards and padding(works[first : first + width], width) > MOST_PADDING:
            width = width // (2 * shards) * shards
        launches.append(Launch(min(width, len(works) - first), width))
        first += width
    return launches


def padding(works: np.ndarray, size: int) -> float:
    """The share of a vectorised launch that is waiting: between recordings all wait for the slowest."""
    return 1.0 - works.sum() / (size * works.max(axis=0).sum())
