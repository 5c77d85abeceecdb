"""The kinematics of a vector e that moves by minus a multiple of its momentum m: three numbers, exact to the last bits.

By rotation only |e|, the component of m along e and the norm of m across e matter. A move turns the frame; a gradient
kicks m along e, across e in the plane of the two, and out of that plane. Updates may be far smaller than float32's
resolution of what they change: the numbers are carried with what rounding takes off them, and changes are computed by
themselves, never as differences.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from sparsesim.simulation import binary, sampling
from sparsesim.simulation.binary import compensated_sum, power_of_two

Array = Any


class Chain(NamedTuple):
    """The three numbers, in units that its owner names."""

    error: Array  # |e|
    along: Array  # component of m along e
    across: Array  # of m across e


class Kick(NamedTuple):
    """What a gradient adds to the momentum."""

    toward: jax.Array  # along e
    sideways: jax.Array  # across e, in the plane of e and m
    rest: jax.Array  # the length of what is out of that plane


def before_move(start: tuple[float, float, float], step: float) -> Chain:
    """The three numbers from which a move by `step` times m leads to the moments (R, V, C) of `start`."""
    error, along, across = sampling.components(start)
    before = math.hypot(error + step * along, step * across)
    if before > 0.0:
        along, across = (along * (error + step * along) + step * across**2) / before, error * across / before
    return Chain(before, along, across)


def move(chain: Chain, step: jax.Array, decay: Array = 1.0, lost: Array = 0.0) -> tuple[Chain, Chain]:
    """The chain after e moved by -step m and m shrank to `decay` = 1 - `lost` times itself; and how much that changed.

    e moves within the plane of the two; the frame turns with it.
    """
    error, along, across = chain
    ahead, aside = step * along, step * across
    towards = error - ahead
    moved = binary.hypotenuse(towards, aside)
    inverse = jnp.where(moved > 0.0, 1.0 / moved, 0.0)
    cosine, sine = jnp.where(moved > 0.0, towards * inverse, 1.0), -aside * inverse
    turn = jnp.where(cosine > 0.0, -(sine**2) / (1.0 + cosine), cosine - 1.0)  # cosine - 1
    both = error + moved
    # Quotients first: squares may underflow.
    shortening = jnp.where(both > 0.0, (ahead - 2.0 * error) * (ahead / both) + aside * (aside / both), 0.0)
    here = Chain(moved, decay * (along * cosine + across * sine), decay * error * inverse * across)
    changes = Chain(
        shortening,
        along * (turn - lost * cosine) + decay * across * sine,
        -across * (lost + decay * shortening * inverse),
    )
    return here, changes


def kicked(
    old: Chain, rounded: Chain, here: Chain, changes: Chain, kick: Kick, eps: jax.Array
) -> tuple[tuple[jax.Array, jax.Array], tuple[jax.Array, jax.Array]]:
    """The momentum after m <- (1 - eps) m + kick: its two components, each with what rounding takes off it.

    Args:
        old: the chain before its move.
        rounded: what rounding had taken off it.
        here: the chain after its move.
        changes: how much that changed it.
        kick: eps times the gradient.
        eps: the momentum's decay.
    """
    pull, push = kick.toward - eps * here.along, kick.sideways - eps * here.across
    kept = 1.0 - eps
    new_along, moved = kept * here.along + kick.toward, kept * here.across + kick.sideways
    new_across = binary.hypotenuse(moved, kick.rest)
    # Its change from here.across, without the cancellation of their difference; quotients first, squares may underflow.
    total = new_across + here.across
    swelling = jnp.where(total > 0.0, push * ((moved + here.across) / total) + kick.rest * (kick.rest / total), 0.0)
    return (
        changed(old.along, rounded.along, changes.along + pull, new_along),
        changed(old.across, rounded.across, changes.across + swelling, new_across),
    )


def changed(old: jax.Array, rounded: jax.Array, change: jax.Array, new: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The sum of the first three and what it rounds off; `new`, its value by another way, where it is much smaller."""
    total, rest = compensated_sum(old, rounded, change)
    # There the rounding of old and change would outweigh it.
    small = jnp.abs(new) < 0.5 * jnp.abs(old)
    return jnp.where(small, new, total), jnp.where(small, 0.0, rest)


def moments(chain: Chain, rounded: jax.Array) -> tuple[jax.Array, jax.Array, jax.Array]:
    """R, V and C as values, rests and exponents for `statistics.record`; `rounded` is what |e| rounds off."""
    # Each of e and m in units of its own, whose squares cannot underflow.
    k = binary.exponent_of(chain.error)
    j = binary.exponent_of(jnp.maximum(jnp.abs(chain.along), jnp.abs(chain.across)))
    error, rounded = (value * power_of_two(-k) for value in (chain.error, rounded))
    along, across = (value * power_of_two(-j) for value in (chain.along, chain.across))
    R, lost = binary.square(error)
    # R hardly moves where learning is slow: it alone is known to more than float32.
    rests = jnp.stack([lost + 2.0 * error * rounded, jnp.zeros_like(R), jnp.zeros_like(R)])
    return jnp.stack([R, along**2 + across**2, error * along]), rests, jnp.stack([2 * k, 2 * j, k + j])
