"""The frontier found from the matrices alone against the closed form, and the paper's ceilings against both."""

import math

import high_precision as hp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsesim import HeavyBall, LeastSquares, Scaling
from sparsesim.theory import frontier, stability
from sparsesim.theory.least_squares import coefficients

BY = (frontier.critical_learning_rate_by_spectral_radius, frontier.critical_learning_rate_by_routh_hurwitz)
ANYWHERE = {
    "d": st.integers(1, 10**12),
    "p": st.floats(1e-9, 1.0),
    "B": st.integers(1, 10**6),
    "eps": st.floats(1e-9, 1.0),
}


def distance(found, exact):
    return abs(found / exact - 1.0)


@pytest.mark.parametrize(("find", "worst"), list(zip(BY, (1e-8, 2e-9), strict=True)))
def test_the_closed_form_is_found_again_from_the_matrices(find, worst):
    rng = np.random.default_rng(21)
    distances = []
    for _ in range(400):
        problem, optimizer = hp.random_case(rng)
        exact = stability.critical_learning_rate(problem, optimizer.eps)
        distances.append(distance(find(problem, optimizer.eps), exact))
        assert distances[-1] <= worst, (problem, optimizer)
    assert np.median(distances) <= 1e-15


@pytest.mark.parametrize(("find", "worst"), list(zip(BY, (1e-14, 5e-15), strict=True)))
@pytest.mark.parametrize("eps", [1.0, 0.1, 1e-3, 1e-6, 1e-9])
def test_where_curvature_sets_the_frontier(find, worst, eps):
    for d, p, B in [(1, 1.0, 10**18), (3, 0.01, 10**15), (10**3, 0.3, 10**18)]:
        problem = LeastSquares(d=d, p=p, B=B)
        exact = stability.critical_learning_rate(problem, eps)
        assert stability.feedbacks(problem, HeavyBall(exact, eps)).curvature > 0.99
        assert distance(find(problem, eps), exact) <= worst / eps


@settings(max_examples=150, deadline=None)
@given(**ANYWHERE, feedback=st.floats(1e-3, 1e3))
def test_stable_iff_the_feedback_is_below_one(d, p, B, eps, feedback):
    problem = LeastSquares(d=d, p=p, B=B)
    for find in BY:
        eta = feedback * find(problem, eps)
        stable = stability.margin(problem, HeavyBall(eta, eps)) > 0.0
        assert stable == (feedback < 1.0) or abs(feedback - 1.0) < 1e-7


@pytest.mark.parametrize("find", BY)
@pytest.mark.parametrize(
    "mistaken",
    [
        lambda d, p, B, eps: 2.0 / ((d + 2) / B + eps * p / (2.0 - eps)),  # the mean is not taken off the square
        lambda d, p, B, eps: 2.0 / ((d + 2 - p) / B + eps * p / 2.0),  # eps taken for small
        lambda d, p, B, eps: 2.0 / ((d + 2 - p) / B),  # no curvature
    ],
)
def test_a_mistaken_closed_form_would_be_seen(find, mistaken):
    found = find(LeastSquares(d=3, p=0.7, B=8), 0.2)
    assert distance(found, mistaken(3, 0.7, 8, 0.2)) > 1e-3


def test_the_claimed_correlation_ceiling_is_no_limit():
    # least_squares.md, section 3: claimed 3.2e-5 with constants 1, exact 6.3e-3.
    d, scaling = 10**5, Scaling(alpha=0.3, beta=0.5, delta=1.2)
    problem, optimizer = scaling.at(d)
    exact = stability.critical_learning_rate(problem, optimizer.eps)
    claimed = frontier.claimed_correlation_ceiling(problem, optimizer.eps)
    assert exact == pytest.approx(6.3e-3, rel=0.01)
    assert claimed == pytest.approx(1.5 * d ** (scaling.alpha - scaling.delta), rel=1e-3)
    assert d ** (scaling.alpha - scaling.delta) == pytest.approx(3.2e-5, rel=0.02)
    assert frontier.claimed_critical_learning_rate(problem, optimizer.eps) == claimed < exact / 100.0
    halfway = HeavyBall(0.5 * exact, optimizer.eps)
    assert hp.spectral_radius(hp.minibatch_map(problem, halfway)) < 1.0
    assert stability.spectral_radius(problem, halfway) < 1.0


