"""The residuals of a minibatch of logistic regression from one normal a sample, and the sums of them that matter.

Residuals a = s(f) - y depend on features through the logits f = b + |theta| u + r theta_par y alone, u their component
along theta, a standard normal. The rare samples (y = 1) come first in a minibatch.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp

from sparsesim.simulation.sampling import Array


class Logits(NamedTuple):
    """What logits are made of."""

    bias: Array
    length: Array  # |theta|
    shift: Array  # r theta_par, of the rare class


def sums(
    normals: jax.Array, places: jax.Array, logits: Logits, rare: Array, B: Array
) -> tuple[jax.Array, jax.Array, jax.Array]:
    """The sums of a u, a^2 and a y over samples; those past the minibatch count for nothing.

    Args:
        normals: the samples' u.
        places: where in the minibatch they stand, int32.
        logits: of theta.
        rare: how many samples are of the rare class.
        B: how many there are.
    """
    common = logits.bias + logits.length * normals
    is_rare = places < rare
    sign = jnp.where(places < B, jnp.where(is_rare, -1.0, 1.0), 0.0)
    # The rare class's s(f) - 1 as -s(-f), without cancellation. The quotient comes last: XLA computes it once for the
    # three sums, and everything after it in each of them.
    residuals = sign / (1.0 + jnp.exp(jnp.where(is_rare, common + logits.shift, -common)))
    # Residuals are negative in the rare class alone.
    return jnp.sum(residuals * normals), jnp.sum(residuals * residuals), jnp.sum(jnp.minimum(residuals, 0.0))
