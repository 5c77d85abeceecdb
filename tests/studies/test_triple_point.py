"""The study of the triple point: spectra, paths of the SDE, and a verdict that a wrong SDE turns over."""

import dataclasses
import io
import itertools
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hydra import compose, initialize_config_dir
from rich.console import Console

from sparsesim import Scaling, run, store
from sparsesim import config as configuration
from sparsesim.simulation import linear_sde
from sparsesim.studies import sde, triple_point
from sparsesim.sweep import Sweep, Times
from sparsesim.theory import continuum
from sparsesim.theory.limits import LimitODE, limit_ode

POINT = {"alpha": 0.5, "beta": 0.5, "delta": 1.0}
AXES = {"c_eta": [0.8], "d": [50]}


def sweep_of(axes: dict[str, list[float]] = AXES, unit: str = "slow_time", horizon: float = 1.0, **more) -> Sweep:
    cases = more.pop("cases", {})
    parameters = {**POINT, "kappa": None, **more}
    return Sweep(axes, parameters, Times(horizon, unit, records=4), trajectories=200, seed=0, cases=cases)


def computed(sweep: Sweep) -> xr.Dataset:
    return triple_point.compute(sweep, lambda done, total: None).assign_attrs(sweep="triple_point", seconds=1.0)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, Path, str]:
    """The study as a command runs it, with few updates; its first learning rate has three real modes."""
    configuration.register()
    output = tmp_path_factory.mktemp("triple_point")
    with initialize_config_dir(str(configuration.folder()), version_base="1.3"):
        config = compose(
            "config",
            ["+sweep=triple_point", "trajectories=200", "times.horizon=2", "times.records=4", f"output={output}",
             "sweep.axes.d.values=[2000,50]", "sweep.axes.c_eta.values=[0.1,0.8]"],
        )  # fmt: skip
    console = Console(record=True, width=160, file=io.StringIO())
    data, folder = run.run(config, console)
    xr.testing.assert_identical(store.load(folder / "data.nc"), data)
    return data, folder, console.export_text()


@pytest.fixture(scope="module")
def dataset(finished) -> xr.Dataset:
    return finished[0]


def test_a_run_writes_data_figures_and_a_table(finished) -> None:
    data, folder, printed = finished
    assert data.attrs["verdict"] == "agrees"
    written = {path.name for path in folder.iterdir()}
    assert {"triple_point.png", "sde_paths.pdf", "spectrum_types.png", "summary.json"} <= written
    summary = json.loads((folder / "summary.json").read_text())
    assert [point["oscillates"] for point in summary["limits"]] == [False, True]
    assert summary["sde_z_count"] == data.attrs["sde_z_count"] > 10
    assert summary["sde_paths"] == 1600
    for words in ("c_eta = 0.1: three real modes", "c_eta = 0.8: a complex pair", "largest |z| of the SDE"):
        assert words in printed


def test_batches_and_limits_have_random_numbers_of_their_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sde, "BATCH", 64)
    monkeypatch.setattr(sde, "STORED", 64)
    seen = []
    right = linear_sde.sample_paths

    def spied(*arguments, **named):
        seen.append(right(*arguments, **named))
        return seen[-1]

    monkeypatch.setattr(linear_sde, "sample_paths", spied)
    sweep = dataclasses.replace(sweep_of(), trajectories=16)  # two batches of paths
    limit = limit_ode(Scaling(**POINT, c_eta=0.8))
    first = sde.paths(limit, sweep, 0)
    sde.paths(limit, sweep, 1)
    assert len(seen) == 4
    for one, other in itertools.combinations(seen, 2):
        assert not np.array_equal(one, other)
    squares = np.concatenate(seen[:2])[:, :: sde.FINER, 0].astype(float) ** 2
    error = squares.std(axis=0, ddof=1) / np.sqrt(128)
    np.testing.assert_allclose(first["sde_mean"].sel(variable="R"), squares.mean(axis=0))
    np.testing.assert_allclose(first["sde_std_error"].sel(variable="R"), error)


