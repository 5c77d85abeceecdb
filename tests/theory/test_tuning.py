"""The best learning rates against eigenvalues in 80 digits and against searches that know no closed form."""

import itertools
import math

import high_precision as hp
import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from sparsesim import HeavyBall, LeastSquares
from sparsesim.theory import continuum, stability, tuning
from sparsesim.theory.least_squares import forcing, minibatch_map

PROBLEMS = st.builds(LeastSquares, d=st.integers(1, 10**12), p=st.floats(1e-9, 1.0), B=st.integers(1, 10**9))
DECAYS = st.floats(1e-9, 1.0)


def random_problem(rng, largest=1e15):
    problem, optimizer = hp.random_case(rng)
    return LeastSquares(d=problem.d, p=problem.p, B=int(10.0 ** rng.uniform(0, math.log10(largest)))), optimizer.eps


def searched(problem, eps):
    """The best decay rate by a grid over eta and a search between its best point's neighbours."""
    grid = np.linspace(-40.0, -1e-3, 200) + math.log(stability.critical_learning_rate(problem, eps))

    def cost(log_eta):
        return -stability.decay_rate(problem, HeavyBall(math.exp(log_eta), eps))

    best = min(range(1, len(grid) - 1), key=lambda i: cost(grid[i]))
    found = minimize_scalar(cost, bounds=(grid[best - 1], grid[best + 1]), method="bounded", options={"xatol": 1e-9})
    return -found.fun


def test_no_learning_rate_next_to_the_best_is_better():
    # In 80 digits, where the maximum is not flat: the closed form is the maximum to within 1e-13 of eta.
    rng = np.random.default_rng(31)
    for _ in range(60):
        problem, eps = random_problem(rng)
        tuned = tuning.best_learning_rate(problem, eps)
        rho = hp.spectral_radius(hp.minibatch_map(problem, tuned.optimizer))
        assert abs(tuned.decay_rate + hp.mp.log(rho)) <= 2e-15 * tuned.decay_rate, (problem, eps)
        for factor in (1.0 - 1e-13, 1.0 + 1e-13, 0.99, 1.01):
            near = HeavyBall(tuned.eta * factor, eps)
            assert hp.spectral_radius(hp.minibatch_map(problem, near)) > rho, (problem, eps, factor)


def test_no_learning_rate_far_from_the_best_is_better():
    rng = np.random.default_rng(32)
    for _ in range(25):
        problem, eps = random_problem(rng)
        assert searched(problem, eps) == pytest.approx(tuning.best_learning_rate(problem, eps).decay_rate, rel=1e-9)


@settings(max_examples=150, deadline=None)
@given(PROBLEMS, DECAYS, st.lists(st.floats(-20.0, 20.0), min_size=2, max_size=6))
def test_the_decay_rate_has_a_single_peak(problem, eps, powers):
    best = tuning.best_learning_rate(problem, eps)
    sides = [sorted(x for x in powers if x <= 0.0), sorted((x for x in powers if x >= 0.0), reverse=True)]
    for side in sides:
        etas = [best.eta * 2.0**x for x in side]
        rates = [*(stability.decay_rate(problem, HeavyBall(eta, eps)) for eta in etas), best.decay_rate]
        assert all(a <= b + 1e-14 * abs(b) for a, b in itertools.pairwise(rates))


@settings(max_examples=150, deadline=None)
@given(PROBLEMS, DECAYS, st.floats(1e-3, 1e3))
def test_momentum_never_decays_faster_than_plain_sgd_at_its_best(problem, eps, multiple):
    best = tuning.best_momentum(problem)
    assert best.eps == 1.0
    tuned = tuning.best_learning_rate(problem, eps)
    assert tuned.decay_rate <= best.decay_rate * (1.0 + 1e-15)
    for optimizer in (tuned.optimizer, HeavyBall(tuned.eta * multiple, eps)):
        assert tuning.sample_cost(problem, optimizer) >= tuning.least_sample_cost(problem) * (1.0 - 2e-15)


