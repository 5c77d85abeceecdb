"""What a proof is made of: exact identities and signs between rational functions. A step that does not hold raises.

Proofs call these through the module, `check.identical(...)`, so that a test can stand between a proof and its checks.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, TypeAlias

import sympy
from sympy import Symbol

# For the reader: SymPy declares most of its results as wider than they are.
Expr: TypeAlias = Any
Matrix: TypeAlias = Any


class Refuted(Exception):
    """A step of a proof does not hold."""


def identical(left: Expr | Matrix, right: Expr | Matrix) -> None:
    """Both sides are the same rational function, entry by entry where they are matrices.

    Raises:
        Refuted: they are not, or are matrices of different shapes.
    """
    a, b = sympy.Matrix([left]), sympy.Matrix([right])
    if a.shape != b.shape:
        raise Refuted(f"shapes {a.shape} and {b.shape}")
    for x, y in zip(a.flat(), b.flat(), strict=True):
        if sympy.cancel(sympy.together(x - y)) != 0:
            raise Refuted(f"{x} is not {y}")


def positive(value: Expr, or_zero: Collection[Symbol] = ()) -> None:
    """A rational function is above 0 for all positive values of its symbols, and where any of `or_zero` are 0.

    Decided by the signs of coefficients: sufficient, and complete for the forms in which proofs put their claims.

    Raises:
        Refuted: the signs do not say so.
    """
    numerator, denominator = sympy.fraction(sympy.together(value))
    signs = {_sign(numerator, or_zero), _sign(denominator, or_zero)}
    if len(signs) > 1:
        raise Refuted(f"{value} is not positive")


def _sign(polynomial: Expr, or_zero: Collection[Symbol]) -> Expr:
    """The sign that all coefficients share."""
    poly = sympy.Poly(polynomial, *polynomial.free_symbols, sympy.Dummy())
    signs = {sympy.sign(c) for c in poly.coeffs()}
    if len(signs) > 1 or 0 in signs:
        raise Refuted(f"{polynomial} has no manifest sign")
    zeros = [place for place, symbol in enumerate(poly.gens) if symbol in or_zero]
    if not any(all(powers[place] == 0 for place in zeros) for powers in poly.monoms()):
        raise Refuted(f"{polynomial} vanishes with {or_zero}")
    return signs.pop()
