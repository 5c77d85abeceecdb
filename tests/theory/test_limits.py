"""Limit ODEs against the exact moments at large d: what converges, how fast, and in which variables."""

import math

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from limit_table import TABLE
from scipy.linalg import expm

from sparsesim import HeavyBall, LeastSquares, Scaling
from sparsesim.theory import least_squares, stability
from sparsesim.theory.least_squares import activity
from sparsesim.theory.limits import NoLimit, limit_moments, limit_ode

SLOW_TIMES = np.linspace(0.0, 4.0, 401)
MEMORY_LINE = (0.8, 0.3, 0.5)
LINE = {"dense": (0.3, 0.5, 0.8), "sparse": (0.8, 0.3, 1.5), "triple": (0.5, 0.5, 1.0)}

# (alpha, beta, delta, kappa) in every cell of momentum.md, section 3, with sparse batches too where the cell has them.
CELLS = [
    (1, 0.3, 0.5, 0.4, 0.7),
    (1, 0.8, 0.3, 0.8, 1.0),
    (2, 0.3, 0.5, 0.4, 0.5),
    (2, 0.8, 0.3, 0.2, 0.7),
    (3, 0.3, 0.5, 1.2, 0.9),
    (3, 0.8, 0.3, 2.0, 1.2),
    (4, 0.3, 0.5, 0.8, 0.5),
    (4, 0.8, 0.3, 1.5, 0.7),
    (5, 0.3, 0.5, 1.2, 0.7),
    (5, 0.8, 0.3, 2.0, 0.9),
    (5, 0.25, 1.5, 0.5, 0.0),
    (6, 0.3, 0.5, 1.2, 0.5),
    (6, 0.8, 0.3, 2.0, 0.7),
    (6, 0.5, 0.5, 1.5, 0.5),
    (7, 0.25, 2.0, 0.5, -0.75),
    (7, 0.0, 2.0, 0.5, -0.5),
    (8, 0.25, 1.75, 0.5, -0.75),
    (8, 0.0, 1.5, 0.5, -0.5),
]
PREFACTORS = {"c_p": 0.7, "c_B": 1.5, "c_eps": 1.3, "c_eta": 0.8}
prefactors = st.floats(-2.0, 2.0).map(lambda x: 10.0**x)


def errors(limit, dimensions, s=SLOW_TIMES, clock="poisson"):
    """Sup over time of what separates exact moments from the limit: (d, variable)."""
    expected = limit.trajectory(s)
    return np.array([abs(limit.at(round(d), s, clock) - expected).max(axis=0) for d in dimensions])


@pytest.mark.parametrize(("region", "exponents", "printed"), [(k, *v) for k, v in TABLE.items()])
def test_the_table_of_section_6(region, exponents, printed):
    limit = limit_ode(Scaling(*exponents, c_eta=0.8))
    assert limit.phase.region == region
    of_R = errors(limit, [1e2, 1e4, 1e6, 1e8])[:, 0]
    assert " ".join(f"{error:.1e}" for error in of_R) == printed


@pytest.mark.parametrize("clock", ["poisson", "active"])
@pytest.mark.parametrize("exponents", [*(exponents for exponents, _ in TABLE.values()), MEMORY_LINE])
def test_every_variable_of_the_limit_converges_on_both_clocks(exponents, clock):
    limit = limit_ode(Scaling(*exponents, c_eta=0.8))
    below = limit.phase.momentum_phase in ("below resonance", "memoryless")
    assert limit.variables == (("R",) if below else ("R", "V", "C"))
    of_each = errors(limit, [1e2, 1e4, 1e6, 1e8], clock=clock)
    assert (np.diff(of_each, axis=0) < 0.0).all()
    assert of_each[-1].max() < 6e-4


def test_sparse_above_resonance_converges_up_to_a_dimension_of_1e12():
    assert errors(limit_ode(Scaling(*TABLE["F"][0], c_eta=0.8)), [1e12]).max() < 2e-5


