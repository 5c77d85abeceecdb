"""Where claims are found: the folder `experiments/claims` of a checkout, one module a section."""

import importlib
import inspect
from pathlib import Path
from typing import NamedTuple

from sparsesim.claims import Claim

PLACE = "experiments.claims"


class Entry(NamedTuple):
    """A claim, with the section that it is of and where its judge stands."""

    claim: Claim
    section: str  # the first line of its module's docstring
    location: str  # path:line of the judge, from the top of the checkout


def entries() -> list[Entry]:
    """All claims, in their order.

    Raises:
        ValueError: there is no registry here, or two claims have one number.
    """
    try:
        sections = importlib.import_module(PLACE).SECTIONS
    except ModuleNotFoundError as error:
        raise ValueError("claims must be judged at the top of a checkout, which has experiments/claims") from error
    found = [
        Entry(claim, (inspect.getdoc(module) or "").splitlines()[0].rstrip("."), _location(claim))
        for module in sections
        for claim in module.CLAIMS
    ]
    numbers = [entry.claim.number for entry in found]
    if twice := {number for number in numbers if numbers.count(number) > 1}:
        raise ValueError(f"claims must have numbers of their own, got {', '.join(sorted(twice))} twice")
    return found


def matching(found: list[Entry], words: str) -> list[Entry]:
    """Those whose number begins with the words, in any case, at the end of a word; else those whose number has them."""
    wanted = words.casefold().strip()

    def begins(number: str) -> bool:
        """Whether it is the number, or the number with a part."""
        return number == wanted or (number.startswith(wanted) and not number[len(wanted)].isalnum())

    first = [entry for entry in found if begins(entry.claim.number.casefold())]
    return first or [entry for entry in found if wanted in entry.claim.number.casefold()]


def _location(claim: Claim) -> str:
    judge = inspect.unwrap(claim.judge)
    while hasattr(judge, "func"):  # of a partial
        judge = judge.func
    path = Path(inspect.getsourcefile(judge) or "")
    top = Path(__file__).parents[2]
    shown = path.relative_to(top).as_posix() if path.is_relative_to(top) else str(path)
    return f"{shown}:{inspect.getsourcelines(judge)[1]}"
