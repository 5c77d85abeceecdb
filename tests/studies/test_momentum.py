"""The plane of learning rate and momentum against the matrices it comes from, and its best point against the grid's."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hydra import compose, initialize_config_dir
from rich.console import Console

from sparsesim import HeavyBall, LeastSquares, run, store
from sparsesim import config as configuration
from sparsesim.studies import momentum
from sparsesim.sweep import Sweep, Times
from sparsesim.theory import least_squares, tuning

PROBLEM = LeastSquares(d=200, p=0.05, B=2000)


def sweep_of(axes: dict[str, list[float]], **parameters: float | None) -> Sweep:
    values = {"alpha": 0.5, "beta": 0.5, "delta": 1.0, "d": PROBLEM.d, "p": PROBLEM.p, "B": PROBLEM.B, **parameters}
    return Sweep(axes, values, Times(10), trajectories=10, seed=0)


@pytest.fixture(scope="module")
def dataset() -> xr.Dataset:
    axes = {"eta": np.geomspace(0.05, 100.0, 40).tolist(), "eps": np.geomspace(1e-2, 1.0, 15).tolist()}
    return momentum.compute(sweep_of(axes), lambda done, total: None)


def composed(*overrides: str):
    configuration.register()
    with initialize_config_dir(str(configuration.folder()), version_base="1.3"):
        return compose("config", list(overrides))


@pytest.mark.parametrize(("i", "j"), [(0, 0), (5, 10), (12, 4), (20, 7), (30, 2), (33, 14), (39, 9)])
def test_rates_and_costs_are_those_of_the_map(i: int, j: int, dataset: xr.Dataset) -> None:
    point = dataset.isel(eta=i, eps=j)
    optimizer = HeavyBall(float(point["eta"]), float(point["eps"]))
    T = least_squares.minibatch_increment(PROBLEM, optimizer) + np.eye(3)
    rate = -np.log(np.abs(np.linalg.eigvals(T)).max())
    assert float(point["decay_rate"]) == pytest.approx(rate, rel=1e-6)
    assert (float(point["feedback"]) < 1.0) == (rate > 0.0)
    cost = PROBLEM.p * PROBLEM.B / rate if rate > 0.0 else np.inf
    assert float(point["sample_cost"]) == pytest.approx(cost, rel=1e-6)
    lam, mu = optimizer.eta * optimizer.eps * PROBLEM.p, optimizer.mu
    roots = np.linalg.eigvals(np.array([[1.0 - lam, -mu], [lam, mu]]))
    assert bool(point["oscillates"]) == bool(np.abs(roots.imag).max() > 0.0)


def test_the_plane_has_all_that_it_is_about(dataset: xr.Dataset) -> None:
    assert 0.1 < float((dataset["feedback"] < 1.0).mean()) < 0.9
    assert 0.1 < float(dataset["oscillates"].mean()) < 0.9
    # What plain SGD cannot take and momentum can: curvature holds SGD back where batches are large.
    assert bool((dataset["speed_ratio"].isnull() & (dataset["feedback"] < 1.0)).any())


def test_speed_is_that_against_sgd_at_the_same_learning_rate(dataset: xr.Dataset) -> None:
    for i, j in ((0, 0), (10, 3), (15, 14), (20, 8)):
        point = dataset.isel(eta=i, eps=j)
        optimizer = HeavyBall(float(point["eta"]), float(point["eps"]))
        assert float(point["speed_ratio"]) == pytest.approx(tuning.exact_speed_ratio(PROBLEM, optimizer))
    assert dataset["speed_ratio"].sel(eps=1.0).dropna("eta").values == pytest.approx(1.0)


def test_the_best_of_every_momentum_is_the_grid_s_best_up_to_its_spacing(dataset: xr.Dataset) -> None:
    rate = dataset["decay_rate"]
    step = float(dataset["eta"][1] / dataset["eta"][0])
    grid = rate.max("eta")
    assert bool((grid <= dataset["best_decay_rate"] * (1 + 1e-12)).all())
    assert bool((grid >= 0.8 * dataset["best_decay_rate"]).all())
    ratio = dataset["eta"][rate.argmax("eta")] / dataset["best_eta"]
    assert bool(((ratio < step) & (ratio > 1 / step)).all())


def test_the_best_of_all_is_plain_sgd(dataset: xr.Dataset) -> None:
    attrs = dataset.attrs
    assert (attrs["best_eps"], attrs["best_eta"]) == (1.0, attrs["sgd_eta"])
    assert attrs["best_sample_cost"] == pytest.approx(attrs["sgd_sample_cost"])
    highest = dataset["decay_rate"].isel(dataset["decay_rate"].argmax(["eta", "eps"]))
    assert float(highest["eps"]) == 1.0
    assert momentum.summary(dataset)["cost_over_sgd"] == pytest.approx(1.0)


def test_without_sgd_on_the_axis_the_best_is_the_weakest_momentum() -> None:
    dataset = momentum.compute(sweep_of({"eta": [50.0], "eps": [0.05, 0.2, 0.1]}), lambda done, total: None)
    summary = momentum.summary(dataset)
    assert dataset.attrs["best_eps"] == 0.2
    assert summary["cost_over_sgd"] > 1.5
    assert summary["free_down_to_eps"] is None
    assert summary["largest_speed_ratio"] is None  # eta is beyond SGD's best
    rows = dict(momentum.outcome(dataset).rows)
    assert rows["momentum within 10% of SGD"] == "nowhere on the axis"
    assert rows["most gained at one eta"].startswith("no eta")


def test_free_momentum_is_that_within_a_tenth_of_sgd() -> None:
    eps = [1.0, 0.3, 0.1, 0.05, 0.02]
    problem = LeastSquares(1000, 0.01, 1000)
    dataset = momentum.compute(
        sweep_of({"eta": [0.1, 0.2], "eps": eps}, d=1000, p=0.01, B=1000), lambda done, total: None
    )
    costs = [problem.p * problem.B / tuning.best_learning_rate(problem, value).decay_rate for value in eps]
    free = [value for value, cost in zip(eps, costs, strict=True) if cost <= 1.1 * tuning.least_sample_cost(problem)]
    assert momentum.summary(dataset)["free_down_to_eps"] == min(free) == 0.1


AXES = {"eta": [0.1], "eps": [0.5]}
BAD = [
    ({"eta": [0.1]}, {}, "the axes of the study momentum must be eta and eps, got eta"),
    ({"eta_over_critical": [0.1], "eps": [0.1]}, {}, "must be eta and eps, got eta_over_critical, eps"),
    ({**AXES, "d": [10]}, {}, "must be eta and eps, got eta, eps, d"),
    (AXES, {"eta": 0.2}, "eta must not be given: eta is an axis of the study momentum, got 0.2"),
    (AXES, {"eta_over_critical": 0.2}, "eta_over_critical must not be given"),
    (AXES, {"eps": 0.2}, "eps must not be given: eps is an axis"),
    (AXES, {"kappa": 0.2}, "kappa must not be given"),
    (AXES, {"p": 2.0}, "p must be in (0, 1], got 2.0"),
    ({**AXES, "eps": [0.5, 2.0]}, {}, "eps must be in (0, 1], got 2.0"),
    ({**AXES, "eta": [-0.5]}, {}, "eta must be a finite number above 0, got -0.5"),
]


@pytest.mark.parametrize(("axes", "parameters", "message"), BAD)
def test_what_it_is_not_about_is_refused_before_any_work(axes: dict, parameters: dict, message: str) -> None:
    called = []
    with pytest.raises(ValueError, match="must") as refused:
        momentum.compute(sweep_of(axes, **parameters), lambda *work: called.append(work))
    assert message in str(refused.value)
    assert not called


def test_progress_runs_from_nothing_to_all() -> None:
    called = []
    momentum.compute(sweep_of({"eta": [0.1, 0.2], "eps": [0.5]}), lambda *work: called.append(work))
    assert called == [(0, 2), (1, 2), (2, 2)]


def test_the_command_writes_data_summary_and_figures(tmp_path: Path) -> None:
    config = composed("+sweep=momentum", f"output={tmp_path}")
    config.sweep.axes.eta.num = config.sweep.axes.eps.num = 12
    console = Console(record=True, width=120, file=io.StringIO())
    dataset, folder = run.run(config, console)
    assert run.STATUS[dataset.attrs["verdict"]] == 0
    loaded = store.load(folder / "data.nc")
    xr.testing.assert_identical(loaded["sample_cost"], dataset["sample_cost"])
    assert bool(np.isinf(loaded["sample_cost"]).any())
    for name in ("momentum.png", "momentum.pdf", "momentum_best.png", "momentum_best.pdf"):
        assert (folder / name).stat().st_size > 1000
    assert json.loads((folder / "summary.json").read_text())["best_eps"] == 1.0
    assert "one feature never saves any" in console.export_text()
