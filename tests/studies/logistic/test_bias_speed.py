"""Bias and speed, simulated: with the learning rate kept, momentum slows and leaves the floor where it is."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sparsesim.comparison import compare
from sparsesim.studies.logistic import bias_speed, floors
from sparsesim.sweep import Sweep, Times, run_sweep

CASES = {"prescribed": {"c_eta": 0.5}, "constant": {"c_eta": 0.5, "kappa": 0.5}}


def compute(cases: dict[str, dict[str, float]], **axes: list[float]) -> xr.Dataset:
    shared = {"alpha": 0.5, "beta": 0.5, "d": 100, "r": 1.0}
    plan = Sweep({"delta": [0.5, 1.5]} | axes, shared, Times(8.0, "e_folds", records=3), 256, 0, "minibatch",
                 start={"theta_par": 1.0, "R": 0.0}, cases=cases)  # fmt: skip
    return bias_speed.compute(plan, lambda done, total: None).assign_attrs(sweep="bias_speed", seconds=0.0)


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    return compute(CASES)


def test_what_lowers_the_floor_is_the_learning_rate(computed: xr.Dataset) -> None:
    assert computed.attrs["verdict"] == "agrees"
    constant, prescribed = (computed.sel(case=case, delta=1.5) for case in ("constant", "prescribed"))
    assert float(computed["excess_risk"].sel(case="constant").std() / constant["excess_risk"]) < 0.05
    assert prescribed["excess_risk"] < 0.2 * constant["excess_risk"]
    for cell in (constant, prescribed):
        assert float(cell["fixed_rate"] / cell["eps"]) == pytest.approx(0.5, rel=0.1)


def test_floors_have_their_errors(computed: xr.Dataset) -> None:
    z = (computed["excess_risk"] - computed["fixed_excess_risk"]) / computed["excess_risk_std_error"]
    assert (abs(z) < 5.0).all()
    assert (computed["excess_risk_std_error"] < 0.02 * computed["excess_risk"]).all()


def test_curves_pass_through_the_cells(computed: xr.Dataset) -> None:
    top = computed.isel(delta=1)
    floor = float(top["fixed_excess_risk"].sel(case="constant"))
    known = top["curve_rate"].notnull().values
    rate = np.interp(floor, top["curve_excess_risk"].values[known], top["curve_rate"].values[known])
    assert rate == pytest.approx(float(top["fixed_rate"].sel(case="constant")), rel=0.02)


def test_rates_are_measured_on_both_sides_of_resonance() -> None:
    shared = {"alpha": 0.5, "beta": 0.5, "d": 30, "r": 1.0, "c_eta": 0.5}
    plan = Sweep({"delta": [0.5, 1.2]}, shared, Times(3.0, "e_folds", records=6), 512, 0, "minibatch",
                 start={"theta_par": 0.0})  # fmt: skip
    cells = compare(run_sweep(plan))
    found = bias_speed.rates(cells)
    rate, error = found["measured_rate"], found["measured_rate_std_error"]
    fixed = floors.floors(cells)["fixed_rate"]
    assert (abs(rate - found["recursion_rate"]) < 4.0 * error).all()
    assert (error < 0.15 * rate).all()
    np.testing.assert_allclose(rate / fixed, 1.0, atol=0.15)
    near = cells.isel(time=slice(0, 4))  # the second half of which begins too early
    assert bias_speed.rates(near)["measured_rate"].isnull().all()


def test_it_is_told_and_drawn(computed: xr.Dataset, tmp_path: Path) -> None:
    assert len(bias_speed.summary(computed)["cases"]["constant"]["eta"]) == 2
    assert any(row[0].startswith("constant: delta") for row in bias_speed.outcome(computed).rows)
    assert all(path.exists() for path in bias_speed.draw(computed, tmp_path))


def test_other_sweeps_are_refused() -> None:
    with pytest.raises(ValueError, match="must name at least one case in the study bias_speed"):
        compute({})
    with pytest.raises(ValueError, match="the cases of the study bias_speed must be of one problem, got 2"):
        compute({"a": {"beta": 0.5}, "b": {"beta": 0.4}})
