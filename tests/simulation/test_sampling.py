"""Draws against their laws, where possible through all quantiles rather than by sampling."""

import itertools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

from sparsesim import HeavyBall, LeastSquares
from sparsesim.simulation import sampling

ALPHA = 1e-5
KEY = sampling.trajectory_key(sampling.cell_key(7, 11), 0)


CHI_SQUARE = jax.jit(jax.vmap(sampling.chi_square))


def chi_squares(degrees: np.ndarray | int) -> np.ndarray:
    """As many of them for every number of degrees, for one compilation."""
    lanes = 100_000
    draws = CHI_SQUARE(jax.random.split(KEY, lanes), np.broadcast_to(np.float32(degrees), lanes))
    return np.asarray(draws, np.float64)


def philox4x32(counter: list[int], key: list[int]) -> list[int]:
    """Philox-4x32-10 of Salmon et al. (2011), in Python integers."""
    c, k = list(counter), list(key)
    for _ in range(10):
        first, second = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(second >> 32) ^ c[1] ^ k[0], second & 0xFFFFFFFF, (first >> 32) ^ c[3] ^ k[1], first & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return c


def test_the_generator_is_philox() -> None:
    # Known-answer vectors of the Random123 distribution, then JAX against the same function.
    assert philox4x32([0] * 4, [0] * 2) == [0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8]
    ones = 0xFFFFFFFF
    assert philox4x32([ones] * 4, [ones] * 2) == [0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD]
    words = [0x243F6A88, 0x85A308D3]
    key = jax.random.wrap_key_data(np.array(words, np.uint32), impl=sampling.GENERATOR)
    bits = jax.random.bits(key, (5,)).tolist()
    for i, word in enumerate(bits):
        a, b, c, d = philox4x32([0, i, 0, 0], words)
        assert word == a ^ b ^ c ^ d


def test_streams_have_addresses() -> None:
    cell = LeastSquares(10, 0.1, 4), HeavyBall(0.1, 0.1)
    number = sampling.cell_number(*cell)
    assert number == sampling.cell_number(*cell) != sampling.cell_number(cell[0], HeavyBall(0.1, 0.2))
    # Trajectories a power of two apart, too: the last two need all 32 bits.
    addresses = [
        (seed, number, trajectory)
        for seed in (0, 1, 2**40, 2**40 + 1)
        for number in (1, 2**33, 2**33 + 1)
        for trajectory in (0, 1, 2, 2**31, 2**32 - 1)
    ]

    def key(seed: int, number: int, trajectory: int) -> tuple[int, ...]:
        key = sampling.trajectory_key(sampling.cell_key(seed, number), np.uint32(trajectory))
        return tuple(jax.random.key_data(key).tolist())

    keys = [key(*address) for address in addresses]
    assert len(set(keys)) == len(addresses)
    assert [key(*address) for address in addresses[:5]] == keys[:5]
    # "1 12" is not "11 2".
    assert sampling.cell_key(1, 12).tolist() != sampling.cell_key(11, 2).tolist()


def xoshiro128plusplus(state: list[int]) -> Iterator[int]:
    """Blackman and Vigna's reference code (xoshiro128plusplus.c), in Python integers."""

    def rotl(x: int, k: int) -> int:
        return ((x << k) | (x >> (32 - k))) & 0xFFFFFFFF

    s = list(state)
    while True:
        yield (rotl((s[0] + s[3]) & 0xFFFFFFFF, 7) + s[0]) & 0xFFFFFFFF
        t = (s[1] << 9) & 0xFFFFFFFF
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= t
        s[3] = rotl(s[3], 11)


def test_next_words_are_xoshiro128plusplus() -> None:
    # By hand from (1, 2, 3, 4): rotl(1 + 4, 7) + 1; then from (7, 0, 1026, 12288), rotl(12295, 7) + 7.
    assert list(itertools.islice(xoshiro128plusplus([1, 2, 3, 4]), 2)) == [641, 1573767]
    rng = np.random.default_rng(0)
    ones = 0xFFFFFFFF
    for state in ([1, 2, 3, 4], [ones] * 4, [0, 0, 0, 1 << 31], rng.integers(0, 2**32, 4).tolist()):
        known = xoshiro128plusplus(state)
        generator = sampling.Xoshiro(*jnp.array(state, jnp.uint32))
        for count in (1, 5, 0, 30):
            generator, words = sampling.next_words(generator, count)
            assert [int(word) for word in words] == list(itertools.islice(known, count))


def test_a_generator_starts_where_its_key_says() -> None:
    cell = sampling.cell_key(7, 11)
    generators = [sampling.xoshiro(sampling.trajectory_key(cell, lane)) for lane in (0, 1, 0)]
    starts = [tuple(int(word) for word in generator) for generator in generators]
    assert starts[0] == starts[2] != starts[1]
    assert len({*starts[0], *starts[1]}) == 8


@pytest.mark.parametrize("probability", [1e-9, 2.5e-7, 0.126, 0.5, 1.0 - 2.0**-30])
def test_bernoulli_is_exact_at_the_last_bit(probability: float) -> None:
    limit = sampling.threshold(probability)
    successes = int(limit.high) << 32 | int(limit.low)
    assert abs(successes - probability * 2.0**64) <= 1.0 + 2.0**12 * (probability > 0.5)
    neighbours = [successes - 1, successes, successes + 1]
    bits = np.array([[n >> 32 for n in neighbours], [n & 0xFFFFFFFF for n in neighbours]], np.uint32)
    assert sampling.bernoulli(bits, limit).tolist() == [True, False, False]


