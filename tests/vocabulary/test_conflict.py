"""The spectral conflict token by token, and what there is to say of all of them."""

import math

import numpy as np
import pytest

from sparsesim import HeavyBall
from sparsesim.theory import least_squares, stability
from sparsesim.vocabulary import Vocabulary, spectral_conflict, summary

LLAMA = Vocabulary.zipf(128_256)


def test_every_token_has_its_own_theory() -> None:
    vocabulary, optimizer = Vocabulary.from_counts([50, 20, 5, 1], list("abcd")), HeavyBall(0.3, 0.05)
    found = spectral_conflict(vocabulary, 30, 16, optimizer, label_noise=0.2, minibatches=100)
    assert found["name"].values.tolist() == list("abcd")
    for j in range(4):
        row, own = vocabulary.embedding(30, 16, 0.2).row(j), found.isel(token=j)
        assert float(own["decay_rate"]) == pytest.approx(stability.decay_rate(row, optimizer))
        assert float(own["learning_time"]) == pytest.approx(1.0 / stability.decay_rate(row, optimizer))
        assert float(own["floor"]) == pytest.approx(stability.noise_floor(row, optimizer))
        assert float(own["active"]) == pytest.approx(least_squares.activity(row)[0])
        risk = least_squares.moments(row, optimizer, [100], "minibatch")[0, 0]
        assert float(own["risk"]) == pytest.approx(risk)
        assert float(own["retention_time"]) == 20.0


def test_sides_of_resonance_and_kinds_of_batches() -> None:
    vocabulary = Vocabulary.from_counts([1000, 100, 10, 1])
    eta, eps = 1.0, 0.05
    found = spectral_conflict(vocabulary, 20, 100, HeavyBall(eta, eps))
    stiffness = eta * vocabulary.p / eps
    assert found["side"].values.tolist() == [
        "above" if w > 4 else "near" if w >= 0.25 else "below" for w in stiffness
    ]  # fmt: skip
    assert set(found["side"].values) == {"above", "near", "below"}
    assert found["batch"].values.tolist() == ["concentrated", "dense", "sparse", "sparse"]
    said = summary(found)
    assert said.resonance == 0.05
    assert sum(share.types for share in said.sides.values()) == pytest.approx(1.0)
    assert sum(share.mass for share in said.batches.values()) == pytest.approx(1.0)
    assert said.batches["concentrated"].mass == pytest.approx(vocabulary.p[0])


def test_the_learning_rate_that_keeps_all_stable() -> None:
    for eps, B, first in ((0.5, 10**5, 1), (0.001, 8, 4)):  # curvature takes the frequent token first, noise the rarest
        vocabulary = Vocabulary.from_counts([1000, 100, 10, 1])
        said = summary(spectral_conflict(vocabulary, 20, B, HeavyBall(1.0, eps)))
        for factor, unstable in ((0.999, 0), (1.0001, 1)):
            optimizer = HeavyBall(factor * said.critical_eta, eps)
            found = summary(spectral_conflict(vocabulary, 20, B, optimizer))
            assert found.unstable >= unstable if unstable else found.unstable == 0
            assert found.first_unstable == (first if unstable else None) or found.unstable > 1
            assert (found.slowest_rate < 0.0) == bool(unstable)


@pytest.mark.parametrize(("B", "concentrated", "dense"), [(4_000_000, 80, 128_256), (16_000_000, 320, 128_256)])
def test_llama(B: int, concentrated: int, dense: int) -> None:
    """Width 4096, 128,256 types by Zipf's law: p_1 = 1/12.34; with batches of 4M no token is sparse."""
    found = spectral_conflict(LLAMA, 4096, B, HeavyBall(B / 4096, 0.1))
    said = summary(found)
    harmonic = math.log(128_256) + np.euler_gamma
    assert LLAMA.p[0] == pytest.approx(1.0 / harmonic, rel=1e-4)
    expected = int(B / 4096 / harmonic)
    assert round(said.batches["concentrated"].types * 128_256) == pytest.approx(expected, abs=1)
    assert expected == pytest.approx(concentrated, rel=0.05)
    assert said.batches["sparse"].types == 0.0
    assert round((said.batches["dense"].types + said.batches["concentrated"].types) * 128_256) == dense
    assert said.resonance == pytest.approx(0.1 * 4096 / B)
