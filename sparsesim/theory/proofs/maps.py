"""From the update rule to the three linear systems (docs/least_squares.md, section 2).

Nothing is assumed but the rule, the law of the samples and the geometric waiting time. The probability P of an active
minibatch stands for itself: every identity holds for any P, and 1 - (1-p)^B is one of them.
"""

from __future__ import annotations

import sympy

from sparsesim.theory.proofs import check
from sparsesim.theory.proofs.check import Expr, Matrix

d, p, B, eta, eps, P = sympy.symbols("d p B eta epsilon P", positive=True)
mu, Q = 1 - eps, 1 - P
FIRST, SECOND = P + Q * eps, P + Q * eps * (2 - eps)  # 1 - Q mu and 1 - Q mu^2

G2 = ((d + 2) * p + (B - 1) * p**2) / B
phi1, phi2, phi3 = p / P, p / (B * P), p**2 * (B - 1) / (B * P)
chi = (d + 2) * phi2 + phi3

CLOSED_FORMS: dict[str, Expr] = {
    "b1": P * mu / FIRST,
    "b2": P * mu**2 / SECOND,
    "b1c": eps / FIRST,
    "b2c": eps * (2 - eps) / SECOND,
    "dth": mu / FIRST,
    "dg": Q * mu / FIRST,
    "dth2": mu**2 * (1 + Q * mu) / (FIRST * SECOND),
    "dg2": Q * mu**2 * (1 + Q * mu) / (FIRST * SECOND),
    "dmth": P * mu**2 / (FIRST * SECOND),
    "dmg": P * Q * mu**3 / (FIRST * SECOND),
    "dthg": Q * mu**2 * (1 + mu) / (FIRST * SECOND),
}
# The same as polynomials in y = mu^K: a = mu + ... + mu^K and b = mu + ... + mu^(K-1) (see `waiting_means`).
y = sympy.Symbol("y", positive=True)
a, b = mu * (1 - y) / eps, mu * (1 - y) / eps - y
WAITING: dict[str, Expr] = {
    "b1": y,
    "b2": y**2,
    "b1c": 1 - y,
    "b2c": 1 - y**2,
    "dth": a,
    "dg": b,
    "dth2": a**2,
    "dg2": b**2,
    "dmth": a * y,
    "dmg": b * y,
    "dthg": a * b,
}


def step(mean: Expr, square: Expr) -> Matrix:
    """One update on (R, V, C), from the rule alone, where E[g|e] = mean e and E[|g|^2|e] = square |e|^2.

    (e, m, g) have a Gram matrix that is linear in (R, V, C), and the new e and m are linear in them.
    """
    R, V, C = sympy.symbols("R V C")
    gram = sympy.Matrix([[R, C, mean * R], [C, V, mean * C], [mean * R, mean * C, square * R]])
    rule = sympy.Matrix([[1, -eta * mu, -eta * eps], [0, mu, eps]])
    moved = rule * gram * rule.T
    return sympy.Matrix([moved[0, 0], moved[1, 1], moved[0, 1]]).jacobian([R, V, C])


def minibatch_map() -> Matrix:
    """T as section 2 states it."""
    V = sympy.Matrix([[eps**2 * G2, mu**2, 2 * mu * eps * p]])
    overlap = sympy.Matrix([[eps * p, 0, mu]])
    return sympy.Matrix.vstack(
        sympy.Matrix([[1, 0, 0]]) - 2 * eta * overlap + eta**2 * V,
        V,
        overlap - eta * V,
    )


def idle_map() -> Matrix:
    """E, a minibatch without an active sample."""
    return sympy.Matrix(
        [
            [1, eta**2 * mu**2, -2 * eta * mu],
            [0, mu**2, 0],
            [0, -eta * mu**2, mu],
        ]
    )


