"""Beyond the paper: the eight cells of learning-rate exponents, measured over predicted rate.

The paper's learning rate is one choice. For any other exponent kappa what counts is whether stiffness, noise feedback
and curvature vanish, stay or grow: eight limits, each with a rate. Circles are rates measured in simulations over those
of the limits, bars the exact rates at the same dimension; both approach 1 as d grows.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.experiment import Check
from sparsesim.figures import rates


def draw(dataset: xr.Dataset) -> Figure:
    """Measured and exact rates over those of the limits."""
    return rates.ratios(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Measured against exact rates, and exact ones over the limit's where d is large."""
    z = (dataset["rate"] - dataset["rate_exact"]) / dataset["rate_std_error"]
    off = abs(dataset["rate_far"] / dataset["rate_limit"] - 1.0)
    return [
        Check("cells", float(len(set(dataset["cell"].values.tolist()))), low=8.0, high=8.0),
        Check("largest |z| of measured against exact rates", float(abs(z).max()), high=4.0),
        Check("largest distance of exact over predicted from 1 at d = 1e12", float(off.max()), high=2e-3),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