# Prefactors at a zero exponent are those that are realised at every d: p is capped at 1, B is rounded. P is then 1, or
# that of so many samples, and not a limit of small p.
@pytest.mark.parametrize(
    ("exponents", "c_p", "c_B"),
    [
        ((0.0, 0.3, 0.1), 3.0, 1.0),  # dense, below and above
        ((0.0, 0.5, 1.2), 3.0, 1.0),
        ((0.8, 0.0, 0.5), 0.7, 2.4),  # sparse
        ((0.8, 0.0, 2.5), 0.7, 0.3),
        ((0.8, 0.0, 1.8), 0.7, 2.6),
        ((0.0, 0.0, 0.5), 0.3, 2.6),  # alpha = beta
        ((0.0, 0.0, 0.5), 3.0, 2.6),
        ((0.0, 0.0, 1.0), 0.3, 2.6),
        ((0.0, 0.0, 1.5), 0.3, 2.6),
        ((0.5, 0.5, 1.0), 0.7, 1.6),
    ],
)
def test_prefactors_and_their_caps(exponents, c_p, c_B):
    scaling = Scaling(*exponents, c_p=c_p, c_B=c_B, c_eps=1.3, c_eta=0.3)
    early, late = errors(limit_ode(scaling), [1e6, 1e12])
    assert (late < 0.05 * early).all()
    assert late.max() < 2e-5


@pytest.mark.parametrize(("number", "alpha", "beta", "delta", "kappa"), CELLS)
def test_rates_of_the_cells(number, alpha, beta, delta, kappa):
    scaling = Scaling(alpha, beta, delta, kappa=kappa, **PREFACTORS)
    limit = limit_ode(scaling)
    assert limit.cell.number == number
    ratios = []
    for d in (10**4, 10**12):
        problem, optimizer = scaling.at(d)
        # A unit of slow time is d^q active updates, an active update 1/P minibatches.
        per_minibatch = limit.decay_rate * activity(problem)[0] / limit.ticks(1.0, d)
        ratios.append(stability.decay_rate(problem, optimizer) / per_minibatch)
    early, late = np.abs(np.array(ratios) - 1.0)
    assert late < min(0.3 * early, 2e-3)


@pytest.mark.parametrize(("number", "alpha", "beta", "delta", "kappa"), CELLS)
def test_formulas_of_the_cells(number, alpha, beta, delta, kappa):
    """The last column of the table in momentum.md, section 3, with r_c by the roots of its cubic."""
    scaling, d = Scaling(alpha, beta, delta, kappa=kappa, **PREFACTORS), 10**18
    limit, (problem, optimizer) = limit_ode(scaling), scaling.at(d)
    u, w = PREFACTORS["c_eta"] / (2.0 * PREFACTORS["c_B"]), optimizer.eta * problem.p / optimizer.eps
    u = u if number % 2 == 0 else 0.0
    lam = optimizer.eta * optimizer.eps * problem.p
    sgd = 2.0 * optimizer.eta * problem.p * (1.0 - u)
    slowest = optimizer.eps * -max(np.roots([1.0, 3.0, 2.0 + 4.0 * w, 4.0 * w * (1.0 - u)]).real)
    envelope = optimizer.eps * (1.0 - u / (1.0 - (lam / 4.0 if number > 6 else 0.0)))
    expected = [sgd, sgd, slowest, slowest, envelope, envelope, envelope, envelope][number - 1]
    per_minibatch = limit.decay_rate * activity(problem)[0] / limit.ticks(1.0, d)
    assert per_minibatch == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("number", "alpha", "beta", "delta", "kappa"), [cell for cell in CELLS if cell[0] in (1, 5)])
def test_without_noise_the_trajectory_converges_with_the_exponent_that_vanishes_last(number, alpha, beta, delta, kappa):
    limit = limit_ode(Scaling(alpha, beta, delta, kappa=kappa, **PREFACTORS))
    assert limit.variables == (("R",) if number == 1 else ("E",))
    _, stiffness, noise, curvature = limit.cell
    # An envelope is off by one over its frequency, the square root of the stiffness.
    order = min(-noise, stiffness / 2.0 if number == 5 else -stiffness, -curvature)
    early, late = errors(limit, [1e8, 1e12], np.linspace(0.0, 4.0, 401) / limit.decay_rate)[:, 0]
    assert late < 0.08
    assert math.log(early / late, 1e4) > 0.7 * order


