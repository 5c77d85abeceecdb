"""The reduced engine: least squares as a Markov chain on three numbers, exact in law, at a cost free of d, p and B.

The law of (e, m) is invariant under rotations, so that its Gram matrix is a Markov chain by itself. The chain is kept
as |e|, the component of m along e and the norm of m across e, from which R, V and C follow without cancellation. With
b active samples, projections z_i = <u_i, e>/|e| and residuals a_i = |e| z_i - label_noise xi_i, the rotation of the
Gaussian pair (z_i, xi_i) that brings a_i to the front gives, with Q ~ chi2_b, rho^2 = |e|^2 + label_noise^2 and
independent standard normals w and n,

    along e                               g = (|e| Q + label_noise sqrt(Q) w) / B
    across e, in the plane of e and m     g = rho sqrt(Q) n / B
    across that plane                   |g| = rho sqrt(Q) chi_{d-2} / B,

where b is Binomial(B, p) given b >= 1 (section 7 of the theory of least squares, with fewer draws: b itself is never
needed, only Q). Idle minibatches are jumped: m decays by mu^k and drags e along by a geometric sum.

A chain stands where its last active minibatch left m, before theta moved by it: that move and the drift through the
idle minibatches that follow are one. The three numbers are carried with what float32 rounds off of them, for updates
may be far smaller than its resolution, and with a common power of two, for errors decay without end.

Everything here is written for one trajectory; the driver maps it over trajectories and cells.
"""

import math
from dataclasses import dataclass
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.simulation import binary, plane, quantiles, sampling
from sparsesim.simulation.binary import Count, compensated_sum, power_of_two
from sparsesim.simulation.plane import Chain, Kick
from sparsesim.simulation.statistics import Record, record

Array = Any

LANES = 512  # trajectories in a tile: enough for XLA's overhead, few enough that small samples waste little
FEWER_LANES = 256  # where cells have that many trajectories, and are many
TICKS_PER_TIME = 2.0**24  # of the Poisson clock, which counts arrivals in fixed point
LOG_ZERO = -1e30  # log(mu) at mu = 0: times 0 it is 0


class Parameters(NamedTuple):
    """Numbers of one cell, all traced: all cells share one compilation."""

    eta: Array
    eps: Array
    idle_step: Array  # eta (1 - eps) / eps: how far m drags e in an endless idle stretch
    log_mu: Array
    kick: Array  # eps / B
    plane: Array  # 1, and 0 at d = 1 where nothing is across e
    label_noise: Array
    log_idle: Array  # log(1 - P), P the probability of an active minibatch
    root: Array  # table of sqrt(Q) ~ chi_b
    rest: Array  # table of chi_{d-2}
    start: Chain
    start_exponent: Array


class Draw(NamedTuple):
    """Everything random in one active update."""

    idle: jax.Array  # idle minibatches before it
    root: jax.Array
    across: jax.Array
    rest: jax.Array
    noise: jax.Array
    arrival: jax.Array  # Poisson time before it


class State(NamedTuple):
    """One trajectory where its last active minibatch left m."""

    chain: Chain
    rounded: Chain  # what rounding took off the chain
    exponent: jax.Array  # the chain is in units of 2^exponent
    generator: sampling.Xoshiro
    draw: Draw  # of the coming update
    wait: Count  # ticks until the coming update; unused on the active clock


