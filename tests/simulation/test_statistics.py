"""Streaming statistics against the plain formulas."""

import numpy as np
import pytest

from sparsesim.simulation import statistics
from sparsesim.simulation.statistics import Statistics


def gathered(records: np.ndarray, sizes: list[int]) -> dict[str, np.ndarray]:
    stream = Statistics()
    for block in np.split(records, np.cumsum(sizes)):
        if len(block):
            stream.add(block)
    return stream.result()


def test_blocks_give_the_plain_formulas() -> None:
    records = np.random.default_rng(0).lognormal(size=(1000, 4, 3)).astype(np.float32)
    result = gathered(records, [1, 10, 300])
    x = records.astype(np.float64)
    np.testing.assert_allclose(result["mean"], x.mean(0), rtol=1e-12)
    np.testing.assert_allclose(result["std_error"], x.std(0, ddof=1) / np.sqrt(1000), rtol=1e-12)
    np.testing.assert_allclose(result["effective_sample_size"], x.sum(0) ** 2 / (x**2).sum(0), rtol=1e-12)
    for name, rank in (("lower_quartile", 250), ("median", 500), ("upper_quartile", 750)):
        np.testing.assert_array_equal(result[name], np.sort(x, 0)[rank - 1])


def test_a_small_spread_around_a_large_mean_survives() -> None:
    records = np.float32(1e6) + np.random.default_rng(1).integers(0, 2, size=(500, 1, 1)).astype(np.float32)
    result = gathered(records, [250])
    assert result["std_error"] == pytest.approx(records.astype(float).std(ddof=1) / np.sqrt(500), rel=1e-9)


def test_equal_trajectories_all_count() -> None:
    for value in (2.0, 0.0):
        result = gathered(np.full((64, 1, 3), value, np.float32), [32])
        assert (result["effective_sample_size"] == 64).all()
        assert (result["std_error"] == 0).all()


def test_one_trajectory_that_carries_the_mean_counts_alone() -> None:
    records = np.full((100, 1, 1), 1e-9, np.float32)
    records[17] = 1.0
    assert gathered(records, [50])["effective_sample_size"] == pytest.approx(1.0, abs=1e-5)


def test_overflow_stays_visible_without_a_warning() -> None:
    records = np.array([1.0, np.inf, 2.0], np.float32).reshape(3, 1, 1)
    result = gathered(records, [2])
    assert np.isinf(result["mean"])
    assert result["median"] == 2.0


def test_quartiles_come_from_the_first_trajectories(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "QUARTILE_TRAJECTORIES", 10)
    records = np.arange(30, dtype=np.float32).reshape(30, 1, 1)
    assert gathered(records, [7, 7])["median"] == 4.0
