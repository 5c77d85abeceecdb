"""Rates at the fixed point and ceilings of the learning rate (docs/logistic.md, F2 and F3)."""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.optimize import brentq

from sparsesim import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic.drift import jacobian
from sparsesim.theory.logistic.fixed_point import fixed_point
from sparsesim.theory.logistic.recursion import recursion
from sparsesim.theory.logistic.risk import hessians
from sparsesim.theory.logistic.stability import (
    claimed_ceiling,
    curvature_ceiling,
    decay_rate,
    oscillation_window,
    slowest_mode,
    spectral_radius,
)

GOLDEN = (RareClassLogistic(d=100, p=0.1, B=16, r=1.0), HeavyBall(eta=0.4, eps=0.05))
CEILINGS = [(0.3, 10**-1.2, 122.696), (0.01, 10**-1.2, 4308.78), (0.05, 1e-3, 39263.3)]  # eps, p, eta_c at r = 1


def test_golden_number_8():
    assert spectral_radius(*GOLDEN) == pytest.approx(0.974545967511, abs=1e-12)


def test_the_spectral_radius_is_that_of_the_jacobian():
    for eps in (1.0, 0.3, 0.05, 1e-3):
        for eta in (0.01, 0.4, 3.0):
            optimizer = HeavyBall(eta, eps)
            modes = np.linalg.eigvals(jacobian(GOLDEN[0], optimizer, fixed_point(GOLDEN[0], optimizer)))
            assert spectral_radius(GOLDEN[0], optimizer) == pytest.approx(np.abs(modes).max(), abs=1e-12)


def test_slow_rates_keep_their_digits():
    """Far below resonance R and theta_par decay at rates proportional to eta, here of 1e-15 a step."""
    problem = RareClassLogistic(d=100, p=0.1, B=10**6, r=1.0)
    rates = [decay_rate(problem, HeavyBall(eta, 0.5)) / eta for eta in (1e-9, 1e-14)]
    assert rates[1] == pytest.approx(rates[0], rel=1e-6)
    assert rates[1] == pytest.approx(hessians(problem, 1.0, 0.0).par, rel=1e-6)  # below 2 A, the rate of R


def test_the_recursion_approaches_its_fixed_point_at_this_rate():
    problem, optimizer = RareClassLogistic(d=100, p=0.1, B=160, r=1.0), HeavyBall(0.1, 0.5)
    end = fixed_point(problem, optimizer)
    left = np.abs(recursion(problem, optimizer, [1200, 1600])[:, 0] - end[0])
    assert math.log(left[0] / left[1]) / 400 == pytest.approx(decay_rate(problem, optimizer), rel=1e-3)


@pytest.mark.parametrize("eps", [0.5, 0.01])  # the second: the signal oscillates
def test_the_slowest_mode_decays_evenly_in_the_recursion(eps):
    problem, optimizer = RareClassLogistic(d=100, p=0.1, B=160, r=1.0), HeavyBall(0.1, eps)
    rate, mode = decay_rate(problem, optimizer), slowest_mode(problem, optimizer)
    times = [round(folds / rate) for folds in (8, 9, 10, 11)]
    left = (recursion(problem, optimizer, times) - fixed_point(problem, optimizer)) @ mode
    np.testing.assert_allclose(-np.diff(np.log(np.abs(left))) / np.diff(times), rate, rtol=2e-3)
    assert (np.abs(mode.imag).max() > 0.0) == (eps == 0.01)


def test_without_anything_across_the_slowest_mode_is_that_of_the_signal():
    mode = slowest_mode(RareClassLogistic(d=1, p=0.1, B=160, r=1.0), HeavyBall(0.1, 0.5))
    assert (mode[:2] != 0.0).all()
    assert (mode[2:] == 0.0).all()


@pytest.mark.parametrize(("p", "golden"), [(0.1, 1.27669365059), (1e-2, 1.87876), (1e-3, 1.98659), (1e-4, 1.99864)])
def test_the_curvature_along_the_signal(p, golden):
    """Golden number 4, the page's values and its formula by a library's quadrature; F11: p (1 + r^2) is off."""
    problem = RareClassLogistic(d=10, p=p, B=1, r=1.0)

    def density(z):
        def weight(f):
            return 1.0 / (2.0 + 2.0 * math.cosh(f))  # s'

        common, rare = weight(problem.bias + z), weight(problem.bias + 1.0 + z)
        return (
            ((1.0 - p) * common * z**2 + p * rare * (1.0 + z) ** 2) * math.exp(-0.5 * z * z) / math.sqrt(2.0 * math.pi)
        )

    curvature = hessians(problem, 1.0, 0.0).par
    assert curvature / p == pytest.approx(golden, abs=6e-6)
    assert curvature == pytest.approx(quad(density, -12, 14, epsabs=0.0, epsrel=1e-11, limit=200)[0], rel=1e-10)
    off = {0.1: 0.36, 1e-2: 0.06, 1e-3: 0.0067}.get(p)
    assert off is None or 1.0 - curvature / (2.0 * p) == pytest.approx(off, rel=0.02)


