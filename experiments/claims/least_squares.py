"""Exact second moments of least squares (Section 4, Appendices C.1 to C.3).

Identities are proved in exact arithmetic (`sparsesim.theory.proofs`), or computed twice at random points.
"""

from fractions import Fraction
from math import comb

import mpmath
import numpy as np

from experiments.claims import points
from sparsesim import simulate
from sparsesim.claims import BOUNDS, HOLDS, LIMIT, Claim, Judged, approach, combined, identity, proof, scored
from sparsesim.comparison import compare
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.theory import least_squares
from sparsesim.theory.limits import limit_ode
from sparsesim.theory.proofs import maps

EXACT = "0: exact arithmetic, no rounding"
ROUNDING = "1e-11 relative: some ten operations in doubles, each to 1e-16, and 1 - (1-p)^B cancels"
ALARM = "4.5 standard errors for nine means: one false alarm in 16,000"


def derived(scale: str) -> Judged:
    """From the update rule to the generator, by SymPy."""
    return proof(
        (maps.gradient_moments, maps.minibatch_entries, maps.waiting_means, maps.composition),
        "the map of one active update is derived from the update rule, the law of the samples and the geometric "
        "waiting time, entry by entry, and no moment beyond R, V and C enters",
    )


def simulated(clock: str, d: int, scale: str) -> Judged:
    """Trajectories on a clock at a small dimension."""
    problem, optimizer = LeastSquares(d, 0.2, 6), HeavyBall(0.3 if d > 3 else 0.5, 0.25)
    trajectories = 20_000 if scale == "smoke" else 200_000
    data = compare(simulate(problem, optimizer, times=[1, 4, 12], trajectories=trajectories, seed=1, clock=clock))
    z = {f"z of {name} at {time:g}": float(data["z"].sel(moment=name, time=time))
         for name in ("R", "V", "C") for time in (1, 4, 12)}  # fmt: skip
    return scored(
        z, f"{trajectories:,} trajectories at d = {d} on the {clock} clock, nine means against exact ones", 4.5
    )


def truncated_binomial(scale: str) -> Judged:
    """phi1, phi2, phi3 and chi as means over the number of active samples, enumerated in rational numbers."""
    rng, worst = np.random.default_rng(3), {"phi1": 0.0, "phi2": 0.0, "phi3": 0.0, "chi": 0.0}
    for _ in range(40 if scale == "smoke" else 400):
        d, B = int(rng.integers(1, 1000)), int(rng.integers(1, 25))
        p = Fraction(int(rng.integers(1, 1000)), 1000)
        weights = [comb(B, b) * p**b * (1 - p) ** (B - b) for b in range(1, B + 1)]
        P = sum(weights)
        first = sum(w * b for b, w in enumerate(weights, start=1)) / P
        second = sum(w * b * b for b, w in enumerate(weights, start=1)) / P
        exact = {"phi1": first / B, "phi2": first / B**2, "phi3": (second - first) / B**2}
        exact["chi"] = (d + 2) * exact["phi2"] + exact["phi3"]
        found = least_squares.coefficients(LeastSquares(d, float(p), B), HeavyBall(0.1, 0.5))
        for name, value in exact.items():
            if value:
                worst[name] = max(worst[name], abs(getattr(found, name) / float(value) - 1.0))
    return identity(
        worst, 1e-12, "means over Binomial(B, p) given that it is not 0, by enumeration in rational numbers"
    )


def waiting_sums(scale: str) -> Judged:
    """The nine means over the waiting time, by summing 40 digits."""
    worst: dict[str, float] = {}
    with mpmath.workdps(40):
        for problem, optimizer in points.random_cells(10 if scale == "smoke" else 60, seed=4):
            own = least_squares.coefficients(problem, optimizer)
            if own.P < 0.02:
                continue  # the sum is too long
            mu = 1 - mpmath.mpf(optimizer.eps)
            # The smaller of the two has the digits.
            P, Q = (
                (mpmath.mpf(own.P), 1 - mpmath.mpf(own.P))
                if own.P < 0.5
                else (1 - mpmath.mpf(own.Q), mpmath.mpf(own.Q))
            )
            sums = dict.fromkeys(("b1", "b2", "dth", "dg", "dth2", "dg2", "dmth", "dmg", "dthg"), mpmath.mpf(0))
            weight, power, a, b = P, mu, mu, mpmath.mpf(0)
            while weight > mpmath.mpf(10) ** -30:
                values = (power, power**2, a, b, a**2, b**2, a * power, b * power, a * b)
                for name, value in zip(sums, values, strict=True):
                    sums[name] += weight * value
                weight, power, b = weight * Q, power * mu, a
                a += power
            for name, value in sums.items():
                if value:
                    error = float(abs(getattr(own, name) / value - 1))
                    worst[name] = max(worst.get(name, 0.0), error)
    return identity(worst, 1e-11, "means of products of geometric sums, each summed over the waiting time to 30 digits")


