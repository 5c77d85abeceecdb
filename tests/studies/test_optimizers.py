"""Optimizers on one vocabulary: simulated as written against exact, each at its best, a verdict that can fail."""

import math
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from sparsesim import HeavyBall
from sparsesim.studies import optimizers as study
from sparsesim.sweep import Sweep, Times
from sparsesim.theory.embedding import scheduled_risks
from sparsesim.theory.least_squares import moments
from sparsesim.vocabulary import Vocabulary

PARAMETERS = {"alpha": 0.5, "beta": 0.5, "delta": 1.0, "d": 6, "B": 32, "eps": 0.1, "label_noise": 0.3}
SWEEP = Sweep({}, PARAMETERS, Times(60, records=3), 400, 3, "minibatch", vocabulary=Vocabulary.zipf(12))


def compute(sweep: Sweep) -> xr.Dataset:
    return study.compute(sweep, lambda done, total: None).assign_attrs(seconds=0.0)


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    return compute(SWEEP)


def test_all_are_simulated_as_they_are_exact(computed: xr.Dataset) -> None:
    assert computed.attrs["verdict"] == "agrees"
    assert bool(computed["loss_z"].isel(time=slice(1, None)).notnull().all())
    assert set(computed["optimizer"].values) == set(study.KINDS)
    np.testing.assert_allclose(computed["mean"], computed["risk"], rtol=0.5)


@pytest.mark.parametrize("name", list(study.KINDS))
def test_no_settings_of_an_optimizer_are_better_than_its_own(computed: xr.Dataset, name: str) -> None:
    embedding, of, rng = (
        Vocabulary.zipf(12).embedding(6, 32, 0.3),
        computed.sel(optimizer=name),
        np.random.default_rng(1),
    )
    kind, found = study.KINDS[name], float(of["loss"][-1])
    second = 1.0 if kind.first is None else float(of["setting"])
    for spread in (0.05, 0.5, 2.0):
        for eta, c in np.exp(spread * rng.standard_normal((12, 2))):
            with np.errstate(all="ignore"):
                R = kind.risks(
                    embedding, float(of["eta"]) * eta, second * (1.0 if kind.first is None else c), np.array([60])
                )
            loss = 0.5 * float(embedding.p @ R[:, -1])
            assert found <= loss * (1.0 + 1e-4) or math.isnan(loss)


def test_momentum_of_one_is_plain_sgd(computed: xr.Dataset) -> None:
    losses = computed["loss"].isel(time=-1)
    assert (losses.drop_sel(optimizer="sgd") <= float(losses.sel(optimizer="sgd")) * (1.0 + 1e-6)).all()


def test_wrong_losses_disagree(computed: xr.Dataset) -> None:
    for factor in (0.9, 1.1):
        wrong = computed.assign(loss_simulated=computed["loss_simulated"] * factor)
        assert study.judged(wrong).attrs["verdict"] == "disagrees"


def test_means_that_few_trajectories_carry_are_not_judged(computed: xr.Dataset) -> None:
    few = computed["loss_effective_sample_size"].where(computed["time"] < 60, 100.0)
    wrong = computed["loss_simulated"].where(computed["time"] < 60, 1e9)
    found = study.judged(computed.assign(loss_simulated=wrong, loss_effective_sample_size=few))
    assert bool(found["loss_z"].isel(time=-1).isnull().all())
    assert found.attrs["verdict"] == "agrees"
    none = computed.assign(loss_effective_sample_size=xr.zeros_like(few))
    assert study.judged(none).attrs["verdict"] == "untested"


def test_the_answer_for_a_reader(computed: xr.Dataset, tmp_path) -> None:
    outcome = study.outcome(computed)
    losses = computed["loss"].isel(time=-1)
    best = str(losses["optimizer"].values[np.argmin(losses.values)])
    assert outcome.details is not None
    assert outcome.details.rows[0][0] == study.KINDS[best].words
    assert study.KINDS[best].words in outcome.words
    assert set(study.summary(computed)["optimizers"]) == set(study.KINDS)
    assert {path.name for path in study.draw(computed, tmp_path)} == {"optimizers.pdf", "optimizers.png"}


def test_bad_input() -> None:
    with pytest.raises(ValueError, match="at most 5000"):
        compute(replace(SWEEP, vocabulary=Vocabulary.zipf(6000)))


def test_a_loss_that_is_none_disagrees(computed: xr.Dataset) -> None:
    one = computed["loss_simulated"].where(computed["optimizer"] != "lazy")
    assert study.judged(computed.assign(loss_simulated=one)).attrs["verdict"] == "disagrees"


def test_rounding_is_not_judged(computed: xr.Dataset) -> None:
    exact = computed.assign(loss_std_error=1e-9 * computed["loss"])
    assert bool(study.judged(exact)["loss_z"].isnull().all())


def test_exact_equations_are_those_of_what_is_simulated() -> None:
    """Each family's number c means the same in theory and in its transformation, minibatch by minibatch."""
    embedding, times = Vocabulary.zipf(5).embedding(4, 8), np.array([1, 2, 3, 4])
    for c, eps in ((2.0, lambda k: min(1.0, 2.0 / k)), (3.0, lambda k: min(1.0, 3.0 / k))):
        R = study.KINDS["schedule"].risks(embedding, 0.3, c, times)
        np.testing.assert_allclose(R, scheduled_risks(embedding, 0.3, eps, times), rtol=1e-12)
    own = study.KINDS["per_frequency"].risks(embedding, 0.3, 3.0, times)
    for j in range(5):
        alone = moments(embedding.row(j), HeavyBall(0.3, min(1.0, 3.0 * float(embedding.p[j]))), times, "minibatch")
        np.testing.assert_allclose(own[j], alone[:, 0], rtol=1e-9)
    assert study.KINDS["lazy"].most == 1.0


def test_what_is_tuned_is_a_momentum(computed: xr.Dataset) -> None:
    assert (computed["setting"].sel(optimizer=["heavy_ball", "lazy"]) <= 1.0).all()
