"""What theory says of a simulated dataset of logistic regression, and whether simulation and theory are told apart."""

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from sparsesim import HeavyBall, RareClassLogistic, Scaling, compare, simulate, simulate_cells
from sparsesim.theory import limits, logistic

PROBLEM, OPTIMIZER = RareClassLogistic(50, 0.02, 32, 1.0), HeavyBall(1.0, 0.05)
TIMES = [0, 1, 5, 20, 60, 150, 400]


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return simulate(PROBLEM, OPTIMIZER, times=TIMES, trajectories=20_000, seed=1)


def test_a_simulation_agrees_with_the_recursion_and_the_predicted_shift(data: xr.Dataset) -> None:
    compared = compare(data)
    assert compared.attrs["verdict"] == "agrees"
    exact = logistic.recursion(PROBLEM, OPTIMIZER, TIMES)
    np.testing.assert_allclose(compared.exact, exact, rtol=1e-10, atol=1e-12)
    late = compared.isel(time=slice(3, None))
    # Without the shift the signal is many standard errors off, small though it is.
    without = ((late["mean"] - late.exact) / late.std_error).sel(moment="theta_par")
    assert float(abs(without).max()) > 1.5 * compared.attrs["z_bound"]
    assert float(abs(late.bias / late.exact).sel(moment="theta_par").max()) < 0.05
    # One step from a given state has no shift: there the recursion is the mean.
    assert (compared.bias.sel(time=1) == 0.0).all()


def test_trajectories_spread_as_predicted(data: xr.Dataset) -> None:
    compared = compare(data).isel(time=slice(1, None))
    ratio = (compared.std_error * np.sqrt(data.attrs["trajectories"]) / compared.spread).sel(moment=["theta_par", "R"])
    # A standard deviation of so many normals is known to 0.5%; the prediction is of leading order in 1/d.
    assert float(abs(ratio - 1.0).max()) < 0.06


def test_the_spread_falls_like_the_root_of_the_dimension() -> None:
    """At the noise floor, each d with K = eta d/(2B) the same; 1.6% is the error of a deviation of 2,048 normals."""
    dimensions = np.array([50, 150, 450])
    cells = [(RareClassLogistic(int(d), 0.2, 16, 1.0), HeavyBall(16.0 / d, 0.2)) for d in dimensions]
    times = [[0, 8 * int(d)] for d in dimensions]
    compared = compare(simulate_cells(cells, times=times, trajectories=2048, seed=2)).isel(time=-1)
    for moment in ("theta_par", "R"):
        own = compared.sel(moment=moment)
        simulated = own.std_error.values * np.sqrt(2048)
        np.testing.assert_allclose(simulated, own.spread.values, rtol=0.07)
        slope = np.polyfit(np.log(dimensions), np.log(simulated), 1)[0]
        assert slope == pytest.approx(-0.5, abs=0.04)


@pytest.mark.parametrize(("name", "factor"), [("eta", 1.03), ("eps", 1.05), ("p", 1.03), ("r", 1.02)])
def test_power_a_parameter_that_is_off_is_caught(data: xr.Dataset, name: str, factor: float) -> None:
    assert compare(data.assign_coords({name: data[name] * factor})).attrs["verdict"] == "disagrees"


def test_a_spread_that_no_expansion_covers_is_not_trusted() -> None:
    """Beside the noise fold trajectories leave one by one for the saturated floor, and their mean says nothing."""
    problem, optimizer = RareClassLogistic(30, 1e-3, 4, 1.0), HeavyBall(8 * 14.0 / 29, 0.5)
    compared = compare(simulate(problem, optimizer, times=[0, 1, 3000], trajectories=200, seed=0))
    assert not compared.trusted.sel(time=3000).any()
    assert compared.attrs["verdict"] == "untested"


@pytest.mark.parametrize("p", [1e-9, 1.0 - 1e-6, 1.0 - 1e-12])
def test_a_class_that_is_never_seen_is_not_held_against_the_simulation(p: float) -> None:
    data = simulate(RareClassLogistic(3, p, 4, 1.0), HeavyBall(0.05, 0.1), times=[0, 1000], trajectories=500, seed=0)
    assert compare(data).attrs["verdict"] != "disagrees"


def test_a_learning_rate_beyond_a_ceiling_is_marked() -> None:
    eta = 1.2 * logistic.critical_learning_rate(PROBLEM, 0.5)
    compared = compare(simulate(PROBLEM, HeavyBall(eta, 0.5), times=[0, 1], trajectories=200, seed=0))
    assert float(compared.feedback) == pytest.approx(1.2, rel=1e-12)
    assert compared.verdict.item() == "unstable"


def test_the_limit_stands_beside_the_recursion() -> None:
    scaling = Scaling(0.5, 0.75, 1.0)
    problem, optimizer = scaling.at(100, r=1.0)
    data = simulate(problem, optimizer, times=[0, 50, 100], trajectories=200, seed=0)
    compared = compare(data, scaling)
    limit = limits.limit_ode(scaling, "logistic", 1.0)
    expected = limit.trajectory(np.array([0.0, 0.5, 1.0]))
    np.testing.assert_allclose(compared.limit.sel(moment="R"), expected[:, 2], rtol=1e-9)
    np.testing.assert_allclose(compared.limit.sel(moment="V"), expected[:, 3] * problem.p**2, rtol=1e-9)
    with pytest.raises(ValueError, match="scaling must be that of the dataset"):
        compare(data, Scaling(0.5, 0.7, 1.0))


def test_scores_of_many_cells_are_standard_normal() -> None:
    rng = np.random.default_rng(3)
    cells = []
    for _ in range(40):
        p, B, eps = float(rng.uniform(0.05, 0.5)), int(rng.integers(4, 17)), float(rng.choice([1.0, 0.3, 0.05]))
        cells.append((RareClassLogistic(400, p, B, float(rng.uniform(0.5, 1.5))), HeavyBall(0.05 * B / 10, eps)))
    data = compare(simulate_cells(cells, times=[[0, 30, 200]] * 40, trajectories=1024, seed=4))
    for moment in ("theta_par", "m_par", "R", "V", "C"):
        z = data.z.where(data.trusted).sel(moment=moment).isel(time=[1, 2]).values.ravel()
        assert np.isfinite(z).sum() > 70
        assert stats.kstest(z[np.isfinite(z)], "norm").pvalue > 1e-5
