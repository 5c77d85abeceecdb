"""Points that claims are judged at: one in every region, and random ones."""

from collections.abc import Iterator

import numpy as np

from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.scaling import Scaling
from sparsesim.theory import stability

# Exponents (alpha, beta, delta) inside every region, and on every boundary.
REGIONS = {
    "A": (0.25, 1.5, 0.5),
    "B": (0.3, 0.5, 0.4),
    "C": (0.3, 0.5, 1.2),
    "D": (0.8, 0.3, 0.2),
    "E": (0.8, 0.3, 0.8),
    "F": (0.8, 0.3, 2.0),
}
BOUNDARIES = {
    "noise-line": (0.25, 1.25, 0.5),
    "resonance-dense": (0.3, 0.5, 0.8),
    "resonance-sparse": (0.8, 0.3, 1.5),
    "triple-point": (0.5, 0.5, 1.0),
    "dense-sparse-above": (0.5, 0.5, 1.5),
    "dense-sparse-below": (0.5, 0.5, 0.5),
}
WHERE = {**REGIONS, **BOUNDARIES}
# B is a whole number: with sparse batches 1/B of rounding is left, and exponents are read where it is small.
DIMENSIONS = (10**8, 10**10, 10**12)
PREFACTORS = {"c_eta": 0.8}  # inside the frontier everywhere


def scaling(where: str, **changes: float) -> Scaling:
    """That of a region or boundary."""
    alpha, beta, delta = WHERE[where]
    return Scaling(**{"alpha": alpha, "beta": beta, "delta": delta, **PREFACTORS, **changes})


def cells(where: str, **changes: float) -> list[tuple[LeastSquares, HeavyBall]]:
    """A problem and an optimizer at each of the dimensions."""
    return [scaling(where, **changes).at(d) for d in DIMENSIONS]


def random_cells(count: int, seed: int, stable: bool = True) -> Iterator[tuple[LeastSquares, HeavyBall]]:
    """Problems and optimizers over the whole range of parameters; stable ones, or on both sides of the frontier."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        d, B = int(10 ** rng.uniform(0, 6)), int(10 ** rng.uniform(0, 5))
        p, eps = float(10 ** rng.uniform(-5, 0)), float(10 ** rng.uniform(-5, 0))
        problem = LeastSquares(d, p, B)
        multiple = rng.uniform(0.01, 0.99) if stable else 10 ** rng.uniform(-1.5, 1.0)
        yield problem, HeavyBall(multiple * stability.critical_learning_rate(problem, eps), eps)
