"""Matrices written down from the update rule, for judges: nothing here is of `sparsesim.theory`.

In q = eta m a minibatch moves (R, Q, X) = (E|e|^2, E|q|^2, E<e, q>) by q' = mu q + eta eps g and e' = e - q', where
E[g | e] = p e and B E[|g|^2 | e] = ((d+2) p + (B-1) p^2) |e|^2. Numbers may be floats or of mpmath.
"""

from typing import Any

import mpmath
import numpy as np

from sparsesim.problems import HeavyBall, LeastSquares

DIGITS = 50


def moments_map(mean: Any, energy: Any, eps: Any) -> list[list[Any]]:
    """Rows of the map of (R, Q, X) where eta eps g has the mean `mean` e and the energy `energy` |e|^2."""
    mu = 1 - eps
    overlap, square = [mean, 0 * eps, mu], [energy, mu * mu, 2 * mu * mean]  # <e, q'> and |q'|^2
    error = [(i == 0) - 2 * x + s for i, (x, s) in enumerate(zip(overlap, square, strict=True))]
    return [error, square, [x - s for x, s in zip(overlap, square, strict=True)]]


def minibatch(d: Any, p: Any, B: Any, eta: Any, eps: Any) -> list[list[Any]]:
    """Rows of the map of a minibatch."""
    return moments_map(eta * eps * p, (eta * eps) ** 2 * ((d + 2) * p + (B - 1) * p * p) / B, eps)


def of(problem: LeastSquares, optimizer: HeavyBall, factor: Any = 1) -> mpmath.matrix:
    """The map of a minibatch in many digits, at the learning rate times a factor."""
    d, p, B = (mpmath.mpf(value) for value in (problem.d, problem.p, problem.B))
    return mpmath.matrix(minibatch(d, p, B, mpmath.mpf(optimizer.eta) * factor, mpmath.mpf(optimizer.eps)))


def clocks(problem: LeastSquares, optimizer: HeavyBall) -> tuple[mpmath.matrix, mpmath.matrix]:
    """The maps from a minibatch to the next, and from an active minibatch to the next active one."""
    T, zero = of(problem, optimizer), mpmath.mpf(0)
    idle = mpmath.matrix(moments_map(zero, zero, mpmath.mpf(optimizer.eps)))
    Q = (1 - mpmath.mpf(problem.p)) ** problem.B
    return T, (T - Q * idle) * (mpmath.eye(3) - Q * idle) ** -1


def radius(matrix: Any) -> mpmath.mpf:
    """The largest modulus of an eigenvalue."""
    values = mpmath.eig(mpmath.matrix(matrix), left=False, right=False)
    return max(abs(value) for value in values)


def rate(problem: LeastSquares, optimizer: HeavyBall, factor: Any = 1) -> mpmath.mpf:
    """Minus the logarithm of the spectral radius of a minibatch."""
    return -mpmath.log(radius(of(problem, optimizer, factor)))


def mean_map(lam: Any, eps: Any) -> list[list[Any]]:
    """Rows of the map of the mean of (e, q)."""
    mu = 1 - eps
    return [[1 - lam, -mu], [lam, mu]]


def continuum(w: float, u: float) -> np.ndarray:
    """The limit as eps -> 0 on (R, V/p^2, C/p), in time units of 1/eps minibatches."""
    return np.array([[0.0, 0.0, -2.0 * w], [2.0 * u / w, -2.0, 2.0], [1.0, -w, -1.0]])


def slowest(w: Any, u: Any) -> Any:
    """Minus the largest real part of the roots of x^3 + 3 x^2 + (2 + 4 w) x + 4 w (1 - u), in many digits."""
    roots = mpmath.polyroots([1, 3, 2 + 4 * w, 4 * w * (1 - u)], maxsteps=500, extraprec=400)
    return -max(mpmath.re(root) for root in roots)
