"""The continuum system: its rate against 80-digit roots, and its matched form against the algorithm's own moments."""

import math

import numpy as np
import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from mpmath import mpf
from scipy.linalg import expm

from sparsesim import HeavyBall, LeastSquares
from sparsesim.theory import continuum, least_squares, stability

decades = st.floats(-9.0, 9.0).map(lambda x: 10.0**x)
feedbacks = st.one_of(st.sampled_from([0.0, 1.0]), decades, st.floats(0.0, 2.0))


@pytest.mark.parametrize(
    ("stiffness", "feedback", "rate"),
    [(0.01, 0.5, 0.009949001527), (0.25, 0.5, 0.206299474), (1.0, 0.3, 0.6185070908), (100.0, 0.9, 0.09957402409)],
)
def test_golden_rates(stiffness, feedback, rate):
    # docs/momentum.md, section 6.
    assert continuum.decay_rate(stiffness, feedback) == pytest.approx(rate, rel=1e-9)


@settings(max_examples=300, deadline=None)
@given(decades, feedbacks)
@example(1e9, 0.0)
@example(1e9, 1e-9)
@example(0.25, 0.0)
@example(1.0, 1.0 - 2.0**-53)
def test_the_rate_is_a_root_to_the_last_bits(stiffness, feedback):
    rate, w, u = continuum.decay_rate(stiffness, feedback), mpf(stiffness), mpf(feedback)
    x = -mpf(rate)
    assume(w != 0.25 or u > 0)  # a triple root
    for _ in range(8):
        x -= (((x + 3) * x + 2 + 4 * w) * x + 4 * w * (1 - u)) / ((3 * x + 6) * x + 2 + 4 * w)
    assert abs(rate + x) <= 2e-15 * abs(x)


@settings(max_examples=300, deadline=None)
@given(decades, feedbacks)
@example(0.25, 0.0)
@example(100.0, 0.0)
def test_roots_are_those_of_the_generator_with_the_slowest_first(stiffness, feedback):
    w, u = stiffness, feedback
    roots = continuum.roots(w, u)
    scale = max(1.0, abs(roots).max()) ** np.arange(4.0)
    cubic = np.array([1.0, 3.0, 2.0 + 4.0 * w, 4.0 * w * (1.0 - u)])
    assert (abs(np.poly(roots) - cubic) <= 1e-14 * scale).all()
    assert roots[0] == -continuum.decay_rate(w, u)
    assert (roots.real <= roots[0].real + 1e-7 * abs(roots)).all()
    discriminant = 108.0 * (w * u) ** 2 - (1.0 - 4.0 * w) ** 3
    assume(abs(discriminant) > 1e-9 * (1.0 + 4.0 * w) ** 3)
    assert continuum.oscillates(w, u) == (discriminant > 0.0) == (roots[1].imag > 0.0)


def test_the_generator_by_its_equations_and_its_eigenvalues():
    rng = np.random.default_rng(22)
    for w, u in 10.0 ** rng.uniform(-2, 2, (100, 2)):
        A = continuum.generator(w, u)
        R, V, C = rng.normal(size=3)
        change = [-2 * w * C, 2 * C - 2 * V + (2 / w) * u * R, R - C - w * V]
        np.testing.assert_allclose(A @ [R, V, C], change, rtol=1e-12)
        values, roots = np.linalg.eigvals(A), continuum.roots(w, u)
        distance = abs(values[:, None] - roots).min(axis=0)
        assert (distance < 1e-6 * (1.0 + abs(roots))).all()
        assert bool(abs(values.imag).max() > 1e-6) == continuum.oscillates(w, u)
        c1, c2, c3 = np.poly(A)[1:]
        assert c1 * c2 - c3 == pytest.approx(6 + 8 * w + 4 * w * u, rel=1e-9)


@settings(max_examples=300, deadline=None)
@given(decades, st.one_of(feedbacks, st.integers(-200, 200).map(lambda n: 1.0 + n * 2.0**-52)))
def test_stable_below_a_feedback_of_one_at_every_stiffness(stiffness, feedback):
    rate = continuum.decay_rate(stiffness, feedback)
    assert (rate > 0.0) == (feedback < 1.0)
    assert (rate < 0.0) == (feedback > 1.0)


