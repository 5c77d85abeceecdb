"""32-bit arithmetic against Python's integers and floats."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from sparsesim.simulation import binary
from sparsesim.simulation.binary import Count

EDGES = [0, 1, 2, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**33 - 1, 2**53 - 1, 2**53, 2**62 + 2**31, 2**63 - 1]


def whole(count: Count) -> list[int]:
    """The numbers that a count stands for."""
    highs, lows = (np.atleast_1d(np.asarray(word)).tolist() for word in count)
    return [(high << 32) + low for high, low in zip(highs, lows, strict=True)]


def test_powers_of_two_are_exact() -> None:
    exponents = np.arange(-126, 128, dtype=np.int32)
    expected = [math.ldexp(1.0, exponent) for exponent in exponents.tolist()]
    assert binary.power_of_two(exponents).tolist() == expected


def test_powers_of_two_end_at_zero_and_at_the_largest() -> None:
    assert binary.power_of_two(np.array([-127, -128, -1000, -(2**20)], np.int32)).tolist() == [0.0] * 4
    assert binary.power_of_two(np.array([128, 200, 2**20], np.int32)).tolist() == [2.0**127] * 3


def test_exponents_are_those_of_frexp() -> None:
    values = np.float32(2.0) ** np.arange(-126, 128, dtype=np.float32)
    below_next = np.nextafter(np.float32(2.0) * values[:-1], np.float32(0.0))
    for tested in (values, np.float32(1.5) * values, below_next):
        assert binary.exponent_of(tested).tolist() == [math.frexp(value)[1] - 1 for value in tested.tolist()]
    assert binary.exponent_of(np.float32([0.0, np.inf])).tolist() == [0, 128]


def test_a_compensated_sum_keeps_a_million_small_terms() -> None:
    """Each is below half a unit in the last place of 1: plain float32 would add none of them."""
    term = jnp.float32(1e-9)

    @jax.jit
    def added(total: jax.Array) -> tuple[jax.Array, jax.Array]:
        return jax.lax.fori_loop(
            0, 1_000_000, lambda _, sums: binary.compensated_sum(*sums, term), (total, jnp.float32(0.0))
        )

    total, rest = added(jnp.float32(1.0))
    assert float(total) + float(rest) == pytest.approx(1.0 + 1e6 * float(term), abs=1e-9)
    assert abs(float(rest)) <= 2.0**-24 * float(total)
    # And none is lost on the way down.
    total, rest = added(jnp.float32(-1.0))
    assert float(total) + float(rest) == pytest.approx(-1.0 + 1e6 * float(term), abs=1e-9)


def test_a_compensated_sum_is_exact() -> None:
    rng = np.random.default_rng(0)
    totals = rng.normal(size=10_000).astype(np.float32)
    rests = (totals * rng.uniform(-(2.0**-25), 2.0**-25, size=10_000)).astype(np.float32)
    terms = (totals * rng.uniform(-0.5, 0.5, size=10_000)).astype(np.float32)
    # Only rest + term is rounded before the exact sum.
    exact = totals.astype(np.float64) + (terms + rests).astype(np.float64)
    updated, lost = map(np.asarray, jax.jit(binary.compensated_sum)(totals, rests, terms))
    np.testing.assert_array_equal(updated.astype(np.float64) + lost, exact)
    assert (np.abs(lost) <= 2.0**-24 * np.abs(updated) * (1 + 2.0**-23)).all()


def test_a_square_loses_nothing() -> None:
    values = np.random.default_rng(1).uniform(1.0, 2.0, size=10_000).astype(np.float32)
    values = np.concatenate([values, [1.0, 0.0, np.nextafter(np.float32(2.0), np.float32(0.0))]]).astype(np.float32)
    total, lost = map(np.asarray, jax.jit(binary.square)(values))
    np.testing.assert_array_equal(total.astype(np.float64) + lost, values.astype(np.float64) ** 2)
    assert lost.any()


def test_counts_of_integers() -> None:
    assert whole(binary.from_integers(np.array(EDGES, np.uint64))) == EDGES
    # As times come: whole float64 numbers, exact to 2^53.
    assert whole(binary.from_integers(np.array([0.0, 5.0, 2.0**40 + 1.0, 2.0**53]))) == [0, 5, 2**40 + 1, 2**53]


def test_counts_of_floats() -> None:
    values = np.array([0.0, 1.0, 2.0**24 - 1, 2.0**32 - 2**8, 2.0**32, 2.0**32 + 2**9, 2.0**53, 2.0**63 - 2**39])
    count = jax.jit(binary.from_float)(values.astype(np.float32))
    assert whole(count) == [int(value) for value in values]
    random = np.floor(np.exp2(np.random.default_rng(2).uniform(0, 63, 1000))).astype(np.float32)
    random = np.minimum(random, np.float32(2.0**63 - 2**39))
    assert whole(jax.jit(binary.from_float)(random)) == [int(value) for value in random.tolist()]


@pytest.mark.parametrize("value", [2.0**63, 2.0**64, 1e30, np.inf])
def test_counts_stop_where_they_end(value: float) -> None:
    assert whole(binary.from_float(np.float32(value))) == [2**63 - 2**39]


def test_floats_of_counts() -> None:
    numbers = [*EDGES, *(int(n) for n in np.random.default_rng(3).integers(0, 2**63, 1000))]
    floats = np.asarray(jax.jit(binary.to_float)(binary.from_integers(np.array(numbers, np.uint64))), np.float64)
    np.testing.assert_allclose(floats, np.array(numbers, np.float64), rtol=2.0**-23)
    # Exact where a float32 is.
    small = np.arange(0, 2**24, 4099, dtype=np.float32)
    assert binary.to_float(binary.from_float(small)).tolist() == small.tolist()


def pairs() -> tuple[np.ndarray, np.ndarray]:
    """All pairs of edges, and random ones that agree in one word."""
    rng = np.random.default_rng(4)
    first, second = (grid.ravel() for grid in np.meshgrid(EDGES, EDGES))
    high, other = rng.integers(0, 2**31, (2, 100))
    low, lower = rng.integers(0, 2**32, (2, 100))
    a = np.concatenate([first, (high << 32) + low, (high << 32) + low])
    b = np.concatenate([second, (high << 32) + lower, (other << 32) + low])
    return a, b


def test_counts_are_ordered() -> None:
    a, b = pairs()
    result = jax.jit(binary.less_equal)(binary.from_integers(a), binary.from_integers(b))
    assert result.tolist() == [x <= y for x, y in zip(a.tolist(), b.tolist(), strict=True)]


def test_differences_borrow_across_words() -> None:
    a, b = pairs()
    a, b = np.maximum(a, b), np.minimum(a, b)
    difference = jax.jit(binary.minus)(binary.from_integers(a), binary.from_integers(b))
    assert whole(difference) == [x - y for x, y in zip(a.tolist(), b.tolist(), strict=True)]
    assert whole(binary.minus(*(binary.from_integers(np.array([n])) for n in (2**32, 1)))) == [2**32 - 1]
