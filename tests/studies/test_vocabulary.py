"""The study of a vocabulary: its losses against the sum over tokens, its verdict, its words, bad input."""

import importlib
from dataclasses import replace

import numpy as np
import pytest
import xarray as xr
from scipy import stats
from scipy.optimize import OptimizeResult

from sparsesim import HeavyBall
from sparsesim.studies import vocabulary as study
from sparsesim.sweep import Sweep, Times, run_sweep
from sparsesim.theory.embedding import critical_learning_rate
from sparsesim.theory.least_squares import moments
from sparsesim.vocabulary import Losses, Vocabulary

advice = importlib.import_module("sparsesim.vocabulary.advice")

NAMES = [f"token {i}" for i in range(40)]
ZIPF = Vocabulary.from_counts(10**6 / np.arange(1, 41), NAMES)
PARAMETERS = {"alpha": 0.5, "beta": 0.5, "delta": 1.0, "d": 16, "B": 64, "eps": 0.1, "eta_over_critical": 0.5}
SWEEP = Sweep({}, PARAMETERS, Times(50, records=4, spacing="log"), 256, 3, "minibatch", vocabulary=ZIPF)


@pytest.fixture
def unsearched(monkeypatch: pytest.MonkeyPatch) -> None:
    """Advice from the best point of its grid: to search between them takes seconds, and is not what is tested here."""
    nowhere = OptimizeResult(x=None, fun=np.inf)
    monkeypatch.setattr(advice, "minimize", lambda *arguments, **options: nowhere)


def compute(sweep: Sweep, simulate=run_sweep) -> xr.Dataset:
    return study.compute(sweep, lambda done, total: None, simulate).assign_attrs(seconds=0.0)


@pytest.fixture(scope="module")
def simulated() -> xr.Dataset:
    """What the study simulates of SWEEP."""
    kept: list[xr.Dataset] = []

    def keep(sweep: Sweep, progress=None) -> xr.Dataset:
        kept.append(run_sweep(sweep, progress))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        compute(SWEEP, keep)
    return kept[0]


@pytest.fixture(scope="module")
def computed(simulated: xr.Dataset) -> xr.Dataset:
    return compute(SWEEP, lambda sweep, progress=None: simulated)


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


@pytest.mark.usefixtures("unsearched")
@pytest.mark.parametrize("factor", [1.03, 0.97])
def test_means_that_are_wrong_by_a_few_per_cent_disagree(factor: float, simulated: xr.Dataset) -> None:
    def wrong(sweep: Sweep, progress=None) -> xr.Dataset:
        found = simulated
        rare = found["p"] < 0.01
        return found.assign(mean=found["mean"].where(~rare | (found["time"] == 0), found["mean"] * factor))

    found = compute(SWEEP, wrong)
    assert found.attrs["verdict"] == "disagrees"
    assert "disagrees in tenth" in study.outcome(found).remarks[0]


@pytest.mark.usefixtures("unsearched")
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


@pytest.mark.usefixtures("unsearched")
def test_an_unstable_vocabulary_is_called_so() -> None:
    found = compute(replace(SWEEP, parameters={**PARAMETERS, "eta_over_critical": 1.5}))
    outcome = study.outcome(found)
    assert "It is unstable" in outcome.words
    assert "rank 1 ('token 0')" in outcome.words
    assert "never" in outcome.details.rows[0]
    assert study.summary(found)["unstable"] >= 1


@pytest.mark.usefixtures("unsearched")
def test_label_noise_has_an_equal_floor(computed: xr.Dataset) -> None:
    assert "equal_floor" not in computed["choice"]
    found = compute(replace(SWEEP, parameters={**PARAMETERS, "label_noise": 0.5}))
    assert found.attrs["verdict"] == "agrees"
    floors = found["choice_floor"].sel(choice=["loss_sgd", "equal_floor"])
    assert float(floors[0]) == pytest.approx(float(floors[1]), rel=1e-6)


