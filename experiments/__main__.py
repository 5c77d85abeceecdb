"""The figures, from the command line: `python -m experiments`."""

from pathlib import Path

from sparsesim import experiment

experiment.main(Path(__file__).parent)
