"""Trajectories at finite d around the exact recursion: their covariance, and the shift of their mean.

A trajectory x = x_k + xi follows the recursion x_{k+1} = Phi(x_k) of the conditional mean (`recursion`) up to noise xi
of relative order d^-1/2. To leading order in 1/d, with J and H the first and second derivatives of Phi at x_k and Q the
covariance of a step there (`noise`),

    Sigma <- J Sigma J^T + Q            Cov over trajectories
    delta <- J delta + (H : Sigma)/2    mean over trajectories, less x_k

starting from 0. V and C may fluctuate by many times their means, as where the rare class is seldom seen (p B < eps,
docs/logistic.md, F10): the map is linear in V, and in C but for A C, so what has to be small is the spread of theta_par
and R beside what bends the sigmoid. Up to sd(theta_par) = 0.5 and sd(R) = 0.34 (1 + R), at d = 5, means of 1e5
trajectories met recursion + bias, and deviations the predicted ones to 12%. Close to the noise fold some trajectories
jump to the saturated floor, and deviations come out too small by factors of ten; there the bias of theta_par is no
longer small beside its deviation, and `Fluctuations.trusted` says so.

Both recursions are one linear system in the 15 covariances, the 5 shifts and the constant 1, whose matrix changes as
slowly as the states move. It is held constant over intervals of many steps, and raised to their powers by squaring;
intervals of one step, as at the start, are exact.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic.class_means import ClassMeans
from sparsesim.theory.logistic.coefficients import slopes_at
from sparsesim.theory.logistic.curvature import PAIRS, second_order
from sparsesim.theory.logistic.drift import Cells, changes_and_slopes
from sparsesim.theory.logistic.fixed_point import fixed_point
from sparsesim.theory.logistic.noise import step_covariances
from sparsesim.theory.logistic.recursion import pieces

TOLERANCE = 0.06  # by how much moments move in an interval, relative to their scales
WIDEST_SIGNAL, WIDEST_R, LARGEST_BIAS = 0.5, 0.35, 0.2  # up to which the expansion was seen to hold
HALVINGS = 40  # of intervals at most
CHUNK = 128  # cells at a time, so that their systems stay in the caches
FIRST, SECOND = np.triu_indices(5)  # the 15 covariances
SIZE = len(FIRST) + 6


class Fluctuations(NamedTuple):
    """Covariance and shift of the mean in the order (theta_par, m_par, R, V, C); leading axes are cells and times."""

    covariance: np.ndarray  # (..., 5, 5)
    bias: np.ndarray  # (..., 5)

    @property
    def deviation(self) -> np.ndarray:
        """Standard deviations over trajectories, (..., 5)."""
        return np.sqrt(np.maximum(np.diagonal(self.covariance, axis1=-2, axis2=-1), 0.0))

    def trusted(self, states: np.ndarray) -> np.ndarray:
        """Whether the expansion holds at states of the recursion, (..., 5), by bounds up to which it was seen to.

        The spread of theta_par and of R is small beside what bends the sigmoid, and their bias beside the spread. Means
        of 1e5 trajectories and fewer were then not seen to differ from recursion + bias.

        Returns:
            (...,), of the shape of the states without their last axis.
        """
        signal, across = self.deviation[..., 0], self.deviation[..., 2] / (1.0 + states[..., 2])
        small = (signal <= WIDEST_SIGNAL) & (across <= WIDEST_R)
        shifted = np.abs(self.bias) <= LARGEST_BIAS * self.deviation
        return small & shifted[..., 0] & shifted[..., 2]


def fluctuations(
    problem: RareClassLogistic,
    optimizer: HeavyBall,
    times: ArrayLike,
    start: Mapping[str, float] | None = None,
) -> Fluctuations:
    """Covariance over trajectories and shift of their mean from the recursion, to leading order in 1/d.

    So mean(k) = recursion(k) + bias(k) and sd(k) = sqrt(diag covariance(k)), with relative errors of about 1e-2 from
    the intervals beside what the next order in 1/d adds.

    Args:
        problem: all of it plays a part.
        optimizer: likewise.
        times: (time,), whole numbers of minibatches, strictly increasing, 0 or above.
        start: values by name of a moment, without spread; None is theta_par = 0, R = 1 and everything else 0.

    Returns:
        Covariance (time, 5, 5) and bias (time, 5).

    Raises:
        ValueError: times or start are outside their range, or moments that no vectors have.
    """
    cells = fluctuations_of([problem], [optimizer], [times], [start])
    return Fluctuations(cells.covariance[0], cells.bias[0])


def fluctuations_of(
    problems: Sequence[RareClassLogistic],
    optimizers: Sequence[HeavyBall],
    times: Sequence[ArrayLike],
    starts: Sequence[Mapping[str, float] | None] | None = None,
) -> Fluctuations:
    """`fluctuations` of many cells together, each with times of its own.

    Args:
        problems: one for each cell.
        optimizers: likewise.
        times: (cell, time), whole numbers of minibatches, strictly increasing in each row, 0 or above.
        starts: one for each cell; None is the default start of all.

    Returns:
        Covariance (cell, time, 5, 5) and bias (cell, time, 5).

    Raises:
        ValueError: as `fluctuations`, or numbers of cells or times that differ.
    """
    counts = np.array([_validate.clock_times(row, "minibatch") for row in times])
    starts = [None] * len(problems) if starts is None else starts
    states = np.array([p.start_moments(s) for p, s in zip(problems, starts, strict=True)])
    cells = Cells.of(problems, optimizers)
    parts = []
    for first in range(0, len(counts), CHUNK):
        part = slice(first, first + CHUNK)
        parts.append(_followed(cells[part], _Path(cells[part], states[part], counts[part])))
    return Fluctuations(*map(np.concatenate, zip(*parts, strict=True)))


def stationary(problem: RareClassLogistic, optimizer: HeavyBall) -> Fluctuations:
    """Covariance and shift of the mean once trajectories have settled around the exact fixed point.

    For small eta the standard deviation of theta_par is sqrt(eta/(2B)), that of R relative to R sqrt(2/d)
    (docs/logistic.md, section 3).

    Returns:
        Covariance (5, 5) and bias (5,).

    Raises:
        ArithmeticError: the fixed point is unstable.
    """
    cells, state = Cells.of([problem], [optimizer]), fixed_point(problem, optimizer)[None]
    local = _Local.at(cells, state)
    if np.abs(np.linalg.eigvals(np.eye(5) + local.slopes[0])).max() >= 1.0:
        raise ArithmeticError("trajectories do not settle: the fixed point is unstable")
    system = local.system()[0]
    settled = np.linalg.solve(system[:-1, :-1], -system[:-1, -1])
    covariance, bias = _unpacked(np.append(settled, 1.0)[None], cells.eta)
    return Fluctuations(covariance[0], bias[0])


class _Local(NamedTuple):
    """What the linear system is made of, in the moments of (theta, eta m), whose rates do not depend on scales."""

    slopes: np.ndarray  # (point, 5, 5): J - 1
    covariance: np.ndarray  # (point, 5, 5): Q
    second: np.ndarray  # (point, 5, pair): H/2

    @classmethod
    def at(cls, cells: Cells, states: np.ndarray) -> _Local:
        """At states (point, 5) of cells (point,)."""
        at = cells.p, cells.r, states[:, 0], states[:, 2]
        coefficients, means = slopes_at(*at), ClassMeans.at(*at)
        units = _units(cells.eta)
        pairs = np.stack([units[:, i] * units[:, j] for i, j in PAIRS], axis=-1)
        slopes = changes_and_slopes(cells, states)[1]
        covariance = step_covariances(cells, states, coefficients.value, means)
        second = second_order(cells, states, coefficients, means)
        return cls(
            slopes * units[:, :, None] / units[:, None, :],
            covariance * units[:, :, None] * units[:, None, :],
            second * units[:, :, None] / pairs[:, None, :],
        )

    def system(self) -> np.ndarray:
        """The matrix of (covariances, shifts, 1), less the identity: (point, SIZE, SIZE)."""
        N, one = self.slopes, np.eye(5)
        a, b, c, d = FIRST[:, None], SECOND[:, None], FIRST, SECOND
        # Row (a, b) of N Sigma + Sigma N^T + N Sigma N^T; column (c, d) stands for (d, c) as well.
        products = N[:, a, c] * (one[b, d] + N[:, b, d]) + one[a, c] * N[:, b, d]
        mirrored = N[:, a, d] * (one[b, c] + N[:, b, c]) + one[a, d] * N[:, b, c]
        matrix = np.zeros((len(N), SIZE, SIZE))
        matrix[:, :15, :15] = products + (c != d) * mirrored
        matrix[:, :15, 20] = self.covariance[:, FIRST, SECOND]
        matrix[:, 15:20, 15:20] = N
        for column, (i, j) in enumerate(PAIRS):
            matrix[:, 15:20, np.flatnonzero((i == FIRST) & (j == SECOND))[0]] = self.second[:, :, column]
        return matrix

    def between(self, first: np.ndarray, second: np.ndarray, length: np.ndarray) -> _Local:
        """The mean over the steps of intervals between two points, linearly in the step: the first one at length 1."""
        share = ((length - 1.0) / (2.0 * length))[:, None, None]
        return _Local(*((1.0 - share) * x[first] + share * x[second] for x in self))


class _Path:
    """Nodes of every cell between which its recursion moves little, and the states there.

    Attributes:
        counts: (cell, time), those asked for.
        nodes: (cell, node), increasing from 0 and repeating the last one at the end of a shorter row.
        states: (cell, node, 5).
    """

    def __init__(self, cells: Cells, start: np.ndarray, counts: np.ndarray) -> None:
        self.counts = counts
        self._cells, self._start = cells, start
        self.pieces = list(pieces(cells, start, counts[:, -1]))
        # Relaxation from the start changes by little from one node to the next of a geometric grid.
        last = int(counts.max(initial=0))
        grid = np.unique(np.floor(np.geomspace(1.0, last + 1.0, 2 + int(np.log(last + 1.0) / TOLERANCE)))).astype(int)
        rows = [np.unique(np.concatenate([[0], row, grid[grid < row[-1]]])) for row in counts]
        self.nodes = _padded(rows)
        self.states = self._at(self.nodes)
        for _ in range(HALVINGS):
            split = self._long()
            if not split.any():
                break
            middle = (self.nodes[:, 1:] + self.nodes[:, :-1]) // 2
            rows = [np.union1d(row, new[s]) for row, new, s in zip(self.nodes, middle, split, strict=True)]
            self.nodes = _padded(rows)
            self.states = self._at(self.nodes)

    def _at(self, nodes: np.ndarray) -> np.ndarray:
        states = np.empty((*nodes.shape, 5))
        states[:] = self._start[:, None]
        for piece in self.pieces:
            ahead = nodes[piece.cells] - piece.start[:, None]
            rows, columns = np.nonzero((ahead > 0) & (ahead <= piece.length[:, None]))
            states[piece.cells[rows], columns] = piece.at(rows, ahead[rows, columns])
        return states

    def _long(self) -> np.ndarray:
        """Intervals of more than one step over which the state moves too far: (cell, node - 1)."""
        before, after = self.states[:, :-1], self.states[:, 1:]
        largest = np.maximum(np.abs(before), np.abs(after))
        R, V = largest[..., 2], largest[..., 3]
        C_scale = np.sqrt(R * V)
        far = np.abs(after - before) > TOLERANCE * np.stack(
            [1.0 + largest[..., 0], np.full_like(R, np.inf), R, V, C_scale], axis=-1
        )
        return far.any(axis=-1) & (np.diff(self.nodes, axis=1) > 1)


def _padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of one length, by repeating their last value."""
    width = max(map(len, rows))
    return np.array([np.pad(row, (0, width - len(row)), mode="edge") for row in rows])


