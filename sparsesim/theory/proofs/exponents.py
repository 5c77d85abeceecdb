"""The paper's Tables 3 and 4, and what is true instead of its correlation ceiling, as powers of d.

Regions A to F of docs/least_squares.md, section 5; sections C.4.2 to C.4.5 of the paper. The ceilings of Table 4 are
reproduced as what they are: the roots of truncated criteria. The exact frontier is `proofs.stability.frontier`.
"""

from __future__ import annotations

import sympy

from sparsesim.theory.proofs import check, maps, stability
from sparsesim.theory.proofs.check import Expr
from sparsesim.theory.proofs.maps import P, Q, d, eta, mu
from sparsesim.theory.proofs.powers import (
    REGIONS,
    Cone,
    alpha,
    beta,
    c_B,
    c_eps,
    c_eta,
    c_p,
    delta,
    inside,
    kappa,
    leading,
    one,
)

# Where concentrated batches meet which term of 1/eta_c first: noise d/B or curvature eps p.
NOISE_OF_A: Cone = (*REGIONS["A"], one + alpha + delta - beta)
CURVATURE_OF_A: Cone = (*REGIONS["A"], beta - one - alpha - delta)

# Exponents; None where a quantity is below every power of d, as Q = (1-p)^B <= exp(-p B) is with dense batches.
_DENSE: dict[str, Expr | int | None] = {
    "P": 0,
    "1-Q mu": 0,
    "b1c": -delta,
    "b2c": -delta,
    "dth": 0,
    "dg": None,
    "dth2": 0,
    "dg2": None,
    "dmth": 0,
    "dmg": None,
    "dthg": None,
    "phi1": -alpha,
    "chi": one - beta - alpha,
}
_SPARSE: dict[str, Expr | int | None] = {
    "P": beta - alpha,
    "1-Q mu": beta - alpha,
    "b1c": alpha - beta - delta,
    "b2c": alpha - beta - delta,
    "dth": alpha - beta,
    "dg": alpha - beta,
    "dth2": 2 * (alpha - beta),
    "dg2": 2 * (alpha - beta),
    "dmth": alpha - beta,
    "dmg": alpha - beta,
    "dthg": 2 * (alpha - beta),
    "phi1": -beta,
    "chi": one - 2 * beta,
}
_MEMORYLESS: dict[str, Expr | int | None] = {
    **_SPARSE,
    "1-Q mu": -delta,
    "b1c": 0,
    "b2c": 0,
    "dth": delta,
    "dg": delta,
    "dth2": 2 * delta,
    "dg2": 2 * delta,
    "dmth": beta - alpha + 2 * delta,
    "dmg": beta - alpha + 2 * delta,
    "dthg": 2 * delta,
}
TABLE_3 = {
    "A": {**_DENSE, "chi": -2 * alpha},
    "B": _DENSE,
    "C": _DENSE,
    "D": _MEMORYLESS,
    "E": _SPARSE,
    "F": _SPARSE,
}
# Ceilings eta ~ d^-kappa: (the paper's noise, its correlation, the one of them that it says binds).
TABLE_4: dict[str, tuple[Expr, Expr, str]] = {
    "A": (-alpha, delta - alpha, "correlation"),
    "B": (one - beta, delta - alpha, "noise"),
    "C": (one - beta, delta - alpha, "correlation"),
    "D": (one - beta, -beta, "noise"),
    "E": (one - beta, delta - alpha, "noise"),
    "F": (one - beta, delta - alpha, "correlation"),
}


def primitives() -> dict[str, Expr]:
    """What Table 3 lists."""
    names = ("b1c", "b2c", "dth", "dg", "dth2", "dg2", "dmth", "dmg", "dthg")
    forms = {name: maps.CLOSED_FORMS[name] for name in names}
    return {"P": P, "1-Q mu": 1 - Q * mu, **forms, "phi1": maps.phi1, "chi": maps.chi}


def table_3() -> None:
    """Every primitive has one leading power of d in each open region, and chi one dominating term."""
    for region, table in TABLE_3.items():
        for name, form in primitives().items():
            if table[name] is None:
                check.identical(form.subs(P, 1), 0)
            else:
                check.identical(leading(form, region).exponent, table[name])
        dominating = maps.phi3 if region == "A" else (d + 2) * maps.phi2
        check.identical(sympy.Matrix(leading(maps.chi, region)), sympy.Matrix(leading(dominating, region)))


