"""Orders in the dimension, and regimes (Sections 3 and 5, Appendices B.2 and C.3).

Each exponent is read between d = 1e10 and 1e12, and its change from 1e8 on says how far it is from its limit.
"""

import math
from functools import partial

import sympy

from experiments.claims import points
from sparsesim.claims import (
    DEFINITION,
    HOLDS,
    LIMIT,
    Claim,
    Judged,
    combined,
    definition,
    exponent,
    identity,
)
from sparsesim.theory import least_squares, phases
from sparsesim.theory.proofs.exponents import TABLE_3
from sparsesim.theory.proofs.powers import alpha, beta, delta, one

READ = "the exponent to 0.02 and twice what it still changes between d = 1e8 and 1e12"
PRIMITIVES = ("P", "b1c", "b2c", "dth", "phi1", "chi")


def value(form: sympy.Expr | int, where: str) -> float:
    """A linear form in the exponents, at a point."""
    own = dict(zip((alpha, beta, delta), points.WHERE[where], strict=True))
    return float(sympy.sympify(form).subs({**own, one: 1}))


def coefficients(where: str) -> list[least_squares.Coefficients]:
    """At every dimension."""
    return [least_squares.coefficients(*cell) for cell in points.cells(where)]


def named(part: Judged, name: str) -> Judged:
    """Numbers that say what they are of, without how much they still change."""
    return part._replace(
        numbers={f"{name}: {key}": number for key, number in part.numbers.items() if "change" not in key}
    )


def row(where: str, scale: str) -> Judged:
    """The primitives of a row of Table 3, each against its stated power."""
    found = coefficients(where)
    parts = []
    for name in PRIMITIVES:
        form = TABLE_3[where][name]
        assert form is not None
        part = exponent(points.DIMENSIONS, [getattr(one, name) for one in found], value(form, where), name)
        parts.append(named(part, name))
    other = found[-1].phi3 / found[-1].chi if where != "A" else 1.0 - found[-1].phi3 / found[-1].chi
    parts.append(identity({"share of chi's other term": other}, 0.5, "which term of chi is the larger one"))
    return combined(parts, f"P, 1-b1, 1-b2, E[a], phi1 and chi in region {where} at d = 1e8, 1e10 and 1e12")


def retention_gaps(scale: str) -> Judged:
    """(1-b2)/(1-b1) between 1 and 2, at random cells, and the order of both in every region."""
    ratios = [
        one.b2c / one.b1c for cell in points.random_cells(2000, seed=7) if (one := least_squares.coefficients(*cell))
    ]
    order = [exponent(points.DIMENSIONS, [one.b1c for one in coefficients(where)],
                      value(TABLE_3[where]["b1c"] or 0, where), where)
             for where in points.REGIONS]  # fmt: skip
    bounds = identity({"below 1 by": max(0.0, 1.0 - min(ratios)), "above 2 by": max(0.0, max(ratios) - 2.0)}, 1e-12, "")
    whole = combined([bounds, *order], "1 <= (1-b2)/(1-b1) <= 2 at 2,000 random cells; the power of d in every region")
    return whole._replace(numbers={"least ratio": min(ratios), "largest ratio": max(ratios)})


def coherence(scale: str) -> Judged:
    """phi3/((d+2) phi2) on both sides of alpha = beta - 1, and on it."""
    parts = []
    for name, a in (("below", 0.2), ("on", 0.5), ("above", 0.8)):
        cells = [points.scaling("A", alpha=a, beta=1.5).at(d)[0] for d in points.DIMENSIONS]
        ratio = [(one.B - 1) * one.p / (one.d + 2) for one in cells]
        part = exponent(points.DIMENSIONS, ratio, 0.5 - a, name)
        parts.append(part._replace(numbers={f"exponent {name} the boundary": part.numbers["exponent"]}))
    return combined(parts, "coherent over incoherent part of the gradient's second moment at beta = 1.5")


def idle(scale: str) -> Judged:
    """ln(1-P)/ln d where batches are dense: below every power."""
    powers = []
    for d in (10**2, 10**4, 10**6):
        problem, _ = points.scaling("B").at(d)
        powers.append(problem.B * math.log1p(-problem.p) / math.log(d))
    falls = powers[0] > powers[1] > powers[2]
    good = falls and powers[-1] < -1.0
    numbers = {f"power of d at d = 1e{2 * i}": power for i, power in enumerate(powers, start=1)}
    return Judged(LIMIT if good else "false", numbers, "ln(1-P)/ln d in region B: an exponent that falls without bound")