def test_spectra_are_the_roots_of_the_cubic(dataset: xr.Dataset) -> None:
    for i, c_eta in enumerate((0.1, 0.8)):
        w, u = c_eta, c_eta / 2
        modes = dataset["eigenvalue"].isel(c_eta=i).transpose("mode", "part").values @ [1.0, 1.0j]
        expected = np.roots([1.0, 3.0, 2.0 + 4.0 * w, 4.0 * w * (1.0 - u)])
        np.testing.assert_allclose(np.sort_complex(modes), np.sort_complex(expected), atol=1e-9)
        assert dataset["limit_decay_rate"].values[i] == pytest.approx(-expected.real.max())
    point = dataset["map_decay_rate"].sel(map_stiffness=0.1, map_feedback=0.5, method="nearest")
    w, u = point["map_stiffness"].item(), point["map_feedback"].item()
    assert point.item() == pytest.approx(continuum.decay_rate(w, u))


def test_paths_have_the_means_of_the_limit_and_errors_that_fit(dataset: xr.Dataset) -> None:
    chosen = dataset.sel(c_eta=0.8, variable="R")
    curve = np.interp(dataset["sde_time"], dataset["s"], chosen["limit_curve"])
    np.testing.assert_allclose(chosen["sde_limit"], curve, rtol=1e-3)
    assert (np.abs(chosen["sde_mean"] - chosen["sde_limit"]) <= 4 * chosen["sde_std_error"] + 1e-12).all()
    assert (chosen["sde_std_error"][1:] > 0).all()
    assert dataset["sde_path"].sizes["path"] == sde.STORED
    assert (dataset["sde_path"].isel(path_time=0) == 1.0).all()


def test_R_becomes_certain_with_d_and_squares_of_paths_do_not(dataset: xr.Dataset) -> None:
    last = dataset.sel(c_eta=0.8).isel(time=-1, sde_time=-1)
    R = last.sel(moment="R")
    spread = ((R["upper_quartile"] - R["lower_quartile"]) / R["mean"]).sel(d=[50, 2000])
    assert spread[1] < 0.3 * spread[0]
    X = last.sel(variable="R")
    assert (X["sde_upper_quartile"] - X["sde_lower_quartile"]) / X["sde_limit"] > 2 * spread[0]


def test_a_wrong_diffusion_makes_the_verdict_disagree(monkeypatch: pytest.MonkeyPatch) -> None:
    right = LimitODE.sde.fget
    assert right is not None
    monkeypatch.setattr(
        LimitODE, "sde", property(lambda limit: right(limit)._replace(diffusion=1.5 * right(limit).diffusion))
    )
    data = computed(sweep_of())
    assert data.attrs["verdict"] == "disagrees"
    assert (data["verdict"] == "agrees").all()  # the simulation is right
    (remark,) = triple_point.outcome(data).remarks
    assert remark.startswith("disagrees: the mean of the SDE's ")
    assert "at c_eta = 0.8, s = " in remark


def test_scores_that_are_not_trusted_do_not_decide(dataset: xr.Dataset) -> None:
    wrong = dataset.copy(deep=True)
    wrong["sde_z"][0, 1, 0] = 50.0
    assert sde.judged(wrong).attrs["verdict"] == "disagrees"
    wrong["sde_trusted"][0, 1, 0] = False
    assert sde.judged(wrong).attrs["verdict"] == "agrees"
    wrong["sde_trusted"][:] = False
    judged = sde.judged(wrong)
    assert (judged.attrs["verdict"], judged.attrs["sde_z_count"]) == ("agrees", 0)
    assert np.isnan(judged.attrs["sde_z_largest"])


BAD = [
    ({"axes": {"d": [50]}}, "axes of the study triple_point must be c_eta and d, got d"),
    ({"axes": {"d": [50], "c_p": [1.0]}}, "axes of the study triple_point must be c_eta and d, got d, c_p"),
    ({"cases": {"one": {"c_B": 2.0}}}, "the study triple_point must have no cases, got one"),
    ({"unit": "e_folds"}, "times.unit must be slow_time in the study triple_point, got 'e_folds'"),
    ({"label_noise": 0.5}, "label_noise must be 0 in the study triple_point"),
    ({"delta": 0.9}, "alpha = beta and delta = 1 must hold in the study triple_point, got dense-sparse-below"),
    ({"alpha": 0.6}, "alpha = beta and delta = 1 must hold in the study triple_point, got E"),
    ({"kappa": 0.7}, "kappa must be 0.5 at the triple point, got 0.7"),
    ({"B": 10}, "p, B, eps and eta must follow from the scaling"),
]


@pytest.mark.parametrize(("more", "message"), BAD)
def test_bad_input_is_refused_before_anything_is_simulated(more, message: str) -> None:
    def progress(done: float, total: float) -> None:
        raise AssertionError("it began")

    with pytest.raises(ValueError, match=message):
        triple_point.compute(sweep_of(**more), progress)