@pytest.mark.parametrize(("number", "alpha", "beta", "delta", "kappa"), [cell for cell in CELLS if cell[0] > 5])
def test_envelopes_converge(number, alpha, beta, delta, kappa):
    limit = limit_ode(Scaling(alpha, beta, delta, kappa=kappa, **PREFACTORS))
    assert limit.variables == ("E",)
    of_E = errors(limit, [1e2, 1e4, 1e8, 1e12], SLOW_TIMES / limit.decay_rate)[:, 0]
    assert (of_E[1:] < 0.6 * of_E[:-1]).all()
    assert of_E[-1] < 4e-3


def test_a_single_moment_has_no_limit_where_its_envelope_has():
    limit, d, s = limit_ode(Scaling(0.3, 0.5, 1.2, kappa=0.7, **PREFACTORS)), 10**12, np.linspace(0.5, 2.0, 1000)
    E, envelope = limit.at(d, s)[:, 0], limit.trajectory(s)[:, 0]
    R = least_squares.moments(*limit.scaling.at(d), limit.ticks(s, d), "poisson")[:, 0]
    assert abs(E / envelope - 1.0).max() < 0.08
    assert (R / envelope).min() < 0.05
    assert (R / envelope).max() > 0.95


def test_observed_variables():
    moments = np.arange(1.0, 13.0).reshape(2, 2, 3)
    problem, optimizer = LeastSquares(d=10, p=0.5, B=3), HeavyBall(eta=2.0, eps=0.1)
    R, V, C = moments[..., 0], moments[..., 1], moments[..., 2]
    sgd, heavy_ball, envelope = (
        limit_ode(Scaling(0.3, 0.5, delta, kappa=0.5)).observe(problem, optimizer, moments) for delta in (0.4, 0.8, 1.2)
    )
    np.testing.assert_allclose(sgd, R[..., None])
    np.testing.assert_allclose(heavy_ball, np.stack([R, V / 0.25, C / 0.5], axis=-1))
    np.testing.assert_allclose(envelope, (R + 2.0 * C + 40.0 * V)[..., None])


