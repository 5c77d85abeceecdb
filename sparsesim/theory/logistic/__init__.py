"""Rare-class logistic regression: exact coefficients, drift, risk and limits."""

from sparsesim.theory.logistic.coefficients import (
    Coefficients,
    ResidualMoments,
    Slopes,
    coefficients,
    coefficients_at,
    residual_moments,
    slopes_at,
)
from sparsesim.theory.logistic.limits import (
    Floor,
    LogisticLimit,
    Pair,
    Slaved,
    approximate_floor,
    approximate_theta_par,
    floor,
    limit_map,
)
from sparsesim.theory.logistic.sparse import SparseSystem, bulk_matrix, entry_exponents, sparse_drift, sparse_ode

__all__ = [
    "Coefficients",
    "Floor",
    "LogisticLimit",
    "Pair",
    "ResidualMoments",
    "Slaved",
    "Slopes",
    "SparseSystem",
    "approximate_floor",
    "approximate_theta_par",
    "bulk_matrix",
    "coefficients",
    "coefficients_at",
    "entry_exponents",
    "floor",
    "limit_map",
    "residual_moments",
    "slopes_at",
    "sparse_drift",
    "sparse_ode",
]
