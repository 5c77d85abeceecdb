"""What 32-bit arithmetic lacks: exact powers of two, sums that keep what they round off, whole numbers up to 2^63.

JAX computes in 32 bits unless a global flag says otherwise, and a library has no business setting that.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

Array = Any


def power_of_two(exponent: jax.Array) -> jax.Array:
    """2^exponent as float32, exactly; 0 below 2^-126 and the largest power above 2^127."""
    biased = jnp.clip(exponent + 127, 0, 254).astype(jnp.uint32)
    return jax.lax.bitcast_convert_type(biased << 23, jnp.float32)


def exponent_of(value: jax.Array) -> jax.Array:
    """The exponent of a non-negative float32, int32: value is in [1, 2) 2^exponent. 0 for 0, 128 where not finite."""
    biased = jax.lax.bitcast_convert_type(value, jnp.uint32) >> 23
    return jnp.where(value > 0.0, biased.astype(jnp.int32) - 127, 0)


def compensated_sum(total: jax.Array, rest: jax.Array, term: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The sum of the three as a float, and what that rounds off (Kahan; exact where |total| is the larger)."""
    term = term + rest
    updated = total + term
    return updated, term - (updated - total)


def hypotenuse(a: jax.Array, b: jax.Array) -> jax.Array:
    """sqrt(a^2 + b^2), where squares would underflow or overflow too."""
    a, b = jnp.abs(a), jnp.abs(b)
    longer = jnp.maximum(a, b)
    return longer * jnp.sqrt(1.0 + jnp.where(longer > 0.0, jnp.minimum(a, b) / longer, 0.0) ** 2)


def square(value: jax.Array) -> tuple[jax.Array, jax.Array]:
    """The square as a float, and what that rounds off, exactly (Dekker)."""
    total = value * value
    spread = value * 4097.0
    high = spread - (spread - value)
    low = value - high
    return total, ((high * high - total) + 2.0 * high * low) + low * low


class Count(NamedTuple):
    """high * 2^32 + low, both uint32."""

    high: Array
    low: Array


def from_integers(values: np.ndarray) -> Count:
    """Counts of non-negative integers, on the host."""
    values = np.asarray(values, np.uint64)
    return Count((values >> np.uint64(32)).astype(np.uint32), values.astype(np.uint32))


def from_float(value: jax.Array) -> Count:
    """The count of a whole, non-negative float32; exact below 2^63, where it stops."""
    value = jnp.minimum(value, 2.0**63 - 2.0**39)
    high = jnp.floor(value * 2.0**-32)
    return Count(high.astype(jnp.uint32), (value - high * 2.0**32).astype(jnp.uint32))


def to_float(count: Count) -> jax.Array:
    """The nearest float32, about."""
    return count.high.astype(jnp.float32) * 2.0**32 + count.low.astype(jnp.float32)


def less_equal(a: Count, b: Count) -> jax.Array:
    """Whether a <= b."""
    return (a.high < b.high) | ((a.high == b.high) & (a.low <= b.low))


def minus(a: Count, b: Count) -> Count:
    """The difference a - b, for b <= a."""
    return Count(a.high - b.high - (a.low < b.low).astype(jnp.uint32), a.low - b.low)
