"""Frontier, rates and floor against determinants and eigenvalues in 80-digit arithmetic (`high_precision`)."""

import math

import high_precision as hp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mpmath import mp, mpf

from sparsesim import HeavyBall, LeastSquares
from sparsesim.theory import stability


def cases(number, seed, **options):
    rng = np.random.default_rng(seed)
    return [hp.random_case(rng, **options) for _ in range(number)]


def inside_unit_circle(T):
    """Jury's criterion on the characteristic polynomial z^3 + a z^2 + b z + c."""
    a, b, c = hp.characteristic(T)
    return 1 + a + b + c > 0 and 1 - a + b - c > 0 and abs(c) < 1 and abs(b - a * c) < 1 - c * c


def in_left_half_plane(A):
    """Routh and Hurwitz's criterion."""
    c1, c2, c3 = hp.characteristic(A)
    return c1 > 0 and c3 > 0 and c1 * c2 > c3


def test_the_frontier_is_where_every_clock_turns_unstable():
    for problem, optimizer in cases(1000, seed=11):
        critical = stability.critical_learning_rate(problem, optimizer.eps)
        for factor, stable in ((1.0 - 1e-6, True), (1.0 + 1e-6, False)):
            near = HeavyBall(eta=critical * factor, eps=optimizer.eps)
            M = hp.active_map(problem, near)
            assert inside_unit_circle(hp.minibatch_map(problem, near)) == stable, (problem, near)
            assert inside_unit_circle(M) == stable, (problem, near)
            assert in_left_half_plane(M - mp.eye(3)) == stable, (problem, near)
            assert (stability.decay_rate(problem, near) > 0.0) == stable
            assert (stability.margin(problem, near) > 0.0) == stable


def test_the_criteria_of_this_file_know_stable_from_unstable():
    rng = np.random.default_rng(12)
    for _ in range(200):
        T = hp.from_array(rng.normal(size=(3, 3)) * rng.uniform(0.2, 1.0))
        assert inside_unit_circle(T) == (hp.spectral_radius(T) < 1)
        growth = max(mp.re(z) for z in mp.eig(T, left=False, right=False))
        assert in_left_half_plane(T) == (growth < 0)


@pytest.mark.parametrize(("low", "high"), [(1e-6, 1e6), (0.9, 1.1), (1.0 - 1e-9, 1.0 + 1e-9)])
def test_decay_rate_is_minus_the_logarithm_of_the_spectral_radius(low, high):
    for problem, optimizer in cases(150, seed=13, low=low, high=high):
        rho = hp.spectral_radius(hp.minibatch_map(problem, optimizer))
        rate = stability.decay_rate(problem, optimizer)
        assert abs(rate + mp.log(rho)) <= 2e-15 * abs(mp.log(rho)), (problem, optimizer)
        # Forming exp(-rate) from a rounded rate costs |rate| roundings.
        assert abs(stability.spectral_radius(problem, optimizer) - rho) <= 3e-16 * (1 + abs(rate)) * rho


def test_decay_rate_where_three_eigenvalues_meet():
    # Stiffness 1/4 and hardly any noise: a triple root of the characteristic polynomial, where roots lose two thirds of
    # their digits. The root in y does not.
    rng = np.random.default_rng(14)
    for _ in range(150):
        eps, p = 10.0 ** rng.uniform(-8, -0.5), 10.0 ** rng.uniform(-3, 0)
        B = int(10.0 ** rng.uniform(3, 18))
        meeting = 1.0 / (1.0 + math.sqrt(1.0 - eps)) ** 2  # lam = (1 - sqrt(mu))^2
        stiffness = meeting * (1.0 + rng.choice([0.0, 1e-12, -1e-12, 1e-5, -1e-5]))
        problem, optimizer = LeastSquares(d=3, p=p, B=B), HeavyBall(eta=stiffness * eps / p, eps=eps)
        rate = -mp.log(hp.spectral_radius(hp.minibatch_map(problem, optimizer)))
        assert abs(stability.decay_rate(problem, optimizer) - rate) <= 2e-15 * abs(rate), (problem, optimizer)