@settings(max_examples=150, deadline=None)
@given(PROBLEMS, DECAYS, DECAYS)
def test_less_momentum_is_faster(problem, first, second):
    low, high = (tuning.best_learning_rate(problem, eps).decay_rate for eps in sorted((first, second)))
    assert low <= high * (1.0 + 1e-15)


def test_the_best_spectral_radius_in_symbols():
    d, p, B, eta, mu, z, lam, g = sympy.symbols("d p B eta mu z lambda g", positive=True)
    eps, g2 = 1 - mu, ((d + 2) * p + (B - 1) * p**2) / B
    V = sympy.Matrix([[eps**2 * g2, mu**2, 2 * mu * eps * p]])
    overlap = sympy.Matrix([[eps * p, 0, mu]])
    T = sympy.Matrix.vstack(sympy.Matrix([[1, 0, 0]]) - 2 * eta * overlap + eta**2 * V, V, overlap - eta * V)
    claimed = (z - mu) * ((z + mu) ** 2 - z * (1 + mu - lam) ** 2) - lam**2 / g * z * (z + mu)
    in_p = claimed.subs({lam: eta * eps * p, g: B * p / (d + 2 - p)})
    assert sympy.simplify(sympy.expand((z * sympy.eye(3) - T).det() - in_p)) == 0

    a, b, c = sympy.Poly(claimed, lam).all_coeffs()
    quadratic = (1 + g) * z**2 - (1 + mu**2) * z + mu**2 * (1 - g)
    assert sympy.simplify(g * (b**2 - 4 * a * c) - 4 * z * (z - mu) * (z + mu) * quadratic) == 0
    assert sympy.simplify(a + z * (z - mu) + z * (z + mu) / g) == 0  # below 0 for z > mu: concave in lam
    root = sympy.sqrt((1 - mu**2) ** 2 + (2 * g * mu) ** 2)
    assert sympy.simplify(quadratic.subs(z, (1 + mu**2 + root) / (2 * (1 + g)))) == 0
    # It increases with mu: d/d(mu^2) of 1 + mu^2 + root is 1 - (1 - mu^2 - 2 g^2)/root, and root is larger than that.
    m = sympy.Symbol("m", positive=True)
    root = sympy.sqrt((1 - m) ** 2 + 4 * g**2 * m)
    assert sympy.simplify(sympy.diff(1 + m + root, m) - 1 + (1 - m - 2 * g**2) / root) == 0
    assert sympy.expand(root**2 - (1 - m - 2 * g**2) ** 2 - 4 * g**2 * (1 - g**2)) == 0  # g < 1 where it matters


def test_plain_sgd_in_closed_form():
    rng = np.random.default_rng(33)
    for _ in range(100):
        problem, _ = random_problem(rng)
        tuned = tuning.best_learning_rate(problem, 1.0)
        g = problem.B * problem.p / (problem.d + 2 - problem.p)
        assert tuned == tuning.best_momentum(problem)
        assert tuned.decay_rate == pytest.approx(math.log1p(g), rel=1e-15)
        assert tuned.eta == pytest.approx(0.5 * stability.critical_learning_rate(problem, 1.0), rel=2e-15)
        assert tuned.optimizer == HeavyBall(tuned.eta, 1.0)


@pytest.mark.parametrize("eps", [1e-2, 1e-4, 1e-6, 1e-9])
def test_as_momentum_lasts_the_best_is_that_of_the_continuum(eps):
    # Uniformly in s, at an error of eps/2 that more than fits.
    for power in range(-3, 4):
        B = max(1, round(eps * 1e12 / 10.0**power))
        problem = LeastSquares(d=10**11, p=0.1, B=B)
        tuned, scales = tuning.best_learning_rate(problem, eps), tuning.sample_cost_scales(problem, eps)
        s = scales.ratio
        assert tuned.eta * problem.p / eps == pytest.approx(tuning.best_stiffness(s), rel=eps)
        assert tuned.decay_rate / eps == pytest.approx(tuning.best_continuum_rate(s), rel=eps)
        assert tuning.sample_cost(problem, tuned.optimizer) == pytest.approx(scales.limit, rel=eps)
        assert scales.limit == pytest.approx(scales.memory / tuning.best_continuum_rate(s), rel=1e-15)