@settings(max_examples=300, deadline=None)
@given(decades, st.floats(0.0, 1.0))
def test_facts_about_the_rate(stiffness, feedback):
    """docs/momentum.md, section 2."""
    w, u = stiffness, feedback
    lost = (1.0 - u) - continuum.decay_rate(w, u)
    assert lost >= -1e-15
    if w >= 1.0:
        assert lost <= 1.0 / (4.0 * w) + 1e-15
    silent = 4.0 * w / (1.0 + math.sqrt(1.0 - 4.0 * w)) if w <= 0.25 else 1.0
    assert continuum.decay_rate(w, 0.0) == pytest.approx(silent, rel=1e-14)
    assert continuum.decay_rate(0.25, u) == pytest.approx((1.0 - u) / (1.0 + u ** (1 / 3) + u ** (2 / 3)), rel=1e-14)
    slow = 1e-6 * min(w, 1.0)
    assert continuum.decay_rate(slow, u) == pytest.approx(2.0 * slow * (1.0 - u), rel=1e-5)


def test_onset_of_oscillation():
    for u, w in [(0.0, 1 / 4), (1.0, 1 / 16)]:
        assert not continuum.oscillates(w * (1.0 - 1e-9), u)
        assert continuum.oscillates(w * (1.0 + 1e-9), u)


@pytest.mark.parametrize("call", [continuum.generator, continuum.decay_rate, continuum.roots, continuum.oscillates])
@pytest.mark.parametrize(
    ("stiffness", "feedback", "message"),
    [
        (0.0, 0.5, "stiffness must be a finite number above 0, got 0.0"),
        (math.nan, 0.5, "stiffness must be a finite number above 0, got nan"),
        (1.0, -0.1, "feedback must be a finite number, 0 or above, got -0.1"),
    ],
)
def test_bad_parameters_are_named(call, stiffness, feedback, message):
    with pytest.raises(ValueError, match=message):
        call(stiffness, feedback)


@pytest.mark.parametrize(
    ("eta", "mu", "p", "B", "d", "stiffness"),
    [(0.05, 0.9, 0.1, 8, 50, 0.047458191), (2.0, 0.999, 0.05, 512, 256, 99.95082501)],
)
def test_golden_matched_stiffness(eta, mu, p, B, d, stiffness):
    system = continuum.matched(LeastSquares(d, p, B), HeavyBall(eta, 1.0 - mu))
    assert system.stiffness == pytest.approx(stiffness, rel=1e-8)
    assert system.time_unit == pytest.approx(-math.log(mu), rel=1e-12)


def cell_at(rng, *, noise=(0.0, 1.0), label_noise=0.0):
    """A random cell by eps, lam = eta eps p below the mean's frontier, and a share of the noise that is left to it."""
    eps, p = rng.choice([10.0 ** rng.uniform(-4, -0.3), rng.uniform(0.5, 0.95)]), 10.0 ** rng.uniform(-3, 0)
    ceiling = 2.0 * (2.0 - eps)
    lam = ceiling * rng.choice([rng.uniform(0.0, 0.98), 10.0 ** rng.uniform(-7, -1)])
    eta = lam / eps / p
    H_noise = rng.uniform(*noise) * (1.0 - lam / ceiling)
    d = int(10.0 ** rng.uniform(1, 6))
    B = 10**30 if H_noise == 0.0 else max(1, math.ceil(eta * (d + 2 - p) / (2.0 * H_noise)))
    return LeastSquares(d, p, B, label_noise), HeavyBall(eta, eps)


def cosine(problem, optimizer):
    """C of section 2: the mean turns by arccos c a minibatch; -1 to 1 where it does turn."""
    lam = optimizer.eta * optimizer.eps * problem.p
    return (1.0 + optimizer.mu - lam) / (2.0 * math.sqrt(optimizer.mu))


def starts(optimizer):
    """At rest; with momentum against the error; with momentum alone. In units of eta m."""
    eta = optimizer.eta
    return None, {"R": 1.0, "V": 1.0 / eta**2, "C": -0.5 / eta}, {"R": 0.0, "V": 1.0 / eta**2}


def distance(system, problem, optimizer, start, minibatches):
    exact = least_squares.moments(problem, optimizer, minibatches, "minibatch", start)[:, 0]
    return abs(system.squared_error(minibatches, start) - exact).max()


def lifetime(optimizer, records=100):
    """The first minibatches, and some up to five momentum memories."""
    return np.unique(np.concatenate([np.arange(30), np.linspace(0, 5 / optimizer.eps, records).astype(int)]))


