"""The reduced engine for logistic regression: five numbers, exact in law, at a cost of B normals whatever d.

Rotations that keep the signal direction leave the law of (theta, m) as it is, so that theta_par, m_par and the Gram
matrix of theta and m across the signal are a Markov chain by themselves. Given the residuals a_i = s(f_i) - y_i, which
need one normal u_i along theta for each sample, the features across theta are independent of them. With
T = sum a_i u_i, S = sum a_i^2, Y = sum a_i y_i, cos = theta_par/|theta|, sin = |theta_perp|/|theta| and independent
standard normals N1 and N2

    along the signal                                   g = (cos T - sin sqrt(S) N1 + r Y) / B
    along theta_perp                                   g = (sin T + cos sqrt(S) N1) / B
    across the signal and theta_perp, in m's plane     g = sqrt(S) N2 / B
    across all of these                              |g| = sqrt(S) chi_{d-3} / B

(docs/logistic.md, section 7). The rare samples, Binomial(B, p) of them, come first in a minibatch. It is walked in
slices, so that a large one needs no more memory than a small one.

As in the reduced engine of least squares a chain stands where its last minibatch left m, before theta moved by it.
Everything here is written for one trajectory; the driver maps it over trajectories and cells.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.simulation import binary, plane, quantiles, sampling
from sparsesim.simulation.binary import Count, compensated_sum
from sparsesim.simulation.logistic.residuals import Logits, sums
from sparsesim.simulation.plane import Chain, Kick
from sparsesim.simulation.sampling import Array
from sparsesim.simulation.statistics import Record, record

# Samples that the lanes of a tile draw at once, and the fewest and the most of them that are of one trajectory.
TILE_SAMPLES, NARROWEST, WIDEST = 2**14, 16, 64
MOST_LANES = 512
OVERHEAD = 16  # of a minibatch beside its samples, in their unit


class Parameters(NamedTuple):
    """Numbers of one cell, all traced: cells of like B share one compilation."""

    B: Array  # int32
    slices: Array  # of a minibatch, int32
    eta: Array
    eps: Array
    bias: Array
    r: Array
    kick: Array  # eps / B
    bulk: Array  # 1, and 0 at d = 1 where nothing is across the signal
    plane: Array  # 1, and 0 up to d = 2 where nothing is across theta_perp besides
    rare_gate: sampling.Threshold  # the probability of a rare sample in a minibatch
    rare_samples: sampling.ActiveSamples
    rest: Array  # table of chi_{d-3}
    start: tuple[Array, Array, Chain]  # theta_par, m_par and the chain across, before a move


class Draw(NamedTuple):
    """What is random in a minibatch beside its residuals."""

    rare: jax.Array  # samples of the rare class, int32
    mixed: jax.Array  # N1
    sideways: jax.Array  # N2
    rest: jax.Array


class Samples(NamedTuple):
    """The samples of the coming slice of a minibatch, and where the next come from."""

    generators: sampling.Xoshiro  # one for each sample of a slice
    normals: jax.Array  # u


class State(NamedTuple):
    """One trajectory where its last minibatch left m."""

    theta: jax.Array  # along the signal
    m: jax.Array
    chain: Chain  # across it
    rounded: tuple[jax.Array, jax.Array, Chain]  # what rounding took off the three
    samples: Samples
    generator: sampling.Xoshiro
    draw: Draw  # of the coming minibatch


@dataclass(frozen=True)
class Program:
    """What is static: the cells that share it share one compilation."""

    width: int  # of a slice, a power of two
    table: int  # length of the table of rare samples, likewise

    tiles_per_launch = 8
    gaps_per_trajectory = False

    @property
    def lanes(self) -> int:
        """Trajectories in a tile."""
        return min(MOST_LANES, TILE_SAMPLES // self.width)

    @property
    def trajectory_floats(self) -> int:
        """State, the next state, temporaries."""
        return 60 + 16 * self.width

    def work(self, problem: RareClassLogistic, gaps: np.ndarray) -> np.ndarray:
        """The cost of one trajectory between recordings, in samples."""
        return gaps * (OVERHEAD + -(-problem.B // self.width) * self.width)

    def parameters(self, problem: RareClassLogistic, optimizer: HeavyBall, start: tuple[float, ...]) -> Parameters:
        """The numbers of a cell, computed in float64 and rounded once."""
        eta, eps = optimizer.eta, optimizer.eps
        theta, m, R, V, C = start
        chain = plane.before_move((R, V, C), eta)
        return Parameters(
            B=np.int32(problem.B),
            slices=np.int32(-(-problem.B // self.width)),
            eta=np.float32(eta),
            eps=np.float32(eps),
            bias=np.float32(problem.bias),
            r=np.float32(problem.r),
            kick=np.float32(eps / problem.B),
            bulk=np.float32(problem.d > 1),
            plane=np.float32(problem.d > 2),
            rare_gate=sampling.threshold(-math.expm1(sampling.log_idle(problem))),
            rare_samples=sampling.padded_law(problem, self.table),
            rest=quantiles.chi(problem.d - 3),
            start=(np.float32(theta + eta * m), np.float32(m), Chain(*map(np.float32, chain))),
        )

    def gaps(self, times: np.ndarray, seed: int, cell: int, trajectories: range) -> np.ndarray:
        """Minibatches before each recording, (time,)."""
        return np.diff(times, prepend=0.0).astype(np.int64)

    def encoded(self, gaps: np.ndarray) -> Count:
        """Gaps as `advance` takes them."""
        return binary.from_integers(gaps)

    def initial(self, key: jax.Array, cell: Parameters) -> State:
        """The state of one trajectory at time 0."""
        return initial(key, cell, self)

    def advance(self, state: State, gap: Count, key: jax.Array, cell: Parameters) -> State:
        """The state `gap` minibatches later."""
        return advance(state, gap, cell, self)

    def observe(self, state: State, key: jax.Array, cell: Parameters) -> Record:
        """theta_par, m_par, R, V and C, (moment,)."""
        return observe(state, cell)


def program_of(problem: RareClassLogistic) -> Program:
    """The program that simulates a cell."""
    width = min(WIDEST, max(NARROWEST, 1 << (problem.B - 1).bit_length()))
    return Program(width, sampling.table_length(problem))


def initial(key: jax.Array, cell: Parameters, program: Program) -> State:
    """The state at time 0, with the first minibatch drawn."""
    words = jax.random.bits(key, (4, program.width + 1), jnp.uint32)
    generator, draw = _draw(sampling.Xoshiro(*words[:, -1]), cell)
    zero = jnp.float32(0.0)
    theta, m, chain = jax.tree.map(jnp.asarray, cell.start)
    rounded = zero, zero, Chain(zero, zero, zero)
    return State(theta, m, chain, rounded, drawn(sampling.Xoshiro(*words[:, :-1])), generator, draw)


def advance(state: State, gap: Count, cell: Parameters, program: Program) -> State:
    """The state `gap` minibatches later."""
    one = Count(jnp.uint32(0), jnp.uint32(1))

    def minibatch(carry: tuple[State, Count]) -> tuple[State, Count]:
        """One minibatch, of those that are left."""
        state, left = carry
        return update(state, cell, program), binary.minus(left, one)

    return jax.lax.while_loop(lambda carry: binary.less_equal(one, carry[1]), minibatch, (state, gap))[0]


def update(state: State, cell: Parameters, program: Program) -> State:
    """One minibatch: the move by the momentum, the gradient there, the momentum after it."""
    # Drawn ahead, as samples are, into the loop's state: XLA would otherwise draw again in every kernel that reads.
    generator, following = _draw(state.generator, cell)
    draw = state.draw
    theta, theta_rest, here, drifted, error, error_rest = moved(state, cell)
    length = binary.hypotenuse(theta, error)
    # At theta = 0 all directions are alike; theta is then taken to lie along the signal.
    cosine = jnp.where(length > 0.0, theta / length, 1.0)
    sine = jnp.where(length > 0.0, error / length, 0.0)
    logits = Logits(cell.bias, length, cell.r * theta)
    samples, (T, S, Y) = residuals(state.samples, logits, draw.rare, cell, program)
    root = cell.kick * jnp.sqrt(S)
    pull = cell.kick * (cosine * T + cell.r * Y) - root * sine * draw.mixed
    toward = cell.bulk * (cell.kick * sine * T + root * cosine * draw.mixed)
    kick = Kick(toward, cell.plane * root * draw.sideways, cell.plane * root * draw.rest)
    m, m_rest = plane.changed(state.m, state.rounded[1], pull - cell.eps * state.m, (1.0 - cell.eps) * state.m + pull)
    (along, along_rest), (across, across_rest) = plane.kicked(
        state.chain, state.rounded[2], here, drifted, kick, cell.eps
    )
    return State(
        theta,
        m,
        Chain(error, along, across),
        (theta_rest, m_rest, Chain(error_rest, along_rest, across_rest)),
        samples,
        generator,
        following,
    )


def moved(state: State, cell: Parameters) -> tuple[jax.Array, jax.Array, Chain, Chain, jax.Array, jax.Array]:
    """theta_par and its rest, the chain and its changes, |theta_perp| and its rest, after the move by the momentum."""
    theta, theta_rest = compensated_sum(state.theta, state.rounded[0], -cell.eta * state.m)
    here, drifted = plane.move(state.chain, cell.eta)
    error, error_rest = compensated_sum(state.chain.error, state.rounded[2].error, drifted.error)
    return theta, theta_rest, here, drifted, error, error_rest


def residuals(
    samples: Samples, logits: Logits, rare: jax.Array, cell: Parameters, program: Program
) -> tuple[Samples, tuple[jax.Array, jax.Array, jax.Array]]:
    """A minibatch's sums of a u, a^2 and a y over residuals a, slice by slice.

    Args:
        samples: what the samples of the first slice are made of.
        logits: of theta.
        rare: how many samples are of the rare class.
        cell: its cell's numbers.
        program: its cell's program.

    Returns:
        The same for the next minibatch, and the three sums.
    """
    places = jnp.arange(program.width, dtype=jnp.int32)
    if program.width < WIDEST:
        return drawn(samples.generators), sums(samples.normals, places, logits, rare, cell.B)

    def add(number: jax.Array, carry: Any) -> Any:
        """Adds a slice, and draws the next."""
        samples, totals = carry
        of_slice = sums(samples.normals, number * program.width + places, logits, rare, cell.B)
        return drawn(samples.generators), tuple(total + term for total, term in zip(totals, of_slice, strict=True))

    return jax.lax.fori_loop(0, cell.slices, add, (samples, (jnp.float32(0.0),) * 3))


def drawn(generators: sampling.Xoshiro) -> Samples:
    """A slice."""
    generators, (words,) = sampling.next_words(generators, 1)
    return Samples(generators, quantiles.draw(words, quantiles.NORMAL))


def observe(state: State, cell: Parameters) -> Record:
    """theta_par, m_par, R, V and C, (moment,)."""
    theta, theta_rest, here, _, error, error_rest = moved(state, cell)
    values, rests, exponents = plane.moments(here._replace(error=error), error_rest)
    signal, zeros = jnp.stack([theta, state.m]), jnp.zeros(2, jnp.int32)
    return record(
        jnp.concatenate([signal, values]),
        jnp.concatenate([jnp.stack([theta_rest, state.rounded[1]]), rests]),
        jnp.concatenate([zeros, exponents]),
    )


def _draw(generator: sampling.Xoshiro, cell: Parameters) -> tuple[sampling.Xoshiro, Draw]:
    generator, words = sampling.next_words(generator, 6)
    return generator, Draw(
        rare=sampling.samples(jnp.stack([words[2], *words[:2]]), cell.rare_gate, cell.rare_samples),
        mixed=quantiles.draw(words[3], quantiles.NORMAL),
        sideways=quantiles.draw(words[4], quantiles.NORMAL),
        rest=quantiles.draw(words[5], cell.rest),
    )
