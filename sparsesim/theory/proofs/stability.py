"""Stability on all three clocks: eta < eta_c, and no other ceiling.

Sources: docs/least_squares.md, section 3, and docs/momentum.md, section 1. The frontier is proved twice. With the
cone: the maps send covariances to covariances, so that a real eigenvalue leaves first, through 1, and P(1) decides.
Without it: below eta_c every quantity of the Jury and the Routh-Hurwitz criterion is positive, as the quotient of
polynomials with positive coefficients alone or, for one of them, as a sum of squares.
"""

from __future__ import annotations

from functools import lru_cache

import sympy

from sparsesim.theory.proofs import check, maps
from sparsesim.theory.proofs.check import Expr, Matrix
from sparsesim.theory.proofs.maps import CLOSED_FORMS, FIRST, G2, SECOND, B, P, Q, chi, d, eps, eta, mu, p, phi1

lam, w = eta * eps * p, eta * p / eps
H_NOISE = eta * (d + 2 - p) / (2 * B)
H_CURVATURE = lam / (2 * (2 - eps))
H = H_NOISE + H_CURVATURE
ETA_C = 2 / ((d + 2 - p) / B + eps * p / (2 - eps))


def characteristic(mean: Expr = phi1, energy: Expr = chi) -> list[list[Expr]]:
    """c1, c2, c3 of det(l - A) = l^3 + c1 l^2 + c2 l + c3, each as its coefficients of eta^0, eta^1, eta^2."""
    moments = sympy.symbols("phi1 chi", positive=True)
    values = dict(zip(moments, (mean, energy), strict=True))
    coefficients = _characteristic(maps.generator(*moments).as_immutable())
    return [[coefficient.subs(values) for coefficient in row] for row in coefficients]


@lru_cache
def _characteristic(A: Matrix) -> tuple[list[Expr], list[Expr], list[Expr]]:
    minors = sum(A[i, i] * A[j, j] - A[i, j] * A[j, i] for i, j in ((0, 1), (0, 2), (1, 2)))
    return _in_eta(-A.trace()), _in_eta(minors), _in_eta(-A.det(method="berkowitz"))


def _in_eta(expression: Expr) -> list[Expr]:
    """Coefficients of eta^0, eta^1 and eta^2 of a polynomial in eta that has no others."""
    numerator, denominator = sympy.fraction(sympy.cancel(sympy.together(expression)))
    if denominator.has(eta):
        raise check.Refuted(f"{expression} is no polynomial in eta")
    poly = sympy.Poly(numerator, eta)
    if poly.degree() > 2:
        raise check.Refuted(f"{expression} has a term of eta^{poly.degree()}")
    return [sympy.factor(poly.coeff_monomial(eta**n) / denominator) for n in range(3)]


def polynomial_in(rate: Expr, row: list[Expr]) -> Expr:
    """One of c1, c2, c3 at a learning rate."""
    return sympy.Add(*(coefficient * rate**n for n, coefficient in enumerate(row)))


def step_one_identities() -> None:
    """The identities of section 3, and the other coefficients in full. No coefficient goes beyond eta^2."""
    b1c, b2c = CLOSED_FORMS["b1c"], CLOSED_FORMS["b2c"]
    c1, c2, c3 = characteristic()
    both = FIRST * SECOND
    check.identical(sympy.Matrix(c1), sympy.Matrix([b1c + b2c, 2 * phi1 * b2c, -(eps**2) * chi * (1 + Q * mu) / both]))
    second_order = -(eps**2) * (chi * (4 - 2 * eps - P * mu) - 2 * P * mu * phi1**2) / both
    check.identical(sympy.Matrix(c2), sympy.Matrix([b1c * b2c, 2 * phi1 * b2c * (1 + b1c), second_order]))
    check.identical(c3[0], 0)
    check.identical(c3[1], 2 * eps * phi1 * b2c * (b1c + CLOSED_FORMS["dth"]))
    check.identical(c3[1], 2 * phi1 * b1c * b2c)
    check.identical(c3[2], -p * eps**2 * (B * p * eps + (2 - eps) * (d + 2 - p)) / (B * P * both))


