"""The envelope E = R + eta C + eta V/(eps p) of the squared error, which decays or grows without oscillating."""

import xarray as xr

from sparsesim.theory import limits


def envelopes(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """Of a compared dataset over (cell dims..., time): `envelope`, `envelope_std_error` and `envelope_exact`.

    The moments move together: their errors are added as if wholly correlated, which bounds that of the sum.
    """
    weights = limits.envelope_weights(dataset["p"], dataset["eta"], dataset["eps"])
    names = {"envelope": "mean", "envelope_std_error": "std_error", "envelope_exact": "exact"}
    return {
        name: sum(weight * dataset[of].sel(moment=moment, drop=True) for moment, weight in weights.items())  # type: ignore[misc]
        for name, of in names.items()
    }
