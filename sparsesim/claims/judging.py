"""Claims are judged: what came out of each, how long it took, and whether it is what was expected."""

import time
import warnings
from collections.abc import Callable, Iterable
from typing import NamedTuple

import numpy as np

from sparsesim.claims import Judged
from sparsesim.claims.registry import Entry

FAILED = "failed"  # the judge raised


class Outcome(NamedTuple):
    """What became of a claim."""

    entry: Entry
    judged: Judged
    seconds: float

    @property
    def changed(self) -> bool:
        """Whether the verdict is another than expected."""
        return self.judged.verdict != self.entry.claim.expected


def judge(entry: Entry, scale: str) -> Outcome:
    """Judge one claim. A judge that raises has failed: that is no verdict, and an alarm."""
    began = time.perf_counter()
    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            judged = entry.claim.judge(scale)
    except Exception as error:
        judged = Judged(FAILED, {}, f"the judge raised {type(error).__name__}: {error}")
    return Outcome(entry, judged, time.perf_counter() - began)


def judge_all(found: Iterable[Entry], scale: str, each: Callable[[Outcome], None]) -> list[Outcome]:
    """Judge all, in their order; `each` is told of every one."""
    outcomes = []
    for entry in found:
        outcomes.append(judge(entry, scale))
        each(outcomes[-1])
    return outcomes
