"""Where theory says that the cells of a dataset settle, and whether they did.

Trajectories settle around the exact fixed point; their mean is shifted from it by their own fluctuations, to leading
order in 1/d (`theory.logistic.stationary`).
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import xarray as xr
from scipy import stats

from sparsesim import references
from sparsesim.comparison import FALSE_ALARM
from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.theory import logistic
from sparsesim.theory.logistic.fixed_point import SaturatedBranch
from sparsesim.theory.logistic.fluctuations import Fluctuations, stationary

ARRIVED = 1.0 / 3.0  # of a standard error: less than that is not seen


def floors(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """Over the cells of a compared dataset, what they settle at and how far the last record is from it.

    Returns:
        `fixed_theta_par` and `fixed_R` of the exact fixed point, `fixed_rate` at which the map approaches it (per
        minibatch, negative where it is unstable) and whether it is `saturated`; `fixed_bias` and `fixed_spread` of R
        and `fixed_spread_theta_par`, shift of the mean and standard deviations of trajectories, NaN where they do not
        settle; `floor_z` of the last mean of R, NaN where the recursion has not arrived there or the expansion is
        not trusted.
    """
    names = ("theta_par", "R", "rate", "saturated", "bias", "spread", "spread_theta_par")
    cell_dims = dataset["verdict"].dims
    found = {name: np.full(dataset["verdict"].shape, np.nan) for name in names}
    for index, problem, optimizer in references.cells(dataset):
        for name, value in zip(names, _settled(problem, optimizer), strict=True):
            found[name][index] = value
    at = {f"fixed_{name}": xr.DataArray(values, dims=cell_dims) for name, values in found.items()}
    at["saturated"] = at.pop("fixed_saturated") == 1.0

    end = {
        name: dataset[name].sel(moment="R", drop=True).isel(time=-1)
        for name in ("mean", "std_error", "exact", "trusted")
    }
    arrived = abs(end["exact"] - at["fixed_R"]) <= ARRIVED * end["std_error"]
    # Where the predicted shift cannot be seen, nor can what the expansion leaves out of it.
    unseen = abs(at["fixed_bias"]) <= ARRIVED * end["std_error"]
    with np.errstate(all="ignore"):
        z = (end["mean"] - at["fixed_R"] - at["fixed_bias"]) / end["std_error"]
    return {**at, "floor_z": z.where(arrived & (end["trusted"].astype(bool) | unseen))}


def fixed_point(problem: RareClassLogistic, optimizer: HeavyBall) -> tuple[np.ndarray, bool]:
    """The exact fixed point, and whether it is on the saturated branch."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", SaturatedBranch)
        state = logistic.fixed_point(problem, optimizer)
    return state, any(issubclass(warning.category, SaturatedBranch) for warning in caught)


def decay_rate(problem: RareClassLogistic, optimizer: HeavyBall) -> float:
    """As in theory, without its warning of saturation."""
    with _unwarned():
        return logistic.decay_rate(problem, optimizer)


def slowest_mode(problem: RareClassLogistic, optimizer: HeavyBall) -> np.ndarray:
    """As in theory, without its warning of saturation."""
    with _unwarned():
        return logistic.slowest_mode(problem, optimizer)


def spread(problem: RareClassLogistic, optimizer: HeavyBall) -> tuple[float, float, float]:
    """Shift of the mean of R and standard deviations of R and theta_par where trajectories settle, else NaN."""
    around = settled(problem, optimizer)
    return around.bias[2].item(), around.deviation[2].item(), around.deviation[0].item()


def settled(problem: RareClassLogistic, optimizer: HeavyBall) -> Fluctuations:
    """Covariance and shift where trajectories settle, NaN where they do not."""
    with _unwarned():
        try:
            return stationary(problem, optimizer)
        except ArithmeticError:
            return Fluctuations(np.full((5, 5), np.nan), np.full(5, np.nan))


@contextmanager
def _unwarned() -> Iterator[None]:
    """No warning of saturation."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SaturatedBranch)
        yield


def bound(dataset: xr.Dataset) -> float:
    """The largest |floor_z| that chance explains."""
    count = max(1, int(dataset["floor_z"].notnull().sum()))
    return float(stats.t.isf(FALSE_ALARM / 2 / count, dataset.attrs["trajectories"] - 1))


def wrong(dataset: xr.Dataset) -> xr.DataArray:
    """Cells whose last mean of R is not where theory says that it settles."""
    return abs(dataset["floor_z"]) > bound(dataset)


def rows(dataset: xr.Dataset) -> list[tuple[str, str]]:
    """Of the closing table: how many cells have settled, and how far the worst of them is from its fixed point."""
    z = abs(dataset["floor_z"])
    found = [("cells tested at their fixed point", f"{int(z.notnull().sum())} of {z.size}")]
    if z.notnull().any():
        found.append(("  largest |z| of R there", f"{float(z.max()):.2f} (bound {bound(dataset):.2f})"))
    return found


def remarks(dataset: xr.Dataset) -> list[str]:
    """A line for every cell whose last mean of R is not where theory says that it settles."""
    lines, dims = [], dataset["floor_z"].dims
    for index in np.argwhere(wrong(dataset).values):
        cell = dataset.isel(dict(zip(dims, index, strict=True)))
        place = ", ".join(f"{dim} = {cell[dim].item()}" for dim in dims)
        lines.append(
            f"disagrees: at {place} R settles {float(cell['floor_z']):.1f} standard errors away from its fixed point"
        )
    return lines


def _settled(problem: RareClassLogistic, optimizer: HeavyBall) -> tuple[float, ...]:
    state, saturated = fixed_point(problem, optimizer)
    rate = decay_rate(problem, optimizer)
    return state[0].item(), state[2].item(), rate, float(saturated), *spread(problem, optimizer)
