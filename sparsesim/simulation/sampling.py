"""Random numbers by address, and exact draws of what the engines need.

Every stream is named by (seed, cell, trajectory, step): no result depends on the order or the grouping of the work.
Probabilities meet integers, not floats: a float32 uniform knows nothing below 2**-24, so a Bernoulli draw from one is
biased for rare events (+43% at p = 2.5e-7). Draws from a discrete law compare random bits with thresholds that were
computed in float64 beforehand.
"""

import functools
import hashlib
import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from scipy import stats

from sparsesim.problems import HeavyBall, Problem

Array = Any  # a NumPy array or number outside of jit, a traced one inside

# The fastest of JAX's generators whose draws do not depend on how they are batched (rbg's do). It names every stream
# and feeds the vector engine; `make bench` compares it with xoshiro128++, which the reduced engine carries along.
GENERATOR = "philox4x32"
# Trajectories whose Poisson counts come from one host generator; a constant, so that chunks do not matter.
POISSON_BLOCK = 256
SHORTEST_TABLE = 64  # of numbers of active samples


def cell_number(problem: Problem, optimizer: HeavyBall | None) -> int:
    """A 64-bit name for a cell made from its content: the same cell draws the same numbers in every sweep."""
    digest = hashlib.blake2b(repr((problem, optimizer)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little")


def cell_key(seed: int, cell: int) -> np.ndarray:
    """The two words from which `GENERATOR` makes the stream of one cell; fold in the trajectory, then the step.

    Made on the host: a sweep has thousands of cells. Among 1e10 of them about one pair meets by chance.
    """
    digest = hashlib.blake2b(f"{seed} {cell}".encode(), digest_size=8).digest()
    return np.frombuffer(digest, np.uint32)


def trajectory_key(cell_key: Array, trajectory: Array) -> jax.Array:
    """The key of one trajectory.

    Within an engine no key is both split and folded, or both a parent and a source of bits: for this generator those
    coincide. Between the engines they may: compare those at different seeds.
    """
    return jax.random.fold_in(jax.random.wrap_key_data(cell_key, impl=GENERATOR), trajectory)


class Xoshiro(NamedTuple):
    """The state of xoshiro128++ (Blackman and Vigna 2021), four words, of which not all may be 0."""

    s0: jax.Array
    s1: jax.Array
    s2: jax.Array
    s3: jax.Array


def xoshiro(key: jax.Array) -> Xoshiro:
    """A generator that starts at a random place of its period of 2^128 - 1."""
    return Xoshiro(*jax.random.bits(key, (4,), jnp.uint32))


def next_words(generator: Xoshiro, count: int) -> tuple[Xoshiro, list[jax.Array]]:
    """The generator after `count` steps, and their words.

    A word costs a quarter of one from a fast counter-based generator, and a tenth of one from `jax.random`.
    """

    def rotated(word: jax.Array, by: int) -> jax.Array:
        """Bits moved to the left, and around."""
        return (word << by) | (word >> (32 - by))

    s0, s1, s2, s3 = generator
    words = []
    for _ in range(count):
        words.append(rotated(s0 + s3, 7) + s0)
        shifted = s1 << 9
        s2, s3 = s2 ^ s0, s3 ^ s1
        s1, s0 = s1 ^ s2, s0 ^ s3
        s2, s3 = s2 ^ shifted, rotated(s3, 11)
    return Xoshiro(s0, s1, s2, s3), words


def poisson_gaps(seed: int, cell: int, times: np.ndarray, trajectories: range) -> np.ndarray:
    """Arrivals of a unit-rate Poisson process between each of `times` and the one before, (trajectory, time), int64.

    Drawn on the host (JAX has no Poisson sampler for this generator), a fixed block of trajectories at a time.
    """
    gaps = np.diff(times, prepend=0.0)
    blocks = range(trajectories.start // POISSON_BLOCK, -(-trajectories.stop // POISSON_BLOCK))
    counts = [
        np.random.Generator(
            np.random.Philox(np.random.SeedSequence(seed, spawn_key=(cell >> 32, cell & 0xFFFFFFFF, block)))
        ).poisson(gaps, size=(POISSON_BLOCK, len(times)))
        for block in blocks
    ]
    first = blocks.start * POISSON_BLOCK
    return np.concatenate(counts)[trajectories.start - first : trajectories.stop - first]


def components(start: tuple[float, float, float]) -> tuple[float, float, float]:
    """|e|, the component of m along e (at e = 0, |m|) and the norm of m across e, from (R, V, C)."""
    R, V, C = start
    along = C / math.sqrt(R) if R > 0.0 else math.sqrt(V)
    return math.sqrt(R), along, math.sqrt(max(0.0, V - along**2))


def log_idle(problem: Problem) -> float:
    """The logarithm of the probability that a minibatch has no active sample; -inf at p = 1."""
    return problem.B * math.log1p(-problem.p) if problem.p < 1.0 else -math.inf


class Threshold(NamedTuple):
    """A probability as a 64-bit integer, in two words: exact to 2**-64."""

    high: Array
    low: Array
    always: Array


def threshold(probability: float) -> Threshold:
    """The `Threshold` of a probability in [0, 1]."""
    mantissa, exponent = math.frexp(probability)
    value = int(math.ldexp(mantissa, 53)) << 64 >> (53 - exponent)
    value = min(value, (1 << 64) - 1)
    return Threshold(np.uint32(value >> 32), np.uint32(value & 0xFFFFFFFF), np.bool_(probability >= 1.0))


def bernoulli(bits: Array, limit: Threshold) -> jax.Array:
    """True with the probability behind `limit`, exact to 2**-64; `bits` (2, ...) is two words a draw."""
    high, low = bits
    return limit.always | (high < limit.high) | ((high == limit.high) & (low < limit.low))


def exponential(bits: Array) -> jax.Array:
    """Standard exponentials in float32, one word each, with full relative precision near 0 and in the tail."""
    below = (bits.astype(jnp.float32) + 0.5) * 2.0**-32
    above = ((~bits).astype(jnp.float32) + 0.5) * 2.0**-32
    return jnp.where(below < 0.5, -jnp.log1p(-below), -jnp.log(above))


def normal(bits: Array) -> jax.Array:
    """Standard normals in float32, one word each, with tails to 5.4 standard deviations as `jax.random.normal`."""
    # A sign and a magnitude: all of float32's 24 bits are exact, and the law is symmetric to the last of them.
    magnitude = ((bits >> 9).astype(jnp.float32) + 0.5) * 2.0**-23
    return jnp.where(bits & 1, 1.0, -1.0) * jnp.sqrt(jnp.float32(2.0)) * jax.lax.erf_inv(magnitude)


def geometric(bits: Array, log_failure: Array) -> jax.Array:
    """Number of trials up to the first success, on {1, 2, ...}, as a float32 whole number; one word each.

    Args:
        bits: random words.
        log_failure: log(1 - success probability), negative; -inf when every trial succeeds.
    """
    return 1.0 + jnp.floor(exponential(bits) / -log_failure)


def chi_square(key: jax.Array, degrees: Array) -> jax.Array:
    """A chi-square variate in float32 for whole `degrees` of freedom, 0 included (then it is 0).

    Marsaglia and Tsang (2000). Several proposals at once, so that under `vmap` the loop hardly ever runs twice. The
    log acceptance ratio is a difference of large numbers at many degrees of freedom; its series is used there.
    """
    proposals = 3
    degrees = jnp.asarray(degrees, jnp.float32)
    small = degrees < 2.0  # the method needs shape >= 1: boost by U^(2/degrees) from two degrees more
    scale = jnp.where(small, degrees + 2.0, degrees) / 2.0 - 1.0 / 3.0

    def propose(carry: tuple[jax.Array, jax.Array, jax.Array]) -> tuple[jax.Array, jax.Array, jax.Array]:
        """A few proposals at once: the attempts so far, whether one was accepted, the first that was."""
        attempt = carry[0]
        bits = jax.random.bits(jax.random.fold_in(key, attempt), (2 * proposals + 1,), jnp.uint32)
        h = normal(bits[:proposals]) / jnp.sqrt(9.0 * scale)
        series = h**4 * (-3 / 4 + h * (3 / 5 + h * (-1 / 2 + h * (3 / 7 - h * 3 / 8))))
        exact = 3.0 * (jnp.log1p(jnp.maximum(h, -1.0 + 1e-7)) - h + 0.5 * h**2) - h**3
        log_ratio = scale * jnp.where(jnp.abs(h) < 0.05, series, exact)
        accepted = (h > -1.0) & (-exponential(bits[proposals : 2 * proposals]) < log_ratio)
        boost = jnp.where(small, jnp.exp(-2.0 / jnp.maximum(degrees, 1.0) * exponential(bits[-1])), 1.0)
        first = jnp.argmax(accepted)
        chosen = jnp.sum(jnp.where(jnp.arange(proposals) == first, h, 0.0))
        return attempt + 1, accepted.any(), 2.0 * scale * (1.0 + chosen) ** 3 * boost

    start = (jnp.int32(0), jnp.bool_(False), jnp.float32(0.0))
    _, _, value = jax.lax.while_loop(lambda carry: ~carry[1], propose, start)
    return jnp.where(degrees > 0.0, value, 0.0)


class ActiveSamples(NamedTuple):
    """The law of the number of active samples in a minibatch that has at least one, as a table."""

    thresholds: Array  # 32-bit images of P(b <= lowest + i | b >= 1)
    lowest: Array


@functools.lru_cache(maxsize=4096)
def active_samples_law(problem: Problem) -> ActiveSamples:
    """Binomial(B, p) conditioned on at least one success, cut where less than 2**-34 is left."""
    law = stats.binom(problem.B, problem.p)
    active = -math.expm1(problem.B * math.log1p(-problem.p)) if problem.p < 1.0 else 1.0
    tail = active * 2.0**-34
    lowest, highest = max(1, int(law.ppf(tail))), max(1, int(law.isf(tail)))
    cumulative = np.cumsum(stats.binom.pmf(np.arange(lowest, highest + 1), problem.B, problem.p)) / active
    thresholds = np.minimum(np.round(cumulative * 2.0**32), 2.0**32 - 1).astype(np.uint32)
    thresholds[-1] = 2**32 - 1
    return ActiveSamples(thresholds, np.int32(lowest))


def table_length(problem: Problem) -> int:
    """The length of a padded table of the law, a power of two so that a few lengths serve all problems."""
    return max(SHORTEST_TABLE, 1 << (len(active_samples_law(problem).thresholds) - 1).bit_length())


def padded_law(problem: Problem, length: int) -> ActiveSamples:
    """The law of the active samples as a table of that length, or of its beginning."""
    law = active_samples_law(problem)
    thresholds = np.full(length, 2**32 - 1, np.uint32)
    thresholds[: len(law.thresholds)] = law.thresholds[:length]
    return law._replace(thresholds=thresholds)


def active_samples(bits: Array, law: ActiveSamples) -> jax.Array:
    """The number of active samples, given at least one; int32, one word each."""
    index = jnp.searchsorted(jnp.asarray(law.thresholds), bits, side="left")
    return law.lowest + index.astype(jnp.int32)


def samples(bits: Array, gate: Threshold, law: ActiveSamples) -> jax.Array:
    """The number of active samples in a minibatch that has any with the probability behind `gate`; three words each."""
    return jnp.where(bernoulli(bits[1:3], gate), active_samples(bits[0], law), 0)
