"""The study of the limits of logistic regression: orders of convergence, maps, wrong limits, and bad input."""

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hydra import compose, initialize_config_dir
from rich.console import Console

from sparsesim import Scaling, run, store
from sparsesim import config as configuration
from sparsesim.figures import convergence
from sparsesim.figures import limits as panels
from sparsesim.studies.logistic import curves, limits
from sparsesim.sweep import Sweep, Times
from sparsesim.theory.logistic import LimitMap, limit_of
from sparsesim.theory.logistic.sparse import VARIABLES

MAPS = ["concentrated-corner", "triple-point"]
RESONANCE = {"alpha": 0.5, "beta": 0.8, "delta": 0.7}
MAP = {"alpha": 0.5, "beta": 1.5, "delta": 0.0, "c_eps": 0.6}
FEW = np.array([10**2, 10**6, 10**10])


def composed(*overrides: str):
    configuration.register()
    arguments = configuration.arguments_of(["problem=logistic", "+sweep=limits", *overrides])
    with initialize_config_dir(str(configuration.folder()), version_base="1.3"):
        return compose("config", arguments)


def sweep_of(cases: dict[str, dict[str, float]], axes: dict[str, list[float]] | None = None, **more) -> Sweep:
    times = Times(10, more.pop("unit", "slow_time"), records=10, most_ticks=20)
    axes = {"d": [100]} if axes is None else axes
    return Sweep(axes, {"c_eta": 0.7, "r": 1.0, **more}, times, 128, 0, "minibatch", cases=cases)


def computed(sweep: Sweep) -> xr.Dataset:
    return limits.compute(sweep, lambda done, total: None).assign_attrs(sweep="limits", seconds=1.0)


@pytest.fixture(scope="module")
def all_cases() -> dict[str, Scaling]:
    sweep = configuration.sweep_of(composed("sweep.axes.d.values=[100]"))
    return {name: cell.scaling for name, cell in zip(sweep.cases, sweep.cells(), strict=True) if cell.scaling}


@pytest.mark.slow
def test_a_run_writes_data_figures_and_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DIMENSIONS", FEW)
    config = composed("sweep.axes.d.values=[100]", "times.most_ticks=60", f"output={tmp_path}")
    config.sweep.cases = {name: config.sweep.cases[name] for name in ("resonance", "triple-point")}
    console = Console(record=True, width=160, file=io.StringIO())
    data, folder = run.run(config, console)
    assert data.attrs["verdict"] == "agrees"
    assert data.attrs["z_count"] > 60
    xr.testing.assert_identical(store.load(folder / "data.nc"), data)
    written = {path.name for path in folder.iterdir()}
    assert {"limits.png", "limits_momentum.pdf", "convergence.png", "summary.json"} <= written
    summary = json.loads((folder / "summary.json").read_text())["limits"]
    assert list(summary) == ["resonance", "triple-point"]
    assert summary["resonance"]["order_sparse_ode"]["theta_par"] == pytest.approx(0.7, abs=0.01)
    assert summary["resonance"]["sup_error_exact_map"]["R"]["100"] == pytest.approx(0.091, rel=0.01)
    assert summary["resonance"]["simulated_to_slow_time"]["100"] == pytest.approx(60 / 100**0.7)
    assert summary["triple-point"]["simulated_to_slow_time"]["100"] == 10.0
    printed = console.export_text()
    assert "not: a map" in printed
    assert "does not visibly converge" not in printed
    # The recursion that is drawn is the one that simulation is compared with.
    cell = data.sel(case="triple-point", d=100)
    drawn = cell["exact_map"].sel(dimension=100, s=np.arange(11.0), variable=list(VARIABLES))
    scale = np.array([1.0, cell["p"].item(), 1.0, cell["p"].item() ** 2, cell["p"].item()])
    np.testing.assert_allclose(drawn * scale, cell["exact"], rtol=1e-9, atol=1e-12)


def test_the_command_has_every_region(all_cases: dict[str, Scaling]) -> None:
    found = {name: limit_of(scaling, 1.0) for name, scaling in all_cases.items()}
    regions = [limit.phase.region for limit in found.values()]
    assert sorted(set(regions)) == sorted(name for name in found if name != "below-at-0")
    assert found["below-at-0"].phase.region == "noise-floor-below"
    assert [name for name, limit in found.items() if isinstance(limit, LimitMap)] == MAPS


def test_orders_of_convergence(all_cases: dict[str, Scaling]) -> None:
    """Exact: p = d^-alpha, or where that is slower 1/memory; the sparse ODE: what the coefficients leave."""
    for name, exact, sparse in (
        ("resonance", 0.5, 0.7),
        ("noise-floor-below", 0.5, 0.5),
        ("noise-floor-above", 0.3, 0.3),
        ("triple-point", 0.5, 0.0),
    ):
        data = curves.curves(limit_of(all_cases[name], 1.0), np.linspace(0.0, 6.0, 121), np.array([10**8, 10**10]))
        for kind, order in zip(curves.KINDS, (exact, sparse), strict=True):
            errors = data[f"sup_error_{kind}"].sel(variable=["theta_par", "R"])
            slopes = np.log10(errors.isel(dimension=0) / errors.isel(dimension=1)) / 2.0
            np.testing.assert_allclose(slopes, order, atol=0.03, err_msg=f"{name}, {kind}")


