"""Ceilings of the learning rate, simulated: false ones are passed, true ones are where theory has them."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from hydra import compose, initialize_config_dir

from sparsesim import RareClassLogistic, config
from sparsesim.studies.logistic import frontier
from sparsesim.sweep import Sweep, Times
from sparsesim.theory import logistic

SHARED = {"r": 1.0, "alpha": 0.5, "beta": 0.5, "delta": 1.0}  # exponents that values replace
FOLD = {"d": 1e4, "p": 1e-3, "B": 20, "eps": 0.1}  # K = eta (d-1)/40
CURVATURE = {"d": 2, "p": 10**-1.2, "B": 1024, "eps": 0.3}
CASES = {
    "below": FOLD | {"eta": 0.04},
    "beyond": FOLD | {"eta": 0.12},
    "calm": CURVATURE | {"eta": 20.0},
    "shaken": CURVATURE | {"eta": 150.0},
}


def sweep(cases: dict[str, dict[str, float]], horizon: float = 11.0, trajectories: int = 128, **others) -> Sweep:
    times = Times(horizon, "e_folds", records=4)
    return Sweep({}, SHARED, times, trajectories, 0, "minibatch", start={"theta_par": 1.0, "R": 0.0}, cases=cases,
                 **others)  # fmt: skip


def compute(plan: Sweep) -> xr.Dataset:
    return frontier.compute(plan, lambda done, total: None).assign_attrs(sweep="frontier", seconds=0.0)


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(frontier, "POINTS", 9)
        return compute(sweep(CASES))


def test_each_side_of_each_ceiling(computed: xr.Dataset) -> None:
    assert computed["predicted"].values.tolist() == ["stays", "saturates", "stays", "oscillates"]
    assert computed["ceiling_verdict"].values.tolist() == ["agrees", "agrees", "agrees", "agrees"]
    assert computed.attrs["verdict"] == "agrees"
    R = computed["mean"].sel(moment="R").isel(time=-1)
    assert R.sel(case="beyond") > 50.0 * R.sel(case="below")
    assert computed["spread_theta_par"].sel(case="shaken") > 1.0
    assert computed["oscillation"].sel(case="calm") < 1e-6


def test_ceilings_are_those_of_theory(computed: xr.Dataset) -> None:
    fold, curvature = computed.isel(settings=0), computed.isel(settings=1)
    assert float(fold["fold_ceiling"]) == pytest.approx(17.174 * 40 / 9999, rel=1e-4)
    assert float(curvature["curvature_ceiling"]) == pytest.approx(122.696, rel=1e-5)
    assert float(fold["claimed_ceiling"]) == pytest.approx(100.0)
    assert np.isinf(curvature["fold_ceiling"])
    assert curvature["curve_spread_theta_par"].isnull()[-1]  # the curve goes beyond the ceiling


def test_it_is_told_and_drawn(computed: xr.Dataset, tmp_path: Path) -> None:
    told = dict(frontier.outcome(computed).rows)
    assert any(name.startswith("  shaken") and text.endswith("oscillates, agrees") for name, text in told.items())
    assert not frontier.outcome(computed).remarks
    assert frontier.summary(computed)["ceilings"]["beyond"]["predicted"] == "saturates"
    assert all(path.exists() for path in frontier.draw(computed, tmp_path))


def test_a_floor_that_is_not_that_of_theory_is_contradicted(computed: xr.Dataset) -> None:
    off = computed.assign(floor_z=computed["floor_z"] + 10.0)
    assert frontier._verdict(off.sel(case="below"), off) == "disagrees"
    still = computed.assign(spread_theta_par=0.01 * computed["spread_theta_par"])
    assert frontier._verdict(still.sel(case="shaken"), still) == "disagrees"


def test_a_run_that_has_not_settled_is_not_judged() -> None:
    short = compute(sweep({"below": CASES["below"]}, horizon=1.0))
    assert short["ceiling_verdict"].values.tolist() == ["untested"]


def test_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="the study frontier must have cases and no axes"):
        compute(Sweep({"eta": [0.1]}, SHARED, Times(5), 8, 0, "minibatch"))


@pytest.mark.slow
def test_the_page_s_cells() -> None:
    """F2 and F3 as the command simulates them: 1, 10 and 56 times eps/p, K across the fold, eta across curvature."""
    config.register()
    with initialize_config_dir(str(config.folder()), version_base="1.3"):
        plan = config.sweep_of(compose("config", config.arguments_of(["problem=logistic", "+sweep=frontier"])))
    found = compute(plan)
    R = found["mean"].sel(moment="R").isel(time=-1)
    golden = {"claimed_1": 0.00886, "claimed_10": 0.08775, "fold_10": 3.59, "fold_15": 4.90, "fold_25": 573.0,
              "fold_60": 4660.0, "fold_10_slow": 3.59, "fold_15_slow": 4.90, "fold_25_slow": 573.0}  # fmt: skip
    for case, value in golden.items():
        assert R.sel(case=case).item() == pytest.approx(value, rel=0.02)
    assert R.sel(case="claimed_56").item() == pytest.approx(0.4725, rel=0.02)
    assert found.attrs["verdict"] == "agrees"
    assert set(found["ceiling_verdict"].values) == {"agrees", "untested"}
    assert found["ceiling_verdict"].sel(case="curvature_150") == "agrees"


def test_the_lower_ceiling() -> None:
    problem = RareClassLogistic(10**4, 1e-3, 20, 1.0)
    assert logistic.critical_learning_rate(problem, 0.1) == pytest.approx(17.174 * 40 / 9999, rel=1e-4)
    for free in (RareClassLogistic(1, 1e-3, 20, 1.0), RareClassLogistic(10, 0.1, 20, 1.0)):  # nothing across, no fold
        assert logistic.critical_learning_rate(free, 0.1) == logistic.curvature_ceiling(free, 0.1)
