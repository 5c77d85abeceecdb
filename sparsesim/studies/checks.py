"""What a study asks of a sweep. Nothing that was asked for is left out in silence."""

import math
from collections.abc import Iterable

from sparsesim.sweep import Sweep

MOST_POINTS = 10**6  # of a plane: more are minutes of work, and finer than any figure


def axes(
    sweep: Sweep, study: str, required: tuple[str, ...], optional: tuple[str, ...] = (), cases: bool = False
) -> None:
    """Check that the axes are those that a study is about, and that there are no `cases` if it is not about them.

    Raises:
        ValueError: an axis is missing or is not one of the study's, there are named cases, or too many points.
    """
    allowed = f"{' and '.join(required)}{''.join(f', and {name} if need be' for name in optional)}"
    if not set(required) <= sweep.axes.keys() or sweep.axes.keys() - {*required, *optional}:
        got = ", ".join(sweep.axes) or "none"
        raise ValueError(f"the axes of the study {study} must be {allowed}, got {got}")
    if sweep.cases and not cases:
        raise ValueError(f"the study {study} must have no cases, got {', '.join(sweep.cases)}")
    points = math.prod(len(values) for values in sweep.axes.values())
    if points > MOST_POINTS:
        raise ValueError(f"the study {study} must have at most {MOST_POINTS} points, got {points}; take fewer values")


def absent(sweep: Sweep, names: Iterable[str], reason: str) -> None:
    """Check that parameters which a study would not heed are not given.

    Raises:
        ValueError: one is.
    """
    for name in names:
        if (value := sweep.parameters.get(name)) is not None:
            raise ValueError(f"{name} must not be given: {reason}, got {value!r}")
