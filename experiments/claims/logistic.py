"""Logistic regression with a rare class: model, gradient, drift and sparse limit (Section 6, Appendices D.1 to D.3).

Means over samples are integrated as they stand (`samples`) and held against the formulas; the rest is measured.
"""

import math

import numpy as np

from experiments.claims import samples
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
    scored,
)
from sparsesim.theory import logistic
from sparsesim.theory.phases import classify

SUMS = "1e-11 relative: a trapezoidal rule of 3,000 nodes in doubles, with cancellation between the classes"
# p, r, theta_par, R
STATES = (
    (0.3, 1.0, 0.5, 1.0),
    (0.1, 2.0, -0.4, 2.5),
    (1e-3, 1.0, 1.2, 0.7),
    (1e-6, 0.6, 0.3, 0.1),
)
ENTRIES = ("RR", "RV", "RC", "VR", "VV", "VC", "CR", "CV", "CC", "R", "V", "C")
RARE = np.array([1e3, 1e4, 1e5, 1e6])  # 1/p
TRAJECTORIES = {"smoke": 16_000, "full": 100_000}  # of all chains, with two times and B = 8: one compilation
NINE = "4.5 standard errors for ten means or so: one false alarm in 10,000"


def problem_at(p: float, r: float = 1.0, d: int = 10, B: int = 1) -> RareClassLogistic:
    """A problem of which p and r count."""
    return RareClassLogistic(d=d, p=float(p), B=B, r=r)


def posterior(scale: str) -> Judged:
    """The log-odds of the classes given x, from their densities, against the logit at theta = r w_hat."""
    rng, worst = np.random.default_rng(0), 0.0
    for _ in range(200):
        p, r = float(10 ** rng.uniform(-6, -0.1)), float(rng.uniform(0.2, 3.0))
        x = rng.normal(size=5) * 2.0
        rare, common = (-0.5 * float(((x - shift * np.eye(5)[0]) ** 2).sum()) for shift in (r, 0.0))
        odds = math.log(p) + rare - math.log(1.0 - p) - common
        worst = max(worst, abs(r * x[0] + problem_at(p, r).bias - odds) / (1.0 + abs(odds)))
    return identity(
        {"largest relative error": worst},
        1e-12,
        "logit at r w_hat against the log-odds of the two densities, 200 random x",
    )


def calibrated(scale: str) -> Judged:
    """What the model predicts at theta = 0, over p."""
    p = 1.0 / RARE[-1]
    ratio = float(samples.sigmoid(np.float64(problem_at(p).bias))) / p
    numbers = {"s(b)/p at p = 1e-6, r = 1": ratio, "exp(-1/2)": math.exp(-0.5)}
    return counterexample(abs(ratio - 1.0) > 1e-3, numbers, "the sigmoid of the bias over p")


def first_gradient(scale: str) -> Judged:
    """How the gradient at theta = 0 goes with p."""
    gradients = [abs(logistic.mean_gradient(problem_at(p), 0.0, 0.0).par) for p in 1.0 / RARE]
    return exponent(1.0 / RARE, gradients, 1.0, "the power of p of the gradient at 0, from p = 1e-3 to 1e-6")


def mean_gradient(scale: str) -> Judged:
    """E[(s(f) - y) x] by quadrature against A theta - b r w_hat."""
    worst = {"along the signal": 0.0, "across it": 0.0}
    for p, r, theta_par, R in STATES:
        c = logistic.coefficients(problem_at(p, r), theta_par, R)
        theta = np.array([theta_par, math.sqrt(R), 0.0])
        direct, _ = samples.gradient(p, r, theta)
        errors = np.abs(direct - (c.A * theta - c.b * r * np.eye(3)[0])) / p
        worst = {name: max(value, float(e)) for (name, value), e in zip(worst.items(), errors, strict=False)}
    return identity(
        worst, 1e-11, "E[(s(f)-y) x] integrated as it stands, at four states with p from 0.3 to 1e-6, over p"
    )


def calibration(scale: str) -> Judged:
    """A and b at the optimum, each from its own integral over samples."""
    worst = 0.0
    for p, r, _, _ in STATES:
        b = samples.mean(p, r, r, 0.0, lambda y, a, u, f: -a * y)
        A = samples.mean(p, r, r, 0.0, lambda y, a, u, f: samples.sigmoid(f) * samples.sigmoid(-f))
        worst = max(worst, abs(A / b - 1.0), abs(logistic.coefficients(problem_at(p, r), r, 0.0).A / b - 1.0))
    return identity(
        {"largest |A/b - 1|": worst}, 1e-11, "E[s'(f)] and E[(1-s(f)) y] at (r, 0), integrated for four p and r"
    )


