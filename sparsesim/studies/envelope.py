"""The envelope E = R + eta C + eta V/(eps p) of the squared error, which decays or grows without oscillating."""

import numpy as np
import xarray as xr

from sparsesim.comparison import MIN_EFFECTIVE_SHARE, MIN_EFFECTIVE_SIZE
from sparsesim.theory import limits

NAMES = {"envelope": "mean", "envelope_std_error": "std_error", "envelope_exact": "exact", "envelope_limit": "limit"}


def envelopes(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """Of a compared dataset over (cell dims..., time): `envelope`, `envelope_std_error`, `envelope_exact`.

    And `envelope_limit` where there is a limit; NaN where it is R alone. The moments move together: their errors are
    added as if wholly correlated, which bounds that of the sum.
    """
    weights = limits.envelope_weights(dataset["p"], dataset["eta"], dataset["eps"])
    return {
        name: sum(weight * dataset[of].sel(moment=moment, drop=True) for moment, weight in weights.items())  # type: ignore[misc]
        for name, of in NAMES.items()
        if of in dataset
    }


def growths(dataset: xr.Dataset, elapsed: xr.DataArray) -> dict[str, xr.DataArray]:
    """How fast envelopes grow over the second half of a run, by then faster modes have gone.

    Args:
        dataset: with its envelopes.
        elapsed: (cell dims..., time), in the unit that growth is to be per.

    Returns:
        Over the cells `growth` of the simulated envelope, NaN where few trajectories carry it, with `growth_std_error`,
        and that of the others: `growth_exact`, `growth_limit`.
    """
    half = dataset.sizes["time"] // 2
    span = elapsed.isel(time=-1) - elapsed.isel(time=half)

    def of(envelope: xr.DataArray) -> xr.DataArray:
        """The slope of its logarithm."""
        return xr.apply_ufunc(np.log, envelope.isel(time=-1) / envelope.isel(time=half)) / span

    with np.errstate(all="ignore"):
        others = {
            name.replace("envelope", "growth"): of(dataset[name])
            for name in ("envelope_exact", "envelope_limit")
            if name in dataset
        }
        # With a short memory the errors in the middle and at the end are nearly independent.
        relative = (dataset["envelope_std_error"] / dataset["envelope"]).isel(time=[half, -1])
        growth, error = of(dataset["envelope"]), (relative**2).sum("time", skipna=False) ** 0.5 / span
    # As in the comparison: where few trajectories carry the mean its error is not to be trusted.
    carried = dataset["effective_sample_size"].sel(moment="R", drop=True).isel(time=[half, -1]).min("time")
    trusted = carried >= max(MIN_EFFECTIVE_SIZE, MIN_EFFECTIVE_SHARE * dataset.attrs["trajectories"])
    trusted &= xr.apply_ufunc(np.isfinite, growth)
    return {"growth": growth.where(trusted), "growth_std_error": error.where(trusted), **others}
