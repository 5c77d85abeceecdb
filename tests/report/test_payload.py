"""What a page carries: the stored numbers, and what theory says of the cells."""

import base64
import json

import numpy as np
import pytest
import xarray as xr

from sparsesim.figures import boundaries, labels
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.report import cells, payload
from sparsesim.studies import momentum, phase_diagram
from sparsesim.sweep import Sweep, Times
from sparsesim.theory import phases, stability

TYPES = {"f4": np.float32, "f8": np.float64, "u1": np.uint8, "u2": np.uint16}


def decoded(array: dict) -> np.ndarray:
    values = np.frombuffer(base64.b64decode(array["data"]), TYPES[array["type"]]).reshape(array["shape"])
    return np.array(array["names"])[values] if "names" in array else values


def formulas(study, **axes: list[float]) -> xr.Dataset:
    parameters = {"alpha": 0.5, "beta": 0.5, "delta": 1.0, "d": 100}
    given = {name: value for name, value in parameters.items() if name not in axes}
    return study.compute(Sweep(axes, given, Times(10), 2, 0), lambda done, total: None)


def test_numbers_are_those_of_the_data_in_single_precision(compared: xr.Dataset) -> None:
    made = payload.of(compared)
    assert [dim["name"] for dim in made["dims"]] == ["beta", "d", "alpha", "delta"]
    for name in ("mean", "std_error", "exact", "limit", "z", "trusted"):
        np.testing.assert_array_equal(decoded(made["records"][name]), compared[name].values.astype(np.float32), name)
    np.testing.assert_array_equal(decoded(made["times"]), compared["time"].values)
    for name in ("p", "eta", "feedback"):
        np.testing.assert_array_equal(decoded(made["cells"][name]), compared[name].values.astype(np.float32), name)
    np.testing.assert_array_equal(decoded(made["cells"]["verdict"]), compared["verdict"].values)
    assert decoded(made["cells"]["alpha"])[0, 0, :, 0].tolist() == [0.0, 0.5, 1.0]
    json.dumps(made, allow_nan=False)


def test_theory_s_words_of_a_cell_are_theory_s(compared: xr.Dataset) -> None:
    found = cells.derived(compared)
    assert (found["margin"] < 0.0).any()
    for index in [(0, 0, 0, 0), (0, 2, 1, 3), (1, 4, 2, 1)]:
        cell = {
            name: cells.values_of(compared, name)[index].item()
            for name in (*cells.PARAMETERS[:6], "alpha", "beta", "delta")
        }
        problem = LeastSquares(int(cell["d"]), cell["p"], int(cell["B"]))
        optimizer = HeavyBall(cell["eta"], cell["eps"])
        assert found["rate"][index] == stability.decay_rate(problem, optimizer)
        times = phases.timescales(problem, optimizer)
        assert found["retention"][index] == pytest.approx(times.retention, rel=1e-14)
        assert found["learning"][index] == pytest.approx(times.learning, rel=1e-14)
        phase = phases.classify(cell["alpha"], cell["beta"], cell["delta"])
        said = [found[name][index] for name in ("region", "batch_regime", "momentum_phase")]
        assert said == [phase.region, phase.batch_regime, phase.momentum_phase]
        assert found["margin"][index] == pytest.approx(stability.margin(problem, optimizer), rel=1e-9)


