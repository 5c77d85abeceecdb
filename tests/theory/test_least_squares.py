"""Maps, generator and moments against the recursion in 80-digit arithmetic (`high_precision`)."""

import math
from types import SimpleNamespace

import high_precision as hp
import numpy as np
import pytest
from mpmath import mp, mpf

from sparsesim import HeavyBall, LeastSquares, _validate
from sparsesim.theory import least_squares as theory
from sparsesim.theory import stability

CLOCKS = _validate.CLOCKS
EDGES = [
    (LeastSquares(d=1, p=1.0, B=1), HeavyBall(eta=0.1, eps=1.0)),
    (LeastSquares(d=1, p=1e-9, B=1), HeavyBall(eta=0.5, eps=1e-9)),
    (LeastSquares(d=2, p=1.0, B=10**6), HeavyBall(eta=3.0, eps=1e-9)),
    (LeastSquares(d=3, p=1e-9, B=10**6), HeavyBall(eta=1e5, eps=1.0)),
    (LeastSquares(d=10**12, p=1e-9, B=1), HeavyBall(eta=1e-12, eps=1e-9)),
    (LeastSquares(d=10**12, p=1e-9, B=10**6), HeavyBall(eta=1e-6, eps=1e-3)),
    (LeastSquares(d=10**12, p=1.0, B=10**6), HeavyBall(eta=1e-6, eps=1e-6)),
    (LeastSquares(d=10**12, p=1.0 - 1e-16, B=1), HeavyBall(eta=1e-12, eps=1.0 - 1e-16)),
]


def cases(number, seed, **options):
    rng = np.random.default_rng(seed)
    return [hp.random_case(rng, **options) for _ in range(number)]


def entry_scale(exact, problem, optimizer):
    """The sum of the absolute terms of each entry: signs alternate with the power of eta, and -eta aligns them."""
    reverse = SimpleNamespace(eta=-optimizer.eta, eps=optimizer.eps)
    here, there = hp.as_array(exact(problem, optimizer)), hp.as_array(exact(problem, reverse))
    return np.maximum(abs(here), abs(there))


@pytest.mark.parametrize(
    ("computed", "exact"),
    [
        (theory.minibatch_map, hp.minibatch_map),
        (theory.minibatch_increment, lambda *args: hp.minibatch_map(*args) - mp.eye(3)),
        (theory.active_map, hp.active_map),
        (theory.poisson_generator, lambda *args: hp.active_map(*args) - mp.eye(3)),
    ],
    ids=["T", "T-1", "M", "A"],
)
def test_every_entry_is_right_to_the_last_bits(computed, exact):
    for problem, optimizer in EDGES + cases(200, seed=2, low=1e-6, high=10.0):
        entries, scale = exact(problem, optimizer), entry_scale(exact, problem, optimizer)
        error = hp.as_array(hp.from_array(computed(problem, optimizer)) - entries)
        assert (abs(error) <= 3e-15 * scale).all(), (problem, optimizer, error / scale)


def test_coefficients_are_the_means_that_they_are_named_after():
    # Sums over the waiting time K, P(K = k) = P Q^(k-1), of a = sum_{j<=k} mu^j, b = a - mu^k and mu^k.
    for p, B, eps in [(0.3, 1, 0.1), (0.05, 8, 0.02), (0.01, 3, 0.7), (1.0, 2, 0.25), (0.02, 40, 1.0)]:
        problem, optimizer = LeastSquares(d=7, p=p, B=B), HeavyBall(eta=0.1, eps=eps)
        c = theory.coefficients(problem, optimizer)
        k = np.arange(1, 6000)
        Q = (1.0 - p) ** B
        weight, kept = (1.0 - Q) * Q ** (k - 1.0), (1.0 - eps) ** k
        a = np.cumsum(kept)
        b = a - kept
        means = {"b1": kept, "b2": kept**2, "b1c": 1 - kept, "b2c": 1 - kept**2, "dth": a, "dg": b, "dth2": a * a}
        means |= {"dg2": b * b, "dmth": a * kept, "dmg": b * kept, "dthg": a * b, "P": 1 - Q + 0 * k, "Q": Q + 0 * k}
        for name, values in means.items():
            assert getattr(c, name) == pytest.approx(weight @ values, rel=1e-12, abs=1e-15), name