def singular_together() -> None:
    """T - 1, M - 1 and A are singular at the same eta: where H = 1."""
    identity = sympy.eye(3)
    determinant = (identity - maps.minibatch_map()).det()
    check.identical(determinant, eps**2 * eta * (2 * p * (2 - eps) - eta * ((2 - eps) * (G2 - p**2) + eps * p**2)))
    check.identical(determinant, 2 * eps**2 * eta * p * (2 - eps) * (1 - H))
    c3 = polynomial_in(eta, characteristic()[2])
    check.identical(c3, determinant / (identity - Q * maps.idle_map()).det())
    check.identical(c3, 2 * eta * phi1 * CLOSED_FORMS["b1c"] * CLOSED_FORMS["b2c"] * (1 - H))


def minibatch_polynomial(z: Expr, lam: Expr, noise: Expr) -> Expr:
    """det(z - T) as section 1 of momentum.md states it: lam = eta eps p, noise = H_noise."""
    return (z - mu) * (z**2 - ((1 + mu - lam) ** 2 - 2 * mu) * z + mu**2) - 2 * lam * eps * noise * z * (z + mu)


def characteristic_polynomials() -> None:
    """det(z - T) and the three forms in which roots keep their digits: with z = 1 + eps x = mu + eps y."""
    z, x, y, h = sympy.symbols("z x y H")
    stated = minibatch_polynomial(z, lam, H_NOISE)
    check.identical((z * sympy.eye(3) - maps.minibatch_map()).det(), stated)

    shifted = stated.subs(z, 1 + eps * x) / eps**3
    b1 = -(2 - eps) - w * (12 * h - 4 + eps * (6 - 10 * h) + eps**2 * (2 * h - 2)) - 2 * eps * mu * w**2
    b2 = -(2 - eps) + w * (8 - eps * (8 + 4 * h) + eps**2 * (2 + 2 * h)) - 2 * eps**2 * mu * w**2
    linear, quadratic = 2 + 4 * w + eps * b1 / (2 - eps), 3 + eps * b2 / (2 - eps)
    check.identical(shifted, (x**3 + quadratic * x**2 + linear * x + 2 * w * (2 - eps) * (1 - h)).subs(h, H))

    k = 2 * w * (2 - eps) * (1 - H_CURVATURE)
    in_x = (1 + x) * (x**2 + (2 - eps + eps * k) * x + k) - 2 * w * H_NOISE * (1 + eps * x) * (2 - eps + eps * x)
    check.identical(shifted, in_x)
    in_y = y * (y**2 - eps * (1 - k) * y - mu * (1 - k)) - 2 * w * H_NOISE * (mu + eps * y) * (2 * mu + eps * y)
    check.identical(stated.subs(z, mu + eps * y) / eps**3, in_y)


def cone() -> None:
    """T maps covariances to covariances: S' = F S F^T + 2 lam eps H_noise R b b^T on (e, eta m), a sum of squares.

    So do E (F alone), T_act (a mean of such maps) and M (their composition). By Perron and Frobenius the spectral
    radius of each is an eigenvalue.
    """
    R, V, C = sympy.symbols("R V C")
    S = sympy.Matrix([[R, eta * C], [eta * C, eta**2 * V]])
    F, b = sympy.Matrix([[1 - lam, -mu], [lam, mu]]), sympy.Matrix([-1, 1])
    moved = F * S * F.T + 2 * lam * eps * H_NOISE * R * b * b.T
    image = maps.minibatch_map() * sympy.Matrix([R, V, C])
    check.identical(sympy.Matrix([moved[0, 0], moved[1, 1] / eta**2, moved[0, 1] / eta]), image)
    idle = maps.idle_map() * sympy.Matrix([R, V, C])
    F = F.subs(p, 0)
    moved = F * S * F.T
    check.identical(sympy.Matrix([moved[0, 0], moved[1, 1] / eta**2, moved[0, 1] / eta]), idle)


def frontier() -> None:
    """P(1) = det(1 - T) is a positive number times 1 - H and vanishes at eta_c alone; stable iff it is positive.

    The spectral radius is an eigenvalue (`cone`). It is below 1 for small eta, as the eigenvalue 1 at eta = 0 moves
    inwards, and cannot pass 1 where P(1) > 0. Where P(1) < 0 a real eigenvalue is above 1, as P(z) > 0 for large z.
    """
    z = sympy.Symbol("z")
    polynomial = (z * sympy.eye(3) - maps.minibatch_map()).det()
    at_one = polynomial.subs(z, 1)
    check.positive(sympy.cancel(at_one / (1 - H)).subs(eps, _up_to_one("e")))
    check.identical(sympy.Matrix(sympy.solve(at_one, eta)), sympy.Matrix([ETA_C]))  # eta > 0: the one root
    check.identical(H, eta / ETA_C)
    check.identical(polynomial.subs(eta, 0), (z - 1) * (z - mu) * (z - mu**2))
    velocity = -sympy.diff(polynomial, eta) / sympy.diff(polynomial, z)
    check.identical(velocity.subs(eta, 0).subs(z, 1), -2 * p)


