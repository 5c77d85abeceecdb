"""The vector engine: d-dimensional trajectories under any optax transformation.

The state is the error e = theta - theta* and the optimizer's state; one minibatch is

    g = (1/B) sum_{i active} u_i (<u_i, e> - label_noise xi_i),     u_i ~ N(0, I_d),     xi_i ~ N(0, 1).

Two oracles give g. `literal` is the algorithm as written: gates, B x d features, `jax.grad` of the minibatch loss. It
is slow, and the reference for everything else. `sampled` draws g from its exact law in O(d): with b active samples,
z_i = <u_i, e>/|e|, residuals a_i = |e| z_i - label_noise xi_i and rho^2 = |e|^2 + label_noise^2,

    g = (1/B) (sum_i z_i a_i  e/|e|  +  sqrt(sum_i a_i^2) xi)
      = (1/B) ((|e| Q + label_noise sqrt(Q) w) e/|e|  +  rho sqrt(Q) xi),

with Q ~ chi2_b, w ~ N(0, 1) and xi ~ N(0, I) across e, because the part of u_i across e is independent of its residual,
and so is the part of the pair (z_i, xi_i) across (|e|, -label_noise). Active and Poisson clocks jump over idle
minibatches with `sampled` (their number is geometric) and step through them with `literal`.

Everything here is written for one trajectory; the driver maps it over trajectories and cells.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.simulation import sampling
from sparsesim.simulation.sampling import Array
from sparsesim.simulation.statistics import Record, record
from sparsesim.simulation.transformations import HeavyBallState, heavy_ball

ORACLES = ("sampled", "literal")
SHORTEST_TABLE = 64
# Coordinates that a block holds at once: its arrays stay in a core's cache at moderate d.
BLOCK_COORDINATES = 2**18
MOST_TRAJECTORIES = 256
# XLA vectorises a block of one trajectory badly.
FEWEST_TRAJECTORIES = 4


class Parameters(NamedTuple):
    """Numbers of one cell, all traced: cells of one d share one compilation."""

    B: Array
    label_noise: Array
    eta: Array
    eps: Array
    log_mu: Array  # log(1 - eps)
    sample_gate: sampling.Threshold  # p
    batch_gate: sampling.Threshold  # P, the probability of an active minibatch
    log_idle: Array  # log(1 - P)
    active_samples: sampling.ActiveSamples
    start: Array  # |e|, component of m along e, norm of m across e


@dataclass(frozen=True)
class Program:
    """What is static about a cell. It follows from the cell alone, so that neighbours cannot change a result's bits."""

    clock: str
    noisy: bool
    d: int
    oracle: str
    batch: int  # rows of a literal minibatch, 0 for `sampled`
    table: int  # length of the table of active samples, a power of two so that a few lengths serve all problems
    transformation: optax.GradientTransformation | None  # None: heavy ball

    blocks_per_launch = 1

    @property
    def coordinates(self) -> int:
        """Gaussians drawn for one minibatch."""
        return self.d * max(1, self.batch)

    @property
    def lanes(self) -> int:
        """Trajectories in a block."""
        return min(MOST_TRAJECTORIES, max(FEWEST_TRAJECTORIES, BLOCK_COORDINATES // self.coordinates))

    @property
    def trajectory_floats(self) -> int:
        """Memory of one trajectory: error, momentum, draws now and next, temporaries of the generator."""
        return 8 * self.coordinates

    def work(self, problem: LeastSquares, gaps: np.ndarray) -> np.ndarray:
        """The cost of one trajectory between recordings, in Gaussians drawn."""
        stepped = self.clock != "minibatch" and (self.oracle == "literal" or self.transformation is not None)
        return gaps * self.coordinates / (-math.expm1(sampling.log_idle(problem)) if stepped else 1.0)

    def parameters(
        self, problem: LeastSquares, optimizer: HeavyBall | None, start: tuple[float, float, float]
    ) -> Parameters:
        """The numbers of a cell, computed in float64 and rounded once. Without heavy ball eta and eps go unused."""
        idle = sampling.log_idle(problem)
        eta, eps = (optimizer.eta, optimizer.eps) if optimizer is not None else (1.0, 1.0)
        law = sampling.active_samples_law(problem)
        thresholds = np.full(self.table, 2**32 - 1, np.uint32)
        thresholds[: len(law.thresholds)] = law.thresholds[: self.table]
        return Parameters(
            B=np.float32(problem.B),
            label_noise=np.float32(problem.label_noise),
            eta=np.float32(eta),
            eps=np.float32(eps),
            log_mu=np.float32(math.log1p(-eps) if eps < 1.0 else -math.inf),
            sample_gate=sampling.threshold(problem.p),
            batch_gate=sampling.threshold(-math.expm1(idle)),
            log_idle=np.float32(idle),
            active_samples=law._replace(thresholds=thresholds),
            start=np.array(sampling.components(start), np.float32),
        )

    @property
    def targets_per_trajectory(self) -> bool:
        """Whether the trajectories of a cell have each their own ticks to be recorded at."""
        return self.clock == "poisson"

    def targets(self, times: np.ndarray, seed: int, cell: int, trajectories: range) -> np.ndarray:
        """Ticks by each recording, (time,); on the Poisson clock, where they are random, (trajectory, time)."""
        if self.clock == "poisson":
            times = sampling.poisson_counts(seed, cell, times, trajectories)
        return times.astype(np.int32)

    def run(self, key: jax.Array, cell: Parameters, targets: jax.Array) -> Record:
        """R, V and C of one trajectory at its recordings, (time, moment); see `trajectory`."""
        return record(trajectory(key, cell, targets, self))


def program_of(problem: LeastSquares, clock: str, oracle: str, transformation: Any = None) -> Program:
    """The program that simulates a cell."""
    literal = oracle == "literal"
    length = 1 if literal else len(sampling.active_samples_law(problem).thresholds)
    table = max(SHORTEST_TABLE, 1 << (length - 1).bit_length())
    noisy = problem.label_noise > 0.0
    return Program(clock, noisy, problem.d, oracle, problem.B if literal else 0, table, transformation)


class LiteralDraw(NamedTuple):
    """Everything random in a minibatch of the algorithm as written."""

    gates: Array  # (batch,)
    features: Array  # (batch, d)
    noise: Array  # (batch,)


class SampledDraw(NamedTuple):
    """Everything random in a minibatch, in sufficient statistics of its active samples."""

    idle: jax.Array  # idle minibatches before this one
    squares: jax.Array  # Q ~ chi2_b
    noise: jax.Array  # w ~ N(0, 1)
    xi: jax.Array  # (d,), N(0, I)


class State(NamedTuple):
    """One trajectory between minibatches."""

    error: jax.Array
    optimizer: Any
    draw: LiteralDraw | SampledDraw  # the coming minibatch
    minibatches: jax.Array  # so far (sampled, off the minibatch clock: active ones): the address of a draw
    ticks: jax.Array  # of the clock, so far


class Rule(NamedTuple):
    """An optimizer seen from a trajectory: how it starts, takes a gradient and spends idle minibatches."""

    init: Callable[[jax.Array, jax.Array], Any]
    step: Callable[[State, jax.Array], State]
    idle: Callable[[State, jax.Array], State]
    momentum: Callable[[State], jax.Array]


def heavy_ball_rule(cell: Parameters) -> Rule:
    """`heavy_ball`, with idle stretches in closed form: m decays and drags theta along, a geometric sum."""
    transformation = heavy_ball(cell.eta, cell.eps)

    def step(state: State, gradient: jax.Array) -> State:
        update, optimizer = transformation.update(gradient, state.optimizer)
        return state._replace(error=optax.apply_updates(state.error, update), optimizer=optimizer)

    def idle(state: State, minibatches: jax.Array) -> State:
        decay = jnp.where(minibatches > 0, jnp.exp(minibatches * cell.log_mu), 1.0)
        travelled = jnp.where(minibatches > 0, -jnp.expm1(minibatches * cell.log_mu), 0.0) * (1.0 - cell.eps) / cell.eps
        momentum = state.optimizer.momentum
        return state._replace(
            error=state.error - cell.eta * travelled * momentum, optimizer=HeavyBallState(decay * momentum)
        )

    return Rule(lambda error, momentum: HeavyBallState(momentum), step, idle, lambda state: state.optimizer.momentum)


def optax_rule(transformation: optax.GradientTransformation, origin: jax.Array) -> Rule:
    """Any transformation; `origin` is the error at theta = 0, so params are theta. Idle minibatches are stepped."""

    def step(state: State, gradient: jax.Array) -> State:
        update, optimizer = transformation.update(gradient, state.optimizer[0], state.error - origin)
        error = optax.apply_updates(state.error, update)
        return state._replace(error=error, optimizer=(optimizer, jax.tree.map(jnp.negative, update)))

    def idle(state: State, minibatches: jax.Array) -> State:
        zero = jnp.zeros_like(state.error)
        return jax.lax.fori_loop(0, minibatches.astype(jnp.int32), lambda _, state: step(state, zero), state)

    def init(error: jax.Array, momentum: jax.Array) -> Any:
        return transformation.init(error - origin), momentum

    return Rule(init, step, idle, lambda state: state.optimizer[1])


class Oracle(NamedTuple):
    """Where gradients come from: state-free draws, and arithmetic on them."""

    draw: Callable[[jax.Array], Any]
    gradient: Callable[[jax.Array, Any], jax.Array]


def literal_oracle(cell: Parameters, program: Program) -> Oracle:
    """The algorithm as written."""

    def draw(key: jax.Array) -> LiteralDraw:
        gate_key, feature_key, noise_key = jax.random.split(key, 3)
        gates = sampling.bernoulli(jax.random.bits(gate_key, (2, program.batch), jnp.uint32), cell.sample_gate)
        features = jax.random.normal(feature_key, (program.batch, program.d), jnp.float32)
        noise = (
            jax.random.normal(noise_key, (program.batch,), jnp.float32) if program.noisy else jnp.zeros(program.batch)
        )
        return LiteralDraw(gates, features, cell.label_noise * noise)

    def loss(error: jax.Array, draw: LiteralDraw) -> jax.Array:
        residuals = jnp.sum(draw.features * error, axis=1) - draw.noise
        return 0.5 * jnp.sum(jnp.where(draw.gates, residuals, 0.0) ** 2) / cell.B

    return Oracle(draw, jax.grad(loss))


def sampled_oracle(cell: Parameters, program: Program) -> Oracle:
    """The exact law of the gradient in O(d); off the minibatch clock every draw is an active minibatch."""

    def draw(key: jax.Array) -> SampledDraw:
        word_key, square_key, xi_key = jax.random.split(key, 3)
        words = jax.random.bits(word_key, (4 if program.noisy else 3,), jnp.uint32)
        active = sampling.active_samples(words[0], cell.active_samples)
        if program.clock == "minibatch":
            active, idle = jnp.where(sampling.bernoulli(words[1:3], cell.batch_gate), active, 0), jnp.float32(0.0)
        else:
            idle = sampling.geometric(words[1], cell.log_idle) - 1.0
        noise = sampling.normal(words[3]) if program.noisy else jnp.float32(0.0)
        return SampledDraw(
            idle, sampling.chi_square(square_key, active), noise, jax.random.normal(xi_key, (program.d,), jnp.float32)
        )

    def gradient(error: jax.Array, draw: SampledDraw) -> jax.Array:
        norm = jnp.sqrt(jnp.sum(error**2))
        # At e = 0 the residuals are pure noise and g is isotropic: the component along e needs no treatment of its own.
        inverse = jnp.where(norm > 0.0, 1.0 / norm, 0.0)
        root = jnp.sqrt(draw.squares)
        residual_norm = jnp.sqrt(norm**2 + cell.label_noise**2) * root
        across = jnp.sum(error * draw.xi) * inverse
        along = (norm * root + cell.label_noise * draw.noise) * root - residual_norm * across
        return (along * inverse / cell.B) * error + (residual_norm / cell.B) * draw.xi

    return Oracle(draw, gradient)


def trajectory(key: jax.Array, cell: Parameters, targets: jax.Array, program: Program) -> jax.Array:
    """R, V and C of one trajectory when its clock has ticked as often as `targets` say.

    Args:
        key: the trajectory's key.
        cell: its cell's numbers.
        targets: (time,) int32, non-decreasing; ticks of the minibatch clock, or of the active clock otherwise.
        program: its cell's program.

    Returns:
        (time, 3) float32.
    """
    clock, transformation = program.clock, program.transformation
    error, momentum = _initial(jax.random.fold_in(key, 0), cell, program.d)
    rule = heavy_ball_rule(cell) if transformation is None else optax_rule(transformation, error)
    draw, gradient = (literal_oracle if program.oracle == "literal" else sampled_oracle)(cell, program)

    def minibatch(state: State) -> State:
        # Drawn one minibatch ahead, into the loop's state: XLA would otherwise generate the normals again in every
        # kernel that reads them.
        following = draw(jax.random.fold_in(key, state.minibatches + 2))
        tick = 1
        if isinstance(state.draw, SampledDraw):
            if clock != "minibatch":
                state = rule.idle(state, state.draw.idle)
        elif clock != "minibatch":
            tick = state.draw.gates.any().astype(jnp.int32)
        state = rule.step(state, gradient(state.error, state.draw))
        return state._replace(draw=following, minibatches=state.minibatches + 1, ticks=state.ticks + tick)

    def recorded(state: State, target: jax.Array) -> tuple[State, jax.Array]:
        state = jax.lax.while_loop(lambda state: state.ticks < target, minibatch, state)
        e, m = state.error, rule.momentum(state)
        return state, jnp.stack([jnp.sum(e * e), jnp.sum(m * m), jnp.sum(e * m)])

    first = draw(jax.random.fold_in(key, 1))
    state = State(error, rule.init(error, momentum), first, minibatches=jnp.int32(0), ticks=jnp.int32(0))
    return jax.lax.scan(recorded, state, targets)[1]


def _initial(key: jax.Array, cell: Parameters, d: int) -> tuple[jax.Array, jax.Array]:
    """An error in a uniformly random direction, and a momentum that has the asked Gram matrix with it."""
    first, second = jax.random.normal(key, (2, d), jnp.float32)
    along = first / jnp.sqrt(jnp.sum(first**2))
    second = second - jnp.sum(second * along) * along
    across = second / jnp.sqrt(jnp.sum(second**2)) if d > 1 else jnp.zeros_like(second)
    norm, momentum_along, momentum_across = cell.start
    return norm * along, momentum_along * along + momentum_across * across
