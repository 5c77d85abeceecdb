"""Beyond the paper: the eight cells of learning-rate exponents, measured over predicted rate.

The paper's learning rate is one choice. For any other exponent kappa what counts is whether stiffness, noise feedback
and curvature vanish, stay or grow: eight limits, each with a rate. Circles are rates measured in simulations over
those of the limits in the same time, short strokes the exact ones at the same dimension; both come nearer to 1 as d
grows. Where a run would be too long there is no circle.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.comparison import chance
from sparsesim.experiment import Check, largest
from sparsesim.figures import rates


def draw(dataset: xr.Dataset) -> Figure:
    """Measured and exact rates over those of the limits."""
    return rates.ratios(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Measured against exact rates, and exact ones over the limit's where d is large."""
    seen = dataset["rate"].notnull()
    z = (dataset["rate"] - dataset["rate_exact"]) / dataset["rate_std_error"]
    largest_d = dataset["d"] == dataset["d"].where(seen).max("d")
    ratio = (dataset["rate"] / dataset["rate_window"]).where(largest_d).max("d")
    return [
        Check(
            "cells with a measured rate",
            float(len(set(dataset["cell"].values[seen.any("d").values].tolist()))),
            low=8.0,
        ),
        Check("measured over predicted at the largest d: largest distance from 1", largest(ratio - 1.0), high=0.25),
        Check(
            "largest |z| of measured against exact rates",
            float(abs(z).max()),
            high=chance(int(seen.sum()), dataset.attrs["trajectories"]),
        ),
        Check(
            "exact over predicted at d = 1e12: largest distance from 1",
            largest(dataset["rate_far"] / dataset["rate_limit"].isel(d=0) - 1.0),
            high=2e-3,
        ),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
