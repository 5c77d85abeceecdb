"""Paths of a linear SDE with one Brownian motion, dZ = drift Z ds + diffusion Z dW, by diffrax.

On the resonance line the second moments of a large problem are those of such paths: R = E X^2, V/p^2 = E Y^2, C/p =
E X Y (docs/least_squares.md, section 6; `LimitODE.sde` gives the matrices). Only the means agree: R itself is a sum
over many directions, and fluctuates the less the more there are, while X^2 keeps its spread.
"""

import functools
import itertools
import math

import diffrax
import jax
import jax.numpy as jnp
import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate

STEPS_PER_UNIT = 50.0  # steps in the time in which the drift moves a path by about its length


def sample_paths(
    drift: ArrayLike, diffusion: ArrayLike, start: ArrayLike, times: ArrayLike, *, paths: int, seed: int
) -> np.ndarray:
    """Independent paths of dZ = drift Z ds + diffusion Z dW (Ito), float32, Heun's method.

    Heun's method finds Stratonovich solutions, which are the Ito ones where diffusion @ diffusion = 0.

    Args:
        drift: (n, n), per unit of time.
        diffusion: (n, n), per square root of time, with diffusion @ diffusion = 0.
        start: (n,), the state at time 0.
        times: (time,), increasing, 0 or above.
        paths: how many, at least 1.
        seed: a whole number.

    Returns:
        (path, time, n).

    Raises:
        ValueError: an argument is outside its range, or the square of `diffusion` is not zero.
    """
    recorded = _validate.clock_times(times, "poisson")
    paths, seed = _validate.whole("paths", paths, low=1), _validate.whole("seed", seed, low=0)
    F, G = np.asarray(drift, dtype=np.float64), np.asarray(diffusion, dtype=np.float64)
    if (G @ G).any():
        raise ValueError(f"diffusion must have a square of zero, got {G.tolist()}")
    rate = float(np.linalg.norm(F, 2) + np.linalg.norm(G, 2) ** 2)
    grid = _grid(recorded, STEPS_PER_UNIT * rate)
    if len(grid) == 1:  # time 0 alone: diffrax wants a step
        return np.tile(np.asarray(start, np.float32), (paths, 1, 1))
    arrays = (jnp.asarray(values, jnp.float32) for values in (F, G, start, grid))
    keys = jax.random.split(jax.random.key(seed), paths)
    states = _solve(keys, *arrays)
    return np.asarray(states)[:, np.searchsorted(grid, recorded)]


def _grid(recorded: np.ndarray, density: float) -> np.ndarray:
    """Steps from 0 that meet every recorded time, at least `density` of them per unit of time."""
    knots = np.unique(np.concatenate([[0.0], recorded]))
    pieces = [
        np.linspace(left, right, max(1, math.ceil((right - left) * density)), endpoint=False)
        for left, right in itertools.pairwise(knots)
    ]
    return np.concatenate([*pieces, knots[-1:]])


@jax.jit
def _solve(keys: jax.Array, F: jax.Array, G: jax.Array, start: jax.Array, grid: jax.Array) -> jax.Array:
    """(path, step, n) on the whole grid."""
    return jax.vmap(functools.partial(_path, F=F, G=G, start=start, grid=grid))(keys)


def _path(key: jax.Array, F: jax.Array, G: jax.Array, start: jax.Array, grid: jax.Array) -> jax.Array:
    motion = diffrax.UnsafeBrownianPath(shape=(), key=key)
    terms = diffrax.MultiTerm(
        diffrax.ODETerm(lambda s, z, _: F @ z), diffrax.ControlTerm(lambda s, z, _: G @ z, motion)
    )
    solution = diffrax.diffeqsolve(
        terms, diffrax.Heun(), grid[0], grid[-1], None, start,
        stepsize_controller=diffrax.StepTo(grid), saveat=diffrax.SaveAt(ts=grid), adjoint=diffrax.ForwardMode(),
        max_steps=None,
    )  # fmt: skip
    assert solution.ys is not None
    return solution.ys
