"""What the vector engines of all models share: the loop over minibatches, starts, and gradients of Gaussian features.

Everything here is written for one trajectory; the driver maps it over trajectories and cells.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sparsesim.simulation.rules import Rule, State
from sparsesim.simulation.sampling import Array

# Coordinates that a tile holds at once: its arrays stay in a core's cache at moderate d.
TILE_COORDINATES = 2**18
MOST_TRAJECTORIES = 256
# XLA vectorises a tile of one trajectory badly.
FEWEST_TRAJECTORIES = 4


class Oracle(NamedTuple):
    """Where gradients come from: state-free draws, and arithmetic on them."""

    draw: Callable[[jax.Array], Any]
    gradient: Callable[[jax.Array, Any], jax.Array]
    idle: Callable[[Any], jax.Array] | None = None  # idle minibatches before this one, where they are jumped
    ticks: Callable[[Any], Array] = lambda draw: 1  # of the clock in this minibatch


def lanes(coordinates: int) -> int:
    """Trajectories in a tile, when each draws so many Gaussians for a minibatch."""
    return min(MOST_TRAJECTORIES, max(FEWEST_TRAJECTORIES, TILE_COORDINATES // coordinates))


class Trajectory(NamedTuple):
    """One trajectory of a vector engine: how it starts, runs and is observed.

    Args:
        key: the trajectory's key; folded with 0 it is left to the caller, for the start.
        oracle: where gradients come from.
        rule: what becomes of them.
    """

    key: jax.Array
    oracle: Oracle
    rule: Rule

    def initial(self, position: jax.Array, momentum: jax.Array) -> State:
        """The state at time 0, with the first minibatch drawn."""
        first = self.oracle.draw(jax.random.fold_in(self.key, 1))
        return State(position, self.rule.init(position, momentum), first, jnp.int32(0), jnp.int32(0))

    def advance(self, state: State, gap: jax.Array) -> State:
        """The state when the clock has ticked `gap` times more, int32."""
        target = state.ticks + gap
        return jax.lax.while_loop(lambda state: state.ticks < target, self.minibatch, state)

    def minibatch(self, state: State) -> State:
        """One minibatch, and the idle ones before it."""
        # Drawn one minibatch ahead, into the loop's state: XLA would otherwise generate the normals again in every
        # kernel that reads them.
        following = self.oracle.draw(jax.random.fold_in(self.key, state.minibatches + 2))
        if self.oracle.idle is not None:
            state = self.rule.idle(state, self.oracle.idle(state.draw))
        ticks = self.oracle.ticks(state.draw)
        state = self.rule.step(state, self.oracle.gradient(state.position, state.draw))
        return state._replace(draw=following, minibatches=state.minibatches + 1, ticks=state.ticks + ticks)


def random_pair(key: jax.Array, components: Array, d: int) -> tuple[jax.Array, jax.Array]:
    """Two vectors, the first in a uniformly random direction, whose `sampling.components` are these."""
    first, second = jax.random.normal(key, (2, d), jnp.float32)
    along = first / jnp.sqrt(jnp.sum(first**2))
    across = jnp.zeros_like(second)
    if d > 1:
        # Twice: what is left of a second direction close to the first is mostly rounding, along the first too.
        for _ in range(2):
            second = second - jnp.sum(second * along) * along
            second = second / jnp.sqrt(jnp.sum(second**2))
        across = second
    norm, second_along, second_across = components
    return norm * along, second_along * along + second_across * across


def gram(position: jax.Array, momentum: jax.Array) -> jax.Array:
    """R, V and C, (moment,)."""
    return jnp.stack([jnp.sum(position * position), jnp.sum(momentum * momentum), jnp.sum(position * momentum)])


def gradient_of_sums(
    vector: jax.Array, norm: jax.Array, along: jax.Array, length: jax.Array, xi: jax.Array, B: Array
) -> jax.Array:
    """(1/B) sum_i a_i u_i for Gaussian u_i whose residuals a_i depend on them through <u_i, vector> alone.

    At vector = 0 the residuals know nothing of the u_i and the sum is isotropic: its component along the vector needs
    no treatment of its own.

    Args:
        vector: (d,).
        norm: its norm.
        along: sum_i a_i <u_i, vector> / norm.
        length: sqrt(sum_i a_i^2).
        xi: N(0, I), (d,).
        B: samples in a minibatch.
    """
    inverse = jnp.where(norm > 0.0, 1.0 / norm, 0.0)
    along = along - length * (jnp.sum(vector * xi) * inverse)
    return (along * inverse / B) * vector + (length / B) * xi