def coefficients() -> None:
    """Leading powers and prefactors of c1, c2 and c3 of A, order by order in eta.

    With r = 1-b1, and where momentum survives from one active update to the next, c1 = 3 r, c2 = 2 r^2 + 4 phi1 r eta
    and c3 = 4 phi1 r^2 eta. Without memory (D) r = 1-b2 = 1, and they are 2, 1 + 4 phi1 eta and 2 phi1 eta. The order
    eta of c1 is 4 phi1 r or 2 phi1, and every order eta^2 is negative.
    """
    (c1, c1_eta, c1_last), (c2, c2_eta, c2_last), (_, c3_eta, c3_last) = stability.characteristic()
    for region in REGIONS:
        r, slope = leading(maps.CLOSED_FORMS["b1c"], region), leading(maps.phi1, region)
        factors = (2, 1, 2, 4, 2) if region == "D" else (3, 2, 4, 4, 4)
        terms, powers = (c1, c2, c1_eta, c2_eta, c3_eta), ((1, 0), (2, 0), (1, 1), (1, 1), (2, 1))
        for term, factor, (retained, sloped) in zip(terms, factors, powers, strict=True):
            found = leading(term, region)
            check.identical(found.coefficient, factor * r.coefficient**retained * slope.coefficient**sloped)
            check.identical(found.exponent, retained * r.exponent + sloped * slope.exponent)
        for term in (c1_last, c2_last):
            check.positive(-leading(term, region).coefficient)
        for cone in (NOISE_OF_A, CURVATURE_OF_A) if region == "A" else (REGIONS[region],):
            check.positive(-leading(c3_last, region, cone).coefficient)


def table_4() -> None:
    """Both of the paper's ceilings, and which binds: the correlation ceiling in A, C and F if it were one."""
    (c1, *_), (c2, *_), (_, c3, _) = stability.characteristic()
    for region, (noise, correlation, binding) in TABLE_4.items():
        check.identical(-leading(maps.phi1 / maps.chi, region).exponent, noise)
        check.identical(-leading(c1 * c2 / c3, region).exponent, correlation)
        excess = correlation - noise if binding == "correlation" else noise - correlation
        check.positive(inside(excess, REGIONS[region]))


def noise_ceiling() -> None:
    """c3 = 0 at eta = 2 c_B d^(beta-1) in B to F, as in Table 4. In A it is not at d^alpha, as there, but far above.

    It is 2 c_B d^(beta-1) where beta < 1 + alpha + delta, and 4/(c_eps c_p) d^(alpha+delta), of curvature, beyond.
    """
    *_, (_, linear, quadratic) = stability.characteristic()
    ceiling = -linear / quadratic
    for region, cone in {**REGIONS, "A": NOISE_OF_A}.items():
        term = leading(ceiling, region, cone)
        check.identical(sympy.Matrix(term), sympy.Matrix([2 * c_B, beta - one]))
    term = leading(ceiling, "A", CURVATURE_OF_A)
    check.identical(sympy.Matrix(term), sympy.Matrix([4 / (c_eps * c_p), alpha + delta]))
    for cone in (NOISE_OF_A, CURVATURE_OF_A):
        exact = leading(ceiling, "A", cone).exponent
        check.positive(inside(exact - alpha, cone))


def no_correlation_ceiling() -> None:
    """Above resonance c1 c2 - c3 is positive at the paper's ceiling kappa = delta - alpha and on to the exact frontier.

    With r = 1-b1 and w = eta p/eps it is (6 + 8 w) r^3 at that ceiling and 8 w r^3 above it, where w grows: the term of
    c2 that the paper omits contributes 12 w r^3, against 4 w r^3 of c3. In A, beyond eta ~ d^alpha, lam = eta eps p
    outgrows eps in c1 as well, and 16 lam^2 is left.
    """
    c1, c2, c3 = (stability.polynomial_in(eta, row) for row in stability.characteristic())
    margin = c1 * c2 - c3
    w = sympy.Symbol("w", positive=True)
    noise, curvature = kappa - one + beta, kappa + alpha + delta  # positive below the frontier
    for region, end in (("A", kappa + alpha), ("C", noise), ("F", noise)):
        r = leading(maps.CLOSED_FORMS["b1c"], region)
        at = leading(margin, region, rate=(w * c_eps / c_p, alpha - delta))
        check.identical(sympy.Matrix(at), sympy.Matrix([(6 + 8 * w) * r.coefficient**3, 3 * r.exponent]))
        above = leading(margin, region, (*REGIONS[region], delta - alpha - kappa, end))
        check.identical(above.coefficient, 8 * (c_eta * c_p / c_eps) * r.coefficient**3)
        check.identical(above.exponent, delta - alpha - kappa + 3 * r.exponent)
    beyond = leading(margin, "A", (*REGIONS["A"], -alpha - kappa, noise, curvature))
    check.identical(sympy.Matrix(beyond), sympy.Matrix([16 * (c_eta * c_eps * c_p) ** 2, -2 * curvature]))
