"""Measured rates: within their errors of the exact ones, near those of limits; what cannot be read is left out."""

import numpy as np
import pytest
import xarray as xr

from sparsesim import HeavyBall, LeastSquares
from sparsesim.studies import envelope, rates
from sparsesim.sweep import Sweep, Times
from sparsesim.theory import limits
from sparsesim.theory.least_squares import moments

CASES = {
    "dense": {"alpha": 0.3, "beta": 0.5, "delta": 0.4},
    "sparse": {"alpha": 0.8, "beta": 0.3, "delta": 0.8},
    "oscillating": {"alpha": 0.25, "beta": 1.5, "delta": 0.5},
}


def compute(cases: dict[str, dict[str, float]], **times: float) -> xr.Dataset:
    shared = {"horizon": 4.0, "unit": "slow_time", "records": 8}
    sweep = Sweep({"d": [300]}, {"c_eta": 0.8}, Times(**{**shared, **times}), 512, 0, "active", cases=cases)
    return rates.compute(sweep, lambda done, total: None)


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    return compute(CASES)


def test_rates_are_measured_within_their_errors(computed: xr.Dataset) -> None:
    rate, error, exact = (computed[name].values for name in ("rate", "rate_std_error", "rate_exact"))
    assert (np.abs(rate - exact) < 4.0 * error).all()
    assert (error < 0.1 * rate).all()


def test_exact_rates_are_slopes_per_slow_time_of_the_second_half(computed: xr.Dataset) -> None:
    for case in CASES:
        cell = computed.sel(case=case).isel(d=0)
        problem = LeastSquares(int(cell["d"]), float(cell["p"]), int(cell["B"]))
        optimizer = HeavyBall(float(cell["eta"]), float(cell["eps"]))
        weights = limits.envelope_weights(problem.p, optimizer.eta, optimizer.eps)
        ticks = cell["clock_time"].values[[4, 8]]
        E = moments(problem, optimizer, ticks, "active") @ [weights[name] for name in "RVC"]
        span = cell["slow_time"].values[[4, 8]]
        assert span == pytest.approx([2.0, 4.0], rel=0.02)
        assert float(cell["rate_exact"]) == pytest.approx(np.log(E[0] / E[1]) / np.diff(span)[0], rel=1e-9)


def test_rates_are_near_those_of_the_limits(computed: xr.Dataset) -> None:
    far = computed["rate_far"] / computed["rate_limit"].isel(d=0)
    np.testing.assert_allclose(far, 1.0, rtol=2e-3)
    near = abs(computed["rate_exact"] / computed["rate_window"] - 1.0)
    assert (near > 1e-3).all()  # at d = 300 it is not there yet
    assert (near < 0.2).all()


def test_a_run_that_is_cut_short_has_no_rate() -> None:
    cut = compute({"dense": CASES["dense"]}, most_ticks=100)
    assert cut["rate"].isnull().all()
    assert cut["rate_exact"].notnull().all()


def test_a_mean_that_few_trajectories_carry_has_no_growth() -> None:
    time = np.arange(5.0)
    E = np.exp(-time)
    dataset = xr.Dataset(
        {"envelope": ("time", E), "envelope_exact": ("time", E**1.1), "envelope_std_error": ("time", 0.1 * E),
         "effective_sample_size": (("time", "moment"), np.full((5, 1), 70.0))},
        {"moment": ["R"]}, {"trajectories": 200},
    )  # fmt: skip
    elapsed = xr.DataArray(2.0 * time, dims="time")
    found = envelope.growths(dataset, elapsed)
    assert float(found["growth"]) == pytest.approx(-0.5)
    assert float(found["growth_exact"]) == pytest.approx(-0.55)
    assert float(found["growth_std_error"]) == pytest.approx(0.1 * 2**0.5 / 4.0)
    for size, trajectories in ((63.0, 200), (70.0, 300)):
        few = dataset.assign(effective_sample_size=dataset["effective_sample_size"] * size / 70.0)
        assert np.isnan(envelope.growths(few.assign_attrs(trajectories=trajectories), elapsed)["growth"])


def test_it_is_told_and_drawn(computed: xr.Dataset, tmp_path) -> None:
    told = computed.assign_attrs(sweep="rates", seconds=1.0)
    assert rates.summary(told)["rates"]["dense"]["rate"].keys() == {"300"}
    rows = [row[0] for row in rates.outcome(told).rows]
    assert {f"  {case}, d = 300" for case in CASES} <= set(rows)
    assert all(path.exists() for path in rates.draw(told, tmp_path))


def test_other_sweeps_are_refused() -> None:
    with pytest.raises(ValueError, match="must name at least one case in the study rates"):
        compute({})
