"""Momentum SGD under sparse gradients: exact simulation, exact theory, and the comparison of the two."""

from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.scaling import Scaling

__all__ = ["HeavyBall", "LeastSquares", "Scaling"]
