"""alpha = beta, below resonance.

A fixed share of the minibatches is active; R alone is left, and decays at a rate that depends on c_p: see figure 7.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
