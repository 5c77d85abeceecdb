"""Excess risk against 50 digits far from the optimum and close to it, its derivatives, and Hessians."""

import logistic_precision as precise
import numpy as np
import pytest

from sparsesim import RareClassLogistic
from sparsesim.theory.logistic.gradient import mean_gradient
from sparsesim.theory.logistic.risk import approximate_excess_risk, excess_risk, excess_risk_at, hessians


def problem_at(p, r):
    return RareClassLogistic(d=10, p=p, B=1, r=r)


def assert_excess(p, r, theta_par, R):
    exact = precise.risk(p, r, theta_par, R) - precise.risk(p, r, r, 0.0)
    assert excess_risk_at(p, r, theta_par, R) == pytest.approx(float(exact), rel=2e-13, abs=0.0), (p, r, theta_par, R)


@pytest.mark.parametrize(
    ("p", "r", "theta_par", "R"),
    [
        (0.1, 1.0, 1.0 + 1e-7, 1e-14),  # excess of 1e-15
        (1e-2, 2.0, 2.0, 1e-6),
        (0.5, 1.0, 0.6, 0.3),
        (1e-6, 1.0, 1.3, 0.2),
        (1e-3, 1.0, -1.0, 4.0),
    ],
)
def test_excess_risk_against_fifty_digits(p, r, theta_par, R):
    assert_excess(p, r, theta_par, R)


@pytest.mark.slow
def test_excess_risk_against_fifty_digits_at_all_distances():
    rng = np.random.default_rng(21)
    for _ in range(60):
        p, r = float(10.0 ** rng.uniform(-9.0, np.log10(0.5))), float(rng.uniform(0.2, 3.0))
        size, angle = 10.0 ** rng.uniform(-7.0, 0.5), rng.uniform(0.0, np.pi)
        assert_excess(p, r, float(r + size * np.cos(angle)), float((size * np.sin(angle)) ** 2))
    assert_excess(1e-3, 1.0, 0.2, 1000.0)


def test_golden_numbers():
    assert excess_risk(problem_at(0.1, 1.0), 0.5, 1.0) == pytest.approx(0.0517252994359, rel=5e-12, abs=0.0)
    assert excess_risk(problem_at(1e-6, 1.0), 1.0, 0.5) == pytest.approx(2.840238534e-7, rel=5e-11, abs=0.0)
    optimum = hessians(problem_at(0.1, 1.0), 1.0, 0.0)
    assert optimum.par == pytest.approx(0.127669365059, rel=5e-12, abs=0.0)
    assert optimum.perp == pytest.approx(0.0806511805127, rel=5e-12, abs=0.0)


def test_the_excess_is_zero_at_the_optimum_and_quadratic_around_it():
    problem = problem_at(1e-3, 1.0)
    H = hessians(problem, 1.0, 0.0)
    assert excess_risk(problem, 1.0, 0.0) == 0.0
    for size in (1e-6, 1e-9, 1e-12):  # sizes that 1 + size holds exactly enough
        along = (1.0 + size) - 1.0
        assert excess_risk(problem, 1.0 + size, 0.0) == pytest.approx(
            0.5 * H.par * along**2, rel=10.0 * size + 1e-12, abs=0.0
        )
        assert excess_risk(problem, 1.0, size**2) == pytest.approx(
            0.5 * H.perp * size**2, rel=10.0 * size + 1e-12, abs=0.0
        )


def test_its_derivatives_are_the_gradient():
    """dKL/dtheta_par = G and dKL/dR = A/2, across the switch between the two forms as well."""
    rng = np.random.default_rng(22)
    for _ in range(40):
        problem = problem_at(float(10.0 ** rng.uniform(-6.0, -0.4)), float(rng.uniform(0.3, 2.0)))
        theta_par, R = rng.uniform(-0.5, 2.0), rng.uniform(0.05, 2.0)
        step = 2e-3
        offsets = step * np.array([-2.0, -1.0, 1.0, 2.0])
        weights = np.array([1.0, -8.0, 8.0, -1.0]) / (12.0 * step)
        mean = mean_gradient(problem, theta_par, R)
        allowed = 1e-8 * mean.perp
        assert excess_risk(problem, theta_par + offsets, R) @ weights == pytest.approx(mean.par, abs=allowed)
        assert excess_risk(problem, theta_par, R + offsets) @ weights == pytest.approx(mean.perp / 2.0, abs=allowed)


