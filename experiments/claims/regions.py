"""Limit ODEs (Section 4.3, Appendices C.6 and C.7).

Each limit is compared with the exact main ODE at d up to 1e10, over slow times 0 to 4, from R = 1.
"""

from functools import partial

import numpy as np

from experiments.claims import points
from sparsesim.claims import (
    FALSE,
    HOLDS,
    LIMIT,
    Claim,
    Judged,
    approach,
    combined,
    counterexample,
    exponent,
    identity,
    proof,
)
from sparsesim.scaling import Scaling
from sparsesim.theory import limits
from sparsesim.theory.limits import limit_ode
from sparsesim.theory.proofs import continuum

DIMENSIONS = (10**4, 10**6, 10**8, 10**10)
SLOW = np.linspace(0.0, 4.0, 81)
ORDER = "errors fall at every step of d, by a power below -0.1: the slowest correction is of some power of d, not named"
EXACT = "0: exact arithmetic, no rounding"
ON = ("resonance-dense", "triple-point", "resonance-sparse")


def converges(where: str, variables: int, scale: str) -> Judged:
    """Largest distances of the main ODE's moments from the limit's."""
    limit = limit_ode(points.scaling(where))
    expected = limit.trajectory(SLOW)[:, :variables]
    errors = [float(np.abs(limit.at(d, SLOW)[:, :variables] - expected).max()) for d in DIMENSIONS]
    moments = "R" if variables == 1 else "R, V/p^2 and C/p"
    return approach(
        DIMENSIONS, errors, np.nan, f"largest distance of {moments} of the main ODE from the limit in {where}"
    )


def scalar(scale: str) -> Judged:
    """Below resonance: R' = -rho R with the stated rho, against exact decay at d = 1e12."""
    parts = []
    for where in ("B", "D", "E", "dense-sparse-below"):
        own = points.scaling(where)
        P0 = {"B": 1.0, "dense-sparse-below": 1.0 - np.exp(-own.c_p * own.c_B)}.get(where, own.c_p * own.c_B)
        rho = 2.0 * own.c_eta * own.c_p * (1.0 - own.c_eta / (2.0 * own.c_B)) / P0
        measured = [-np.log(limit_ode(own).at(d, [1.0])[0, 0]) for d in (10**8, 10**10, 10**12)]
        apart = abs(measured[-1] / rho - 1.0)
        good = apart < 5e-3 and apart < abs(measured[0] / rho - 1.0)
        parts.append(Judged(LIMIT if good else FALSE, {f"rate over rho in {where}": measured[-1] / rho}, ""))
    return combined(
        parts, "-ln R at slow time 1 by the main ODE at d = 1e12 over rho = 2 c_eta c_p (1 - c_eta/(2 c_B))/P0"
    )


def heavy_ball(scale: str) -> Judged:
    """Above resonance: X' = -a Y, Y' = v X - v Y in closed form against R, V, C of the main ODE."""
    parts = []
    for where in ("A", "C", "F", "dense-sparse-above"):
        own = points.scaling(where)
        P0 = {"F": own.c_p * own.c_B, "dense-sparse-above": 1.0 - np.exp(-own.c_p * own.c_B)}.get(where, 1.0)
        matrix = np.array([[0.0, -own.c_eta * own.c_p], [own.c_eps, -own.c_eps]]) / P0
        values, vectors = np.linalg.eig(matrix)
        weights = np.linalg.solve(vectors, np.array([1.0, 0.0]))
        X, Y = (vectors @ (weights[:, None] * np.exp(values[:, None] * SLOW))).real
        expected = np.stack([X * X, Y * Y, X * Y], axis=-1)
        errors = [float(np.abs(limit_ode(own).at(d, SLOW) - expected).max()) for d in DIMENSIONS]
        part = approach(DIMENSIONS, errors, np.nan, where)
        parts.append(part._replace(numbers={f"last error in {where}": errors[-1]}))
    return combined(parts, "squares and product of the 2-D heavy ball by its eigenvectors, against the main ODE")


def hurwitz(scale: str) -> Judged:
    """The threshold c_eta = 2 c_B along the whole line, from eigenvalues of the limit."""
    wrong = 0.0
    for where in ON:
        for c_B in (1.0, 3.0):
            for multiple in (0.9, 0.999, 1.001, 1.1):
                limit = limit_ode(points.scaling(where, c_B=c_B, c_eta=2.0 * c_B * multiple))
                wrong += float((np.linalg.eigvals(limit.matrix).real.max() < 0.0) != (multiple < 1.0))
    return combined(
        [proof((continuum.resonance_line,), "by SymPy"), identity({"cases that differ": wrong}, 0.0, "eigenvalues")],
        "the cubic's Hurwitz conditions by SymPy; eigenvalues of the limit on both sides of c_eta = 2 c_B",
    )


