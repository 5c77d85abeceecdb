"""Claims: what the paper and later work say, each with a judge that computes whether it is so.

A claim is one sentence in this project's words and notation. Its judge computes evidence and returns a verdict with the
numbers that it rests on. The registry is `experiments/claims`, one module a section; `make claims` prints all.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

HOLDS = "holds"  # an identity, proved or checked to rounding
LIMIT = "holds in the limit"  # approached at a measured rate
BOUNDS = "holds within bounds"  # measured, and inside what the statement allows
FALSE = "false"  # with a counterexample
LOOSE = "loosely worded"  # true as meant, false as it stands; the correction says what is meant
DEFINITION = "definition"  # a name, which this project uses or renames
VERDICTS = (HOLDS, LIMIT, BOUNDS, FALSE, LOOSE, DEFINITION)
SCALES = ("smoke", "full")
SETTLED = 0.1  # an exponent that still changes by more has not been read
SIGMAS = 4.0  # standard errors that a measured exponent or mean may be away: one false alarm in 16,000


class Judged(NamedTuple):
    """What a judge found."""

    verdict: str
    numbers: Mapping[str, float]  # by what they are, in words
    computed: str  # what was computed, in a sentence


@dataclass(frozen=True)
class Claim:
    """A statement, who judges it, and what was found when it was entered.

    Args:
        number: as the paper numbers it, with a part where it has several: "Proposition 2 (below resonance)"; of later
            work what it is about.
        statement: one sentence.
        judge: called with the scale, "smoke" (seconds) or "full"; deterministic.
        expected: the verdict. Another one is an alarm.
        tolerance: how near is near enough, and why.
        correction: the corrected statement; of every claim that is false or loosely worded.
        figure: that shows it, such as "fig07".
        later: whether it is of later work, not of the paper.

    Raises:
        ValueError: the verdict is none, or what is false or loosely worded has no correction.
    """

    number: str
    statement: str
    judge: Callable[[str], Judged] = field(repr=False)
    expected: str
    tolerance: str
    correction: str = ""
    figure: str = ""
    later: bool = False

    def __post_init__(self) -> None:
        if self.expected not in VERDICTS:
            raise ValueError(f"expected must be one of {', '.join(VERDICTS)}, got {self.expected!r}")
        if (self.expected in (FALSE, LOOSE)) != bool(self.correction):
            raise ValueError(f"correction must be given where a claim is false or loosely worded, of {self.number}")


def later(
    number: str, statement: str, judge: Callable[[str], Judged], expected: str, tolerance: str, figure: str = ""
) -> Claim:
    """A claim of later work."""
    return Claim(number, statement, judge, expected, tolerance, figure=figure, later=True)


def identity(errors: Mapping[str, float], tolerance: float, computed: str) -> Judged:
    """HOLDS if all relative errors are within the tolerance, else FALSE; NaN is an error.

    Raises:
        ValueError: there is none: nothing was compared.
    """
    if not errors:
        raise ValueError("errors must not be empty")
    good = all(abs(error) <= tolerance for error in errors.values())
    return Judged(HOLDS if good else FALSE, errors, computed)


def proof(proofs: Sequence[Callable[[], None]], computed: str) -> Judged:
    """HOLDS if proofs in exact arithmetic go through, FALSE if one is refuted."""
    from sparsesim.theory.proofs.check import Refuted

    try:
        for prove in proofs:
            prove()
    except Refuted:
        return Judged(FALSE, {"steps refuted": 1.0}, computed)
    return Judged(HOLDS, {"steps refuted": 0.0}, computed)


def slope(x: Sequence[float] | np.ndarray, y: Sequence[float] | np.ndarray) -> tuple[float, float]:
    """The exponent q of y ~ x^q between the two largest x, and how much it still changes: an estimate of its error.

    Deterministic sequences have no noise; what they have is a next order, of which the change of local slopes tells.

    Raises:
        ValueError: there are fewer than three.
    """
    if len(x) < 3:
        raise ValueError(f"x must have at least three sizes, got {len(x)}")
    log_x, log_y = np.log(np.asarray(x, dtype=float)), np.log(np.abs(np.asarray(y, dtype=float)))
    local = np.diff(log_y) / np.diff(log_x)
    return float(local[-1]), float(abs(local[-1] - local[-2]))


def approach(
    dimensions: Sequence[float] | np.ndarray, errors: Sequence[float] | np.ndarray, predicted: float, computed: str,
    within: float = 0.05,
) -> Judged:  # fmt: skip
    """LIMIT if errors fall with the dimension, by the predicted power of it, else FALSE.

    Args:
        dimensions: increasing.
        errors: of each.
        predicted: the exponent, below 0; NaN where theory names none, and any below -0.1 does.
        computed: see `Judged`.
        within: how far the last local exponent may be away, beside twice what it still changes.
    """
    measured, change = slope(dimensions, errors)
    falls = bool(np.all(np.diff(np.abs(np.asarray(errors))) < 0.0))
    near = measured < -0.1 if math.isnan(predicted) else _near(measured, change, predicted, within)
    numbers = {"exponent": measured, "its change": change, "last error": float(np.abs(errors[-1]))}
    if not math.isnan(predicted):
        numbers["predicted exponent"] = predicted
    return Judged(LIMIT if falls and near else FALSE, numbers, computed)


def exponent(
    dimensions: Sequence[float] | np.ndarray, values: Sequence[float] | np.ndarray, predicted: float, computed: str,
    within: float = 0.02,
) -> Judged:  # fmt: skip
    """LIMIT if a quantity goes like the predicted power of the dimension, else FALSE; see `approach`."""
    measured, change = slope(dimensions, values)
    good = _near(measured, change, predicted, within)
    numbers = {"exponent": measured, "predicted exponent": predicted, "its change": change}
    return Judged(LIMIT if good else FALSE, numbers, computed)


def _near(measured: float, change: float, predicted: float, within: float) -> bool:
    """Whether an exponent is the predicted one; one that has not settled is none."""
    return change <= SETTLED and abs(measured - predicted) <= within + 2.0 * change


def bounded(value: float, low: float, high: float, what: str, computed: str) -> Judged:
    """BOUNDS if a value lies within, else FALSE."""
    ends = {name: end for name, end in (("at least", low), ("at most", high)) if math.isfinite(end)}
    return Judged(BOUNDS if low <= value <= high else FALSE, {what: value, **ends}, computed)


def within(value: float, low: float, high: float, what: str) -> Judged:
    """HOLDS if a value is between two others: a condition beside what a claim is about."""
    return Judged(HOLDS if low <= value <= high else FALSE, {what: value}, "")


def scored(z: Mapping[str, float], computed: str, sigmas: float = SIGMAS) -> Judged:
    """BOUNDS if no simulated mean is further than so many standard errors from what is claimed, else FALSE."""
    good = all(abs(one) <= sigmas for one in z.values())
    return Judged(BOUNDS if good else FALSE, {**z, "at most": sigmas}, computed)


def counterexample(refuted: bool, numbers: Mapping[str, float], computed: str, otherwise: str = HOLDS) -> Judged:
    """FALSE if what was computed contradicts the claim, else `otherwise`."""
    return Judged(FALSE if refuted else otherwise, numbers, computed)


def loose(as_meant: bool, as_worded: bool, numbers: Mapping[str, float], computed: str) -> Judged:
    """LOOSE if a claim is so as it is meant and not as it is worded; HOLDS if it is so both ways, else FALSE."""
    verdict = FALSE if not as_meant else HOLDS if as_worded else LOOSE
    return Judged(verdict, numbers, computed)


def definition(computed: str, numbers: Mapping[str, float] | None = None) -> Judged:
    """A name, with where this project has it."""
    return Judged(DEFINITION, numbers or {}, computed)


def combined(parts: Sequence[Judged], computed: str) -> Judged:
    """One verdict of several parts: FALSE if any is, else the weakest of theirs; with the numbers of all."""
    order = (FALSE, LOOSE, BOUNDS, LIMIT, HOLDS, DEFINITION)
    numbers: dict[str, float] = {}
    for place, part in enumerate(parts, start=1):
        for name, value in part.numbers.items():
            numbers[name if name not in numbers else f"{name} ({place})"] = value
    return Judged(min((part.verdict for part in parts), key=order.index), numbers, computed)