def drift_and_retention(scale: str) -> Judged:
    """The powers of E[a] and of 1/(1-b1) add up to delta."""
    parts = []
    for where in ("B", "C", "D", "E", "F"):
        found = coefficients(where)
        both = [one.dth / one.b1c for one in found]
        parts.append(exponent(points.DIMENSIONS, both, points.WHERE[where][2], where))
    whole = combined(parts, "E[a]/(1-b1) goes like d^delta in B to F")
    return whole._replace(
        numbers={f"exponent in {w}": p.numbers["exponent"] for w, p in zip("BCDEF", parts, strict=True)}
    )


def scaled_forcing(scale: str) -> Judged:
    """A_VR/(eps^2 chi) is 1 at random cells: the scale of V makes its forcing 1."""
    worst = 0.0
    for problem, optimizer in points.random_cells(200, seed=8):
        own = least_squares.coefficients(problem, optimizer)
        worst = max(
            worst, abs(least_squares.poisson_generator(problem, optimizer)[1, 0] / (own.eps**2 * own.chi) - 1.0)
        )
    return identity({"largest relative error": worst}, 1e-12, "A_VR over eps^2 chi at 200 random cells")


def retention_denominator(scale: str) -> Judged:
    """(1 - Q mu)/max(P, eps) between 1 and 2, at random cells."""
    ratios = []
    for problem, optimizer in points.random_cells(2000, seed=9):
        own = least_squares.coefficients(problem, optimizer)
        ratios.append((own.P + own.Q * own.eps) / max(own.P, own.eps))
    bounds = {"below 1 by": max(0.0, 1.0 - min(ratios)), "above 2 by": max(0.0, max(ratios) - 2.0)}
    judged = identity(bounds, 1e-12, "(1 - Q mu)/max(P, eps) at 2,000 random cells")
    return judged._replace(numbers={"least": min(ratios), "largest": max(ratios)})


def regime(where: str, scale: str) -> Judged:
    """A row of the regime table: retention and learning times at finite d against their stated powers."""
    cells = points.cells(where)
    times = [phases.timescales(*cell) for cell in cells]
    phase = phases.classify(*points.WHERE[where])
    retention = exponent(
        points.DIMENSIONS, [one.retention for one in times], phase.retention_exponent, "retention", 0.03
    )
    learning = exponent(points.DIMENSIONS, [one.learning for one in times], phase.learning_exponent, "learning", 0.03)
    parts = [named(part, name) for name, part in (("retention", retention), ("learning", learning))]
    return combined(parts, f"1/(1-b1) and the e-folding time of the slowest mode in {where}, exact at each d")


def batch_boundaries(scale: str) -> Judged:
    """E[active samples] = pB on the two vertical lines is 1 and d, up to prefactors."""
    on = {name: [one.p * one.B / one.d ** power for d in points.DIMENSIONS
                 for one in [points.scaling("B", alpha=a, beta=b).at(d)[0]]]
          for name, a, b, power in (("alpha = beta", 0.5, 0.5, 0.0), ("alpha = beta - 1", 0.5, 1.5, 1.0))}  # fmt: skip
    parts = [exponent(points.DIMENSIONS, values, 0.0, name, 1e-3) for name, values in on.items()]
    whole = combined(parts, "p B on alpha = beta, and p B/d on alpha = beta - 1, as d grows")
    return whole._replace(numbers={f"exponent on {n}": p.numbers["exponent"] for n, p in zip(on, parts, strict=True)})


def memoryless(scale: str) -> Judged:
    """Below delta = alpha - beta nothing is left of the buffer from one active update to the next, and above all is."""
    kept = {where: [1.0 - one.b1c for one in coefficients(where)][-1] for where in ("D", "E", "F")}
    good = kept["D"] < 0.01 and min(kept["E"], kept["F"]) > 0.99
    numbers = {f"b1 in {where} at d = 1e12": one for where, one in kept.items()}
    return Judged(
        LIMIT if good else "false", numbers, "the share of momentum that survives from active to active update"
    )


