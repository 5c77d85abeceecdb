"""Paths of the resonance line's SDE against the moments of the limit ODE, and a test that must fail.

The limits share their steps, as each number of them is a compilation. Thresholds: n z-scores are held to the
Bonferroni bound at 1e-5; seeds are fixed.
"""

import functools

import numpy as np
import pytest
from scipy import stats
from scipy.linalg import expm

from sparsesim import Scaling
from sparsesim.simulation.linear_sde import sample_paths
from sparsesim.theory.limits import LimitODE, limit_ode

ALPHA = 1e-5
PATHS = 20_000
LINE = {"dense": (0.3, 0.5, 0.8), "triple": (0.5, 0.5, 1.0), "sparse": (0.8, 0.3, 1.5)}


def limit_of(name: str) -> LimitODE:
    return limit_ode(Scaling(*LINE[name], c_p=0.7, c_B=1.3, c_eps=1.2, c_eta=0.8))


def times_of(limit: LimitODE) -> np.ndarray:
    """Not evenly spaced, and in the limit's own unit of time, so that all limits take the same steps."""
    return np.array([0.0, 0.25, 0.5, 1.0, 2.0]) / limit.rate


@functools.cache
def paths_of(name: str, noise: float, seed: int = 0) -> np.ndarray:
    """(path, time, 2), with a diffusion `noise` times the right one."""
    limit = limit_of(name)
    drift, diffusion = limit.sde
    return sample_paths(drift, noise * diffusion, [1.0, 0.0], times_of(limit), paths=PATHS, seed=seed)


def scores(name: str, noise: float) -> np.ndarray:
    """Z of the second moments after time 0: (time, moment)."""
    X, Y = np.moveaxis(paths_of(name, noise)[:, 1:].astype(np.float64), -1, 0)
    products = np.stack([X * X, Y * Y, X * Y], axis=-1)
    exact = limit_of(name).trajectory(times_of(limit_of(name)))[1:]
    return (products.mean(axis=0) - exact) / (products.std(axis=0, ddof=1) / np.sqrt(PATHS))


@pytest.mark.parametrize("name", LINE)
def test_second_moments_are_those_of_the_limit(name: str) -> None:
    z = scores(name, 1.0)
    assert np.abs(z).max() < stats.norm.isf(ALPHA / 2 / z.size)


def test_power_five_percent_in_the_diffusion_is_caught() -> None:
    z = scores("dense", 1.05)
    assert np.abs(z).max() > stats.norm.isf(ALPHA / 2 / z.size)


def test_without_noise_a_path_is_the_heavy_ball() -> None:
    limit = limit_of("sparse")
    exact = np.array([expm(limit.sde.drift * s) @ [1.0, 0.0] for s in times_of(limit)])
    paths = paths_of("sparse", 0.0)
    assert paths.shape == (PATHS, 5, 2)
    np.testing.assert_allclose(paths, np.broadcast_to(exact, paths.shape), atol=1e-4)


def test_paths_start_at_the_start_and_go_apart() -> None:
    paths = paths_of("dense", 1.0)
    assert (paths[:, 0] == [1.0, 0.0]).all()
    # X is driven through Y alone, and Y by noise of the size of X: at first order, by sqrt(n s) of it.
    assert len(np.unique(paths[:, 1, 1])) > 0.99 * PATHS


def test_a_seed_names_the_paths() -> None:
    limit = limit_of("dense")
    again = sample_paths(*limit.sde, [1.0, 0.0], times_of(limit), paths=PATHS, seed=0)
    np.testing.assert_array_equal(again, paths_of("dense", 1.0))
    other = paths_of("dense", 1.0, seed=1)
    correlation = np.corrcoef(other[:, -1, 1], again[:, -1, 1])[0, 1]
    assert abs(correlation) < stats.norm.isf(ALPHA / 2) / np.sqrt(PATHS)


def test_time_zero_alone() -> None:
    limit = limit_of("dense")
    paths = sample_paths(*limit.sde, [1.0, -0.5], [0.0], paths=3, seed=0)
    np.testing.assert_array_equal(paths, np.tile(np.float32([1.0, -0.5]), (3, 1, 1)))
    assert paths.dtype == np.float32


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"diffusion": [[0.1, 0.0], [0.0, 0.0]]}, r"diffusion must have a square of zero, got \[\[0.1, 0.0\]"),
        ({"times": [1.0, 1.0]}, "times must be strictly increasing, got 1.0"),
        ({"times": [-1.0]}, "times must be 0 or above, got -1.0"),
        ({"times": []}, "times must be a sequence of at least one number"),
        ({"paths": 0}, "paths must be a whole number, 1 or above, got 0"),
        ({"seed": 0.5}, "seed must be a whole number, 0 or above, got 0.5"),
    ],
)
def test_bad_input_is_named(arguments: dict, message: str) -> None:
    good = {"drift": [[0.0, -1.0], [1.0, -1.0]], "diffusion": np.zeros((2, 2)), "start": [1.0, 0.0]}
    good |= {"times": [1.0], "paths": 2, "seed": 0}
    with pytest.raises(ValueError, match=message):
        sample_paths(**{**good, **arguments})
