"""Streaming statistics against the plain formulas in float64."""

import jax
import numpy as np
import pytest

from sparsesim.simulation import statistics
from sparsesim.simulation.statistics import Record, Statistics, record, summarise

LANES, TIMES, MOMENTS = 64, 4, 3  # of every block here, what is asked for and ones beside it: one compilation
SUMMARISE = jax.jit(summarise)


def records_of(values: np.ndarray) -> Record:
    """Records (trajectory, time, moment) of float64 values of any size, as the device would hold them."""
    mantissas, exponents = np.frexp(values)
    held = mantissas.astype(np.float32)
    with np.errstate(invalid="ignore"):
        rests = np.where(np.isfinite(values), mantissas - held, 0.0)
    return Record(*map(np.asarray, record(held, rests, exponents.astype(np.int32))))


def gathered(values: np.ndarray, *, sizes: tuple[int, ...] = (), beyond: float = np.nan) -> dict[str, np.ndarray]:
    """Statistics of `values` in blocks of `sizes`, then of `LANES`; `beyond` fills the lanes that are not there."""
    asked = np.asarray(values, np.float64)
    values = np.ones((len(asked), TIMES, MOMENTS))
    values[:, : asked.shape[1], : asked.shape[2]] = asked
    stream, first, sizes = Statistics(), 0, iter(sizes)
    while first < len(values):
        size = min(next(sizes, LANES), len(values) - first)
        block = np.full((LANES, *values.shape[1:]), beyond)
        block[:size] = values[first : first + size]
        held = records_of(block)
        kept = Record(*(part[: min(size, stream.wanted)] for part in held)) if stream.wanted else None
        summary = jax.tree.map(np.asarray, SUMMARISE(held, np.int32(size)))
        stream.add(summary, size, kept)
        first += size
    return {name: found[: asked.shape[1], : asked.shape[2]] for name, found in stream.result().items()}


def check(result: dict[str, np.ndarray], x: np.ndarray, rtol: float = 1e-6) -> None:
    """Against the plain formulas, in units in which no square leaves float64."""
    scale = np.abs(x).max(axis=0)
    y, n = x / scale, len(x)
    np.testing.assert_allclose(result["mean"], y.mean(0) * scale, rtol=rtol)
    np.testing.assert_allclose(result["std_error"], y.std(0, ddof=1) / np.sqrt(n) * scale, rtol=rtol)
    sizes = np.abs(y).sum(0) ** 2 / (y**2).sum(0)
    np.testing.assert_allclose(result["effective_sample_size"], sizes, rtol=rtol)
    for name, rank in (("lower_quartile", n / 4), ("median", n / 2), ("upper_quartile", 3 * n / 4)):
        np.testing.assert_allclose(result[name], np.sort(x, 0)[int(np.ceil(rank)) - 1], rtol=1e-12)


@pytest.mark.parametrize("magnitude", [1.0, 1e-300, 1e200, 1e-40, 1e40])
def test_blocks_give_the_plain_formulas(magnitude: float) -> None:
    x = np.random.default_rng(0).lognormal(size=(1000, 4, 3)) * magnitude
    check(gathered(x, sizes=(1, 10, 64, 3)), x)


def test_signs_are_kept() -> None:
    x = np.random.default_rng(1).normal(size=(500, 2, 3))
    result = gathered(x)
    check(result, x, rtol=1e-4)  # a mean near zero, in float32
    assert (result["lower_quartile"] < 0.0).all()


def test_trajectories_of_all_sizes_together() -> None:
    """They differ by 10^50: the largest alone make mean and error, and all make the quartiles."""
    x = 10.0 ** np.random.default_rng(2).uniform(-150.0, -100.0, size=(1000, 1, 3))
    check(gathered(x), x)


def test_blocks_of_other_exponents_are_merged() -> None:
    """Both a block far above and a block far below what was gathered, and one of zeros."""
    rng = np.random.default_rng(3)
    x = rng.lognormal(size=(4 * LANES, 2, 3))
    x *= np.repeat([1.0, 1e12, 1e-12, 0.0], LANES)[:, None, None]
    for order in ([0, 1, 2, 3], [1, 0, 3, 2], [3, 2, 0, 1]):
        blocks = np.concatenate([x[LANES * i : LANES * (i + 1)] for i in order])
        check(gathered(blocks), blocks)
    # Near enough for either to count.
    y = rng.lognormal(size=(3 * LANES, 2, 3)) * np.repeat([1.0, 37.0, 0.01], LANES)[:, None, None]
    check(gathered(y), y)


