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
    counterexample,
    identity,
    loose,
)
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.scaling import Scaling
from sparsesim.theory import continuum, least_squares, phases, stability, tuning
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
    """With label noise the floor at one learning rate depends on eps only through curvature, eta eps p."""
    worst = 0.0
    for d in (10**4, 10**6, 10**8):
        problem = LeastSquares(d, d**-0.3, round(d**0.5), label_noise=1.0)
        eta = 0.8 * problem.B / d
        floors = [stability.noise_floor(problem, HeavyBall(eta, eps)) for eps in (1.0, 0.1, d**-0.4)]
        worst = max(floors) / min(floors) - 1.0
    return identity(
        {"largest relative difference at d = 1e8": worst}, 1e-4, "exact noise floors at eps = 1, 0.1 and d^-0.4"
    )


def deterministic_above(scale: str) -> Judged:
    """Above resonance R of one trajectory has no spread in the limit: R V - C^2 of the means vanishes."""
    errors = []
    for d in DIMENSIONS:
        own = points.scaling("C")
        moments = limit_ode(own).at(d, np.linspace(0.1, 4.0, 20))
        R, V, C = moments.T
        errors.append(float((R * V - C * C).max()))
    return approach(
        DIMENSIONS, errors, -0.4, "largest R V - C^2 of the main ODE in C: 0 for one deterministic direction"
    )


def not_interchangeable(scale: str) -> Judged:
    """At the best learning rate of each, momentum never makes up for a batch that is too small or too large."""
    least = {}
    for B in (1, 10, 100, 1000):
        problem = LeastSquares(1000, 0.01, B)
        plain = tuning.least_sample_cost(problem)
        costs = [problem.p * problem.B / tuning.best_learning_rate(problem, float(eps)).decay_rate
                 for eps in np.geomspace(1e-3, 1.0, 25)]  # fmt: skip
        least[B] = min(costs) / plain
    good = all(abs(one - 1.0) < 1e-6 for one in least.values())
    numbers = {f"least cost with momentum over plain SGD's at B = {B}": one for B, one in least.items()}
    return Judged(
        HOLDS if good else FALSE, numbers, "active samples per e-fold at the best eta, over 25 momenta and four B"
    )


def sample_efficiency(scale: str) -> Judged:
    """Cost in active samples per e-fold along alpha below resonance, at the prescribed learning rate."""
    d, cost = 10**6, {}
    for alpha in (0.2, 0.5, 0.8, 1.1):
        problem, optimizer = Scaling(alpha, 0.5, 0.2, c_eta=0.8).at(d)
        cost[alpha] = problem.p * problem.B / stability.decay_rate(problem, optimizer) / d
    flat = max(cost.values()) / min(cost.values()) - 1.0
    numbers = {f"active samples an e-fold over d at alpha = {a}": one for a, one in cost.items()}
    return Judged(
        LIMIT if flat < 0.02 else FALSE, {**numbers, "spread": flat}, "exact cost at d = 1e6, beta = 0.5, delta = 0.2"
    )


def dimension_many(scale: str) -> Judged:
    """Best possible active samples per e-fold of any momentum over d + 2: at least about 1."""
    least = math.inf
    for d in (10, 1000, 10**5):
        for B in (1, 30, 1000):
            problem = LeastSquares(d, 0.01, B)
            least = min(least, tuning.least_sample_cost(problem) / (d + 2))
    return bounded(
        least,
        0.9,
        1.1,
        "least cost over d + 2",
        "active samples an e-fold of plain SGD, the best momentum, at nine problems",
    )


def three_dimensional_on_line(scale: str) -> Judged:
    """On the line no real two-dimensional invariant: R V - C^2 is of order one."""
    R, V, C = limit_ode(points.scaling("triple-point")).trajectory(np.linspace(0.0, 4.0, 81)).T
    return bounded(
        float((R * V - C * C).max()), 1e-3, 1.0, "largest R V - C^2", "the limit at the triple point from R = 1"
    )


def matches_sgd(scale: str) -> Judged:
    """Below resonance one variable is left, and the rate does not contain c_eps."""
    rates = [limit_ode(points.scaling("B", c_eps=c)).decay_rate for c in (0.1, 1.0, 10.0)]
    return identity(
        {"largest relative difference": max(rates) / min(rates) - 1.0}, 1e-12, "rates of the limit at three c_eps"
    )


