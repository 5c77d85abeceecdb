"""Fixed points against golden numbers, the drift and long iteration; the fold against the page's values of Kmax."""

import math
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from sparsesim import HeavyBall, RareClassLogistic
from sparsesim.theory.logistic.coefficients import coefficients
from sparsesim.theory.logistic.drift import Cells, drift
from sparsesim.theory.logistic.fixed_point import SaturatedBranch, fixed_point, noise_fold
from sparsesim.theory.logistic.recursion import stepped

GOLDEN = (RareClassLogistic(d=100, p=0.1, B=16, r=1.0), HeavyBall(eta=0.4, eps=0.05))
FOLDS = {1e-3: 17.17, 1e-4: 36.76, 1e-5: 76.6, 1e-6: 155.8, 1e-8: 612.7}  # Kmax at r = 1 (F3 ii)


def with_K(K, eps, p=1e-3, d=10**4, B=100, r=1.0):
    """A problem and an optimizer with eta (d-1)/(2B) = K."""
    return RareClassLogistic(d=d, p=p, B=B, r=r), HeavyBall(2.0 * B * K / (d - 1), eps)


def rare(p, r=1.0):
    return RareClassLogistic(d=10, p=p, B=1, r=r)


def silent(problem, optimizer):
    """The fixed point and whether it came with a warning of the saturated branch."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        state = fixed_point(problem, optimizer)
    assert all(issubclass(one.category, SaturatedBranch) for one in caught)
    return state, bool(caught)


def random_cases(seed, number):
    rng = np.random.default_rng(seed)
    for _ in range(number):
        problem = RareClassLogistic(
            d=int(10 ** rng.uniform(0.4, 8)),
            p=10 ** rng.uniform(-6, -0.31),
            B=int(10 ** rng.uniform(0, 6)),
            r=rng.uniform(0.3, 3),
        )
        eps = 10 ** rng.uniform(-8, 0)
        yield problem, HeavyBall(10 ** rng.uniform(-3, 1.7) * problem.B / problem.d, eps)


def test_golden_number_8():
    golden = [0.894738079428, 0.0, 1.37082762401, 0.0154739941877, -0.00309479883755]
    np.testing.assert_allclose(fixed_point(*GOLDEN), golden, rtol=3e-12)


def test_the_drift_vanishes_there():
    for problem, optimizer in random_cases(1, 15):
        state, _ = silent(problem, optimizer)
        c = coefficients(problem, state[0], state[2])
        eta, eps = optimizer.eta, optimizer.eps
        pull = c.A * np.array([1.0, 1.0, state[2], state[2], state[2]]) * max(1.0, eta * c.A)
        size = np.array([eta * eps * abs(state[0]), eps * abs(state[0]), eta, eps, eps]) * pull
        size[3] = eps * state[3]
        np.testing.assert_array_less(np.abs(drift(problem, optimizer, state)), 1e-12 * size + 1e-300)


def test_the_branch_grows_with_eta_from_the_optimum_to_the_fold():
    fold = noise_fold(rare(1e-3))
    last = 0.0
    for K in [*np.geomspace(1e-6, 16.9, 20), fold.K * (1.0 - 1e-4)]:
        state, warned = silent(*with_K(K, eps=1e-6, d=10**8))
        assert not warned
        assert last < state[2] < fold.R
        assert state[2] == pytest.approx(K, rel=1e-3) or K > 1e-3
        last = state[2]
    assert last > 0.9 * fold.R  # the branch ends there, and it does so as a square root
    with pytest.warns(SaturatedBranch, match="beyond the noise fold"):
        beyond = fixed_point(*with_K(fold.K * (1.0 + 1e-4), eps=1e-6, d=10**8))
    assert beyond[2] > 10.0 * fold.R


def test_inside_the_fold_the_smallest_of_three_floors_is_returned():
    problem, optimizer = with_K(15.0, eps=1e-3)
    state, warned = silent(problem, optimizer)
    assert not warned
    from_above = drift(problem, HeavyBall(optimizer.eta, 1.0), [0.05, 0.0, 60.0, 0.0, 0.0])
    assert from_above[2] > 0.0  # R grows from here towards a floor of its own
    assert 4.8 < state[2] < 5.0


@pytest.mark.parametrize(("p", "Kmax"), FOLDS.items())
def test_the_fold_is_where_the_page_puts_it(p, Kmax):
    np.testing.assert_allclose(noise_fold(rare(p)).K, Kmax, rtol=6e-4)


def test_the_fold_is_a_maximum_of_the_level_on_the_nullcline():
    """R A/D0, with theta_par minimising the loss at R by a library's minimiser instead of a root of its slope."""
    from sparsesim.theory.logistic.coefficients import coefficients_at

    def level(R, p, r):
        def slope_squared(theta_par):
            c = coefficients_at(p, r, theta_par, R)
            return ((c.A * theta_par - c.b * r) / p) ** 2

        theta_par = minimize_scalar(slope_squared, bounds=(0.0, 2.0 * r), method="bounded", options={"xatol": 1e-10}).x
        c = coefficients_at(p, r, theta_par, R)
        return R * c.A / c.D0

    for p, r in ((1e-3, 1.0), (1e-4, 2.0), (1e-6, 0.5)):
        fold = noise_fold(rare(p, r))
        assert level(fold.R, p, r) == pytest.approx(fold.K, rel=1e-8)
        assert max(level(fold.R * 0.97, p, r), level(fold.R * 1.03, p, r)) < fold.K


