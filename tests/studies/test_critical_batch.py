"""Critical batch sizes: measured bends beside predicted ones, steps against brute force, a verdict that can fail."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from sparsesim.studies import critical_batch as study
from sparsesim.sweep import Sweep, Times, run_sweep
from sparsesim.theory import conflict
from sparsesim.vocabulary import Vocabulary

PARAMETERS = {"alpha": 0.5, "beta": 0.5, "delta": 1.0, "d": 64, "eps": 0.1}
SIZES = [1.0, 100.0, 3e3, 1e5, 1e7]
SWEEP = Sweep({"B": SIZES}, PARAMETERS, Times(1), 512, 3, "minibatch", vocabulary=Vocabulary.zipf(100))


def compute(sweep: Sweep, simulate=run_sweep) -> xr.Dataset:
    return study.compute(sweep, lambda done, total: None, simulate).assign_attrs(seconds=0.0)


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    return compute(SWEEP)


def test_simulated_steps_agree_with_exact_ones(computed: xr.Dataset) -> None:
    assert computed.attrs["verdict"] == "agrees"
    np.testing.assert_allclose(computed["steps"], computed["steps_exact"], rtol=0.05)


def test_plain_sgd_takes_the_e_folds_of_its_rate(computed: xr.Dataset) -> None:
    of = computed.sel(optimizer="sgd")
    np.testing.assert_allclose(of["steps_exact"], study.TARGET / of["best_rate"], rtol=2e-3)


def test_bends_are_where_rates_say_and_momentum_bends_later(computed: xr.Dataset) -> None:
    embedding = Vocabulary.zipf(100).embedding(64, 1)
    sgd, momentum = computed.sel(optimizer="sgd"), computed.sel(optimizer="momentum")
    assert float(sgd["critical_batch"]) == pytest.approx(conflict.critical_batch_sgd(embedding))
    assert float(momentum["critical_batch"]) == pytest.approx(conflict.critical_batch_momentum(embedding))
    assert abs(float(sgd["bend"] / sgd["critical_batch"]) - 1.0) < 4.0 * float(sgd["bend_std_error"] / sgd["bend"])
    later = float(momentum["bend"] / sgd["bend"])
    assert 0.5 * 10.0 < later < 1.1 * 10.0  # of the root of 100; less by the time two modes take to part
    assert computed.attrs["target"] * float(momentum["least_steps_per_e_fold"]) < float(momentum["steps_exact"].min())


def test_small_batches_cost_the_same_samples_with_and_without_momentum(computed: xr.Dataset) -> None:
    first = computed["steps_exact"].isel(batch_size=0)
    assert float(first.sel(optimizer="momentum")) == pytest.approx(float(first.sel(optimizer="sgd")), rel=0.02)
    assert float(first.sel(optimizer="sgd")) == pytest.approx(
        study.TARGET * computed.attrs["samples_per_e_fold"], rel=2e-3
    )


def test_wrong_means_disagree() -> None:
    def wrong(sweep: Sweep, progress=None) -> xr.Dataset:
        found = run_sweep(sweep, progress)
        return found.assign(mean=found["mean"] * 1.3)

    assert compute(SWEEP, wrong).attrs["verdict"] == "disagrees"


def test_the_answer_for_a_reader(computed: xr.Dataset, tmp_path) -> None:
    outcome = study.outcome(computed)
    assert "100 times as frequent" in outcome.words
    assert outcome.details is not None
    assert [row[0] for row in outcome.details.rows] == [f"{B:.4g}" for B in SIZES]
    assert study.summary(computed)["sgd"]["bend"] == pytest.approx(float(computed["bend"].sel(optimizer="sgd")))
    assert {path.name for path in study.draw(computed, tmp_path)} == {"critical_batch.pdf", "critical_batch.png"}


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="the axes of the study critical_batch must be B, got none"):
        compute(replace(SWEEP, axes={}))
    with pytest.raises(ValueError, match="vocabulary must be given"):
        compute(replace(SWEEP, vocabulary=None))
    with pytest.raises(ValueError, match="B must be"):
        compute(replace(SWEEP, axes={"B": [0.5]}))
