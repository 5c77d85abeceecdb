"""Generators and samplers: nanoseconds a draw."""

import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from benchmarks.measure import Case, Machine, Settings, rates
from benchmarks.programs import B, P, address, flat, sampler
from benchmarks.report import Row, Section
from sparsesim import LeastSquares
from sparsesim.simulation import quantiles, sampling

WORDS = 4
DEGREES = 4  # of the chi-square draws; an active minibatch has so many at B = 32, p = 0.126
TABLES = {
    "chi, d = 1000": lambda: quantiles.chi.__wrapped__(998),
    "chi, d = 1e12": lambda: quantiles.chi.__wrapped__(10**12 - 2),
    f"active_chi, B = {B}": lambda: quantiles.active_chi.__wrapped__(B, P),
    "active_chi, B = 1e9": lambda: quantiles.active_chi.__wrapped__(10**9, P),
}


def generators(machine: Machine, settings: Settings) -> Section:
    """Nanoseconds a random word, `WORDS` of them at a time."""
    cases = {
        **{f"jax.random.bits, {name}": addressed_words(name, machine) for name in ("philox4x32", "threefry2x32")},
        "xoshiro128++": carried_words(machine),
    }
    notes = [f"`jax.random.bits` of {WORDS} words after a `fold_in`, the address of a tick."]
    return Section("generators", f"ns a word, {per(machine)}", nanoseconds(cases, machine, settings, WORDS), notes)


def samplers(machine: Machine, settings: Settings) -> Section:
    """Nanoseconds a draw, its random words included."""
    log_idle = np.float32(B * np.log1p(-P))
    cases = {
        "the word alone": sampler(lambda word, _: word.astype(jnp.float32), None, machine),
        "normal by table": sampler(quantiles.draw, quantiles.NORMAL, machine),
        "normal by erf_inv": sampler(lambda word, _: sampling.normal(word), None, machine),
        "geometric": sampler(sampling.geometric, log_idle, machine),
        "chi by table": sampler(quantiles.draw, quantiles.chi(DEGREES), machine),
        "chi-square by rejection": rejected_chi_squares(machine),
        "active samples by table": sampler(
            sampling.active_samples, sampling.active_samples_law(LeastSquares(1, P, B)), machine
        ),
    }
    notes = [
        f"Each takes one word of xoshiro128++, but chi-square by rejection, which takes 7 of {sampling.GENERATOR}. "
        f"Chi and chi-square have {DEGREES} degrees of freedom."
    ]
    return Section("samplers", f"ns a draw, {per(machine)}", nanoseconds(cases, machine, settings, 1), notes)


def tables(settings: Settings) -> Section:
    """Milliseconds to make a quantile table on the host, once for each d and for each (B, p) of a sweep."""
    rows: list[Row] = [
        {"table": name, "ms": float(np.median([milliseconds(make) for _ in range(settings.rounds)]))}
        for name, make in TABLES.items()
    ]
    return Section("tables", "ms a quantile table, made on the host", rows, [])


def per(machine: Machine) -> str:
    """What a time is of."""
    return "of one core while all draw" if machine.sequential else "of the whole device"


def nanoseconds(cases: dict[str, Case], machine: Machine, settings: Settings, draws: int) -> list[Row]:
    """Time a draw, `draws` of them in an update."""
    medians = rates(cases, settings).medians()
    return [{"draw": name, "ns": 1e9 * machine.workers / (draws * rate)} for name, rate in medians.items()]


def addressed_words(generator: str, machine: Machine) -> Case:
    """Words of one of JAX's generators, addressed by tick."""

    def start(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.random.key_data(key), jnp.uint32(0)

    def step(state: tuple[jax.Array, jax.Array], tick: jax.Array, _: None) -> Any:
        words = jax.random.bits(address(state[0], tick, generator), (WORDS,))
        return state[0], state[1] + words.sum(dtype=jnp.uint32)

    return flat(start, step, None, machine)


def carried_words(machine: Machine) -> Case:
    """Words of xoshiro128++."""

    def start(key: jax.Array) -> tuple[sampling.Xoshiro, jax.Array]:
        return sampling.xoshiro(key), jnp.uint32(0)

    def step(state: tuple[sampling.Xoshiro, jax.Array], _: jax.Array, __: None) -> Any:
        generator, words = sampling.next_words(state[0], WORDS)
        return generator, state[1] + sum(words)

    return flat(start, step, None, machine)


def rejected_chi_squares(machine: Machine) -> Case:
    """Draws of `sampling.chi_square`, addressed by tick."""

    def start(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.random.key_data(key), jnp.float32(0.0)

    def step(state: tuple[jax.Array, jax.Array], tick: jax.Array, _: None) -> Any:
        return state[0], state[1] + sampling.chi_square(address(state[0], tick), DEGREES)

    return flat(start, step, None, machine)


def milliseconds(function: Callable[[], object]) -> float:
    """How long one call takes."""
    began = time.perf_counter()
    function()
    return 1e3 * (time.perf_counter() - began)