def test_a_moment_far_below_another_keeps_its_error() -> None:
    """V is 1e-25 of R: they must not share a unit."""
    x = np.random.default_rng(4).lognormal(size=(300, 3, 3)) * [1.0, 1e-25, 1e-12]
    x[:, 1] *= 1e-30  # nor must two times
    check(gathered(x), x)


def test_a_small_spread_around_a_large_mean_survives() -> None:
    x = 1e6 + np.random.default_rng(5).integers(0, 2, size=(500, 1, 1))
    check(gathered(x), x, rtol=1e-6)


def test_a_spread_below_the_resolution_of_float32_survives() -> None:
    """R near 1 that learning has moved by 1e-10: only the rests know."""
    x = 1.0 - 1e-10 * np.random.default_rng(6).lognormal(size=(500, 1, 1))
    result = gathered(x)
    np.testing.assert_allclose(1.0 - result["mean"], 1.0 - x.mean(0), rtol=1e-4)
    np.testing.assert_allclose(result["std_error"], x.std(0, ddof=1) / np.sqrt(500), rtol=1e-4)
    assert 1.0 - result["median"] == pytest.approx(1.0 - np.sort(x, 0)[249], rel=1e-4)


@pytest.mark.parametrize("beyond", [np.nan, np.inf, 1e300, -1.0])
def test_a_partial_block_ignores_the_rest(beyond: float) -> None:
    x = np.random.default_rng(7).lognormal(size=(LANES + 5, 2, 3)) * 1e-20
    check(gathered(x, beyond=beyond), x)


def test_equal_trajectories_all_count() -> None:
    # The mean of 1.7 is rounded in float32: that is no spread, and no root of a negative number.
    for value, rounding in ((2.0, 0.0), (0.0, 0.0), (2.0**-1000, 0.0), (1.7, 1e-8)):
        result = gathered(np.full((100, 1, 3), value))
        np.testing.assert_allclose(result["effective_sample_size"], 100, rtol=1e-6)
        assert (result["std_error"] <= rounding).all()
        np.testing.assert_allclose(result["mean"], value, rtol=1e-12 + 4 * rounding)


def test_one_trajectory_that_carries_the_mean_counts_alone() -> None:
    x = np.full((100, 1, 1), 1e-9)
    x[17] = 1.0
    assert gathered(x, sizes=(50,))["effective_sample_size"] == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("sizes", [(2,), (1, 1)])
@pytest.mark.parametrize("broken", [np.inf, np.nan])
def test_overflow_stays_visible_without_a_warning(sizes: tuple[int, ...], broken: float) -> None:
    result = gathered(np.array([1.0, broken, 2.0]).reshape(3, 1, 1), sizes=sizes)
    assert not np.isfinite(result["mean"])
    assert result["median"] == 2.0 or np.isnan(broken)


def test_a_mean_that_overflowed_is_infinite() -> None:
    assert np.isinf(gathered(np.array([1.0, np.inf, 2.0]).reshape(3, 1, 1))["mean"])


def test_quartiles_come_from_the_first_trajectories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "QUARTILE_TRAJECTORIES", 10)
    assert gathered(np.arange(30.0).reshape(30, 1, 1), sizes=(7, 7))["median"] == 4.0


@pytest.mark.parametrize("value", [1.0, 1.5, -3.75, 2.0**126, -1e30, 1e-25])
def test_a_record_holds_any_float_in_units_near_it(value: float) -> None:
    held = record(np.float32(value), np.float32(value) * 2.0**-30, np.int32(-4000))
    assert 1.0 <= abs(float(held.values)) < 2.0
    assert float(held.values) * 2.0 ** (int(held.exponent) + 4000) == np.float32(value)
    assert float(held.rests) == float(held.values) * 2.0**-30


@pytest.mark.parametrize("value", [2.0**-126, 2.0**126, -(2.0**127), 3e38])
def test_a_record_holds_the_ends_of_the_range(value: float) -> None:
    held = record(np.float32(value))
    assert 1.0 <= abs(float(held.values)) < 4.0
    assert np.ldexp(float(held.values), held.exponent) == np.float32(value)


def test_a_record_of_nothing_sets_no_unit() -> None:
    held = record(np.float32([0.0, np.inf, np.nan]), 0.0, np.int32(7))
    assert held.exponent.tolist()[0] < -(10**6)
    assert held.exponent.tolist()[1:] == [7, 7]
    assert np.isinf(held.values[1])
    assert np.isnan(held.values[2])
