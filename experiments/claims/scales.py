"""Orders in the dimension, and regimes (Sections 3 and 5, Appendices B.2 and C.3).

Each exponent is read between d = 1e10 and 1e12, and its change from 1e8 on says how far it is from its limit.
"""

import math
from functools import partial

import numpy as np
import sympy

from experiments.claims import points
from sparsesim.claims import (
    DEFINITION,
    FALSE,
    HOLDS,
    LIMIT,
    Claim,
    Judged,
    approach,
    combined,
    definition,
    exponent,
    identity,
    proof,
)
from sparsesim.problems import HeavyBall
from sparsesim.theory import least_squares, phases, stability
from sparsesim.theory.proofs import exponents
from sparsesim.theory.proofs import stability as proofs
from sparsesim.theory.proofs.exponents import TABLE_3
from sparsesim.theory.proofs.powers import alpha, beta, delta, one

READ_TIMES = "exponents to 0.03 and twice what they still change between d = 1e8 and 1e12"
READ = "the exponent to 0.02 and twice what it still changes between d = 1e8 and 1e12"
SHOWN = {"P": "P", "b1c": "1-b1", "b2c": "1-b2", "dth": "E[a]", "phi1": "phi1", "chi": "chi"}
PRIMITIVES = tuple(SHOWN)


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
    parts.append(proof((exponents.table_3,), ""))
    return combined(
        parts, f"P, 1-b1, 1-b2, E[a], phi1 and chi in region {where} at d = 1e8, 1e10 and 1e12, and by SymPy"
    )


def powers(where: str) -> str:
    """The powers of a row, in words."""
    return ", ".join(f"{name} ~ d^({TABLE_3[where][key]})" for key, name in SHOWN.items())


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
    read = {
        f"exponent of 1-b1 in {where}": part.numbers["exponent"]
        for where, part in zip(points.REGIONS, order, strict=True)
    }
    return whole._replace(numbers={"least ratio": min(ratios), "largest ratio": max(ratios), **read})


def coherence(scale: str) -> Judged:
    """phi3/((d+2) phi2) on both sides of alpha = beta - 1, and on it."""
    parts = []
    for name, a in (("below", 0.2), ("on", 0.5), ("above", 0.8)):
        cells = [points.scaling("A", alpha=a, beta=1.5).at(d)[0] for d in points.DIMENSIONS]
        ratio = [own.phi3 / ((one.d + 2) * own.phi2)
                 for one in cells for own in [least_squares.coefficients(one, HeavyBall(0.1, 0.5))]]  # fmt: skip
        part = exponent(points.DIMENSIONS, ratio, 0.5 - a, name)
        parts.append(part._replace(numbers={f"exponent {name} the boundary": part.numbers["exponent"]}))
    return combined(parts, "coherent over incoherent part of the gradient's second moment at beta = 1.5")


def idle(scale: str) -> Judged:
    """-ln(1-P) itself goes like a power of d where batches are dense: 1-P is below every power."""
    values = [-one.B * math.log1p(-one.p) for one, _ in points.cells("B")]
    return exponent(points.DIMENSIONS, values, value(beta - alpha, "B"), "-ln(1-P) = -B ln(1-p) in region B at three d")


def drift_and_retention(scale: str) -> Judged:
    """E[a]/(1-b1) = mu/eps, whatever P: the two powers add up to delta."""
    worst = 0.0
    for cell in points.random_cells(2000, seed=10):
        own = least_squares.coefficients(*cell)
        if own.mu > 0.0:
            worst = max(worst, abs(own.dth / own.b1c * own.eps / own.mu - 1.0))
    return identity({"largest relative error": worst}, 1e-12, "E[a]/(1-b1) over mu/eps at 2,000 random cells")


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


def memoryless(scale: str) -> Judged:
    """Below delta = alpha - beta the kept share vanishes like a power of d, above it the lost share does."""
    kept = exponent(
        points.DIMENSIONS, [1.0 - one.b1c for one in coefficients("D")], value(delta + beta - alpha, "D"), "D"
    )
    lost = [exponent(points.DIMENSIONS, [one.b1c for one in coefficients(where)], value(alpha - beta - delta, where), where)
            for where in "EF"]  # fmt: skip
    parts = [
        named(part, name) for part, name in zip((kept, *lost), ("kept in D", "lost in E", "lost in F"), strict=True)
    ]
    return combined(parts, "the shares of momentum that are kept and lost from active to active update")


def balanced_memory(scale: str) -> Judged:
    """On delta = alpha - beta 1-b1 tends to c_eps/(c_eps + c_p c_B)."""
    errors = []
    dimensions = (10**4, 10**8, 10**12)  # where B is whole
    for d in dimensions:
        own = least_squares.coefficients(*points.scaling("D", alpha=0.75, beta=0.25, delta=0.5, c_eps=2.0).at(d))
        errors.append(abs(own.b1c - 2.0 / 3.0))
    return approach(dimensions, errors, math.nan, "1-b1 on delta = alpha - beta less 2/3, at c_eps = 2 c_p c_B")


