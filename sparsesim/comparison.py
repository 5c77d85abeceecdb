"""The comparison: simulated means against exact moments, point by point, cell by cell, and as a whole.

z = (simulated mean - exact) / standard error is standard normal when theory and simulation agree and the mean of the
trajectories is close to normal. Two things spoil the second: heavy tails, where few trajectories carry the mean, and
events so rare that the sample may hold none while the mean counts them. Such points are computed, shown, and not
trusted. Where trajectories differ by no more than float32 rounding there is no z; the mean itself must be right there.
"""

import contextlib
import dataclasses
import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np
import xarray as xr
from scipy import stats

from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.scaling import Scaling
from sparsesim.theory import least_squares, limits, stability

# A mean is trusted while at least this share of the trajectories carries it (a third for one chi-square variate), and
# this many do.
MIN_EFFECTIVE_SHARE = 0.3
MIN_EFFECTIVE_SIZE = 64.0
# The rarer of idle and active minibatches is expected this often over all trajectories, or its share does not matter.
MIN_RARE_EVENTS = 50.0
# Relative accuracy of float32 trajectories; a standard error below it is not sampling noise.
ROUNDING = 1e-6
# Relative error allowed to a mean that has no sampling noise, and the range in which float32 can keep it.
DETERMINISTIC, SMALLEST, LARGEST = 1e-4, 1e-30, 1e30
# Chance that a correct program is called wrong by one of the two tests of the whole.
FALSE_ALARM = 1e-4
# Cells below which the share of |z| < 1.96 is reported but not tested.
MIN_CELLS = 30


def compare(dataset: xr.Dataset, scaling: Scaling | None = None) -> xr.Dataset:
    """The dataset with exact moments, z-scores and verdicts; with the limit as well where a scaling is known.

    Two tests decide: no trusted |z| beyond the Bonferroni bound, and, with 30 cells or more, a share of trusted
    |z| < 1.96 not below 95% by more than chance allows (its standard error is taken over cells: points of one cell
    are correlated).

    Args:
        dataset: as `simulate`, `simulate_cells` or a sweep returned it, with heavy ball as the optimizer.
        scaling: what all cells are of, each at its d; a sweep over exponents and d brings its own.

    Returns:
        The dataset with `exact` and `z` (NaN where float32 rounding exceeds the standard error, as at time 0; infinite
        where a mean without sampling noise is wrong), `trusted` (whether the normal law of z can be relied on), and per
        cell `feedback` H (stable iff H < 1, equation (*)) and `verdict`: "disagrees" (a trusted |z| beyond the bound),
        "unstable" (H >= 1), "untested" (no trusted point) or "agrees". `limit`, if a scaling is known, holds what the
        limit ODE says at the same times, NaN where there is none (label noise, below the frontier exponent) and for V
        and C where it leaves them open. Attributes: z_count, z_fraction (share of
        trusted |z| < 1.96) with z_fraction_std_error and z_fraction_bound, z_largest, z_bound, and `verdict` of the
        whole: "agrees", "disagrees" or "untested".

    Raises:
        ValueError: the dataset was made with another optimizer, for which no exact moments are known, or from another
            scaling.
    """
    if dataset.attrs.get("optimizer") != "heavy_ball":
        raise ValueError(f"dataset must come from a HeavyBall optimizer, got {dataset.attrs.get('optimizer')!r}")
    mean = dataset["mean"]
    cell_dims = mean.dims[:-2]
    exact, feedback = np.empty(mean.shape), np.empty(mean.shape[:-2])
    rare, memory = np.empty(mean.shape[:-2]), np.empty(mean.shape[:-2])
    start = {name: dataset.attrs[f"start_{name}"] for name in dataset["moment"].values}
    for index, problem, optimizer in _cells(dataset, mean.shape[:-2]):
        times = dataset["clock_time"].values[index]
        exact[index] = least_squares.moments(problem, optimizer, times, dataset.attrs["clock"], start)
        feedback[index] = stability.feedbacks(problem, optimizer).total
        active, idle = least_squares.activity(problem)
        # Off the minibatch clock there is an active minibatch at every tick, however rare.
        rare[index] = min(active, idle) if dataset.attrs["clock"] == "minibatch" else idle
        # Where active minibatches are the rare ones, momentum knows but those of its own memory.
        forgetful = dataset.attrs["clock"] == "minibatch" and active < idle
        memory[index] = 1.0 / optimizer.eps if forgetful else np.inf
    with np.errstate(all="ignore"):
        times = dataset["clock_time"].values
        remembered = np.minimum(times, memory[..., None])
        expected = rare[..., None, None] * np.stack([times, remembered, remembered], axis=-1)
        z, trusted = _scores(dataset, exact, feedback < 1.0, expected)
    magnitude = np.where(trusted, np.abs(z), np.nan)
    count = int(trusted.sum())
    bound = float(stats.t.isf(FALSE_ALARM / 2 / max(1, count), dataset.attrs["trajectories"] - 1))
    verdicts = _verdicts(magnitude, feedback, bound)
    fraction, spread, fraction_bound = fraction_inside(magnitude)
    disagrees = fraction < fraction_bound or (verdicts == "disagrees").any()
    if (limit := _limit(dataset, scaling, start)) is not None:
        dataset = dataset.assign(limit=(mean.dims, limit))
    return dataset.assign(
        exact=(mean.dims, exact),
        z=(mean.dims, z),
        trusted=(mean.dims, trusted),
        feedback=(cell_dims, feedback),
        verdict=(cell_dims, verdicts),
    ).assign_attrs(
        z_count=count,
        z_fraction=fraction,
        z_fraction_std_error=spread,
        z_fraction_bound=fraction_bound,
        z_largest=float(np.nanmax(magnitude)) if count else math.nan,
        z_bound=bound,
        verdict="disagrees" if disagrees else "agrees" if count else "untested",
    )


