"""Logistic regression with a rare class: learning rates, limits, floors and stability (Appendices D.4 to D.6).

Limits are approached by the exact recursion, and faster by the sparse equations, which leave out what is of order p.
"""

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import cast

import numpy as np
from scipy.optimize import brentq

from experiments.claims.logistic import RARE, TRAJECTORIES, problem_at
from sparsesim import HeavyBall, RareClassLogistic, Scaling, compare, simulate
from sparsesim.claims import (
    BOUNDS,
    FALSE,
    HOLDS,
    LIMIT,
    LOOSE,
    Claim,
    Judged,
    approach,
    combined,
    counterexample,
    exponent,
    identity,
    loose,
)
from sparsesim.theory import logistic
from sparsesim.theory.limits import limit_ode
from sparsesim.theory.logistic import LogisticLimit, SparseSystem

# (alpha, beta, delta) in every region of Table 5, where the order p = d^-1/2 prevails over all other corrections.
REGIONS = {
    "A": (0.5, 1.8, 1.2),
    "C": (0.5, 0.75, 1.75),
    "D": (0.5, 0.5, 0.25),
    "E": (0.5, 0.5, 1.0),
    "F": (0.5, 1.5, 1.0),
}
# Where the sparse equations, which have no such error, tend to the limit at a rate of their own, and that rate.
SPARSE = {
    "A": ((0.3, 1.6, 0.5), 0.5),  # delta
    "C": ((0.5, 0.75, 1.25), 0.5),  # delta - (1 + alpha - beta)
    "D": ((0.7, 0.3, 0.5), 0.9),  # 1 + alpha - beta - delta
    "E": ((0.6, 0.9, 0.7), 0.7),  # delta
    "F": ((0.4, 1.4, 0.5), 0.5),  # delta
}
DIMENSIONS = (10**6, 10**8, 10**10)
PREFACTORS = {"c_p": 0.5, "c_eta": 1.0}
SHARED = "exponents to 0.05, as next orders are smaller by a power of d"


def limit_at(exponents: tuple[float, float, float], r: float = 1.0, **changes: float) -> LogisticLimit:
    """The limit of a scaling."""
    limit = limit_ode(Scaling(*exponents, **{**PREFACTORS, **changes}), "logistic", r)
    assert isinstance(limit, LogisticLimit)
    return limit


def free(c: float, r: float = 1.0) -> LogisticLimit:
    """A limit above resonance of stiffness c, in the time of its own."""
    return limit_at(REGIONS["A"], r, c_p=1.0, c_eps=1.0, c_eta=c)


def below(K: float, r: float = 1.0) -> LogisticLimit:
    """A limit below resonance of noise K, in the time of its own."""
    return limit_at(REGIONS["D"], r, c_p=1.0 / (2.0 * K), c_B=1.0, c_eta=2.0 * K)


def distance(found: np.ndarray, expected: np.ndarray) -> float:
    """The largest over variables of the largest distance in time, over the largest value."""
    return float((np.abs(found - expected).max(axis=0) / np.abs(expected).max(axis=0)).max())


def recursion_error(limit: LogisticLimit, d: int) -> float:
    """How far the exact recursion is from its limit at slow times 0 to 6, at whole minibatches."""
    unit = float(limit.ticks(1.0, d))
    s = np.unique(np.rint(np.linspace(0.0, 6.0, 25) * unit)) / unit
    return distance(limit.at(d, s), limit.trajectory(s))


def sparse_error(limit: LogisticLimit, d: float) -> float:
    """How far the sparse equations are from it, with powers of d as they are."""
    of, s = limit.scaling, np.linspace(0.0, 6.0, 25)
    p, B = of.c_p * d**-of.alpha, of.c_B * d**of.beta
    system = SparseSystem(of.c_eta * d**-of.kappa * p, of.c_eps * d**-of.delta, d / (B * p), limit.r)
    found = system.ode(limit.ticks(s, round(d)))
    return distance(found if limit.stiffness is not None else found[:, [0, 2]], limit.trajectory(s))


