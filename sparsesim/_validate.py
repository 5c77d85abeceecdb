"""Checks on values that a user passes in.

Each returns the checked value as a plain Python number and raises `ValueError` with the argument's name,
the value and the allowed range, so that every entry point complains in the same words.
"""

import math
from collections.abc import Iterable, Mapping
from numbers import Integral, Real

import numpy as np
from numpy.typing import ArrayLike

CLOCKS = ("minibatch", "active", "poisson")
ROUNDING = 1e-9  # by how much a start may miss its inequality, relatively: a start is often the end of another run


def real(name: str, value: object, allowed: str = "a finite number", *, low: float = -math.inf,
         high: float = math.inf, open_low: bool = False) -> float:  # fmt: skip
    """A finite float in [low, high], or (low, high] with `open_low`."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    number = float(value)
    if not math.isfinite(number) or not low <= number <= high or (open_low and number == low):
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return number


def numbers(name: str, values: ArrayLike, allowed: str = "a finite number", *, low: float = -math.inf,
            high: float = math.inf, open_low: bool = False, open_high: bool = False) -> np.ndarray:  # fmt: skip
    """Finite floats between `low` and `high`, which belong to the range unless it is open there, of any shape."""
    array = np.asarray(values)
    if array.dtype.kind not in "iuf":
        raise ValueError(f"{name} must be {allowed}, got {values!r}")
    array = array.astype(np.float64)
    bad = ~np.isfinite(array) | (array < low) | (array > high) | (open_low & (array == low))
    bad |= open_high & (array == high)
    if bad.any():
        raise ValueError(f"{name} must be {allowed}, got {array[bad].flat[0]}")
    return array


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
    number = int(value)  # pyright: ignore[reportArgumentType]  # not trunc: NumPy's integers lack it
    if number < low:
        raise ValueError(f"{name} must be {allowed}, got {value!r}")
    return number


def choice(name: str, value: object, options: Iterable[str]) -> str:
    """One of a few words."""
    options = tuple(options)
    if not isinstance(value, str) or value not in options:
        raise ValueError(f"{name} must be one of {', '.join(options)}, got {value!r}")
    return value


def start_moments(start: Mapping[str, float] | None, d: int, signal: Iterable[str] = ()) -> tuple[float, ...]:
    """The moments at time 0 from a mapping by name: those of `signal`, then (R, V, C) = (|e|^2, |m|^2, <e, m>).

    Those of the signal are any numbers, 0 by default; R = 1, V = 0 and C = 0 by default.

    Raises:
        ValueError: an unknown name, a value that is not finite, R or V below 0, or no vectors in dimension `d` with
            these moments: C^2 <= R V always, C^2 = R V on a line, and R = V = C = 0 in no dimension at all.
    """
    signal = tuple(signal)
    names = (*signal, "R", "V", "C")
    if start is not None and not isinstance(start, Mapping):
        raise ValueError(f"start must be a mapping from {', '.join(names)} to numbers, or None, got {start!r}")
    given = dict(start or {})
    for name in given:
        choice("a name in start", name, names)
    along = tuple(real(f"start[{name!r}]", given.get(name, 0.0)) for name in signal)
    R = non_negative("start['R']", given.get("R", 1.0))
    V = non_negative("start['V']", given.get("V", 0.0))
    C = real("start['C']", given.get("C", 0.0))
    if d == 0 and (R, V, C) != (0.0, 0.0, 0.0):
        raise ValueError(
            f"start must have R = V = C = 0 when d = 1, where nothing is across the signal, got R = {R!r}, V = {V!r}, "
            f"C = {C!r}"
        )
    bound = math.sqrt(R) * math.sqrt(V)
    if abs(C) > bound * (1.0 + ROUNDING):
        raise ValueError(f"start must have C^2 <= R V, got R = {R!r}, V = {V!r}, C = {C!r}")
    if d == 1 and abs(C) < bound * (1.0 - ROUNDING):
        where = f"d = {d + 1}" if signal else "d = 1"
        raise ValueError(f"start must have C^2 = R V when {where}, got R = {R!r}, V = {V!r}, C = {C!r}")
    return (*along, R, V, C)


def clock_times(times: ArrayLike, clock: str) -> np.ndarray:
    """Increasing times on a clock: int64 counts on the minibatch and active clocks, float64 on the Poisson clock.

    Raises:
        ValueError: an unknown clock, no times at all, or times that are not finite, negative, not strictly
            increasing or, on a clock that counts, not whole.
    """
    choice("clock", clock, CLOCKS)
    try:
        values = np.asarray(times)
    except ValueError:  # rows of unequal length
        values = np.asarray(None)
    if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iuf":
        raise ValueError(f"times must be a sequence of at least one number, got {times!r}")
    for complaint, bad in (
        ("finite", ~np.isfinite(values)),
        ("0 or above", values < 0),
        ("strictly increasing", np.concatenate([[False], values[1:] <= values[:-1]])),
    ):
        if bad.any():
            raise ValueError(f"times must be {complaint}, got {values[bad][0]} at position {int(bad.argmax())}")
    if clock == "poisson":
        return values.astype(np.float64)
    bad = values >= 2.0**63 if values.dtype.kind != "f" else (values >= 2.0**63) | (values != np.floor(values))
    if bad.any():
        allowed = f"whole numbers below 2^63 on the {clock} clock"
        raise ValueError(f"times must be {allowed}, got {values[bad][0]} at position {int(bad.argmax())}")
    return values.astype(np.int64)