@dataclass(frozen=True)
class Program:
    """What is static: the cells that share it share one compilation."""

    clock: str
    noisy: bool
    many: bool = False  # cells of few trajectories, each of another p; see `Plan`

    trajectory_floats = 40  # state, the next state, temporaries
    gaps_per_trajectory = False

    @property
    def lanes(self) -> int:
        """Trajectories in a tile."""
        return FEWER_LANES if self.many else LANES

    @property
    def tiles_per_launch(self) -> int:
        """Tiles that make a launch worth its overhead."""
        return 8 * LANES // self.lanes

    def work(self, problem: LeastSquares, gaps: np.ndarray) -> np.ndarray:
        """The cost of one trajectory between recordings, in active updates and recordings."""
        return 1.0 + gaps * (-math.expm1(sampling.log_idle(problem)) if self.clock == "minibatch" else 1.0)

    def parameters(self, problem: LeastSquares, optimizer: HeavyBall, start: tuple[float, float, float]) -> Parameters:
        """The numbers of a cell, computed in float64 and rounded once."""
        eta, eps = optimizer.eta, optimizer.eps
        chain, exponent = _start(start, eta, problem.label_noise)
        active_chi = quantiles.interpolated_active_chi if self.many else quantiles.active_chi
        return Parameters(
            eta=np.float32(eta),
            eps=np.float32(eps),
            idle_step=np.float32(eta * (1.0 - eps) / eps),
            log_mu=np.float32(math.log1p(-eps) if eps < 1.0 else LOG_ZERO),
            kick=np.float32(eps / problem.B),
            plane=np.float32(problem.d > 1),
            label_noise=np.float32(problem.label_noise),
            log_idle=np.float32(sampling.log_idle(problem)),
            root=active_chi(problem.B, problem.p),
            rest=quantiles.chi(problem.d - 2),
            start=chain,
            start_exponent=np.int32(exponent),
        )

    def gaps(self, times: np.ndarray, seed: int, cell: int, trajectories: range) -> np.ndarray:
        """Ticks before each recording, (time,); Poisson time in fixed point."""
        gaps = np.diff(times, prepend=0.0)
        return np.rint(gaps * (TICKS_PER_TIME if self.clock == "poisson" else 1.0)).astype(np.int64)

    def encoded(self, gaps: np.ndarray) -> np.ndarray | Count:
        """Gaps as `advance` takes them."""
        return gaps.astype(np.int32) if self.clock == "active" else binary.from_integers(gaps)

    def initial(self, key: jax.Array, cell: Parameters) -> State:
        """The state of one trajectory at time 0."""
        return initial(key, cell, self)

    def advance(self, state: State, gap: Array, key: jax.Array, cell: Parameters) -> State:
        """The state `gap` ticks later."""
        return advance(state, gap, cell, self)

    def observe(self, state: State, key: jax.Array, cell: Parameters) -> Record:
        """R, V and C, (moment,)."""
        return observe(state, cell, self)


def _start(start: tuple[float, float, float], eta: float, label_noise: float) -> tuple[Chain, int]:
    """The chain before a move by eta m that ends at the asked moments, and its power of two."""
    chain = plane.before_move(start, eta)
    largest = max(chain.error, abs(chain.along), chain.across, label_noise)
    exponent = math.frexp(largest)[1] if largest > 0.0 else 0
    return Chain(*(np.float32(math.ldexp(value, -exponent)) for value in chain)), exponent


def initial(key: jax.Array, cell: Parameters, program: Program) -> State:
    """The state at time 0, with the first update drawn."""
    generator, draw = _draw(sampling.xoshiro(key), cell, program)
    zero = jnp.float32(0.0)
    chain = Chain(*map(jnp.asarray, cell.start))
    wait = _wait(draw, program)
    rounded = Chain(zero, zero, zero)
    return State(chain, rounded, jnp.asarray(cell.start_exponent), generator, draw, wait)


def advance(state: State, gap: Array, cell: Parameters, program: Program) -> State:
    """The state `gap` ticks of the clock later: a number on the active clock, a `Count` on the others."""
    if program.clock == "active":
        return jax.lax.fori_loop(0, gap, lambda _, state: update(state, cell, program), state)

    def arrive(carry: tuple[State, Count]) -> tuple[State, Count]:
        """One active update."""
        state, left = carry
        left = binary.minus(left, state.wait)
        return update(state, cell, program), left

    state, left = jax.lax.while_loop(lambda carry: binary.less_equal(carry[0].wait, carry[1]), arrive, (state, gap))
    return state._replace(wait=binary.minus(state.wait, left))


