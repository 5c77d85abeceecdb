"""What is said in words about least squares (Sections 4 to 6 and 9).

Statements without a number, each as precisely as it can be meant.
"""

import math

import numpy as np

from experiments.claims import points
from sparsesim.claims import (
    BOUNDS,
    FALSE,
    HOLDS,
    LIMIT,
    LOOSE,
    Claim,
    Judged,
    approach,
    bounded,
    combined,
    exponent,
    identity,
    loose,
)
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.scaling import Scaling
from sparsesim.theory import frontier, least_squares, phases, stability, tuning
from sparsesim.theory.limits import limit_ode

DIMENSIONS = (10**4, 10**6, 10**8, 10**10)


def no_noise_reduction(scale: str) -> Judged:
    """Below resonance the exact rate is SGD's at every momentum: their ratio tends to 1."""
    apart = []
    for d in DIMENSIONS:
        problem, optimizer = points.scaling("B").at(d)
        plain = stability.decay_rate(problem, HeavyBall(optimizer.eta, 1.0))
        apart.append(abs(stability.decay_rate(problem, optimizer) / plain - 1.0))
    return approach(DIMENSIONS, apart, -0.4, "decay rate with momentum over plain SGD's at the same eta in B, less one")


def floor_is_the_same(scale: str) -> Judged:
    """With label noise the floors at one learning rate with and without momentum, on both sides of resonance."""
    parts = []
    for name, power in (("below", 0.4), ("above", 1.2)):
        apart = []
        for d in (10**4, 10**6, 10**8):
            problem = LeastSquares(d, d**-0.3, round(d**0.5), label_noise=1.0)
            eta = 0.8 * problem.B / d
            floors = [stability.noise_floor(problem, HeavyBall(eta, eps)) for eps in (1.0, d**-power)]
            apart.append(abs(floors[1] / floors[0] - 1.0))
        part = approach((10**4, 10**6, 10**8), apart, -0.8, name)
        parts.append(part._replace(numbers={f"exponent {name} resonance": part.numbers["exponent"]}))
    return combined(parts, "exact noise floors with momentum d^-0.4 and d^-1.2 over those without, less one")


def deterministic_above(scale: str) -> Judged:
    """Above resonance R V - C^2 of the means vanishes: noise turns momentum away from the error no more."""
    parts = []
    for where in ("C", "F"):
        errors = []
        for d in DIMENSIONS:
            R, V, C = limit_ode(points.scaling(where)).at(d, np.linspace(0.1, 4.0, 20)).T
            errors.append(float((R * V - C * C).max()))
        part = approach(DIMENSIONS, errors, -0.4 if where == "C" else math.nan, where)
        parts.append(part._replace(numbers={f"exponent in {where}": part.numbers["exponent"]}))
    return combined(parts, "largest R V - C^2 of the main ODE in C and F, which is 0 where there is no noise")


def not_interchangeable(scale: str) -> Judged:
    """The least cost over all momenta, at each batch size, over that of single samples."""
    cost = {}
    for B in (1, 10, 100, 1000, 10**4):
        problem = LeastSquares(1000, 0.5, B)
        rates = [tuning.best_learning_rate(problem, float(eps)).decay_rate for eps in np.geomspace(1e-3, 1.0, 25)]
        cost[B] = problem.p * B / max(rates) / (problem.d + 2 - problem.p)
    rises = bool(np.all(np.diff(list(cost.values())) > 1e-3)) and cost[10**4] > 2.0
    numbers = {f"least cost at B = {B}": one for B, one in cost.items()}
    return Judged(
        BOUNDS if rises else FALSE, numbers, "active samples an e-fold at the best of 25 momenta, over d + 2 - p"
    )


