"""Resonance line, dense batches.

On resonance momentum and noise act together: the limit keeps all three moments and the feedback of noise into V.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