@pytest.mark.parametrize("clock", ["minibatch", "active", "poisson"])
@pytest.mark.parametrize(("name", "delta", "kappa"), [("RVC", 2.0, None), ("R", 0.8, None), ("", 2.0, 0.7)])
def test_moments_of_the_limit_stand_beside_exact_ones(name, delta, kappa, clock):
    scaling, start = Scaling(0.8, 0.3, delta, kappa=kappa, **PREFACTORS), {"R": 2.0}
    problem, optimizer = scaling.at(10**9)
    if name != "R":  # SGD has no memory of its start in V and C; the exact moments have one, at the first ticks
        start |= {"V": problem.p**2, "C": -problem.p}
    limit = limit_ode(scaling)
    active = limit.ticks(np.linspace(0.0, 2.0, 9), problem.d)
    times = np.rint(active / (activity(problem)[0] if clock == "minibatch" else 1.0))
    computed = limit_moments(scaling, problem, times, clock, start)
    exact = least_squares.moments(problem, optimizer, times, clock, start)
    units = [1.0, problem.p**2, problem.p]
    known = len(name)
    np.testing.assert_allclose(computed[:, :known] / units[:known], exact[:, :known] / units[:known], atol=1e-3)
    assert np.isnan(computed[:, known:]).all()


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(LINE)), prefactors, prefactors, prefactors, prefactors)
def test_spectrum_on_the_resonance_line(name, c_p, c_B, c_eps, c_eta):
    assume(c_p * c_B > 1e-3 or name != "triple")
    limit = limit_ode(Scaling(*LINE[name], c_p=c_p, c_B=c_B, c_eps=c_eps, c_eta=c_eta))
    P0 = {"dense": 1.0, "sparse": c_p * c_B, "triple": 1.0 - math.exp(-c_p * c_B)}[name]
    a, v, n = c_eta * c_p, c_eps, c_eps**2 / (c_p * c_B)
    section_6 = np.array([[0.0, 0.0, -2 * a], [n, -2 * v, 2 * v], [v, -a, -v]]) / P0
    np.testing.assert_allclose(limit.matrix, section_6, rtol=1e-12)
    # l = -(v/P0)(1 + w) with w^3 + (4a/v - 1) w + 2 (a/v)^2 (n/v) = 0.
    w = -limit.spectrum * P0 / v - 1.0
    scale = max(1.0, abs(w).max()) ** np.arange(4.0)
    cubic = np.array([1.0, 0.0, 4 * a / v - 1, 2 * (a / v) ** 2 * (n / v)])
    np.testing.assert_array_less(abs(np.poly(w) - cubic) / scale, 1e-12)
    assert limit.decay_rate == -limit.spectrum[0].real
    assert (limit.spectrum.real <= limit.spectrum[0].real + 1e-7 * abs(limit.spectrum)).all()
    assume(abs(c_eta / (2.0 * c_B) - 1.0) > 1e-12)
    assert limit.stable == (c_eta < 2 * c_B) == (limit.decay_rate > 0.0)
    discriminant = 27 * (a / v) ** 4 * (n / v) ** 2 - (1 - 4 * a / v) ** 3
    assume(abs(discriminant) > 1e-6 * (1 + 4 * a / v) ** 3)
    assert limit.oscillates == (discriminant > 0.0) == (abs(limit.spectrum[1].imag) > 0.0)
    assert limit.oscillates == bool(abs(np.linalg.eigvals(section_6).imag).max() > 0.0)


@pytest.mark.parametrize("exponents", [TABLE[name][0] for name in ("A", "C", "F", "noise-line", "dense-sparse-above")])
@pytest.mark.parametrize(("c_eta", "oscillates"), [(0.2, False), (0.3, True), (3.0, True)])
def test_strictly_above_resonance_the_limit_is_a_heavy_ball(exponents, c_eta, oscillates):
    limit = limit_ode(Scaling(*exponents, c_p=0.8, c_B=1.5, c_eps=0.9, c_eta=c_eta))
    c_p = 0.8
    P0 = {"sparse": c_p * 1.5, "dense-sparse": 1.0 - math.exp(-c_p * 1.5)}.get(limit.phase.batch_regime, 1.0)
    heavy_ball = np.array([[0.0, -c_eta * c_p], [0.9, -0.9]]) / P0
    X, Y = np.array([expm(heavy_ball * s) @ [1.0, 0.0] for s in SLOW_TIMES[::20]]).T
    lifted = np.stack([X * X, Y * Y, X * Y], axis=-1)
    np.testing.assert_allclose(limit.trajectory(SLOW_TIMES[::20]), lifted, atol=1e-14)
    assert limit.oscillates == oscillates == bool(abs(np.linalg.eigvals(heavy_ball).imag).max() > 0.0)
    np.testing.assert_allclose(limit.sde.drift, heavy_ball, rtol=1e-14)
    assert not limit.sde.diffusion.any()
    assert limit.stable


@pytest.mark.parametrize("exponents", [*LINE.values(), TABLE["C"][0], TABLE["A"][0]])
def test_the_sde_has_the_second_moments_of_the_limit(exponents):
    """D E[Z Z^T] = F S + S F^T + G S G^T, by Ito, entry for entry."""
    limit = limit_ode(Scaling(*exponents, **PREFACTORS))
    F, G = limit.sde
    for R, V, C in np.eye(3):
        S = np.array([[R, C], [C, V]])
        change = F @ S + S @ F.T + G @ S @ G.T
        np.testing.assert_allclose(limit.matrix @ [R, V, C], [change[0, 0], change[1, 1], change[0, 1]], rtol=1e-14)
    assert not (G @ G).any()


