"""Exact one-step change of the five moments, and its slopes (docs/logistic.md, section 3).

With the coefficients at the state (theta_par, m_par, R, V, C), mu = 1 - eps, and

    G = A theta_par - b r                                    the mean gradient along the signal
    S = ((d-1) D0 + D2 R)/B + (1 - 1/B) A^2 R                E|g|^2 across it
    U = 2 mu eps A C + eps^2 S                               what a step adds to mu^2 V
    W = mu^2 V + U                                           E|m|^2 across the signal after the step

the change of a step, in the mean given the state, is

    theta_par   -eta (mu m_par + eps G)
    m_par       -eps m_par + eps G
    R           -2 eta (mu C + eps A R) + eta^2 W
    V           -eps (2-eps) V + U
    C           -eps C + eps A R - eta W

No line subtracts rounded numbers that nearly agree: W - V would lose every digit for small eps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic.coefficients import Coefficients, coefficients_at, slopes_at


@dataclass(frozen=True)
class Cells:
    """Parameters of many problems and optimizers: arrays that broadcast with the leading axes of states (..., 5)."""

    p: np.ndarray
    r: np.ndarray
    B: np.ndarray
    bulk: np.ndarray  # d - 1, the dimensions across the signal
    eta: np.ndarray
    eps: np.ndarray

    @classmethod
    def of(cls, problems: Sequence[RareClassLogistic], optimizers: Sequence[HeavyBall]) -> Cells:
        """The parameters of pairs of a problem and an optimizer, each (cell,)."""
        rows = [(c.p, c.r, c.B, c.d - 1, o.eta, o.eps) for c, o in zip(problems, optimizers, strict=True)]
        return cls(*np.array(rows, dtype=np.float64).reshape(-1, 6).T)

    def __getitem__(self, index: object) -> Cells:
        """The same index, mask or new axis applied to every parameter."""
        return Cells(*(getattr(self, name)[index] for name in ("p", "r", "B", "bulk", "eta", "eps")))


def drift(problem: RareClassLogistic, optimizer: HeavyBall, state: ArrayLike) -> np.ndarray:
    """E[next state - state | state], exactly, in the order (theta_par, m_par, R, V, C) (docs/logistic.md, section 3).

    Args:
        problem: all of it plays a part.
        optimizer: likewise.
        state: (5,), or any (..., 5).

    Returns:
        (5,), or (..., 5): the change in one minibatch.

    Raises:
        ValueError: a state that is not finite, not of five moments, or with R or V below 0. Whether vectors have these
            moments (C^2 <= R V) is not asked: the formulas hold all the same.
    """
    return changes(Cells.of([problem], [optimizer])[0], checked(state))


def jacobian(problem: RareClassLogistic, optimizer: HeavyBall, state: ArrayLike) -> np.ndarray:
    """Slopes of the map state -> state + drift, from those of the coefficients (docs/logistic.md, section 3).

    Args:
        problem: all of it plays a part.
        optimizer: likewise.
        state: (5,), or any (..., 5).

    Returns:
        (5, 5), or (..., 5, 5): row i holds the slopes of moment i, in the order (theta_par, m_par, R, V, C).

    Raises:
        ValueError: a state that is not finite, not of five moments, or with R or V below 0.
    """
    return np.eye(5) + changes_and_slopes(Cells.of([problem], [optimizer])[0], checked(state))[1]


def changes(cells: Cells, states: np.ndarray) -> np.ndarray:
    """The change of a step at states (..., 5), R at least 0, of cells that broadcast with their leading axes."""
    theta_par, R = states[..., 0], states[..., 2]
    return _changes(cells, states, coefficients_at(cells.p, cells.r, theta_par, R))


def changes_and_slopes(cells: Cells, states: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The change of a step, (..., 5), and its slopes, (..., 5, 5); the arguments are those of `changes`."""
    theta_par, _, R, _, C = np.moveaxis(states, -1, 0)
    c, by_theta, by_R = slopes_at(cells.p, cells.r, theta_par, R)
    eta, eps = cells.eta, cells.eps
    mu = 1.0 - eps
    slopes = np.zeros((*states.shape, 5))

    # Along the signal; G depends on theta_par and R.
    for column, dG in (
        (0, c.A + by_theta.A * theta_par - by_theta.b * cells.r),
        (2, by_R.A * theta_par - by_R.b * cells.r),
    ):
        slopes[..., 0, column] = -eta * eps * dG
        slopes[..., 1, column] = eps * dG
    slopes[..., 0, 1] = -eta * mu
    slopes[..., 1, 1] = -eps

    # Across it, by the slopes of A R and of U in theta_par, R and C; V enters through W alone.
    for column, dAR, dU in (
        (0, by_theta.A * R, _added_slope(cells, c, by_theta, R, C)),
        (2, c.A + by_R.A * R, _added_slope(cells, c, by_R, R, C) + _added_by_R(cells, c)),
        (4, np.zeros_like(R), 2.0 * mu * eps * c.A),
    ):
        slopes[..., 2, column] = -2.0 * eta * eps * dAR + eta * eta * dU
        slopes[..., 3, column] = dU
        slopes[..., 4, column] = eps * dAR - eta * dU
    slopes[..., 2, 4] -= 2.0 * eta * mu
    slopes[..., 4, 4] -= eps
    slopes[..., 2, 3] = eta * eta * mu * mu
    slopes[..., 3, 3] = -eps * (2.0 - eps)
    slopes[..., 4, 3] = -eta * mu * mu
    return _changes(cells, states, c), slopes