def cancellation(scale: str) -> Judged:
    """(1 - b1) + dth eps' form of the b1 identity, at random points, and its proof."""
    worst = 0.0
    for problem, optimizer in points.random_cells(200, seed=5):
        own = least_squares.coefficients(problem, optimizer)

        worst = max(worst, abs((own.b1c + own.dth) / (own.b1c / own.eps) - 1.0))
    return combined(
        [proof((maps.waiting_means,), "by SymPy"), identity({"largest relative error": worst}, 1e-11, "numbers")],
        "(1-b1) + E[a] = (1-b1)/eps, proved in exact arithmetic and evaluated at 200 random points",
    )


def always_active(scale: str) -> Judged:
    """What the factors are where every minibatch, or every sample, is active."""
    worst = 0.0
    for B in (1, 2, 7, 100):
        own = least_squares.coefficients(LeastSquares(50, 1.0, B), HeavyBall(0.1, 0.5))
        worst = max(
            worst, abs(own.phi1 - 1), abs(own.phi2 * B - 1), abs(own.phi3 - (B - 1) / B), abs(own.b1c - own.eps)
        )
    for p in (1e-6, 0.01, 0.5):
        own = least_squares.coefficients(LeastSquares(50, p, 1), HeavyBall(0.1, 0.5))
        worst = max(worst, abs(own.phi1 - 1), abs(own.phi2 - 1), abs(own.phi3), abs(own.chi - 52))
    return identity(
        {"largest error": worst}, 1e-12, "the factors at p = 1 for four batch sizes and at B = 1 for three p"
    )


def poissonized(scale: str) -> Judged:
    """The distance of the Poisson clock from that of active updates, at equal times, as d grows."""
    dimensions, apart = (10**3, 10**4, 10**5, 10**6), []
    for d in dimensions:
        own = points.scaling("resonance-dense")
        problem, optimizer = own.at(d)
        limit = limit_ode(own)
        times = np.unique(np.rint(limit.ticks(np.linspace(0.0, 4.0, 41), d)))
        clocks = [least_squares.moments(problem, optimizer, times, clock)[:, 0] for clock in ("active", "poisson")]
        apart.append(np.abs(clocks[0] - clocks[1]).max())
    return approach(
        dimensions, apart, -0.8,
        "largest |R(active) - R(Poisson)| over slow times 0 to 4 on the resonance line; d^0.8 updates make up a unit "
        "of slow time, and Poisson time has an error of order one update",
    )  # fmt: skip


CLAIMS = (
    Claim(
        "Theorem 1", "R, V and C of the active updates, embedded in Poisson time, obey a closed linear ODE at every d.",
        derived, HOLDS, EXACT, figure="fig02",
    ),
    Claim(
        "Theorem 1 (in trajectories)", "Simulated means of R, V and C in Poisson time are those of the ODE.",
        lambda scale: simulated("poisson", 20, scale), BOUNDS, ALARM,
    ),
    Claim(
        "Remark 5",
        "Means are closed without approximation: at d = 3 as well, update by update.",
        lambda scale: simulated("active", 3, scale), BOUNDS, ALARM,
    ),
    Claim(
        "Lemma 6", "Given an active minibatch, E[g | e] = phi1 e and E[|g|^2 | e] = ((d+2) phi2 + phi3) |e|^2.",
        lambda scale: combined(
            [proof((maps.gradient_moments,), "by SymPy"), truncated_binomial(scale)],
            "moments of the gradient derived by SymPy; phi1, phi2, phi3 enumerated over the number of active samples",
        ),
        HOLDS, "1e-12 relative: doubles against rational numbers",
    ),
    Claim(
        "C.1.2 (waiting times)",
        "The nine retention and drift coefficients are the closed forms of docs/least_squares.md, section 2, over a geometric wait.",
        waiting_sums, HOLDS, ROUNDING,
    ),
    Claim(
        "C.2.2 (special cases)",
        "Where all samples are active phi1 = 1, phi2 = 1/B, phi3 = (B-1)/B; at B = 1 phi1 = phi2 = 1 and phi3 = 0.",
        always_active, HOLDS, "1e-12: rounding",
    ),
    Claim(
        "C.2.6 (entries of the generator)", "The nine entries of A are those of docs/least_squares.md, section 2.",
        lambda scale: proof((maps.composition,), "every entry of T_act P (1 - Q E)^-1 - 1 equals the one of the page, by SymPy"),
        HOLDS, EXACT,
    ),
    Claim(
        "Lemma 10", "(1-b1) + E[a] = (1-b1)/eps exactly, whatever P and mu.", cancellation, HOLDS, ROUNDING,
    ),
    Claim(
        "C.2 (continuization)",
        "Poisson arrivals instead of counted updates leave the high-dimensional limit as it is.",
        poissonized, LIMIT, "the exponent to 0.05: the next order is d^-0.8 smaller",
    ),
)  # fmt: skip