def second_moment(scale: str) -> Judged:
    """E[g g^T] by quadrature, all its entries, against the tensor of four coefficients."""
    worst = 0.0
    for p, r, theta_par, R in STATES:
        c = logistic.coefficients(problem_at(p, r), theta_par, R)
        theta, signal = np.array([theta_par, math.sqrt(R), 0.0]), r * np.eye(3)[0]
        mixed = np.outer(signal, theta) + np.outer(theta, signal)
        tensor = c.D0 * np.eye(3) + c.D2 * np.outer(theta, theta) + c.Dx * mixed + c.Dm * np.outer(signal, signal)
        worst = max(worst, float(np.abs(samples.gradient(p, r, theta)[1] - tensor).max()) / p)
    return identity(
        {"largest error over p": worst}, 1e-11, "nine entries of E[g g^T], integrated as they stand at four states"
    )


def across(scale: str) -> Judged:
    """The trace across the signal, of a sample and of a minibatch, in d dimensions from the matrix itself."""
    worst = {"one sample": 0.0, "minibatch": 0.0}
    for p, r, theta_par, R in STATES:
        theta = np.array([theta_par, *(math.sqrt(R / 4.0) * np.ones(4)), 0.0, 0.0])
        first, second = samples.gradient(p, r, theta)
        trace, squared = float(np.trace(second[1:, 1:])), float(first[1:] @ first[1:])
        for name, B in (("one sample", 1), ("minibatch", 7)):
            direct = trace / B + (1.0 - 1.0 / B) * squared
            found = logistic.squared_gradient_across(problem_at(p, r, theta.size, B), theta_par, R)
            worst[name] = max(worst[name], abs(float(found) / direct - 1.0))
    return identity(
        worst, 1e-11, "trace of the integrated E[g g^T] across the signal in 7 dimensions, for B = 1 and B = 7"
    )


def channels(scale: str) -> Judged:
    """S at R = 0 and what R adds, over their leading forms as p falls; batches so large that A^2 prevails."""
    d, B, R, stays, grows = 50, 10**9, 0.5, [], []
    for p in 1.0 / RARE:
        problem = problem_at(p, 1.0, d, B)
        D0 = samples.mean(p, 1.0, 1.0, R, lambda y, a, u, f: a * a)
        S = [float(logistic.squared_gradient_across(problem, 1.0, value)) for value in (0.0, R)]
        stays.append(S[0] * B / ((d - 1) * p) - 1.0)
        grows.append((S[1] - (d - 1) * D0 / B) / ((p * math.exp(0.5 * R)) ** 2 * R) - 1.0)
    return combined(
        [approach(RARE, stays, -1.0, "at R = 0"), approach(RARE, grows, -1.0, "what R adds")],
        "S at the optimum over (d-1) p/B, and what it has at R = 1/2 beside (d-1) D0/B over p^2 rho^2 R, less 1, as p "
        "falls",
    )


def excess_risk(scale: str) -> Judged:
    """The mean Kullback-Leibler divergence over two normals, by a grid, against the function of two integrals."""
    u = np.arange(-13.0, 15.0, 0.05)
    density = 0.05 * np.exp(-0.5 * u * u) / math.sqrt(2.0 * math.pi)
    weights, z1, z2 = np.outer(density, density), u[:, None], u[None, :]
    worst = 0.0
    for p, r, theta_par, R in STATES:
        bias, total = problem_at(p, r).bias, 0.0
        for y, share in ((0.0, 1.0 - p), (1.0, p)):
            best, now = bias + r * (r * y + z1), bias + theta_par * (r * y + z1) + math.sqrt(R) * z2
            divergence = samples.sigmoid(best) * (best - now) + np.logaddexp(0.0, now) - np.logaddexp(0.0, best)
            total += share * float((weights * divergence).sum())
        worst = max(worst, abs(float(logistic.excess_risk(problem_at(p, r), theta_par, R)) / total - 1.0))
    return identity(
        {"largest relative error": worst}, 1e-10, "the double integral of (203) on a grid of 560^2, at four states"
    )


