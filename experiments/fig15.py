"""Region E: sparse batches, below resonance.

Momentum lives for some active minibatches and less long than learning takes: SGD with its noise.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
