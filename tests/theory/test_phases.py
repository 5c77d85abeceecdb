"""Regions, exponents and cells against plain inequalities in rational numbers, and against the theory at large d."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sparsesim import HeavyBall, LeastSquares, Scaling
from sparsesim.theory import phases, stability
from sparsesim.theory.least_squares import activity, coefficients

# (alpha, beta, delta), region, batch regime, momentum phase: docs/least_squares.md, sections 5 and 6.
POINTS = [
    (0.25, 1.5, 0.5, "A", "concentrated", "above resonance"),
    (0.3, 0.5, 0.4, "B", "dense", "below resonance"),
    (0.3, 0.5, 1.2, "C", "dense", "above resonance"),
    (0.8, 0.3, 0.2, "D", "sparse", "memoryless"),
    (0.8, 0.3, 0.8, "E", "sparse", "below resonance"),
    (0.8, 0.3, 2.0, "F", "sparse", "above resonance"),
    (0.25, 1.25, 0.5, "noise-line", "concentrated", "above resonance"),
    (0.3, 0.5, 0.8, "resonance-dense", "dense", "on resonance"),
    (0.8, 0.3, 1.5, "resonance-sparse", "sparse", "on resonance"),
    (0.5, 0.5, 1.0, "triple-point", "dense-sparse", "on resonance"),
    (0.5, 0.5, 1.5, "dense-sparse-above", "dense-sparse", "above resonance"),
    (0.5, 0.5, 0.5, "dense-sparse-below", "dense-sparse", "below resonance"),
    (0.8, 0.3, 0.5, "memory-line", "sparse", "memoryless"),
    # Edges of the quarter space: no sparsity, single samples, both.
    (0.0, 2.0, 0.1, "A", "concentrated", "above resonance"),
    (0.0, 0.5, 0.1, "B", "dense", "below resonance"),
    (1.0, 0.0, 0.1, "D", "sparse", "memoryless"),
    (1.0, 0.0, 1.0, "memory-line", "sparse", "memoryless"),
    (1.0, 0.0, 2.0, "resonance-sparse", "sparse", "on resonance"),
    (0.0, 1.0, 0.1, "noise-line", "concentrated", "above resonance"),
    (0.0, 0.0, 0.1, "dense-sparse-below", "dense-sparse", "below resonance"),
    (0.0, 0.0, 1.0, "triple-point", "dense-sparse", "on resonance"),
    # Decimals that are on their line only up to rounding, beside others than those of section 6.
    (1.1, 0.2, 1.0 - 0.2 + 1.1, "resonance-sparse", "sparse", "on resonance"),
    (1.1, 0.2, 1.9, "resonance-sparse", "sparse", "on resonance"),
    (0.1 + 0.2, 0.3, 0.7, "dense-sparse-below", "dense-sparse", "below resonance"),
    (0.1 + 0.2, 1.3, 0.7, "noise-line", "concentrated", "above resonance"),
    (0.7, 0.1, 0.6, "memory-line", "sparse", "memoryless"),
    (1.1, 0.2, 0.9, "memory-line", "sparse", "memoryless"),
    # However short the momentum, it outlives learning in a concentrated batch, where that takes no time.
    (0.0, 1.5, 1e-12, "A", "concentrated", "above resonance"),
    (0.0, 1.0, 1e-12, "noise-line", "concentrated", "above resonance"),
    (0.5, 0.5, 1e-12, "dense-sparse-below", "dense-sparse", "below resonance"),
    (1e6, 0.5, 1e-12, "D", "sparse", "memoryless"),
    (0.5, 1e6, 1e-12, "A", "concentrated", "above resonance"),
    (0.5, 0.4, 1e6, "F", "sparse", "above resonance"),
]
OPEN = [point for point in POINTS if len(point[3]) == 1 and point[2] > 0.01 and max(point[:3]) < 10.0]
CELL_OF_PHASE = {"below resonance": 2, "memoryless": 2, "above resonance": 3, "on resonance": 4}
# Signs of the exponents of stiffness, noise and curvature (docs/momentum.md, section 3).
CELL_OF_SIGNS = {"---": 1, "-0-": 2, "0--": 3, "00-": 4, "+--": 5, "+0-": 6, "+-0": 7, "+00": 8}

# Tenths, so that lines are met often, and offsets from them that are ten tolerances or more.
tenths = st.integers(0, 30).map(lambda n: Fraction(n, 10))
offsets = st.sampled_from([0, 0, 0, 1, -1, 100]).map(lambda n: n * Fraction(1, 10**8))
coordinates = st.builds(lambda a, b: max(a + b, Fraction(0)), tenths, offsets)


@st.composite
def points(draw):
    """(alpha, beta, delta) in rational numbers, delta above 0 and often tiny."""
    delta = draw(coordinates)
    return draw(coordinates), draw(coordinates), delta or draw(st.sampled_from([Fraction(1, 10**7), Fraction(1)]))


def region_of(alpha, beta, delta):
    """The tables of section 5 as plain inequalities; exact, for rational numbers."""
    resonance = 1 - beta + alpha
    if alpha < beta - 1:
        return "A"
    if alpha == beta - 1:
        return "noise-line"
    if alpha < beta:
        return "B" if delta < resonance else "C" if delta > resonance else "resonance-dense"
    if alpha == beta:
        return "dense-sparse-below" if delta < 1 else "dense-sparse-above" if delta > 1 else "triple-point"
    if delta <= alpha - beta:
        return "memory-line" if delta == alpha - beta else "D"
    return "E" if delta < resonance else "F" if delta > resonance else "resonance-sparse"


@pytest.mark.parametrize(("alpha", "beta", "delta", "region", "batch_regime", "momentum_phase"), POINTS)
def test_points_whose_phase_is_known(alpha, beta, delta, region, batch_regime, momentum_phase):
    phase = phases.classify(alpha, beta, delta)
    assert (phase.region, phase.batch_regime, phase.momentum_phase) == (region, batch_regime, momentum_phase)
    assert phase.cell().number == CELL_OF_PHASE[momentum_phase]


def test_the_points_meet_every_region():
    assert {point[3] for point in POINTS} == set(phases.REGIONS)


@settings(max_examples=500, deadline=None)
@given(points())
def test_every_point_has_the_region_of_the_inequalities(point):
    phase = phases.classify(*map(float, point))
    assert phase.region == region_of(*point)
    alpha, beta, delta = point
    assert (phase.batch_regime == "concentrated") == (alpha <= beta - 1)
    assert (phase.batch_regime == "dense") == (beta - 1 < alpha < beta)
    assert (phase.batch_regime == "sparse") == (alpha > beta)
    assert (phase.momentum_phase == "memoryless") == (alpha > beta and delta <= alpha - beta)
    assert (phase.momentum_phase == "above resonance") == (delta > 1 - beta + alpha)
    assert (phase.momentum_phase == "on resonance") == (delta == 1 - beta + alpha)


# Each boundary, and a direction that leaves it for the region behind.
@pytest.mark.parametrize(
    ("boundary", "step", "before", "behind"),
    [
        ((0.25, 1.25, 0.5), (1.0, 0.0, 0.0), "A", "C"),
        ((0.3, 0.5, 0.8), (0.0, 0.0, 1.0), "B", "C"),
        ((0.8, 0.3, 1.5), (0.0, 0.0, 1.0), "E", "F"),
        ((0.8, 0.3, 0.5), (0.0, 0.0, 1.0), "D", "E"),
        ((0.5, 0.5, 1.5), (1.0, 0.0, 0.0), "C", "F"),
        ((0.5, 0.5, 0.5), (0.0, -1.0, 0.0), "B", "E"),
        ((0.5, 0.5, 1.0), (0.0, 0.0, 1.0), "dense-sparse-below", "dense-sparse-above"),
    ],
)
def test_boundaries_are_as_wide_as_the_tolerance(boundary, step, before, behind):
    boundary, step = np.array(boundary), np.array(step)
    own = phases.classify(*boundary).region
    assert phases.TOLERANCE == 1e-9
    for offset, region in [(-1e-8, before), (-9e-10, own), (9e-10, own), (1e-8, behind)]:
        assert phases.classify(*(boundary + offset * step)).region == region


@settings(max_examples=300, deadline=None)
@given(points(), st.tuples(*[st.integers(-1, 1)] * 3))
def test_exponents_are_those_of_section_5_and_continuous(point, direction):
    alpha, beta, delta = map(float, point)
    phase = phases.classify(alpha, beta, delta)
    idle = alpha - beta if phase.batch_regime == "sparse" else 0.0
    below = phase.momentum_phase in ("below resonance", "memoryless")
    assert phase.idle_exponent == pytest.approx(idle, abs=1e-9)
    assert phase.retention_exponent == pytest.approx(0.0 if phase.momentum_phase == "memoryless" else delta - idle)
    assert phase.learning_exponent == pytest.approx(1 - beta + alpha - idle if below else delta - idle, abs=1e-9)
    assert phase.clock_exponent == phase.learning_exponent
    assert phase.kappa == pytest.approx(1 - beta if below else delta - alpha, abs=1e-9)
    assert phase.frontier_exponent == pytest.approx(max(1 - beta, -alpha - delta), abs=1e-9)
    names = ("kappa", "frontier_exponent", "idle_exponent", "retention_exponent", "learning_exponent")
    moved = np.maximum(np.array([alpha, beta, delta]) + 1e-7 * np.array(direction), [0.0, 0.0, 1e-12])
    there = phases.classify(*moved)
    for name in names:
        assert getattr(there, name) == pytest.approx(getattr(phase, name), abs=4e-7), name


@settings(max_examples=300, deadline=None)
@given(points())
def test_the_prescription_is_beyond_the_frontier_exactly_above_resonance(point):
    phase = phases.classify(*map(float, point))
    if phase.momentum_phase == "above resonance":
        assert phase.frontier_exponent < phase.kappa - 5e-9
    else:
        assert phase.frontier_exponent == pytest.approx(phase.kappa, abs=1e-9)


# Floats at random, and those within the rounding of the tolerance from a line: the region says which of stiffness and
# noise is larger, and the cell must not find otherwise.
nearly = st.sampled_from([0.0, 1e-12, 1e-9, 1e-9 * (1 + 1e-7), 1e-9 * (1 - 1e-7), 2e-9, 0.3])


@settings(max_examples=500, deadline=None)
@given(
    alpha=st.one_of(st.floats(0.0, 3.0), st.floats(0.0, 1e6)),
    beta=st.floats(0.0, 3.0),
    line=st.sampled_from(["none", "resonance", "memory", "noise", "batches"]),
    delta=st.one_of(nearly, st.floats(0.0, 3.0)),
    side=st.sampled_from([-1.0, 1.0]),
)
@example(alpha=0.0, beta=1.0, line="none", delta=1e-12, side=1.0)
@example(alpha=0.3, beta=0.5, line="resonance", delta=1e-9, side=1.0)
@example(alpha=0.3, beta=0.5, line="resonance", delta=1e-9, side=-1.0)
def test_the_cell_of_the_prescription_agrees_with_the_region(alpha, beta, line, delta, side):
    if line == "noise":
        alpha = max(beta - 1.0 + side * delta, 0.0)
    elif line == "batches":
        alpha = max(beta + side * delta, 0.0)
    else:
        delta = {"none": 0.0, "resonance": 1.0 - beta + alpha, "memory": alpha - beta}[line] + side * delta
    phase = phases.classify(alpha, beta, max(delta, 1e-12))
    assert phase.region in phases.REGIONS
    assert phase.cell().number == CELL_OF_PHASE[phase.momentum_phase]
    assert phase.frontier_exponent <= phase.kappa


@settings(max_examples=500, deadline=None)
@given(points(), st.one_of(st.sampled_from(["prescription", "frontier"]), tenths), offsets, st.booleans())
def test_cells_of_any_learning_rate(point, kappa, offset, negative):
    alpha, beta, delta = point
    frontier = max(1 - beta, -alpha - delta)
    anchors = {"prescription": max(1 - beta, delta - alpha), "frontier": frontier}
    kappa = anchors[kappa] if isinstance(kappa, str) else -kappa if negative else kappa
    kappa += offset
    exponents = (delta - alpha - kappa, 1 - beta - kappa, -delta - alpha - kappa)
    cell = phases.classify(*map(float, point)).cell(float(kappa))
    assert cell[1:] == pytest.approx(tuple(map(float, exponents)), abs=1e-14)
    signs = "".join("0" if e == 0 else "+" if e > 0 else "-" for e in exponents)
    assert cell.number == CELL_OF_SIGNS.get(signs)
    assert (cell.number is None) == (kappa < frontier)
    assert cell.name == ("unstable" if cell.number is None else phases.CELLS[cell.number])


@pytest.mark.parametrize(
    ("alpha", "beta", "delta", "number"),
    [
        (0.3, 0.5, 1.2, 6),  # beta < 1 + alpha + delta
        (0.25, 1.75, 0.5, 8),  # equal
        (0.25, 2.0, 0.5, 7),
        (0.8, 0.3, 2.0, 6),
        (0.3, 0.5, 0.8, 4),
        (0.3, 0.5, 0.4, 2),
    ],
)
def test_cells_at_the_true_frontier(alpha, beta, delta, number):
    phase = phases.classify(alpha, beta, delta)
    assert phase.cell(phase.frontier_exponent).number == number
    assert phase.cell(phase.frontier_exponent - 1e-8).number is None
    # Above it: vanishing noise, and stiffness that grows still or vanishes.
    assert phase.cell(phase.frontier_exponent + 1e-8).number == (5 if number > 4 else 1)


def slopes(values, dimensions):
    return np.diff(np.log(values), axis=0) / np.diff(np.log(dimensions))


@pytest.mark.parametrize(("alpha", "beta", "delta"), [point[:3] for point in POINTS if 0.01 < point[2] < 10.0])
def test_exponents_are_slopes_at_large_dimension(alpha, beta, delta):
    phase, dimensions = phases.classify(alpha, beta, delta), (10**8, 10**12)
    work = [Scaling(alpha, beta, delta, c_p=0.7).at(d) for d in dimensions]
    times = slopes([phases.timescales(*cell) for cell in work], dimensions)[0]
    # The slowest to settle is delta = 0.1: eps is still 0.06 at d = 1e12.
    np.testing.assert_allclose(times, [phase.retention_exponent, phase.learning_exponent], atol=0.03)
    sizes = [
        (phases.stiffness(*cell), stability.feedbacks(*cell).noise, stability.feedbacks(*cell).curvature)
        for cell in work
    ]
    np.testing.assert_allclose(slopes(sizes, dimensions)[0], phase.cell()[1:], atol=0.01)
    active = slopes([activity(problem)[0] for problem, _ in work], dimensions)[0]
    assert -active == pytest.approx(phase.idle_exponent, abs=0.01)


def test_learning_takes_longer_than_retention_exactly_below_resonance():
    for alpha, beta, delta, region, *_ in OPEN:
        problem, optimizer = Scaling(alpha, beta, delta).at(10**12)
        retention, learning = phases.timescales(problem, optimizer)
        assert (learning > 30.0 * retention) == (region in "BDE")
        assert 0.1 < learning / retention < 10.0 or region in "BDE"


def test_timescales_are_the_inverse_rates_of_the_active_clock():
    problem, optimizer = LeastSquares(d=50, p=0.02, B=8), HeavyBall(eta=0.05, eps=0.1)
    times = phases.timescales(problem, optimizer)
    assert times.retention == pytest.approx(1.0 / coefficients(problem, optimizer).b1c, rel=1e-14)
    rate = stability.decay_rate(problem, optimizer) / activity(problem)[0]
    assert times.learning == pytest.approx(1.0 / rate, rel=1e-14)
    assert phases.timescales(problem, HeavyBall(eta=10.0, eps=0.1)).learning == math.inf


def test_stiffness_is_frequency_over_the_resonant_one():
    problem, optimizer = LeastSquares(d=50, p=0.02, B=8), HeavyBall(eta=0.05, eps=0.1)
    assert phases.stiffness(problem, optimizer) == pytest.approx(0.01, rel=1e-14)
    assert phases.resonance_frequency(optimizer) == pytest.approx(2.0, rel=1e-14)  # above 1: no feature oscillates
    fast = HeavyBall(eta=2.0, eps=0.1)
    ratio = problem.p / phases.resonance_frequency(fast)
    assert phases.stiffness(problem, fast) == pytest.approx(ratio, rel=1e-14)
    # momentum.md, section 5: at eta = r B/d a token resonates when it appears d/r times within a momentum window.
    eta = 0.3 * problem.B / problem.d
    per_window = problem.B * phases.resonance_frequency(HeavyBall(eta=eta, eps=0.1)) / 0.1
    assert per_window == pytest.approx(problem.d / 0.3, rel=1e-14)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": -0.1}, "alpha must be a finite number, 0 or above, got -0.1"),
        ({"beta": math.inf}, "beta must be a finite number, 0 or above, got inf"),
        ({"delta": 0.0}, "delta must be a finite number above 0, got 0.0"),
        ({"delta": math.nan}, "delta must be a finite number above 0, got nan"),
        ({"alpha": "much"}, "alpha must be a finite number, 0 or above, got 'much'"),
        ({"problem": "ridge"}, "problem must be one of least_squares.*, got 'ridge'"),
    ],
)
def test_bad_exponents_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        phases.classify(**{"alpha": 0.5, "beta": 0.5, "delta": 0.5, **arguments})


@pytest.mark.parametrize("kappa", [math.nan, math.inf, "small"])
def test_a_cell_wants_a_finite_exponent(kappa):
    with pytest.raises(ValueError, match="kappa must be a finite number, got"):
        phases.classify(0.5, 0.5, 0.5).cell(kappa)