def test_what_a_limit_leaves_open_and_a_map_has_at_whole_minibatches() -> None:
    s = np.linspace(0.0, 2.0, 9)
    slow = curves.curves(limit_of(Scaling(0.5, 0.7, 0.3), 1.0), s, FEW[:1])
    for name in ("limit_curve", "exact_map", "sparse_ode"):
        assert slow[name].sel(variable=["theta_par", "R"]).notnull().all()
        assert slow[name].sel(variable=["m_par", "V", "C"]).isnull().all()
    of_map = curves.curves(limit_of(Scaling(**MAP), 1.0), s, FEW[:1])
    assert of_map["limit_curve"].notnull().all("variable").values.tolist() == [x == int(x) for x in s]
    assert of_map["exact_map"].notnull().all()


def wrong(limit):
    """A limit with a tenth too much of an unstable pull: in an ODE the rate, in a map the step."""
    if isinstance(limit, LimitMap):
        return dataclasses.replace(limit, system=dataclasses.replace(limit.system, step=1.1 * limit.system.step))
    return dataclasses.replace(limit, rate=1.1 * limit.rate)


def test_a_wrong_limit_shows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "DIMENSIONS", FEW)
    monkeypatch.setattr(limits, "limit_of", lambda scaling, r: wrong(limit_of(scaling, r)))
    data = computed(sweep_of({"on": RESONANCE, "map": MAP}))
    assert (data["sup_error_exact_map"].sel(dimension=10**10, variable="R") > 1e-2).all()
    found = [remark.partition(" to the limit")[0] for remark in limits.outcome(data).remarks]
    assert found == [
        "on: the exact recursion does not visibly converge",
        "map: the exact recursion does not visibly converge",
        "on: the sparse ODE does not visibly converge",
    ]
    assert data.attrs["verdict"] == "disagrees"


def test_an_unstable_map_is_a_result(monkeypatch: pytest.MonkeyPatch) -> None:
    """Beyond the ceiling of curvature, at h eps (1 + r^2) = 2 (2 - eps), which no limit ODE has."""
    monkeypatch.setattr(limits, "DIMENSIONS", FEW)
    data = computed(sweep_of({"wild": {**MAP, "c_eta": 10.0}, "on": RESONANCE}, c_eta=0.7))
    assert data["verdict"].sel(case="wild").item() == "unstable"
    assert data.attrs["verdict"] == "agrees"
    assert limits.outcome(data).remarks == [
        f"wild: unstable, the {words} or the limit outgrows a float" for words in limits.NAMES.values()
    ]
    assert limits.summary(data)["limits"]["wild"]["order_exact_map"]["R"] is None
    for figure in (panels.rows(data, ("R", "theta_par")), convergence.convergence(data, limits.NAMES)):
        figure.draw_without_rendering()


BAD = [
    ({}, {}, "sweep.cases must name at least one case"),
    ({"E": RESONANCE}, {"axes": {"c_eta": [0.5]}}, "axes of the study limits must be d, got c_eta"),
    ({"E": RESONANCE}, {"unit": "ticks"}, "times.unit must be slow_time in the study limits, got 'ticks'"),
    ({"E": {**RESONANCE, "eps": 0.1}}, {}, "p, B, eps and eta must follow from the scaling"),
    ({"E": {**RESONANCE, "kappa": 0.1}}, {}, "the case E must have a limit: kappa must be at least 0.2"),
    ({"E": {**RESONANCE, "alpha": 0.0, "c_p": 0.5}}, {}, "the case E must have a limit: alpha must be above 0"),
    ({"map": {**MAP, "kappa": -0.8}}, {}, "the case map must have a limit: kappa must be at least -0.5"),
]


@pytest.mark.parametrize(("cases", "more", "message"), BAD)
def test_bad_input_is_refused_before_anything_is_simulated(cases, more, message: str) -> None:
    def progress(done: float, total: float) -> None:
        raise AssertionError("it began")

    with pytest.raises(ValueError, match=message):
        limits.compute(sweep_of(cases, **more), progress)


@pytest.mark.slow
def test_simulation_agrees_with_the_recursion_in_every_region() -> None:
    data = limits.compute(configuration.sweep_of(composed("sweep.axes.d.values=[100, 1000]")), lambda *_: None)
    assert data.attrs["verdict"] == "agrees"
    assert (data["verdict"] == "agrees").all()
    assert data.attrs["z_count"] > 700
    for kind in curves.KINDS:
        orders = data[f"order_{kind}"].sel(variable="R")
        assert (orders.where(~(data["discrete"] & (kind == "sparse_ode")), 1.0) > 0.2).all()
