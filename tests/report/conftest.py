"""A compared sweep made up on the spot: exact moments with noise of a known size in the place of a simulation."""

import numpy as np
import pytest
import xarray as xr

from sparsesim.comparison import compare
from sparsesim.scaling import Scaling
from sparsesim.theory import least_squares

AXES = {
    "beta": [0.25, 1.25],
    "d": [100, 1000, 10000, 100000, 1000000],
    "alpha": [0.0, 0.5, 1.0],
    "delta": [0.4, 1.0, 1.6, 1.9],
}
TIMES = np.arange(0, 500, 50)
CONFIG = "problem:\n  name: least_squares\nsweep:\n  name: made\n  study: grid\n"
NAMES = ("d", "p", "B", "label_noise", "eta", "eps", "alpha", "beta", "delta", "kappa", "c_p", "c_B", "c_eps", "c_eta")


@pytest.fixture(scope="session")
def compared() -> xr.Dataset:
    """Over (beta, d, alpha, delta), some cells unstable, with everything that `compare` adds."""
    rng, start = np.random.default_rng(5), {"R": 1.0, "V": 0.0, "C": 0.0}
    shape = tuple(len(values) for values in AXES.values())
    mean, error = np.empty((*shape, TIMES.size, 3)), np.empty((*shape, TIMES.size, 3))
    about = {name: np.empty(shape) for name in NAMES}
    for index in np.ndindex(shape):
        own = {name: values[i] for (name, values), i in zip(AXES.items(), index, strict=True)}
        scaling = Scaling(own["alpha"], own["beta"], own["delta"], c_eta=2.1 if own["delta"] == 0.4 else 0.5)
        problem, optimizer = scaling.at(int(own["d"]))
        exact = least_squares.moments(problem, optimizer, TIMES, "active", start)
        error[index] = 0.02 * np.abs(exact) * (TIMES > 0)[:, None]
        mean[index] = exact + error[index] * rng.standard_normal(exact.shape)
        for name, values in about.items():
            of = next(one for one in (problem, optimizer, scaling) if hasattr(one, name))
            values[index] = getattr(of, name)
    dims = tuple(AXES)
    full = (*dims, "time", "moment")
    coords = {name: (dims, values) for name, values in about.items() if name not in AXES}
    coords |= {**AXES, "time": TIMES, "moment": ["R", "V", "C"]}
    coords["clock_time"] = ((*dims, "time"), np.broadcast_to(TIMES, (*shape, TIMES.size)))
    attrs = {"problem": "least_squares", "optimizer": "heavy_ball", "clock": "active", "engine": "reduced", "seed": 0,
             "trajectories": 400, "sweep": "made", "seconds": 1.5, "config": CONFIG}  # fmt: skip
    attrs |= {f"start_{name}": value for name, value in start.items()}
    dataset = xr.Dataset(
        {"mean": (full, mean), "std_error": (full, error), "effective_sample_size": (full, np.full(mean.shape, 300.0)),
         "status": (dims, np.full(shape, "finite"))},
        coords, attrs,
    )  # fmt: skip
    return compare(dataset)