def test_hessians_at_the_optimum():
    """Flag F11: p (1+r^2) overestimates the curvature along the signal, by 36% of it at p = 0.1."""
    table = (
        (1e-1, 0.8065, 1.2767, 0.36),
        (1e-2, 0.97430, 1.87876, 0.06),
        (1e-3, 0.99730, 1.98659, 0.007),
        (1e-4, 0.99973, 1.99864, 0.0007),
    )
    for p, perp, par, off in table:
        H = hessians(problem_at(p, 1.0), 1.0, 0.0)
        assert H.perp / p == pytest.approx(perp, abs=5e-5)
        assert H.par / p == pytest.approx(par, abs=5e-5)
        assert 1.0 - H.par / (2.0 * p) == pytest.approx(off, rel=0.05, abs=0.0)
        assert H.cross == 0.0
        assert H.radial == H.perp


def test_hessians_are_slopes_of_the_gradient():
    rng = np.random.default_rng(23)
    for _ in range(20):
        problem = problem_at(float(10.0 ** rng.uniform(-6.0, -0.4)), float(rng.uniform(0.3, 2.0)))
        theta_par, radius = rng.uniform(-0.5, 2.0), rng.uniform(0.3, 1.5)
        step = 1e-3
        offsets = step * np.array([-2.0, -1.0, 1.0, 2.0])
        weights = np.array([1.0, -8.0, 8.0, -1.0]) / (12.0 * step)
        H = hessians(problem, theta_par, radius**2)
        moved = mean_gradient(problem, theta_par + offsets, radius**2)
        stretched = mean_gradient(problem, theta_par, (radius + offsets) ** 2)
        allowed = 1e-8 * H.perp
        assert moved.par @ weights == pytest.approx(H.par, abs=allowed)
        assert (radius * moved.perp) @ weights == pytest.approx(H.cross, abs=allowed)
        assert stretched.par @ weights == pytest.approx(H.cross, abs=allowed)
        assert ((radius + offsets) * stretched.perp) @ weights == pytest.approx(H.radial, abs=allowed)


def test_the_small_error_form_holds_to_its_order():
    """Eq. 204 errs by p exp(r^2) and by the distance, and by no less: at p = 0.1 it is far off."""
    for p, r, size, allowed in ((1e-6, 1.0, 1e-4, 3e-4), (1e-4, 1.0, 1e-4, 2e-3), (1e-6, 1.0, 1e-2, 3e-2)):
        approximation = approximate_excess_risk(problem_at(p, r), r + size, 2.0 * size**2)
        assert approximation == pytest.approx(
            excess_risk(problem_at(p, r), r + size, 2.0 * size**2), rel=allowed, abs=0.0
        )
    crude = approximate_excess_risk(problem_at(0.1, 1.0), 1.001, 0.0)
    assert crude / excess_risk(problem_at(0.1, 1.0), 1.001, 0.0) == pytest.approx(1.57, abs=0.01)  # off by 57%


def test_many_states_at_once():
    """Close states and far ones in one call take their own forms."""
    theta_par, R = np.array([[1.0], [1.001], [-2.0]]), np.array([0.0, 1e-8, 3.0])
    together = excess_risk(problem_at(0.01, 1.0), theta_par, R)
    assert together.shape == (3, 3)
    for i in range(3):
        for j in range(3):
            alone = excess_risk(problem_at(0.01, 1.0), float(theta_par[i, 0]), float(R[j]))
            assert together[i, j] == pytest.approx(alone, rel=1e-13, abs=0.0)


def test_the_segment_through_the_origin():
    """On the far side of the signal theta_t passes 0, where it has no direction."""
    assert excess_risk(problem_at(0.5, 0.1), -0.1, 0.0) == pytest.approx(
        float(precise.risk(0.5, 0.1, -0.1, 0.0) - precise.risk(0.5, 0.1, 0.1, 0.0)), rel=1e-13
    )


@pytest.mark.parametrize("function", [excess_risk, approximate_excess_risk, hessians])
def test_states_out_of_range_are_named(function):
    with pytest.raises(ValueError, match="theta_par must be a finite number, got inf"):
        function(problem_at(0.1, 1.0), np.inf, 1.0)
