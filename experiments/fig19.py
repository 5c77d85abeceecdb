"""alpha = beta, above resonance.

A fixed share of the minibatches is active; a heavy ball without noise, in time that this share slows down.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
