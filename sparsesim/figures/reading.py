"""Reading a result: which dims are cells, what the last record says, which cells are unstable, which z to trust."""

import numpy as np
import xarray as xr

from sparsesim.problems import RareClassLogistic

EXPONENTS = ("alpha", "beta", "delta")
WIDE = 1.5  # decades: data that span more are drawn on a logarithmic axis


def cell_dims(dataset: xr.Dataset) -> list[str]:
    """The sweep axes, in their order."""
    return [str(dim) for dim in dataset["mean"].dims if dim not in ("time", "moment")]


def moments(dataset: xr.Dataset) -> list[str]:
    """The names of the moments, in their order."""
    return [str(name) for name in dataset["moment"].values]


def is_logistic(dataset: xr.Dataset) -> bool:
    """Whether the dataset is of logistic regression."""
    return dataset.attrs.get("problem") == RareClassLogistic.name


def plane_dims(dataset: xr.Dataset) -> list[str]:
    """The sweep axes as they lie in a plane: exponents first, in the order alpha, beta, delta."""
    rank = {name: i for i, name in enumerate(EXPONENTS)}
    return sorted(cell_dims(dataset), key=lambda dim: rank.get(dim, len(rank)))


def last(dataset: xr.Dataset, variable: str, moment: str) -> xr.DataArray:
    """One moment at the last record of every cell, over the cell dims."""
    return dataset[variable].sel(moment=moment).isel(time=-1)


def unstable(dataset: xr.Dataset) -> xr.DataArray:
    """Cells whose feedback H is 1 or above (section 3); none where the feedback is unknown.

    Of logistic regression those whose learning rate is beyond one of its ceilings.
    """
    if "feedback" in dataset:
        return dataset["feedback"] >= 1.0
    return xr.zeros_like(last(dataset, "mean", "R"), dtype=bool)


def has_scores(dataset: xr.Dataset) -> bool:
    """Whether the comparison left at least one z to trust."""
    return "z" in dataset and bool(np.isfinite(trusted_z(dataset)).any())


def trusted_z(dataset: xr.Dataset) -> xr.DataArray:
    """The scores that are trusted, NaN elsewhere."""
    return dataset["z"].where(dataset["trusted"].astype(bool))


def clock_time(dataset: xr.Dataset) -> xr.DataArray:
    """The time of each record on the dataset's clock."""
    return dataset["clock_time"] if "clock_time" in dataset else dataset["time"]


def constant(dataset: xr.Dataset, name: str) -> float | None:
    """The value of a coordinate that all cells share; None if they differ or it is absent."""
    if name not in dataset:
        return None
    values = np.unique(np.asarray(dataset[name].values, dtype=float))
    return float(values[0]) if values.size == 1 else None


def spans_decades(values: np.ndarray, decades: float = WIDE) -> bool:
    """Whether the values are positive where finite and span more than so many decades."""
    finite = values[np.isfinite(values)]
    return bool(finite.size and finite.min() > 0 and np.log10(finite.max()) - np.log10(finite.min()) > decades)


def edges(values: np.ndarray, log: bool = False) -> np.ndarray:
    """Borders of the cells centred on increasing values: midpoints, geometric ones with `log`. Shape (n + 1,)."""
    centres = np.log(values) if log else np.asarray(values, dtype=float)
    if centres.size == 1:
        borders = centres[0] + np.array([-0.5, 0.5])
    else:
        inner = (centres[1:] + centres[:-1]) / 2
        borders = np.concatenate([[2 * centres[0] - inner[0]], inner, [2 * centres[-1] - inner[-1]]])
    return np.exp(borders) if log else borders