def test_coefficients_keep_their_digits_everywhere():
    for problem, optimizer in EDGES + cases(200, seed=3):
        c = theory.coefficients(problem, optimizer)
        p, B, d, eps = mpf(problem.p), problem.B, problem.d, mpf(optimizer.eps)
        Q, mu = (1 - p) ** B, 1 - eps
        P = 1 - Q
        exact = {"P": P, "b1": P * mu / (1 - Q * mu), "b2": P * mu**2 / (1 - Q * mu**2), "phi1": p / P}
        exact |= {"b1c": 1 - exact["b1"], "b2c": 1 - exact["b2"], "dth": mu / (1 - Q * mu), "phi2": p / (B * P)}
        exact |= {"phi3": p**2 * (B - 1) / (B * P), "g2": ((d + 2) * p + (B - 1) * p**2) / B}
        exact |= {"dth2": mu**2 * (1 + Q * mu) / ((1 - Q * mu) * (1 - Q * mu**2)), "chi": exact["g2"] / P}
        exact |= {"chi_variance": exact["chi"] - (p / P) ** 2}
        for name, value in exact.items():
            assert abs(mpf(getattr(c, name)) - value) <= 2e-15 * abs(value), (name, problem, optimizer)


def test_unit_identities():
    for problem, optimizer in cases(100, seed=4):
        c = theory.coefficients(problem, optimizer)
        assert c.b1c + c.dth == pytest.approx(c.b1c / c.eps, rel=1e-14)
        assert c.b1 + c.b1c == pytest.approx(1.0, rel=1e-15)
        assert c.b2 + c.b2c == pytest.approx(1.0, rel=1e-15)
        assert c.dth == pytest.approx(c.dg + c.b1, rel=1e-14)  # a = b + mu^K
        assert c.dth2 == pytest.approx(c.dg2 + 2.0 * c.dmg + c.b2, rel=1e-14)
        assert c.chi * c.P == pytest.approx(c.g2, rel=1e-14)
        always = LeastSquares(d=problem.d, p=1.0, B=problem.B)
        np.testing.assert_array_equal(theory.active_map(always, optimizer), theory.minibatch_map(always, optimizer))
        np.testing.assert_array_equal(
            theory.poisson_generator(always, optimizer), theory.minibatch_increment(always, optimizer)
        )
        rarely = LeastSquares(d=problem.d, p=1e-300, B=problem.B)
        np.testing.assert_allclose(
            theory.minibatch_map(rarely, optimizer), hp.as_array(hp.idle_map(optimizer)), rtol=1e-15, atol=1e-200
        )


def test_closed_forms_equal_the_composition_that_they_are_derived_from():
    rng, compared = np.random.default_rng(5), 0
    while compared < 300:
        problem, optimizer = hp.random_case(rng)
        if optimizer.eps < 1e-3 or theory.activity(problem)[0] < 1e-3:  # where the composition loses its digits
            continue
        M, composed = theory.active_map(problem, optimizer), theory.active_map_by_composition(problem, optimizer)
        scale = entry_scale(hp.active_map, problem, optimizer)
        assert (abs(M - composed) <= 1e-12 * np.maximum(scale, 1.0)).all(), (problem, optimizer)
        np.testing.assert_allclose(
            np.eye(3) + theory.poisson_generator(problem, optimizer), M, atol=1e-14 * scale.max()
        )
        compared += 1


def relative_error(computed, exact):
    """The larger of the relative errors of R and V, and that of C against sqrt(R V); None beyond floats."""
    R, V, _ = exact
    scales = [R, V, mp.sqrt(abs(R * V))]
    if not all(1e-300 < hp.as_float(scale) < 1e300 for scale in scales):
        return None
    return max(float(abs(mpf(float(a)) - b) / s) for a, b, s in zip(computed, exact, scales, strict=True))


def tolerance(problem, optimizer):
    """Grows like the oscillations within a lifetime, sqrt(stiffness): each turns by an angle that is itself rounded."""
    return 3e-12 * math.sqrt(1.0 + optimizer.eta * problem.p / optimizer.eps)


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize("label_noise", [0.0, 0.3])
def test_moments_up_to_a_billion(clock, label_noise):
    rng, errors = np.random.default_rng(6), []
    for number in range(100):
        stable = number % 2
        problem, optimizer = hp.random_case(
            rng, low=0.03 if stable else 1.1, high=0.9 if stable else 2.0, label_noise=label_noise
        )
        R, V = 10.0 ** rng.uniform(-2, 2, 2) * np.array([1.0, problem.p**2])
        cosine = rng.uniform(-1, 1) if problem.d > 1 else rng.choice([-1.0, 1.0])
        start = {"R": R, "V": V, "C": cosine * math.sqrt(R * V)}
        reach = min(9.0, math.log10(600 / abs(stability.decay_rate(problem, optimizer))))
        times = np.unique(np.round(10.0 ** rng.uniform(0, np.array([2.0, max(reach, 1.0), 9.0]))))
        computed = theory.moments(problem, optimizer, times, clock, start)
        exact = hp.moments(problem, optimizer, times, clock, start.values())
        for row, expected in zip(computed, exact, strict=True):
            error = relative_error(row, expected)
            if error is None:  # out of range: the same infinity, zero or subnormal
                np.testing.assert_allclose(row, [hp.as_float(v) for v in expected], rtol=1e-9, atol=1e-300)
            else:
                errors.append(error)
                assert error <= tolerance(problem, optimizer), (problem, optimizer, start, times)
    assert len(errors) > 100
    assert np.median(errors) < 2e-15