def _followed(cells: Cells, path: _Path) -> tuple[np.ndarray, np.ndarray]:
    """Covariance and bias of some cells at the counts of their path."""
    steps = np.diff(path.nodes, axis=1)
    new = np.pad(steps > 0, ((0, 0), (1, 0)), constant_values=True)
    local = _Local.at(cells[np.nonzero(new)[0]], path.states[new])
    points = np.cumsum(new).reshape(new.shape) - 1  # where a node is in `local`
    number, width = path.nodes.shape
    values = np.zeros((number, SIZE))
    values[:, -1] = 1.0
    kept = np.empty((*path.counts.shape, SIZE))
    kept[path.counts == 0] = values[0]
    with np.errstate(over="ignore", invalid="ignore"):  # an unstable recursion overflows, and its spread with it
        for j in range(width - 1):
            (moving,) = np.nonzero(steps[:, j])
            length, point = steps[moving, j], points[moving, j]
            values[moving] = _advanced(local.between(point, point + 1, length).system(), values[moving], length)
            where, time = np.nonzero(path.counts[moving] == path.nodes[moving, j + 1, None])
            kept[moving[where], time] = values[moving[where]]
    return _unpacked(kept, cells.eta[:, None])


def _advanced(systems: np.ndarray, values: np.ndarray, steps: np.ndarray) -> np.ndarray:
    """Values (cell, SIZE) after whole numbers of steps, each by its own system, the identity added."""
    values, steps, active = values.copy(), steps.copy(), np.arange(len(steps))
    while active.size:
        odd = steps[active] % 2 == 1
        values[active[odd]] += (systems[odd] @ values[active[odd], :, None])[..., 0]
        steps[active] //= 2
        left = steps[active] > 0
        active, systems = active[left], systems[left]
        systems = 2.0 * systems + systems @ systems  # (1 + N)^2 - 1, which keeps slow rates
    return values


def _units(eta: np.ndarray) -> np.ndarray:
    """By what the five moments are multiplied: (..., 5)."""
    return np.stack([np.ones_like(eta), eta, np.ones_like(eta), eta * eta, eta], axis=-1)


def _unpacked(values: np.ndarray, eta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Covariance and bias from values (..., SIZE) in the units of the system."""
    units = _units(np.asarray(eta))
    covariance = np.empty((*values.shape[:-1], 5, 5))
    covariance[..., FIRST, SECOND] = covariance[..., SECOND, FIRST] = values[..., :15]
    return covariance / (units[..., :, None] * units[..., None, :]), values[..., 15:20] / units
