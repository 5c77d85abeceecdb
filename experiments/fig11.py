"""Region A: concentrated batches, above resonance.

Batches are so large that their noise vanishes: R, V/p^2 and C/p of the main ODE fall onto a heavy ball without noise,
which oscillates.
"""

from sparsesim import experiment
from sparsesim.experiment import check_limit as checks
from sparsesim.experiment import draw_limit as draw

__all__ = ["checks", "draw"]

if __name__ == "__main__":
    experiment.script(__file__)