@pytest.mark.parametrize("clock", CLOCKS)
@pytest.mark.parametrize(("problem", "optimizer"), EDGES)
def test_moments_at_the_edges(clock, problem, optimizer):
    times = [1, 10, 10**3, 10**6, 10**9]
    exact = hp.moments(problem, optimizer, times, clock)
    for row, expected in zip(theory.moments(problem, optimizer, times, clock), exact, strict=True):
        error = relative_error(row, expected)
        assert error <= tolerance(problem, optimizer) if error is not None else not np.isnan(row).any()


def test_golden_numbers():
    # docs/momentum.md, section 6: R after k minibatches.
    for eta, mu, p, B, d, s2, expected in [
        (0.05, 0.9, 0.1, 8, 50, 0.5, {50: 0.7240825153, 500: 0.1065204804}),
        (0.1, 0.0, 0.3, 4, 20, 0.25, {50: 0.1898405506}),
        (2.0, 0.999, 0.05, 512, 256, 0.1, {50: 0.7737196318, 500: 0.1789678585}),
        (0.09, 0.9, 0.1, 8, 200, 1.0, {50: 1.683709805, 500: 16.6593538}),
    ]:
        problem, optimizer = LeastSquares(d, p, B, math.sqrt(s2)), HeavyBall(eta, 1.0 - mu)
        R = theory.moments(problem, optimizer, list(expected), "minibatch")[:, 0]
        np.testing.assert_allclose(R, list(expected.values()), rtol=1e-9)


def test_the_first_minibatch_from_a_few_starts():
    problem, optimizer = LeastSquares(d=9, p=0.2, B=3, label_noise=0.7), HeavyBall(eta=0.3, eps=0.25)
    T, f = theory.minibatch_map(problem, optimizer), theory.forcing(problem, optimizer, "minibatch")
    for start, x0 in [
        (None, [1.0, 0.0, 0.0]),
        ({}, [1.0, 0.0, 0.0]),
        ({"V": 2.0}, [1.0, 2.0, 0.0]),
        ({"R": 0.0, "V": 2.0}, [0.0, 2.0, 0.0]),
        ({"R": 4.0, "V": 1.0, "C": -2.0}, [4.0, 1.0, -2.0]),
    ]:
        rows = theory.moments(problem, optimizer, [0, 1], "minibatch", start)
        np.testing.assert_array_equal(rows[0], x0)
        np.testing.assert_allclose(rows[1], T @ x0 + f, rtol=1e-14)


def test_forgotten_momentum_keeps_its_relative_accuracy():
    problem, optimizer = LeastSquares(d=5, p=1e-9, B=1), HeavyBall(eta=0.1, eps=1.0 - 2.0**-50)
    start = {"R": 0.0, "V": 1.0}
    for clock in ("minibatch", "active"):
        row = theory.moments(problem, optimizer, [1], clock, start)[0]
        exact = hp.moments(problem, optimizer, [1], clock, (0, 1, 0))[0]
        np.testing.assert_allclose(row, [hp.as_float(v) for v in exact], rtol=1e-15)


def test_growth_is_infinite_and_never_nan():
    times = [1, 10**3, 10**6, 10**9]
    for problem, optimizer in [
        (LeastSquares(d=10**12, p=1.0, B=1, label_noise=1.0), HeavyBall(eta=1.0, eps=1.0)),
        (LeastSquares(d=10, p=0.5, B=3), HeavyBall(eta=2.0, eps=0.1)),
        (LeastSquares(d=10, p=0.5, B=3, label_noise=1e50), HeavyBall(eta=1e70, eps=1e-3)),
    ]:
        for clock in CLOCKS:
            last = theory.moments(problem, optimizer, times, clock)[-1]
            np.testing.assert_array_equal(last, [np.inf, np.inf, -np.inf])
    for eta in (1e100, 1e200, 1e300):  # entries of the map beyond floats
        for eps in (1.0, 0.1, 1e-9):
            for clock in CLOCKS:
                beyond = LeastSquares(d=10, p=0.5, B=3, label_noise=1e200)
                assert not np.isnan(theory.moments(beyond, HeavyBall(eta=eta, eps=eps), times, clock)).any()


