"""The limits above and on resonance (docs/momentum.md, section 2, and least_squares.md, section 6).

As eps -> 0 at fixed stiffness w = eta p/eps and feedback u = H_noise, every clock has one system on (R, V/p^2, C/p).
"""

from __future__ import annotations

import sympy
from sympy import Symbol

from sparsesim.theory.proofs import check, maps, stability
from sparsesim.theory.proofs.check import Expr, Matrix
from sparsesim.theory.proofs.maps import B, P, d, eps, eta, p

w, u, x = sympy.symbols("w u x", positive=True)
a, v, n, P0 = sympy.symbols("a v n P0", positive=True)


def system() -> Matrix:
    """The continuum system, per momentum memory."""
    return sympy.Matrix([[0, 0, -2 * w], [2 * u / w, -2, 2], [1, -w, -1]])


def resonance_system() -> Matrix:
    """The limit of section 6 of least_squares.md, per unit of slow time; n = 0 strictly above resonance."""
    return sympy.Matrix([[0, 0, -2 * a], [n, -2 * v, 2 * v], [v, -a, -v]]) / P0


def characteristic(matrix: Matrix) -> Expr:
    """det(x - matrix)."""
    return (x * sympy.eye(3) - matrix).det()


def margin(cubic: Expr) -> Expr:
    """c1 c2 - c3 of x^3 + c1 x^2 + c2 x + c3."""
    _, c1, c2, c3 = sympy.Poly(cubic, x).all_coeffs()
    return sympy.factor(c1 * c2 - c3)


def limits_of_the_maps() -> None:
    """(T - 1)/eps and A P/eps tend to the continuum system as eps/P -> 0, whatever d, p and P."""
    small = sympy.Symbol("small", positive=True)  # eps/P, where P = 1 on the minibatch clock
    units = sympy.diag(1, p**2, p)
    for increment, decay in ((maps.minibatch_map() - sympy.eye(3), small), (maps.generator(), small * P)):
        scaled = _at_fixed_parameters(units.inv() * increment * units / small).subs(eps, decay)
        check.identical(scaled.applyfunc(lambda entry: _at_zero(entry, small)), system())


def cubic() -> None:
    """x^3 + 3 x^2 + (2 + 4 w) x + 4 w (1 - u): stable iff u < 1, at every stiffness.

    Two roots are complex iff (1 - 4 w)^3 < 108 w^2 u^2: from w = 1/4 on at u = 0, from 1/16 on at u = 1.
    """
    polynomial = characteristic(system())
    check.identical(polynomial, x**3 + 3 * x**2 + (2 + 4 * w) * x + 4 * w * (1 - u))
    check.identical(margin(polynomial), 6 + 8 * w + 4 * w * u)
    check.positive(margin(polynomial))
    discriminant: Expr = sympy.discriminant(polynomial, x)
    check.identical(discriminant, 4 * ((1 - 4 * w) ** 3 - 108 * w**2 * u**2))
    for feedback, onset in ((0, sympy.Rational(1, 4)), (1, sympy.Rational(1, 16))):
        # Left of the onset the discriminant is positive, right of it negative.
        check.identical(discriminant.subs(u, feedback).subs(w, onset), 0)
        check.positive(discriminant.subs(u, feedback).subs(w, onset * x / (1 + x)))
        check.positive(-discriminant.subs(u, feedback).subs(w, onset * (1 + x)))


def false_ceiling() -> None:
    """c1, c2 and c3 of A tend to 3, 2 + 4 w and 4 w (1 - u); the paper's ceiling w = 3/2 is what is left without 4 w.

    Times c1 = 3 that order-eta term of c2 adds 12 w to the margin 6 - 4 w (1 - u). At w = 2, u = 0, where the truncated
    margin is negative, all roots have real part -1.
    """
    terms = [
        [_at_zero(_at_fixed_parameters(c * eta**k).subs(eps, x * P) / x**order, x) for k, c in enumerate(row)]
        for order, row in enumerate(stability.characteristic(), start=1)
    ]
    check.identical(sympy.Matrix(terms), sympy.Matrix([[3, 0, 0], [2, 4 * w, 0], [0, 4 * w, -4 * w * u]]))
    (c1, *_), (c2, omitted, _), c3 = terms
    truncated = c1 * c2 - sum(c3)
    check.identical(truncated, 6 - 4 * w * (1 - u))
    check.identical(truncated + c1 * omitted, 6 + 8 * w + 4 * w * u)
    check.identical(truncated.subs(u, 0).subs(w, sympy.Rational(3, 2)), 0)
    check.positive(-truncated.subs({w: 2, u: 0}))
    beyond = characteristic(system()).subs({w: 2, u: 0})
    check.identical(beyond, (x + 1) * ((x + 1) ** 2 + 7))


