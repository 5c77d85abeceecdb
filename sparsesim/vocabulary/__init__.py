"""Token frequencies under one momentum: which tokens it serves, and which it does not."""

from sparsesim.vocabulary.advice import Advice, Choice, Losses, advise
from sparsesim.vocabulary.conflict import NEAR, Share, Summary, spectral_conflict, summary
from sparsesim.vocabulary.counts import Fit, Vocabulary
from sparsesim.vocabulary.reading import read_counts, read_text
from sparsesim.vocabulary.sparsity import changes, preserving_size

__all__ = [
    "NEAR",
    "Advice",
    "Choice",
    "Fit",
    "Losses",
    "Share",
    "Summary",
    "Vocabulary",
    "advise",
    "changes",
    "preserving_size",
    "read_counts",
    "read_text",
    "spectral_conflict",
    "summary",
]
