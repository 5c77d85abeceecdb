"""Powers and exponentials of small linear systems, in doubles, without losing slow rates.

    discrete:     x[n+1] = (U + A) x[n] + f             continuous:     dx/dt = A x + f

At d = 1e12 one system moves at rates of order 1 and of 1e-18 at once, and the slow one decides the answer. Adding the
identity to A would round it away. Every power is therefore held as

    2^e (D + X),      (D + X)^2 = D + (D X + X D + X^2),

where D is a diagonal of zeros and ones: an entry of the diagonal is known by its difference from one until it has left
one (|X_ii| > 1/2), and by itself from then on. So a slow rate keeps its digits while it is small, and a decayed value
keeps its digits after. The exponent e carries powers of unstable or dead systems beyond the range of a float; results
beyond it become +-inf or 0, and never nan.

Vectors at all times are advanced together, through the binary digits of their counts, and so are many systems: leading
axes of A are theirs. A forcing f is one more variable, the constant 1.
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
        A: (..., n, n), the map minus U, given without cancellation.
        x0: (n,), the state at count 0, or (..., n).
        counts: (time,), whole numbers, 0 or above, or (..., time), each system's own.
        forcing: (n,) or (..., n), f; None is none.
        unit: (n,) or (..., n), the diagonal of U; None is ones, A then being the map minus the identity.

    Returns:
        (..., time, n). Values beyond the range of a float are +-inf or 0.
    """
    system = _System.of(A, x0, forcing, unit)
    counts = np.asarray(counts)
    vectors = system.start(counts.shape[-1])
    return system.restored(_advanced(vectors, _Power.of(system.unit, system.A), counts))


def continuous(A: ArrayLike, x0: ArrayLike, times: ArrayLike, forcing: ArrayLike | None = None) -> np.ndarray:
    """x(t) for dx/dt = A x + f.

    A time is n h + r, exactly: h is the largest power of two with |A| h <= 1/2, n is whole and 0 <= r < h.

    Args:
        A: (..., n, n).
        x0: (n,), the state at time 0, or (..., n).
        times: (time,), 0 or above, or (..., time), each system's own.
        forcing: (n,) or (..., n), f; None is none.

    Returns:
        (..., time, n). Values beyond the range of a float are +-inf or 0.
    """
    system = _System.of(A, x0, forcing, None)
    times = np.asarray(times, dtype=np.float64)
    halvings = np.frexp(np.abs(system.A).sum(axis=-1).max(axis=-1))[1].astype(np.int64) + 1
    with np.errstate(over="ignore"):
        scaled = np.minimum(np.ldexp(times, halvings[..., None]), 2.0**1000)
    whole = np.floor(scaled)
    generator = np.ldexp(system.A, -halvings[..., None, None])
    transposed = np.swapaxes(generator, -1, -2)

    vectors = system.start(times.shape[-1])
    term = total = vectors.mantissa
    for k in range(1, TERMS + 1):
        term = term @ transposed * ((scaled - whole) / k)[..., None]
        total = total + term
    vectors = _Vectors.normal(total, vectors.exponent)

    term = increment = generator
    for k in range(2, TERMS + 1):
        term = term @ generator / k
        increment = increment + term
    return system.restored(_advanced(vectors, _Power.of(system.unit, increment), whole))


def _advanced(vectors: _Vectors, power: _Power, counts: np.ndarray) -> _Vectors:
    """Each vector multiplied by its own power of its matrix; counts are whole, in integers or in floats."""
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
    """Matrices 2^exponent (diag(unit) + rest); unit is zero wherever the exponent is not."""

    unit: np.ndarray  # (..., n)
    rest: np.ndarray  # (..., n, n)
    exponent: np.ndarray  # (...)

    @classmethod
    def of(cls, unit: np.ndarray, rest: np.ndarray, exponent: np.ndarray | int = 0) -> _Power:
        left = (unit != 0.0) & (np.abs(rest.diagonal(axis1=-2, axis2=-1)) > 0.5)
        largest = np.frexp(np.abs(rest).max(axis=(-2, -1)))[1].astype(np.int64)
        # Beside so much growth a slow rate is nothing.
        left = np.where((largest > LARGE)[..., None], unit != 0.0, left)
        if left.any():
            rest = rest + left[..., None] * np.eye(unit.shape[-1])
            unit = np.where(left, 0.0, unit)
        shift = np.where(~unit.any(axis=-1) & (np.abs(largest) > LARGE), largest, 0)
        if shift.any():
            rest = np.ldexp(rest, -shift[..., None, None])
        return cls(unit, rest, np.clip(exponent + shift, -BEYOND, BEYOND))

    def squared(self) -> _Power:
        D, X = self.unit, self.rest
        return _Power.of(D, D[..., :, None] * X + X * D[..., None, :] + X @ X, 2 * self.exponent)

    def applied(self, vectors: _Vectors, where: np.ndarray) -> _Vectors:
        v = vectors.mantissa
        moved = self.unit[..., None, :] * v + v @ np.swapaxes(self.rest, -1, -2)
        exponent = vectors.exponent + np.where(where, self.exponent[..., None], 0)
        return _Vectors.normal(np.where(where[..., None], moved, v), exponent)


