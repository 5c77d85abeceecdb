"""Logistic regression, where noise changes its character.

At beta = 1 + alpha, above resonance, the noise of labels just keeps up with what the bulk forgets: the floor of R
vanishes as d grows, like a power of d.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