def discriminant(scale: str) -> Judged:
    """Complex pairs against the stated inequality, at random stiffness and feedback."""
    rng, wrong = np.random.default_rng(31), 0.0
    for w, u in zip(10 ** rng.uniform(-3, 2, 1000), rng.uniform(0.001, 1.0, 1000), strict=True):
        roots = np.roots([1.0, 3.0, 2.0 + 4.0 * w, 4.0 * w * (1.0 - u)])
        margin = (1.0 - 4.0 * w) ** 3 - 108.0 * w * w * u * u
        if abs(margin) > 1e-6:
            wrong += float((np.abs(roots.imag).max() > 1e-9) != (margin < 0.0))
    return combined(
        [proof((continuum.cubic,), "by SymPy"), identity({"cases that differ": wrong}, 0.0, "roots")],
        "the discriminant by SymPy, and roots at 1,000 random points",
    )


def automatic(scale: str) -> Judged:
    """4a >= v makes a complex pair whatever the noise."""
    rng, wrong = np.random.default_rng(32), 0.0
    for w, u in zip(0.25 + 10 ** rng.uniform(-3, 2, 300), rng.uniform(1e-3, 1.0, 300), strict=True):
        wrong += float(np.abs(np.roots([1.0, 3.0, 2.0 + 4.0 * w, 4.0 * w * (1.0 - u)]).imag).max() < 1e-9)
    return identity({"cases without a pair": wrong}, 0.0, "roots at 300 random points with 4a > v")


def no_ode_lift(scale: str) -> Judged:
    """On the line R V - C^2 leaves 0: no deterministic pair has these moments. Off it the SDE's diffusion vanishes."""
    apart = []
    for where in ON:
        R, V, C = limit_ode(points.scaling(where)).trajectory(SLOW).T
        apart.append(float((R * V - C * C).max()))
    numbers = {f"largest R V - C^2 on {where}": one for where, one in zip(ON, apart, strict=True)}
    return Judged(HOLDS if min(apart) > 1e-3 else FALSE, numbers, "the limits of the resonance line from R = 1")


def sde(scale: str) -> Judged:
    """Moments of the SDE by Ito's formula are the limit's system."""
    worst = 0.0
    for where in ON:
        limit = limit_ode(points.scaling(where))
        drift, diffusion = limit.sde
        (a, b), (c, e) = drift
        s = float(diffusion[1, 0])
        ito = np.array([[2 * a, 0.0, 2 * b], [s * s, 2 * e, 2 * c], [c, b, a + e]])
        worst = max(worst, float(np.abs(ito - limit.matrix).max() / np.abs(limit.matrix).max()))
    return combined(
        [proof((continuum.moment_closures,), "by SymPy"), identity({"largest relative difference": worst}, 1e-12, "")],
        "the closure by SymPy; Ito's formula for X^2, Y^2 and X Y against the limit's matrix",
    )


def feedthrough(scale: str) -> Judged:
    """The noise that is left above resonance falls like d^-(distance to resonance)."""
    parts = []
    for delta in (1.0, 1.3):
        values = []
        for d in points.DIMENSIONS:
            problem, optimizer = Scaling(0.3, 0.5, delta, c_eta=0.8).at(d)
            values.append(optimizer.eps * problem.d / (problem.p * problem.B))
        part = exponent(points.DIMENSIONS, values, -(delta - 0.8), f"{delta}")
        parts.append(part._replace(numbers={f"exponent at delta = {delta}": part.numbers["exponent"]}))
    return combined(parts, "the noise's entry eps d/(p B) after balancing, at two distances above resonance")


def crossover(scale: str) -> Judged:
    """P0 = 1 - exp(-c_p c_B) joins sparse and dense."""
    worst = 0.0
    for c in (1e-4, 1e-2, 1.0, 5.0, 30.0):
        limit = limit_ode(Scaling(0.5, 0.5, 0.5, c_p=c, c_eta=0.8))
        rate = 2.0 * 0.8 * c * (1.0 - 0.4) / -np.expm1(-c)
        worst = max(
            worst,
            abs(limit.decay_rate / rate - 1.0),
            abs(-np.log(limit.at(10**10, [0.01 / c])[0, 0]) / (0.01 * rate / c) - 1.0) * 1e-9,
        )
    return identity(
        {"largest relative error": worst}, 1e-9, "the limit's rate at alpha = beta for c_p c_B from 1e-4 to 30"
    )


