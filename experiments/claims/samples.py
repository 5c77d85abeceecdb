"""Means over the samples of rare-class logistic regression, integrated as they stand: no identity of Stein is used.

A sample of class y is x = r y what + u theta/|theta| + what is across theta, with u ~ N(0, 1) and the logit
f = b + r theta_par y + |theta| u. Its residual a = s(f) - y depends on u and y alone, so that one integral is left.
"""

from collections.abc import Callable

import numpy as np

STEP, REACH = 0.01, 14.0  # of the trapezoidal rule: some exp(-600/|theta|) and exp(-98)

Integrand = Callable[[float, np.ndarray, np.ndarray, np.ndarray], np.ndarray]


def sigmoid(f: np.ndarray) -> np.ndarray:
    """1/(1 + exp(-f)) without overflow."""
    small = np.exp(-np.abs(f))
    return np.where(f < 0.0, small, 1.0) / (1.0 + small)


def mean(p: float, r: float, theta_par: float, R: float, integrand: Integrand) -> float:
    """E[integrand(y, a, u, f)] over samples: the class, the residual, the normal along theta and the logit."""
    tau = np.hypot(theta_par, np.sqrt(R))
    u = np.arange(-REACH, REACH + 2.0 * tau, STEP)
    weights = STEP * np.exp(-0.5 * u * u) / np.sqrt(2.0 * np.pi)
    bias = np.log(p) - np.log1p(-p) - 0.5 * r * r
    total = 0.0
    for y, share in ((0.0, 1.0 - p), (1.0, p)):
        f = bias + r * theta_par * y + tau * u
        a = sigmoid(f) if y == 0.0 else -sigmoid(-f)
        total += share * float(np.sum(weights * integrand(y, a, u, f)))
    return total


def gradient(p: float, r: float, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """E[g] and E[g g^T] of one sample, vector and matrix, with the signal along the first axis.

    g = a x, and x = r y e_0 + u t + n with t along theta and n ~ N(0, 1 - t t^T) independent of a.
    """
    state, length = (float(theta[0]), float(theta[1:] @ theta[1:])), float(np.linalg.norm(theta))
    signal, t = r * np.eye(theta.size)[0], theta / length
    by_y, by_u = (mean(p, r, *state, f) for f in (lambda y, a, u, f: a * y, lambda y, a, u, f: a * u))
    yy, yu, uu, one = (
        mean(p, r, *state, f)
        for f in (
            lambda y, a, u, f: a * a * y,
            lambda y, a, u, f: a * a * y * u,
            lambda y, a, u, f: a * a * u * u,
            lambda y, a, u, f: a * a,
        )
    )
    second = yy * np.outer(signal, signal) + yu * (np.outer(signal, t) + np.outer(t, signal)) + uu * np.outer(t, t)
    return by_y * signal + by_u * t, second + one * (np.eye(theta.size) - np.outer(t, t))


def vectors(rng: np.random.Generator, d: int) -> tuple[np.ndarray, np.ndarray]:
    """A theta and an m at random, of order 1."""
    return rng.normal(size=d) * 0.8, rng.normal(size=d) * 0.3


def moments(theta: np.ndarray, m: np.ndarray) -> np.ndarray:
    """(theta_par, m_par, R, V, C) of vectors with the signal along the first axis."""
    across, buffer = theta[1:], m[1:]
    return np.array([theta[0], m[0], across @ across, buffer @ buffer, across @ buffer])
