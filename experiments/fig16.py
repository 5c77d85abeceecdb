"""Region F: sparse batches, above resonance.

Momentum outlives learning although updates are rare: a heavy ball without noise. Where learning takes too many updates
a simulation ends early, and a mark shows where.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
