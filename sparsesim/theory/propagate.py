"""Powers and exponentials of small linear systems, in doubles, without losing slow rates.

    discrete:     x[n+1] = (U + A) x[n] + f             continuous:     dx/dt = A x + f

At d = 1e12 one system moves at rates of order 1 and of 1e-18 at once, and the slow one decides the answer. Adding the
identity to A would round it away. Every power is therefore held as

    2^e (D + X),      (D + X)^2 = D + (D X + X D + X^2),

where D is a diagonal of zeros and ones: an entry of the diagonal is known by its difference from one until it has left
one (|X_ii| > 1/2), and by itself from then on. So a slow rate keeps its digits while it is small, and a decayed value
keeps its digits after. The exponent e carries powers of unstable or dead systems beyond the range of a float; results
beyond it become +-inf or 0, and never nan.

Vectors at all times are advanced together, through the binary digits of their counts. A forcing f is one more variable,
the constant 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

TERMS = 18  # of a Taylor series at norm 1/2: the remainder is below 1e-22
LARGE = 200  # an exponent of two: entries beyond 2^+-LARGE are rescaled; their products stay finite
BEYOND = 1 << 40  # an exponent of two that no later product brings back into the range of a float


def discrete(
    A: ArrayLike,
    x0: ArrayLike,
    counts: ArrayLike,
    forcing: ArrayLike | None = None,
    *,
    unit: ArrayLike | None = None,
) -> np.ndarray:
    """x[n] for x[n+1] = (U + A) x[n] + f, U a diagonal of zeros and ones.

    Args:
        A: (n, n), the map minus U, given without cancellation.
        x0: (n,), the state at count 0.
        counts: (time,), whole numbers, 0 or above.
        forcing: (n,), f; None is none.
        unit: (n,), the diagonal of U; None is ones, A then being the map minus the identity.

    Returns:
        (time, n). Values beyond the range of a float are +-inf or 0.
    """
    system = _System.of(A, x0, forcing, unit)
    counts = np.asarray(counts)
    vectors = system.start(len(counts))
    return system.restored(_advanced(vectors, _Power.of(system.unit, system.A), counts))


def continuous(A: ArrayLike, x0: ArrayLike, times: ArrayLike, forcing: ArrayLike | None = None) -> np.ndarray:
    """x(t) for dx/dt = A x + f.

    A time is n h + r, exactly: h is the largest power of two with |A| h <= 1/2, n is whole and 0 <= r < h.

    Args:
        A: (n, n).
        x0: (n,), the state at time 0.
        times: (time,), 0 or above.
        forcing: (n,), f; None is none.

    Returns:
        (time, n). Values beyond the range of a float are +-inf or 0.
    """
    system = _System.of(A, x0, forcing, None)
    times = np.asarray(times, dtype=np.float64)
    halvings = int(np.frexp(np.abs(system.A).sum(axis=1).max())[1]) + 1
    with np.errstate(over="ignore"):
        scaled = np.minimum(np.ldexp(times, halvings), 2.0**1000)
    whole = np.floor(scaled)
    generator = np.ldexp(system.A, -halvings)

    vectors = system.start(len(times))
    term = total = vectors.mantissa
    for k in range(1, TERMS + 1):
        term = term @ generator.T * ((scaled - whole) / k)[:, None]
        total = total + term
    vectors = _Vectors.normal(total, vectors.exponent)

    term = increment = generator
    for k in range(2, TERMS + 1):
        term = term @ generator / k
        increment = increment + term
    return system.restored(_advanced(vectors, _Power.of(system.unit, increment), whole))


def _advanced(vectors: _Vectors, power: _Power, counts: np.ndarray) -> _Vectors:
    """Each vector multiplied by its own power of one matrix; counts are whole, in integers or in floats."""
    while counts.any():
        odd = counts % 2 == 1
        if odd.any():
            vectors = power.applied(vectors, odd)
        counts = counts // 2
        if counts.any():
            power = power.squared()
    return vectors


@dataclass(frozen=True)
class _Power:
    """The matrix 2^exponent (diag(unit) + rest); unit is zero wherever the exponent is not."""

    unit: np.ndarray
    rest: np.ndarray
    exponent: int

    @classmethod
    def of(cls, unit: np.ndarray, rest: np.ndarray, exponent: int = 0) -> _Power:
        left = (unit != 0.0) & (np.abs(rest.diagonal()) > 0.5)
        largest = int(np.frexp(np.abs(rest).max())[1])
        if largest > LARGE:  # beside so much growth a slow rate is nothing
            left = unit != 0.0
        if left.any():
            rest = rest + np.diag(np.where(left, 1.0, 0.0))
            unit = np.where(left, 0.0, unit)
        if not unit.any() and abs(largest) > LARGE:
            rest = np.ldexp(rest, -largest)
            exponent = min(max(exponent + largest, -BEYOND), BEYOND)
        return cls(unit, rest, exponent)

    def squared(self) -> _Power:
        D, X = self.unit, self.rest
        return _Power.of(D, D[:, None] * X + X * D + X @ X, 2 * self.exponent)

    def applied(self, vectors: _Vectors, where: np.ndarray) -> _Vectors:
        v = vectors.mantissa
        moved = np.where(where[:, None], self.unit * v + v @ self.rest.T, v)
        return _Vectors.normal(moved, vectors.exponent + np.where(where, self.exponent, 0))


@dataclass(frozen=True)
class _Vectors:
    """Rows 2^exponent * mantissa: (time, n) with the largest entry of a row about 1, and (time,)."""

    mantissa: np.ndarray
    exponent: np.ndarray

    @classmethod
    def normal(cls, values: np.ndarray, exponent: np.ndarray) -> _Vectors:
        largest = np.frexp(np.abs(values).max(axis=1))[1]
        return cls(np.ldexp(values, -largest[:, None]), np.clip(exponent + largest, -BEYOND, BEYOND))


@dataclass(frozen=True)
class _System:
    """A system in balanced variables y, x = 2^scale y; where there is a forcing its last variable is the constant 1."""

    A: np.ndarray  # in y
    x0: np.ndarray  # in x
    unit: np.ndarray
    scale: np.ndarray
    size: int  # of the state, without the constant

    @classmethod
    def of(cls, A: ArrayLike, x0: ArrayLike, forcing: ArrayLike | None, unit: ArrayLike | None) -> _System:
        A, x0 = np.asarray(A, dtype=np.float64), np.asarray(x0, dtype=np.float64)
        size = len(x0)
        unit = np.ones(size) if unit is None else np.asarray(unit, dtype=np.float64)
        if forcing is not None:
            A = np.vstack([np.column_stack([A, np.asarray(forcing, dtype=np.float64)]), np.zeros(size + 1)])
            x0, unit = np.append(x0, 1.0), np.append(unit, 1.0)
        scale = _balance(A)
        balanced = np.ldexp(A, scale[None, :] - scale[:, None])
        return cls(balanced, x0, unit, scale, size)

    def start(self, times: int) -> _Vectors:
        largest = int(np.frexp(np.abs(self.x0).max())[1])
        rows = np.tile(np.ldexp(self.x0, -self.scale - largest), (times, 1))
        return _Vectors.normal(rows, np.full(times, largest, dtype=np.int64))

    def restored(self, vectors: _Vectors) -> np.ndarray:
        exponent = np.clip(vectors.exponent[:, None] + self.scale, -4000, 4000)
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(vectors.mantissa, exponent)[:, : self.size]


def _balance(A: np.ndarray) -> np.ndarray:
    """Exponents of two that bring each row of A near its column in size, diagonal apart (Osborne's iteration).

    Powers of two round nothing: balancing only makes the norm of A honest. A variable that is only driven, or that only
    drives, is scaled until its largest entry is about 1.
    """
    off = np.abs(A - np.diag(A.diagonal()))
    scale = np.zeros(len(A), dtype=np.int64)
    for _ in range(10):
        before = scale.copy()
        for i in range(len(A)):
            row, column = off[i].max(), off[:, i].max()
            if row == column == 0.0:
                continue
            if row == 0.0:
                shift = -round(np.log2(column))
            elif column == 0.0:
                shift = round(np.log2(row))
            else:
                shift = round((np.log2(row) - np.log2(column)) / 2.0)
            shift = int(np.clip(scale[i] + shift, -1000, 1000)) - int(scale[i])
            scale[i] += shift
            off[:, i], off[i] = np.ldexp(off[:, i], shift), np.ldexp(off[i], -shift)
        if (scale == before).all():
            break
    return scale
