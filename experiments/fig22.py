"""Logistic regression, concentrated batches above resonance.

The five variables fall onto a heavy ball without noise: R, off the signal, has no floor in the limit.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
