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
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.simulation import minibatches, rules, sampling
from sparsesim.simulation.minibatches import Oracle
from sparsesim.simulation.sampling import Array
from sparsesim.simulation.statistics import Record, record

ORACLES = ("sampled", "literal")


class Parameters(NamedTuple):
    """Numbers of one cell, all traced: cells of one d share one compilation."""

    B: Array
    label_noise: Array
    rates: rules.Rates
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
    table: int  # length of the table of active samples
    transformation: optax.GradientTransformation | None  # None: heavy ball

    tiles_per_launch = 1

    @property
    def coordinates(self) -> int:
        """Gaussians drawn for one minibatch."""
        return self.d * max(1, self.batch)

    @property
    def lanes(self) -> int:
        """Trajectories in a tile."""
        return minibatches.lanes(self.coordinates)

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
        """The numbers of a cell, computed in float64 and rounded once."""
        idle = sampling.log_idle(problem)
        return Parameters(
            B=np.float32(problem.B),
            label_noise=np.float32(problem.label_noise),
            rates=rules.rates(optimizer),
            sample_gate=sampling.threshold(problem.p),
            batch_gate=sampling.threshold(-math.expm1(idle)),
            log_idle=np.float32(idle),
            active_samples=sampling.padded_law(problem, self.table),
            start=np.array(sampling.components(start), np.float32),
        )

    @property
    def gaps_per_trajectory(self) -> bool:
        """Whether the trajectories of a cell have each their own ticks between recordings."""
        return self.clock == "poisson"

    def gaps(self, times: np.ndarray, seed: int, cell: int, trajectories: range) -> np.ndarray:
        """Ticks before each recording, (time,); on the Poisson clock, where they are random, (trajectory, time)."""
        if self.clock == "poisson":
            return sampling.poisson_gaps(seed, cell, times, trajectories)
        return np.diff(times, prepend=0.0).astype(np.int64)

    def encoded(self, gaps: np.ndarray) -> np.ndarray:
        """Gaps as `advance` takes them."""
        return gaps.astype(np.int32)

    def initial(self, key: jax.Array, cell: Parameters) -> rules.State:
        """The state of one trajectory at time 0."""
        return self.trajectory(key, cell).initial(*self.start(key, cell))

    def advance(self, state: rules.State, gap: jax.Array, key: jax.Array, cell: Parameters) -> rules.State:
        """The state `gap` ticks later: of minibatches on that clock, of active ones on the others."""
        return self.trajectory(key, cell).advance(state, gap)

    def observe(self, state: rules.State, key: jax.Array, cell: Parameters) -> Record:
        """R, V and C, (moment,)."""
        return record(minibatches.gram(state.position, self.trajectory(key, cell).rule.momentum(state)))

    def trajectory(self, key: jax.Array, cell: Parameters) -> minibatches.Trajectory:
        """The trajectory that a key stands for."""
        oracle = (literal_oracle if self.oracle == "literal" else sampled_oracle)(cell, self)
        origin, _ = self.start(key, cell)  # where theta = 0; heavy ball does not ask, and nothing is computed then
        return minibatches.Trajectory(key, oracle, rules.rule_of(self.transformation, cell.rates, origin))

    def start(self, key: jax.Array, cell: Parameters) -> tuple[jax.Array, jax.Array]:
        """Error and momentum at time 0, (d,) each."""
        return minibatches.random_pair(jax.random.fold_in(key, 0), cell.start, self.d)


def program_of(problem: LeastSquares, clock: str, oracle: str, transformation: Any = None) -> Program:
    """The program that simulates a cell."""
    literal = oracle == "literal"
    table = 1 if literal else sampling.table_length(problem)
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


def literal_oracle(cell: Parameters, program: Program) -> Oracle:
    """The algorithm as written."""

    def draw(key: jax.Array) -> LiteralDraw:
        """Gates, features and label noise of a minibatch."""
        gate_key, feature_key, noise_key = jax.random.split(key, 3)
        gates = sampling.bernoulli(jax.random.bits(gate_key, (2, program.batch), jnp.uint32), cell.sample_gate)
        features = jax.random.normal(feature_key, (program.batch, program.d), jnp.float32)
        noise = (
            jax.random.normal(noise_key, (program.batch,), jnp.float32) if program.noisy else jnp.zeros(program.batch)
        )
        return LiteralDraw(gates, features, cell.label_noise * noise)

    def loss(error: jax.Array, draw: LiteralDraw) -> jax.Array:
        """The mean squared loss of a minibatch over its active samples, halved."""
        residuals = jnp.sum(draw.features * error, axis=1) - draw.noise
        return 0.5 * jnp.sum(jnp.where(draw.gates, residuals, 0.0) ** 2) / cell.B

    if program.clock == "minibatch":
        return Oracle(draw, jax.grad(loss))
    return Oracle(draw, jax.grad(loss), ticks=lambda draw: draw.gates.any().astype(jnp.int32))


def sampled_oracle(cell: Parameters, program: Program) -> Oracle:
    """The exact law of the gradient in O(d); off the minibatch clock every draw is an active minibatch."""
    jumps = program.clock != "minibatch"

    def draw(key: jax.Array) -> SampledDraw:
        """The sufficient statistics of a minibatch."""
        word_key, square_key, xi_key = jax.random.split(key, 3)
        words = jax.random.bits(word_key, (4 if program.noisy else 3,), jnp.uint32)
        if jumps:
            active = sampling.active_samples(words[0], cell.active_samples)
            idle = sampling.geometric(words[1], cell.log_idle) - 1.0
        else:
            active = sampling.samples(words[:3], cell.batch_gate, cell.active_samples)
            idle = jnp.float32(0.0)
        noise = sampling.normal(words[3]) if program.noisy else jnp.float32(0.0)
        return SampledDraw(
            idle, sampling.chi_square(square_key, active), noise, jax.random.normal(xi_key, (program.d,), jnp.float32)
        )

    def gradient(error: jax.Array, draw: SampledDraw) -> jax.Array:
        """Of a minibatch with these sums."""
        norm = jnp.sqrt(jnp.sum(error**2))
        root = jnp.sqrt(draw.squares)
        length = jnp.sqrt(norm**2 + cell.label_noise**2) * root
        along = (norm * root + cell.label_noise * draw.noise) * root
        return minibatches.gradient_of_sums(error, norm, along, length, draw.xi, cell.B)

    return Oracle(draw, gradient, (lambda draw: draw.idle) if jumps else None)
