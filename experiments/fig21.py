"""alpha = beta - 1, where noise changes its character.

At the border of concentrated batches a heavy ball is left whose noise just vanishes.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
