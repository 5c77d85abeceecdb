"""The study of a vocabulary: its losses against the sum over tokens, its verdict, its words, bad input."""

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from sparsesim import HeavyBall
from sparsesim.studies import vocabulary as study
from sparsesim.sweep import Sweep, Times, run_sweep
from sparsesim.theory.embedding import critical_learning_rate
from sparsesim.theory.least_squares import moments
from sparsesim.vocabulary import Vocabulary

NAMES = [f"token {i}" for i in range(40)]
ZIPF = Vocabulary.from_counts(10**6 / np.arange(1, 41), NAMES)
PARAMETERS = {"alpha": 0.5, "beta": 0.5, "delta": 1.0, "d": 16, "B": 64, "eps": 0.1, "eta_over_critical": 0.5}
SWEEP = Sweep({}, PARAMETERS, Times(50, records=4, spacing="log"), 256, 3, "minibatch", vocabulary=ZIPF)


def compute(sweep: Sweep, simulate=run_sweep) -> xr.Dataset:
    return study.compute(sweep, lambda done, total: None, simulate).assign_attrs(seconds=0.0)


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    return compute(SWEEP)


def test_losses_of_tenths_are_means_over_their_tokens(computed: xr.Dataset) -> None:
    embedding = ZIPF.embedding(16, 64)
    eta = 0.5 * float(critical_learning_rate(embedding, 0.1))
    assert computed.attrs["eta"] == pytest.approx(eta)
    times = computed["time"].values
    R = np.stack([moments(embedding.row(j), HeavyBall(eta, 0.1), times, "minibatch")[:, 0] for j in range(40)])
    first, last = computed["band_first"].values, computed["band_last"].values
    assert (first[0], last[-1]) == (1, 40)
    assert (first[1:] == last[:-1] + 1).all()
    for band, (low, high) in enumerate(zip(first - 1, last, strict=True)):
        p = ZIPF.p[low:high]
        np.testing.assert_allclose(computed["loss"][band], p @ R[low:high] / p.sum(), rtol=1e-9)
        assert float(computed["band_mass"][band]) == pytest.approx(p.sum())
        assert float(computed["curve"].isel(band=band, curve_time=-1)) == pytest.approx(
            p @ R[low:high, -1] / p.sum(), rel=1e-3
        )
    assert study.summary(computed)["loss_left"] == pytest.approx(ZIPF.p @ R[:, -1], rel=1e-9)


def test_simulation_agrees_and_its_errors_are_those_of_sums(computed: xr.Dataset) -> None:
    assert computed.attrs["verdict"] == "agrees"
    assert bool(computed["loss_judged"].isel(time=slice(1, None)).any("time").all())
    last = computed.isel(time=-1)
    p = last["frequency"].values
    for band, (low, high) in enumerate(
        zip(computed["band_first"].values - 1, computed["band_last"].values, strict=True)
    ):
        weights = p[low:high] / p[low:high].sum()
        error = np.sqrt(weights**2 @ last["std_error"].values[low:high] ** 2)
        assert float(last["loss_std_error"][band]) == pytest.approx(error)


@pytest.mark.parametrize("factor", [1.03, 0.97])
def test_means_that_are_wrong_by_a_few_per_cent_disagree(factor: float) -> None:
    def wrong(sweep: Sweep, progress=None) -> xr.Dataset:
        found = run_sweep(sweep, progress)
        rare = found["p"] < 0.01
        return found.assign(mean=found["mean"].where(~rare | (found["time"] == 0), found["mean"] * factor))

    found = compute(SWEEP, wrong)
    assert found.attrs["verdict"] == "disagrees"
    assert "disagrees in tenth" in study.outcome(found).remarks[0]


def test_tokens_of_one_frequency_are_one_cell() -> None:
    counts = np.array([50, 20, 20, 10, 10, 10, 0])
    found = compute(replace(SWEEP, vocabulary=Vocabulary.from_counts(counts)))
    assert found["tokens"].values.tolist() == [1, 2, 3]
    assert found.sizes["token"] == 6
    assert found.attrs["unseen"] == 1
    assert found["band_last"].values.tolist() == [1, 3, 6]
    assert found.attrs["verdict"] == "agrees"


def test_the_answer_for_a_reader(computed: xr.Dataset) -> None:
    outcome = study.outcome(computed)
    assert f"a learning rate of {computed.attrs['eta']:.4g}" in outcome.words
    assert "All tokens are stable" in outcome.words
    assert "rank 40 ('token 39')" in outcome.words
    assert outcome.details is not None
    assert all(len(row) == len(outcome.details.columns) for row in outcome.details.rows)
    assert len(outcome.details.rows) == computed.sizes["band"]
    assert dict(outcome.rows)["verdict"] == "[green]agrees"


def test_an_unstable_vocabulary_is_called_so() -> None:
    found = compute(replace(SWEEP, parameters={**PARAMETERS, "eta_over_critical": 1.5}))
    outcome = study.outcome(found)
    assert "It is unstable" in outcome.words
    assert "rank 1 ('token 0')" in outcome.words
    assert "never" in outcome.details.rows[0]
    assert study.summary(found)["unstable"] >= 1


def test_label_noise_has_an_equal_floor(computed: xr.Dataset) -> None:
    assert "equal_floor" not in computed["choice"]
    found = compute(replace(SWEEP, parameters={**PARAMETERS, "label_noise": 0.5}))
    assert found.attrs["verdict"] == "agrees"
    floors = found["choice_floor"].sel(choice=["loss_sgd", "equal_floor"])
    assert float(floors[0]) == pytest.approx(float(floors[1]), rel=1e-6)


def test_one_token_has_no_conflict() -> None:
    found = compute(replace(SWEEP, vocabulary=Vocabulary.from_counts([7])))
    assert found.attrs["verdict"] == "agrees"
    assert study.summary(found)["critical_batch"] == {"sgd": None, "momentum": None}
    assert study.outcome(found).details.rows[0][1] == "1"


def test_figures_are_drawn(computed: xr.Dataset, tmp_path) -> None:
    names = {path.stem for path in study.draw(computed, tmp_path)}
    assert names == {f"vocabulary_{what}" for what in ("spectrum", "learning", "loss", "sparsity")}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"vocabulary": None}, "vocabulary must be given"),
        ({"axes": {"eps": [0.1, 0.2]}}, "the axes of the study vocabulary must be none, got eps"),
        ({"clock": "active"}, "clock must be minibatch"),
        ({"times": Times(3, "e_folds")}, "times.unit must be ticks"),
        ({"start": {"R": 2.0}}, "start must not be given"),
        ({"cases": {"one": {"eps": 0.2}}}, "must have no cases"),
        ({"parameters": {**PARAMETERS, "p": 0.1}}, "p must not be given"),
        ({"parameters": {**PARAMETERS, "eta": 0.1}}, "eta and eta_over_critical must not both"),
        ({"parameters": {**PARAMETERS, "eta_over_critical": -1.0}}, "eta_over_critical must be"),
    ],
)
def test_bad_input(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compute(replace(SWEEP, **changes))
