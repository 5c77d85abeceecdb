"""The phase diagram: shares of the regions against their areas, exponents against formulas, refusals."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hydra import compose, initialize_config_dir
from rich.console import Console

from sparsesim import config as configuration
from sparsesim import run, store
from sparsesim.studies import phase_diagram
from sparsesim.sweep import Sweep, Times

# Areas of the regions within 0 < alpha, delta < 2, by hand: triangles and trapezia.
AREAS = {
    0.5: {"A": 0.0, "B": 0.375, "C": 0.625, "D": 1.125, "E": 1.375, "F": 0.5},
    1.4: {"A": 0.8, "B": 0.5, "C": 1.5, "D": 0.18, "E": 0.6, "F": 0.42},
}


def sweep_of(axes: dict[str, list[float]], **parameters: float | None) -> Sweep:
    return Sweep(axes, {"beta": 0.5, **parameters}, Times(10), trajectories=10, seed=0)


def computed(points: int = 40, betas: tuple[float, ...] = (0.5, 1.4)) -> xr.Dataset:
    middles = ((np.arange(points) + 0.5) * 2.0 / points).tolist()
    axes = {"beta": list(betas), "alpha": middles, "delta": middles}
    return phase_diagram.compute(sweep_of(axes), lambda done, total: None)


@pytest.fixture(scope="module")
def dataset() -> xr.Dataset:
    return computed()


def composed(*overrides: str):
    configuration.register()
    with initialize_config_dir(str(configuration.folder()), version_base="1.3"):
        return compose("config", list(overrides))


@pytest.mark.parametrize("beta", AREAS)
def test_shares_of_the_regions_are_their_areas(beta: float, dataset: xr.Dataset) -> None:
    plane = dataset.sel(beta=beta)
    for region, area in AREAS[beta].items():
        assert float((plane["region"] == region).mean()) == pytest.approx(area / 4.0, abs=0.02)
    assert not set(np.unique(plane["region"])) - {*"ABCDEF", "resonance-dense", "resonance-sparse", "memory-line"}


def test_the_gap_is_that_of_the_two_exponents(dataset: xr.Dataset) -> None:
    alpha, beta, delta = (dataset[name] for name in ("alpha", "beta", "delta"))
    gap = xr.where(alpha + delta < beta - 1.0, 2.0 * delta, np.maximum(0.0, delta - alpha - (1.0 - beta)))
    xr.testing.assert_allclose(dataset["learning_rate_gap"], gap.transpose("beta", "alpha", "delta"))
    assert (dataset["kappa"] - dataset["learning_rate_gap"]).values == pytest.approx(
        dataset["frontier_exponent"].values
    )
    below = dataset["momentum_phase"].isin(["below resonance", "memoryless"])
    assert bool(below.any())
    assert float(abs(dataset["learning_rate_gap"].where(below)).max()) == 0.0


@pytest.mark.parametrize("region", "ABCDEF")
def test_formulas_of_the_closing_table_hold_in_their_region(region: str, dataset: xr.Dataset) -> None:
    here = dataset.where(dataset["region"] == region)
    exponents = {name: dataset[name] for name in ("alpha", "beta", "delta")}
    for name, formula in zip(("kappa", "clock_exponent"), phase_diagram.FORMULAS[region], strict=True):
        assert float(abs(here[name] - eval(formula, {}, exponents)).max()) < 1e-12


def test_cells_of_the_prescription_and_of_the_frontier(dataset: xr.Dataset) -> None:
    """Section 3 of the theory of momentum, its closing remarks."""
    above = dataset["momentum_phase"] == "above resonance"
    on = dataset["momentum_phase"] == "on resonance"
    expected = xr.where(above, 3, xr.where(on, 4, 2))
    assert bool((dataset["cell"] == expected).all())
    excess = dataset["beta"] - 1.0 - dataset["alpha"] - dataset["delta"]
    frontier = xr.where(above, xr.where(excess > 1e-9, 7, xr.where(excess < -1e-9, 6, 8)), expected)
    assert bool((dataset["frontier_cell"] == frontier).all())
    assert {7, 6} <= set(np.unique(dataset["frontier_cell"]))


def test_beta_need_not_be_an_axis() -> None:
    sweep = sweep_of({"delta": [0.3, 0.9], "alpha": [0.2]}, beta=1.0)
    dataset = phase_diagram.compute(sweep, lambda done, total: None)
    assert dict(dataset.sizes) == {"beta": 1, "alpha": 1, "delta": 2}
    assert dataset["region"].values.ravel().tolist() == ["C", "C"]
    summary = phase_diagram.summary(dataset)
    assert summary["planes"] == [
        {
            "beta": 1.0,
            "triple_point": {"alpha": 1.0, "delta": 1.0},
            "share_of_points": {"C": 1.0},
            "largest_learning_rate_gap": pytest.approx(0.7),
        }
    ]


AXES = {"alpha": [0.1], "delta": [0.5]}
BAD = [
    (
        {"alpha": [0.1]},
        {},
        "the axes of the study phase_diagram must be alpha and delta, and beta if need be, got alpha",
    ),
    ({**AXES, "d": [10]}, {}, "if need be, got alpha, delta, d"),
    ({}, {}, "got none"),
    (AXES, {"B": 8}, "B must not be given: the phase diagram is of exponents alone, got 8"),
    (AXES, {"eta": 0.1}, "eta must not be given"),
    (AXES, {"kappa": 0.1}, "kappa must not be given: the phase diagram compares the prescribed kappa"),
    (AXES, {"beta": None}, "beta must be a finite number, 0 or above, got None"),
    ({**AXES, "delta": [0.0]}, {}, "delta must be a finite number above 0, got 0.0"),
    ({**AXES, "alpha": [-0.5]}, {}, "alpha must be a finite number, 0 or above, got -0.5"),
    ({**AXES, "beta": np.arange(13.0).tolist()}, {}, "the axis beta must have at most 12 values here, got 13"),
    ({"alpha": np.arange(1001.0).tolist(), "delta": np.arange(1.0, 1001.0).tolist()}, {}, "must have at most 1000000"),
]


@pytest.mark.parametrize(("axes", "parameters", "message"), BAD)
def test_what_it_is_not_about_is_refused_before_any_work(axes: dict, parameters: dict, message: str) -> None:
    called = []
    with pytest.raises(ValueError, match="must") as refused:
        phase_diagram.compute(sweep_of(axes, **parameters), lambda *work: called.append(work))
    assert message in str(refused.value)
    assert not called


def test_cases_are_refused() -> None:
    sweep = Sweep(AXES, {"beta": 0.5}, Times(10), 10, 0, cases={"one": {"d": 10}})
    with pytest.raises(ValueError, match="the study phase_diagram must have no cases, got one"):
        phase_diagram.compute(sweep, lambda done, total: None)


def test_progress_runs_from_nothing_to_all() -> None:
    called = []
    phase_diagram.compute(sweep_of({"alpha": [0.1, 0.2], "delta": [0.5]}), lambda *work: called.append(work))
    assert called == [(0, 2), (1, 2), (2, 2)]


def test_the_command_writes_data_summary_and_figures(tmp_path: Path) -> None:
    config = composed("+sweep=phase_diagram", f"output={tmp_path}")
    config.sweep.axes.alpha.num, config.sweep.axes.delta.num = 21, 20
    console = Console(record=True, width=120, file=io.StringIO())
    dataset, folder = run.run(config, console)
    assert run.STATUS[dataset.attrs["verdict"]] == 0
    assert store.load(folder / "data.nc")["region"].identical(dataset["region"])
    for name in ("phase_diagram.png", "phase_diagram.pdf", "learning_rate_gap.png", "learning_rate_gap.pdf"):
        assert (folder / name).stat().st_size > 1000
    planes = json.loads((folder / "summary.json").read_text())["planes"]
    assert [plane["beta"] for plane in planes] == [0.5, 1.4]
    printed = console.export_text()
    assert "A: concentrated batches, above resonance" in printed
    assert "q = 1 - beta + alpha" in printed


def test_the_command_shows_the_beta_that_is_given(tmp_path: Path) -> None:
    config = composed("+sweep=phase_diagram", "scaling.beta=0.8")
    assert configuration.sweep_of(config).axes["beta"] == [0.8, 1.4]