def critical_damping(scale: str) -> Judged:
    """Where rates are equal heavy ball is recovered: the fastest without noise is at w = 1/4."""
    rates = {w: continuum.decay_rate(w, 0.0) / (2.0 * w) for w in np.linspace(0.05, 2.0, 400).tolist()}
    best = max(rates, key=lambda w: rates[w])
    return bounded(
        best, 0.24, 0.26, "stiffness of the largest gain over plain SGD", "r_c(w, 0)/(2 w) over 400 stiffnesses"
    )


def sloped_line(scale: str) -> Judged:
    """One delta meets the line delta = 1 - beta + alpha at one alpha."""
    alphas = np.linspace(0.0, 2.0, 2001)
    on = [
        sum(phases.classify(float(a), 0.5, delta).momentum_phase == "on resonance" for a in alphas)
        for delta in (0.7, 1.0, 1.5)
    ]
    return identity(
        {"points on the line, less one": float(max(on) - 1)}, 0.0, "points of 2,001 along alpha that are on resonance"
    )


def momentum_never_helps_alone(scale: str) -> Judged:
    """The least spectral radius over eta rises with mu."""
    worst = 0.0
    for d, p, B in ((10, 0.1, 4), (1000, 0.01, 1000), (100, 1.0, 50)):
        rates = [
            tuning.best_learning_rate(LeastSquares(d, p, B), float(eps)).decay_rate
            for eps in np.geomspace(1e-3, 1.0, 30)
        ]
        worst = max(worst, float(np.max(-np.diff(rates))))
    return identity(
        {"largest fall of the best rate as eps grows": worst},
        1e-12,
        "best decay rate over eta at 30 momenta, three problems",
    )


def sdahb(scale: str) -> Judged:
    """Eps ~ 1/d at p = 1, B = 1 lies on resonance."""
    phase = phases.classify(0.0, 0.0, 1.0)
    moduli = []
    for d in (10**4, 10**6, 10**8):
        problem, optimizer = Scaling(0.0, 0.0, 1.0, c_eta=0.8).at(d)
        moduli.append(
            np.abs(continuum.roots(phases.stiffness(problem, optimizer), stability.feedbacks(problem, optimizer).noise))
        )
    spread = float(max(moduli[-1]) / min(moduli[-1]))
    good = phase.momentum_phase == "on resonance" and spread < 100.0
    return Judged(
        HOLDS if good else FALSE, {"largest over least modulus of the spectrum": spread}, "p = 1, B = 1, eps = 1/d"
    )


def timescales_coincide(scale: str) -> Judged:
    """On resonance both exponents are equal, below retention is the shorter."""
    gaps = {}
    for where in points.WHERE:
        phase = phases.classify(*points.WHERE[where])
        gaps[where] = phase.learning_exponent - phase.retention_exponent
    good = (
        all((gap > 1e-9) == (where in ("B", "D", "E", "dense-sparse-below")) for where, gap in gaps.items())
        and min(gaps.values()) > -1e-9
    )
    numbers = {f"learning less retention exponent in {where}": gap for where, gap in gaps.items()}
    return Judged(
        HOLDS if good else FALSE, numbers, "exponents of learning and retention in every region and on every boundary"
    )


def oscillates_everywhere_above(scale: str) -> Judged:
    """Above resonance the limit oscillates iff w > 1/4."""
    limit = [limit_ode(points.scaling("C", c_eta=c)).oscillates for c in (0.2, 0.8)]
    return loose(limit[1], limit[0], {"oscillates at w = 0.2": float(limit[0]), "oscillates at w = 0.8": float(limit[1])},
                 "the spectrum of the limit in C at two prefactors of the learning rate")  # fmt: skip


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
    """The frontier as momentum grows, at random problems."""
    falls = 0
    for problem, _ in points.random_cells(500, seed=42):
        frontier = [stability.critical_learning_rate(problem, float(eps)) for eps in np.geomspace(1e-6, 1.0, 20)]
        falls += bool(np.any(np.diff(frontier) > 1e-12 * np.asarray(frontier[1:])))
    numbers = {"problems whose frontier falls with more momentum": float(falls)}
    return counterexample(falls == 0, numbers, "eta_c at 20 momenta of 500 random problems", BOUNDS)