def generator(phi1: Expr = phi1, chi: Expr = chi) -> Matrix:
    """A as section 2 states it, of the two moments of an active gradient."""
    b1, b2c, b1c, dth, dg, dth2, dg2, dmth, dmg, dthg = (
        CLOSED_FORMS[name] for name in ("b1", "b2c", "b1c", "dth", "dg", "dth2", "dg2", "dmth", "dmg", "dthg")
    )
    slope, energy = eps * phi1, eps**2 * chi
    RR = -2 * eta * slope + eta**2 * energy
    RV = eta**2 * dth2 - 2 * eta**3 * slope * dthg + eta**4 * energy * dg2
    RC = -2 * eta * dth + 2 * eta**2 * slope * (dg + dth) - 2 * eta**3 * energy * dg
    VR = energy
    VV = -b2c - 2 * eta * slope * dmg + eta**2 * energy * dg2
    VC = 2 * b1 * slope - 2 * eta * energy * dg
    CR = slope - eta * energy
    CV = -eta * dmth + eta**2 * slope * (dthg + dmg) - eta**3 * energy * dg2
    CC = -b1c - eta * slope * (dg + dth + b1) + 2 * eta**2 * energy * dg
    return sympy.Matrix([[RR, RV, RC], [VR, VV, VC], [CR, CV, CC]])


def gradient_moments() -> None:
    """E[g|e] = p e and E[|g|^2|e] = g2 |e|^2 from Gaussian features and a binomial number of active samples."""
    u = sympy.Symbol("u", real=True)
    density = sympy.exp(-(u**2) / 2) / sympy.sqrt(2 * sympy.pi)
    second, fourth = (sympy.integrate(u**n * density, (u, -sympy.oo, sympy.oo)) for n in (2, 4))
    own = fourth + (d - 1) * second**2  # E[<x,e>^2 |x|^2]/|e|^2 of one active sample
    z = sympy.Symbol("z", positive=True)
    number = (1 - p + p * z) ** B  # E[z^number of active samples]
    active, pairs = (sympy.simplify(sympy.diff(number, z, n).subs(z, 1)) for n in (1, 2))
    check.identical(active * second / B, p)
    check.identical((active * own + pairs * second**2) / B**2, G2)
    # Idle minibatches contribute nothing: the means over active ones are 1/P of these.
    check.identical(number.subs(z, 0), (1 - p) ** B)
    check.identical(P * phi1, p)
    check.identical(P * chi, G2)


def minibatch_entries() -> None:
    """T and E follow from the update rule."""
    check.identical(minibatch_map(), step(p, G2))
    check.identical(idle_map(), step(0, 0))


def waiting_means() -> None:
    """Every closed form is the mean of its polynomial in mu^K over K ~ geometric(P)."""
    check.identical(a - a.subs(y, y / mu), y)  # a gains mu^K when K - 1 becomes K,
    check.identical(a.subs(y, 1), 0)  # and starts from 0
    check.identical(a - b, y)
    k, r = sympy.Symbol("k", integer=True), sympy.Symbol("r", positive=True)
    total: Expr = sympy.summation(r**k, (k, 1, sympy.oo))
    series = total.subs(r < 1, True)  # r = Q mu^j
    check.identical(series, r / (1 - r))
    for name, polynomial in WAITING.items():
        terms = sympy.Poly(polynomial, y).terms()
        # E[mu^(j K)] = sum_k P Q^(k-1) mu^(j k), a geometric series in Q mu^j.
        mean = sum(coefficient * P / Q * series.subs(r, Q * mu**j) for (j,), coefficient in terms)
        check.identical(mean, CLOSED_FORMS[name])
    check.identical(CLOSED_FORMS["b1c"] + CLOSED_FORMS["dth"], CLOSED_FORMS["b1c"] / eps)


def composition() -> None:
    """M = T_act P (1 - Q E)^-1 equals 1 + A: idle minibatches in a geometric number, then an active one.

    As (1 + A)(1 - Q E) = P T_act = T - Q E, with 1 - Q E invertible.
    """
    identity, idle = sympy.eye(3), Q * idle_map()
    check.identical(step(phi1, chi), (minibatch_map() - idle) / P)
    check.identical((identity + generator()) * (identity - idle), P * step(phi1, chi))
    check.identical((identity - idle).det(), P * FIRST * SECOND)