def resonance_line() -> None:
    """Eigenvalues -(v/P0)(1 + omega) with omega^3 + (4 a/v - 1) omega + 2 (a/v)^2 (n/v) = 0.

    Stable iff n a < 2 v^2, that is c_eta < 2 c_B.
    """
    omega, c_p, c_B, c_eta, c_eps = sympy.symbols("omega c_p c_B c_eta c_eps", positive=True)
    polynomial = characteristic(resonance_system())
    reduced = omega**3 + (4 * a / v - 1) * omega + 2 * (a / v) ** 2 * (n / v)
    check.identical(polynomial.subs(x, -(v / P0) * (1 + omega)), -((v / P0) ** 3) * reduced)
    check.positive(margin(polynomial))
    check.identical(polynomial.subs(x, 0), 2 * a / P0**3 * (2 * v**2 - n * a))
    prefactors = {a: c_eta * c_p, v: c_eps, n: c_eps**2 / (c_p * c_B)}
    check.identical((2 * v**2 - n * a).subs(prefactors), c_eps**2 / c_B * (2 * c_B - c_eta))
    # It is the continuum system at w = a/v, u = n a/(2 v^2) = c_eta/(2 c_B).
    named = system().subs({w: a / v, u: n * a / (2 * v**2)}, simultaneous=True)
    check.identical(v / P0 * named, resonance_system())
    check.identical((n * a / (2 * v**2)).subs(prefactors), c_eta / (2 * c_B))


def moment_closures() -> None:
    """The second moments of an SDE close on the limit system, by Ito's formula.

    It is dX = -(a/P0) Y ds, dY = (v/P0)(X - Y) ds + sqrt(n/P0) X dW. At n = 0 it is heavy ball, and the system its
    symmetric square: eigenvalues are sums of two of those of [[0, -a], [v, -v]]/P0, which are complex iff a/v > 1/4.
    """
    X, Y, R, V, C = sympy.symbols("X Y R V C")
    state, drift = sympy.Matrix([X, Y]), sympy.Matrix([[0, -a], [v, -v]]) / P0
    noise: Matrix = sympy.sqrt(n / P0) * sympy.Matrix([0, X])
    squares = (X**2, Y**2, X * Y)

    def mean_rate(f: Expr) -> Expr:
        gradient, curvature = sympy.Matrix([f]).jacobian(state), sympy.hessian(f, state)
        return sympy.expand((gradient * drift * state)[0] + (noise.T * curvature * noise)[0] / 2)

    moments = dict(zip(squares, (R, V, C), strict=True))
    rates = [sympy.Poly(mean_rate(f), X, Y).terms() for f in squares]
    closed = [sum(c * moments[X**i * Y**j] for (i, j), c in terms) for terms in rates]
    check.identical(sympy.Matrix(closed), resonance_system() * sympy.Matrix([R, V, C]))

    heavy_ball = (x * sympy.eye(2) - drift).det()
    check.identical(heavy_ball, x**2 + v / P0 * x + a * v / P0**2)
    check.identical(sympy.discriminant(heavy_ball, x), (v / P0) ** 2 * (1 - 4 * a / v))
    # Sums of two roots: twice each, which solve heavy_ball(x/2) = 0, and their sum -v/P0.
    check.identical(characteristic(resonance_system().subs(n, 0)), 4 * heavy_ball.subs(x, x / 2) * (x + v / P0))


def _at_fixed_parameters(value: Expr | Matrix) -> Expr | Matrix:
    """The learning rate and B in terms of w and u = H_noise."""
    return value.subs(B, eta * (d + 2 - p) / (2 * u)).subs(eta, w * eps / p)


def _at_zero(function: Expr, small: Symbol) -> Expr:
    """The limit as `small` -> 0, uniform in P: there the denominator does not depend on P, nor vanish."""
    numerator, denominator = (part.subs(small, 0) for part in sympy.fraction(sympy.cancel(sympy.together(function))))
    if denominator.has(P) or denominator == 0:
        raise check.Refuted(f"{function} has no limit uniform in P")
    return numerator / denominator