def update(state: State, cell: Parameters, program: Program) -> State:
    """One active update: the drift up to it, its gradient, its momentum."""
    # At the start, where the loop has stored the state: at the end XLA would compute the update once more for each use.
    state = rescaled(state, cell, program)
    # Drawn one update ahead, into the loop's state: XLA would otherwise draw again in every kernel that reads.
    generator, following = _draw(state.generator, cell, program)
    draw = state.draw
    here, drifted = drift(state.chain, draw.idle, cell)
    error, error_rest = compensated_sum(state.chain.error, state.rounded.error, drifted.error)
    along, size = error * draw.root, error
    if program.noisy:
        noise = cell.label_noise * power_of_two(-state.exponent)
        along = along + noise * draw.noise
        size = binary.hypotenuse(error, noise)
    scale = cell.kick * draw.root
    aside = cell.plane * scale * size
    kick = Kick(scale * along, aside * draw.across, aside * draw.rest)
    (along, along_rest), (across, across_rest) = plane.kicked(state.chain, state.rounded, here, drifted, kick, cell.eps)
    return State(
        Chain(error, along, across),
        Chain(error_rest, along_rest, across_rest),
        state.exponent,
        generator,
        following,
        _wait(following, program) if program.clock != "active" else state.wait,
    )


def drift(chain: Chain, idle: jax.Array, cell: Parameters) -> tuple[Chain, Chain]:
    """The chain after its own move and `idle` idle minibatches, and how much that changed it."""
    log_decay = idle * cell.log_mu
    decay, lost = jnp.exp(log_decay), -jnp.expm1(log_decay)
    return plane.move(chain, cell.eta + cell.idle_step * lost, decay, lost)


def observe(state: State, cell: Parameters, program: Program) -> Record:
    """R, V and C, (moment,)."""
    # Idle minibatches since the last active one: those before the coming update, less those that are to come.
    minibatch = program.clock == "minibatch"
    elapsed = binary.to_float(binary.minus(_wait(state.draw, program), state.wait)) if minibatch else jnp.float32(0.0)
    here, changes = drift(state.chain, elapsed, cell)
    error, rounded = compensated_sum(state.chain.error, state.rounded.error, changes.error)
    values, rests, exponents = plane.moments(here._replace(error=error), rounded)
    return record(values, rests, 2 * state.exponent + exponents)


def rescaled(state: State, cell: Parameters, program: Program) -> State:
    """The same state in units of its own size."""
    size = state.chain.error + jnp.abs(state.chain.along) + jnp.abs(state.chain.across)
    if program.noisy:
        size = size + cell.label_noise * power_of_two(-state.exponent)
    exponent = binary.exponent_of(size)
    scale = power_of_two(-exponent)
    chain, rounded = (Chain(*(scale * value for value in part)) for part in (state.chain, state.rounded))
    return state._replace(chain=chain, rounded=rounded, exponent=state.exponent + exponent)


def _draw(generator: sampling.Xoshiro, cell: Parameters, program: Program) -> tuple[sampling.Xoshiro, Draw]:
    zero = jnp.float32(0.0)
    poisson = program.clock == "poisson"
    generator, words = sampling.next_words(generator, 4 + program.noisy + poisson)
    draw = Draw(
        idle=sampling.geometric(words[0], cell.log_idle) - 1.0,
        root=quantiles.draw(words[1], cell.root),
        across=quantiles.draw(words[2], quantiles.NORMAL),
        rest=quantiles.draw(words[3], cell.rest),
        noise=quantiles.draw(words[4], quantiles.NORMAL) if program.noisy else zero,
        arrival=sampling.exponential(words[-1]) if poisson else zero,
    )
    return generator, draw


def _wait(draw: Draw, program: Program) -> Count:
    if program.clock == "minibatch":
        return binary.from_float(draw.idle + 1.0)
    if program.clock == "poisson":
        return binary.from_float(jnp.ceil(draw.arrival * TICKS_PER_TIME))
    return Count(jnp.uint32(0), jnp.uint32(0))
