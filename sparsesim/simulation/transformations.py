"""Optimizers as optax transformations with traced hyperparameters."""

from collections.abc import Callable
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


def lazy_heavy_ball(eta: Array, eps: Array) -> optax.GradientTransformation:
    """Heavy ball that touches active rows alone: buffer and parameters of a row without a gradient stay as they are.

    So do optimizers for sparse gradients, such as SparseAdam. A row is the last axis; it is active if one of its
    entries has a gradient that is not 0.

    Args:
        eta: learning rate, may be traced.
        eps: momentum decay 1 - mu, may be traced.
    """

    def update(
        updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, HeavyBallState]:
        """Momentum after a gradient, and the move of the active rows by it."""
        del params
        assert isinstance(state, HeavyBallState)
        momentum = jax.tree.map(lambda m, g: m + eps * _active(g) * (g - m), state.momentum, updates)
        return jax.tree.map(lambda m, g: -eta * _active(g) * m, momentum, updates), HeavyBallState(momentum)

    return optax.GradientTransformation(heavy_ball(eta, eps).init, update)


class ScheduledState(NamedTuple):
    """The momentum buffer, and the minibatches so far."""

    momentum: optax.Params
    minibatches: jax.Array


def scheduled_heavy_ball(eta: Array, eps: Callable[[jax.Array], jax.Array]) -> optax.GradientTransformation:
    """Heavy ball whose momentum decay changes: eps(k) in the k-th minibatch, from 1 on.

    Args:
        eta: learning rate, may be traced.
        eps: of the minibatch's number, such as `lambda k: jnp.minimum(1.0, 2.0 / k)`.
    """

    def init(params: optax.Params) -> ScheduledState:
        """Momentum at rest."""
        return ScheduledState(jax.tree.map(jnp.zeros_like, params), jnp.int32(0))

    def update(
        updates: optax.Updates, state: optax.OptState, params: optax.Params | None = None
    ) -> tuple[optax.Updates, ScheduledState]:
        """Momentum after a gradient, and the move of the parameters by it."""
        del params
        assert isinstance(state, ScheduledState)
        minibatches = state.minibatches + 1
        momentum = jax.tree.map(lambda m, g: m + eps(minibatches) * (g - m), state.momentum, updates)
        return jax.tree.map(lambda m: -eta * m, momentum), ScheduledState(momentum, minibatches)

    return optax.GradientTransformation(init, update)


def _active(gradient: jax.Array) -> jax.Array:
    """1 for rows with a gradient, 0 for others."""
    return jnp.any(gradient != 0.0, axis=-1, keepdims=True).astype(gradient.dtype)
