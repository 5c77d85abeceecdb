"""Where label noise holds the five moments, and the fold at which that branch ends (docs/logistic.md, sections 3, 9).

At a fixed point m_par = 0, theta_par solves A theta_par = b r, which at each R has one solution because the loss is
convex, and what is left is one equation for R along this nullcline,

    level(R) = (R/D0) (A ((2-eps) + mu eta A)/(2-eps) - eta (D2/B + (1 - 1/B) A^2)/2) = K,      K = eta (d-1)/(2B).

The level rises from 0 at the optimum. For a rare class it turns at a fold, after which three values of R can have one
level; when K passes the fold, R jumps to where the sigmoid is saturated.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.optimize import root_scalar

from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic.coefficients import Coefficients, coefficients_at, slopes_at
from sparsesim.theory.logistic.drift import Cells, squared_gradient

RATIO = 1.15  # between the R of a scan; levels turn over a factor of two or more
BATCH = 32  # of these at once
ROUNDING = 1e-9  # a level falls if by more than this of itself over a factor e of R
NEWTON = 100  # iterations at most; halving alone would take 60


class SaturatedBranch(UserWarning):
    """The fixed point is not on the branch that is continued from the optimum by growing eta."""


class NoiseFold(NamedTuple):
    """The largest K = eta (d-1)/(2B) on the branch from the optimum, and R there; inf where the branch has no end."""

    K: float
    R: float


def fixed_point(problem: RareClassLogistic, optimizer: HeavyBall) -> np.ndarray:
    """The exact fixed point of the map state -> state + drift, first in R (docs/logistic.md, section 3).

    It is the branch continued from the optimum (theta_par, R) = (r, 0) by growing eta; past the noise fold no fixed
    point is left on it, and the one returned is saturated. It need not be stable: see `stability.spectral_radius`.

    Args:
        problem: R is 0 at d = 1, where there is nothing across the signal.
        optimizer: eps plays a part of relative order eta A only.

    Returns:
        (5,), in the order (theta_par, m_par, R, V, C), with relative errors of about 1e-13 away from the fold.

    Warns:
        SaturatedBranch: the level of a smaller R has turned below K.
    """
    if problem.d == 1:
        return np.array([problem.r, 0.0, 0.0, 0.0, 0.0])
    nullcline = _Nullcline(problem.p, problem.r, problem.B, optimizer.eta, optimizer.eps)
    K = optimizer.eta * (problem.d - 1) / (2.0 * problem.B)
    R, saturated = _first_crossing(nullcline, K)
    if saturated:
        warnings.warn(
            f"K = eta (d-1)/(2B) = {K:.4g} is beyond the noise fold: R = {R:.4g} is on the saturated branch, "
            "not on the one continued from the optimum",
            SaturatedBranch,
            stacklevel=2,
        )
    theta_par = float(nullcline.theta_par(np.array([R]))[0])
    c = coefficients_at(problem.p, problem.r, theta_par, R)
    S = float(squared_gradient(Cells.of([problem], [optimizer])[0], c, np.asarray(R)))
    V = optimizer.eps * S / ((2.0 - optimizer.eps) + optimizer.mu * optimizer.eta * c.A)
    return np.array([theta_par, 0.0, R, V, -0.5 * optimizer.eta * V])


def noise_fold(problem: RareClassLogistic) -> NoiseFold:
    """The first maximum over R of R A/D0 on A theta_par = b r, where the floor for small eta ends (section 9, F3 ii).

    Fixed points exist on the branch of the optimum only for K = eta (d-1)/(2B) below it, whatever eps, up to a relative
    O(eta A). Beyond it nothing diverges: R jumps to a bounded, saturated floor.

    Args:
        problem: gives p and r; d and B play no part.
    """
    p, r = problem.p, problem.r
    nullcline = _Nullcline(p, r, math.inf, 0.0, 1.0)
    R, last = 1e-2, 1e2 + 4.0 * (r * r - math.log(p))  # the sigmoid saturates where tau^2 is about -ln p
    while last > R:
        grid = R * RATIO ** np.arange(BATCH + 1)
        turns = np.flatnonzero(nullcline.levels(grid).falling())
        if turns.size:  # never at the first R of a batch, which ended the one before
            R = nullcline.turn(*grid[turns[0] - 1 : turns[0] + 1].tolist())
            return NoiseFold(float(nullcline.levels(np.array([R])).value[0]), R)
        R = grid[-1]
    return NoiseFold(math.inf, math.inf)


def _first_crossing(nullcline: _Nullcline, K: float) -> tuple[float, bool]:
    """The smallest R whose level is K, and whether the level has fallen before it."""
    R = min(0.05 * K, 0.1)  # well before any fold, and there the level is R or less but for O(eta A)
    while nullcline.levels(np.array([R])).value[0] >= K:
        R *= 1e-3
    fallen = False
    while True:
        grid = R * RATIO ** np.arange(BATCH + 1)
        levels = nullcline.levels(grid)
        above, falling = levels.value >= K, levels.falling()
        for i in range(BATCH):
            if not falling[i] and falling[i + 1] and not above[i + 1]:  # between the two it may have been above
                turn = nullcline.turn(grid[i], grid[i + 1])
                if nullcline.levels(np.array([turn])).value[0] >= K:
                    return nullcline.crossing(K, grid[i], turn), fallen
            if above[i + 1]:
                return nullcline.crossing(K, grid[i], grid[i + 1]), fallen
            fallen |= bool(falling[i + 1])
        R = grid[-1]


class _Levels(NamedTuple):
    """Levels at some R, and R times their slopes."""

    value: np.ndarray
    slope: np.ndarray

    def falling(self) -> np.ndarray:
        return self.slope < -ROUNDING * np.abs(self.value)


@dataclass(frozen=True)
class _Nullcline:
    """The states with A theta_par = b r, and the level along them."""

    p: float
    r: float
    B: float
    eta: float
    eps: float

    def theta_par(self, R: np.ndarray) -> np.ndarray:
        """The root in theta_par of the increasing G = A theta_par - b r: Newton's method, halving where that leaves."""
        low, high = np.zeros_like(R), np.full_like(R, self.r)
        while (short := self._gradient(high, R)[0] < 0.0).any():
            low, high = np.where(short, high, low), np.where(short, 2.0 * high, high)
        theta_par = np.where(low > 0.0, 0.5 * (low + high), high)
        for _ in range(NEWTON):
            G, slope = self._gradient(theta_par, R)
            low, high = np.where(G < 0.0, theta_par, low), np.where(G > 0.0, theta_par, high)
            newton = theta_par - G / slope
            moved = np.where((low <= newton) & (newton <= high), newton, 0.5 * (low + high))
            done = np.abs(moved - theta_par) <= 2e-15 * theta_par
            theta_par = moved
            if done.all():
                break
        return theta_par

    def levels(self, R: np.ndarray) -> _Levels:
        theta_par = self.theta_par(R)
        c, by_theta, by_R = slopes_at(self.p, self.r, theta_par, R)
        G_theta = c.A + by_theta.A * theta_par - by_theta.b * self.r
        moves = -(by_R.A * theta_par - by_R.b * self.r) / G_theta  # dtheta_par/dR
        along = Coefficients(*(one + other * moves for one, other in zip(by_R, by_theta, strict=True)))
        share = (1.0 - self.eps) * self.eta / (2.0 - self.eps)
        pull = c.A + share * np.square(c.A) - 0.5 * self.eta * (c.D2 / self.B + (1.0 - 1.0 / self.B) * np.square(c.A))
        pull_slope = along.A * (1.0 + 2.0 * share * c.A) - 0.5 * self.eta * (
            along.D2 / self.B + (1.0 - 1.0 / self.B) * 2.0 * c.A * along.A
        )
        value = R * pull / c.D0
        return _Levels(value, value + R * (R * pull_slope - value * along.D0) / c.D0)

    def crossing(self, K: float, low: float, high: float) -> float:
        """R in [low, high] at which the level is K."""
        return self._root(lambda R: float(self.levels(np.array([R])).value[0]) / K - 1.0, low, high)

    def turn(self, low: float, high: float) -> float:
        """R in [low, high] at which the level stops rising; `low` where slopes are too small to tell."""

        def slope(R: float) -> float:
            return float(self.levels(np.array([R])).slope[0])

        return self._root(slope, low, high) if slope(low) > 0.0 > slope(high) else low

    def _root(self, function: Callable[[float], float], low: float, high: float) -> float:
        return root_scalar(function, bracket=(low, high), method="brentq", xtol=1e-15 * low).root

    def _gradient(self, theta_par: np.ndarray, R: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """G and its slope in theta_par."""
        c, by_theta, _ = slopes_at(self.p, self.r, theta_par, R)
        return c.A * theta_par - c.b * self.r, c.A + by_theta.A * theta_par - by_theta.b * self.r
