"""Exact second moments of momentum SGD on sparse least squares: three closed linear systems, one per clock.

With e = theta - theta* the state is (R, V, C) = (E|e|^2, E|m|^2, E<e, m>), in this order everywhere, and

    minibatch   x[k+1] = T x[k] + f         one step of the algorithm
    active      x[n+1] = M x[n] + f/P       only minibatches with an active sample are counted; P is their probability
    poisson     dx/dt  = A x + f/P          active updates arrive at unit rate;  A = M - 1

(docs/least_squares.md, sections 2 and 4). Between two active gradients K ~ geometric(P) minibatches pass: momentum is
retained by mu^K and the error drifts by eta times sum_j mu^j momenta. The closed forms below are the means of products
of these. The minibatch clock is the same system with a waiting time of exactly one (P = 1, Q = 0), so one set of
formulas serves all three.

At d = 1e12 rates of 1e-18 decide. No formula here subtracts rounded numbers that nearly agree: a map is never formed
from its increment or the other way round, and `propagate` keeps the small rates through long powers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import HeavyBall, LeastSquares, Problem
from sparsesim.theory import propagate

LARGEST = 2.0**1000
AT_ONCE = 4096  # systems, in memory


@dataclass(frozen=True)
class Coefficients:
    """The means that make up the active map (section 2).

    With K ~ geometric(P), a = sum_{j=1..K} mu^j and b = sum_{j=1..K-1} mu^j; g is the gradient of an active minibatch.
    """

    eta: float  # learning rate
    eps: float  # momentum decay 1 - mu
    mu: float
    P: float  # probability that a minibatch is active, 1 - (1-p)^B
    Q: float  # 1 - P
    b1: float  # retention E[mu^K]
    b2: float  # retention E[mu^2K]
    b1c: float  # 1 - b1
    b2c: float  # 1 - b2
    dth: float  # drift E[a]
    dg: float  # E[b]
    dth2: float  # squared drift E[a^2]
    dg2: float  # E[b^2]
    dmth: float  # products E[a mu^K]
    dmg: float  # E[b mu^K]
    dthg: float  # E[a b]
    phi1: float  # E[g] = phi1 e:  p/P
    phi2: float  # p/(B P)
    phi3: float  # p^2 (B-1)/(B P)
    chi: float  # E|g|^2 = chi |e|^2:  (d+2) phi2 + phi3
    chi_variance: float  # chi - phi1^2, without the difference
    g2: float  # E|g|^2 = g2 |e|^2 over all minibatches, active or not:  P chi


def coefficients(problem: LeastSquares, optimizer: HeavyBall) -> Coefficients:
    """The coefficients of the active map and of the Poisson generator (section 2)."""
    return _coefficients(problem, optimizer, *activity(problem))


def activity(problem: Problem) -> tuple[float, float]:
    """(P, Q): the probabilities that a minibatch has an active sample, P = 1 - (1-p)^B, and that it has none.

    Of logistic regression: a sample of the rare class.
    """
    log_idle = problem.B * math.log1p(-problem.p) if problem.p < 1.0 else -math.inf
    return -math.expm1(log_idle), math.exp(log_idle)


def _coefficients(problem: LeastSquares, optimizer: HeavyBall, P: float, Q: float) -> Coefficients:
    d, p, B = problem.d, problem.p, problem.B
    eps, mu = optimizer.eps, optimizer.mu
    first = P + Q * eps  # 1 - Q mu
    second = P + Q * eps * (2.0 - eps)  # 1 - Q mu^2
    both = first * second
    squared_drift = mu * mu * (1.0 + Q * mu) / both
    phi1, phi2, phi3 = p / P, p / (B * P), p * p * (B - 1) / (B * P)
    return Coefficients(
        eta=optimizer.eta,
        eps=eps,
        mu=mu,
        P=P,
        Q=Q,
        b1=P * mu / first,
        b2=P * mu * mu / second,
        b1c=eps / first,
        b2c=eps * (2.0 - eps) / second,
        dth=mu / first,
        dg=Q * mu / first,
        dth2=squared_drift,
        dg2=Q * squared_drift,
        dmth=P * mu * mu / both,
        dmg=P * Q * mu * mu * mu / both,
        dthg=Q * mu * mu * (1.0 + mu) / both,
        phi1=phi1,
        phi2=phi2,
        phi3=phi3,
        chi=(d + 2) * phi2 + phi3,
        chi_variance=phi2 * ((d + 2 - p) - B * p * Q / P),
        g2=((d + 2) * p + (B - 1) * p * p) / B,
    )


def minibatch_map(problem: LeastSquares, optimizer: HeavyBall) -> np.ndarray:
    """T, one step of the algorithm on (R, V, C) (section 2). Returns (3, 3)."""
    return _map(_every_minibatch(problem, optimizer))


def minibatch_increment(problem: LeastSquares, optimizer: HeavyBall) -> np.ndarray:
    """T - 1 without cancellation. Returns (3, 3)."""
    return _increment(_every_minibatch(problem, optimizer))


def active_map(problem: LeastSquares, optimizer: HeavyBall) -> np.ndarray:
    """M, the map from just after one active update to just after the next (section 2). Returns (3, 3)."""
    return _map(coefficients(problem, optimizer))


def poisson_generator(problem: LeastSquares, optimizer: HeavyBall) -> np.ndarray:
    """A = M - 1 without cancellation: dx/dt = A x, active updates arriving at unit rate (section 2). Returns (3, 3)."""
    return _increment(coefficients(problem, optimizer))


def active_map_by_composition(problem: LeastSquares, optimizer: HeavyBall) -> np.ndarray:
    """M as it is derived: a geometric number of idle minibatches, then an active one; T_act P (1 - Q E)^-1.

    E is an idle minibatch and T_act = (T - Q E)/P the mean active one. For reading and for tests: it loses digits like
    1e-16/P where `active_map` does not. Returns (3, 3).
    """
    P, Q = activity(problem)
    eta, mu = optimizer.eta, optimizer.mu
    E = np.array(
        [
            [1.0, eta * eta * mu * mu, -2.0 * eta * mu],
            [0.0, mu * mu, 0.0],
            [0.0, -eta * mu * mu, mu],
        ]
    )
    T_active = (minibatch_map(problem, optimizer) - Q * E) / P
    return T_active @ (P * np.linalg.inv(np.eye(3) - Q * E))


def forcing(problem: LeastSquares, optimizer: HeavyBall, clock: str) -> np.ndarray:
    """What label noise adds to (R, V, C): per step on the minibatch and active clocks, per unit of time on Poisson's.

    With n = p d label_noise^2 / B it is (eta^2, 1, -eta) eps^2 n on the minibatch clock (section 4), and 1/P of that on
    the other two. Returns (3,).

    Raises:
        ValueError: an unknown clock.
    """
    _validate.choice("clock", clock, _validate.CLOCKS)
    eta, kick = optimizer.eta, optimizer.eps * problem.label_noise
    per_minibatch = problem.p * problem.d / problem.B * kick * kick
    energy = per_minibatch if clock == "minibatch" else per_minibatch / activity(problem)[0]
    return np.array([eta * (eta * energy), energy, -eta * energy])


def moments(
    problem: LeastSquares,
    optimizer: HeavyBall,
    times: ArrayLike,
    clock: str,
    start: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Exact means (R, V, C) along one clock, label noise included (sections 2 and 4).

    Measured against 80 digits at times up to 1e9: relative errors of R and V, and of C against sqrt(R V), stay below
    3e-12 sqrt(1 + eta p/eps) while |1 - H| > 0.1, and are a few 1e-16 as a rule. Closer to the frontier growth is the
    difference of rounded rates, and the error grows towards 1e-16 times the time in units of 1/(eta p).

    Args:
        problem: the sparse least squares; its label noise is the forcing.
        optimizer: heavy ball.
        times: (time,), strictly increasing, 0 or above; whole on the minibatch and active clocks.
        clock: "minibatch" (k), "active" (active updates) or "poisson" (t, active updates at unit rate).
        start: moments at time 0 by name; R = 1 and everything else 0 where they are not given.

    Returns:
        (time, 3). An unstable system grows until it is +-inf.

    Raises:
        ValueError: an unknown clock or moment, times that are no such times, or a start that no two vectors have:
            C^2 <= R V, with equality for d = 1.
    """
    return moments_of([(problem, optimizer)], [times], clock, start)[0]