@pytest.mark.parametrize(
    ("eps", "lam"), [(0.1, 1e-3), (0.1, 2.7e-3), (0.1, 0.5), (0.1, 2.5), (0.1, 3.7999), (0.9, 0.3), (0.9, 2.1)]
)
def test_the_conversion_is_that_of_section_2(eps, lam):
    """F = s P G P^-1: the turn of the algorithm's mean in a minibatch is the continuum's in a time -ln mu."""
    mu = 1.0 - eps
    problem, optimizer = LeastSquares(3, 0.5, 1000), HeavyBall(lam / eps / 0.5, eps)
    system = continuum.matched(problem, optimizer)
    s = math.copysign(1.0, cosine(problem, optimizer))
    G = expm(system.time_unit * np.array([[0.0, -system.stiffness], [1.0, -1.0]]))
    P = np.array([[1.0, 0.0], [(1 - lam - s * G[0, 0]) / mu, -s * G[0, 1] / mu]])
    np.testing.assert_allclose(system.conversion, P, rtol=1e-10, atol=1e-12)
    F = np.array([[1 - lam, -mu], [lam, mu]])
    np.testing.assert_allclose(s * P @ G @ np.linalg.inv(P), F, rtol=1e-10, atol=1e-12)


def test_without_noise_the_matched_system_is_the_algorithm():
    rng, kinds = np.random.default_rng(23), set()
    for _ in range(60):
        problem, optimizer = cell_at(rng, noise=(0.0, 0.0))
        system = continuum.matched(problem, optimizer)
        c = cosine(problem, optimizer)
        kinds.add((c > 0, abs(c) < 1))
        assert system.feedback < 1e-18
        for start in starts(optimizer):
            size = system.error_scale(start) / system.time_unit
            # As `least_squares.moments`: an angle is rounded, and adds up over the oscillations of a lifetime.
            rounding = 3e-12 * math.sqrt(1.0 + optimizer.eta * problem.p / optimizer.eps) * size
            assert distance(system, problem, optimizer, start, lifetime(optimizer)) <= rounding, (problem, optimizer)
    assert kinds == {(True, True), (True, False), (False, True), (False, False)}


@pytest.mark.parametrize("label_noise", [0.0, 0.8])
def test_error_of_the_matched_system_is_below_its_scale_at_all_times(label_noise):
    rng, worst = np.random.default_rng(24), {True: 0.0, False: 0.0}
    for _ in range(120):
        problem, optimizer = cell_at(rng, label_noise=label_noise)
        if abs(cosine(problem, optimizer)) < 0.2 or stability.margin(problem, optimizer) <= 0.0:  # near Nyquist
            continue
        system = continuum.matched(problem, optimizer)
        noise, curvature = stability.feedbacks(problem, optimizer)
        assert system.feedback == pytest.approx(noise / (1.0 - curvature), rel=1e-12)
        for start in starts(optimizer):
            error = distance(system, problem, optimizer, start, lifetime(optimizer))
            long = optimizer.eps <= 0.5
            worst[long] = max(worst[long], error / system.error_scale(start))
    # A scale, and not only a bound.
    assert 0.3 < worst[True] < 1.0
    assert 0.3 < worst[False] < 1.2


@pytest.mark.parametrize("stiffness", [0.02, 1.0, 30.0])
@pytest.mark.parametrize("label_noise", [0.0, 2.0])
def test_error_of_the_matched_system_is_of_first_order(stiffness, label_noise):
    errors = []
    for eps in (1e-2, 1e-3, 1e-4):
        p, eta = 0.5, stiffness * eps / 0.5
        problem = LeastSquares(10**6, p, round(eta * 1e6 / (2 * 0.6)), label_noise)
        system = continuum.matched(problem, HeavyBall(eta, eps))
        errors.append(distance(system, problem, HeavyBall(eta, eps), None, lifetime(HeavyBall(eta, eps), 400)))
    assert np.divide(errors[:-1], errors[1:]) == pytest.approx([10.0, 10.0], rel=0.15)