CLAIMS = (
    Claim(
        "Abstract (two timescales)", "Learning takes longer than retention below resonance, and as long on and above it.",
        timescales_coincide, HOLDS, "1e-9 of an exponent: rounding", figure="fig03",
    ),
    Claim(
        "Abstract (SGD)", "When learning is much slower than retention the limit is SGD's, without a trace of momentum.",
        matches_sgd, HOLDS, "1e-12: rounding", figure="fig05",
    ),
    Claim(
        "Section 1 (stale velocity)", "Between active updates parameters drift by E[a] ~ min(1/P, 1/eps) old momenta.",
        stale_velocity, HOLDS, "a factor 2: 1 - Q mu lies between max(P, eps) and twice it",
    ),
    Claim(
        "Section 5 (no noise reduction)", "Momentum does not reduce noise anywhere below resonance: rate and noise are SGD's.",
        no_noise_reduction, LIMIT, "the exponent to 0.05", figure="fig05",
    ),
    Claim(
        "Section 5 (same floor)", "At one learning rate momentum does not change the noise floor.",
        floor_is_the_same, HOLDS, "1e-4 relative: curvature eta eps p is left at d = 1e8",
    ),
    Claim(
        "Section 5 (deterministic)", "Above resonance the high-dimensional limit is deterministic even for small batches.",
        deterministic_above, LIMIT, "the exponent to 0.05", figure="fig05",
    ),
    Claim(
        "Section 5 (not interchangeable)", "Batching and momentum are not interchangeable: no momentum makes up for a batch size.",
        not_interchangeable, HOLDS, "1e-6 relative: the best momentum is none, at every batch size", figure="fig14",
    ),
    Claim(
        "Section 5 (samples)", "Below resonance it takes about d active samples to reduce the squared error, whatever the sparsity.",
        sample_efficiency, LIMIT, "2% over alpha at d = 1e6: next orders are d^-0.2",
    ),
    Claim(
        "Section 5 (a fundamental limit)", "No setting reduces the squared error by a factor e in fewer than about d active samples.",
        dimension_many, BOUNDS, "10%: 1 - 1/(d+2) at d = 10 and ln(1 + x) < x",
    ),
    Claim(
        "Section 5 (irreducible)", "On the resonance line the dynamics do not reduce to fewer than three moments.",
        three_dimensional_on_line, BOUNDS, "R V - C^2 above 1e-3", figure="fig08",
    ),
    Claim(
        "Section 5 (dimension-adjusted heavy ball)", "Momentum 1 - c/d at dense single samples lies on the resonance line.",
        sdahb, HOLDS, "all three modes within a factor 100, by one power of d",
    ),
    Claim(
        "Section 5 (the spectral conflict)", "One momentum exponent meets the resonance line at one sparsity at most.",
        sloped_line, HOLDS, "one point of 2,001", figure="fig29",
    ),
    Claim(
        "Section 5 (heavy ball above)", "Above resonance restoring force overcomes damping: the error oscillates.",
        oscillates_everywhere_above, LOOSE, "whether the limit's spectrum is complex",
        correction="it oscillates iff the stiffness w = c_eta c_p/c_eps is above 1/4; below, it decays monotonously",
    ),
    Claim(
        "Section 9 (one feature)", "Momentum and batching act along different axes: for one feature momentum never speeds up the best rate.",
        momentum_never_helps_alone, HOLDS, "1e-12: the best rate never falls as eps grows", figure="fig14",
    ),
    Claim(
        "Section 1 (destabilising drift)",
        "More momentum at a given learning rate can destabilise, by drift that feeds back into later gradients.",
        more_momentum_destabilises, FALSE, "no frontier may fall by more than rounding as momentum grows",
        correction="in these models the frontier never falls as momentum grows: eta_c = 2/((d+2-p)/B + eps p/(2-eps)) does not "
        "depend on how rare active minibatches are, and rises as eps falls",
    ),
)  # fmt: skip