def small_errors(scale: str) -> Judged:
    """The relative error of the expansion, as the error shrinks at a tiny p, and as p shrinks at a tiny error."""
    distances = np.array([1e-1, 1e-2, 1e-3, 1e-4])
    near = [_expansion_error(1e-9, h) for h in distances]
    rare = [_expansion_error(p, 1e-9) for p in 1.0 / RARE]
    return combined(
        [approach(1.0 / distances, near, -1.0, "in the error"), approach(RARE, rare, -1.0, "in p")],
        "KL over p/2 ((1+r^2)(theta_par-r)^2 + R), less 1: falls like the error at p = 1e-9, and like p at an error of "
        "1e-9",
    )


def _expansion_error(p: float, h: float) -> float:
    """KL over its expansion at r = 1, less 1, a distance h from the optimum along the signal and 0.8 h across it."""
    theta_par, R = 1.0 - h, 0.7 * h * h
    return float(logistic.excess_risk(problem_at(p), theta_par, R)) / (0.5 * p * (2.0 * h * h + R)) - 1.0


def direct_drift(problem: RareClassLogistic, optimizer: HeavyBall, theta: np.ndarray, m: np.ndarray) -> np.ndarray:
    """E[moments after a minibatch] - moments, from vectors and the integrated moments of the gradient."""
    first, second = samples.gradient(problem.p, problem.r, theta)
    second = second / problem.B + (1.0 - 1.0 / problem.B) * np.outer(first, first)  # of the minibatch
    mu, eps, eta = optimizer.mu, optimizer.eps, optimizer.eta
    buffer = mu * m + eps * first
    squared = mu * mu * np.outer(m, m) + mu * eps * (np.outer(m, first) + np.outer(first, m)) + eps * eps * second
    V = float(np.trace(squared[1:, 1:]))
    product = float(theta[1:] @ buffer[1:])
    after = [theta[0] - eta * buffer[0], buffer[0], theta[1:] @ theta[1:] - 2.0 * eta * product + eta**2 * V, V,
             product - eta * V]  # fmt: skip
    return np.array(after) - samples.moments(theta, m)


def one_step(scale: str) -> Judged:
    """The drift from vectors at random against the closed formulas."""
    rng, names = np.random.default_rng(7), RareClassLogistic.moments
    worst = dict.fromkeys(names, 0.0)
    for _ in range(8 if scale == "smoke" else 60):
        d, p = int(rng.integers(3, 9)), float(10 ** rng.uniform(-3, -0.3))
        problem = RareClassLogistic(d=d, p=p, B=int(rng.integers(1, 9)), r=float(rng.uniform(0.5, 1.5)))
        optimizer = HeavyBall(float(10 ** rng.uniform(-1, 1)), float(rng.uniform(0.02, 1.0)))
        theta, m = samples.vectors(rng, d)
        direct = direct_drift(problem, optimizer, theta, m)
        found = logistic.drift(problem, optimizer, samples.moments(theta, m))
        unit = np.abs(direct) + optimizer.eps * p
        for name, error in zip(names, np.abs(found - direct) / unit, strict=True):
            worst[name] = max(worst[name], float(error))
    return identity(
        worst, 1e-10, "vectors theta and m at random, moments of the gradient integrated, the update applied to both"
    )


def closure(scale: str) -> Judged:
    """Two pairs of vectors with the same five numbers, turned across the signal, have the same mean change."""
    rng, problem, optimizer = np.random.default_rng(8), problem_at(0.1, 1.2, 6, 3), HeavyBall(0.8, 0.3)
    same, other = 0.0, math.inf
    for _ in range(4):
        theta, m = samples.vectors(rng, 6)
        turn = np.eye(6)
        turn[1:, 1:] = np.linalg.qr(rng.normal(size=(5, 5)))[0]
        drifts = [
            direct_drift(problem, optimizer, *pair)
            for pair in ((theta, m), (turn @ theta, turn @ m), (theta, turn @ m))
        ]
        same = max(same, float(np.abs(drifts[1] - drifts[0]).max()))
        other = min(other, float(np.abs(drifts[2] - drifts[0]).max()))
    judged = identity({"change where both are turned": same}, 1e-12, "")
    numbers = {**judged.numbers, "change where m alone is turned": other}
    verdict = judged.verdict if other > 1e-3 else FALSE  # else the check would see nothing
    return Judged(
        verdict, numbers, "mean changes from vectors: theta and m turned together across the signal, or m alone"
    )


