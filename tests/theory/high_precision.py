"""The least-squares recursion in 80-digit arithmetic, written from the algorithm and not from the library's formulas.

Inputs are the floats of a problem and an optimizer, taken as exact numbers; everything else, 1 - eps included, is
formed here. Slow and plain: it is the reference of the theory tests.
"""

import math

import mpmath
import numpy as np
from mpmath import mp, mpf

from sparsesim import HeavyBall, LeastSquares

DIGITS = 80
mp.dps = DIGITS


def minibatch_map(problem: LeastSquares, optimizer: HeavyBall) -> mpmath.matrix:
    """T: columns are the images of R, V and C alone under one step m <- mu m + eps g, e <- e - eta m."""
    p, B = mpf(problem.p), problem.B
    # b ~ Binomial(B, p) active samples: E[g|b] = (b/B) e and E[|g|^2|b] = (b (d+2) + b (b-1)) |e|^2 / B^2.
    active, active_pairs = B * p, B * (B - 1) * p * p
    return _linear(_step(optimizer, active / B, (active * (problem.d + 2) + active_pairs) / mpf(B) ** 2))


def idle_map(optimizer: HeavyBall) -> mpmath.matrix:
    """E: a minibatch without an active sample."""
    return _linear(_step(optimizer, mpf(0), mpf(0)))


def idle_probability(problem: LeastSquares) -> mpf:
    return (1 - mpf(problem.p)) ** problem.B


def active_map(problem: LeastSquares, optimizer: HeavyBall) -> mpmath.matrix:
    """M = T_act P (1 - Q E)^-1, that is T_act sum_j P (Q E)^j over the idle minibatches j before the active one."""
    Q = idle_probability(problem)
    E = idle_map(optimizer)
    T_active = (minibatch_map(problem, optimizer) - Q * E) / (1 - Q)
    return T_active * (1 - Q) * (mp.eye(3) - Q * E) ** -1


def clock_map(problem: LeastSquares, optimizer: HeavyBall, clock: str) -> mpmath.matrix:
    """The matrix of a clock: T, M, or the generator M - 1."""
    if clock == "minibatch":
        return minibatch_map(problem, optimizer)
    M = active_map(problem, optimizer)
    return M - mp.eye(3) if clock == "poisson" else M


def forcing(problem: LeastSquares, optimizer: HeavyBall, clock: str) -> mpmath.matrix:
    """The image of zero: g = -(1/B) sum_i x_i xi_i has E|g|^2 = p d s2 / B, and e = m = 0 before it."""
    energy = mpf(problem.p) * problem.d * mpf(problem.label_noise) ** 2 / problem.B
    eta, eps = mpf(optimizer.eta), mpf(optimizer.eps)
    V = eps**2 * energy
    f = mp.matrix([eta**2 * V, V, -eta * V])
    return f if clock == "minibatch" else f / (1 - idle_probability(problem))


def moments(problem: LeastSquares, optimizer: HeavyBall, times, clock: str, start=(1, 0, 0)) -> list[list[mpf]]:
    """(R, V, C) at each time, by powers or by the exponential of the affine map on (R, V, C, 1)."""
    A = _affine(
        clock_map(problem, optimizer, clock), forcing(problem, optimizer, clock), 0 if clock == "poisson" else 1
    )
    x0 = mp.matrix([*map(mpf, start), 1])
    if clock == "poisson":
        return [list(exponential(A * mpf(float(t))) * x0)[:3] for t in times]
    rows, powers = [], [A]
    for n in map(int, times):
        x = x0
        for bit in range(n.bit_length()):
            if bit == len(powers):
                powers.append(powers[-1] * powers[-1])
            if n >> bit & 1:
                x = powers[bit] * x
        rows.append(list(x)[:3])
    return rows


def exponential(A: mpmath.matrix) -> mpmath.matrix:
    """exp(A) by its series at norm below 2^-20 and repeated squaring, with digits to spare for the squarings."""
    halvings = max(0, int(mp.ceil(mp.log(mp.norm(A, 1) + mpf("1e-30"), 2))) + 20)
    with mp.workdps(mp.dps + halvings // 3 + 10):
        small = A / mpf(2) ** halvings
        term, total = mp.eye(A.rows), mp.eye(A.rows)
        for k in range(1, mp.dps // 6 + 5):
            term = term * small / k
            total = total + term
        for _ in range(halvings):
            total = total * total
    return total


def characteristic(A: mpmath.matrix) -> tuple[mpf, mpf, mpf]:
    """(c1, c2, c3) of det(l - A) = l^3 + c1 l^2 + c2 l + c3."""
    minors = [A[i, i] * A[j, j] - A[i, j] * A[j, i] for i, j in ((0, 1), (0, 2), (1, 2))]
    return -(A[0, 0] + A[1, 1] + A[2, 2]), mp.fsum(minors), -mp.det(A)


def spectral_radius(A: mpmath.matrix) -> mpf:
    """The largest modulus of an eigenvalue."""
    return max(map(abs, mp.eig(A, left=False, right=False)))


def as_float(value: mpf) -> float:
    """The nearest float; inf or 0 beyond their range."""
    return mpmath.libmp.to_float(value._mpf_, strict=False)


def as_array(A: mpmath.matrix) -> np.ndarray:
    return np.array([[as_float(A[i, j]) for j in range(A.cols)] for i in range(A.rows)])


def from_array(A: np.ndarray) -> mpmath.matrix:
    return mp.matrix([[mpf(float(v)) for v in row] for row in A])


def random_case(
    rng: np.random.Generator, *, low: float = 0.03, high: float = 1.3, label_noise: float = 0.0
) -> tuple[LeastSquares, HeavyBall]:
    """A problem and an optimizer from the whole range, with H = eta/eta_c log-uniform in (low, high).

    The edges d = 1, 2, 3, p = 1, B = 1 and eps = 1 are drawn often.
    """
    d = int(rng.choice([1, 2, 3, round(10.0 ** rng.uniform(0, 12))], p=[0.1, 0.1, 0.1, 0.7]))
    p = float(rng.choice([1.0, 10.0 ** rng.uniform(-9, 0)], p=[0.15, 0.85]))
    B = int(rng.choice([1, round(10.0 ** rng.uniform(0, 6))], p=[0.2, 0.8]))
    eps = float(rng.choice([1.0, 10.0 ** rng.uniform(-9, 0)], p=[0.15, 0.85]))
    critical = 2.0 / ((d + 2 - p) / B + eps * p / (2.0 - eps))
    eta = critical * math.exp(rng.uniform(math.log(low), math.log(high)))
    return LeastSquares(d=d, p=p, B=B, label_noise=label_noise), HeavyBall(eta=eta, eps=eps)


def _step(optimizer: HeavyBall, mean: mpf, square: mpf):
    eta, eps = mpf(optimizer.eta), mpf(optimizer.eps)
    mu = 1 - eps

    def step(R, V, C):
        energy = mu**2 * V + 2 * mu * eps * mean * C + eps**2 * square * R  # E|m'|^2
        overlap = mu * C + eps * mean * R  # E<e, m'>
        return R - 2 * eta * overlap + eta**2 * energy, energy, overlap - eta * energy

    return step


def _linear(step) -> mpmath.matrix:
    return mp.matrix([step(1, 0, 0), step(0, 1, 0), step(0, 0, 1)]).T


def _affine(A: mpmath.matrix, f: mpmath.matrix, corner: int) -> mpmath.matrix:
    rows = [[A[i, 0], A[i, 1], A[i, 2], f[i]] for i in range(3)]
    return mp.matrix([*rows, [0, 0, 0, corner]])
