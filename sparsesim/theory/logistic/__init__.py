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
from sparsesim.theory.logistic.drift import drift, jacobian
from sparsesim.theory.logistic.fixed_point import NoiseFold, SaturatedBranch, fixed_point, noise_fold
from sparsesim.theory.logistic.fluctuations import Fluctuations, fluctuations, fluctuations_of, stationary
from sparsesim.theory.logistic.gradient import (
    GradientCovariance,
    MeanGradient,
    gradient_covariance,
    mean_gradient,
    squared_gradient_across,
)
from sparsesim.theory.logistic.limit_maps import LimitMap, limit_of
from sparsesim.theory.logistic.limits import LogisticLimit, Pair, Slaved, limit_map
from sparsesim.theory.logistic.noise import step_covariance
from sparsesim.theory.logistic.noise_floor import Floor, approximate_floor, approximate_theta_par, floor
from sparsesim.theory.logistic.recursion import Solution, recursion, recursions
from sparsesim.theory.logistic.risk import (
    Hessians,
    approximate_excess_risk,
    excess_risk,
    excess_risk_at,
    hessians,
)
from sparsesim.theory.logistic.sparse import SparseSystem, bulk_matrix, entry_exponents, sparse_drift, sparse_ode
from sparsesim.theory.logistic.stability import (
    claimed_ceiling,
    critical_learning_rate,
    curvature_ceiling,
    decay_rate,
    oscillation_window,
    slowest_mode,
    spectral_radius,
)
from sparsesim.theory.logistic.tame import (
    TameCoefficients,
    TameReduction,
    tame_reduction,
)

__all__ = [
    "Coefficients",
    "Floor",
    "Fluctuations",
    "GradientCovariance",
    "Hessians",
    "LimitMap",
    "LogisticLimit",
    "MeanGradient",
    "NoiseFold",
    "Pair",
    "ResidualMoments",
    "SaturatedBranch",
    "Slaved",
    "Slopes",
    "Solution",
    "SparseSystem",
    "TameCoefficients",
    "TameReduction",
    "approximate_excess_risk",
    "approximate_floor",
    "approximate_theta_par",
    "bulk_matrix",
    "claimed_ceiling",
    "coefficients",
    "coefficients_at",
    "critical_learning_rate",
    "curvature_ceiling",
    "decay_rate",
    "drift",
    "entry_exponents",
    "excess_risk",
    "excess_risk_at",
    "fixed_point",
    "floor",
    "fluctuations",
    "fluctuations_of",
    "gradient_covariance",
    "hessians",
    "jacobian",
    "limit_map",
    "limit_of",
    "mean_gradient",
    "noise_fold",
    "oscillation_window",
    "recursion",
    "recursions",
    "residual_moments",
    "slopes_at",
    "slowest_mode",
    "sparse_drift",
    "sparse_ode",
    "spectral_radius",
    "squared_gradient_across",
    "stationary",
    "step_covariance",
    "tame_reduction",
]
