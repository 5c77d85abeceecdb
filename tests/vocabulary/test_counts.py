"""Vocabularies: frequencies in order, bad counts refused by name, Zipf's exponent found within its error."""

import math

import numpy as np
import pytest

from sparsesim.vocabulary import Vocabulary


def test_counts_are_ordered_with_their_names_and_the_unseen_are_left_out() -> None:
    found = Vocabulary.from_counts([3, 0, 5, 2, 0], ["c", "x", "a", "b", "y"])
    assert found.names is not None
    assert found.names.tolist() == ["a", "c", "b"]
    np.testing.assert_allclose(found.p, [0.5, 0.3, 0.2])
    assert (found.size, found.unseen, found.ratio) == (3, 2, 2.5)


@pytest.mark.parametrize(("counts", "words"), [
    ([], r"a row of at least one number, got \[\]"),
    ([[1, 2]], "a row of at least one number"),
    (["a"], "a row of at least one number"),
    ([1, -2.5], r"finite numbers, 0 or above, got -2.5 at position 1"),
    ([1, 2, math.nan], r"got nan at position 2"),
    ([math.inf], r"got inf at position 0"),
    ([0, 0], "must not all be 0, got 2 of them"),
])  # fmt: skip
def test_what_is_no_count_is_refused(counts: object, words: str) -> None:
    with pytest.raises(ValueError, match=f"counts must .*{words}|{words}"):
        Vocabulary.from_counts(counts)  # type: ignore[arg-type]


def test_names_must_be_as_many() -> None:
    with pytest.raises(ValueError, match="names must be as many as counts, 2, got 1"):
        Vocabulary.from_counts([1, 2], ["a"])


def test_one_token_is_a_vocabulary() -> None:
    found = Vocabulary.from_counts([7])
    assert (found.size, found.ratio) == (1, 1.0)
    with pytest.raises(ValueError, match="a fit needs at least two types"):
        found.fit()


def test_a_million_types_and_more() -> None:
    found = Vocabulary.zipf(2_000_000, 1.1)
    assert found.p.sum() == pytest.approx(1.0)
    assert (np.diff(found.p) < 0.0).all()
    groups = found.groups(100)
    assert groups.tokens.sum() == found.size
    assert groups.p @ groups.tokens == pytest.approx(1.0)
    assert (groups.p[0], groups.p[-1]) == (found.p[0], found.p[-1])


def test_a_law_with_a_shift() -> None:
    found = Vocabulary.zipf(4, 2.0, 1.5)
    np.testing.assert_allclose(found.p / found.p[0], (2.5 / np.array([2.5, 3.5, 4.5, 5.5])) ** 2)
    for arguments, name in (
        ((0,), "size"),
        ((5, -1.0), "exponent"),
        ((5, 1.0, -1.0), "shift"),
        ((5, math.nan), "exponent"),
    ):
        with pytest.raises(ValueError, match=f"^{name} must be"):
            Vocabulary.zipf(*arguments)


def test_tokens_of_one_frequency_are_one_law() -> None:
    p, tokens = Vocabulary.from_counts([4, 1, 4, 1, 1]).distinct()
    np.testing.assert_allclose(p, [4 / 11, 1 / 11])
    assert tokens.tolist() == [2, 3]


def test_the_fitted_exponent_is_within_its_error() -> None:
    """Counts drawn from a law: over 40 texts the distance in errors is standard normal."""
    law, z = Vocabulary.zipf(2000, 1.07), []
    for seed in range(40):
        counts = np.random.default_rng(seed).multinomial(200_000, law.p)
        fit = Vocabulary.from_counts(counts).fit()
        z.append((fit.exponent - 1.07) / fit.std_error)
        assert fit.divergence < 0.02
    assert abs(np.mean(z)) < 4.0
    exact = law.fit()
    assert exact.exponent == pytest.approx(1.07, abs=1e-6)
    assert math.isnan(exact.std_error)
    assert exact.divergence == pytest.approx(0.0, abs=1e-9)


def test_counts_that_are_no_law_have_a_large_error() -> None:
    mixed = np.concatenate([np.full(10, 10_000.0), 1e5 / np.arange(11, 2000) ** 1.6])
    sample = np.random.default_rng(0).multinomial(int(mixed.sum()), Vocabulary.zipf(2000, 1.1).p)
    assert Vocabulary.from_counts(mixed).fit().std_error > 3.0 * Vocabulary.from_counts(sample).fit().std_error
