"""Momentum SGD under sparse gradients: exact simulation, exact theory, and the comparison of the two."""

from sparsesim.comparison import compare
from sparsesim.problems import HeavyBall, LeastSquares, RareClassLogistic
from sparsesim.scaling import Scaling
from sparsesim.simulation.datasets import simulate, simulate_cells

__all__ = ["HeavyBall", "LeastSquares", "RareClassLogistic", "Scaling", "compare", "simulate", "simulate_cells"]