def cancelled(scale: str) -> Judged:
    """c3 at first order in eta over phi1 (1-b1)(1-b2): 2, with no factor left of the drift."""
    worst = 0.0
    for problem, optimizer in points.random_cells(300, seed=16):
        small = HeavyBall(1e-12 * stability.critical_learning_rate(problem, optimizer.eps), optimizer.eps)
        own = least_squares.coefficients(problem, small)
        c3 = stability.routh_hurwitz(problem, small).c3
        worst = max(worst, abs(c3 / (2.0 * own.eta * own.phi1 * own.b1c * own.b2c) - 1.0))
    return combined(
        [proof((proofs.step_one_identities,), ""), identity({"largest relative error": worst}, 1e-9, "")],
        "c3 at first order in eta by SymPy, and at 1e-12 of the frontier at 300 random cells",
    )


def entry_orders(where: str, scale: str) -> Judged:
    """Orders of the nine entries of A in the scaled variables, read off at finite d."""
    form = {name: -math.inf if TABLE_3[where][name] is None else value(TABLE_3[where][name] or 0, where)
            for name in ("P", "b1c", "b2c", "dth", "dg", "dth2", "dmth", "phi1", "chi")}  # fmt: skip
    k, dl = phases.classify(*points.WHERE[where]).kappa, points.WHERE[where][2]
    s, g = max(form["P"], -dl), form["chi"] - 2.0 * dl
    b1 = form["P"] - s
    listed = np.array([
        [-k - dl + form["phi1"], -2 * k + form["dth2"] + g, -k + form["dth"] + s],
        [0.0, form["b2c"], max(b1 - dl + form["phi1"] - g, -k + form["dg"]) + s],
        [-dl + form["phi1"] - s, -k + form["dmth"] + g - s, form["b1c"]],
    ])  # fmt: skip
    entries = []
    for problem, optimizer in points.cells(where):
        own = least_squares.coefficients(problem, optimizer)
        unit = np.array([1.0, own.eps**2 * own.chi, max(own.P, own.eps)])
        entries.append(np.abs(least_squares.poisson_generator(problem, optimizer) * unit / unit[:, None]))
    measured = np.diff(np.log(entries), axis=0)[-1] / math.log(points.DIMENSIONS[-1] / points.DIMENSIONS[-2])
    off = float(np.abs(measured - listed).max())
    return Judged(LIMIT if off < 0.01 else FALSE, {f"largest distance of an exponent in {where}": off}, "")


def all_entry_orders(scale: str) -> Judged:
    """In all regions."""
    return combined([entry_orders(where, scale) for where in points.REGIONS],
                    "all nine entries of A in the scaled variables, between d = 1e10 and 1e12, in A to F")  # fmt: skip


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
        lambda scale: definition("p B is d^(beta-alpha): the batch regimes are `Phase.batch_regime`"), DEFINITION, "none",
    ),
    *(
        Claim(
            f"Table 3, row {where}", f"In {words}: {powers(where)}.",
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
        "Remark 9", "Drift and retention split the momentum exponent: E[a]/(1-b1) = mu/eps goes like d^delta.",
        drift_and_retention, HOLDS, "1e-12: rounding; it is mu/eps exactly",
    ),
    Claim(
        "Lemma 16", "With alpha < beta the probability of an idle minibatch falls faster than any power of d.",
        idle, LIMIT, READ,
    ),
    Claim(
        "C.3.2 (drift denominators)", "1 - Q mu and max(P, eps) differ by at most a factor 2.",
        retention_denominator, HOLDS, "exactly: P + Q eps lies between max(P, eps) and twice it",
    ),
    Claim(
        "C.3.2 (persistent and transient memory)",
        "With sparse batches momentum survives from one active update to the next if delta > alpha - beta, and not below.",
        memoryless, LIMIT, READ,
    ),
    Claim(
        "C.3.2 (balanced memory)", "At delta = alpha - beta the kept share tends to a constant between 0 and 1.",
        balanced_memory, LIMIT, "errors fall at every step of d, by a power below -0.1",
    ),
    Claim(
        "C.3.3", "In the scaled variables the forcing of momentum energy by the squared error is exactly 1.",
        scaled_forcing, HOLDS, "1e-12: rounding",
    ),
    Claim(
        "C.3.3 (orders of the scaled entries)",
        "In the scaled variables each entry of A goes like one power of d, that of its largest term.",
        all_entry_orders, LIMIT, "exponents to 0.01 between d = 1e10 and 1e12",
    ),
    Claim(
        "Remark 11", "c3 at first order in eta is 2 eta phi1 (1-b1)(1-b2): the factor of the drift cancels.",
        cancelled, HOLDS, "exact by SymPy; 1e-9 in numbers, where eta is 1e-12 of the frontier",
    ),
    *(
        Claim(
            f"Regime table, {words}", "Retention and learning times, in active updates, go like the stated powers of d.",
            partial(regime, where), LIMIT, READ_TIMES, figure="fig03",
        )
        for where, words in REGIMES.items()
    ),
)  # fmt: skip