def test_what_the_claimed_ceiling_leaves_out():
    # Just above it the truncated c1 c2 - c3 is negative and the full one is not: the order-eta term of c2 is as large.
    problem, optimizer = Scaling(alpha=0.3, beta=0.5, delta=1.2).at(10**5)
    above = HeavyBall(1.01 * frontier.claimed_correlation_ceiling(problem, optimizer.eps), optimizer.eps)
    c = coefficients(problem, above)
    c1, c2, c3 = c.b1c + c.b2c, c.b1c * c.b2c, 2.0 * above.eta * c.phi1 * c.b1c * c.b2c
    full = stability.routh_hurwitz(problem, above)
    assert c1 * c2 < c3
    assert full.margin > 0.0
    assert full.c1 == pytest.approx(c1, rel=0.01)
    assert full.c3 == pytest.approx(c3, rel=0.02)
    assert full.c2 > 1.9 * c2


def test_below_resonance_the_claimed_frontier_is_the_exact_one():
    problem, optimizer = Scaling(alpha=0.3, beta=0.5, delta=0.2).at(10**5)
    exact = stability.critical_learning_rate(problem, optimizer.eps)
    assert frontier.claimed_critical_learning_rate(problem, optimizer.eps) == exact


@settings(max_examples=200, deadline=None)
@given(**ANYWHERE)
def test_curvature_caps_the_frontier(d, p, B, eps):
    problem = LeastSquares(d=d, p=p, B=B)
    cap = frontier.curvature_cap(problem, eps)
    assert stability.critical_learning_rate(problem, eps) < cap
    assert stability.feedbacks(problem, HeavyBall(cap, eps)).curvature == pytest.approx(1.0, rel=1e-15)
    # A step of the infinite minibatch, to rounding.
    endless = LeastSquares(d=1, p=p, B=10**300)
    assert stability.critical_learning_rate(endless, eps) == pytest.approx(cap, rel=1e-15)
    assert stability.mean_decay_rate(problem, HeavyBall(cap * (1.0 - 1e-9), eps)) > 0.0
    assert stability.mean_decay_rate(problem, HeavyBall(cap * (1.0 + 1e-9), eps)) < 0.0


@settings(max_examples=200, deadline=None)
@given(p=st.floats(1e-9, 1.0), eps=st.floats(1e-9, 1.0), inside=st.floats(1e-9, 1.0 - 1e-9))
def test_inside_the_window_the_mean_decays_as_momentum_forgets(p, eps, inside):
    problem = LeastSquares(d=3, p=p, B=4)
    low, high = frontier.oscillation_window(problem, eps)
    forgets = stability.retention_cap(eps)
    within = low * (high / low) ** inside
    if low * (1.0 + 1e-15) < within < high * (1.0 - 1e-15):
        assert stability.mean_decay_rate(problem, HeavyBall(within, eps)) == forgets
    for outside in (low * (1.0 - 1e-9), high * (1.0 + 1e-9)):
        assert stability.mean_decay_rate(problem, HeavyBall(outside, eps)) < forgets
    assert low * high == pytest.approx(1.0 / p**2, rel=1e-14)  # lam = 1 - mu lies in the middle


def test_without_momentum_the_window_is_a_point():
    assert frontier.oscillation_window(LeastSquares(d=3, p=0.25, B=4), 1.0) == (4.0, 4.0)


@pytest.mark.parametrize("eps", [0.0, -0.1, 1.1, math.nan, "small", None, True])
@pytest.mark.parametrize(
    "function",
    [
        *BY,
        frontier.claimed_correlation_ceiling,
        frontier.claimed_critical_learning_rate,
        frontier.curvature_cap,
        frontier.oscillation_window,
    ],
)
def test_a_decay_is_wanted(function, eps):
    with pytest.raises(ValueError, match=r"eps must be in \(0, 1\], got"):
        function(LeastSquares(d=3, p=0.1, B=1), eps)
