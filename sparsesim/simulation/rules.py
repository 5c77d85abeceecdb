"""Optimizers as a trajectory of the vector engines meets them: heavy ball, and any optax transformation."""

import math
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sparsesim.problems import HeavyBall
from sparsesim.simulation.sampling import Array
from sparsesim.simulation.transformations import HeavyBallState, heavy_ball


class State(NamedTuple):
    """One trajectory between minibatches."""

    position: jax.Array  # theta up to a constant that the model chooses: theta - theta* in least squares
    optimizer: Any
    draw: Any  # the coming minibatch
    minibatches: jax.Array  # so far; where idle ones are jumped, active ones: the address of a draw
    ticks: jax.Array  # of the clock, so far


class Rule(NamedTuple):
    """An optimizer seen from a trajectory: how it starts, takes a gradient and spends idle minibatches."""

    init: Callable[[jax.Array, jax.Array], Any]
    step: Callable[[State, jax.Array], State]
    idle: Callable[[State, jax.Array], State]
    momentum: Callable[[State], jax.Array]


class Rates(NamedTuple):
    """The numbers of heavy ball, traced."""

    eta: Array
    eps: Array
    log_mu: Array  # log(1 - eps)


def rates(optimizer: HeavyBall | None) -> Rates:
    """The numbers of an optimizer, computed in float64 and rounded once. Without heavy ball they go unused."""
    eta, eps = (optimizer.eta, optimizer.eps) if optimizer is not None else (1.0, 1.0)
    log_mu = math.log1p(-eps) if eps < 1.0 else -math.inf
    return Rates(np.float32(eta), np.float32(eps), np.float32(log_mu))


def rule_of(transformation: optax.GradientTransformation | None, rates: Rates, origin: jax.Array) -> Rule:
    """The rule of a transformation, or of heavy ball where there is none; `origin` is the position of theta = 0."""
    return heavy_ball_rule(rates) if transformation is None else optax_rule(transformation, origin)


def heavy_ball_rule(rates: Rates) -> Rule:
    """`heavy_ball`, with idle stretches in closed form: m decays and drags theta along, a geometric sum."""
    transformation = heavy_ball(rates.eta, rates.eps)

    def step(state: State, gradient: jax.Array) -> State:
        """A gradient, taken."""
        update, optimizer = transformation.update(gradient, state.optimizer)
        return state._replace(position=optax.apply_updates(state.position, update), optimizer=optimizer)

    def idle(state: State, minibatches: jax.Array) -> State:
        """Idle minibatches, all at once."""
        decay = jnp.where(minibatches > 0, jnp.exp(minibatches * rates.log_mu), 1.0)
        travelled = jnp.where(minibatches > 0, -jnp.expm1(minibatches * rates.log_mu), 0.0)
        travelled = travelled * (1.0 - rates.eps) / rates.eps
        momentum = state.optimizer.momentum
        return state._replace(
            position=state.position - rates.eta * travelled * momentum, optimizer=HeavyBallState(decay * momentum)
        )

    return Rule(lambda position, momentum: HeavyBallState(momentum), step, idle, lambda state: state.optimizer.momentum)


def optax_rule(transformation: optax.GradientTransformation, origin: jax.Array) -> Rule:
    """Any transformation; `origin` is the position of theta = 0, so params are theta. Idle minibatches are stepped."""

    def step(state: State, gradient: jax.Array) -> State:
        """A gradient, taken; m is minus the update."""
        update, optimizer = transformation.update(gradient, state.optimizer[0], state.position - origin)
        position = optax.apply_updates(state.position, update)
        return state._replace(position=position, optimizer=(optimizer, jax.tree.map(jnp.negative, update)))

    def idle(state: State, minibatches: jax.Array) -> State:
        """Idle minibatches, one by one: nothing is known of the transformation."""
        zero = jnp.zeros_like(state.position)
        return jax.lax.fori_loop(0, minibatches.astype(jnp.int32), lambda _, state: step(state, zero), state)

    def init(position: jax.Array, momentum: jax.Array) -> Any:
        """The transformation's own state, and a momentum to observe."""
        return transformation.init(position - origin), momentum

    return Rule(init, step, idle, lambda state: state.optimizer[1])