@settings(max_examples=100, deadline=None)
@given(st.floats(1e-3, 1e3))
def test_the_best_of_the_continuum(s):
    # Feedback and stiffness are proportional to eta: u = s w/2.
    w, rate = tuning.best_stiffness(s), tuning.best_continuum_rate(s)
    assert rate == pytest.approx((1.0 + s - math.sqrt(1.0 + s * s)) / s, rel=1e-12)
    assert continuum.decay_rate(w, s * w / 2.0) == pytest.approx(rate, rel=1e-12)
    for factor in (0.2, 0.9, 0.999, 1.001, 1.1, 5.0):
        assert continuum.decay_rate(w * factor, s * w * factor / 2.0) < rate


def test_golden_sample_cost():
    # momentum.md, section 6.
    problem = LeastSquares(d=1000, p=0.05, B=200)
    scales = tuning.sample_cost_scales(problem, 0.01)
    assert scales.stability == pytest.approx(1002.000251, rel=1e-9)
    assert scales.memory == pytest.approx(1000.0, rel=1e-15)
    assert scales.limit == pytest.approx(1708.814456, rel=1e-9)
    assert tuning.least_sample_cost(problem) == pytest.approx(1006.941724, rel=1e-9)
    assert scales.ratio == pytest.approx(1.002000251, rel=1e-9)


def test_what_a_sample_costs():
    problem = LeastSquares(d=100, p=0.1, B=30)
    optimizer = HeavyBall(0.05, 0.3)
    # R falls by e in 1/Lambda minibatches of p B active samples on average.
    minibatches = -1.0 / math.log(max(abs(np.linalg.eigvals(minibatch_map(problem, optimizer)))))
    assert tuning.sample_cost(problem, optimizer) == pytest.approx(3.0 * minibatches, rel=1e-12)
    assert tuning.sample_cost(problem, HeavyBall(100.0, 0.3)) == math.inf


@settings(max_examples=100, deadline=None)
@given(st.integers(1, 10**12), st.floats(1e-9, 1.0), st.integers(1, 10**9), st.integers(1, 10**9))
def test_small_minibatches_cost_least(d, p, first, second):
    small, large = sorted((first, second))
    cost = [tuning.least_sample_cost(LeastSquares(d=d, p=p, B=B)) for B in (1, small, large)]
    assert cost[0] <= cost[1] * (1.0 + 1e-15) <= cost[2] * (1.0 + 4e-15)
    assert cost[0] == pytest.approx(p / math.log1p(p / (d + 2 - p)), rel=1e-15)
    assert cost[0] == pytest.approx(d + 2 - p / 2, rel=0.1 / d)


def test_speed_ratio_is_at_most_two():
    assert tuning.speed_ratio(0.25, 0.0) == pytest.approx(2.0, rel=1e-15)
    for u in (0.0, 0.01, 0.1, 0.3, 0.9, 0.999):
        a = u ** (1.0 / 3.0)
        assert tuning.speed_ratio(0.25, u) == pytest.approx(2.0 / (1.0 + a + a * a), rel=1e-12)
    for w, u in [(0.2499, 0.0), (0.2501, 0.0), (0.25, 1e-9)]:
        assert tuning.speed_ratio(w, u) < 2.0 - 1e-4


@settings(max_examples=200, deadline=None)
@given(st.floats(-6.0, 6.0), st.floats(0.0, 1.0 - 1e-9))
def test_when_momentum_is_slower_at_every_stiffness(power, u):
    w = 10.0**power
    gamma = tuning.speed_ratio(w, u)
    assert gamma <= 2.0
    if u >= 1.0 / 3.0:
        assert gamma < 1.0 + 4e-16
        assert w < 1e-3 or gamma < 1.0
    # To first order in w it is 1 + (1 - 3 u) w: momentum is faster at small stiffness iff u < 1/3.
    if w <= 1e-3:
        assert gamma == pytest.approx(1.0 + (1.0 - 3.0 * u) * w, abs=20.0 * w * w + 1e-15)


