"""What theory says at every point of a simulated dataset: the exact moments, and what else the comparison needs.

For least squares the second moments are closed, and exact means exact: the mean over trajectories. For logistic
regression only the conditional drift of one step is. There `exact` is the recursion of that drift, which trajectories
follow up to fluctuations of relative order d^-1/2; theory adds how large these are, and how far they pull the mean,
which is of order 1/d. At the first minibatch from a given state there is nothing to add: the recursion is the mean.
"""

import contextlib
import dataclasses
import math
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import xarray as xr

from sparsesim.problems import HeavyBall, LeastSquares, Problem, RareClassLogistic
from sparsesim.scaling import Scaling
from sparsesim.theory import least_squares, limits, logistic, stability
from sparsesim.theory.logistic.recursion import recursions
from sparsesim.theory.logistic.stiff import NotFollowed

KINDS = {kind.name: kind for kind in (LeastSquares, RareClassLogistic)}
Cells = list[tuple[tuple[int, ...], Any, HeavyBall]]  # index, problem, optimizer


class Reference(NamedTuple):
    """Theory at every point of a dataset; moment arrays are of the shape of its mean, cell arrays of its cells."""

    exact: np.ndarray
    bias: np.ndarray  # of the mean beside `exact`, to leading order in 1/d; 0 for least squares
    spread: np.ndarray | None  # standard deviation of one trajectory, likewise; None where theory has none
    holds: np.ndarray  # whether these say all that could be seen of the mean
    feedback: np.ndarray  # by cell: the learning rate over the stability frontier, or over the lower ceiling
    rare: np.ndarray  # by point: how often the rarer kind of minibatch is expected in what made it, per trajectory


def reference(dataset: xr.Dataset) -> Reference:
    """What theory says of a dataset of either problem."""
    found = cells(dataset)
    return (_least_squares if dataset.attrs["problem"] == LeastSquares.name else _logistic)(dataset, found)


def cells(dataset: xr.Dataset) -> Cells:
    """Each cell's index, problem and optimizer."""
    kind = KINDS[dataset.attrs["problem"]]
    names = [field.name for field in dataclasses.fields(kind)]
    values = _by_name(dataset, [*names, "eta", "eps"])
    found = []
    for index in np.ndindex(dataset["mean"].shape[:-2]):
        cell = {name: value[index].item() for name, value in values.items()}
        optimizer = HeavyBall(cell.pop("eta"), cell.pop("eps"))
        found.append((index, kind(**cell), optimizer))
    return found


def start(dataset: xr.Dataset) -> dict[str, float]:
    """The moments at time 0, by name."""
    return {name: dataset.attrs[f"start_{name}"] for name in dataset["moment"].values}


def limit(dataset: xr.Dataset, scaling: Scaling | None) -> np.ndarray | None:
    """What the limit ODE says of every point; NaN where it says nothing, None if no scaling is known.

    Raises:
        ValueError: a cell is not the scaling's.
    """
    shape = dataset["mean"].shape
    scalings = _scalings(dataset, shape[:-2]) if scaling is None else np.full(shape[:-2], scaling, dtype=object)
    if scalings is None:
        return None
    found, first = np.full(shape, np.nan), start(dataset)
    for index, problem, optimizer in cells(dataset):
        own = scalings[index]
        if (problem, optimizer) != _realised(own, problem):
            raise ValueError(f"scaling must be that of the dataset, got {own!r} for {problem!r} and {optimizer!r}")
        if isinstance(problem, RareClassLogistic) or problem.label_noise == 0.0:
            times = dataset["clock_time"].values[index]
            # Not every scaling has a limit, or one that can be followed for so long: no fault of the dataset.
            with contextlib.suppress(limits.NoLimit, NotFollowed):
                found[index] = limits.limit_moments(own, problem, times, dataset.attrs["clock"], first)
    return found


def _realised(scaling: Scaling, problem: Problem) -> tuple[Problem, HeavyBall]:
    if isinstance(problem, LeastSquares):
        return scaling.at(problem.d, label_noise=problem.label_noise)
    return scaling.at(problem.d, problem.r)


def _least_squares(dataset: xr.Dataset, found: Cells) -> Reference:
    mean, clock, first = dataset["mean"], dataset.attrs["clock"], start(dataset)
    ticks = dataset["clock_time"].values
    flat = ticks.reshape(-1, ticks.shape[-1])
    exact = least_squares.moments_of(
        [(problem, optimizer) for _, problem, optimizer in found], list(flat), clock, first
    ).reshape(mean.shape)
    expected, feedback = np.empty(mean.shape), np.empty(mean.shape[:-2])
    for index, problem, optimizer in found:
        times = ticks[index]
        feedback[index] = stability.feedbacks(problem, optimizer).total
        active, idle = least_squares.activity(problem)
        # Off the minibatch clock there is an active minibatch at every tick, however rare.
        rare = min(active, idle) if clock == "minibatch" else idle
        # Where active minibatches are the rare ones, momentum knows but those of its own memory.
        remembered = np.minimum(times, 1.0 / optimizer.eps) if clock == "minibatch" and active < idle else times
        expected[index] = rare * np.stack([times, remembered, remembered], axis=-1)
    return Reference(exact, np.zeros(mean.shape), None, np.ones(mean.shape, bool), feedback, expected)


def _logistic(dataset: xr.Dataset, found: Cells) -> Reference:
    mean, times = dataset["mean"], dataset["clock_time"].values
    problems, optimizers = [problem for _, problem, _ in found], [optimizer for _, _, optimizer in found]
    flat = list(times.reshape(len(found), -1))
    starts = [start(dataset)] * len(found)
    exact = recursions(problems, optimizers, flat, starts)
    around = logistic.fluctuations_of(problems, optimizers, flat, starts)
    feedback = [o.eta / logistic.critical_learning_rate(c, o.eps) for c, o in zip(problems, optimizers, strict=True)]
    expected = np.empty(mean.shape)
    for index, problem, optimizer in found:
        # Every minibatch counts, but few may hold a sample of the rare class, or of the common one where p is near 1.
        rare = min(least_squares.activity(problem)[0], -math.expm1(problem.B * math.log(problem.p)))
        ever, remembered = times[index], np.minimum(times[index], 1.0 / optimizer.eps)
        expected[index] = rare * np.stack([ever, remembered, ever, remembered, remembered], axis=-1)
    return Reference(
        exact.reshape(mean.shape),
        around.bias.reshape(mean.shape),
        around.deviation.reshape(mean.shape),
        np.repeat(around.trusted(exact).reshape(times.shape)[..., None], mean.shape[-1], axis=-1),
        np.reshape(feedback, mean.shape[:-2]),
        expected,
    )


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