def _cells(dataset: xr.Dataset, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int, ...], LeastSquares, HeavyBall]]:
    """Each cell's index, problem and optimizer."""
    values = _by_name(dataset, ("d", "p", "B", "label_noise", "eta", "eps"))
    for index in np.ndindex(shape):
        cell = {name: value[index].item() for name, value in values.items()}
        eta, eps = cell.pop("eta"), cell.pop("eps")
        yield index, LeastSquares(**cell), HeavyBall(eta, eps)


def _by_name(dataset: xr.Dataset, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Coordinates over the cell dims: by name, not by position, for the coordinate of an axis has that dim alone."""
    grid = dataset["mean"].isel(time=0, moment=0, drop=True)
    return {name: dataset[name].broadcast_like(grid).transpose(*grid.dims).values for name in names}


def _scalings(dataset: xr.Dataset, shape: tuple[int, ...]) -> np.ndarray | None:
    """The scaling of every cell, an array of objects over the cell dims; None where values replaced some of it."""
    names = [field.name for field in dataclasses.fields(Scaling)]
    if not set(names) <= set(dataset.coords):
        return None
    values = _by_name(dataset, names)
    found = np.empty(shape, dtype=object)
    for index in np.ndindex(shape):
        found[index] = Scaling(**{name: value[index].item() for name, value in values.items()})
    return found


def _limit(dataset: xr.Dataset, scaling: Scaling | None, start: Mapping[str, float]) -> np.ndarray | None:
    """What the limit ODE says of every point; NaN where it says nothing, None if no scaling is known."""
    shape = dataset["mean"].shape
    scalings = _scalings(dataset, shape[:-2]) if scaling is None else np.full(shape[:-2], scaling, dtype=object)
    if scalings is None:
        return None
    limit = np.full(shape, np.nan)
    for index, problem, optimizer in _cells(dataset, shape[:-2]):
        own = scalings[index]
        if (problem, optimizer) != own.at(problem.d, label_noise=problem.label_noise):
            raise ValueError(f"scaling must be that of the dataset, got {own!r} for {problem!r} and {optimizer!r}")
        if problem.label_noise == 0.0:
            times = dataset["clock_time"].values[index]
            # Not every scaling has a limit; that its cells have none is no fault of the dataset.
            with contextlib.suppress(limits.NoLimit):
                limit[index] = limits.limit_moments(own, problem, times, dataset.attrs["clock"], start)
    return limit


def _scores(
    dataset: xr.Dataset, exact: np.ndarray, stable: np.ndarray, expected: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and whether each is trusted; `expected` is how many of the rarer kind of minibatch made a point."""
    mean, error, effective = (dataset[name].values for name in ("mean", "std_error", "effective_sample_size"))
    trajectories = dataset.attrs["trajectories"]
    # What rounding is relative to. C may pass through zero: for it sqrt(R V), its bound.
    R, V, _ = np.moveaxis(exact, -1, 0)
    scale = np.stack([R, V, np.sqrt(np.abs(R * V))], axis=-1)
    overlooked = trajectories * expected < MIN_RARE_EVENTS

    random = error > ROUNDING * scale
    enough = max(MIN_EFFECTIVE_SIZE, MIN_EFFECTIVE_SHARE * trajectories)
    trusted = random & (effective >= enough) & ~(overlooked & (expected * scale > 0.1 * error))
    judged = ~random & stable[..., None, None] & ~overlooked & (scale > SMALLEST) & (scale < LARGEST)
    wrong = judged & ~(np.abs(mean - exact) <= DETERMINISTIC * scale)
    z = np.where(random, (mean - exact) / error, np.where(wrong, np.inf, np.nan))
    return z, (trusted & np.isfinite(z)) | wrong


def fraction_inside(magnitude: np.ndarray) -> tuple[float, float, float]:
    """Share of |z| < 1.96, its standard error over cells, and the least share that chance explains.

    Args:
        magnitude: |z| (cell dims..., time, moment), NaN where not trusted.
    """
    cells = magnitude.reshape(-1, magnitude.shape[-2] * magnitude.shape[-1])
    points, inside = (~np.isnan(cells)).sum(axis=1), (cells < 1.96).sum(axis=1)
    if not points.any():
        return math.nan, math.nan, 0.0
    fraction = float(inside.sum() / points.sum())
    spread = float(np.sqrt(((inside - fraction * points) ** 2).sum()) / points.sum())
    tested = np.count_nonzero(points) >= MIN_CELLS
    return fraction, spread, float(0.95 - stats.norm.isf(FALSE_ALARM) * spread) if tested else 0.0


def _verdicts(magnitude: np.ndarray, feedback: np.ndarray, bound: float) -> np.ndarray:
    beyond = (magnitude > bound).any(axis=(-2, -1))
    tested = (~np.isnan(magnitude)).any(axis=(-2, -1))
    return np.select([beyond, feedback >= 1.0, ~tested], ["disagrees", "unstable", "untested"], default="agrees")
