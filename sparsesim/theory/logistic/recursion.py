"""The exact recursion of the conditional drift: state + drift(state), step after step (docs/logistic.md, section 3).

The mean over trajectories is not closed: coefficients depend on the state, so that a trajectory's own fluctuation, of
relative order d^-1/2, shifts it. What is exact is the mean of one step given the state, and the recursion of it is the
limit of one trajectory for large d.

Single steps cost a quadrature each. Where a polynomial follows the states (`collocation`) it covers as many steps as it
can, without bound once the fixed point is reached; where none does, single steps are taken.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic import collocation
from sparsesim.theory.logistic.drift import Cells, changes

PAYS = 64  # a polynomial costs as much as about this many steps
PATIENCE = 16  # times PAYS: the most steps between two attempts that fail


def recursion(
    problem: RareClassLogistic,
    optimizer: HeavyBall,
    times: ArrayLike,
    start: Mapping[str, float] | None = None,
) -> np.ndarray:
    """The state at given times from state <- state + drift(state), to about 1e-11 of the moments' scales.

    Args:
        problem: all of it plays a part.
        optimizer: likewise.
        times: (time,), whole numbers of minibatches, strictly increasing, 0 or above.
        start: values by name of a moment; None is R = 1 and everything else 0, which at d = 1 must be said otherwise.

    Returns:
        (time, 5), in the order (theta_par, m_par, R, V, C).

    Raises:
        ValueError: times or start are outside their range, or moments that no vectors have.
    """
    return recursions([problem], [optimizer], [times], [start])[0]


def recursions(
    problems: Sequence[RareClassLogistic],
    optimizers: Sequence[HeavyBall],
    times: Sequence[ArrayLike],
    starts: Sequence[Mapping[str, float] | None] | None = None,
) -> np.ndarray:
    """`recursion` of many cells together, each with times of its own.

    Args:
        problems: one for each cell.
        optimizers: likewise.
        times: (cell, time), whole numbers of minibatches, strictly increasing in each row, 0 or above.
        starts: one for each cell; None is the default start of all.

    Returns:
        (cell, time, 5).

    Raises:
        ValueError: as `recursion`, or numbers of cells or times that differ.
    """
    starts = [None] * len(problems) if starts is None else starts
    if not len(problems) == len(optimizers) == len(times) == len(starts):
        sizes = f"{len(problems)}, {len(optimizers)}, {len(times)} and {len(starts)}"
        raise ValueError(f"problems, optimizers, times and starts must be as many as each other, got {sizes}")
    rows = [_validate.clock_times(row, "minibatch") for row in times]
    if len({len(row) for row in rows}) != 1:
        raise ValueError(f"times must be as many in each row, and at least one row, got {[len(row) for row in rows]}")
    counts = np.array(rows)
    states = np.array([problem.start_moments(start) for problem, start in zip(problems, starts, strict=True)])
    result = np.empty((*counts.shape, 5))
    result[counts == 0] = states[(counts == 0).any(axis=1)]
    for piece in pieces(Cells.of(problems, optimizers), states, counts[:, -1]):
        ahead = counts[piece.cells] - piece.start[:, None]
        rows, columns = np.nonzero((ahead > 0) & (ahead <= piece.length[:, None]))
        result[piece.cells[rows], columns] = piece.at(rows, ahead[rows, columns])
    return result


class Solution:
    """The recursion of one cell at any time up to a horizon.

    Attributes:
        breaks: (piece + 1,), the whole times between which the states are one polynomial, or single steps.
    """

    def __init__(
        self,
        problem: RareClassLogistic,
        optimizer: HeavyBall,
        horizon: int,
        start: Mapping[str, float] | None = None,
    ) -> None:
        """Up to `horizon`, a whole number of minibatches above 0; the rest is as in `recursion`."""
        horizon = _validate.whole("horizon", horizon, low=1)
        state = np.array([problem.start_moments(start)])
        self.pieces = list(pieces(Cells.of([problem], [optimizer]), state, np.array([horizon])))
        self.breaks = np.array([piece.start[0] for piece in self.pieces] + [horizon])

    def __call__(self, times: ArrayLike) -> np.ndarray:
        """The states at times (time,), which need not be whole: (time, 5).

        Between whole times a polynomial follows the states smoothly, and single steps are joined by lines.

        Raises:
            ValueError: a time outside [0, horizon].
        """
        allowed = f"between 0 and {self.breaks[-1]}"
        k = _validate.numbers("times", times, allowed, low=0.0, high=float(self.breaks[-1]))
        where = np.clip(np.searchsorted(self.breaks, k, side="right") - 1, 0, len(self.pieces) - 1)
        states = np.empty((*k.shape, 5))
        for index in np.unique(where):
            inside, piece = where == index, self.pieces[index]
            ahead = k[inside] - piece.start[0]
            states[inside] = piece.at(np.zeros(ahead.shape, dtype=np.intp), ahead)
        return states


class _Polynomials(NamedTuple):
    """Some cells over steps in (start, start + length], each by one polynomial."""

    cells: np.ndarray
    start: np.ndarray
    length: np.ndarray
    coefficients: np.ndarray

    def at(self, rows: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """States of the cells `rows` of the piece, (point,), as many steps `ahead` of its start: (point, 5)."""
        return _possible(collocation.values(self.coefficients[rows], ahead / self.length[rows]))


class _Steps(NamedTuple):
    """Some cells over steps in (start, start + length], step by step."""

    cells: np.ndarray
    start: np.ndarray
    length: np.ndarray
    states: np.ndarray  # (step + 1, cell, 5)

    def at(self, rows: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        """As for `_Polynomials`."""
        before = np.minimum(np.floor(ahead).astype(np.intp), len(self.states) - 2)
        share = (ahead - before)[:, None]
        return (1.0 - share) * self.states[before, rows] + share * self.states[before + 1, rows]


def pieces(cells: Cells, states: np.ndarray, horizons: np.ndarray) -> Iterator[_Polynomials | _Steps]:
    """Pieces that cover (0, horizon] of every cell, in order for each cell."""
    states = states.copy()
    k = np.zeros(len(states), dtype=np.int64)
    n = np.full(len(states), float(PAYS))  # steps of the next attempt
    wait = np.zeros(len(states), dtype=np.int64)  # single steps before it
    patience = np.ones(len(states), dtype=np.int64)  # times PAYS: steps to wait after the next attempt that fails
    while (k < horizons).any():
        left = horizons - k
        (tried,) = np.nonzero((left >= PAYS) & (wait <= 0))
        if tried.size:
            length = np.where(n[tried] < left[tried], n[tried].astype(np.int64), left[tried])
            found = collocation.attempt(cells[tried], states[tried], length.astype(np.float64))
            done = tried[found.accepted]
            piece = _Polynomials(done, k[done], length[found.accepted], found.coefficients[found.accepted])
            if done.size:
                yield piece
                states[done] = piece.at(np.arange(done.size), piece.length)
                k[done] += piece.length
                patience[done] = 1
            n[tried] = np.minimum(found.factor * length, 2.0**62)
            short = tried[n[tried] < PAYS]
            wait[short] = PAYS * patience[short]
            patience[short] = np.minimum(2 * patience[short], PATIENCE)
            n[short] = PAYS
        left = horizons - k
        (single,) = np.nonzero((left > 0) & ((wait > 0) | (left < PAYS)))
        if single.size:
            length = np.minimum(left[single], PAYS)
            piece = _Steps(single, k[single], length, stepped(cells[single], states[single], int(length.max())))
            yield piece
            states[single] = piece.states[length, np.arange(single.size)]
            k[single] += length
            wait[single] -= length


def stepped(cells: Cells, states: np.ndarray, steps: int) -> np.ndarray:
    """States (cell, 5) after 0, 1, ..., steps steps, each a drift: (steps + 1, cell, 5)."""
    path = [states]
    for _ in range(steps):
        path.append(_possible(path[-1] + changes(cells, path[-1])))
    return np.stack(path)


def _possible(states: np.ndarray) -> np.ndarray:
    """Without the rounding that takes R or V, squared norms, below 0."""
    states[..., 2:4] = np.maximum(states[..., 2:4], 0.0)
    return states
