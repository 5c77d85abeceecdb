"""The theory's formulas as claims with executable proofs: `python -m sparsesim.theory.symbolic`, or `make proofs`.

Each claim is a statement of docs/least_squares.md (sections 2, 3, 5 and 6) or docs/momentum.md (sections 1 and 2),
and its proof a function of `sparsesim.theory.proofs` that derives the statement in SymPy, in exact arithmetic, and
raises where a step does not hold. Starting points are the update rule, the law of the samples and the geometric waiting
time; nothing is taken from the numerical modules.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from time import perf_counter
from typing import NamedTuple

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sparsesim.theory.proofs import continuum, exponents, maps, stability
from sparsesim.theory.proofs.check import Refuted


class Claim(NamedTuple):
    """A statement and its proof, which raises `Refuted` where the statement is false."""

    name: str
    statement: str
    proof: Callable[[], None]


CLAIMS = (
    Claim(
        "gradient moments",
        "E[g|e] = p e and E[|g|^2|e] = g2 |e|^2, g2 = ((d+2) p + (B-1) p^2)/B",
        maps.gradient_moments,
    ),
    Claim("minibatch map", "T, and E for an idle minibatch, follow from the update rule", maps.minibatch_entries),
    Claim(
        "waiting means",
        "b1, b2, dth, dg, dth2, dg2, dmth, dmg, dthg are means over K ~ geometric(P); (1-b1) + dth = (1-b1)/eps",
        maps.waiting_means,
    ),
    Claim("composition", "M = T_act P (1 - Q E)^-1 = 1 + A, entry by entry", maps.composition),
    Claim(
        "step-1 identities",
        "c1, c2, c3 of A are quadratic in eta, with c3 = 2 phi1 (1-b1)(1-b2) eta - ... and all others in closed form",
        stability.step_one_identities,
    ),
    Claim(
        "singular together",
        "det(1-T) = 2 p (2-eps) eps^2 eta (1-H) and c3 = det(1-T)/det(1-QE) = 2 eta phi1 (1-b1)(1-b2)(1-H)",
        stability.singular_together,
    ),
    Claim(
        "characteristic polynomial",
        "det(z-T) factorises up to noise; its shifted cubics in x (z = 1 + eps x) and y (z = mu + eps y)",
        stability.characteristic_polynomials,
    ),
    Claim("cone", "T, E, and so T_act and M, map covariances to covariances", stability.cone),
    Claim("frontier", "stable iff H < 1, that is eta < eta_c = 2/((d+2-p)/B + eps p/(2-eps))", stability.frontier),
    Claim("Jury", "below eta_c Jury's criterion for T holds, by positive coefficients", stability.jury),
    Claim(
        "Routh-Hurwitz",
        "below eta_c c1, c2, c3 and c1 c2 - c3 of the full A are positive, by positive coefficients",
        stability.routh_hurwitz,
    ),
    Claim(
        "omitted term",
        "c2 has the term 2 phi1 (1-b2)(1 + (1-b1)) eta; times c1 it exceeds c3's order eta at any parameters",
        stability.omitted_term,
    ),
    Claim(
        "continuum limit",
        "(T-1)/eps and A P/eps tend to the continuum system at fixed stiffness w and feedback u",
        continuum.limits_of_the_maps,
    ),
    Claim(
        "continuum cubic",
        "x^3 + 3 x^2 + (2+4w) x + 4w(1-u), margin 6 + 8w + 4wu; complex iff (1-4w)^3 < 108 w^2 u^2",
        continuum.cubic,
    ),
    Claim(
        "false ceiling",
        "without 4w of c2 = 2 + 4w the margin is 6 - 4w(1-u), which fails at w = 3/2: the paper's ceiling",
        continuum.false_ceiling,
    ),
    Claim(
        "resonance line",
        "l = -(v/P0)(1+omega), omega^3 + (4a/v-1) omega + 2(a/v)^2(n/v) = 0; stable iff c_eta < 2 c_B",
        continuum.resonance_line,
    ),
    Claim(
        "moment closures",
        "the limit is the second moments of its SDE, and above resonance of 2-D heavy ball (symmetric square)",
        continuum.moment_closures,
    ),
    Claim("Table 3", "leading powers of d of all primitives in regions A to F", exponents.table_3),
    Claim("orders of c1, c2, c3", "leading powers of their coefficients of eta in A to F", exponents.coefficients),
    Claim("Table 4", "the paper's two ceilings in A to F, and which it says binds", exponents.table_4),
    Claim(
        "noise ceiling",
        "c3 = 0 at 2 c_B d^(beta-1), in A beyond beta = 1+alpha+delta at 4/(c_eps c_p) d^(alpha+delta); not at d^alpha",
        exponents.noise_ceiling,
    ),
    Claim(
        "no correlation ceiling",
        "in A, C, F c1 c2 - c3 is positive at the paper's ceiling and from there up to the exact frontier",
        exponents.no_correlation_ceiling,
    ),
)


def refutation(claim: Claim) -> str | None:
    """Why a proof fails; None where it holds."""
    try:
        claim.proof()
    except Refuted as reason:
        return str(reason)
    return None


def report(claims: Iterable[Claim], console: Console) -> bool:
    """Runs the proofs and prints what became of each. True iff all hold."""
    table = Table("claim", "statement", "status", "seconds", title="Formulas of the theory, proved in exact arithmetic")
    refuted: list[tuple[str, str]] = []
    for claim in claims:
        began = perf_counter()
        reason = refutation(claim)
        status = "[green]proved" if reason is None else "[red]refuted"
        table.add_row(claim.name, escape(claim.statement), status, f"{perf_counter() - began:.1f}")
        if reason is not None:
            refuted.append((claim.name, reason))
    console.print(table)
    for name, reason in refuted:
        console.print(f"{name}: {reason}", style="red", markup=False, highlight=False)
    return not refuted


if __name__ == "__main__":
    sys.exit(0 if report(CLAIMS, Console()) else 1)
