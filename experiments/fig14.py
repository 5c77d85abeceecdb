"""Region D: sparse batches, memoryless.

Momentum does not live from one active minibatch to the next: every update is one of SGD, late.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
