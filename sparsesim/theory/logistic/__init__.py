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

__all__ = [
    "Coefficients",
    "ResidualMoments",
    "Slopes",
    "coefficients",
    "coefficients_at",
    "residual_moments",
    "slopes_at",
]
