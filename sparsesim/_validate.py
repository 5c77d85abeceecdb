"""Checks on values that a user passes in.

Each returns the checked value as a plain Python number and raises `ValueError` with the argument's name,
the value and the allowed range, so that every entry point complains in the same words.
"""

import math
from collections.abc import Iterable
from numbers import Integral, Real


def real(name: str, value: object, allowed: str = "a finite number", *, low: float = -math.inf,
         high: float = math.inf, open_low: bool = False) -> float:  # fmt: skip
    """A finite float in [low, high], or (low, high] with `open_low`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    number = float(value)
    if not math.isfinite(number) or not low <= number <= high or (open_low and number == low):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return number


def positive(name: str, value: object) -> float:
    """A finite float above zero."""
    return real(name, value, "a finite number above 0", low=0.0, open_low=True)


def non_negative(name: str, value: object) -> float:
    """A finite float, zero or above."""
    return real(name, value, "a finite number, 0 or above", low=0.0)


def probability(name: str, value: object) -> float:
    """A float in (0, 1]."""
    return real(name, value, "in (0, 1]", low=0.0, high=1.0, open_low=True)


def whole(name: str, value: object, *, low: int) -> int:
    """An integer of at least `low`; a float that is whole, such as 1e12, counts as one."""
    allowed = f"a whole number, {low} or above"
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    if not isinstance(value, Integral) and not (math.isfinite(value) and float(value).is_integer()):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    if int(value) < low:
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return int(value)


def choice(name: str, value: object, options: Iterable[str]) -> str:
    """One of a few words."""
    options = tuple(options)
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, got {value!r}")
    return value