@pytest.mark.parametrize("delta", [0.4, 1.0, 1.5])
def test_where_batches_turn_sparse_only_the_clock_changes(delta):
    """Per minibatch, P active updates each, both sides of alpha = beta and the line itself have one limit."""
    exponents = [(0.5 - 1e-3, 0.5), (0.5, 0.5), (0.5 + 1e-3, 0.5)]
    # Resonance moves along with alpha.
    limits = [limit_ode(Scaling(a, b, delta + (a - b if delta == 1.0 else 0.0), **PREFACTORS)) for a, b in exponents]
    x = PREFACTORS["c_p"] * PREFACTORS["c_B"]
    per_minibatch = [limit.matrix * P0 for limit, P0 in zip(limits, (1.0, 1.0 - math.exp(-x), x), strict=True)]
    for matrix in per_minibatch[1:]:
        np.testing.assert_allclose(matrix, per_minibatch[0], rtol=1e-14)
    clocks = [limit.clock_exponent for limit in limits]
    assert clocks == pytest.approx([max(1.0, delta)] * 3, abs=2e-3)
    # Across delta = alpha - beta, where momentum dies within its first idle minibatches, not even the clock changes.
    D, line, E = (limit_ode(Scaling(0.8, 0.3, d, **PREFACTORS)) for d in (0.4, 0.5, 0.6))
    assert D.matrix == line.matrix == E.matrix
    assert D.clock_exponent == pytest.approx(E.clock_exponent, abs=1e-15)


def test_starts_are_linear_and_by_name():
    heavy_ball = limit_ode(Scaling(*LINE["dense"]))
    parts = [{"R": 1.0, "V": 1.0, "C": -1.0}, {"R": 0.0, "V": 0.5}, {"V": 3.0, "R": 2.0, "C": 0.25}]
    total = {name: sum(part.get(name, 0.0) for part in parts) for name in "RVC"}
    added = sum(heavy_ball.trajectory(SLOW_TIMES[::40], part) for part in parts)
    np.testing.assert_allclose(heavy_ball.trajectory(SLOW_TIMES[::40], total), added, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(heavy_ball.trajectory([0.0], total)[0], [3.0, 4.5, -0.75])
    np.testing.assert_array_equal(heavy_ball.trajectory([0.0, 1.0]), heavy_ball.trajectory([0.0, 1.0], {"R": 1.0}))
    for kappa, name in ((0.7, "R"), (0.5, "E")):
        single = limit_ode(Scaling(0.3, 0.5, 0.4 if name == "R" else 1.2, kappa=kappa))
        expected = 3.0 * np.exp(-single.decay_rate * SLOW_TIMES)
        np.testing.assert_allclose(single.trajectory(SLOW_TIMES, {name: 3.0})[:, 0], expected, rtol=1e-13)


def test_stable_and_oscillating_envelopes():
    def cell_8(c_eta):
        return limit_ode(Scaling(0.25, 1.75, 0.5, kappa=-0.75, c_eta=c_eta))

    # c_eta/2 < 1 - c_eta/4
    for c_eta, stable in [(1.3, True), (1.4, False)]:
        assert cell_8(c_eta).stable == stable == (cell_8(c_eta).decay_rate > 0.0)
    assert cell_8(1.0).oscillates
    assert not limit_ode(Scaling(*TABLE["B"][0])).oscillates
    assert not limit_ode(Scaling(*TABLE["B"][0], c_eta=2.1)).stable


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"delta": 0.0}, "delta must be .*above 0.*, got 0.0"),
        ({"kappa": 0.499}, "kappa must be at least 0.5, the frontier exponent .* delta = 1.2, got 0.499"),
        ({"beta": 2.0, "delta": 0.5, "kappa": -0.9}, "kappa must be at least -0.8, the frontier exponent"),
        ({"beta": 2.0, "delta": 0.5, "kappa": -0.8, "c_eta": 4.0}, "c_eta c_eps c_p must be below 4 .*, got 4"),
        ({"beta": 1.8, "delta": 0.5, "kappa": -0.8, "c_p": 9.0}, "c_eta c_eps c_p must be below 4 .*, got 4.5"),
    ],
)
def test_scalings_without_a_limit(arguments, message):
    with pytest.raises(NoLimit, match=message):
        limit_ode(Scaling(**{"alpha": 0.3, "beta": 0.5, "delta": 1.2, **arguments}))