def sample_efficiency(scale: str) -> Judged:
    """Cost in active samples per e-fold along alpha below resonance over its limit, d/(2 c_eta (1-u))."""
    errors = []
    for d in DIMENSIONS:
        apart = []
        for alpha in (0.2, 0.5, 0.8, 1.1):
            problem, optimizer = Scaling(alpha, 0.5, 0.2, c_eta=0.8).at(d)
            cost = problem.p * problem.B / stability.decay_rate(problem, optimizer) / d
            apart.append(abs(cost * 2.0 * 0.8 * 0.6 - 1.0))
        errors.append(max(apart))
    return approach(
        DIMENSIONS, errors, -0.5, "exact cost at beta = 0.5, delta = 0.2 and four alpha, over its limit", within=0.1
    )


def dimension_many(scale: str) -> Judged:
    """The least cost of 25 momenta over d + 2 - p, at nine problems."""
    least = math.inf
    for d in (10, 1000, 10**5):
        for B in (1, 30, 1000):
            problem = LeastSquares(d, 0.01, B)
            rates = [tuning.best_learning_rate(problem, float(eps)).decay_rate for eps in np.geomspace(1e-3, 1.0, 25)]
            least = min(least, problem.p * B / max(rates) / (d + 2 - problem.p))
    return bounded(
        least, 1.0, math.inf, "least cost over d + 2 - p", "active samples an e-fold at the best of 25 momenta"
    )


def matches_sgd(scale: str) -> Judged:
    """Below resonance the exact rate is plain SGD's at three prefactors of momentum decay, up to a power of d."""
    errors = []
    for d in DIMENSIONS:
        worst = 0.0
        for c_eps in (0.3, 1.0, 3.0):
            problem, optimizer = points.scaling("B", c_eps=c_eps).at(d)
            plain = stability.decay_rate(problem, HeavyBall(optimizer.eta, 1.0))
            worst = max(worst, abs(stability.decay_rate(problem, optimizer) / plain - 1.0))
        errors.append(worst)
    return approach(
        DIMENSIONS, errors, -0.4, "decay rates with c_eps = 0.3, 1 and 3 over that without momentum, less one"
    )


def sdahb(scale: str) -> Judged:
    """With eps ~ 1/d at p = 1 and B = 1 all eigenvalues of A go like 1/d."""
    dimensions, moduli = (10**4, 10**6, 10**8), []
    for d in dimensions:
        problem, optimizer = Scaling(0.0, 0.0, 1.0, c_eta=0.8).at(d)
        moduli.append(np.sort(np.abs(np.linalg.eigvals(least_squares.poisson_generator(problem, optimizer)))))
    parts = [exponent(dimensions, [one[i] for one in moduli], -1.0, "") for i in range(3)]
    whole = combined(parts, "moduli of the eigenvalues of A at alpha = beta = 0, delta = 1")
    return whole._replace(
        numbers={f"exponent of mode {i}": one.numbers["exponent"] for i, one in enumerate(parts, start=1)}
    )


def timescales_coincide(scale: str) -> Judged:
    """The power of d of learning over retention in every region and on every boundary."""
    parts = []
    for where in points.WHERE:
        times = [phases.timescales(*cell) for cell in points.cells(where)]
        below = where in ("B", "D", "E", "dense-sparse-below")
        expected = {"B": 0.4, "D": 1.0, "E": 0.7, "dense-sparse-below": 0.5}.get(where, 0.0)
        part = exponent(points.DIMENSIONS, [one.learning / one.retention for one in times], expected, where, 0.03)
        parts.append(
            part._replace(
                numbers={f"exponent {'below resonance' if below else 'in'} {where}": part.numbers["exponent"]}
            )
        )
    return combined(parts, "learning over retention times, exact at three d, in all regions and on all boundaries")


def stale_velocity(scale: str) -> Judged:
    """Drift between active updates: with P small E[a] grows like min(1/P, 1/eps)."""
    ratios = []
    for problem, optimizer in points.random_cells(1000, seed=41):
        own = least_squares.coefficients(problem, optimizer)
        ratios.append(own.dth / own.mu * max(own.P, own.eps) if own.mu > 0.0 else 1.0)
    judged = identity(
        {"below 1/2 by": max(0.0, 0.5 - min(ratios)), "above 1 by": max(0.0, max(ratios) - 1.0)},
        1e-9,
        "E[a] max(P, eps)/mu at 1,000 random cells",
    )
    return judged._replace(numbers={"least": min(ratios), "largest": max(ratios)})


