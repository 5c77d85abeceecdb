"""Optimizers as optax transformations with traced hyperparameters."""

from typing import NamedTuple

import jax
import jax.numpy as jnp
import optax

from sparsesim.simulation.sampling import Array


class HeavyBallState(NamedTuple):
    """The momentum buffer, an exponential average of gradients."""

    momentum: optax.Params


def heavy_ball(eta: Array, eps: Array) -> optax.GradientTransformation:
    """Heavy ball in exponential-average form: m <- m + eps (g - m), update -eta m with the new m.

    The same recursion as `optax.chain(optax.ema(1 - eps, debias=False), optax.scale(-eta))`. It is written in the
    difference g - m because the factor 1 - eps does not survive float32: at eps = 1e-6 its rounding alone changes eps
    by 3%.

    Args:
        eta: learning rate, may be traced.
        eps: momentum decay 1 - mu, may be traced.
    """

    def init(params: optax.Params) -> HeavyBallState:
        """Momentum at rest."""
        return HeavyBallState(jax.tree.map(jnp.zeros_like, params))

    def update(
        updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, HeavyBallState]:
        """Momentum after a gradient, and the move of the parameters by it."""
        del params
        assert isinstance(state, HeavyBallState)
        momentum = jax.tree.map(lambda m, g: m + eps * (g - m), state.momentum, updates)
        return jax.tree.map(lambda m: -eta * m, momentum), HeavyBallState(momentum)

    return optax.GradientTransformation(init, update)
