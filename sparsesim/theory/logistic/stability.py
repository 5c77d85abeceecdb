"""Rates at the fixed point, and the ceilings of the learning rate: two true ones and the one the paper claims.

Small steps in small numbers never diverge here: the limit of small eps converges for every learning rate. What ends
stability is the curvature ceiling, where a step overshoots, and the noise fold (`fixed_point.noise_fold`), where label
noise saturates the sigmoid (docs/logistic.md, section 9, F2 and F3).
"""

from __future__ import annotations

import functools
import math

import numpy as np

from sparsesim import _validate
from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic.drift import Cells, changes_and_slopes
from sparsesim.theory.logistic.fixed_point import fixed_point, noise_fold
from sparsesim.theory.logistic.risk import hessians


def spectral_radius(problem: RareClassLogistic, optimizer: HeavyBall) -> float:
    """The largest modulus of an eigenvalue of the Jacobian of the exact map at its exact fixed point, per minibatch.

    `fixed_point` warns where the fixed point is on the saturated branch.
    """
    return math.exp(-decay_rate(problem, optimizer))


def decay_rate(problem: RareClassLogistic, optimizer: HeavyBall) -> float:
    """-ln of the spectral radius, the rate per minibatch at which the map approaches its fixed point.

    It comes from the slopes of the drift, not from those of the map, so that a slow rate keeps its digits; negative
    where the fixed point is unstable, inf where nothing is left after finitely many steps.
    """
    growth = float(_growths(np.linalg.eigvals(_graded(problem, optimizer)[0])).max())
    return -0.5 * math.log1p(growth) if growth > -1.0 else math.inf


def slowest_mode(problem: RareClassLogistic, optimizer: HeavyBall) -> np.ndarray:
    """What decays at `decay_rate` and at nothing else: |w . (moments - fixed point)|, near the fixed point.

    Where the signal oscillates no moment itself decays evenly; this does.

    Returns:
        (5,) w in the order (theta_par, m_par, R, V, C), complex: the left eigenvector of the Jacobian at the fixed
        point that belongs to the largest modulus.
    """
    graded, order, units = _graded(problem, optimizer)
    values, vectors = np.linalg.eig(graded.T)
    mode = np.zeros(5, complex)
    mode[order] = vectors[:, _growths(values).argmax()] * units
    return mode


def _graded(problem: RareClassLogistic, optimizer: HeavyBall) -> tuple[np.ndarray, list[int], np.ndarray]:
    """Slopes of the drift at the fixed point, which moments their rows are of, and the units of these.

    In (eta m_par, theta_par; eta^2 V, eta C, R) slow rows come last: eigenvalues of a matrix graded downwards keep
    their relative accuracy.
    """
    slopes = changes_and_slopes(Cells.of([problem], [optimizer])[0], fixed_point(problem, optimizer))[1]
    order, eta = [1, 0, 3, 4, 2], optimizer.eta
    units = np.array([eta, 1.0, eta * eta, eta, 1.0])
    if problem.d == 1:  # nothing is across the signal
        order, units = order[:2], units[:2]
    return slopes[np.ix_(order, order)] * units[:, None] / units, order, units


def _growths(values: np.ndarray) -> np.ndarray:
    """|1 + value|^2 - 1 of eigenvalues of the drift."""
    return 2.0 * np.real(values) + np.abs(values) ** 2


def curvature_ceiling(problem: RareClassLogistic, eps: float) -> float:
    """2 (2-eps)/(eps H_par), the eta at which the signal overshoots at the optimum (docs/logistic.md, F3 i).

    There the exact map loses the stability of its fixed point for an infinite minibatch. It grows as eps falls, and a
    differential equation in unit time knows nothing of it. A finite minibatch can lose stability below it: at the noise
    fold, or in narrow windows where R, driven by the signal, oscillates at the signal's frequency (d = 100, B = 1e9,
    eps = 0.01, p = 10^-1.2: from 2.1 to 2.8 percent below).

    Raises:
        ValueError: eps is outside (0, 1].
    """
    eps = _validate.probability("eps", eps)
    return 2.0 * (2.0 - eps) / (eps * _signal_curvature(problem))


def critical_learning_rate(problem: RareClassLogistic, eps: float) -> float:
    """The lower of the two true ceilings: `curvature_ceiling`, and the learning rate at the noise fold.

    The fold is at 2 B Kmax/(d-1) up to a relative O(eta A), and plays no part at d = 1 nor where the branch has no end.
    Beyond the curvature ceiling trajectories oscillate, beyond the fold they saturate; neither diverges.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    curvature = curvature_ceiling(problem, eps)
    if problem.d == 1:
        return curvature
    return min(curvature, 2.0 * problem.B * _fold(problem.p, problem.r) / (problem.d - 1))


@functools.lru_cache(maxsize=4096)
def _fold(p: float, r: float) -> float:
    """K at the noise fold: the cells of a sweep ask for it at a few p."""
    return noise_fold(RareClassLogistic(d=2, p=p, B=1, r=r)).K


def oscillation_window(problem: RareClassLogistic, eps: float) -> tuple[float, float]:
    """(low, high), the eta between which the signal oscillates about the optimum and decays as sqrt(mu)^k.

    (1 - sqrt mu)^2 <= eta eps H_par <= (1 + sqrt mu)^2, from z^2 - (1 + mu - eta eps H_par) z + mu = 0
    (docs/logistic.md, section 3). Both are 1/H_par at eps = 1.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    eps = _validate.probability("eps", eps)
    sum_squared = (1.0 + math.sqrt(1.0 - eps)) ** 2  # times (1 - sqrt mu)^2 it is eps^2
    curvature = _signal_curvature(problem)
    return eps / (sum_squared * curvature), sum_squared / (eps * curvature)


def claimed_ceiling(problem: RareClassLogistic, eps: float) -> float:
    """eps/p, the paper's ceiling above resonance: NOT a limit of stability (docs/logistic.md, F2).

    It is where speed saturates: from there on the error decays as exp(-eps k/2), and a larger eta only lifts the floor.
    Fixed points 56 and 10^4 times above it are stable. It is here to be drawn beside the true ceilings.

    Raises:
        ValueError: eps is outside (0, 1].
    """
    return _validate.probability("eps", eps) / problem.p


def _signal_curvature(problem: RareClassLogistic) -> float:
    """H_par, that of the population loss along the signal at the optimum (docs/logistic.md, section 2)."""
    return float(hessians(problem, problem.r, 0.0).par)
