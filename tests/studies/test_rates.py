"""Measured rates: within their errors of the exact ones, near those of limits; what cannot be read is refused."""

import numpy as np
import pytest
import xarray as xr

from sparsesim.studies import rates
from sparsesim.sweep import Sweep, Times

CASES = {
    "noisy": {"alpha": 0.3, "beta": 0.5, "delta": 0.4},
    "oscillating": {"alpha": 0.25, "beta": 1.5, "delta": 0.5},
}


def sweep(cases: dict[str, dict[str, float]]) -> Sweep:
    return Sweep({"d": [300]}, {"c_eta": 0.8}, Times(4.0, "slow_time", records=8), 512, 0, "active", cases=cases)


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    return rates.compute(sweep(CASES), lambda done, total: None)


def test_rates_are_measured_within_their_errors(computed: xr.Dataset) -> None:
    rate, error, exact = (computed[name].values for name in ("rate", "rate_std_error", "rate_exact"))
    assert (np.abs(rate - exact) < 4.0 * error).all()
    assert (error < 0.1 * rate).all()


def test_far_off_the_exact_rate_is_that_of_the_limit(computed: xr.Dataset) -> None:
    np.testing.assert_allclose(computed["rate_far"], computed["rate_limit"].isel(d=0), rtol=2e-3)
    near = abs(computed["rate_exact"] / computed["rate_limit"] - 1.0)
    assert (near > 1e-3).all()  # at d = 300 it is not there yet


def test_other_sweeps_are_refused() -> None:
    with pytest.raises(ValueError, match="must name at least one case in the study rates"):
        rates.compute(sweep({}), lambda done, total: None)
