"""The six regions with the ceiling of the learning rate: the paper's and the exact one.

Below resonance both are the noise of gradients, eta ~ d^(beta - 1). Above resonance the paper has eps/p; the exact
ceiling stays that of noise, and in a part of A that of curvature, d^(alpha + delta).
"""

import math
from collections.abc import Iterator

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import Scaling, experiment
from sparsesim.experiment import Check
from sparsesim.figures import phase_diagram
from sparsesim.theory import stability

FAR = (10**12, 10**14)
STRIDE, CLEAR = 7, 0.25  # between points; of exponents, which at these d is a factor of 1000


def draw(dataset: xr.Dataset) -> Figure:
    """The regions and their ceilings."""
    return phase_diagram.ceilings(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Exponents of the exact ceiling at huge d against the formula, all over the planes."""
    off = [
        abs(
            _exponent(float(point["alpha"]), float(point["beta"]), float(point["delta"]))
            - float(point["frontier_exponent"])
        )
        for point in _points(dataset)
    ]
    return [
        Check("largest distance of exponents from the formula", max(off), high=0.01),
        Check("points compared", len(off), low=100.0),
    ]


def _points(dataset: xr.Dataset) -> Iterator[xr.Dataset]:
    """Every few points of every plane, but for those where noise and curvature are still of one size."""
    for beta in dataset["beta"].values.tolist():
        plane = dataset.sel(beta=beta).isel(alpha=slice(None, None, STRIDE), delta=slice(None, None, STRIDE))
        for alpha in plane["alpha"].values.tolist():
            for delta in plane["delta"].values.tolist():
                if abs(1.0 - beta + alpha + delta) > CLEAR:
                    yield plane.sel(alpha=alpha, delta=delta)


def _exponent(alpha: float, beta: float, delta: float) -> float:
    """-d log(critical learning rate)/d log d."""
    ceilings = []
    for d in FAR:
        problem, optimizer = Scaling(alpha, beta, delta).at(d)
        ceilings.append(stability.critical_learning_rate(problem, optimizer.eps))
    return -math.log(ceilings[1] / ceilings[0]) / math.log(FAR[1] / FAR[0])


if __name__ == "__main__":
    experiment.script(__file__)