def test_what_is_too_large_is_thinned_and_says_so(compared: xr.Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(payload, "BUDGET", payload._bytes(compared) // 2)
    monkeypatch.setattr(payload, "FEWEST_RECORDS", 5)
    made = payload.of(compared)
    kept = [len(dim["values"]) for dim in made["dims"]]
    records = made["records"]["mean"]["shape"][-2]
    assert records == 6
    assert kept == [2, 3, 3, 4]
    assert made["thinned"] == "3 of 5 values of d; 6 of 10 values of time"
    times = decoded(made["times"])
    assert times[0] == compared["time"].values[0]
    assert times[-1] == compared["time"].values[-1]
    own = compared.sel(time=times, d=made["dims"][1]["values"])
    np.testing.assert_array_equal(decoded(made["records"]["mean"]), own["mean"].values.astype(np.float32))


def test_a_long_row_of_tokens_keeps_its_beginning() -> None:
    size, records = 5000, (("frequency", "time"), np.zeros((5000, 3)))
    p = 0.1 / np.arange(1, size + 1)
    attrs = {"problem": "least_squares", "d": 8, "B": 100, "eta": 0.1, "eps": 0.1, "label_noise": 0.0}
    dataset = xr.Dataset(
        {"mean": records, "exact": records, "p": ("token", p)}, {"frequency": p, "time": [0, 1, 2]}, attrs
    )
    made = payload.of(dataset)
    (dim,) = made["dims"]
    assert len(dim["values"]) <= payload.LONGEST_AXIS
    assert dim["values"][:20] == p[:20].tolist()
    assert dim["values"][-1] == p[-1]
    assert [moment["name"] for moment in made["moments"]] == ["R"]
    rate = stability.decay_rate(LeastSquares(8, p[0], 100), HeavyBall(0.1, 0.1))
    assert decoded(made["cells"]["rate"])[0] == pytest.approx(rate, rel=1e-12)


def test_studies_without_simulation_have_their_planes() -> None:
    diagram = payload.of(formulas(phase_diagram, alpha=[0.2, 1.0], delta=[0.5, 1.5]))
    assert [dim["name"] for dim in diagram["dims"]] == ["beta", "alpha", "delta"]
    kinds = {one["name"]: one["kind"] for one in diagram["quantities"]}
    assert kinds["region"] == "category"
    assert kinds["learning_exponent"] == "linear"
    plane = payload.of(formulas(momentum, eta=[0.1, 10.0], eps=[0.01, 1.0]))
    assert [dim["name"] for dim in plane["dims"]] == ["eta", "eps"]
    assert {one["name"] for one in plane["quantities"]} >= {"decay_rate", "sample_cost"}
    assert plane["times"] is None


def test_labels_are_plain_text() -> None:
    shown = [labels.axis_label(name) for name in (*labels.SYMBOLS, "case")]
    shown += [labels.moment(name) for name in labels.MOMENT_SYMBOLS]
    shown += [one.equation for one in (*boundaries.BOUNDARIES, *boundaries.LOGISTIC_BOUNDARIES)]
    for label in shown:
        assert not set(payload.plain(label)) & set("$\\{}"), label
    assert payload.plain(labels.axis_label("alpha")) == "sparsity exponent α"
    assert payload.plain(labels.moment("theta_par")) == "signal θ∥"


def test_logistic_regression_has_its_own_words(compared: xr.Dataset) -> None:
    dataset = (
        compared.drop_vars(["label_noise", "c_p"])
        .assign_coords(r=1.0)
        .assign_attrs(problem="logistic", clock="minibatch")
    )
    made = payload.of(dataset)
    assert {one["equation"] for one in made["boundaries"]} == {"α = β − 1", "δ = 1 − β + α"}
    assert made["regions"] == phases.LOGISTIC_REGIONS
    assert made["clock"] == "minibatches"
    labels_of = {one["name"]: one["label"] for one in made["quantities"]}
    assert labels_of["exact"] == "recursion of one-step means"
    assert "rate" not in made["cells"]
    phase = phases.classify(0.5, 0.25, 1.0, "logistic")
    assert decoded(made["cells"]["region"])[0, 0, 1, 1] == phase.region


def test_exponents_are_drawn_linearly_and_limits_by_name() -> None:
    made = payload.of(formulas(phase_diagram, alpha=[0.2, 1.0], delta=[0.5, 1.5]))
    kinds = {one["name"]: one["kind"] for one in made["quantities"]}
    assert kinds["retention_exponent"] == kinds["learning_rate_gap"] == "linear"
    assert kinds["cell"] == "category"
    assert set(decoded(made["cells"]["cell"]).ravel()) <= {f"{number}: {name}" for number, name in phases.CELLS.items()}


def test_what_has_no_value_anywhere_is_not_offered(compared: xr.Dataset) -> None:
    made = payload.of(compared.assign(limit=xr.full_like(compared["limit"], np.nan)))
    assert "limit" not in made["records"]
    assert "limit" not in {one["name"] for one in made["quantities"]}
