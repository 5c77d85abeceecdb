"""Token frequencies under one momentum: which tokens it serves, and which it does not."""

from sparsesim.vocabulary.advice import Advice, Choice, Losses, advise, preserving_size
from sparsesim.vocabulary.conflict import Summary, spectral_conflict, summary
from sparsesim.vocabulary.counts import Fit, Vocabulary
from sparsesim.vocabulary.reading import read_counts, read_text

__all__ = [
    "Advice",
    "Choice",
    "Fit",
    "Losses",
    "Summary",
    "Vocabulary",
    "advise",
    "preserving_size",
    "read_counts",
    "read_text",
    "spectral_conflict",
    "summary",
]
