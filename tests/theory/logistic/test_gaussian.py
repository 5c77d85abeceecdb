"""The two rules against each other, their limits, and the memory they take; `test_coefficients` has the 50 digits."""

import tracemalloc

import numpy as np
import pytest

from sparsesim.theory.logistic import gaussian


def all_means(mean, spread):
    return np.vstack(
        [
            gaussian.sigmoid_means(mean, spread, 4, 5),
            gaussian.curvature_means(mean, spread),
            gaussian.loss_mean(mean, spread)[None],
        ]
    )


def test_sums_over_f_agree_with_sums_over_the_normal(monkeypatch):
    rng = np.random.default_rng(31)
    mean, spread = rng.uniform(-60.0, 60.0, 300), rng.uniform(gaussian.WIDE, 100.0, 300)
    wide = all_means(mean, spread)
    monkeypatch.setattr(gaussian, "WIDE", np.inf)
    normal = all_means(mean, spread)
    size = np.abs(normal)
    size[10] = np.sqrt(normal[9] * normal[11])  # E[s' z] changes sign
    assert (np.abs(wide - normal) / size).max() < 3e-14
    assert not (wide == normal).all()


def test_an_endless_spread_makes_the_sigmoid_a_step():
    for spread in (1e4, 1e8, 1e150):
        s, s2, sq, s2q = gaussian.sigmoid_means(np.array([-7.0]), np.array([spread]), 2, 2)[:, 0]
        assert (s, s2) == pytest.approx((0.5, 0.5), abs=8.0 / spread + 1e-15)
        assert (sq * spread, s2q * spread) == pytest.approx(
            (0.3989422804014327, 0.19947114020071635), rel=1e-6, abs=0.0
        )
        assert gaussian.loss_mean(np.array([-7.0]), np.array([spread]))[0] / spread == pytest.approx(0.39894, abs=1e-3)


def test_without_spread_the_means_are_values():
    mean, still = np.array([-1.5, 3.0, -200.0, 200.0]), np.zeros(4)
    s, q = 1.0 / (1.0 + np.exp(-mean)), 1.0 / (1.0 + np.exp(mean))
    np.testing.assert_allclose(gaussian.sigmoid_means(mean, still, 2, 2), [s, s**2, s * q, s**2 * q], rtol=1e-14)
    np.testing.assert_allclose(gaussian.loss_mean(mean, still), np.log1p(np.exp(mean)), rtol=1e-14)


def test_memory_stays_bounded_however_many_states():
    rng = np.random.default_rng(32)
    mean, spread = rng.normal(-5.0, 2.0, 30_000), 10.0 ** rng.uniform(-1.0, 1.5, 30_000)
    tracemalloc.start()
    means = gaussian.sigmoid_means(mean, spread, 2, 3)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak - means.nbytes < 10e6
