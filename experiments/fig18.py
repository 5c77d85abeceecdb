"""Resonance line, sparse batches.

As with dense batches, though updates are rare: on resonance momentum and noise act together, and the limit keeps all
three moments.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
