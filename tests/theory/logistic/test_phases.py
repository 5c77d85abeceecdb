"""Regions and exponents of logistic regression against plain inequalities in rational numbers, and at large d."""

from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsesim import Scaling
from sparsesim.theory import phases
from sparsesim.theory.logistic import SparseSystem, floor
from sparsesim.theory.phases import LOGISTIC_REGIONS, NoLimit, Prefactors, classify

ABOVE, ON, BELOW = "above resonance", "on resonance", "below resonance"
# (alpha, beta, delta), region, batch regime, momentum phase: docs/logistic.md, sections 4 and 6.7.
POINTS = [
    (0.3, 1.6, 0.5, "concentrated-above", "concentrated", ABOVE),
    (0.5, 0.75, 1.25, "noise-floor-above", "noise-floor", ABOVE),
    (0.7, 0.3, 0.5, "noise-floor-below", "noise-floor", BELOW),
    (0.6, 0.9, 0.7, "resonance", "noise-floor", ON),
    (0.4, 1.4, 0.5, "noise-line", "noise-line", ABOVE),
    (0.5, 1.8, 0.0, "concentrated-corner", "concentrated", ABOVE),
    (0.5, 1.5, 0.0, "triple-point", "noise-line", ON),
    # At delta = 0 there is nothing special below resonance.
    (0.5, 0.5, 0.0, "noise-floor-below", "noise-floor", BELOW),
    # Sparse batches are no regime of their own here.
    (0.8, 0.3, 2.0, "noise-floor-above", "noise-floor", ABOVE),
    (0.8, 0.0, 0.2, "noise-floor-below", "noise-floor", BELOW),
    # On their lines up to rounding.
    (1.1, 0.2, 1.9, "resonance", "noise-floor", ON),
    (0.1 + 0.2, 1.3, 0.7, "noise-line", "noise-line", ABOVE),
    (0.1 + 0.2, 1.3, 0.0, "triple-point", "noise-line", ON),
    # Shorter than the tolerance is no momentum; short is momentum.
    (0.3, 1.3, 1e-12, "triple-point", "noise-line", ON),
    (0.3, 1.6, 1e-12, "concentrated-corner", "concentrated", ABOVE),
    (0.3, 1.6, 1e-8, "concentrated-above", "concentrated", ABOVE),
    (0.3, 1.3, 1e-8, "noise-line", "noise-line", ABOVE),
    (0.0, 1.0, 0.5, "noise-line", "noise-line", ABOVE),
]

tenths = st.integers(0, 30).map(lambda n: Fraction(n, 10))
offsets = st.sampled_from([0, 0, 0, 1, -1, 100]).map(lambda n: n * Fraction(1, 10**8))
coordinates = st.builds(lambda a, b: max(a + b, Fraction(0)), tenths, offsets)


def region_of(alpha, beta, delta):
    """The table of section 4 as plain inequalities; exact, for rational numbers."""
    if beta > 1 + alpha:
        return "concentrated-above" if delta > 0 else "concentrated-corner"
    if beta == 1 + alpha:
        return "noise-line" if delta > 0 else "triple-point"
    resonance = 1 + alpha - beta
    return "noise-floor-above" if delta > resonance else "noise-floor-below" if delta < resonance else "resonance"


@pytest.mark.parametrize(("alpha", "beta", "delta", "region", "batch_regime", "momentum_phase"), POINTS)
def test_points_whose_phase_is_known(alpha, beta, delta, region, batch_regime, momentum_phase):
    phase = classify(alpha, beta, delta, "logistic")
    assert (phase.region, phase.batch_regime, phase.momentum_phase) == (region, batch_regime, momentum_phase)


def test_the_points_meet_every_region():
    assert {point[3] for point in POINTS} == set(LOGISTIC_REGIONS)
    letters = [words.split("[")[1][0] for words in LOGISTIC_REGIONS.values() if "[" in words]
    assert letters == list("ACDEF")


@settings(max_examples=500, deadline=None)
@given(coordinates, coordinates, coordinates)
def test_every_point_has_the_region_of_the_inequalities(alpha, beta, delta):
    phase = classify(float(alpha), float(beta), float(delta), "logistic")
    assert phase.region == region_of(alpha, beta, delta)
    assert phase.region in LOGISTIC_REGIONS
    ratio = 1 + alpha - beta  # of additive to multiplicative noise, as an exponent
    assert (phase.batch_regime == "noise-floor") == (ratio > 0)
    assert (phase.batch_regime == "noise-line") == (ratio == 0)
    if phase.region == "triple-point":
        assert phase.momentum_phase == ON
    else:
        assert (phase.momentum_phase == ABOVE) == (ratio <= 0 or delta > ratio)
        assert (phase.momentum_phase == BELOW) == (ratio > 0 and delta < ratio)


