"""Paths of a limit's SDE: their squares and products against the limit ODE, whose solution is their mean."""

import math
from collections.abc import Iterator

import numpy as np
import xarray as xr
from scipy import stats

from sparsesim.comparison import FALSE_ALARM, MIN_EFFECTIVE_SHARE, MIN_EFFECTIVE_SIZE
from sparsesim.studies.curves import VARIABLES
from sparsesim.sweep import Sweep
from sparsesim.theory.limits import LimitODE

PER_TRAJECTORY = 8  # paths: one of two numbers costs little
BATCH = 2048  # paths in memory at once
STORED, FINER = 30, 16  # paths that are kept, at times so much finer than the records


def paths(limit: LimitODE, sweep: Sweep, number: int) -> xr.Dataset:
    """Paths of a limit's SDE from (X, Y) = (1, 0).

    Args:
        limit: on resonance.
        sweep: its seed, its horizon and records, and eight paths to a trajectory.
        number: of the limit in its study, for random numbers of its own.

    Returns:
        `sde_path` (path, path_time), the X of a few of them; and of X^2, Y^2 and X Y of all (sde_time, variable):
        `sde_mean`, `sde_std_error`, `sde_effective_sample_size`, quartiles and `sde_median`, `sde_limit`, `sde_z` and
        `sde_trusted`, all as in `compare`. Attribute sde_paths: how many.
    """
    from sparsesim.simulation.linear_sde import sample_paths  # diffrax: half a second that no other command needs

    fine = np.linspace(0.0, sweep.times.horizon, FINER * sweep.times.records + 1)
    times, total = fine[::FINER], sweep.trajectories * PER_TRAJECTORY
    states, stored = [], np.empty(0)
    for batch, first in enumerate(range(0, total, BATCH)):
        (seed,) = np.random.SeedSequence((sweep.seed, number, batch)).generate_state(1)
        # All batches of one size, for one compilation.
        sampled = sample_paths(*limit.sde, [1.0, 0.0], fine, paths=min(BATCH, total), seed=int(seed))
        stored = sampled[:STORED, :, 0] if batch == 0 else stored
        states.append(sampled[: total - first, ::FINER].astype(np.float64))
    X, Y = np.moveaxis(np.concatenate(states), -1, 0)
    values = {f"sde_{name}": (("sde_time", "variable"), value) for name, value in _scored(limit, times, X, Y).items()}
    return xr.Dataset(
        {"sde_path": (("path", "path_time"), stored), **values},
        {"sde_time": times, "path_time": fine, "variable": list(VARIABLES)},
        {"sde_paths": total},
    )


def judged(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset of a study with the verdict on its paths in its own.

    Adds attributes sde_z_count, sde_z_largest and sde_z_bound, of trusted scores; the verdict is "disagrees" if one is
    beyond the Bonferroni bound.
    """
    z = np.abs(dataset["sde_z"].where(dataset["sde_trusted"]).values)
    count = int(np.isfinite(z).sum())
    bound = float(stats.t.isf(FALSE_ALARM / 2 / max(1, count), dataset.attrs["sde_paths"] - 1))
    largest = float(np.nanmax(z)) if count else math.nan
    verdict = "disagrees" if largest > bound else dataset.attrs["verdict"]
    return dataset.assign_attrs(sde_z_count=count, sde_z_largest=largest, sde_z_bound=bound, verdict=verdict)


def disagreement(dataset: xr.Dataset) -> Iterator[str]:
    """The worst score of a judged dataset, if it is beyond the bound."""
    if not dataset.attrs["sde_z_largest"] > dataset.attrs["sde_z_bound"]:
        return
    z = dataset["sde_z"].where(dataset["sde_trusted"])
    worst = z.isel(dict(zip(z.dims, np.unravel_index(np.nanargmax(np.abs(z.values)), z.shape), strict=True)))
    product = {"R": "X^2", "V": "Y^2", "C": "X Y"}[worst["variable"].item()]
    yield (
        f"disagrees: the mean of the SDE's {product} at c_eta = {worst['c_eta'].item():g}, s = "
        f"{worst['sde_time'].item():.3g} is {worst.item():.1f} standard errors from the limit ODE"
    )


def _scored(limit: LimitODE, times: np.ndarray, X: np.ndarray, Y: np.ndarray) -> dict[str, np.ndarray]:
    """Statistics of X^2, Y^2 and X Y over paths, and their scores against the limit."""
    products, total = np.stack([X * X, Y * Y, X * Y], axis=-1), len(X)
    mean, error = products.mean(axis=0), products.std(axis=0, ddof=1) / np.sqrt(total)
    squares, exact = (products**2).sum(axis=0), limit.trajectory(times)
    with np.errstate(all="ignore"):
        effective = np.where(squares > 0.0, np.abs(products).sum(axis=0) ** 2 / squares, total)
        z = np.where(error > 0.0, (mean - exact) / error, np.nan)
    trusted = (effective >= max(MIN_EFFECTIVE_SIZE, MIN_EFFECTIVE_SHARE * total)) & np.isfinite(z)
    low, middle, high = np.quantile(products, [0.25, 0.5, 0.75], axis=0)
    return {"mean": mean, "std_error": error, "effective_sample_size": effective, "lower_quartile": low,
            "median": middle, "upper_quartile": high, "limit": exact, "z": z, "trusted": trusted}  # fmt: skip
