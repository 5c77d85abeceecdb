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
    exponent,
    identity,
    proof,
)
from sparsesim.scaling import Scaling
from sparsesim.theory import least_squares, phases
from sparsesim.theory.limits import limit_ode
from sparsesim.theory.proofs import continuum

DIMENSIONS = (10**4, 10**6, 10**8, 10**10)
SLOW = np.linspace(0.0, 4.0, 81)
ORDER = "errors fall at every step of d; the last exponent to 0.05 of the slowest correction's. With sparse batches B's rounding comes in, and any power below -0.1 will do"
EXACT = "0: exact arithmetic, no rounding"
ON = ("resonance-dense", "triple-point", "resonance-sparse")


def converges(where: str, variables: int, predicted: float, scale: str) -> Judged:
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
        "the discriminant by SymPy, and roots at 1,000 random points, those left out that are within 1e-6 of the border",
    )


def automatic(scale: str) -> Judged:
    """4a >= v makes a complex pair whatever the noise."""
    rng, wrong = np.random.default_rng(32), 0.0
    for w, u in zip(0.25 + 10 ** rng.uniform(-3, 2, 300), rng.uniform(1e-3, 1.0, 300), strict=True):
        wrong += float(np.abs(np.roots([1.0, 3.0, 2.0 + 4.0 * w, 4.0 * w * (1.0 - u)]).imag).max() < 1e-9)
    return combined(
        [proof((continuum.cubic,), ""), identity({"cases without a pair": wrong}, 0.0, "")],
        "the discriminant by SymPy, of which (1-4w)^3 <= 0 is a case; roots at 300 random points with 4a > v",
    )


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
    """R's entry in V', in scaled variables and over retention, above resonance: a power of the distance to the line."""
    parts = []
    for delta in (1.0, 1.3):
        values = []
        for d in points.DIMENSIONS:
            problem, optimizer = Scaling(0.3, 0.5, delta, c_eta=0.8).at(d)
            own = least_squares.coefficients(problem, optimizer)
            values.append(least_squares.poisson_generator(problem, optimizer)[1, 0] / problem.p**2 / own.b1c)
        part = exponent(points.DIMENSIONS, values, -(delta - 0.8), f"{delta}")
        parts.append(part._replace(numbers={f"exponent at delta = {delta}": part.numbers["exponent"]}))
    return combined(parts, "the generator's entry A_VR/p^2 over 1-b1, at two distances above resonance")


def crossover(scale: str) -> Judged:
    """Learning times of the exact map at alpha = beta, over those of the limit with P0 = 1 - exp(-c_p c_B)."""
    errors = []
    for d in DIMENSIONS:
        worst = 0.0
        for c in (1e-2, 1.0, 5.0):
            problem, optimizer = Scaling(0.5, 0.5, 0.5, c_p=c, c_eta=0.8).at(d)
            rate = 2.0 * 0.8 * c * 0.6 / -np.expm1(-c)
            worst = max(worst, abs(d / (phases.timescales(problem, optimizer).learning * rate) - 1.0))
        errors.append(worst)
    return approach(
        DIMENSIONS,
        errors,
        -0.5,
        "learning times of the exact map at alpha = beta, c_p c_B from 0.01 to 5, over the limit's",
    )


def vanish_below(scale: str) -> Judged:
    """V/(p^2 R) below resonance goes like d to the distance from resonance: only R has a limit there."""
    dimensions, values = (10**4, 10**6, 10**8), []
    for d in dimensions:
        own = points.scaling("B")
        problem, optimizer = own.at(d)
        moments = least_squares.moments(problem, optimizer, np.rint(limit_ode(own).ticks([1.0], d)), "active")
        values.append(moments[0, 1] / problem.p**2 / moments[0, 0])
    return exponent(dimensions, values, 0.4, "V/(p^2 R) at slow time 1 in B by the exact map")