def moments_of(
    cells: Sequence[tuple[LeastSquares, HeavyBall]],
    times: Sequence[ArrayLike],
    clock: str,
    start: Mapping[str, float] | None = None,
) -> np.ndarray:
    """As `moments`, of many systems at once.

    Args:
        cells: problem and optimizer of each.
        times: of each, equally many.
        clock: see `moments`.
        start: likewise, of all.

    Returns:
        (cell, time, 3).

    Raises:
        ValueError: see `moments`.
    """
    counts = np.stack([_validate.clock_times(own, clock) for own in times])
    found = np.empty((*counts.shape, 3))
    noisy = np.array([problem.label_noise > 0.0 for problem, _ in cells])
    # A forcing is one more variable, which systems without one would carry in vain.
    for kind in (noisy, ~noisy):
        chosen = np.flatnonzero(kind)
        for some in (chosen[first : first + AT_ONCE] for first in range(0, chosen.size, AT_ONCE)):
            found[some] = _propagated([cells[i] for i in some], counts[some], clock, start)
    return found


def _propagated(
    cells: Sequence[tuple[LeastSquares, HeavyBall]], counts: np.ndarray, clock: str, start: Mapping[str, float] | None
) -> np.ndarray:
    """Of systems all with or all without label noise, (cell, time, 3)."""
    x0 = np.stack([_validate.start_moments(start, problem.d) for problem, _ in cells])
    noise = None
    if cells[0][0].label_noise > 0.0:
        noise = _in_range(np.stack([forcing(*cell, clock) for cell in cells]))
    if clock == "poisson":
        return propagate.continuous(
            _in_range(np.stack([poisson_generator(*cell) for cell in cells])), x0, counts, noise
        )
    split = [_split(coefficients(*cell) if clock == "active" else _every_minibatch(*cell)) for cell in cells]
    A, unit = (np.stack(parts) for parts in zip(*split, strict=True))
    return propagate.discrete(_in_range(A), x0, counts, noise, unit=unit)


