"""The noise floor, simulated: momentum does not move it."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sparsesim import HeavyBall, RareClassLogistic
from sparsesim.simulation.datasets import simulate_cells
from sparsesim.studies.logistic import floors, noise_floor
from sparsesim.sweep import Sweep, Times

AXES = {"B": [16], "eta": [0.1, 0.3], "eps": [0.02, 1.0]}
START = {"theta_par": 1.0, "R": 0.0}


def compute(axes: dict[str, list[float]], horizon: float = 8.0) -> xr.Dataset:
    shared = {"d": 200, "p": 0.05, "r": 1.0, "alpha": 0.5, "beta": 0.5, "delta": 1.0}
    plan = Sweep(axes, shared, Times(horizon, "e_folds", records=3), 256, 0, "minibatch", start=START)
    return noise_floor.compute(plan, lambda done, total: None).assign_attrs(sweep="noise_floor", seconds=0.0)


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    return compute(AXES)


def test_floors_settle_where_theory_says_whatever_the_momentum(computed: xr.Dataset) -> None:
    assert computed.attrs["verdict"] == "agrees"
    assert (abs(computed["floor_z"]) < floors.bound(computed)).all()
    told = noise_floor.summary(computed)
    assert told["settled"] == 4
    assert told["largest_difference_over_eps_exact"] < 0.02
    assert told["largest_difference_over_eps_simulated"] < 0.06


def test_curves(computed: xr.Dataset) -> None:
    np.testing.assert_allclose(computed["K"], [[0.1 * 199 / 32, 0.3 * 199 / 32]])
    on_curve = np.interp(computed["K"].values[0], computed["curve_K"], computed["curve_exact"])
    np.testing.assert_allclose(computed["fixed_R"].sel(B=16, eps=0.02), on_curve, rtol=0.01)
    claimed = computed["curve_claimed"].isel(B=0)
    assert claimed[-1] > 20.0 * claimed[0]


def test_it_is_told_and_drawn(computed: xr.Dataset, tmp_path: Path) -> None:
    assert ("cells tested at their fixed point", "4 of 4") in noise_floor.outcome(computed).rows
    assert all(path.exists() for path in noise_floor.draw(computed, tmp_path))
    off = computed.assign(floor_z=computed["floor_z"] + 10.0)
    assert "disagrees: at B = 16, eta = 0.1, eps = 0.02 R settles" in noise_floor.outcome(off).remarks[0]


def test_other_axes_are_refused() -> None:
    with pytest.raises(ValueError, match="the axes of the study noise_floor must be B and eta and eps, got eta"):
        compute({"eta": [0.1]})


@pytest.mark.slow
def test_the_page_s_six_floors() -> None:
    """F4: from plain SGD to momentum far above resonance R stays, to a relative error of 4e-3 at three deviations."""
    problem = RareClassLogistic(10**4, 0.01, 1000, 1.0)
    exact = [0.23806, 0.23802, 0.23800, 0.2380001, 0.2379999, 0.2379999]
    cells = [(problem, HeavyBall(0.05, eps)) for eps in (1.0, 0.5, 0.1, 0.01, 1e-3, 1e-4)]
    assert [floors.fixed_point(*cell)[0][2] for cell in cells] == pytest.approx(exact, abs=6e-6)
    ends = [max(8 / floors.decay_rate(*cell), 100.0) for cell in cells]
    found = simulate_cells(
        cells, times=[[0, round(end)] for end in ends], trajectories=128, seed=0, clock="minibatch", start=START
    )
    R = found.sel(moment="R").isel(time=-1)
    assert (abs(R["mean"].values - exact) < 4.5 * R["std_error"].values + 1e-4).all()
    assert (R["std_error"].values < 0.002 * np.array(exact)).all()