@dataclass(frozen=True)
class _Vectors:
    """Rows 2^exponent * mantissa: (..., time, n) with the largest entry of a row about 1, and (..., time)."""

    mantissa: np.ndarray
    exponent: np.ndarray

    @classmethod
    def normal(cls, values: np.ndarray, exponent: np.ndarray) -> _Vectors:
        largest = np.frexp(np.abs(values).max(axis=-1))[1]
        return cls(np.ldexp(values, -largest[..., None]), np.clip(exponent + largest, -BEYOND, BEYOND))


@dataclass(frozen=True)
class _System:
    """Systems in balanced variables y, x = 2^scale y; where there is a forcing the last variable is the constant 1."""

    A: np.ndarray  # (..., n, n), in y
    x0: np.ndarray  # (..., n), in x
    unit: np.ndarray  # (..., n)
    scale: np.ndarray  # (..., n)
    size: int  # of the state, without the constant

    @classmethod
    def of(cls, A: ArrayLike, x0: ArrayLike, forcing: ArrayLike | None, unit: ArrayLike | None) -> _System:
        A, x0 = np.asarray(A, dtype=np.float64), np.asarray(x0, dtype=np.float64)
        size, systems = A.shape[-1], A.shape[:-2]
        x0 = np.broadcast_to(x0, (*systems, size))
        unit = np.broadcast_to(np.asarray(1.0 if unit is None else unit, dtype=np.float64), (*systems, size))
        if forcing is not None:
            bordered = np.zeros((*systems, size + 1, size + 1))
            bordered[..., :size, :size], bordered[..., :size, size] = A, forcing
            one = np.ones((*systems, 1))
            A, x0, unit = bordered, np.concatenate([x0, one], axis=-1), np.concatenate([unit, one], axis=-1)
        scale = _balance(A)
        balanced = np.ldexp(A, scale[..., None, :] - scale[..., :, None])
        return cls(balanced, x0, unit, scale, size)

    def start(self, times: int) -> _Vectors:
        largest = np.frexp(np.abs(self.x0).max(axis=-1))[1].astype(np.int64)
        rows = np.ldexp(self.x0, -self.scale - largest[..., None])[..., None, :]
        shape = (*self.x0.shape[:-1], times)
        return _Vectors.normal(
            np.broadcast_to(rows, (*shape, self.x0.shape[-1])), np.broadcast_to(largest[..., None], shape)
        )

    def restored(self, vectors: _Vectors) -> np.ndarray:
        exponent = np.clip(vectors.exponent[..., None] + self.scale[..., None, :], -4000, 4000)
        with np.errstate(over="ignore", under="ignore"):
            return np.ldexp(vectors.mantissa, exponent)[..., : self.size]


def _balance(A: np.ndarray) -> np.ndarray:
    """Exponents of two that bring each row of A near its column in size, diagonal apart (Osborne's iteration).

    Powers of two round nothing: balancing only makes the norm of A honest. A variable that is only driven, or that only
    drives, is scaled until its largest entry is about 1.
    """
    size = A.shape[-1]
    off = np.abs(A) * (1.0 - np.eye(size))
    scale = np.zeros(A.shape[:-1], dtype=np.int64)
    for _ in range(10):
        before = scale.copy()
        for i in range(size):
            row, column = off[..., i, :].max(axis=-1), off[..., :, i].max(axis=-1)
            # Where there is none it counts as one, which leaves the other alone.
            logs = [np.log2(np.where(values > 0.0, values, 1.0)) for values in (row, column)]
            halves = np.where((row > 0.0) & (column > 0.0), 2.0, 1.0)
            wanted = scale[..., i] + np.rint((logs[0] - logs[1]) / halves).astype(np.int64)
            shift = np.clip(wanted, -1000, 1000) - scale[..., i]
            scale[..., i] += shift
            off[..., :, i] = np.ldexp(off[..., :, i], shift[..., None])
            off[..., i, :] = np.ldexp(off[..., i, :], -shift[..., None])
        if (scale == before).all():
            break
    return scale