def theorem_4(scale: str) -> Judged:
    """Which of the five moments each mean change depends on, by moving one at a time in the exact drift."""
    problem, optimizer, state = problem_at(0.1, 1.0, 20, 4), HeavyBall(0.4, 0.2), np.array([0.5, -0.1, 0.8, 0.2, 0.1])
    base, seen = logistic.drift(problem, optimizer, state), np.zeros((5, 5), dtype=bool)
    for moved in range(5):
        changed = state + 0.05 * np.eye(5)[moved]
        seen[:, moved] = np.abs(logistic.drift(problem, optimizer, changed) - base) > 1e-14
    signal, bulk = [0, 1], [2, 3, 4]
    crossing = {
        "signal by V or C": float(seen[np.ix_(signal, [3, 4])].sum()),
        "bulk by m_par": float(seen[bulk, 1].sum()),
    }
    used = {"signal by R": float(seen[signal, 2].sum()), "bulk by theta_par": float(seen[bulk, 0].sum())}
    parts = [
        one_step(scale),
        identity(crossing, 0.0, ""),
        identity({"couplings not seen": 5.0 - sum(used.values())}, 0.0, ""),
    ]
    return combined(
        parts, "the mean change from vectors against the closed formulas; then each of the five moments moved by itself"
    )


def one_scalar(scale: str) -> Judged:
    """A at theta_par = 0.7 and -0.7: rho and R are equal, coefficients are not."""
    apart = []
    for p in 1.0 / RARE:
        plus, minus = (logistic.coefficients(problem_at(p), x, 0.5) for x in (0.7, -0.7))
        apart.append(plus.A / minus.A - 1.0)
    vanishes = approach(RARE, apart, -1.0, "")
    numbers = {"relative difference of A at p = 1e-3": apart[0], "exponent in 1/p": vanishes.numbers["exponent"]}
    return loose(
        vanishes.verdict == LIMIT, abs(apart[0]) < 1e-10, numbers,
        "A at theta_par = 0.7 and -0.7 with R = 0.5, where rho is the same, for p from 1e-3 to 1e-6",
    )  # fmt: skip


def stepped(scale: str) -> Judged:
    """One minibatch of the algorithm as written, from a general state, against the drift."""
    start = {"theta_par": 0.3, "m_par": -0.1, "R": 0.8, "V": 0.2, "C": 0.1}
    problem, optimizer = RareClassLogistic(6, 0.2, 4, 1.0), HeavyBall(0.5, 0.3)
    trajectories = 5_000 if scale == "smoke" else 100_000
    data = simulate(
        problem, optimizer, times=[1], trajectories=trajectories, seed=2, start=start, engine="vector", oracle="literal"
    )
    state = np.array([start[name] for name in problem.moments])
    z = (data["mean"].values[0] - state - logistic.drift(problem, optimizer, state)) / data["std_error"].values[0]
    return scored(
        {f"z of {name}": float(one) for name, one in zip(problem.moments, z, strict=True)},
        f"{trajectories:,} minibatches of the algorithm as written in 6 dimensions, five means against state + drift",
        4.5,
    )  # fmt: skip


def not_closed(scale: str) -> Judged:
    """Means over trajectories: after one minibatch those of the recursion, later shifted from it as predicted."""
    trajectories = TRAJECTORIES[scale]
    problem, optimizer = RareClassLogistic(40, 0.2, 8, 1.0), HeavyBall(1.0, 0.3)
    data = compare(simulate(problem, optimizer, times=[1, 40], trajectories=trajectories, seed=1))
    off = (data["mean"] - data["exact"]) / data["std_error"]
    z = {f"z of {name} at 1": float(off.sel(moment=name, time=1)) for name in problem.moments}
    z |= {
        f"z of {name} at 40, shift allowed": float(data["z"].sel(moment=name, time=40)) for name in ("theta_par", "R")
    }
    judged = scored(z, "", 4.5)
    shift = abs(float(off.sel(moment="R", time=40)))
    biases = [_shift(d) for d in (10**2, 10**3, 10**4)]
    order = exponent((10**2, 10**3, 10**4), biases, -1.0, "")
    numbers = {**judged.numbers, "standard errors of R at 40 from the recursion": shift,
        "exponent of the shift in d": order.numbers["exponent"]}  # fmt: skip
    good = judged.verdict == BOUNDS and shift > 6.0 and order.verdict == LIMIT
    return Judged(
        BOUNDS if good else FALSE, numbers,
        f"{trajectories:,} trajectories at d = 40: the mean after one minibatch is the recursion's, after 40 it is off "
        "by the shift of second order, which falls like 1/d",
    )  # fmt: skip


