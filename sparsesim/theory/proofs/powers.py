"""Leading powers of d of rational functions, region by region of the phase plane (docs/least_squares.md, section 5).

With p = c_p d^-alpha, B = c_B d^beta, eps = c_eps d^-delta every coefficient is a rational function of d, p, B, eps and
P, and each monomial of it a power of d with an exponent that is linear in (alpha, beta, delta). A region is a cone of
exponents: one monomial dominates another in all of it iff its exponent is no smaller on every extreme ray. The leading
term is the sum of those that no other exceeds; where there is none, or where its coefficients cancel, the proof fails.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations
from typing import NamedTuple

import sympy

from sparsesim.theory.proofs import check
from sparsesim.theory.proofs.check import Expr, Matrix
from sparsesim.theory.proofs.maps import B, P, d, eps, eta, p

one, alpha, beta, delta, kappa = sympy.symbols("one alpha beta delta kappa", real=True)  # one: the exponent of d itself
c_p, c_B, c_eps, c_eta = sympy.symbols("c_p c_B c_eps c_eta", positive=True)
Cone = tuple[Expr, ...]  # linear forms that are positive in it

REGIONS: dict[str, Cone] = {
    "A": (one, alpha, delta, beta - one - alpha),
    "B": (one, alpha, delta, alpha - beta + one, beta - alpha, one - beta + alpha - delta),
    "C": (one, alpha, alpha - beta + one, beta - alpha, delta - one + beta - alpha),
    "D": (one, beta, delta, alpha - beta - delta),
    "E": (one, beta, alpha - beta, delta - alpha + beta, one - beta + alpha - delta),
    "F": (one, beta, alpha - beta, delta - one + beta - alpha),
}
SPARSE = "DEF"


class Leading(NamedTuple):
    """coefficient d^exponent."""

    coefficient: Expr
    exponent: Expr


def leading(
    function: Expr, region: str, cone: Cone | None = None, rate: tuple[Expr, Expr] = (c_eta, -kappa)
) -> Leading:
    """The leading term of a rational function of d, p, B, eps, P and eta.

    Args:
        function: not 0.
        region: dense or sparse decides what P is.
        cone: exponents for which the term is to lead, if not those of the region.
        rate: (prefactor, exponent) of eta.

    Raises:
        Refuted: no term leads in all of the cone, or it cancels.
    """
    sizes = {d: (1, one), p: (c_p, -alpha), B: (c_B, beta), eps: (c_eps, -delta), eta: rate}
    if region in SPARSE:
        sizes[P] = (c_p * c_B, beta - alpha)  # P/(p B) -> 1, as p B - (p B)^2/2 <= P <= p B
    else:
        function = function.subs(P, 1)
    parts = sympy.fraction(sympy.cancel(sympy.together(function)))
    above, below = (_leading_monomials(part, sizes, cone or REGIONS[region]) for part in parts)
    return Leading(above.coefficient / below.coefficient, sympy.expand(above.exponent - below.exponent))


@lru_cache
def extreme_rays(cone: Cone) -> tuple[Matrix, ...]:
    """The extreme rays of {forms > 0}, in the coordinates (one, alpha, beta, delta[, kappa]).

    Raises:
        Refuted: the forms are nowhere positive together.
    """
    coordinates = _coordinates(cone)
    forms = sympy.Matrix(cone).jacobian(coordinates)
    rays: list[Matrix] = []
    for rows in combinations(range(len(cone)), len(coordinates) - 1):
        kernel = forms.extract(list(rows), list(range(len(coordinates)))).nullspace()
        if len(kernel) == 1:
            heights = forms * kernel[0]
            sign = 1 if max(heights) > 0 else -1
            if min(sign * heights) >= 0 and sign * kernel[0] not in rays:
                rays.append(sign * kernel[0])
    if min(forms * sum(rays, sympy.zeros(len(coordinates), 1))) <= 0:
        raise check.Refuted(f"no exponents satisfy {cone}")
    return tuple(rays)


def inside(form: Expr, cone: Cone) -> Expr:
    """A linear form at any point of a cone, as a combination of its values on rays with positive weights t0, t1, ..."""
    coordinates = _coordinates(cone)
    on_rays = [form.subs(dict(zip(coordinates, ray, strict=True))) for ray in extreme_rays(cone)]
    weights = sympy.symbols(f"t:{len(on_rays)}", positive=True)
    return sympy.Add(*(weight * value for weight, value in zip(weights, on_rays, strict=True)))


def _coordinates(cone: Cone) -> list[Expr]:
    return [one, alpha, beta, delta, *([kappa] if any(form.has(kappa) for form in cone) else [])]


def _leading_monomials(polynomial: Expr, sizes: dict[Expr, tuple[Expr, Expr]], cone: Cone) -> Leading:
    """The sum of the monomials that no other exceeds on any ray."""
    coordinates, rays = _coordinates(cone), sympy.Matrix.hstack(*extreme_rays(cone))
    symbols = list(sizes)
    exponents = sympy.Matrix([size for _, size in sizes.values()])
    heights = exponents.jacobian(coordinates) * rays
    monomials: dict[tuple, list[tuple[tuple[int, ...], Expr]]] = {}
    for powers, coefficient in sympy.Poly(polynomial, *symbols).terms():
        on_rays = tuple(sympy.Matrix([powers]) * heights)
        monomials.setdefault(on_rays, []).append((powers, coefficient))
    top = tuple(max(values) for values in zip(*monomials, strict=True))
    if top not in monomials:
        raise check.Refuted(f"no term of {polynomial} leads in all of {cone}")
    total = sum(
        coefficient * sympy.prod(size**power for (size, _), power in zip(sizes.values(), powers, strict=True))
        for powers, coefficient in monomials[top]
    )
    if sympy.expand(total) == 0:
        raise check.Refuted(f"the leading terms of {polynomial} cancel")
    powers, _ = monomials[top][0]
    return Leading(sympy.factor(total), (sympy.Matrix([powers]) * exponents)[0])