def test_near_nyquist_the_matched_system_fails():
    """A quarter turn a minibatch: the state flips its sign every two, and noise that is in step stays in step."""
    errors, scales = [], []
    for eps in (1e-2, 1e-4):
        optimizer = HeavyBall((2.0 - eps) / eps, eps)  # lam = 2 - eps, c = 0
        problem = LeastSquares(1000, 1.0, round(optimizer.eta * 1001 / (2 * 0.45)))
        assert cosine(problem, optimizer) == pytest.approx(0.0, abs=1e-12)
        system = continuum.matched(problem, optimizer)
        start = {"R": 1.0, "V": 1.0 / optimizer.eta**2, "C": -1.0 / optimizer.eta}
        errors.append(distance(system, problem, optimizer, start, lifetime(optimizer, 400)))
        scales.append(system.error_scale(start))
    assert errors == pytest.approx([0.05, 0.05], abs=0.01)
    assert scales[1] < 0.011 * scales[0]


def test_the_matched_floor_is_the_algorithm_s():
    problem, optimizer = LeastSquares(50, 0.1, 8, label_noise=0.7), HeavyBall(0.05, 0.1)
    settled = continuum.matched(problem, optimizer).squared_error([10**5])[0]
    assert settled == pytest.approx(stability.noise_floor(problem, optimizer), rel=1e-12)


def test_matched_starts():
    system = continuum.matched(LeastSquares(50, 0.1, 8), HeavyBall(0.05, 0.1))
    R, V, C = system.start({"R": 2.0, "V": 1.0, "C": -0.3})
    assert pytest.approx(2.0, rel=1e-15) == R
    assert C * C < R * V
    np.testing.assert_allclose(system.start({"R": 4.0, "V": 2.0, "C": -0.6}), [2 * R, 2 * V, 2 * C], rtol=1e-14)
    with pytest.raises(ValueError, match=r"start must have C\^2 <= R V"):
        system.start({"C": 1.0})
    with pytest.raises(ValueError, match="times must be whole numbers"):
        system.squared_error([0.5])


@pytest.mark.parametrize(
    ("eta", "eps", "message"),
    [
        (0.05, 1.0, r"eps must be in \(0, 1\) for a continuum system, got 1.0"),
        (12.0, 0.5, "eta must be below 12, where the mean diverges, got 12.0"),
        (20.0, 0.5, "eta must be below 12, where the mean diverges, got 20.0"),
    ],
)
def test_what_has_no_matched_system(eta, eps, message):
    with pytest.raises(ValueError, match=message):
        continuum.matched(LeastSquares(50, 0.5, 8), HeavyBall(eta, eps))


def covariance(angle, spread):
    """(R, V, C) of a covariance matrix, singular at spread 0."""
    a, b = np.array([math.cos(angle), math.sin(angle)]), np.array([-math.sin(angle), math.cos(angle)])
    S = np.outer(a, a) + spread * np.outer(b, b)
    return np.array([S[0, 0], S[1, 1], S[0, 1]])


@settings(max_examples=100, deadline=None)
@given(
    angle=st.floats(0.0, math.pi),
    spread=st.one_of(st.just(0.0), st.floats(0.0, 1.0)),
    size=st.floats(-3.0, 0.5),
    p=st.floats(1e-3, 1.0),
    B=st.integers(1, 1000),
    eps=st.floats(1e-3, 1.0),
)
def test_every_clock_maps_covariance_matrices_to_covariance_matrices(angle, spread, size, p, B, eps):
    """Why the slowest eigenvalue is real: T, M, exp(A t) and the continuum's flow keep a cone, stable or not."""
    problem, u = LeastSquares(20, p, B), 10.0**size
    optimizer = HeavyBall(u * stability.critical_learning_rate(problem, eps), eps)
    w, units = optimizer.eta * p / eps, np.array([1.0, p * p, p])
    A = least_squares.poisson_generator(problem, optimizer)
    discrete = [least_squares.minibatch_map(problem, optimizer), least_squares.active_map(problem, optimizer)]
    maps = [matrix * units / units[:, None] for matrix in (*discrete, expm(0.1 * A), expm(3.0 * A))]
    x = covariance(angle, spread)
    for matrix in (*maps, expm(continuum.generator(w, u) / (1.0 + w))):
        (R, V, C), rounding = matrix @ x, 1e-11 * (abs(matrix) @ abs(x))
        assert -rounding[0] <= R
        assert -rounding[1] <= V
        assert -math.sqrt(rounding[0] * rounding[1]) * (abs(matrix) @ abs(x))[2] <= R * V - C * C