@pytest.mark.parametrize("p", [0.01, 0.1, 0.4])
def test_there_is_no_fold_where_the_class_is_not_rare(p):
    assert noise_fold(rare(p)) == (math.inf, math.inf)
    K = np.geomspace(0.1, 60.0, 20)
    floors = [silent(*with_K(k, eps=1e-4, p=p, d=10**6, B=10**3)) for k in K]
    assert not any(warned for _, warned in floors)
    steps = np.diff(np.log([state[2] for state, _ in floors])) / np.diff(np.log(K))
    assert steps.min() > 0.0
    assert steps.max() < 12.0  # steep, but no jump


def test_a_learning_rate_beyond_all_reason_saturates_too():
    """R grows as K^2, where the slopes of the level have lost their digits."""
    floors = [silent(*with_K(K, eps=0.1)) for K in (1e5, 1e9)]
    assert all(warned for _, warned in floors)
    assert math.log10(floors[1][0][2] / floors[0][0][2]) == pytest.approx(8.0, abs=0.01)


@pytest.mark.parametrize("eps", [0.1, 1e-3])
@pytest.mark.parametrize(("K", "R"), [(10.0, 3.59), (15.0, 4.90), (25.0, 573.0), (60.0, 4660.0)])
def test_floors_on_both_sides_of_the_fold(K, R, eps):
    """F3: eta d/(2B) = K at p = 1e-3, d = 1e4, B = 100."""
    problem = RareClassLogistic(d=10**4, p=1e-3, B=100, r=1.0)
    state, warned = silent(problem, HeavyBall(2.0 * problem.B * K / problem.d, eps))
    assert state[2] == pytest.approx(R, rel=2e-3)
    assert warned == (FOLDS[1e-3] < K)


def test_the_floor_hardly_knows_eps():
    """F4: from plain SGD through resonance at eps = 1e-3 to far above."""
    problem = RareClassLogistic(d=10**4, p=0.01, B=1000, r=1.0)
    floors = [fixed_point(problem, HeavyBall(0.05, eps))[2] for eps in (1.0, 0.5, 0.1, 0.01, 1e-3, 1e-4)]
    np.testing.assert_allclose(floors, [0.23806, 0.23802, 0.23800, 0.2380001, 0.2379999, 0.2379999], atol=5e-6)
    np.testing.assert_allclose(floors[3:], [0.2380001, 0.2379999, 0.2379999], atol=6e-8)


@pytest.mark.parametrize(("factor", "R"), [(1, 0.00886), (10, 0.08775), (56, 0.47014)])
def test_far_above_the_claimed_ceiling_there_is_a_fixed_point(factor, R):
    """F2: d = 1000, alpha = 1/2, B = 178, delta = 4/3, at 1, 10 and 56 times eps/p."""
    problem, eps = RareClassLogistic(d=1000, p=1000**-0.5, B=178, r=1.0), 1000 ** (-4.0 / 3.0)
    assert fixed_point(problem, HeavyBall(factor * eps / problem.p, eps))[2] == pytest.approx(R, abs=6e-6)


def test_the_limit_formula_is_far_off_for_a_class_that_is_not_rare():
    """F11: the tame floor rho R = K is .9549 where the exact one is 1.3708."""
    K = GOLDEN[1].eta * GOLDEN[0].d / (2.0 * GOLDEN[0].B)
    tame = minimize_scalar(
        lambda rho: (2.0 * math.log(rho) - 1.0 / rho**2 - K / rho + 1.0) ** 2, bounds=(1.0, 5.0), method="bounded"
    ).x
    assert K / tame == pytest.approx(0.9549, abs=1e-4)
    assert fixed_point(*GOLDEN)[2] == pytest.approx(1.3708, abs=1e-4)


def test_in_one_dimension_it_is_the_optimum():
    problem, optimizer = RareClassLogistic(d=1, p=0.1, B=4, r=1.3), HeavyBall(0.3, 0.2)
    np.testing.assert_array_equal(fixed_point(problem, optimizer), [1.3, 0.0, 0.0, 0.0, 0.0])
    np.testing.assert_allclose(drift(problem, optimizer, fixed_point(problem, optimizer)), 0.0, atol=1e-16)


@pytest.mark.slow
def test_twenty_thousand_iterations_end_there():
    cases = [
        GOLDEN,
        with_K(3.0, 0.02, p=0.03),
        with_K(2.0, 0.1, p=0.05, d=200, B=3),
        with_K(0.4, 1.0, p=0.2, d=30, B=2),
    ]
    cells = Cells.of(*zip(*cases, strict=True))
    ends = stepped(cells, np.array([problem.start_moments(None) for problem, _ in cases]), 20_000)[-1]
    for end, (problem, optimizer) in zip(ends, cases, strict=True):
        np.testing.assert_allclose(end, fixed_point(problem, optimizer), rtol=1e-12, atol=1e-15)
