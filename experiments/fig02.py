"""Triple point: second moments against the limit that stays three-dimensional, and paths of its SDE.

Points are simulated means at three dimensions, lines exact ones, bands the quartiles of single trajectories: they
close as d grows, for R itself becomes certain. The grey line is the limit. Paths of the SDE that shares its second
moments do not become certain: they are an ensemble of what the limit is the mean of. w is the stiffness eta p/eps, u
the feedback of gradient noise, stable below 1.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import triple_point


def draw(dataset: xr.Dataset) -> Figure:
    """Moments and paths."""
    return triple_point.overview(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """How near R is to its limit, and the scores of simulation and SDE."""
    error = dataset["sup_error_main_ode"].isel(c_eta=0).sel(variable="R")
    d = float(dataset["d"].max())
    return [
        Check(f"largest |R - limit| at d = {d:g}", float(error.sel(dimension=d)), high=0.5 / d**0.5),
        Check("largest |z| of the SDE", dataset.attrs["sde_z_largest"], high=dataset.attrs["sde_z_bound"]),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