def _in_range(entries: np.ndarray) -> np.ndarray:
    """Entries with infinities cut to 2^1000, which a step or two bring back; a nan of the formulas is 0 times inf."""
    return np.nan_to_num(entries, nan=0.0, posinf=LARGEST, neginf=-LARGEST)


def _every_minibatch(problem: LeastSquares, optimizer: HeavyBall) -> Coefficients:
    """The coefficients with a waiting time of one: their "active" map is the minibatch map."""
    return _coefficients(problem, optimizer, 1.0, 0.0)


def _increment(c: Coefficients) -> np.ndarray:
    """The map minus the identity."""
    off_diagonal, _, increments = _entries(c)
    return off_diagonal + np.diag(increments)


def _map(c: Coefficients) -> np.ndarray:
    """The map, with retentions on its diagonal instead of their differences from one."""
    off_diagonal, values, _ = _entries(c)
    return off_diagonal + np.diag(values)


def _split(c: Coefficients) -> tuple[np.ndarray, np.ndarray]:
    """(A, unit) with map = diag(unit) + A: diagonal entries near one as differences from it, others as they are."""
    off_diagonal, values, increments = _entries(c)
    near_one = increments > -0.5
    return off_diagonal + np.diag(np.where(near_one, increments, values)), near_one.astype(float)


def _entries(c: Coefficients) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The closed forms of section 2: entries off the diagonal, the map's diagonal, and that diagonal minus one.

    Powers of eta are nested, so that no sum is the difference of two infinities.
    """
    eta = c.eta
    slope = c.eps * c.phi1  # mean momentum that an active gradient adds, per e
    energy = c.eps * c.eps * c.chi  # mean energy that it adds, per |e|^2

    RV = eta * (eta * (c.dth2 + eta * (eta * energy * c.dg2 - 2.0 * slope * c.dthg)))
    RC = 2.0 * eta * (eta * (slope * (c.dg + c.dth) - eta * energy * c.dg) - c.dth)
    VR = energy
    VC = 2.0 * (slope * c.b1 - eta * energy * c.dg)
    CR = slope - eta * energy
    CV = eta * (eta * (slope * (c.dthg + c.dmg) - eta * energy * c.dg2) - c.dmth)
    off_diagonal = np.array([[0.0, RV, RC], [VR, 0.0, VC], [CR, CV, 0.0]])

    RR = eta * (eta * energy - 2.0 * slope)
    VV = eta * (eta * energy * c.dg2 - 2.0 * slope * c.dmg)
    CC = eta * (2.0 * eta * energy * c.dg - slope * (c.dg + c.dth + c.b1))
    kept = 1.0 - eta * slope
    RR_map = kept * kept + eta * (eta * (c.eps * c.eps * c.chi_variance))
    return off_diagonal, np.array([RR_map, c.b2 + VV, c.b1 + CC]), np.array([RR, VV - c.b2c, CC - c.b1c])
