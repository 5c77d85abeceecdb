"""The six regions with the ceiling of the learning rate: the paper's and the exact one.

Below resonance both are the noise of gradients, eta ~ d^(beta - 1). Above resonance the paper has eps/p; the exact
ceiling stays that of noise, and in a part of A that of curvature, d^(alpha + delta).
"""

import math

import xarray as xr
from matplotlib.figure import Figure

from sparsesim import Scaling, experiment
from sparsesim.experiment import Check
from sparsesim.figures import phase_diagram
from sparsesim.theory import stability

FAR = (10**12, 10**14)


def draw(dataset: xr.Dataset) -> Figure:
    """The regions and their ceilings."""
    return phase_diagram.ceilings(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """Exponents of the exact ceiling at huge d against the formula, in the middle of every region; regions in view."""
    off, seen = 0.0, set()
    for beta in dataset["beta"].values.tolist():
        plane = dataset.sel(beta=beta)
        for region in phase_diagram.COLOURS:
            here = plane["region"] == region
            if not here.any():
                continue
            seen.add(region)
            alpha, delta = (float(plane[name].where(here).mean()) for name in ("alpha", "delta"))
            formula = float(plane["frontier_exponent"].sel(alpha=alpha, delta=delta, method="nearest"))
            point = plane.sel(alpha=alpha, delta=delta, method="nearest")
            off = max(off, abs(_exponent(float(point["alpha"]), beta, float(point["delta"])) - formula))
    return [
        Check("largest distance of exponents from the formula", off, high=0.02),
        Check("regions in view", len(seen), low=6.0, high=6.0),
    ]


def _exponent(alpha: float, beta: float, delta: float) -> float:
    """-d log(critical learning rate)/d log d."""
    ceilings = []
    for d in FAR:
        problem, optimizer = Scaling(alpha, beta, delta).at(d)
        ceilings.append(stability.critical_learning_rate(problem, optimizer.eps))
    return -math.log(ceilings[1] / ceilings[0]) / math.log(FAR[1] / FAR[0])


if __name__ == "__main__":
    experiment.script(__file__)