def root(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function that changes sign vanishes, to rounding."""
    return cast(float, brentq(function, low, high, xtol=1e-14))


def row(region: str, scale: str) -> Judged:
    """A row of Table 5: exact recursion and sparse equations approach the limit, each at its rate."""
    exponents, rate = SPARSE[region]
    limit, other = limit_at(REGIONS[region]), limit_at(exponents)
    dimensions = DIMENSIONS if scale == "smoke" else (10**5, *DIMENSIONS)
    exact = approach(dimensions, [recursion_error(limit, d) for d in dimensions], -0.5, "exact recursion")
    at = (1e4, 1e6, 1e8)
    sparse = approach(at, [sparse_error(other, d) for d in at], -rate, "sparse equations")
    names = {"exponent": "exponent", "predicted exponent": "predicted", "last error": "last error"}
    numbers = {f"{short}, {what}": part.numbers[name] for what, part in (("exact", exact), ("sparse", sparse))
               for name, short in names.items()}  # fmt: skip
    return combined(
        [exact, sparse],
        f"largest relative distance over slow times 0 to 6: of the exact recursion at {REGIONS[region]} up to d = "
        f"1e10, of the sparse equations at {exponents} up to 1e8",
    )._replace(numbers=numbers)


def signal_curvature(scale: str) -> Judged:
    """H along the signal, from the mean gradient by differences, over p (1 + r^2)."""
    parts, off = [], {}
    for r in (0.7, 1.0, 1.5):
        errors = []
        for p in 1.0 / RARE[:3]:
            G = logistic.mean_gradient(problem_at(p, r), np.array([r - 1e-3, r + 1e-3]), 0.0).par
            errors.append(float(G[1] - G[0]) / 2e-3 / (p * (1.0 + r * r)) - 1.0)
        parts.append(approach(RARE[:3], errors, -1.0, f"r = {r}", within=0.1))
    for p in (0.1, 0.01, 0.001):
        off[f"missing at p = {p}, r = 1"] = 1.0 - float(logistic.hessians(problem_at(p), 1.0, 0.0).par) / (2.0 * p)
    judged = combined(
        parts, "slope of the mean gradient at the optimum over p (1+r^2), less 1, for three r and p to 1e-5"
    )
    exponents = {f"exponent {i}": part.numbers["exponent"] for i, part in enumerate(parts)}
    return judged._replace(numbers={**exponents, **off})


def onset(problem: RareClassLogistic, eps: float) -> float:
    """The eta at which eigenvalues of the exact map along the signal turn complex at the optimum, by bisection."""

    def real(log_eta: float) -> float:
        J = logistic.jacobian(problem, HeavyBall(math.exp(log_eta), eps), [problem.r, 0.0, 0.0, 0.0, 0.0])[:2, :2]
        return float((J[0, 0] - J[1, 1]) ** 2 + 4.0 * J[0, 1] * J[1, 0]) / eps**2

    guess = math.log(eps / problem.p)
    return math.exp(root(real, guess - 4.0, guess + 0.5))


def underdamped(scale: str) -> Judged:
    """4 eta p (1+r^2) over eps at the onset, as p and eps vanish together."""
    parts = []
    for r in (0.7, 1.5):
        errors = [4.0 * onset(problem_at(x, r, 1), x) * x * (1.0 + r * r) / x - 1.0 for x in 1.0 / RARE[:3]]
        parts.append(approach(RARE[:3], errors, -1.0, f"r = {r}"))
    return combined(
        parts, "4 eta p (1+r^2)/eps, less 1, where eigenvalues of the exact map turn complex; p = eps, r 0.7 and 1.5"
    )


def resonance_line(scale: str) -> Judged:
    """How the eps of the onset goes with d at eta = B/d."""
    parts = []
    for alpha, beta in ((0.5, 0.5), (0.3, 0.9)):
        found = []
        for d in (10**6, 10**8, 10**10):
            problem, optimizer = Scaling(alpha, beta, 0.1, kappa=1.0 - beta).at(d, r=1.0)
            found.append(_eps_of_onset(problem, 0.1 * optimizer.eta))
        parts.append(exponent((10**6, 10**8, 10**10), found, -(1.0 + alpha - beta), f"{alpha}, {beta}"))
    return combined(
        parts,
        "eps at which the signal begins to oscillate at eta = 0.1 B/d, for d from 1e6 to 1e10, at two (alpha, beta)",
    )


def _eps_of_onset(problem: RareClassLogistic, eta: float) -> float:
    """The eps whose onset is at eta."""
    guess = math.log(8.0 * problem.p * eta)
    return math.exp(root(lambda x: math.log(onset(problem, math.exp(x)) / eta), guess - 1.0, guess + 1.0))


def learning_rates(scale: str) -> Judged:
    """Exponents of stiffness and noise under the prescription, at random points of the plane."""
    rng, worst = np.random.default_rng(1), {"stiffness above": 0.0, "noise below": 0.0, "what grows": 0.0}
    for _ in range(1000):
        alpha, beta, delta = rng.uniform([0.05, 0.0, 0.0], [1.5, 3.0, 3.0]).tolist()
        kappa = Scaling(alpha, beta, delta).kappa
        stiffness, noise = delta - alpha - kappa, 1.0 - beta - kappa
        which = "stiffness above" if delta > 1.0 + alpha - beta else "noise below"
        worst[which] = max(worst[which], abs(stiffness if which == "stiffness above" else noise))
        worst["what grows"] = max(worst["what grows"], stiffness, noise)
    return identity(
        worst, 1e-12, "exponents of eta p/eps and of eta d/B at kappa = max(1-beta, delta-alpha), 1,000 points"
    )


def slowed(scale: str) -> Judged:
    """Far above eps/p: the exact fixed point is stable, trajectories settle there, and true ceilings are elsewhere."""
    problem, eps = RareClassLogistic(1000, 1e-3, 10**6, 1.0), 1e-3
    claimed = logistic.claimed_ceiling(problem, eps)
    rates = {m: logistic.decay_rate(problem, HeavyBall(m * claimed, eps)) / eps for m in (0.1, 1.0, 100.0)}
    numbers = {f"decay rate over eps at {m:g} eps/p": rate for m, rate in rates.items()}
    numbers["lowest true ceiling over eps/p"] = logistic.critical_learning_rate(problem, eps) / claimed
    small, optimizer = RareClassLogistic(30, 0.2, 8, 1.0), HeavyBall(10.0 * 0.02 / 0.2, 0.02)
    trajectories = TRAJECTORIES[scale]
    data = compare(simulate(small, optimizer, times=[400, 600], trajectories=trajectories, seed=4))
    R = data["mean"].sel(moment="R").values
    numbers |= {"simulated R at 10 eps/p after 8/eps": R[0], "after 12/eps": R[1],
        "exact fixed point": logistic.fixed_point(small, optimizer)[2]}  # fmt: skip
    settled = abs(R[1] / R[0] - 1.0) < 0.05 and R[1] < 1.2 * numbers["exact fixed point"]
    refuted = rates[100.0] > 0.4 and settled and numbers["lowest true ceiling over eps/p"] > 100.0
    return counterexample(
        refuted,
        numbers,
        f"the slowest rate of the exact map at p = eps = 1e-3, and {trajectories:,} trajectories at ten times eps/p",
    )


def any_stiffness(scale: str) -> Judged:
    """Starts at random at stiffness 0.1 and more: how far from the optimum they end."""
    rng, left = np.random.default_rng(5), {}
    for c in (0.1, 10.0, 100.0) if scale == "smoke" else (0.1, 1.0, 10.0, 100.0, 1000.0):
        limit, worst = free(c), 0.0
        for _ in range(2):
            theta_par, R = float(rng.normal()), float(rng.uniform(0.2, 2.0))
            end = limit.trajectory([400.0 if c < 1.0 else 40.0], {"theta_par": theta_par, "R": R})[0]
            worst = max(worst, abs(end[0] - 1.0), abs(end[2]))
        left[f"distance left at c = {c:g}"] = worst
    return identity(left, 1e-6, "the limit ODE above resonance from random starts, at slow time 40, or 400 at c = 0.1")


def remark_22(scale: str) -> Judged:
    """The slowest rate at the equilibria of random prefactors, in every region."""
    rng, worst = np.random.default_rng(0), {}
    for region in REGIONS:
        limit, least = limit_at(REGIONS[region]), math.inf
        for _ in range(60 if scale == "smoke" else 600):
            c, K = (10.0 ** rng.uniform(-2.0, 3.0, size=2)).tolist()
            changes = {"r": float(rng.uniform(0.2, 3.0))}
            changes |= {"noise": K} if limit.noise else {}
            changes |= {"stiffness": c} if limit.stiffness is not None else {}
            least = min(least, replace(limit, **changes).decay_rate)
        worst[f"least decay rate, {region}"] = least
    good = all(rate > 0.0 for rate in worst.values())
    return Judged(
        BOUNDS if good else FALSE,
        worst,
        "the slowest eigenvalue at the equilibrium of each limit, at random stiffness, noise and r",
    )


def unconditional(scale: str) -> Judged:
    """Below resonance the limit contracts at every noise; at finite p the floor jumps where noise passes the fold."""
    rates = [below(K).decay_rate / below(K).rate for K in (0.1, 1.0, 15.0, 25.0, 100.0)]
    problem, floors = RareClassLogistic(10**4, 1e-3, 100, 1.0), {}
    for K in (15.0, 25.0):
        optimizer = HeavyBall(2.0 * K * problem.B / (problem.d - 1), 0.1)
        floors[K] = float(logistic.recursion(problem, optimizer, [10**7])[0, 2])
    numbers = {f"R where the exact recursion ends, K = {K:g}": R for K, R in floors.items()}
    numbers |= {"least rate of the limit": min(rates), "floor of the limit at K = 25": logistic.floor(25.0, 1.0).R}
    return loose(
        min(rates) > 0.0, floors[25.0] < 2.0 * numbers["floor of the limit at K = 25"], numbers,
        "rates of the limit at K from 0.1 to 100, and the exact recursion at p = 1e-3, d = 1e4, B = 100 after 1e7 "
        "minibatches",
    )  # fmt: skip


def volterra(scale: str) -> Judged:
    """Five moments against two positions and two momenta, integrated apart."""
    s, worst = np.linspace(0.0, 12.0, 49), {}
    starts = {
        "from rest": {"R": 1.5},
        "C^2 = R V": {"theta_par": 0.3, "m_par": -0.4, "R": 1.5, "V": 0.6, "C": -math.sqrt(0.9)},
        "any start, in a plane": {"R": 1.0, "V": 0.5, "C": 0.2},
    }
    for name, start in starts.items():
        worst[name] = 0.0
        for c in (0.1, 2.0):
            pair = free(c).pair(s, start)
            worst[name] = max(worst[name], float(np.abs(pair.variables - free(c).trajectory(s, start)).max()))
            on_a_line = bool(np.abs(pair.X[:, 1]).max() < 1e-12)
            if on_a_line != (name != "any start, in a plane"):
                worst[name] = math.inf
    return identity(
        worst, 1e-9, "the 4-D system (X, Y on a line, or each in a plane) against the five moments, both integrated"
    )


def linearized(scale: str) -> Judged:
    """Eigenvalues of the exact map at its fixed point, (z - 1)/eps, against the roots of the two quadratics."""
    parts = []
    for r, c in ((0.7, 0.05), (1.5, 0.8)):
        errors = []
        for d in DIMENSIONS:
            problem, optimizer = Scaling(0.5, 1.8, 0.8, c_p=1.0, c_eta=c).at(d, r=r)  # eps well above rounding
            fixed = logistic.fixed_point(problem, optimizer)
            scaled = np.array([1.0, problem.p, 1.0, problem.p**2, problem.p])
            J = (logistic.jacobian(problem, optimizer, fixed) - np.eye(5)) * scaled / scaled[:, None] / optimizer.eps
            signal, bulk = np.roots([1.0, 1.0, c * (1.0 + r * r)]), np.roots([1.0, 1.0, c])
            expected = [*signal, 2.0 * bulk[0], 2.0 * bulk[1], bulk.sum()]
            found = np.linalg.eigvals(J)
            errors.append(max(float(np.abs(found - value).min()) for value in expected))
        parts.append(approach(DIMENSIONS, errors, -0.5, f"r = {r}, c = {c}"))
    return combined(
        parts,
        "(eigenvalue - 1)/eps of the exact map in region A against roots of l^2 + l + c(1+r^2) and sums of those of "
        "l^2 + l + c",
    )


def optimum_only(scale: str) -> Judged:
    """The equilibrium without noise: what its derivative is there, and where the exact fixed point tends."""
    still = {
        f"derivative at (r, 0), c = {c:g}": float(np.abs(free(c, 1.3).derivative([1.3, 0, 0, 0, 0])).max())
        for c in (0.1, 5.0)
    }
    off, dimensions = [], (10**4, 10**5, 10**6)
    for d in dimensions:
        problem, optimizer = Scaling(*REGIONS["A"], **PREFACTORS).at(d, r=1.3)
        fixed = logistic.fixed_point(problem, optimizer)
        off.append(abs(fixed[0] - 1.3) + fixed[2])
    # Noise vanishes like eta d/(2B), d to 1 + alpha - beta - delta.
    return combined(
        [identity(still, 1e-13, ""), any_stiffness(scale), approach(dimensions, off, -1.5, "")],
        "the limit's derivative at (r, 0); random starts end there at every stiffness; the exact fixed point of region "
        "A tends to it",
    )


def finite_floor(scale: str) -> Judged:
    """The exact R at the fixed point above resonance: over eta d/(2B), and how it goes with d."""
    R, ratio, gap = [], [], 0.75
    for d in DIMENSIONS:
        problem, optimizer = Scaling(0.5, 0.75, 1.5, **PREFACTORS).at(d, r=1.0)
        R.append(logistic.fixed_point(problem, optimizer)[2])
        ratio.append(R[-1] * 2.0 * problem.B / (optimizer.eta * d) - 1.0)
    return combined(
        [exponent(DIMENSIONS, R, -gap, "R"), approach(DIMENSIONS, ratio, -gap, "ratio")],
        "R of the exact fixed point at (0.5, 0.75, 1.5), 0.75 above resonance: its exponent, and its ratio to eta "
        "d/(2B), less 1",
    )


def slaved(scale: str) -> Judged:
    """m/p, C/p and V of the sparse equations against their slaved values, at delta = 0.5 and at delta = 0."""
    apart = {}
    for name, exponents in (("delta = 0.5", (0.7, 0.3, 0.5)), ("delta = 0", (0.5, 0.5, 0.0))):
        limit = limit_at(exponents, c_eps=0.5)
        s = np.linspace(0.5, 6.0, 12)
        x = limit.trajectory(s)
        rho = np.exp(0.5 * (x[:, 0] ** 2 + x[:, 1] - 1.0))
        claimed = np.stack([rho * x[:, 0] - 1.0, 0.5 + 0.0 * rho, rho * x[:, 1] - limit.noise], axis=-1)
        apart[name] = [_from_slaved(limit, d, s, claimed) for d in (1e4, 1e6, 1e8)]
    judged = approach((1e4, 1e6, 1e8), apart["delta = 0.5"], -0.5, "")
    numbers = {"exponent at delta = 0.5": judged.numbers["exponent"], "predicted": -0.5,
               "distance at delta = 0.5, d = 1e8": apart["delta = 0.5"][-1],
               "at delta = 0, eps = 1/2": apart["delta = 0"][-1]}  # fmt: skip
    return loose(
        judged.verdict == LIMIT, apart["delta = 0"][-1] < 0.01, numbers,
        "largest distance of m/p, V/(eps d p/B) and C/p from the slaved values at slow times 0.5 to 6, sparse "
        "equations",
    )  # fmt: skip


def _from_slaved(limit: LogisticLimit, d: float, s: np.ndarray, claimed: np.ndarray) -> float:
    of = limit.scaling
    p, B = of.c_p * d**-of.alpha, of.c_B * d**of.beta
    system = SparseSystem(of.c_eta * d**-of.kappa * p, of.c_eps * d**-of.delta, d / (B * p), limit.r)
    _, m, _, V, C = system.ode(limit.ticks(s, round(d))).T
    return float(np.abs(np.stack([m, V / (system.eps * system.noise), C], axis=-1) - claimed).max())


def momentum_free(scale: str) -> Judged:
    """Below resonance at delta = 0: the exact recursions of two eps approach one another and the same ODE."""
    limits = [limit_at((0.5, 0.5, 0.0), c_eps=eps) for eps in (0.2, 0.9)]
    s = np.linspace(0.0, 6.0, 25)
    same = float(np.abs(limits[0].trajectory(s) - limits[1].trajectory(s)).max())
    parts = [approach(DIMENSIONS, [recursion_error(limit, d) for d in DIMENSIONS], -0.5, "") for limit in limits]
    return combined(
        [identity({"difference of the limits": same}, 0.0, ""), *parts],
        "the exact recursion at (0.5, 0.5, 0) with eps = 0.2 and 0.9 against theta_par' = r - rho theta_par, R' = 2K - "
        "2 rho R",
    )


def constant_floor(scale: str) -> Judged:
    """The exact fixed point in region D, and on resonance, against the root of rho R = K, rho theta_par = r."""
    parts = []
    for region in ("D", "E"):
        errors = []
        for d in DIMENSIONS:
            problem, optimizer = Scaling(*REGIONS[region], **PREFACTORS).at(d, r=1.2)
            errors.append(float(np.abs(logistic.fixed_point(problem, optimizer)[[0, 2]] - _floor(0.5, 1.2)).max()))
        parts.append(approach(DIMENSIONS, errors, -0.5, region))
    return combined(
        parts, "(theta_par, R) of the exact fixed point at K = 1/2 in D and E against the root of the three equations"
    )


def _floor(K: float, r: float) -> list[float]:
    """(theta_par, R) of the equilibrium, by bisection in rho: 2 ln rho = theta_par^2 + R - r^2."""
    rho = root(lambda x: 2.0 * math.log(x) - (r / x) ** 2 - K / x + r * r, 1.0, 1.0 + K + r)
    return [r / rho, K / rho]


def small_floors(scale: str) -> Judged:
    """The relative error of the floor's two approximations, as the noise shrinks."""
    noise = np.array([1e-1, 1e-2, 1e-3])
    of_R, of_theta = [], []
    for K in noise.tolist():
        theta_par, R = _floor(K, 1.3)
        of_R.append(float(logistic.approximate_floor(K, 1.3)) / R - 1.0)
        of_theta.append(float(logistic.approximate_theta_par(R, 1.3)) - theta_par)
    parts = [approach(1.0 / noise, of_R, -2.0, "R"), approach(1.0 / noise, of_theta, -2.0, "theta_par")]
    off = float(logistic.approximate_floor(1.0, 1.0)) / _floor(1.0, 1.0)[1] - 1.0
    numbers = {"exponent in 1/K, R": parts[0].numbers["exponent"], "theta_par": parts[1].numbers["exponent"],
        "predicted": -2.0,
               "relative error of R at K = 1, r = 1": off}  # fmt: skip
    return combined(
        parts,
        "R = K exp(-R/(2(1+r^2))) and theta_par = r - r R/(2(1+r^2)) against the root, for K from 0.1 to 1e-3, r = 1.3",
    )._replace(numbers=numbers)


def eigenvalues(scale: str) -> Judged:
    """Eigenvalues of the reduced ODE at its equilibrium against -(1+r^2) and -2, as the floor shrinks."""
    noise, off = np.array([1e-4, 1e-5, 1e-6]), {}
    for r in (2.0, 1.0):
        off[r] = [_eigenvalue_error(K, r) for K in noise.tolist()]
    linear, square_root = approach(1.0 / noise, off[2.0], -1.0, ""), approach(1.0 / noise, off[1.0], -0.5, "")
    as_worded = approach(1.0 / noise, off[1.0], -1.0, "")  # of the order of R at r = 1 too
    spectrum = (below(0.5).spectrum / below(0.5).rate).real
    numbers = {"exponent in 1/K at r = 2": linear.numbers["exponent"], "at r = 1": square_root.numbers["exponent"],
               "slower at K = 1/2, r = 1": spectrum[0], "faster": spectrum[1], "both said to be": -2.0}  # fmt: skip
    return loose(
        linear.verdict == square_root.verdict == LIMIT, as_worded.verdict == LIMIT, numbers,
        "eigenvalues at the equilibrium of (246), for K from 1e-4 to 1e-6 at r = 2 and r = 1, and at K = 1/2",
    )  # fmt: skip


def _eigenvalue_error(K: float, r: float) -> float:
    limit = below(K, r)
    found = np.sort((limit.spectrum / limit.rate).real)
    return float(np.abs(found - np.sort([-(1.0 + r * r), -2.0])).max())


def node(scale: str) -> Judged:
    """Trace, determinant and discriminant at random floors, by differences, against forms that have a sign."""
    rng, worst = np.random.default_rng(2), {"trace": 0.0, "determinant": 0.0, "discriminant": 0.0}
    for _ in range(100 if scale == "smoke" else 1000):
        K, r = float(10 ** rng.uniform(-3, 1.5)), float(rng.uniform(0.2, 2.5))
        limit = below(K, r)
        x, rho = limit.equilibrium, K / limit.equilibrium[1]
        h = 1e-5 * x
        J = np.stack(
            [(limit.derivative(x + e) - limit.derivative(x - e)) / (2.0 * e.max()) for e in np.diag(h)], axis=-1
        )
        J /= limit.rate
        signs = (-(rho + r * x[0]) - rho * (2.0 + x[1]), rho**2 * (2.0 + x[1]) + 2.0 * r * r,
                 (rho + r * x[0] - rho * (2.0 + x[1])) ** 2 + 4.0 * r * r * x[1])  # fmt: skip
        found = (np.trace(J), np.linalg.det(J), np.trace(J) ** 2 - 4.0 * np.linalg.det(J))
        scales = (signs[0], signs[1], signs[0] ** 2)
        for name, a, b, unit in zip(worst, found, signs, scales, strict=True):
            worst[name] = max(worst[name], abs(float((a - b) / unit)))
    return identity(
        worst,
        1e-6,
        "the Jacobian of (246) by differences at random floors: trace -(...) < 0, determinant > 0, discriminant >= 0",
    )


def across_resonance(scale: str) -> Judged:
    """The floor of the limits below, on and above resonance, and V and C on it from the exact fixed point."""
    on, under, over = (limit_at(REGIONS[region], 1.2) for region in ("E", "D", "C"))
    same = float(np.abs(on.equilibrium[[0, 2]] - under.equilibrium).max())
    errors = []
    for d in DIMENSIONS:
        problem, optimizer = Scaling(*REGIONS["E"], **PREFACTORS).at(d, r=1.2)
        fixed = logistic.fixed_point(problem, optimizer)
        nu = optimizer.eps * d / (problem.B * problem.p)
        errors.append(abs(fixed[3] / problem.p**2 - 0.5 * nu) + abs(fixed[4] / problem.p))
    numbers = {"R below": under.equilibrium[1], "R on": on.equilibrium[2], "R above": over.equilibrium[2]}
    parts = [identity({"difference below and on": same}, 1e-12, ""), approach(DIMENSIONS, errors, -0.5, "")]
    judged = combined(
        parts,
        "floors of the three limits at equal prefactors; V/p^2 - nu/2 and C/p of the exact fixed point on resonance",
    )
    verdict = judged.verdict if over.equilibrium[2] == 0.0 < on.equilibrium[2] else FALSE
    return Judged(verdict, {**numbers, **judged.numbers}, judged.computed)


def channels_meet(scale: str) -> Judged:
    """The ratio of the two channels at beta = 1 + alpha, with exact coefficients, and the noise of the limit there."""
    off = []
    for d in DIMENSIONS:
        problem, _ = Scaling(0.5, 1.5, 1.0, c_p=0.5, c_B=1.3).at(d, r=1.0)
        c = logistic.coefficients(problem, 1.0, 0.0)
        off.append(problem.d * c.D0 / problem.B / c.A**2 * (1.3 * 0.5) - 1.0)
    noise = {"noise of the limit": limit_at(REGIONS["F"]).noise, "difference from the limit in A": _same_as_A()}
    return combined(
        [approach(DIMENSIONS, off, -0.5, ""), identity(noise, 1e-12, "")],
        "d D0/(B A^2) times c_B c_p, less 1, at the optimum; and the limit in F against that in A at equal prefactors",
    )


def _same_as_A() -> float:
    s = np.linspace(0.0, 6.0, 13)
    return float(np.abs(limit_at(REGIONS["F"]).trajectory(s) - limit_at(REGIONS["A"]).trajectory(s)).max())


def corner(scale: str) -> Judged:
    """At the triple point: the exact recursion against the map and against the ODE in unit time."""
    scaling, k = Scaling(0.5, 1.5, 0.0, c_p=1.0, c_B=2.0, c_eps=0.4, c_eta=0.6), np.arange(61)
    system, of_map, of_ode = logistic.limit_map(scaling, 1.0), [], []
    for d in DIMENSIONS:
        problem, optimizer = scaling.at(d, r=1.0)
        exact = logistic.recursion(problem, optimizer, k) / [1.0, problem.p, 1.0, problem.p**2, problem.p]
        of_map.append(distance(system.recursion(k), exact))
        of_ode.append(distance(system.ode(k), exact))
    map_holds = approach(DIMENSIONS, of_map, -0.5, "")
    numbers = {"distance from the ODE at d = 1e6": of_ode[0], "at d = 1e10": of_ode[-1],
        "from the map at d = 1e10": of_map[-1],
               "exponent of the map's": map_holds.numbers["exponent"]}  # fmt: skip
    return counterexample(
        of_ode[-1] > 0.1 and map_holds.verdict == LIMIT, numbers,
        "largest relative distance of the exact recursion over 60 minibatches at (0.5, 1.5, 0), eps = 0.4, eta p = 0.6",
        LIMIT,
    )  # fmt: skip


def averaging(scale: str) -> Judged:
    """R of the exact fixed point at one eta and four eps, and at one eps and four eta."""
    problem = RareClassLogistic(10**4, 0.01, 1000, 1.0)
    by_eps = {eps: logistic.fixed_point(problem, HeavyBall(0.05, eps))[2] for eps in (1.0, 0.1, 1e-2, 1e-3)}
    by_eta = {eta: logistic.fixed_point(problem, HeavyBall(eta, 0.1))[2] for eta in (0.05, 0.005)}
    numbers = {f"R at eps = {eps:g}, eta = 0.05": R for eps, R in by_eps.items()}
    numbers["R at eps = 0.1, eta = 0.005"] = by_eta[0.005]
    spread = max(by_eps.values()) / min(by_eps.values()) - 1.0
    return counterexample(
        spread < 1e-3 and by_eta[0.005] < 0.2 * by_eta[0.05], {**numbers, "spread over eps": spread},
        "R of the exact fixed point at d = 1e4, p = 0.01, B = 1000, on both sides of resonance",
    )  # fmt: skip


def speeds(scale: str) -> Judged:
    """The slowest rate of the exact map at the prescribed eta: above resonance, and below it at two momenta."""
    above, other, apart = [], [], []
    for d in DIMENSIONS:
        problem, optimizer = Scaling(*REGIONS["C"], c_p=0.5, c_eta=2.0).at(d, r=1.0)
        above.append(logistic.decay_rate(problem, optimizer))
        pair = []
        for delta in (0.0, 0.25):
            problem, optimizer = Scaling(0.5, 0.5, delta, c_p=0.5, c_eps=0.5).at(d, r=1.0)
            pair.append(logistic.decay_rate(problem, optimizer))
        other.append(pair[1])
        apart.append(pair[1] / pair[0] - 1.0)
    parts = [
        exponent(DIMENSIONS, above, -1.75, ""),
        exponent(DIMENSIONS, other, -1.0, ""),
        approach(DIMENSIONS, apart, math.nan, ""),
    ]
    numbers = {"exponent above": parts[0].numbers["exponent"], "-delta": -1.75,
        "exponent below": parts[1].numbers["exponent"],
               "beta - alpha - 1": -1.0, "difference of two momenta below, d = 1e10": apart[-1]}  # fmt: skip
    return combined(
        parts, "decay rates of the exact map at (0.5, 0.75, 1.75), and at (0.5, 0.5) with delta 0 and 0.25"
    )._replace(numbers=numbers)


def reference_curves(scale: str) -> Judged:
    """At alpha = 0.3: how far sparse equations and exact recursion are from the limit."""
    limit, dimensions = limit_at((0.3, 1.6, 1.2)), (10**5, 10**7, 10**9)
    sparse = [sparse_error(limit, d) for d in dimensions]
    exact = [recursion_error(limit, d) for d in dimensions]
    judged = approach(dimensions, exact, -0.3, "")
    numbers = {
        "sparse equations, d = 1e7": sparse[1],
        "exact recursion, d = 1e7": exact[1],
        "its exponent": judged.numbers["exponent"],
    }
    return loose(
        judged.verdict == LIMIT, exact[1] < 2.0 * sparse[1], numbers,
        "largest relative distance from the limit over slow times 0 to 6 at (0.3, 1.6, 1.2), exact and with sparse "
        "coefficients",
    )  # fmt: skip


def fixed_points(scale: str) -> Judged:
    """The closed form of the exact fixed point: nothing moves there, and the recursion ends there."""
    rng, worst = np.random.default_rng(6), {"drift there": 0.0, "R of the formula": 0.0, "end of the recursion": 0.0}
    for _ in range(6 if scale == "smoke" else 40):
        problem = RareClassLogistic(
            int(rng.integers(20, 500)), float(10 ** rng.uniform(-1.5, -0.5)), int(rng.integers(20, 99)), 1.0
        )
        optimizer = HeavyBall(float(rng.uniform(0.05, 0.5)), float(rng.uniform(0.05, 1.0)))
        fixed = logistic.fixed_point(problem, optimizer)
        c, eps, eta = logistic.coefficients(problem, fixed[0], fixed[2]), optimizer.eps, optimizer.eta
        S = float(logistic.squared_gradient_across(problem, fixed[0], fixed[2]))
        R = eta * S / (2.0 * c.A) * (2.0 - eps) / ((2.0 - eps) + optimizer.mu * eta * c.A)
        end = logistic.recursion(problem, optimizer, [10**6])[0]
        found = (
            np.abs(logistic.drift(problem, optimizer, fixed)).max(),
            abs(R / fixed[2] - 1.0),
            np.abs(end - fixed).max(),
        )
        worst = {name: max(old, float(new)) for (name, old), new in zip(worst.items(), found, strict=True)}
    return identity(
        worst, 1e-8, "drift at the fixed point, (eta S/2A)(2-eps)/((2-eps) + mu eta A) over R, and 1e6 minibatches"
    )


def energy(scale: str) -> Judged:
    """E' along the limit at random states, by the chain rule and by differences, against -c (m^2 + V)."""
    rng, worst = np.random.default_rng(9), {"chain rule": 0.0, "differences": 0.0}
    for _ in range(50):
        c, r = float(10 ** rng.uniform(-2, 3)), float(rng.uniform(0.3, 2.0))
        limit, X = free(c, r), rng.normal(size=(2, 3)) * [[1.0], [1.0 / math.sqrt(c)]]
        x = np.array([rng.normal(), rng.normal() / math.sqrt(c), X[0] @ X[0], X[1] @ X[1], X[0] @ X[1]])
        v, rho = limit.derivative(x), math.exp(0.5 * (x[0] ** 2 + x[2] - r * r))
        slope = (rho * x[0] - r) * v[0] + 0.5 * rho * v[2] + c * x[1] * v[1] + 0.5 * c * v[3]
        h = 1e-6 / (1.0 + np.abs(v).max())
        difference = float(limit.lyapunov(x + h * v) - limit.lyapunov(x - h * v)) / (2.0 * h)
        unit = c * (x[1] ** 2 + x[3]) + abs(limit.lyapunov(x)) * np.abs(v).max() + rho * c * abs(x[4])
        for name, value in (("chain rule", slope), ("differences", difference)):
            worst[name] = max(worst[name], abs(value + c * (x[1] ** 2 + x[3])) / unit)
    return combined(
        [
            identity({"chain rule": worst["chain rule"]}, 1e-12, ""),
            identity({"differences": worst["differences"]}, 1e-7, ""),
        ],
        "dE/ds at 50 random states with C^2 < R V and stiffness from 0.01 to 1000, plus c (m^2 + V)",
    )


def curvature_ceiling(scale: str) -> Judged:
    """Where the exact map loses the stability of its fixed point, for an infinite minibatch, over 2(2-eps)/(eps H)."""
    off = {}
    for eps, p in ((0.3, 10**-1.2), (0.05, 1e-3), (0.9, 0.01)):
        problem = RareClassLogistic(100, p, 10**16, 1.0)
        x, h = np.array([1.0 - 1e-4, 1.0 + 1e-4]), 2e-4
        H = float(np.diff(logistic.mean_gradient(problem, x, 0.0).par)[0]) / h
        said = 2.0 * (2.0 - eps) / (eps * H)
        found = _loss_of_stability(problem, eps, said)
        off[f"eps = {eps:g}, p = {p:.3g}"] = found - 1.0
    return identity(off, 1e-6, "the root of the decay rate of the exact map at B = 1e16, over the formula, less 1")


def _loss_of_stability(problem: RareClassLogistic, eps: float, unit: float) -> float:
    """The eta at which the decay rate vanishes, in units."""
    return root(lambda f: logistic.decay_rate(problem, HeavyBall(unit * f, eps)), 0.9, 1.1)


def fold(scale: str) -> Judged:
    """The largest level by a grid, and fixed points just below and just above the fold."""
    numbers, jumps = {}, []
    for p in (1e-3, 1e-4):
        found = logistic.noise_fold(problem_at(p))
        grid = np.geomspace(0.05 * found.R, 2.0 * found.R, 400)
        numbers[f"K at p = {p:g} over a grid's, less 1"] = found.K / max(_level(p, R) for R in grid.tolist()) - 1.0
        before, after = (_settled(p, share * found.K) for share in (0.98, 1.02))
        jumps.append(after / before)
    good = all(abs(value) < 1e-3 for value in numbers.values()) and min(jumps) > 20.0
    return Judged(
        BOUNDS if good else FALSE,
        {**numbers, "least jump of R, a factor": min(jumps)},
        "the first maximum of R A/D0 along A theta_par = b r by a grid of 400, and R of fixed points at 0.98 and 1.02 "
        "of it",
    )


def _settled(p: float, K: float) -> float:
    """R of the exact fixed point at noise K, where eta is small."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", logistic.SaturatedBranch)
        return logistic.fixed_point(RareClassLogistic(10**9, p, 1, 1.0), HeavyBall(2e-9 * K, 0.5))[2]


def _level(p: float, R: float) -> float:
    """R A/D0 on the nullcline."""
    problem = problem_at(p)
    theta_par = root(lambda x: logistic.mean_gradient(problem, x, R).par, 0.0, 1.0)
    c = logistic.coefficients(problem, theta_par, R)
    return float(R * c.A / c.D0)


def deviations(scale: str) -> Judged:
    """Stationary deviations over their leading forms, as eta shrinks."""
    eta, of_theta, of_R = np.array([1e-2, 1e-3, 1e-4]), [], []
    for one in eta.tolist():
        problem, optimizer = RareClassLogistic(1000, 0.01, 200, 1.0), HeavyBall(one, 0.1)
        sd = logistic.stationary(problem, optimizer).deviation
        of_theta.append(sd[0] / math.sqrt(one / 400.0) - 1.0)
        of_R.append(sd[2] / logistic.fixed_point(problem, optimizer)[2] / math.sqrt(2.0 / 999.0) - 1.0)
    return combined(
        [approach(1.0 / eta, of_theta, -1.0, "theta_par"), approach(1.0 / eta, of_R, -1.0, "R")],
        "sd(theta_par)/sqrt(eta/(2B)) and sd(R)/R/sqrt(2/(d-1)), less 1, at d = 1000 for eta from 1e-2 to 1e-4",
    )


CLAIMS = (
    Claim(
        "(231)-(232)", "Along the signal the loss has the curvature p (1 + r^2) at the optimum, to leading order.",
        signal_curvature, LIMIT, "exponents to 0.1: differences of 1e-3 are seen at the smallest p",
    ),
    Claim(
        "(233)", "The signal oscillates iff 4 eta p (1 + r^2) > eps, to leading order.", underdamped, LIMIT, SHARED,
        figure="fig23",
    ),
    Claim(
        "D.4.2 (resonance line)", "At eta of order B/d the onset of oscillation is at eps of order d^-(1+alpha-beta).",
        resonance_line, LIMIT, "exponents to 0.02",
    ),
    Claim(
        "(234)",
        "kappa = delta - alpha above resonance keeps eta p/eps, kappa = 1 - beta below keeps eta d/B, and on it both "
        "agree.",
        learning_rates, HOLDS, "1e-12: sums of exponents",
    ),
    Claim(
        "Section 6 (learning rate above resonance)",
        "Above resonance the learning rate must stay below eps/p for stability, as in least squares.",
        slowed, FALSE,
        "a rate above 0.4 eps at a hundred times the ceiling, and trajectories that stay, leave no doubt",
        correction="eps/p is where speed saturates, at eps/2 a minibatch. Stability ends at 2(2-eps)/(eps H), where a "
        "step overshoots, or at the noise fold, eta d/(2B) = K(p, r) whatever eps, where R jumps to a saturated floor: "
        "whichever comes first.", figure="fig23",
    ),
    Claim(
        "Remark 22",
        "In the limits, at the prescribed learning rate, every equilibrium is stable without a condition on "
        "prefactors.",
        remark_22, BOUNDS, "rates above 0 at random prefactors", figure="fig25",
    ),
    Claim(
        "Table 5, row A",
        "Concentrated, above resonance: heavy balls coupled by rho, on the clock d^delta, with no floor.",
        lambda scale: row("A", scale), LIMIT, SHARED, figure="fig22",
    ),
    Claim(
        "Table 5, row C", "Noise-floor, above resonance: the same limit, with a floor that vanishes with d.",
        lambda scale: row("C", scale), LIMIT, SHARED, figure="fig23",
    ),
    Claim(
        "Table 5, row D",
        "Noise-floor, below resonance: (theta_par, R) on the clock d^(1+alpha-beta), with a forcing that stays.",
        lambda scale: row("D", scale), LIMIT, SHARED, figure="fig24",
    ),
    Claim(
        "Table 5, row E", "On resonance: all five variables on one clock, with a forcing of V that stays.",
        lambda scale: row("E", scale), LIMIT, SHARED, figure="fig25",
    ),
    Claim(
        "Table 5, row F", "Where beta = 1 + alpha and delta > 0: the limit of A again.",
        lambda scale: row("F", scale), LIMIT, SHARED, figure="fig26",
    ),
    Claim(
        "(239), (241)-(242)",
        "Above resonance R = X^2, C/p = X Y, V/p^2 = Y^2 with X' = -c Y, Y' = -Y + rho X, from every start with C^2 = "
        "R V.",
        volterra, HOLDS, "1e-9: two integrations to 1e-11", figure="fig22",
    ),
    Claim(
        "D.5.2 and D.5.3 (equilibrium)", "Above resonance the one fixed point is the optimum (r, 0).", optimum_only,
        LIMIT,
        "rests to rounding; 1e-6 is left of starts; the exponent to 0.05", figure="fig22",
    ),
    Claim(
        "(243)",
        "Linearized there the signal is a heavy ball of stiffness c (1 + r^2), and the bulk one of stiffness c.",
        linearized, LIMIT, SHARED, figure="fig23",
    ),
    Claim(
        "(244)", "Above resonance R settles at eta d/(2B) (1 + o(1)), which goes like d^-(delta-(1+alpha-beta)).",
        finite_floor, LIMIT, "the exponent of R to 0.02, that of the ratio to 0.05", figure="fig23",
    ),
    Claim(
        "(245)", "Below resonance m/p = rho theta_par - r, C/p = rho R - eta d/(2B) and V = eps d p/(2B).",
        slaved, LOOSE, "the exponent to 0.05; 0.01 would do at delta = 0",
        correction="So for delta > 0. At delta = 0 V and the noise in C have 1/(2-eps) instead of 1/2; the two cancel "
        "in (246).",
        figure="fig24",
    ),
    Claim(
        "(246)", "The slow equations below resonance know eta and B alone: momentum is gone, at delta = 0 as well.",
        momentum_free, LIMIT, SHARED, figure="fig24",
    ),
    Claim(
        "(247)",
        "Below resonance the equilibrium solves rho R = K, rho theta_par = r and 2 ln rho = theta_par^2 + R - r^2.",
        constant_floor, LIMIT, SHARED, figure="fig24",
    ),
    Claim(
        "(235), (248)", "A small floor is R = K exp(-R/(2(1+r^2))) and shifts the signal to r - r R/(2(1+r^2)).",
        small_floors, LIMIT, "exponents to 0.05: both err at second order in K", figure="fig05",
    ),
    Claim(
        "(249)", "At the floor the modes decay at 1 + r^2 and 2, up to errors of the order of R.",
        eigenvalues, LOOSE, "exponents to 0.05",
        correction="The Jacobian is that to errors of order R, and its eigenvalues are where they are apart; at r = 1, where the "
        "two meet, they are off by the order of sqrt(R).",
        figure="fig24",
    ),
    Claim(
        "D.5.4 (stable node)", "Both modes at the floor are real and decay: nothing oscillates below resonance.",
        node, HOLDS, "1e-6: central differences", figure="fig24",
    ),
    Claim(
        "D.5.4 (unconditional contraction)",
        "Below resonance the bulk contracts whatever the noise: no threshold of stability.",
        unconditional, LOOSE, "rates above 0; a floor twice that of the limit would do",
        correction="So in the limit, for which R of order one and a tame rho are asked. At finite p the floor jumps to a saturated one where eta d/(2B) passes the noise "
        "fold, which grows as p vanishes.", figure="fig24",
    ),
    Claim(
        "(250)-(252)",
        "On resonance V/p^2 settles at half the forcing, C at 0 and R at the floor of D: it is continuous from below "
        "and falls to 0 above.", across_resonance, LIMIT, "1e-12 for the floors; the exponent to 0.05", figure="fig25",
    ),
    Claim(
        "(253)-(254)",
        "At beta = 1 + alpha both channels are of one order, and both vanish from the limit while delta > 0.",
        channels_meet, LIMIT, "the exponent to 0.05; limits equal to 1e-12", figure="fig26",
    ),
    Claim(
        "D.2.3 (unit time at delta = 0)",
        "Where delta = 0 a minibatch may stand for a unit of time: the limit is the ODE in five variables.",
        corner, FALSE, "a distance of 0.1 that stays as d grows; the exponent of the map's to 0.05",
        correction="All five variables and both channels stay, but time is discrete: the limit is a map.",
        figure="fig26",
    ),
    Claim(
        "Section 6 (momentum and the floor)",
        "More momentum averages label noise out, and so lowers the floor above resonance.",
        averaging, FALSE, "a spread of 1e-3 over three decades of eps: what is left is of relative order eta A",
        correction="It does fall with the prescribed learning rate, but at a fixed one the floor does not depend on eps.",
        figure="fig05",
    ),
    Claim(
        "Section 6 (bias and speed)",
        "Above resonance the error decays at a rate of order d^-delta; below it sparsity decides and momentum does "
        "not.",
        speeds, LIMIT, "exponents to 0.02", figure="fig05",
    ),
    Claim(
        "D.6", "The comparisons of limits with the system at finite d test the limits.", reference_curves, LOOSE,
        "the exponent to 0.05; twice the distance of the sparse equations would do",
        correction="They compare the sparse equations with themselves at a larger d, without the corrections of order p. With "
        "exact coefficients the "
        "distance falls like d^-alpha, and is a few percent at d = 1e7 for alpha = 0.3.", figure="fig22",
    ),
    Claim(
        "Exact fixed point of the rare class",
        "m = 0, A theta_par = b r, V = eps S/((2-eps) + mu eta A), C = -eta V/2 and R = (eta S/2A)(2-eps)/((2-eps) + "
        "mu eta A).",
        fixed_points, HOLDS, "1e-8: what is left of the slowest mode, and rounding", later=True, figure="fig05",
    ),
    Claim(
        "Energy above resonance",
        "E = rho - r theta_par + (c/2)(m^2 + V) falls, at c (m^2 + V): every start ends at the optimum.",
        energy, HOLDS, "1e-12 by the chain rule, 1e-7 by differences", later=True, figure="fig23",
    ),
    Claim(
        "Curvature ceiling of the rare class",
        "For an infinite minibatch the fixed point is stable up to eta = 2(2-eps)/(eps H), H the curvature along the "
        "signal.",
        curvature_ceiling, HOLDS, "1e-6: H by differences of 1e-4", later=True,
    ),
    Claim(
        "Noise fold of the rare class",
        "The floor of the optimum ends where eta (d-1)/(2B) passes the first maximum of R A/D0 on A theta_par = b r; "
        "there R jumps.",
        fold, BOUNDS, "1e-3: the spacing of a grid, squared; a factor of 20 is a jump", later=True,
    ),
    Claim(
        "Spread at the floor",
        "For small eta theta_par has a deviation of sqrt(eta/(2B)), and R a relative one of sqrt(2/d).",
        deviations, LIMIT, "exponents to 0.05: corrections are of relative order eta", later=True,
    ),
)  # fmt: skip
