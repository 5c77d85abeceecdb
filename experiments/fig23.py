"""Logistic regression, noise floor above resonance.

The prescribed learning rate shrinks like eps/p, and with it the floor that the noise of labels gives R.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
