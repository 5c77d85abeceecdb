"""Many steps of the recursion at once, as one polynomial in the step number (docs/logistic.md, section 3).

Over n steps the state is q(k), a polynomial of degree DEGREE in real k with q(0) the state at hand, and

    q(k + 1) - q(k) = change(q(k))

holds at DEGREE values of k, the last of which is n (Radau's points). For many steps this is the method Radau IIA for
differential equations, for any number it is exact where the states are polynomials. It is implicit, so that what dies
out within a few steps costs nothing once it is dead. Where it is alive, or alternates, no polynomial follows it: the
last Chebyshev coefficients of q stay large, the attempt fails, and single steps are left.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.polynomial import chebyshev
from scipy.special import roots_jacobi

from sparsesim.theory.logistic.drift import Cells, changes_and_slopes

DEGREE = 16
TOLERANCE = 1e-12  # of the last two Chebyshev coefficients, relative to the scales of the state
CONVERGED = 1e-8  # a Newton step below it leaves an error of its square
ITERATIONS = 8  # of Newton's method at most
ROUNDING = 1e-14  # coefficients below it do not tell how many more steps one polynomial could follow
GROWTH = 8.0  # between one n and the next at most
RESOLVED = 8.0  # a mode that grows may do so by this many factors e, or radians, within n steps
SLAB = 128  # cells whose linear systems are in memory at once: 50 kB each
TINY = 1e-200  # scales of moments that are zero

POINTS = np.append(roots_jacobi(DEGREE - 1, 1.0, 0.0)[0], 1.0)  # where the recursion holds, in [-1, 1]
TO_COEFFICIENTS = np.linalg.inv(chebyshev.chebvander(np.append(-1.0, POINTS), DEGREE))
BUFFERS = (1, 3)  # m_par and V
KEPT = ((0, 0), (2, 1), (4, 1))  # theta_par, R and C, and which buffer each is driven by
CHECKED = (DEGREE // 2, DEGREE - 1)  # the points at which growing modes are looked for


class Attempt(NamedTuple):
    """What came of n steps in every cell."""

    coefficients: np.ndarray  # (cell, DEGREE + 1, 5): of Chebyshev polynomials on [0, n]
    accepted: np.ndarray  # (cell,)
    factor: np.ndarray  # (cell,): by which to change n next


def attempt(cells: Cells, states: np.ndarray, n: np.ndarray) -> Attempt:
    """The recursion over n steps from every state.

    Args:
        cells: parameters, each (cell,).
        states: (cell, 5), R at least 0.
        n: (cell,), the numbers of steps, at least DEGREE.
    """
    parts = [_attempt(cells[i : i + SLAB], states[i : i + SLAB], n[i : i + SLAB]) for i in range(0, len(n), SLAB)]
    return Attempt(*map(np.concatenate, zip(*parts, strict=True)))


def values(coefficients: np.ndarray, position: np.ndarray) -> np.ndarray:
    """Polynomials (point, DEGREE + 1, 5), each at its own position (point,) in [0, 1] of its n. Returns (point, 5)."""
    basis = chebyshev.chebvander(2.0 * position - 1.0, DEGREE)
    return np.einsum("pi,pim->pm", basis, coefficients)


def _attempt(cells: Cells, states: np.ndarray, n: np.ndarray) -> Attempt:
    differences = _differences(n)
    rates = cells.eps, cells.eps * (2.0 - cells.eps)
    buffers = np.linalg.inv([differences + rate[:, None, None] * np.eye(DEGREE) for rate in rates])
    moved = np.zeros((len(n), DEGREE, 5))  # from the start, at the points
    slopes = np.zeros((len(n), DEGREE, 5, 5))
    scales = np.ones((len(n), 5))
    alive, converged = np.ones(len(n), dtype=bool), np.zeros(len(n), dtype=bool)
    for _ in range(ITERATIONS):
        (left,) = np.nonzero(alive & ~converged)
        if not left.size:
            break
        at = states[left, None] + moved[left]
        at[..., 2] = np.maximum(at[..., 2], 0.0)
        change, slopes[left] = changes_and_slopes(cells[left][:, None], at)
        scales[left] = _scales(cells[left], at, slopes[left])
        residual = change - differences[left] @ moved[left]
        step = _solved(differences[left], buffers[:, left], slopes[left], residual, scales[left])
        moved[left] += step
        converged[left] = (np.abs(step) <= CONVERGED * scales[left, None]).all(axis=(1, 2))
        alive[left] = _in_reach(states[left], moved[left])
    coefficients = TO_COEFFICIENTS[:, 1:] @ moved
    tail = (np.abs(coefficients[:, -2:]).max(axis=1) / scales).max(axis=1)
    factor = 0.8 * (TOLERANCE / np.maximum(tail, TINY)) ** (1.0 / DEGREE)
    factor = np.where(converged, np.where(tail <= ROUNDING, GROWTH, factor), 0.25)
    accepted = converged & (tail <= TOLERANCE)
    room = _room(slopes[:, CHECKED], n)
    accepted &= room >= 1.0
    coefficients[:, 0] += states
    return Attempt(coefficients, accepted, np.minimum(np.minimum(factor, GROWTH), 0.8 * room))


def _differences(n: np.ndarray) -> np.ndarray:
    """q(k+1) - q(k) at the points from q - q(0) at the points: (cell, DEGREE, DEGREE), without cancellation.

    Differences D_i(x) = T_i(x+h) - T_i(x) of Chebyshev polynomials obey their recurrence with 2 h T_i(x+h) more.
    """
    h = (2.0 / n)[:, None]
    T = [np.ones_like(POINTS), POINTS]
    D = [np.zeros((len(n), DEGREE)), np.broadcast_to(h, (len(n), DEGREE))]
    for _ in range(DEGREE - 1):
        D.append(2.0 * POINTS * D[-1] + 2.0 * h * (T[-1] + D[-1]) - D[-2])
        T.append(2.0 * POINTS * T[-1] - T[-2])
    return np.stack(D, axis=-1) @ TO_COEFFICIENTS[:, 1:]


def _scales(cells: Cells, at: np.ndarray, slopes: np.ndarray) -> np.ndarray:
    """What errors are relative to: the largest values on the way, (cell, 5), and natural ones for m_par and C.

    m_par is as large as the gradient of an error as large as theta_par, and C^2 <= R V.
    """
    scales = np.abs(at).max(axis=1)
    scales[:, 0] += cells.r
    curvature = np.abs(slopes[:, :, 1, 0]).max(axis=1) / cells.eps
    scales[:, 1] = np.maximum(scales[:, 1], curvature * scales[:, 0])
    scales[:, 4] = np.maximum(scales[:, 4], np.sqrt(scales[:, 2] * scales[:, 3]))
    return np.maximum(scales, TINY)


def _solved(
    differences: np.ndarray, buffers: np.ndarray, slopes: np.ndarray, residual: np.ndarray, scales: np.ndarray
) -> np.ndarray:
    """Newton's step: (differences - slopes) step = residual, (cell, DEGREE, 5).

    m_par and V decay at rates that do not depend on the state and act on the others by numbers that do not either.
    `buffers`, the inverses of what is left of them, eliminate both; the rest is solved in scaled moments and rows of
    one size.
    """
    count, width = len(residual), len(KEPT)
    matrix = np.empty((count, width, DEGREE, width, DEGREE))
    right = np.empty((count, width, DEGREE))
    diagonal = np.arange(DEGREE)
    for row, (moment, buffer) in enumerate(KEPT):
        driven = slopes[:, 0, moment, BUFFERS[buffer]][:, None, None] * buffers[buffer]
        for column, (other, _) in enumerate(KEPT):
            block = -driven * slopes[:, None, :, BUFFERS[buffer], other]
            block[:, diagonal, diagonal] -= slopes[:, :, moment, other]
            if row == column:
                block += differences
            matrix[:, row, :, column] = block * (scales[:, other] / scales[:, moment])[:, None, None]
        right[:, row] = residual[..., moment] + (driven @ residual[..., BUFFERS[buffer], None])[..., 0]
        right[:, row] /= scales[:, moment, None]
    matrix = matrix.reshape(count, width * DEGREE, width * DEGREE)
    size = np.abs(matrix).max(axis=2)
    solved = np.linalg.solve(matrix / size[:, :, None], (right.reshape(count, -1) / size)[:, :, None])
    step = np.zeros((count, DEGREE, 5))
    for row, (moment, _) in enumerate(KEPT):
        step[..., moment] = solved[:, row * DEGREE : (row + 1) * DEGREE, 0] * scales[:, moment, None]
    for buffer, moment in enumerate(BUFFERS):
        driving = residual[..., moment] + (slopes[:, :, moment] * step).sum(axis=-1)  # its own step is still 0
        step[..., moment] = (buffers[buffer] @ driving[..., None])[..., 0]
    return step


def _in_reach(states: np.ndarray, moved: np.ndarray) -> np.ndarray:
    """Whether an iterate is worth evaluating: not where tau has grown by far more than a polynomial follows."""
    with np.errstate(over="ignore", invalid="ignore"):
        before = states[:, 0] ** 2 + states[:, 2]
        at = states[:, None] + moved
        after = (at[..., 0] ** 2 + np.abs(at[..., 2])).max(axis=1)
        return (after < 1e4 * (1.0 + before)) & np.isfinite(moved).all(axis=(1, 2))


def _room(slopes: np.ndarray, n: np.ndarray) -> np.ndarray:
    """By which factor n could be larger before a mode that grows, excited or not, was no more resolved: (cell,)."""
    modes = np.linalg.eigvals(np.eye(5) + slopes)
    with np.errstate(divide="ignore"):
        rates = np.where(np.abs(modes) > 1.0 + 1e-12, np.abs(np.log(modes.astype(complex))), 0.0)
        return RESOLVED / (n * rates.max(axis=(1, 2)))
