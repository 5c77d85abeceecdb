"""Effective sparsity under changes of batch, vocabulary and width."""

import numpy as np
import pytest

from sparsesim.vocabulary import Vocabulary, changes


def test_shares_are_counts_of_tokens_and_of_mass() -> None:
    vocabulary, d, B = Vocabulary.zipf(2000), 64, 5000
    found = changes(vocabulary, d, B)
    of, pB = found.sel(change="as it is"), vocabulary.p * B
    chosen = {"sparse": pB < 1, "dense": (pB >= 1) & (pB <= d), "concentrated": pB > d}
    for kind, tokens in chosen.items():
        assert tokens.any()
        assert float(of["types"].sel(kind=kind)) == pytest.approx(tokens.mean())
        assert float(of["mass"].sel(kind=kind)) == pytest.approx(vocabulary.p[tokens].sum())
    np.testing.assert_allclose(found["types"].sum("kind"), 1.0)
    np.testing.assert_allclose(found["mass"].sum("kind"), 1.0)
    assert float(of["alpha_last"]) == pytest.approx(-np.log(vocabulary.p[-1]) / np.log(d))
    assert float(of["beta"]) == pytest.approx(np.log(B) / np.log(d))


def test_what_changes_do() -> None:
    found = changes(Vocabulary.zipf(2000), 64, 5000)
    sparse, concentrated = (found["types"].sel(kind=kind) for kind in ("sparse", "concentrated"))
    here = {"change": "as it is"}
    for change in ("batch / 10", "vocabulary x 10"):
        assert sparse.sel(change=change) > sparse.sel(here)
    for change in ("batch x 10", "vocabulary / 10"):
        assert sparse.sel(change=change) < sparse.sel(here)
    for change in ("width / 10", "width x 10"):  # width does not change how often a token is in a minibatch
        assert sparse.sel(change=change) == sparse.sel(here)
    assert concentrated.sel(change="width / 10") > concentrated.sel(here) > concentrated.sel(change="width x 10")
    suited = "batch x 10, vocabulary to suit"
    assert float(sparse.sel(change=suited)) == pytest.approx(float(sparse.sel(here)), abs=0.02)
    assert int(found["B"].sel(change=suited)) == 50_000


def test_one_token_and_a_batch_of_one() -> None:
    found = changes(Vocabulary.from_counts([3]), 2, 1)
    assert int(found["B"].sel(change="batch / 10")) == 1
    assert float(found["types"].sel(change="as it is", kind="dense")) == 1.0
    with pytest.raises(ValueError, match="d must be"):
        changes(Vocabulary.from_counts([3]), 1, 1)