def test_golden_numbers():
    # docs/momentum.md, section 6.
    for eta, mu, p, B, d, s2, expected in [
        (0.05, 0.9, 0.1, 8, 50, 0.5, (0.1623190789, 0.3080352619, 0.09326343484, 0.9914526574, 0.008584080593)),
        (0.1, 0.0, 0.3, 4, 20, 0.25, (0.28625, 0.3493449782, 0.08756567426, 0.957175, -math.log(0.957175))),
        (2.0, 0.999, 0.05, 512, 256, 0.1, (0.5038336063, None, None, 0.999504637, 4.95485735e-4)),
        (0.09, 0.9, 0.1, 8, 200, 1.0, (1.135924342, None, math.inf, 1.002041459, None)),
    ]:
        problem, optimizer = LeastSquares(d, p, B, math.sqrt(s2)), HeavyBall(eta, 1.0 - mu)
        computed = (
            stability.feedbacks(problem, optimizer).total,
            stability.critical_learning_rate(problem, optimizer.eps),
            stability.noise_floor(problem, optimizer),
            stability.spectral_radius(problem, optimizer),
            stability.decay_rate(problem, optimizer),
        )
        for value, golden in zip(computed, expected, strict=True):
            assert golden is None or value == pytest.approx(golden, rel=1e-9)
    first = stability.feedbacks(LeastSquares(50, 0.1, 8), HeavyBall(0.05, 1.0 - 0.9))
    assert first.noise == pytest.approx(0.1621875, rel=1e-12)
    assert first.curvature == pytest.approx(1.315789474e-4, rel=1e-9)


def test_feedbacks_add_up_to_the_distance_from_the_frontier():
    for problem, optimizer in cases(200, seed=15, low=1e-3, high=1e3):
        H = stability.feedbacks(problem, optimizer)
        critical = stability.critical_learning_rate(problem, optimizer.eps)
        assert H.total == pytest.approx(optimizer.eta / critical, rel=1e-14)
        assert 1.0 - H.total == pytest.approx(stability.margin(problem, optimizer), rel=1e-12, abs=1e-15)


def test_the_margin_keeps_its_sign_at_the_frontier():
    problem = LeastSquares(d=3, p=1.0, B=4)  # eps = 1: eta_c = 2 B / (d+2 + (B-1) p) = 1, exactly
    for eta, expected in [(1.0, 0.0), (1.0 - 2.0**-53, 2.0**-53), (1.0 + 2.0**-52, -(2.0**-52))]:
        assert stability.margin(problem, HeavyBall(eta=eta, eps=1.0)) == expected
    assert stability.decay_rate(problem, HeavyBall(eta=1.0, eps=1.0)) == 0.0
    noisy = LeastSquares(d=3, p=1.0, B=4, label_noise=1.0)
    assert stability.noise_floor(noisy, HeavyBall(eta=1.0, eps=1.0)) == math.inf


def test_routh_hurwitz_of_the_full_generator():
    for problem, optimizer in cases(200, seed=16, low=1e-6, high=10.0):
        c1, c2, c3 = hp.characteristic(hp.active_map(problem, optimizer) - mp.eye(3))
        computed = stability.routh_hurwitz(problem, optimizer)
        for value, exact in zip(computed, (c1, c2, c3, c1 * c2 - c3), strict=True):
            assert abs(value - exact) <= 1e-12 * abs(exact), (problem, optimizer)


@settings(max_examples=200, deadline=None)
@given(
    d=st.integers(1, 10**12),
    p=st.floats(1e-9, 1.0),
    B=st.integers(1, 10**6),
    eps=st.floats(1e-9, 1.0),
    feedback=st.floats(1e-9, 10.0),
)
def test_nothing_decays_faster_than_the_buffer_forgets(d, p, B, eps, feedback):
    problem = LeastSquares(d=d, p=p, B=B)
    optimizer = HeavyBall(eta=feedback * stability.critical_learning_rate(problem, eps), eps=eps)
    rate, mean = stability.decay_rate(problem, optimizer), stability.mean_decay_rate(problem, optimizer)
    # mu <= rho(F)^2 <= rho(T): noise slows the mean down, and the mean is no faster than momentum.
    assert mean <= stability.retention_cap(eps) * (1.0 + 4e-15)
    assert rate <= mean + 4e-15 * abs(mean)
    assert (rate > 0.0) == (stability.margin(problem, optimizer) > 0.0)


@settings(max_examples=60, deadline=None)
@given(
    d=st.integers(1, 10**12),
    p=st.floats(1e-9, 1.0),
    B=st.integers(1, 10**6),
    eps=st.floats(1e-9, 1.0),
    feedback=st.floats(1e-3, 1e3),
)
def test_the_spectral_radius_is_an_eigenvalue(d, p, B, eps, feedback):
    problem = LeastSquares(d=d, p=p, B=B)
    optimizer = HeavyBall(eta=feedback * stability.critical_learning_rate(problem, eps), eps=eps)
    values = mp.eig(hp.minibatch_map(problem, optimizer), left=False, right=False)
    largest = max(values, key=abs)
    assert abs(mp.im(largest)) <= mpf(10) ** -25 * abs(largest)
    assert mp.re(largest) > 0
    if abs(feedback - 1.0) > 1e-14:
        assert (abs(largest) < 1) == (feedback < 1.0)


def exact_mean_decay_rate(problem, optimizer):
    eps, lam = mpf(optimizer.eps), mpf(optimizer.eta) * mpf(optimizer.eps) * mpf(problem.p)
    rho = hp.spectral_radius(mp.matrix([[1 - lam, -(1 - eps)], [lam, 1 - eps]]))
    return -2 * mp.log(rho)