def above_oscillates(scale: str) -> Judged:
    """The limit above resonance on both sides of 4a = v."""
    found = {c: limit_ode(points.scaling("C", c_eta=c)).oscillates for c in (0.24, 0.26)}
    numbers = {f"oscillates at a/v = {c}": float(one) for c, one in found.items()}
    good = Judged(HOLDS if not found[0.24] and found[0.26] else FALSE, numbers, "")
    return combined(
        [proof((continuum.moment_closures,), ""), good], "the square of the 2-D system by SymPy; its spectrum"
    )


ROWS = {
    "A": ("C.6.3 (concentrated, above resonance)", 3, -0.5), "C": ("C.6.3 (dense, above resonance)", 3, -0.4),
    "F": ("C.6.3 (sparse, above resonance)", 3, np.nan), "B": ("C.6.4 (dense, below resonance)", 1, -0.4),
    "E": ("C.6.4 (sparse, below resonance)", 1, np.nan), "D": ("C.6.4 (memoryless)", 1, np.nan),
    "resonance-dense": ("C.6.5 (resonance line, dense half)", 3, -0.8),
    "resonance-sparse": ("C.6.5 (resonance line, sparse half)", 3, np.nan),
    "dense-sparse-above": ("C.6.5 (alpha = beta, above resonance)", 3, -0.5),
    "dense-sparse-below": ("C.6.5 (alpha = beta, below resonance)", 1, -0.5),
    "triple-point": ("C.6.5 (triple point)", 3, -0.5), "noise-line": ("C.7.3 (alpha = beta - 1)", 3, -0.5),
}  # fmt: skip
FIGURES = {
    "A": "fig11", "B": "fig12", "C": "fig13", "D": "fig14", "E": "fig15", "F": "fig16", "resonance-dense": "fig17",
    "resonance-sparse": "fig18", "dense-sparse-above": "fig19", "dense-sparse-below": "fig20", "noise-line": "fig21",
    "triple-point": "fig02",
}  # fmt: skip
CLAIMS = (
    Claim(
        "Theorem 3 (i)", "Below resonance R' = -rho R on the slow time of learning, as for SGD, whatever the momentum.",
        scalar, LIMIT, "0.5% at d = 1e12, nearer than at 1e8", figure="fig12",
    ),
    Claim(
        "Theorem 3 (ii)", "Above resonance R = X^2, V = p^2 Y^2, C = p X Y with a deterministic 2-D heavy ball (X, Y).",
        heavy_ball, LIMIT, "errors fall at every step of d, by a power below -0.1", figure="fig13",
    ),
    *(
        Claim(
            number, f"The main ODE tends to its stated limit: {phases.REGIONS[where]}.",
            partial(converges, where, variables, predicted), LIMIT, ORDER, figure=FIGURES[where],
        )
        for where, (number, variables, predicted) in ROWS.items()
    ),
    Claim(
        "C.6.1 (oscillation above resonance)", "Above resonance the limit oscillates iff 4a > v, a = c_eta c_p and v = c_eps.",
        above_oscillates, HOLDS, "on both sides of a/v = 1/4 by 4%",
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
        "C.6.5 (2-D SDE)", "A linear SDE in the plane has the limit's second moments on the resonance line.",
        sde, HOLDS, EXACT, figure="fig02",
    ),
    Claim(
        "C.6.5 (feedthrough)", "Above resonance the noise's entry vanishes like a power of d, the distance to the line.",
        feedthrough, LIMIT, "the exponent to 0.02",
    ),
    Claim(
        "C.6.5 (activation constant)", "At alpha = beta the rate has the factor 1/(1 - exp(-c_p c_B)), from sparse to dense.",
        crossover, LIMIT, "the exponent to 0.05", figure="fig07",
    ),
    Claim(
        "C.7.3 (below resonance)", "Below resonance V and C are no variables of the slow clock: V/p^2 has no limit.",
        vanish_below, LIMIT, "the exponent to 0.02",
    ),
)  # fmt: skip