def test_decay_ends_at_zero():
    problem, optimizer = LeastSquares(d=10, p=0.5, B=30), HeavyBall(eta=0.5, eps=0.5)
    for clock in CLOCKS:
        assert (theory.moments(problem, optimizer, [10**5, 10**9], clock) == 0.0).all()


def test_label_noise_settles_at_its_floor():
    for problem, optimizer in cases(100, seed=7, high=0.9, label_noise=0.8):
        T, f = hp.minibatch_map(problem, optimizer), hp.forcing(problem, optimizer, "minibatch")
        R, V, C = mp.lu_solve(mp.eye(3) - T, f)
        assert stability.noise_floor(problem, optimizer) == pytest.approx(hp.as_float(R), rel=1e-13)
        assert hp.as_float(C) == pytest.approx(hp.as_float(-mpf(optimizer.eta) * V / 2), rel=1e-13)
        settled = 80.0 / stability.decay_rate(problem, optimizer)
        if settled < 1e15:
            row = theory.moments(problem, optimizer, [math.ceil(settled)], "minibatch", {"R": hp.as_float(R)})[0]
            assert relative_error(row, (R, V, C)) <= tolerance(problem, optimizer)


def test_label_noise_forcing_on_every_clock():
    for problem, optimizer in cases(50, seed=8, label_noise=0.3):
        for clock in CLOCKS:
            exact = [hp.as_float(v) for v in hp.forcing(problem, optimizer, clock)]
            np.testing.assert_allclose(theory.forcing(problem, optimizer, clock), exact, rtol=3e-15)


@pytest.mark.parametrize(
    ("times", "clock", "start", "message"),
    [
        ([], "minibatch", None, "times must be a sequence of at least one number"),
        (3, "minibatch", None, "times must be a sequence"),
        ([[1, 2]], "minibatch", None, "times must be a sequence"),
        (["a"], "minibatch", None, "times must be a sequence"),
        ([[1], [2, 3]], "minibatch", None, "times must be a sequence"),
        ([True], "minibatch", None, "times must be a sequence"),
        ([0.0, math.nan], "poisson", None, "times must be finite, got nan at position 1"),
        ([0.0, math.inf], "minibatch", None, "times must be finite, got inf at position 1"),
        ([-1, 2], "active", None, "times must be 0 or above, got -1 at position 0"),
        ([0, 2, 2], "minibatch", None, "times must be strictly increasing, got 2 at position 2"),
        ([0, 1.5], "minibatch", None, "times must be whole numbers .* minibatch clock, got 1.5 at position 1"),
        ([0, 1.5], "active", None, "times must be whole numbers"),
        ([1e30], "active", None, "times must be whole numbers below 2.63"),
        ([2**63], "active", None, "times must be whole numbers below 2.63"),
        ([1], "wall", None, "clock must be one of minibatch, active, poisson, got 'wall'"),
        ([1], 3, None, "clock must be one of"),
        ([1], "poisson", {"S": 1.0}, "a name in start must be one of R, V, C, got 'S'"),
        ([1], "poisson", [1.0], "start must be a mapping"),
        ([1], "poisson", {"R": -1.0}, r"start\['R'\] must be a finite number, 0 or above, got -1.0"),
        ([1], "poisson", {"V": math.inf}, r"start\['V'\] must be a finite number"),
        ([1], "poisson", {"C": math.nan}, r"start\['C'\] must be a finite number"),
        ([1], "poisson", {"R": 1.0, "V": 1.0, "C": 1.1}, "start must have C.2 <= R V, got R = 1.0, V = 1.0, C = 1.1"),
        ([1], "poisson", {"C": 0.1}, "start must have C.2 <= R V"),
    ],
)
def test_bad_input_is_named(times, clock, start, message):
    with pytest.raises(ValueError, match=message):
        theory.moments(LeastSquares(d=4, p=0.1, B=2), HeavyBall(eta=0.1, eps=0.1), times, clock, start)


def test_on_a_line_error_and_momentum_are_parallel():
    problem, optimizer = LeastSquares(d=1, p=0.1, B=2), HeavyBall(eta=0.1, eps=0.1)
    with pytest.raises(ValueError, match=r"C\^2 = R V when d = 1"):
        theory.moments(problem, optimizer, [1], "minibatch", {"V": 1.0})
    third = {"R": 1 / 3, "V": 0.1, "C": -math.sqrt(1 / 30)}  # equal up to rounding
    assert theory.moments(problem, optimizer, [0], "minibatch", third).shape == (1, 3)


def test_an_unknown_clock_has_no_forcing():
    with pytest.raises(ValueError, match="clock must be one of"):
        theory.forcing(LeastSquares(d=4, p=0.1, B=2), HeavyBall(eta=0.1, eps=0.1), "wall")
