"""The vector engine for logistic regression: d-dimensional trajectories under any optax transformation.

The state is theta, whose first coordinate is along the signal, and the optimizer's state; one minibatch is

    g = (1/B) sum_i a_i x_i,     a_i = s(f_i) - y_i,     f_i = <theta, x_i> + b,     x_i ~ N(r y_i what, I_d).

Two oracles give g. `literal` is the algorithm as written: classes, B x d features, `jax.grad` of the minibatch loss.
`sampled` draws g from its exact law in O(B + d): residuals depend on x_i = r y_i what + u_i through z_i = <u_i, that>
alone, with that = theta/|theta|, and what of u_i is across theta is independent of them. With the sums
T = sum_i a_i z_i, S = sum_i a_i^2, Y = sum_i a_i y_i, and xi ~ N(0, I) across theta,

    f_i = b + r theta_par y_i + |theta| z_i,     g = (1/B) (T that + sqrt(S) xi + r Y what).

The rare samples, Binomial(B, p) of them, come first in a minibatch; a large one is drawn slice by slice.

Everything here is written for one trajectory; the driver maps it over trajectories and cells.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.simulation import minibatches, quantiles, rules, sampling
from sparsesim.simulation.logistic.residuals import Logits, sums
from sparsesim.simulation.minibatches import Oracle
from sparsesim.simulation.sampling import Array
from sparsesim.simulation.statistics import Record, record

# Samples in a slice of a minibatch; powers of two between them, so that a few widths serve all B.
NARROWEST, WIDEST = 16, 4096


class Parameters(NamedTuple):
    """Numbers of one cell, all traced: cells of one d and like B share one compilation."""

    B: Array  # int32
    slices: Array  # of a minibatch, int32
    bias: Array
    r: Array
    rates: rules.Rates
    sample_gate: sampling.Threshold  # p
    batch_gate: sampling.Threshold  # the probability of a rare sample in a minibatch
    rare_samples: sampling.ActiveSamples
    signal: Array  # theta_par and m_par at the start
    across: Array  # |theta_perp|, component of m_perp along theta_perp, norm of m_perp across it


@dataclass(frozen=True)
class Program:
    """What is static about a cell. It follows from the cell alone, so that neighbours cannot change a result's bits."""

    d: int
    oracle: str
    batch: int  # samples of a literal minibatch, or in a slice of a sampled one
    table: int  # length of the table of rare samples
    transformation: optax.GradientTransformation | None  # None: heavy ball

    tiles_per_launch = 1
    gaps_per_trajectory = False

    @property
    def coordinates(self) -> int:
        """Gaussians that are drawn at once."""
        return self.d * self.batch if self.oracle == "literal" else self.d + self.batch

    @property
    def lanes(self) -> int:
        """Trajectories in a tile."""
        return minibatches.lanes(self.coordinates)

    @property
    def trajectory_floats(self) -> int:
        """Memory of one trajectory: theta, momentum, draws now and next, temporaries of the generator."""
        return 8 * self.coordinates

    def work(self, problem: RareClassLogistic, gaps: np.ndarray) -> np.ndarray:
        """The cost of one trajectory between recordings, in Gaussians drawn."""
        return gaps * (self.coordinates if self.oracle == "literal" else self.d + problem.B)

    def parameters(
        self, problem: RareClassLogistic, optimizer: HeavyBall | None, start: tuple[float, ...]
    ) -> Parameters:
        """The numbers of a cell, computed in float64 and rounded once."""
        theta_par, m_par, R, V, C = start
        return Parameters(
            B=np.int32(problem.B),
            slices=np.int32(-(-problem.B // self.batch)),
            bias=np.float32(problem.bias),
            r=np.float32(problem.r),
            rates=rules.rates(optimizer),
            sample_gate=sampling.threshold(problem.p),
            batch_gate=sampling.threshold(-math.expm1(sampling.log_idle(problem))),
            rare_samples=sampling.padded_law(problem, self.table),
            signal=np.array([theta_par, m_par], np.float32),
            across=np.array(sampling.components((R, V, C)), np.float32),
        )

    def gaps(self, times: np.ndarray, seed: int, cell: int, trajectories: range) -> np.ndarray:
        """Minibatches before each recording, (time,)."""
        return np.diff(times, prepend=0.0).astype(np.int64)

    def encoded(self, gaps: np.ndarray) -> np.ndarray:
        """Gaps as `advance` takes them."""
        return gaps.astype(np.int32)

    def initial(self, key: jax.Array, cell: Parameters) -> rules.State:
        """The state of one trajectory at time 0."""
        return self.trajectory(key, cell).initial(*initial(jax.random.fold_in(key, 0), cell, self.d))

    def advance(self, state: rules.State, gap: jax.Array, key: jax.Array, cell: Parameters) -> rules.State:
        """The state `gap` minibatches later."""
        return self.trajectory(key, cell).advance(state, gap)

    def observe(self, state: rules.State, key: jax.Array, cell: Parameters) -> Record:
        """theta_par, m_par, R, V and C, (moment,)."""
        return record(observe(state.position, self.trajectory(key, cell).rule.momentum(state)))

    def trajectory(self, key: jax.Array, cell: Parameters) -> minibatches.Trajectory:
        """The trajectory that a key stands for."""
        oracle = (literal_oracle if self.oracle == "literal" else sampled_oracle)(cell, self)
        return minibatches.Trajectory(key, oracle, rules.rule_of(self.transformation, cell.rates, jnp.zeros(self.d)))


def program_of(problem: RareClassLogistic, oracle: str, transformation: Any = None) -> Program:
    """The program that simulates a cell."""
    if oracle == "literal":
        return Program(problem.d, oracle, problem.B, 1, transformation)
    width = min(WIDEST, max(NARROWEST, 1 << (problem.B - 1).bit_length()))
    return Program(problem.d, oracle, width, sampling.table_length(problem), transformation)


def initial(key: jax.Array, cell: Parameters, d: int) -> tuple[jax.Array, jax.Array]:
    """Vectors theta and m that have the asked moments, (d,) each; theta_perp in a uniformly random direction."""
    across = minibatches.random_pair(key, cell.across, d - 1)
    theta, m = (jnp.append(along, rest) for along, rest in zip(cell.signal, across, strict=True))
    return theta, m


def observe(theta: jax.Array, m: jax.Array) -> jax.Array:
    """theta_par, m_par, R, V and C, (moment,)."""
    return jnp.concatenate([jnp.stack([theta[0], m[0]]), minibatches.gram(theta[1:], m[1:])])


class LiteralDraw(NamedTuple):
    """Everything random in a minibatch of the algorithm as written."""

    rare: Array  # the class, (batch,)
    features: Array  # (batch, d)


class SampledDraw(NamedTuple):
    """What is random in a minibatch, of its first slice only where it has several."""

    rare: jax.Array  # samples of the rare class, int32
    key: jax.Array  # of the slices, as data
    normals: jax.Array  # z_i of the first of them, (batch,)
    xi: jax.Array  # (d,), N(0, I)


def literal_oracle(cell: Parameters, program: Program) -> Oracle:
    """The algorithm as written."""

    def draw(key: jax.Array) -> LiteralDraw:
        """Classes and features."""
        class_key, feature_key = jax.random.split(key)
        rare = sampling.bernoulli(jax.random.bits(class_key, (2, program.batch), jnp.uint32), cell.sample_gate)
        features = jax.random.normal(feature_key, (program.batch, program.d), jnp.float32)
        return LiteralDraw(rare, features.at[:, 0].add(jnp.where(rare, cell.r, 0.0)))

    def loss(theta: jax.Array, draw: LiteralDraw) -> jax.Array:
        """The minibatch's logistic loss; softplus keeps its digits for logits of any size."""
        logits = jnp.sum(draw.features * theta, axis=1) + cell.bias
        return jnp.sum(jax.nn.softplus(jnp.where(draw.rare, -logits, logits))) / cell.B

    return Oracle(draw, jax.grad(loss))


def sampled_oracle(cell: Parameters, program: Program) -> Oracle:
    """The exact law of the gradient in O(B + d)."""

    def normals(key: jax.Array, number: Array) -> jax.Array:
        """Those of one slice, (batch,)."""
        # From tables: the common class learns from the far tail, where float32's uniforms end too early.
        words = jax.random.bits(jax.random.fold_in(key, number), (program.batch,), jnp.uint32)
        return quantiles.draw(words, quantiles.NORMAL)

    def draw(key: jax.Array) -> SampledDraw:
        """What does not depend on theta."""
        word_key, slice_key, xi_key = jax.random.split(key, 3)
        rare = sampling.samples(jax.random.bits(word_key, (3,), jnp.uint32), cell.batch_gate, cell.rare_samples)
        xi = jax.random.normal(xi_key, (program.d,), jnp.float32)
        return SampledDraw(rare, jax.random.key_data(slice_key), normals(slice_key, 0), xi)

    def gradient(theta: jax.Array, draw: SampledDraw) -> jax.Array:
        """The gradient at theta, (d,)."""
        key = jax.random.wrap_key_data(draw.key, impl=sampling.GENERATOR)
        norm = jnp.sqrt(jnp.sum(theta**2))
        logits = Logits(cell.bias, norm, cell.r * theta[0])

        def of_slice(number: Array, normals: jax.Array) -> jax.Array:
            """T, S and Y over one slice, (3,)."""
            places = number * program.batch + jnp.arange(program.batch, dtype=jnp.int32)
            return jnp.stack(sums(normals, places, logits, draw.rare, cell.B))

        def following(number: jax.Array, carry: tuple[jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array]:
            """Adds a slice, and draws the next."""
            total, here = carry
            return total + of_slice(number, here), normals(key, number + 1)

        total, last = jnp.zeros(3), draw.normals
        if program.batch == WIDEST:
            total, last = jax.lax.fori_loop(0, cell.slices - 1, following, (total, last))
        T, S, Y = total + of_slice(cell.slices - 1, last)
        across = minibatches.gradient_of_sums(theta, norm, T, jnp.sqrt(S), draw.xi, cell.B)
        return across.at[0].add(cell.r * Y / cell.B)

    return Oracle(draw, gradient)