def closed_form(scale: str) -> Judged:
    """Between the regimes: on delta = alpha - beta b1 tends to a constant inside (0, 1)."""
    values = []
    for d in points.DIMENSIONS:
        own = least_squares.coefficients(*points.scaling("D", delta=0.5).at(d))
        values.append(own.b1c)
    part = exponent(points.DIMENSIONS, values, 0.0, "1-b1 on delta = alpha - beta", 1e-3)
    inside = 0.05 < values[-1] < 0.95
    return (part if inside else part._replace(verdict="false"))._replace(numbers={**part.numbers, "1-b1": values[-1]})


ROWS = {
    "A": "concentrated batches", "B": "dense batches, below resonance", "C": "dense batches, above resonance",
    "D": "sparse batches, memoryless", "E": "sparse batches, below resonance", "F": "sparse batches, above resonance",
}  # fmt: skip
REGIMES = {
    "A": "concentrated, above resonance", "C": "dense, above resonance", "B": "dense, below resonance",
    "F": "sparse, above resonance", "E": "sparse, below resonance", "D": "sparse, memoryless",
    "resonance-dense": "dense, on resonance", "resonance-sparse": "sparse, on resonance",
    "dense-sparse-above": "alpha = beta, above resonance", "dense-sparse-below": "alpha = beta, below resonance",
    "triple-point": "the triple point", "noise-line": "alpha = beta - 1, above resonance",
}  # fmt: skip
CLAIMS = (
    Claim(
        "Equation 3",
        "Exponents and prefactors: p = c_p d^-alpha, B = c_B d^beta, eps = c_eps d^-delta, eta = c_eta d^-kappa.",
        lambda scale: definition("`sparsesim.Scaling`, which caps p and eps at 1 and rounds B at finite d"),
        DEFINITION, "none",
    ),
    Claim(
        "Section 3 (batch regimes)",
        "alpha = beta is where a minibatch has O(1) active samples, alpha = beta - 1 where it has O(d).",
        batch_boundaries, LIMIT, READ,
    ),
    *(
        Claim(
            f"Table 3, row {where}", f"In {words}, P, 1-b1, 1-b2, E[a], phi1 and chi go like the stated powers of d.",
            partial(row, where), LIMIT, READ,
        )
        for where, words in ROWS.items()
    ),
    Claim(
        "Lemma 8", "1-b1 and 1-b2 are of one order: their ratio stays between 1 and 2, and both go like the stated power of d.",
        retention_gaps, LIMIT, "the bounds exactly; " + READ,
    ),
    Claim(
        "Remark 7", "Coherent and incoherent second moments of the gradient change places at alpha = beta - 1, at polynomial resolution sharply.",
        coherence, LIMIT, READ,
    ),
    Claim(
        "Remark 9", "Drift and retention split the momentum exponent: E[a]/(1-b1) goes like d^delta.",
        drift_and_retention, LIMIT, READ,
    ),
    Claim(
        "Lemma 16", "With alpha < beta the probability of an idle minibatch falls faster than any power of d.",
        idle, LIMIT, "the exponent must fall from d to d and pass -1 by d = 1e6",
    ),
    Claim(
        "C.3.2 (drift denominators)", "1 - Q mu and max(P, eps) differ by at most a factor 2.",
        retention_denominator, HOLDS, "exactly: P + Q eps lies between max(P, eps) and twice it",
    ),
    Claim(
        "C.3.2 (persistent and transient memory)",
        "With sparse batches momentum survives from one active update to the next if delta > alpha - beta, and not below.",
        memoryless, LIMIT, "at d = 1e12 less than 1% is kept below, and less than 1% is lost above",
    ),
    Claim(
        "C.3.2 (balanced memory)", "At delta = alpha - beta the kept share tends to a constant between 0 and 1.",
        closed_form, LIMIT, "an exponent of 0 to 0.001",
    ),
    Claim(
        "C.3.3", "In the scaled variables the forcing of momentum energy by the squared error is exactly 1.",
        scaled_forcing, HOLDS, "1e-12: rounding",
    ),
    *(
        Claim(
            f"Regime table, {words}", "Retention and learning times, in active updates, go like the stated powers of d.",
            partial(regime, where), LIMIT, READ.replace("0.02", "0.03"), figure="fig03",
        )
        for where, words in REGIMES.items()
    ),
)  # fmt: skip
