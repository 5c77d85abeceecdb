"""Draws by inversion: word by word against exact quantiles, in law, and against laws that are only nearly right."""

import itertools

import jax
import mpmath
import numpy as np
import pytest
from scipy import special, stats

from sparsesim.simulation import quantiles, sampling

ALPHA = 1e-5
MANY = 1_000_000
DRAW = jax.jit(quantiles.draw)


def words_everywhere() -> np.ndarray:
    """The ends, the middle, random words, and words at all distances from both ends."""
    rng = np.random.default_rng(0)
    far = (2.0 ** rng.uniform(0.0, 31.0, 20_000)).astype(np.uint64)
    special_words = [0, 1, 2, 2**31 - 2**6, 2**31 - 1, 2**31, 2**31 + 2**6, 2**32 - 2, 2**32 - 1]
    powers = [2**k + i for k in range(1, 32) for i in (-1, 0, 1)]  # where intervals of a table meet
    random = rng.integers(0, 2**32, 20_000, np.uint64)
    lower = np.concatenate([special_words, powers, random, far]).astype(np.uint64)
    return np.unique(np.concatenate([lower, 2**32 - 1 - lower])).astype(np.uint32)


def probabilities(words: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distance of (word + 1/2) / 2^32 from the nearer end, exactly, and whether that is 1."""
    upper = words >= 2**31
    return (np.where(upper, 2.0**32 - 1.0 - words, words) + 0.5) * 2.0**-32, upper


def drawn(words: np.ndarray, table: np.ndarray) -> np.ndarray:
    return np.asarray(DRAW(words, table), np.float64)


@pytest.mark.parametrize("degrees", [1, 2, 3, 10, 998, 10**6, 10**12 - 2])
def test_chi_word_by_word(degrees: int) -> None:
    words = words_everywhere()
    q, upper = probabilities(words)
    shape = degrees / 2.0
    exact = np.sqrt(2.0 * np.where(upper, special.gammainccinv(shape, q), special.gammaincinv(shape, q)))
    np.testing.assert_allclose(drawn(words, quantiles.chi(degrees)), exact, rtol=5e-7)


@pytest.mark.parametrize("degrees", [1, 3, 998, 10**6])
@pytest.mark.parametrize("word", [0, 1, 12345, 2**31, 2**32 - 1])
def test_chi_against_high_precision(degrees: int, word: int) -> None:
    """The tail at the value drawn, computed by other means than SciPy's, misses q by what 5e-7 of the value makes."""
    value = float(DRAW(np.uint32(word), quantiles.chi(degrees)))
    with mpmath.workdps(40):
        upper = word >= 2**31
        q = (mpmath.mpf(2**32 - 1 - word if upper else word) + mpmath.mpf(0.5)) / 2**32
        shape, x = mpmath.mpf(degrees) / 2, mpmath.mpf(value) ** 2 / 2
        tail = mpmath.gammainc(shape, x, mpmath.inf) if upper else mpmath.gammainc(shape, 0, x)
        slope = 2 * mpmath.exp(shape * mpmath.log(x) - x)  # of the tail, in log value
        assert abs(tail - q * mpmath.gamma(shape)) < 5e-7 * slope


def test_normal_word_by_word() -> None:
    words = words_everywhere()
    q, upper = probabilities(words)
    values = drawn(words, quantiles.NORMAL)
    # Beyond 4 a float32 is itself coarser than the 5e-7 that hold everywhere else.
    exact = np.where(upper, -special.ndtri(q), special.ndtri(q))
    np.testing.assert_allclose(values, exact, rtol=1.2e-7, atol=2.5e-7)
    assert np.abs(values - exact)[np.abs(exact) < 4.0].max() < 5e-7
    # Symmetric to the last bit: no product of two draws has a bias.
    np.testing.assert_array_equal(values, -drawn(~words, quantiles.NORMAL))


def test_quantiles_rise_with_the_word() -> None:
    words = np.arange(0, 2**32, 9973, dtype=np.uint64).astype(np.uint32)
    for table in (quantiles.NORMAL, quantiles.chi(1), quantiles.chi(500), quantiles.active_chi(32, 0.126)):
        values = drawn(words, table)
        assert (np.diff(values) > -4e-7 * np.abs(values[1:]) - 4e-7 * (table is quantiles.NORMAL)).all()


@pytest.mark.parametrize("degrees", [0, -1])
def test_chi_of_no_degrees_is_zero(degrees: int) -> None:
    assert (drawn(words_everywhere(), quantiles.chi(degrees)) == 0.0).all()


def law_of_active(B: int, p: float) -> tuple[np.ndarray, np.ndarray]:
    """Every number of active samples, one by one, and its probability given at least one."""
    reach = 12.0 * np.sqrt(B * p * (1.0 - p)) + 60.0
    numbers = np.arange(max(1, int(B * p - reach)), min(B, int(B * p + reach)) + 1)
    active = -np.expm1(B * np.log1p(-p)) if p < 1.0 else 1.0
    weights = stats.binom.pmf(numbers, B, p) / active
    assert weights.sum() == pytest.approx(1.0, rel=1e-9)
    return numbers, weights


def mixture_tail(values: np.ndarray, numbers: np.ndarray, weights: np.ndarray, upper: bool = False) -> np.ndarray:
    """The distribution function of the root of a mixture of chi-squares, or one minus it."""
    tail = special.gammaincc if upper else special.gammainc
    return sum(weight * tail(n / 2.0, values**2 / 2.0) for n, weight in zip(numbers, weights, strict=True))


CELLS = [(1, 0.3), (3, 0.2), (32, 0.126), (32, 1e-9), (8, 1.0), (100, 0.3), (1000, 0.5), (10**9, 1e-9), (10**6, 0.3)]


@pytest.mark.parametrize(("B", "p"), CELLS)
def test_active_chi_word_by_word(B: int, p: float) -> None:
    """Where the tail at a value misses its word, by how much the value would have to change."""
    words = words_everywhere()
    words = np.random.default_rng(1).choice(words, 100 if B == 10**6 else 1000, replace=False)
    words = np.concatenate([words, [0, 1, 2**31 - 1, 2**31, 2**32 - 2, 2**32 - 1]]).astype(np.uint32)
    numbers, weights = law_of_active(B, p)
    values = drawn(words, quantiles.active_chi(B, p))
    for side in (False, True):
        q, upper = probabilities(words)
        x, q = values[upper == side], q[upper == side]
        density = sum(w * stats.chi2.pdf(x**2, n) for n, w in zip(numbers, weights, strict=True))
        relative = (mixture_tail(x, numbers, weights, side) - q) / (2.0 * x**2 * density)
        assert np.abs(relative).max() < 1e-6


@pytest.mark.parametrize("B", [10**7, 10**9, 10**12, 10**15])
@pytest.mark.parametrize("p", [1.0, 0.58, 0.3])
def test_active_chi_of_huge_batches(B: int, p: float) -> None:
    """Q is normal, of mean B p and variance B p (3 - p), with a skewness that no draw shows: 4 (B p)^(-1/2) at most."""
    words = words_everywhere()
    q, upper = probabilities(words)
    z = np.where(upper, -special.ndtri(q), special.ndtri(q))
    mean, deviation = B * p, np.sqrt(B * p * (3.0 - p))
    values = drawn(words, quantiles.active_chi(B, p))
    assert np.isfinite(values).all()
    skewness = 4.0 / np.sqrt(B * p) / 6.0 * (z**2 + 1.0) * deviation
    assert (np.abs(values**2 - (mean + z * deviation)) < skewness + 4e-7 * mean).all()
    if p == 1.0:
        np.testing.assert_allclose(values, drawn(words, quantiles.chi(B)), rtol=1e-6)


@pytest.mark.parametrize(("B", "p"), [(1, 0.3), (32, 0.126), (32, 1e-9), (1000, 0.5), (10**9, 1e-9)])
def test_active_degrees_are_the_law_of_active_samples(B: int, p: float) -> None:
    degrees, weights = quantiles.active_degrees(B, p)
    numbers, exact = law_of_active(B, p)
    assert degrees.min() >= 1.0
    assert weights.sum() == pytest.approx(1.0, rel=1e-12)
    for power in (1, 2, 3):
        assert weights @ degrees**power == pytest.approx(exact @ numbers.astype(float) ** power, rel=1e-8)


def random_words() -> np.ndarray:
    return np.random.default_rng(2).integers(0, 2**32, MANY, np.uint32)


def pvalue(values: np.ndarray, distribution) -> float:
    return stats.kstest(values, distribution).pvalue


def active_cdf(B: int, p: float):
    return lambda x: mixture_tail(x, *law_of_active(B, p))


LAWS = [
    (quantiles.NORMAL, stats.norm.cdf),
    (quantiles.chi(1), stats.chi(1).cdf),
    (quantiles.chi(4), stats.chi(4).cdf),
    (quantiles.chi(10**6), stats.chi(10**6).cdf),
    (quantiles.active_chi(3, 0.2), active_cdf(3, 0.2)),
    (quantiles.active_chi(6, 1.0), active_cdf(6, 1.0)),
]


@pytest.mark.parametrize(("table", "distribution"), LAWS)
def test_draws_follow_their_law(table: np.ndarray, distribution) -> None:
    assert pvalue(drawn(random_words(), table), distribution) > ALPHA


def test_draws_of_many_generators_follow_their_law() -> None:
    """As an engine draws: each trajectory a few words of its own; one after another they are independent, too."""
    cell = sampling.cell_key(1, 2)

    def draws(lane: jax.Array) -> list[jax.Array]:
        generator, words = sampling.next_words(sampling.xoshiro(sampling.trajectory_key(cell, lane)), 3)
        _, more = sampling.next_words(generator, 2)
        return [quantiles.draw(word, quantiles.NORMAL) for word in [*words, *more]]

    values = np.asarray(jax.jit(jax.vmap(draws))(np.arange(MANY // 5, dtype=np.uint32)), np.float64)
    assert pvalue(values.ravel(), stats.norm.cdf) > ALPHA
    for step in values:
        assert pvalue(step, stats.norm.cdf) > ALPHA
    # Sums of two are normal if they are independent; of neighbouring trajectories likewise.
    for first, second in itertools.combinations(values, 2):
        assert pvalue((first + second) / np.sqrt(2.0), stats.norm.cdf) > ALPHA
        assert abs(np.mean(first * second)) < stats.norm.isf(ALPHA / 2) / np.sqrt(len(first))
    assert pvalue((values[:, 1:] - values[:, :-1])[:, ::2].ravel() / np.sqrt(2.0), stats.norm.cdf) > ALPHA


def test_power_a_degree_of_freedom_more_is_caught() -> None:
    assert pvalue(drawn(random_words()[:10_000], quantiles.chi(4)), stats.chi(5).cdf) < ALPHA
    assert pvalue(drawn(random_words(), quantiles.chi(4)), stats.chi(4.05).cdf) < ALPHA


def test_power_a_binomial_that_may_be_zero_is_caught() -> None:
    """Sampled in NumPy, the right mixture passes and the one without truncation does not."""
    rng = np.random.default_rng(3)
    numbers = rng.binomial(3, 0.2, 2 * MANY)
    roots = np.sqrt(rng.chisquare(np.maximum(numbers, 1)))
    distribution = active_cdf(3, 0.2)
    assert pvalue(roots[numbers > 0], distribution) > ALPHA
    assert pvalue(np.where(numbers > 0, roots, 0.0), distribution) < ALPHA
    # Not for its zeros alone: with one active sample in their place it is caught as well.
    assert pvalue(roots, distribution) < ALPHA


def test_power_weights_of_another_batch_are_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = quantiles.active_degrees
    monkeypatch.setattr(quantiles, "active_degrees", lambda B, p: right(B, 1.05 * p))
    table = quantiles.active_chi.__wrapped__(3, 0.2)
    assert pvalue(drawn(random_words(), table), active_cdf(3, 0.2)) < ALPHA


@pytest.mark.parametrize("B", [1, 7, 256, 10**6])
def test_tables_between_frequencies_are_those_of_the_frequency(B: int) -> None:
    """Also where few active samples turn from usual to very rare, and next to p = 1/2."""
    rng = np.random.default_rng(B)
    some = np.concatenate([2.0 ** -rng.uniform(1.0, 30.0, 12), rng.uniform(6.0, 40.0, 6) / B, [0.5, 0.7, 1e-9]])
    for p in some[some <= 1.0].tolist():
        np.testing.assert_allclose(
            quantiles.interpolated_active_chi(B, p), quantiles.active_chi(B, p), rtol=4e-7, atol=4e-7
        )