def more_momentum_destabilises(scale: str) -> Judged:
    """The frontier from eigenvalues as momentum grows: at a given eta, and at a given step eta eps."""
    rises, falls, worst = 0, 0, 0.0
    for problem, _ in points.random_cells(20 if scale == "smoke" else 100, seed=42):
        eps = np.geomspace(1e-3, 1.0, 8)
        eta = np.array([frontier.critical_learning_rate_by_spectral_radius(problem, float(one)) for one in eps])
        rises += bool(np.any(np.diff(eta) > 1e-6 * eta[1:]))
        falls += bool(np.any(np.diff(eta * eps) > 1e-6 * (eta * eps)[1:]))
        worst = max(worst, float(eta.max() / eta.min()))
    numbers = {"problems whose frontier in eta falls with more momentum": float(rises),
               "problems whose frontier in eta eps does": float(falls)}  # fmt: skip
    return loose(falls > 0, rises > 0, numbers, "the frontier by eigenvalues at eight momenta of random problems")


CLAIMS = (
    Claim(
        "Section 1 (stale velocity)", "Between active updates parameters drift by E[a] ~ min(1/P, 1/eps) old momenta.",
        stale_velocity, HOLDS, "a factor 2: 1 - Q mu lies between max(P, eps) and twice it",
    ),
    Claim(
        "Abstract (two timescales)", "Learning takes longer than retention below resonance, and as long on and above it.",
        timescales_coincide, LIMIT, "exponents to 0.03 and twice what they still change", figure="fig03",
    ),
    Claim(
        "Abstract (SGD)", "Where the buffer forgets long before the error has moved, the limit is that of plain SGD.",
        matches_sgd, LIMIT, "the exponent to 0.05", figure="fig12",
    ),
    Claim(
        "Section 1 (destabilising drift)",
        "More momentum can destabilise, by drift that feeds back into later gradients.",
        more_momentum_destabilises, LOOSE, "no frontier may fall by more than 1e-6 as momentum grows",
        correction="with the averaged buffer m <- mu m + eps g and a given eta the frontier of least squares never falls as "
        "momentum grows, however rare active minibatches are; at a given step eta eps, as in m <- mu m + g, it does, for "
        "there eta itself grows like 1/eps",
    ),
    Claim(
        "Section 5 (no noise reduction)", "Below resonance momentum changes neither rate nor noise: both are plain SGD's.",
        no_noise_reduction, LIMIT, "the exponent to 0.05", figure="fig12",
    ),
    Claim(
        "Section 5 (deterministic)",
        "Noise drops out of the limits above resonance, however few active samples a minibatch has.",
        deterministic_above, LIMIT, "errors fall at every step of d; in C like d^-0.4 to 0.05", figure="fig13",
    ),
    Claim(
        "Section 5 (not interchangeable)", "No choice of momentum replaces the right batch size.",
        not_interchangeable, BOUNDS, "the cost must rise with every B, and double by B = 10,000", figure="fig03",
    ),
    Claim(
        "Section 5 (samples)", "Below resonance an e-fold takes about d active samples, whatever the sparsity.",
        sample_efficiency, LIMIT, "the exponent to 0.1",
    ),
    Claim(
        "Section 5 (a fundamental limit)", "No momentum and no learning rate take fewer than about d active samples an e-fold.",
        dimension_many, BOUNDS, "at least d + 2 - p, exactly: ln(1 + x) < x",
    ),
    Claim(
        "Section 5 (dimension-adjusted heavy ball)", "Momentum 1 - c/d at dense single samples lies on the resonance line.",
        sdahb, LIMIT, "exponents to 0.02",
    ),
    Claim(
        "Momentum and the noise floor", "At one learning rate momentum does not change the floor of label noise, on either side "
        "of resonance.", floor_is_the_same, LIMIT, "the exponent to 0.05: curvature eta eps p is left", later=True,
    ),
)  # fmt: skip
