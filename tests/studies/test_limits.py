"""The study of the limits: its errors are those of the theory's table, a wrong limit shows, and so does bad input."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hydra import compose, initialize_config_dir
from limit_table import TABLE
from rich.console import Console

from sparsesim import Scaling, run, store
from sparsesim import config as configuration
from sparsesim.figures import convergence
from sparsesim.figures import limits as panels
from sparsesim.studies import curves, limits
from sparsesim.sweep import Sweep, Times
from sparsesim.theory import continuum
from sparsesim.theory.limits import limit_ode

RATES_ALONE = {"B", "D", "E", "dense-sparse-below", "memory-line"}
C = {"alpha": 0.3, "beta": 0.5, "delta": 1.2}


def composed(*overrides: str):
    configuration.register()
    with initialize_config_dir(str(configuration.folder()), version_base="1.3"):
        return compose("config", ["+sweep=limits", *overrides])


def sweep_of(
    cases: dict[str, dict[str, float]], axes: dict[str, list[float]] | None = None, unit: str = "slow_time", **more
) -> Sweep:
    times, clock = Times(4, unit, records=4, most_ticks=2000), more.pop("clock", "active")
    return Sweep({"d": [100]} if axes is None else axes, {"c_eta": 0.8, **more}, times, 200, 0, clock, cases=cases)


def computed(sweep: Sweep) -> xr.Dataset:
    return limits.compute(sweep, lambda done, total: None).assign_attrs(sweep="limits", seconds=1.0)


SHORT = ("scale=smoke", "trajectories=256", "times.most_ticks=500", "times.records=4")


@pytest.fixture(scope="module")
def dataset() -> xr.Dataset:
    """All cases of the command, with few updates."""
    return limits.compute(configuration.sweep_of(composed(*SHORT)), lambda done, total: None)


def test_a_run_writes_data_figures_and_a_table(tmp_path: Path) -> None:
    config = composed(*SHORT, f"output={tmp_path}")
    config.sweep.cases = {name: config.sweep.cases[name] for name in ("A", "F", "memory-line")}
    console = Console(record=True, width=160, file=io.StringIO())
    data, folder = run.run(config, console)
    assert data.attrs["verdict"] == "agrees"
    xr.testing.assert_identical(store.load(folder / "data.nc"), data)
    written = {path.name for path in folder.iterdir()}
    assert {"limits.png", "limits_momentum.pdf", "convergence.png", "summary.json"} <= written
    summary = json.loads((folder / "summary.json").read_text())
    assert list(summary["limits"]) == ["A", "F", "memory-line"]
    assert summary["limits"]["A"]["sup_error_main_ode"]["10000"] == pytest.approx(5.0e-3, rel=0.02)
    assert summary["limits"]["A"]["order_main_ode"] == pytest.approx(0.5, abs=0.01)
    assert summary["limits"]["F"]["simulated_to_slow_time"]["1000"] == pytest.approx(500 / 1000**1.5)
    printed = console.export_text()
    assert f"{TABLE['F'][1]} d^-0.36" in printed
    assert "does not visibly converge" not in printed


@pytest.mark.parametrize("case", TABLE)
def test_errors_are_those_of_the_table(case: str, dataset: xr.Dataset) -> None:
    errors = dataset["sup_error_main_ode"].sel(case=case, variable="R", dimension=[10**2, 10**4, 10**6, 10**8])
    assert " ".join(f"{error:.1e}" for error in errors.values) == TABLE[case][1]


def test_every_case_is_its_region_and_converges_on_both_clocks(dataset: xr.Dataset) -> None:
    assert [str(case) for case in dataset["case"].values] == dataset["region"].values.tolist()
    for name in ("main_ode", "exact_map"):
        assert (dataset[f"sup_error_{name}"].sel(variable="R", dimension=10**12) < 2e-5).all()
        assert (dataset[f"order_{name}"].sel(variable="R") > 0.3).all()
    assert (dataset["order_main_ode"].sel(variable="R", case=["A", "triple-point"]) - 0.5 < 0.02).all()


def test_V_and_C_are_open_where_the_limit_is_of_R_alone(dataset: xr.Dataset) -> None:
    for name in ("limit_curve", "main_ode", "exact_map"):
        known = dataset[name].sel(variable=["V", "C"]).notnull().all([d for d in dataset[name].dims if d != "case"])
        assert set(dataset["case"].values[~known.values]) == RATES_ALONE
        assert dataset[name].sel(variable="R").notnull().all()
    compared = dataset["limit"].sel(moment="V").notnull().all(["d", "time"])
    assert set(dataset["case"].values[~compared.values]) == RATES_ALONE


def test_the_map_is_the_one_that_is_simulated(dataset: xr.Dataset) -> None:
    cell = dataset.sel(case="noise-line", d=1000)
    updates = np.rint(cell["s"].values * cell["updates_per_unit"].sel(dimension=1000).item())
    at = [int(np.flatnonzero(updates == tick)[0]) for tick in cell["clock_time"].values if tick in updates]
    assert len(at) >= 3
    exact = cell["exact"].sel(moment="R").values[np.isin(cell["clock_time"].values, updates)]
    np.testing.assert_allclose(cell["exact_map"].sel(dimension=1000, variable="R").values[at], exact, rtol=1e-9)


def test_slow_time_counts_updates_where_the_clock_counts_minibatches() -> None:
    sweep = sweep_of({"E": {"alpha": 0.8, "beta": 0.3, "delta": 0.8}}, {"d": [40]}, clock="minibatch")
    cell = computed(sweep).isel(case=0, d=0)
    assert float(cell["slow_time"][-1]) == pytest.approx(4.0, rel=0.02)
    curve = np.interp(cell["slow_time"], cell["s"], cell["limit_curve"].sel(variable="R"))
    np.testing.assert_allclose(cell["limit"].sel(moment="R"), curve, atol=1e-4)
    assert cell.attrs["verdict"] == "agrees"


def test_a_wrong_limit_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    right = continuum.generator
    monkeypatch.setattr(continuum, "generator", lambda w, u: right(w, u) * [[1.0, 1.0, 1.05], [1, 1, 1], [1, 1, 1]])
    data = computed(sweep_of({"C": C}))
    errors = data["sup_error_main_ode"].sel(case="C", variable="R")
    assert (errors.sel(dimension=slice(10**6, None)) > 1e-2).all()
    assert abs(data["order_main_ode"].sel(case="C", variable="R")) < 0.05
    (remark,) = limits.outcome(data).remarks
    assert remark.startswith("C: R does not visibly converge to the limit, 0.0")
    assert data.attrs["verdict"] == "disagrees"


def test_slow_convergence_is_no_disagreement() -> None:
    # A twentieth above resonance the noise dies out like d^-0.05: slow, and right.
    data = computed(sweep_of({"near": {"alpha": 0.3, "beta": 0.5, "delta": 0.85}}))
    assert data["order_main_ode"].sel(variable="R").item() < limits.SLOWEST
    assert data.attrs["verdict"] == "agrees"


def test_an_unstable_case_is_a_result() -> None:
    sweep = sweep_of({"wild": {"alpha": 0.5, "beta": 0.5, "delta": 1.0, "c_eta": 1e3}}, {"d": [20]}, c_eta=None)
    data = computed(sweep)
    assert data["verdict"].item() == "unstable"
    assert not np.isfinite(data["sup_error_main_ode"].sel(variable="R", dimension=10**12)).any()
    assert limits.summary(data)["limits"]["wild"]["sup_error_main_ode"]["1e+12"] is None
    assert limits.outcome(data).remarks == ["wild: unstable, R or its limit outgrows a float"]
    for figure in (panels.limits(data), panels.momentum(data), convergence.convergence(data)):
        figure.draw_without_rendering()


def test_the_order_of_an_error() -> None:
    d = 10.0 ** np.arange(2, 13)
    assert curves.order(d, 3 * d**-0.4) == pytest.approx(0.4)
    assert curves.order(d, np.where(d < 1e4, 1.0, d**-0.5)) == pytest.approx(0.5)  # of large d alone
    assert np.isnan(curves.order(d, np.full(len(d), np.nan)))


def test_more_updates_than_can_be_counted_are_left_out() -> None:
    limit = limit_ode(Scaling(alpha=0.0, beta=0.5, delta=2.0, c_eta=0.8))
    data = curves.curves(limit, np.linspace(0, 4, 5), np.array([10**2, 10**12]))
    assert data["exact_map"].isel(dimension=0).notnull().all()
    assert data["exact_map"].isel(dimension=1).isnull().all()
    assert (data["sup_error_main_ode"].isel(dimension=1) < 1e-3).all()


BAD = [
    ({}, {}, "sweep.cases must name at least one case"),
    ({"C": C}, {"axes": {"c_eta": [0.5]}}, "axes of the study limits must be d, got c_eta"),
    ({"C": C}, {"axes": {}}, "axes of the study limits must be d, got none"),
    ({"C": C}, {"unit": "ticks"}, "times.unit must be slow_time in the study limits, got 'ticks'"),
    ({"C": C}, {"label_noise": 0.1}, "label_noise must be 0 in the study limits: the limits are without, got 0.1"),
    ({"C": {**C, "label_noise": 0.1}}, {}, "label_noise must be 0 in the study limits"),
    ({"C": {**C, "eps": 0.1}}, {}, "p, B, eps and eta must follow from the scaling"),
    ({"C": {**C, "delta": 0.0}}, {}, "the case C must have a limit: delta must be above 0"),
    ({"C": {**C, "kappa": 0.1}}, {}, "the case C must have a limit: kappa must be at least 0.5"),
    ({"C": {**C, "kappa": 0.7}}, {}, "got one of its envelope alone; take kappa of at least 0.9"),
]


@pytest.mark.parametrize(("cases", "more", "message"), BAD)
def test_bad_input_is_refused_before_anything_is_simulated(cases, more, message: str) -> None:
    def progress(done: float, total: float) -> None:
        raise AssertionError("it began")

    with pytest.raises(ValueError, match=message):
        limits.compute(sweep_of(cases, **more), progress)


def agrees(data: xr.Dataset) -> None:
    z = np.abs(data["z"].where(data["trusted"]).values)
    assert np.nanmax(z) < data.attrs["z_bound"]
    assert data.attrs["verdict"] == "agrees"


def test_simulation_agrees_with_exact_moments_at_two_dimensions() -> None:
    cases = {"C": C, "F": {"alpha": 0.8, "beta": 0.3, "delta": 2.0}, "B": {**C, "delta": 0.4}}
    data = computed(sweep_of(cases, {"d": [10**2, 10**4]}))
    assert data.attrs["z_count"] > 40
    agrees(data)


@pytest.mark.slow
def test_simulation_agrees_with_exact_moments_in_a_million_dimensions() -> None:
    config = composed("scale.decades=[1000000]", "times.most_ticks=200000")
    agrees(limits.compute(configuration.sweep_of(config), lambda done, total: None))