def squared_gradient(cells: Cells, c: Coefficients, R: np.ndarray) -> np.ndarray:
    """S = E|g|^2 of a minibatch across the signal (docs/logistic.md, section 1, eq. 201)."""
    return (cells.bulk * c.D0 + c.D2 * R) / cells.B + (1.0 - 1.0 / cells.B) * np.square(c.A) * R


def _changes(cells: Cells, states: np.ndarray, c: Coefficients) -> np.ndarray:
    theta_par, m_par, R, V, C = np.moveaxis(states, -1, 0)
    eta, eps = cells.eta, cells.eps
    mu = 1.0 - eps
    G = c.A * theta_par - c.b * cells.r
    AR = c.A * R
    U = 2.0 * mu * eps * c.A * C + eps * eps * squared_gradient(cells, c, R)
    W = mu * mu * V + U
    return np.stack(
        [
            -eta * (mu * m_par + eps * G),
            eps * (G - m_par),
            -2.0 * eta * (mu * C + eps * AR) + eta * eta * W,
            U - eps * (2.0 - eps) * V,
            eps * (AR - C) - eta * W,
        ],
        axis=-1,
    )


def _added_slope(cells: Cells, c: Coefficients, slope: Coefficients, R: np.ndarray, C: np.ndarray) -> np.ndarray:
    """The slope of U where the coefficients move by `slope` and R and C stay."""
    eps = cells.eps
    dS = (cells.bulk * slope.D0 + slope.D2 * R) / cells.B + (1.0 - 1.0 / cells.B) * 2.0 * c.A * slope.A * R
    return 2.0 * (1.0 - eps) * eps * slope.A * C + eps * eps * dS


def _added_by_R(cells: Cells, c: Coefficients) -> np.ndarray:
    """The slope of U in R where the coefficients stay."""
    return cells.eps**2 * (c.D2 / cells.B + (1.0 - 1.0 / cells.B) * np.square(c.A))


def checked(state: ArrayLike) -> np.ndarray:
    """States (..., 5) as float64.

    Raises:
        ValueError: they are not finite, not of five moments, or R or V is below 0.
    """
    states = _validate.numbers("state", state)
    if states.ndim == 0 or states.shape[-1] != 5:
        raise ValueError(f"state must be five moments on the last axis, got the shape {states.shape}")
    for column, name in ((2, "R"), (3, "V")):
        _validate.numbers(f"{name} in state", states[..., column], "a finite number, 0 or above", low=0.0)
    return states
