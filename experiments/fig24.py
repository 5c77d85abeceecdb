"""Logistic regression, noise floor below resonance.

The noise of labels lifts R to a floor that stays as d grows.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