def test_a_capped_probability_is_what_meets_the_curvature_ceiling():
    limit = limit_ode(Scaling(0.0, 2.0, 0.5, kappa=-0.5, c_p=9.0, c_eta=3.0))
    assert limit.curvature == 0.75


def test_bad_problems_are_named():
    with pytest.raises(ValueError, match=r"problem must be one of least_squares.*, got 'ridge'"):
        limit_ode(Scaling(0.5, 0.5, 0.5), "ridge")
    with pytest.raises(ValueError, match=r"r must be None for least squares.*, got 1.0"):
        limit_ode(Scaling(0.5, 0.5, 0.5), r=1.0)
    with pytest.raises(ValueError, match=r"cell 2 \(SGD with a noise floor\) has one variable and no SDE"):
        _ = limit_ode(Scaling(0.5, 0.5, 0.5)).sde


@pytest.mark.parametrize(
    ("delta", "s", "start", "message"),
    [
        (0.4, [0.0], {"V": 1.0}, "a name in start must be one of R, got 'V'"),
        (0.4, [0.0], {"R": -1.0}, r"start\['R'\] must be a finite number, 0 or above, got -1.0"),
        (1.2, [0.0], {"E": 1.0}, "a name in start must be one of R, V, C, got 'E'"),
        (1.2, [0.0], {"C": 1.0}, "start must have C.2 <= R V"),
        (1.2, [0.0, 0.0], None, "times must be strictly increasing"),
        (1.2, [-1.0], None, "times must be 0 or above"),
    ],
)
def test_bad_times_and_starts_are_named(delta, s, start, message):
    with pytest.raises(ValueError, match=message):
        limit_ode(Scaling(0.3, 0.5, delta)).trajectory(s, start)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((0, [1.0]), "d must be a whole number, 1 or above, got 0"),
        ((10, [1.0], "minibatch"), "clock must be one of poisson, active, got 'minibatch'"),
        ((10, [2.0, 1.0]), "times must be strictly increasing"),
    ],
)
def test_bad_dimensions_and_clocks_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        limit_ode(Scaling(0.3, 0.5, 0.4)).at(*arguments)


@pytest.mark.parametrize(
    ("exponents", "ratio"),
    [((0.3, 0.5, 0.4), 0.6), ((0.8, 0.3, 0.8), 0.6), ((0.5, 0.5, 0.5), 0.6), ((0.8, 0.3, 0.2), None)],
)
def test_below_resonance_momentum_is_slaved_to_the_error_and_has_no_limit(exponents, ratio) -> None:
    """V/(p^2 R) and C/(p R) do not move in slow time; the first grows with d, the second tends to 1 - u or grows."""
    scaling = Scaling(*exponents, c_eta=0.8)  # u = 0.4
    slaved = []
    for d in (10**6, 10**10):
        problem, optimizer = scaling.at(d)
        times = limit_ode(scaling).ticks([0.5, 1.0, 4.0], d)
        R, V, C = least_squares.moments(problem, optimizer, times, "poisson").T
        V, C = V / (problem.p**2 * R), C / (problem.p * R)
        np.testing.assert_allclose(V, V[0], rtol=1e-9)
        np.testing.assert_allclose(C, C[0], rtol=1e-9)
        slaved.append((V[0], C[0]))
    (V_near, C_near), (V_far, C_far) = slaved
    assert V_far > 10.0 * V_near
    if ratio is None:
        assert C_far > 10.0 * C_near
    else:
        assert C_far == pytest.approx(ratio, rel=0.01)