@pytest.mark.usefixtures("unsearched")
def test_one_token_has_no_conflict() -> None:
    found = compute(replace(SWEEP, vocabulary=Vocabulary.from_counts([7])))
    assert found.attrs["verdict"] == "agrees"
    assert study.summary(found)["critical_batch"] == {"sgd": np.inf, "momentum": np.inf}
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
        ({"parameters": {**PARAMETERS, "B": None}}, "problem.B must be given"),
        ({"parameters": {**PARAMETERS, "p": 0.1}}, "p must not be given"),
        ({"parameters": {**PARAMETERS, "eta": 0.1}}, "eta and eta_over_critical must not both"),
        ({"parameters": {**PARAMETERS, "eta_over_critical": -1.0}}, "eta_over_critical must be"),
    ],
)
def test_bad_input(changes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compute(replace(SWEEP, **changes))


def tenths(p: list[float], tokens: list[int], **changes: object) -> xr.Dataset:
    """Bands of made-up frequencies, exact R = 1 and simulated R = 1 + 0.1 z with an error of 0.1."""
    shape = (len(p), 1)
    made = {"exact": np.ones(shape), "mean": np.ones(shape), "std_error": np.full(shape, 0.1), "z": np.zeros(shape),
            "trusted": np.ones(shape, bool), **changes}  # fmt: skip
    variables = {name: (("frequency", "time"), values) for name, values in made.items()}
    return study._bands(xr.Dataset({**variables, "tokens": ("frequency", tokens)}, {"frequency": p, "time": [1.0]}))


def test_tenths_are_of_the_text_and_ties_count_as_often_as_they_are() -> None:
    found = tenths([0.32, 0.1, 0.076], [1, 3, 5])  # middles of their mass at 0.16, 0.47 and 0.81
    assert found["band"].values.tolist() == [2, 5, 9]
    assert found["band_last"].values.tolist() == [1, 4, 9]
    np.testing.assert_allclose(found["band_mass"], [0.32, 0.3, 0.38])
    together = tenths([0.06, 0.04] + [0.1] * 9, [1, 1] + [1] * 9, mean=np.array([[2.0], [1.0]] + [[1.0]] * 9))
    assert float(together["loss_simulated"][0, 0]) == pytest.approx(1.6)
    assert float(together["loss_std_error"][0, 0]) == pytest.approx(0.1 * np.hypot(0.6, 0.4))
    assert float(together["loss_z"][0, 0]) == pytest.approx(0.6 / (0.1 * np.hypot(0.6, 0.4)))


def test_a_tenth_is_judged_where_what_is_left_of_it_can_be_relied_on() -> None:
    few = np.array([[True], [False]])
    for left, judged in ((0.5, False), (0.005, True)):
        found = tenths([0.05, 0.05], [1, 1], exact=np.array([[1.0], [left]]), trusted=few)
        assert found["band"].size == 2
        both = tenths([0.0501, 0.0499, 0.9], [1, 1, 1], exact=np.array([[1.0], [left], [1.0]]),
                      trusted=np.array([[True], [False], [True]]))  # fmt: skip
        assert bool(both["loss_judged"][0, 0]) == judged


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_not_finite_stays_in_its_own_tenth(value: float) -> None:
    found = tenths([0.5, 0.5], [1, 1], mean=np.array([[value], [1.0]]), exact=np.array([[value], [1.0]]))
    assert np.isfinite(found["loss"].values[1]).all()
    assert found["loss_judged"].values[:, 0].tolist() == [False, True]


def test_a_mean_that_overflows_where_it_should_not_disagrees() -> None:
    infinite = {
        "mean": np.array([[np.inf], [1.0]]),
        "z": np.array([[np.inf], [0.0]]),
        "std_error": np.full((2, 1), np.nan),
    }
    found = tenths([0.5, 0.5], [1, 1], **infinite)
    assert bool(found["loss_judged"][0, 0])
    assert np.isinf(float(found["loss_z"][0, 0]))


def test_losses_of_the_plane_and_of_choices_are_shares_of_the_start(computed: xr.Dataset) -> None:
    losses = Losses(ZIPF, 16, 64)
    i, j = 20, 30
    eps, eta = float(computed["plane_eps"][i]), float(computed["plane_eta"][j])
    assert float(computed["plane_critical"][i]) == pytest.approx(float(critical_learning_rate(losses.embedding, eps)))
    assert eta < float(computed["plane_critical"][i])
    assert float(computed["plane_loss"][i, j]) == pytest.approx(2.0 * float(losses.at(eta, eps, [50])[0]))
    beyond = computed["plane_eta"] > computed["plane_critical"]
    assert bool(computed["plane_loss"].where(beyond).isnull().all())
    assert bool(computed["plane_loss"].where(~beyond, 0.0).notnull().all())
    for choice in computed["choice"].values:
        of = computed.sel(choice=choice)
        loss = losses.at(float(of["choice_eta"]), float(of["choice_eps"]), [50])[0]
        assert float(of["choice_loss"]) == pytest.approx(2.0 * float(loss))
    assert computed.attrs["loss_bound"] == pytest.approx(stats.t.isf(0.5e-4 / int(computed["loss_judged"].sum()), 255))


def test_the_table_has_the_pace_of_the_middle_of_a_tenth(computed: xr.Dataset) -> None:
    last = study.outcome(computed).details.rows[-1]
    first, end = int(computed["band_first"][-1]), int(computed["band_last"][-1])
    p = ZIPF.p[first - 1 : end]
    middle = first + int(np.searchsorted(np.cumsum(p), 0.5 * p.sum()))
    assert last[4] == f"{float(computed['learning_time'].sel(token=middle)):,.0f}"


@pytest.mark.usefixtures("unsearched")
def test_the_last_record_is_the_budget() -> None:
    for horizon, records in ((1, 8), (30, 1)):
        found = compute(replace(SWEEP, times=Times(horizon, records=records, spacing="log")))
        assert found.attrs["minibatches"] == horizon == float(found["time"][-1])


@pytest.mark.usefixtures("unsearched")
def test_names_with_marks_are_shown_as_they_are_and_cut() -> None:
    names = ["[/INST]", "x" * 300, "\ud800\0"]
    found = compute(replace(SWEEP, vocabulary=Vocabulary.from_counts([5, 3, 1], names)))
    words = study.outcome(found).words
    assert "rank 3" in words
    assert found["name"].values[0] == "[/INST]"
    cut = study.outcome(compute(replace(SWEEP, vocabulary=Vocabulary.from_counts([5, 3], names[1::-1])))).words
    assert "x" * 27 + "..." in cut
    assert "x" * 28 not in cut


@pytest.mark.usefixtures("unsearched")
def test_a_width_of_one_has_no_exponents() -> None:
    found = compute(replace(SWEEP, parameters={**PARAMETERS, "d": 1}))
    assert np.isnan(study.summary(found)["exponents"]["beta"])