def test_mean_decay_rate_is_that_of_the_noise_free_map():
    rng = np.random.default_rng(18)
    for _ in range(600):
        eps, p = 10.0 ** rng.uniform(-12, 0), 10.0 ** rng.uniform(-9, 0)
        sum_squared = (1.0 + math.sqrt(1.0 - eps)) ** 2
        # Anywhere, and where trouble is: both ends of the window of oscillation, and where the mean starts to grow.
        lam = rng.choice([10.0 ** rng.uniform(-20, 3), eps**2 / sum_squared, sum_squared, 2.0 * (2.0 - eps)])
        lam *= 1.0 + rng.choice([0.0, 1e-15, -1e-15, 1e-9, -1e-9, 1e-3, -1e-3])
        problem, optimizer = LeastSquares(d=3, p=p, B=4), HeavyBall(eta=lam / (eps * p), eps=eps)
        exact = exact_mean_decay_rate(problem, optimizer)
        assert abs(stability.mean_decay_rate(problem, optimizer) - exact) <= 1e-15 * abs(exact), (p, optimizer)


def test_mean_decay_rate_at_its_ends():
    problem = LeastSquares(d=3, p=0.5, B=4)
    assert stability.mean_decay_rate(problem, HeavyBall(eta=2.0, eps=1.0)) == math.inf  # e = 0 after one step
    assert stability.mean_decay_rate(problem, HeavyBall(eta=4.0, eps=1.0)) == 0.0  # e, -e, e, ...
    assert stability.mean_decay_rate(problem, HeavyBall(eta=1e-300, eps=0.1)) == pytest.approx(1e-300, rel=1e-15)
    assert stability.mean_decay_rate(problem, HeavyBall(eta=2e307, eps=1.0)) == pytest.approx(-2.0 * math.log(1e307))


def test_mean_decay_rate_is_the_rate_of_a_noiseless_minibatch():
    for problem, optimizer in cases(100, seed=19, low=1e-3, high=0.5):
        endless = LeastSquares(d=1, p=problem.p, B=10**200)
        mean = stability.mean_decay_rate(endless, optimizer)
        if math.isfinite(mean):
            assert stability.decay_rate(endless, optimizer) == pytest.approx(mean, rel=1e-14)


def test_retention_cap():
    assert stability.retention_cap(1.0) == math.inf
    assert stability.retention_cap(0.5) == pytest.approx(math.log(2.0), rel=1e-15)
    assert stability.retention_cap(1e-18) == 1e-18


def test_plain_sgd():
    # One matrix entry is left: rho = (1 - eta p)^2 + eta^2 p (d+2-p)/B.
    for problem, _ in cases(100, seed=17):
        plain = HeavyBall(eta=0.5 * stability.critical_learning_rate(problem, 1.0), eps=1.0)
        eta, p = mpf(plain.eta), mpf(problem.p)
        rate = -mp.log((1 - eta * p) ** 2 + eta**2 * p * (problem.d + 2 - p) / problem.B)
        assert abs(stability.decay_rate(problem, plain) - rate) <= 2e-15 * rate


def test_floor():
    problem, optimizer = LeastSquares(d=20, p=0.1, B=4), HeavyBall(eta=0.01, eps=0.1)
    assert stability.noise_floor(problem, optimizer) == 0.0
    noisy = LeastSquares(d=20, p=0.1, B=4, label_noise=2.0)
    H = stability.feedbacks(noisy, optimizer).total
    assert stability.noise_floor(noisy, optimizer) == pytest.approx(0.01 * 20 * 4.0 / (2 * 4 * (1 - H)), rel=1e-14)
    assert stability.noise_floor(noisy, HeavyBall(eta=100.0, eps=0.1)) == math.inf
    assert stability.noise_floor(problem, HeavyBall(eta=100.0, eps=0.1)) == 0.0


def test_growth_beyond_floats():
    problem, optimizer = LeastSquares(d=10**12, p=1.0, B=1), HeavyBall(eta=1e300, eps=1.0)
    assert stability.decay_rate(problem, optimizer) == -math.inf
    assert stability.spectral_radius(problem, optimizer) == math.inf
    assert not math.isnan(stability.feedbacks(problem, optimizer).total)


@pytest.mark.parametrize("eps", [0.0, -0.1, 1.1, math.nan, math.inf, "small", None, True])
def test_a_decay_is_wanted(eps):
    with pytest.raises(ValueError, match=r"eps must be in \(0, 1\], got"):
        stability.critical_learning_rate(LeastSquares(d=3, p=0.1, B=1), eps)
    with pytest.raises(ValueError, match=r"eps must be in \(0, 1\], got"):
        stability.retention_cap(eps)