@pytest.mark.parametrize(("w", "u"), [(0.05, 0.0), (0.25, 0.2), (1.0, 0.5), (30.0, 0.8)])
def test_the_exact_speed_ratio_converges(w, u):
    d, p = 10**6, 0.5
    for eps in (1e-4, 1e-5, 1e-6):
        eta = w * eps / p
        problem = LeastSquares(d=d, p=p, B=math.ceil(eta * (d + 2 - p) / (2.0 * u)) if u else 10**18)
        optimizer = HeavyBall(eta, eps)
        gamma = tuning.speed_ratio(w, stability.feedbacks(problem, optimizer).noise)  # B is whole: hardly u
        assert tuning.exact_speed_ratio(problem, optimizer) == pytest.approx(gamma, rel=4.0 * (1.0 + w) * eps)


def test_the_exact_speed_ratio_at_equal_floor():
    problem = LeastSquares(d=50, p=0.1, B=100)
    assert tuning.exact_speed_ratio(problem, HeavyBall(0.3, 1.0)) == 1.0
    assert tuning.exact_speed_ratio(problem, HeavyBall(0.05, 0.02)) > 1.3
    # Momentum is stable wherever plain SGD is, and not the other way round.
    limit = stability.critical_learning_rate(problem, 1.0)
    assert stability.critical_learning_rate(problem, 0.02) > limit
    assert tuning.exact_speed_ratio(problem, HeavyBall(0.999 * limit, 0.02)) > 0.0
    with pytest.raises(ValueError, match=rf"eta must be below {limit:.6g}, where plain SGD is stable, got 100"):
        tuning.exact_speed_ratio(problem, HeavyBall(100.0, 0.02))


def test_a_decaying_learning_rate_reaches_the_rate_of_averaging():
    # eta_k = 1/(p k), no momentum: k R_k -> s2 d/(B p) (section 4), from k > 1/(p eta_c) on.
    problem = LeastSquares(d=5, p=0.5, B=4, label_noise=0.5)
    limit = 0.25 * 5 / (4 * 0.5)
    onset = 1.0 / (problem.p * stability.critical_learning_rate(problem, 1.0))

    def run(first, last, scale=1.0):
        state = np.array([1.0, 0.0, 0.0])
        for k in range(first, last):
            optimizer = HeavyBall(scale / (problem.p * k), 1.0)
            state = minibatch_map(problem, optimizer) @ state + forcing(problem, optimizer, "minibatch")
        return state[0]

    first = math.ceil(onset) + 1
    misses = [abs(last * run(first, last) / limit - 1.0) for last in (500, 4000)]
    assert misses[1] < 0.02
    assert misses[1] < 0.25 * misses[0]
    assert abs(4000 * run(first, 4000, scale=2.0) / limit - 1.0) > 0.3  # another constant has another limit
    assert run(1, 2) > 1.0 > run(math.ceil(4.0 * onset), math.ceil(4.0 * onset) + 1)


@pytest.mark.parametrize("eps", [0.0, 1.1, math.nan, "small", None, True])
def test_a_decay_is_wanted(eps):
    for function in (tuning.best_learning_rate, tuning.sample_cost_scales):
        with pytest.raises(ValueError, match=r"eps must be in \(0, 1\], got"):
            function(LeastSquares(d=3, p=0.1, B=1), eps)


@pytest.mark.parametrize("ratio", [0.0, -1.0, math.nan, math.inf, "small", None])
def test_a_ratio_is_wanted(ratio):
    for function in (tuning.best_stiffness, tuning.best_continuum_rate):
        with pytest.raises(ValueError, match="ratio must be a finite number above 0, got"):
            function(ratio)


def test_speed_ratio_wants_a_system_that_decays():
    for feedback in (-0.1, 1.0, 2.0, math.nan, None):
        with pytest.raises(ValueError, match=r"feedback must be in \[0, 1\), got"):
            tuning.speed_ratio(0.25, feedback)
    with pytest.raises(ValueError, match="stiffness must be a finite number above 0, got 0"):
        tuning.speed_ratio(0.0, 0.5)
