"""alpha = beta below resonance: the rate of learning depends on c_p.

On slow time log R is straight. A share 1 - exp(-c_p c_B) of the minibatches is active, so that slopes in slow time,
which counts active updates, follow the law of the critical boundary: dashes are its prediction, points the simulation.
"""

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import experiment
from sparsesim.comparison import chance
from sparsesim.experiment import Check, largest
from sparsesim.figures import rates


def draw(dataset: xr.Dataset) -> Figure:
    """Decay of log R along slow time, and its slopes."""
    return rates.slopes(dataset, "c_p", "$c_p$")


def checks(dataset: xr.Dataset) -> list[Check]:
    """Measured over predicted slopes."""
    own = dataset.isel(d=-1)
    z = (own["rate"] - own["rate_exact"]) / own["rate_std_error"]
    return [
        Check(
            "measured over predicted slope: largest distance from 1",
            largest(own["rate"] / own["rate_limit"] - 1.0),
            high=0.05,
        ),
        Check(
            "largest |z| of measured against exact slopes",
            largest(z),
            high=chance(z.size, dataset.attrs["trajectories"]),
        ),
        *experiment.scores(dataset),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