def _shift(d: int) -> float:
    """Of the mean of R from the recursion, to leading order, at equal eta and d/B."""
    problem, optimizer = RareClassLogistic(d, 0.2, d // 5, 1.0), HeavyBall(1.0, 0.3)
    return float(logistic.fluctuations(problem, optimizer, [40]).bias[0, 2])


def an_ode(scale: str) -> Judged:
    """Closed in the mean change given the state, and not in the means over trajectories."""
    given, means = theorem_4(scale), not_closed(scale)
    apart = means.numbers["standard errors of R at 40 from the recursion"]
    numbers = {"standard errors of the mean R from the closed equations": apart}
    return loose(given.verdict == HOLDS, abs(apart) < 4.0, numbers,
                 "the mean change as a function of the five; simulated means after 40 minibatches from its recursion")  # fmt: skip


def concentration(scale: str) -> Judged:
    """Relative deviations over trajectories that start at the fixed point, where rare samples are fewer than 1/eps."""
    trajectories = TRAJECTORIES[scale]
    problem, optimizer = RareClassLogistic(1000, 1000**-0.7, 8, 1.0), HeavyBall(0.008, 1000**-0.1)
    fixed = logistic.fixed_point(problem, optimizer)
    start = dict(zip(problem.moments, fixed.tolist(), strict=True))
    data = simulate(problem, optimizer, times=[10, 20], trajectories=trajectories, seed=3, start=start)
    deviation = (data["std_error"] * math.sqrt(trajectories)).values[-1]
    relative = dict(zip(problem.moments, deviation / np.abs(fixed), strict=True))
    exact = dict(zip(problem.moments, logistic.stationary(problem, optimizer).deviation / np.abs(fixed), strict=True))
    numbers = {f"{name}, simulated": float(relative[name]) for name in ("theta_par", "R", "V", "C")}
    numbers |= {f"{name}, stationary theory": float(exact[name]) for name in ("theta_par", "R", "V", "C")}
    good = relative["V"] > 1.0 and relative["C"] > 1.0 and exact["R"] < 0.1
    return Judged(
        BOUNDS if good else FALSE, numbers,
        f"standard deviation over value at d = 1000, p B/eps = 0.13, {trajectories:,} trajectories 20 minibatches "
        "after the fixed point, and from the stationary covariance",
    )  # fmt: skip


def tame(scale: str) -> Judged:
    """Relative errors of the leading forms at a state of order 1, as 1/p grows."""
    errors = {"A": [], "b": [], "D0": [], "D2": []}
    for p in 1.0 / RARE:
        exact, leading = (
            logistic.coefficients(problem_at(p), 0.7, 0.4),
            logistic.tame_reduction(problem_at(p), 0.7, 0.4).leading,
        )
        for name, values in errors.items():
            values.append((getattr(exact, name) - getattr(leading, name)) / p)
    parts = [approach(RARE, values, -1.0, name) for name, values in errors.items()]
    judged = combined(
        parts, "A - p rho, b - p, D0 - p and D2, over p, at theta_par = 0.7 and R = 0.4 for p from 1e-3 to 1e-6"
    )
    numbers = {f"exponent of {name} in 1/p": part.numbers["exponent"] for name, part in zip(errors, parts, strict=True)}
    return judged._replace(numbers=numbers | {"predicted exponent": -1.0})


def tame_corrected(scale: str) -> Judged:
    """The same with the first correction."""
    errors = {"A": [], "b": [], "D0": [], "D2": []}
    for p in 1.0 / RARE[:3]:
        exact, better = (
            logistic.coefficients(problem_at(p), 0.7, 0.4),
            logistic.tame_reduction(problem_at(p), 0.7, 0.4).corrected,
        )
        for name, values in errors.items():
            values.append((getattr(exact, name) - getattr(better, name)) / p)
    parts = [approach(RARE[:3], values, -2.0, name) for name, values in errors.items()]
    judged = combined(parts, "what the first corrections leave of A, b, D0 and D2, over p, for p from 1e-3 to 1e-5")
    numbers = {f"exponent of {name} in 1/p": part.numbers["exponent"] for name, part in zip(errors, parts, strict=True)}
    return judged._replace(numbers=numbers | {"predicted exponent": -2.0})


def validity(scale: str) -> Judged:
    """The relative error of A = p rho over p exp((3 tau^2 - r^2)/2), and where p rho alone is small."""
    ratios = []
    for p in (1e-4, 1e-6):
        for theta_par, R in ((0.0, 1.0), (1.0, 1.0), (1.5, 0.5), (0.5, 2.0)):
            tau2 = theta_par**2 + R
            small = p * math.exp(1.5 * tau2 - 0.5)
            rho = math.exp(0.5 * (tau2 - 1.0))
            ratios.append(abs(logistic.coefficients(problem_at(p), theta_par, R).A / (p * rho) - 1.0) / small)
    far = logistic.coefficients(problem_at(0.01, 2.0), 2.0, 1.0).A / (0.01 * math.exp(0.5))
    numbers = {"least error over p exp((3 tau^2 - r^2)/2)": min(ratios), "largest": max(ratios),
               "p rho at r = theta_par = 2, R = 1, p = 0.01": 0.01 * math.exp(0.5), "A/(p rho) there": far}  # fmt: skip
    good = min(ratios) > 0.2 and max(ratios) < 2.1 and abs(far - 1.0) > 0.2
    return Judged(
        BOUNDS if good else FALSE, numbers,
        "the error of A = p rho at eight states, and at one where p rho is small and p exp((3 tau^2 - r^2)/2) is not",
    )  # fmt: skip


def sparse_limit(scale: str) -> Judged:
    """The exact drift against the sparse one in scaled variables, at equal eta p, eps and d/(B p)."""
    scaled, errors = np.array([0.6, -0.3, 0.8, 0.5, 0.2]), []
    for p in 1.0 / RARE:
        problem, optimizer = (
            RareClassLogistic(round(100 * RARE[-1]), p, round(200 * RARE[-1] / p), 1.0),
            HeavyBall(0.6 / p, 0.4),
        )
        units = np.array([1.0, p, 1.0, p * p, p])
        exact, sparse = (f(problem, optimizer, scaled * units) / units for f in (logistic.drift, logistic.sparse_drift))
        errors.append(float(np.abs(exact - sparse).max()))
    return approach(
        RARE, errors, -1.0,
        "largest difference of the drifts of (theta_par, m/p, R, V/p^2, C/p) at a state of order 1, for p from 1e-3 to "
        "1e-6",
    )  # fmt: skip


def noise_character(scale: str) -> Judged:
    """The exponent of additive over multiplicative noise in d, on three sides of beta = 1 + alpha."""
    parts, numbers, dimensions = [], {}, (10**8, 10**10, 10**12)
    for name, beta in (("concentrated", 1.9), ("on the line", 1.5), ("noise-floor", 0.75)):
        ratios = []
        for d in dimensions:
            problem, _ = Scaling(0.5, beta, 1.0).at(d, r=1.0)
            c = logistic.coefficients(problem, 0.8, 0.6)
            ratios.append((d - 1) * c.D0 / problem.B / (c.D2 / problem.B + (1.0 - 1.0 / problem.B) * c.A**2) / 0.6)
        parts.append(exponent(dimensions, ratios, 1.5 - beta, name))
        numbers[f"exponent, {name}"] = parts[-1].numbers["exponent"]
        numbers[f"1 + alpha - beta, {name}"] = 1.5 - beta
    return combined(
        parts,
        "(d-1) D0/B over (D2/B + (1-1/B) A^2) R at (0.8, 0.6), exact coefficients, alpha = 0.5, d from 1e8 to 1e12",
    )._replace(numbers=numbers)


def partition(scale: str) -> Judged:
    """The regions of the table against the project's classification, on a grid in tenths."""
    wrong = dict.fromkeys(("A", "C", "D", "E", "F", "concentrated below"), 0.0)
    names = {
        "A": "concentrated-above",
        "C": "noise-floor-above",
        "D": "noise-floor-below",
        "E": "resonance",
        "F": "noise-line",
    }
    for alpha, beta, delta in np.ndindex(16, 31, 31):
        if delta == 0 and beta >= 10 + alpha:
            continue  # the corner, which the table leaves out
        line = 10 + alpha - beta
        wrong["concentrated below"] += line < 0 and delta < line
        tag = "A" if line < 0 else "F" if line == 0 else "C" if delta > line else "D" if delta < line else "E"
        wrong[tag] += classify(alpha / 10, beta / 10, delta / 10, "logistic").region != names[tag]
    return identity(
        wrong, 0.0, "15,000 points of a grid in tenths of alpha, beta and delta, without the corner delta = 0"
    )


def entries(scale: str) -> Judged:
    """Local exponents of the twelve entries at large d against the table of the appendix."""
    worst, dimensions = {}, (10**10, 10**12)
    for where in ((0.5, 0.75, 1.75), (0.4, 0.5, 0.6), (0.5, 1.8, 1.2)):
        alpha, beta, delta = where
        scaling, values = Scaling(*where), []
        for d in dimensions:
            matrix, forcing = logistic.bulk_matrix(*scaling.at(d, r=1.0), 0.8, 0.6)
            values.append(np.abs(np.append(matrix.ravel(), forcing)))
        k = scaling.kappa
        table = [k + delta + alpha, 2 * k, k, 2 * delta + 2 * alpha, delta, delta + alpha, delta + alpha, k, delta,
                 2 * k + 2 * delta + alpha + beta - 1, 2 * delta + alpha + beta - 1,
                 k + 2 * delta + alpha + beta - 1]  # fmt: skip
        slopes = np.log(values[1] / values[0]) / math.log(100.0)
        for name, slope, order in zip(ENTRIES, slopes, table, strict=True):
            worst[name] = max(worst.get(name, 0.0), abs(float(slope) + order))
    judged = identity(worst, 0.01, "")
    return Judged(
        LIMIT if judged.verdict == HOLDS else FALSE, judged.numbers,
        "how far exponents between d = 1e10 and 1e12 are from those of the table, at three points (entry, or forcing)",
    )  # fmt: skip


def information(scale: str) -> Judged:
    """D0 against A, and the second moment along the signal against the Hessian, at the optimum."""
    worst = {"D0/A - 1": 0.0, "second moment over Hessian along the signal - 1": 0.0}
    for p, r, _, _ in STATES:
        second = samples.gradient(p, r, np.array([r, 0.0, 0.0]))[1]
        curvature = logistic.hessians(problem_at(p, r), r, 0.0)
        for name, value in zip(worst, (second[1, 1] / curvature.perp, second[0, 0] / curvature.par), strict=True):
            worst[name] = max(worst[name], abs(float(value) - 1.0))
    return identity(worst, 1e-11, "E[g g^T] at the optimum, integrated as it stands, against Hessians of the loss")


CLAIMS = (
    Claim(
        "Theorem 4",
        "Given the state, a minibatch changes (theta_par, m_par, R, V, C) in the mean by a function of these five: of "
        "the bulk the signal knows R alone, of the signal the bulk knows theta_par alone.",
        theorem_4, HOLDS, "1e-10 relative: integrals in doubles; couplings that must be absent are exactly 0",
        figure="fig04",
    ),
    Claim(
        "Theorem 4 (an ODE)", "The five-variable state satisfies a closed ODE.", an_ode, LOOSE,
        "4 standard errors of the mean; the first part to 1e-10",
        correction="the mean change by a minibatch is a function of the five. Means over trajectories shift from its "
        "recursion by O(1/d), and a step is a unit of time for small steps only", figure="fig04",
    ),
    Claim(
        "Theorem 4 (one coupling scalar)", "Signal and bulk are coupled through one scalar, the curvature factor rho.",
        one_scalar, LOOSE, "the exponent to 0.05; equality to 1e-10 would be none",
        correction="True as p vanishes. With exact coefficients theta_par and R count each for itself: at one rho they "
        "differ by a relative O(p).", figure="fig04",
    ),
    Claim(
        "(191)",
        "With b = log(p/(1-p)) - r^2/2 the model is well specified, and its optimum is r times the signal direction.",
        posterior, HOLDS, "1e-12 relative: rounding of logarithms",
    ),
    Claim(
        "Remark 17 (calibration)", "At theta = 0 the model predicts exactly the probability p of the rare class.",
        calibrated, FALSE, "s(b)/p within 1e-3 of 1 would do",
        correction="s(b) = p exp(-r^2/2)/(1 - p + p exp(-r^2/2)), smaller than p by a factor that depends on r",
    ),
    Claim(
        "Remark 17 (order)", "The gradient at theta = 0 is of order p.", first_gradient, LIMIT, "the exponent to 0.02",
    ),
    Claim(
        "Proposition 18", "The mean gradient is A theta - b r w_hat, with A and b functions of theta_par and |theta|.",
        mean_gradient, HOLDS, SUMS,
    ),
    Claim("D.1.3 (calibration identity)", "At the optimum A = b.", calibration, HOLDS, SUMS),
    Claim(
        "(197)-(199)",
        "E[g g^T] = D0 1 + D2 theta theta^T + terms with the signal, where D0 = E[a^2] and D2 = E[(a^2)''] of the "
        "residual a.",
        second_moment, HOLDS, SUMS,
    ),
    Claim(
        "(200)-(201)",
        "Across the signal E|g|^2 is (d-1) D0 + D2 R for a sample, and that over B plus (1-1/B) A^2 R for a minibatch.",
        across, HOLDS, SUMS,
    ),
    Claim(
        "D.1.4 (two noise channels)",
        "Noise across the signal has an additive part, about d p/B, which stays at the optimum, and one in proportion "
        "to R.",
        channels, LIMIT, "exponents to 0.05: corrections are of relative order p",
    ),
    Claim(
        "(202)-(203)",
        "The excess risk is the mean over samples of s(g)(g-f) + log(1+e^f) - log(1+e^g), f the logit, g the best.",
        excess_risk, HOLDS, "1e-10 relative: a grid in two dimensions, with cancellation",
    ),
    Claim(
        "(204)", "Near the optimum it is p/2 ((1+r^2)(theta_par-r)^2 + R).", small_errors, LIMIT,
        "exponents to 0.05: relative errors of the order of the distance, and of p",
    ),
    Claim(
        "Lemma 19",
        "What a minibatch changes the five moments by, in the mean, follows from these five alone.",
        closure, HOLDS, "1e-12: rounding of turned vectors",
    ),
    Claim(
        "(206)-(211)",
        "The mean changes of the five moments by a minibatch are those of docs/logistic.md, section 3, at every d.",
        one_step, HOLDS, "1e-10 relative: integrals and updates in doubles",
    ),
    Claim(
        "(212)-(216)", "Taken as the step of the equations of motion they are what the algorithm does in the mean.",
        stepped, BOUNDS, NINE, figure="fig04",
    ),
    Claim(
        "D.2.1 (what closes)",
        "The closure is exact for the mean change given the state; the mean over trajectories does not close.",
        not_closed, BOUNDS, NINE + "; a shift counts from 6 on", figure="fig04",
    ),
    Claim(
        "Concentration of the five moments",
        "theta_par and R concentrate as d grows; momentum, V and C do not where p B is far below eps.",
        concentration, BOUNDS, "a relative deviation above 1 for V and C, below 0.1 for R", later=True,
    ),
    Claim(
        "Lemma 20", "At a fixed state A = p rho, b = p, D0 = p and D2 = 0 up to relative errors that vanish with p.",
        tame, LIMIT, "exponents to 0.05: each correction is of relative order p",
    ),
    Claim(
        "Remark 21", "What has to be small for this is the mean of s^2 against that of s, not p rho alone.",
        validity, BOUNDS, "the ratio is 2 where the correction of second order in s prevails, and of order 1 elsewhere",
    ),
    Claim(
        "(223)-(228)",
        "Inserted into the drift they leave a closed system with the coupling rho alone, to leading order in p.",
        sparse_limit, LIMIT, "the exponent to 0.05: corrections of relative order p", figure="fig04",
    ),
    Claim(
        "(229)", "Additive over multiplicative noise goes like d^(1+alpha-beta): beta = 1 + alpha is the boundary.",
        noise_character, LIMIT, "exponents to 0.02: corrections are of order p", figure="fig26",
    ),
    Claim(
        "D.3.5 (partition)",
        "Five regions remain, A, C, D, E and F; concentrated batches below resonance would need delta < 0.",
        partition, HOLDS, "0: a count of points",
    ),
    Claim(
        "D.3.6 (entries of the bulk matrix)",
        "The twelve entries of matrix and forcing go with d by the listed exponents.",
        entries, LIMIT, "0.01: what next orders leave at d = 1e10",
    ),
    Claim(
        "First corrections to the tame reductions",
        "With terms in exp(2 tau^2 - r^2) and exp(r theta_par + (tau^2-r^2)/2) the reductions err at order p^2.",
        tame_corrected, LIMIT, "exponents to 0.05", later=True,
    ),
    Claim(
        "Information identities of the rare class",
        "At the optimum D0 = A, and the second moment of the gradient along the signal is the Hessian there.",
        information, HOLDS, SUMS, later=True,
    ),
)  # fmt: skip