def jury() -> None:
    """rho(T) < 1 whenever H < 1, without the cone: z = (1+s)/(1-s) takes the unit disc to a half plane.

    Any H_curvature > 0 and H_noise >= 0 below H = 1 are x/(1+x+n) and n/(1+x+n).
    """
    s, x, n, e = sympy.symbols("s x n e", positive=True)
    total, both = 1 + x + n, 2 - eps
    polynomial = minibatch_polynomial((1 + s) / (1 - s), 2 * both * x / total, n / total).subs(eps, _up_to_one("e"))
    numerator, _ = sympy.fraction(sympy.together(polynomial * (1 - s) ** 3))
    a3, a2, a1, a0 = (sympy.factor(a) for a in sympy.Poly(numerator, s).all_coeffs())
    for quantity in (a0, a1, a2, a1 * a2 - a0 * a3):
        check.positive(quantity, or_zero=(e, n))
    # a3 = -P(-1) has squares instead of manifest signs.
    last = -minibatch_polynomial(sympy.Integer(-1), lam, H_NOISE)
    check.identical(last, both * (eps**2 + (both - lam) ** 2) + 2 * lam * eps**2 * H_NOISE)


def routh_hurwitz() -> None:
    """c1, c2, c3 and c1 c2 - c3 of the full A are positive whenever H < 1: no correlation ceiling, at any parameters.

    The mean energy of an active gradient is at least the square of its mean: (d+2-p)/B = p Q/P + v with v > 0, since
    1/Q = (1-p)^-B >= 1 + B p/(1-p). With v, eps = 1/(1+e), P = 1/(1+q) and eta = eta_c h/(1+h) all signs are manifest.
    """
    e, q, h, v = sympy.symbols("e q h v", positive=True)
    noise = p * Q / P + v
    check.identical(chi, (p**2 + p * (d + 2 - p) / B) / P)
    check.positive((1 + B * h) * (1 + h) - (1 + (B + 1) * h))  # (1 + h)^B >= 1 + B h, by induction on B
    check.identical((d + 2 - p) / B - p * (1 - p) / (B * p), (d + 1) / B)  # what v is at least
    rows = characteristic(energy=(p**2 + p * noise) / P)
    rate = h / (1 + h) * 2 / (noise + eps * p / (2 - eps))
    inside = {eps: _up_to_one("e"), P: _up_to_one("q")}
    c1, c2, c3 = (sympy.factor(polynomial_in(rate, row).subs(inside)) for row in rows)
    for quantity in (c1, c2, c3, c1 * c2 - c3):
        check.positive(quantity, or_zero=(e, q, v))


def omitted_term() -> None:
    """The term of c2 whose omission makes the paper's correlation ceiling: 2 phi1 (1-b2)(1 + (1-b1)) eta.

    Times c1 at eta^0 it is more than all of c3 at eta^1, at any parameters: to first order in eta the margin grows.
    What the paper keeps of the margin vanishes at eta = ((1-b1) + (1-b2))/(2 phi1).
    """
    b1c, b2c = CLOSED_FORMS["b1c"], CLOSED_FORMS["b2c"]
    c1, c2, c3 = characteristic()
    check.identical(c2[1], 2 * phi1 * b2c * (1 + b1c))
    check.identical(c1[0] * c2[1] - c3[1], 2 * phi1 * b2c * (b2c + b1c * (b1c + b2c)))
    for excess in (c1[0] * c2[1] - c3[1], c1[0] * c2[1] + c1[1] * c2[0] - c3[1]):
        check.positive(sympy.factor(excess.subs({eps: _up_to_one("e"), P: _up_to_one("q")})))
    kept = c1[0] * c2[0] - c3[1] * eta
    check.identical(kept.subs(eta, (b1c + b2c) / (2 * phi1)), 0)


def _up_to_one(name: str) -> Expr:
    """A number in (0, 1) as 1/(1 + positive symbol)."""
    return 1 / (1 + sympy.Symbol(name, positive=True))