@settings(max_examples=300, deadline=None)
@given(coordinates, coordinates, coordinates, st.tuples(*[st.integers(-1, 1)] * 3))
def test_exponents_are_those_of_the_page_and_continuous(alpha, beta, delta, direction):
    alpha, beta, delta = map(float, (alpha, beta, delta))
    phase = classify(alpha, beta, delta, "logistic")
    below = phase.momentum_phase == BELOW
    assert phase.kappa == pytest.approx(1 - beta if below else delta - alpha, abs=1e-9)
    assert phase.retention_exponent == delta
    assert phase.learning_exponent == pytest.approx(1 + alpha - beta if below else delta, abs=1e-9)
    assert phase.clock_exponent == phase.learning_exponent
    assert phase.frontier_exponent == pytest.approx(max(1 - beta, -alpha - delta), abs=1e-9)
    moved = np.maximum(np.array([alpha, beta, delta]) + 1e-7 * np.array(direction), 0.0)
    for name in ("kappa", "frontier_exponent", "retention_exponent", "learning_exponent"):
        there = classify(*moved.tolist(), "logistic")
        assert getattr(there, name) == pytest.approx(getattr(phase, name), abs=4e-7), name


@pytest.mark.parametrize(("alpha", "beta", "delta"), [point[:3] for point in POINTS if point[0] and point[2] > 0.01])
def test_exponents_are_slopes_at_large_dimension(alpha, beta, delta):
    """The slowest rate of the sparse limit at its floor, per minibatch."""
    phase, rates, dimensions = classify(alpha, beta, delta, "logistic"), [], (10**6, 10**10)
    for d in dimensions:
        problem, optimizer = Scaling(alpha, beta, delta).at(d, r=1.2)
        _, theta_par, R = floor(0.5 * optimizer.eta * d / problem.B, 1.2)
        rates.append(
            -np.linalg.eigvals(SparseSystem.of(problem, optimizer).jacobian([theta_par, 0.0, R, 0.0, 0.0])).real.max()
        )
    slope = np.log(rates[1] / rates[0]) / np.log(dimensions[1] / dimensions[0])
    assert -slope == pytest.approx(phase.learning_exponent, abs=0.03)


@pytest.mark.parametrize(
    ("kappa", "balance"),
    [(0.75, (0, -1, -1)), (0.9, (-1, -1, -1)), (0.5, (1, -1, -1)), (0.25, (1, 0, -1)), (0.2, (1, 1, -1))],
)
def test_what_stays_at_a_learning_rate_of_ones_own(kappa, balance):
    assert classify(0.5, 0.75, 1.25, "logistic").balance(kappa) == balance


def test_stiffness_and_noise_stay_together_on_resonance_whatever_the_rounding():
    phase = classify(0.6, 0.9, 0.7 + 5e-10, "logistic")
    assert phase.region == "resonance"
    assert phase.balance(phase.kappa) == (0, 0, -1)
    assert classify(0.5, 1.5, 0.0, "logistic").balance(-0.5) == (0, 0, -1)
    assert classify(0.5, 1.8, 0.0, "logistic").balance(-0.5) == (0, -1, -1)


def test_cells_are_of_least_squares():
    with pytest.raises(ValueError, match="problem must be least_squares for a cell of a learning rate, got logistic"):
        classify(0.5, 0.75, 1.25, "logistic").cell()
    assert issubclass(NoLimit, ValueError)


def test_prefactors_are_realised_ones():
    # Where they do not move with d, p = 3 and eps = 1.4 are capped at every d, and B = 2.6 is 3.
    assert Prefactors.of(Scaling(0.0, 0.0, 0.0, c_p=3.0, c_B=2.6, c_eps=1.4)) == (1.0, 3.0, 1.0, 0.5)
    assert Prefactors.of(Scaling(0.1, 0.1, 0.1, c_p=3.0, c_B=2.6, c_eps=1.4)) == (3.0, 2.6, 1.4, 0.5)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": -0.1}, "alpha must be a finite number, 0 or above, got -0.1"),
        ({"delta": -0.1}, "delta must be a finite number, 0 or above, got -0.1"),
        ({"delta": float("nan")}, "delta must be a finite number, 0 or above, got nan"),
        ({"problem": "probit"}, "problem must be one of least_squares, logistic, got 'probit'"),
    ],
)
def test_bad_exponents_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        phases.classify(**{"alpha": 0.5, "beta": 0.5, "delta": 0.5, "problem": "logistic", **arguments})