def test_bernoulli_ends() -> None:
    bits = np.array([[0, 2**32 - 1], [0, 2**32 - 1]], np.uint32)
    assert sampling.bernoulli(bits, sampling.threshold(1.0)).all()
    assert not sampling.bernoulli(bits, sampling.threshold(0.0)).any()


def test_bernoulli_frequency() -> None:
    draws = sampling.bernoulli(jax.random.bits(KEY, (2, 1_000_000)), sampling.threshold(0.01))
    assert abs(int(draws.sum()) - 10_000) < stats.norm.isf(ALPHA / 2) * np.sqrt(9900)


def test_exponential_through_its_quantiles() -> None:
    words = np.array([0, 1, 2**20, 2**31 - 1, 2**31, 2**32 - 2**20, 2**32 - 2, 2**32 - 1], np.uint64)
    exact = -np.log1p(-(words + 0.5) / 2.0**32)
    np.testing.assert_allclose(sampling.exponential(words.astype(np.uint32)), exact, rtol=3e-6)


def test_normal_through_its_quantiles() -> None:
    words = np.linspace(0, 2**32 - 1, 1001).astype(np.uint32)
    upper = stats.norm.ppf(0.5 + ((words >> 9) + 0.5) / 2.0**24)
    exact = np.where(words & 1, upper, -upper)
    np.testing.assert_allclose(sampling.normal(words), exact, rtol=2e-5, atol=1e-6)
    assert stats.kstest(np.asarray(sampling.normal(jax.random.bits(KEY, (200_000,)))), "norm").pvalue > ALPHA


@pytest.mark.parametrize("success", [1.0, 0.9, 0.2, 1e-3, 1e-9])
def test_geometric(success: float) -> None:
    log_failure = np.float32(np.log1p(-success) if success < 1.0 else -np.inf)
    draws = np.asarray(sampling.geometric(jax.random.bits(KEY, (200_000,)), log_failure), np.float64)
    assert draws.min() >= 1.0
    if success == 1.0:
        assert draws.max() == 1.0
    elif success > 1e-3:
        top = int(stats.geom(success).isf(1e-3)) + 1
        observed = np.bincount(np.minimum(draws, top).astype(int), minlength=top + 1)[1:]
        expected = np.append(stats.geom(success).pmf(np.arange(1, top)), stats.geom(success).sf(top - 1)) * draws.size
        assert stats.chisquare(observed, expected).pvalue > ALPHA
    else:
        assert stats.kstest(draws * success, "expon").pvalue > ALPHA


@pytest.mark.parametrize("degrees", [1, 2, 3, 10, 1000, 1_000_000])
def test_chi_square(degrees: int) -> None:
    assert stats.kstest(chi_squares(degrees), stats.chi2(degrees).cdf).pvalue > ALPHA


def test_chi_square_of_no_degrees_is_zero() -> None:
    assert (chi_squares(0) == 0.0).all()


def test_chi_square_takes_other_degrees_in_every_lane() -> None:
    degrees = np.arange(100_000) % 7
    draws = chi_squares(degrees)
    assert (draws[degrees == 0] == 0.0).all()
    for n in range(1, 7):
        assert stats.kstest(draws[degrees == n], stats.chi2(n).cdf).pvalue > ALPHA


@pytest.mark.parametrize(
    ("B", "p"),
    [
        (1, 0.3),
        (8, 1.0),
        (32, 0.126),
        (32, 1e-9),
        (1000, 0.5),
        (10**6, 0.3),
        (10**9, 1e-9),
        (10**9, 3e-8),
        (10**9, 0.5),
    ],
)
def test_active_samples(B: int, p: float) -> None:
    law = sampling.active_samples_law(LeastSquares(5, p, B))
    words = np.linspace(0, 2**32 - 1, 200_001).astype(np.uint32)
    values = np.asarray(sampling.active_samples(words, law))
    binomial = stats.binom(B, p)
    active = -np.expm1(B * np.log1p(-p)) if p < 1.0 else 1.0
    assert values.min() >= 1
    assert values.max() <= B
    seen, counts = np.unique(values, return_counts=True)
    # Evenly spaced words: the empirical distribution is the law to one step of the grid.
    exact = (binomial.sf(0) - binomial.sf(seen)) / active
    np.testing.assert_allclose(np.cumsum(counts) / words.size, exact, atol=2e-5)


def test_poisson_gaps() -> None:
    times = np.array([0.0, 0.5, 3.0, 40.0])
    gaps = sampling.poisson_gaps(3, 5, times, range(10_000))
    assert (gaps[:, 0] == 0).all()
    for i, gap in ((1, 0.5), (2, 2.5), (3, 37.0)):
        increments = gaps[:, i]
        z = (increments.mean() - gap) / np.sqrt(gap / len(gaps))
        assert abs(z) < stats.norm.isf(ALPHA / 2)
        assert increments.var() == pytest.approx(gap, rel=0.1)
    assert np.array_equal(sampling.poisson_gaps(3, 5, times, range(700, 900)), gaps[700:900])
    for other in ((4, 5), (3, 6), (3 + 2**32, 5), (3, 5 + 2**32)):
        assert not np.array_equal(sampling.poisson_gaps(*other, times, range(256)), gaps[:256])