@pytest.mark.parametrize(("eps", "p", "golden"), CEILINGS)
def test_the_curvature_ceiling(eps, p, golden):
    """Golden number 13 and F3 i: for an infinite minibatch the exact map loses its stability just there."""
    problem = RareClassLogistic(d=100, p=p, B=10**16, r=1.0)
    ceiling = curvature_ceiling(problem, eps)
    assert ceiling == pytest.approx(golden, rel=4e-6)
    factor = brentq(lambda factor: decay_rate(problem, HeavyBall(ceiling * factor, eps)), 0.9, 1.1, xtol=1e-14)
    assert factor == pytest.approx(1.0, abs=1e-8)
    assert ceiling > 25.0 * claimed_ceiling(problem, eps)


def test_a_finite_minibatch_loses_stability_within_five_millionths_of_the_ceiling():
    problem = RareClassLogistic(d=100, p=10**-1.2, B=10**9, r=1.0)
    ceiling = curvature_ceiling(problem, 0.3)
    factor = brentq(lambda factor: decay_rate(problem, HeavyBall(ceiling * factor, 0.3)), 0.9, 1.1, xtol=1e-14)
    assert abs(factor - 1.0) < 6e-6


def test_or_in_a_window_below_it():
    """R, driven at the signal's frequency, resonates: the window that the docstring of `curvature_ceiling` names."""
    problem = RareClassLogistic(d=100, p=10**-1.2, B=10**9, r=1.0)
    ceiling = curvature_ceiling(problem, 0.01)
    stable = [decay_rate(problem, HeavyBall(ceiling * factor, 0.01)) > 0.0 for factor in (0.97, 0.975, 0.985, 0.999)]
    assert stable == [True, False, True, True]


def test_far_above_the_claimed_ceiling_the_rate_is_half_of_eps():
    """F2: (1 - spectral radius)/eps at multiples of eps/p, d = 1e4, alpha = 1/2, beta = 3/4, delta = 1, and d = 1e6."""
    problem, eps = RareClassLogistic(d=10**4, p=1e-2, B=1000, r=1.0), 1e-4
    claimed = claimed_ceiling(problem, eps)
    rates = [(1.0 - spectral_radius(problem, HeavyBall(f * claimed, eps))) / eps for f in (0.1, 1, 3, 10, 30, 100)]
    np.testing.assert_allclose(rates, [0.217, 0.509, 0.522, 0.540, 0.537, 0.501], atol=6e-4)
    problem, eps = RareClassLogistic(d=10**6, p=1e-3, B=31623, r=1.0), 1e-9
    claimed = claimed_ceiling(problem, eps)
    rates = [decay_rate(problem, HeavyBall(f * claimed, eps)) / eps for f in (1, 1e2, 1e4)]
    np.testing.assert_allclose(rates, [0.5, 0.5004, 0.527], atol=5e-4)


def test_the_signal_oscillates_inside_the_window_only():
    problem, eps = RareClassLogistic(d=1, p=0.05, B=10, r=1.0), 0.2
    low, high = oscillation_window(problem, eps)
    optimum = [1.0, 0.0, 0.0, 0.0, 0.0]
    for eta, oscillates in ((low * 0.99, False), (low * 1.01, True), (high * 0.99, True), (high * 1.01, False)):
        modes = np.linalg.eigvals(jacobian(problem, HeavyBall(eta, eps), optimum)[:2, :2])
        assert np.iscomplex(modes).any() == oscillates
    assert spectral_radius(problem, HeavyBall(math.sqrt(low * high), eps)) == pytest.approx(math.sqrt(0.8), rel=1e-12)


@pytest.mark.parametrize("function", [curvature_ceiling, claimed_ceiling, oscillation_window])
@pytest.mark.parametrize("eps", [0.0, 1.5, math.nan])
def test_eps_outside_its_range_is_refused(function, eps):
    with pytest.raises(ValueError, match="eps must be in"):
        function(GOLDEN[0], eps)
