"""Mean gradient, second moment and covariance against 50-digit means over the samples themselves."""

import logistic_precision as precise
import numpy as np
import pytest
from mpmath import mp

from sparsesim import RareClassLogistic
from sparsesim.theory.logistic.gradient import gradient_covariance, mean_gradient, squared_gradient_across

CASES = [  # d, p, B, r, theta_par, R
    (40, 0.3, 7, 1.0, 0.5, 1.0),
    (3, 0.1, 1, 2.0, -0.4, 2.5),
    (1000, 1e-3, 16, 1.0, 1.2, 0.7),
    (2, 1e-8, 3, 0.6, 0.3, 0.1),
]


@pytest.mark.parametrize("case", CASES)
def test_moments_of_the_gradient_against_fifty_digits(case):
    d, p, B, r, theta_par, R = case
    problem = RareClassLogistic(d=d, p=p, B=B, r=r)
    par, radial, par2, radial2, cross, a2 = precise.gradient_moments(p, r, theta_par, R)

    mean = mean_gradient(problem, theta_par, R)
    assert mean.par == pytest.approx(float(par), rel=1e-13, abs=0.0)
    assert mean.perp * np.sqrt(R) == pytest.approx(float(radial), rel=1e-13, abs=0.0)

    # Across the signal: theta_perp's direction, and d - 2 more in which only the residual counts.
    squared = ((d - 2) * a2 + radial2) / B + (1 - mp.mpf(1) / B) * radial**2
    assert squared_gradient_across(problem, theta_par, R) == pytest.approx(float(squared), rel=1e-13, abs=0.0)

    covariance = gradient_covariance(problem, theta_par, R)
    exact = [(par2 - par**2) / B, (radial2 - radial**2) / B, (cross - par * radial) / B]
    assert covariance == pytest.approx([float(value) for value in exact], rel=1e-13, abs=0.0)


def test_the_gradient_vanishes_at_the_optimum_where_noise_is_free_of_theta():
    for p in (0.3, 1e-2, 1e-6):
        problem = RareClassLogistic(d=50, p=p, B=4, r=1.3)
        mean = mean_gradient(problem, 1.3, 0.0)
        assert abs(mean.par) < 1e-14 * p
        assert squared_gradient_across(problem, 1.3, 0.0) == pytest.approx(49 * mean.perp / 4, rel=1e-13, abs=0.0)
        assert gradient_covariance(problem, 1.3, 0.0).cross == 0.0


def test_the_gradient_at_zero_is_of_order_p_though_the_bias_is_not_the_logit_of_p():
    """Flag F1: s(b) = p exp(-r^2/2)/(1-p+p exp(-r^2/2)) rather than p."""
    for r, at_bias in ((1.0, 0.0060893), (2.0, 0.0013652)):
        problem = RareClassLogistic(d=10, p=0.01, B=1, r=r)
        tilted = 0.01 * np.exp(-(r**2) / 2)
        assert tilted / (0.99 + tilted) == pytest.approx(at_bias, rel=1e-4, abs=0.0)
        assert mean_gradient(problem, 0.0, 0.0).par == pytest.approx(-0.01 * r * (1.0 - at_bias), rel=1e-6, abs=0.0)


def test_many_states_at_once():
    problem = RareClassLogistic(d=30, p=0.05, B=8, r=1.0)
    theta_par, R = np.array([[0.0], [0.8]]), np.array([0.0, 0.5, 2.0])
    S = squared_gradient_across(problem, theta_par, R)
    covariance = gradient_covariance(problem, theta_par, R)
    assert S.shape == covariance.cross.shape == mean_gradient(problem, theta_par, R).par.shape == (2, 3)
    assert S[1, 2] == pytest.approx(squared_gradient_across(problem, 0.8, 2.0), rel=1e-14, abs=0.0)
    assert covariance.cross[1, 2] == pytest.approx(gradient_covariance(problem, 0.8, 2.0).cross, rel=1e-13, abs=0.0)
    assert isinstance(squared_gradient_across(problem, 0.8, 2.0), float)


@pytest.mark.parametrize("function", [mean_gradient, squared_gradient_across, gradient_covariance])
def test_states_out_of_range_are_named(function):
    problem = RareClassLogistic(d=30, p=0.05, B=8, r=1.0)
    with pytest.raises(ValueError, match=r"R must be a finite number, 0 or above, got -1\.0"):
        function(problem, 0.0, -1.0)