def vanish_below(scale: str) -> Judged:
    """V/p^2 below resonance grows with d: only R has a limit there."""
    values = []
    for d in (10**4, 10**6, 10**8):
        own = points.scaling("B")
        problem, optimizer = own.at(d)
        moments = limits.least_squares.moments(problem, optimizer, np.rint(limit_ode(own).ticks([1.0], d)), "active")
        values.append(moments[0, 1] / problem.p**2)
    grows = values[0] < values[1] < values[2]
    numbers = {f"V/p^2 at d = 1e{2 * i + 4}": float(one) for i, one in enumerate(values)}
    return counterexample(not grows, numbers, "V/p^2 at slow time 1 in B by the exact map", HOLDS)


ROWS = {
    "A": ("C.6.3 (concentrated, above resonance)", 3), "C": ("C.6.3 (dense, above resonance)", 3),
    "F": ("C.6.3 (sparse, above resonance)", 3), "B": ("C.6.4 (dense, below resonance)", 1),
    "E": ("C.6.4 (sparse, below resonance)", 1), "D": ("C.6.4 (memoryless)", 1),
    "resonance-dense": ("C.6.5 (resonance line, dense half)", 3), "resonance-sparse": ("C.6.5 (resonance line, sparse half)", 3),
    "dense-sparse-above": ("C.6.5 (alpha = beta, above resonance)", 3),
    "dense-sparse-below": ("C.6.5 (alpha = beta, below resonance)", 1), "triple-point": ("C.6.5 (triple point)", 3),
    "noise-line": ("C.7.3 (alpha = beta - 1)", 3),
}  # fmt: skip
FIGURES = {"triple-point": "fig02", "A": "fig05", "C": "fig05", "B": "fig05", "dense-sparse-below": "fig07"}
CLAIMS = (
    Claim(
        "Theorem 3 (i)", "Below resonance R' = -rho R on the slow time of learning, as for SGD, whatever the momentum.",
        scalar, LIMIT, "0.5% at d = 1e12, nearer than at 1e8", figure="fig05",
    ),
    Claim(
        "Theorem 3 (ii)", "Above resonance R = X^2, V = p^2 Y^2, C = p X Y with a deterministic 2-D heavy ball (X, Y).",
        heavy_ball, LIMIT, ORDER, figure="fig05",
    ),
    *(
        Claim(number, f"The limit ODE of {where} is what the main ODE tends to.", partial(converges, where, variables),
              LIMIT, ORDER, figure=FIGURES.get(where, ""))
        for where, (number, variables) in ROWS.items()
    ),
    Claim(
        "C.6.5 (Hurwitz threshold)", "On the whole resonance line the limit is stable iff c_eta < 2 c_B.",
        hurwitz, HOLDS, EXACT,
    ),
    Claim(
        "C.6.5 (discriminant)", "A complex pair exists iff (1-4w)^3 < 108 w^2 u^2, with w = a/v = c_eta c_p/c_eps, u = c_eta/(2 c_B).",
        discriminant, HOLDS, EXACT,
    ),
    Claim(
        "C.6.5 (automatic oscillation)", "For 4a > v a complex pair exists whatever the noise.", automatic, HOLDS, "no case may differ",
    ),
    Claim(
        "C.6.5 (no 2-D ODE)", "On the resonance line no deterministic 2-D ODE has the limit's moments.",
        no_ode_lift, HOLDS, "R V - C^2 above 1e-3 somewhere on every part of the line",
    ),
    Claim(
        "C.6.5 (2-D SDE)", "The limit of the resonance line is the second-moment closure of a linear 2-D SDE.",
        sde, HOLDS, EXACT, figure="fig08",
    ),
    Claim(
        "C.6.5 (feedthrough)", "Above resonance the noise's entry vanishes like a power of d, the distance to the line.",
        feedthrough, LIMIT, "the exponent to 0.02",
    ),
    Claim(
        "C.6.5 (activation constant)", "At alpha = beta the rate has the factor 1/(1 - exp(-c_p c_B)), from sparse to dense.",
        crossover, HOLDS, "1e-9: rounding", figure="fig07",
    ),
    Claim(
        "C.7.3 (below resonance)", "Below resonance V and C are no variables of the slow clock: V/p^2 has no limit.",
        vanish_below, HOLDS, "V/p^2 must grow with every step of d",
    ),
)  # fmt: skip
