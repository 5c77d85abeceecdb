"""The limits of logistic regression: golden numbers, how the sparse limit converges to them, floors and stability."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sparsesim import HeavyBall, RareClassLogistic, Scaling
from sparsesim.theory.limits import NoLimit, limit_ode
from sparsesim.theory.logistic import (
    LogisticLimit,
    SparseSystem,
    approximate_floor,
    approximate_theta_par,
    floor,
    limit_map,
)
from sparsesim.theory.logistic.recursion import recursion
from sparsesim.theory.logistic.sparse import units

PREFACTORS = {"c_p": 1.0, "c_B": 1.3, "c_eps": 0.8, "c_eta": 0.7}
R_SIGNAL, START = 1.2, {"R": 1.5}
DIMENSIONS = [1e3, 1e4, 1e5, 1e6, 1e8]
ABOVE = [(0.3, 1.6, 0.5), (0.5, 0.75, 1.25), (0.4, 1.4, 0.5)]  # A, C, F
RESONANCE, BELOW, STILL = (0.6, 0.9, 0.7), (0.7, 0.3, 0.5), (0.5, 0.5, 0.0)
# docs/logistic.md, section 6.7: sup errors of theta_par / m / R / C / V, as printed; below resonance of theta_par / R.
TABLE = {
    (0.3, 1.6, 0.5): (
        "9.4e-3/3.1e-2/1.2e-2/2.9e-2/2.2e-2 3.0e-3/1.0e-2/3.8e-3/9.3e-3/7.0e-3 9.6e-4/3.2e-3/1.2e-3/2.9e-3/2.3e-3 "
        "3.0e-4/1.0e-3/3.9e-4/9.3e-4/7.4e-4 3.0e-5/1.0e-4/3.9e-5/9.3e-5/7.5e-5",
        0.5,
    ),
    (0.5, 0.75, 1.25): (
        "2.0e-3/2.9e-3/6.1e-3/5.4e-3/3.0e-2 6.1e-4/9.0e-4/1.9e-3/1.7e-3/9.3e-3 1.9e-4/2.9e-4/6.0e-4/5.3e-4/2.9e-3 "
        "6.1e-5/9.0e-5/1.9e-4/1.7e-4/9.3e-4 6.1e-6/9.0e-6/1.9e-5/1.7e-5/9.3e-5",
        0.5,
    ),
    (0.4, 1.4, 0.5): (
        "1.1e-2/3.0e-2/1.2e-2/3.2e-2/4.6e-2 3.5e-3/1.0e-2/3.8e-3/1.0e-2/1.5e-2 1.1e-3/3.2e-3/1.2e-3/3.3e-3/4.7e-3 "
        "3.5e-4/1.0e-3/3.8e-4/1.0e-3/1.5e-3 3.5e-5/1.0e-4/3.8e-5/1.0e-4/1.5e-4",
        0.5,
    ),
    (0.6, 0.9, 0.7): (
        "2.5e-3/7.7e-3/2.7e-3/9.2e-3/4.4e-3 5.0e-4/1.5e-3/5.4e-4/1.8e-3/8.8e-4 9.9e-5/3.1e-4/1.1e-4/3.7e-4/1.8e-4 "
        "2.0e-5/6.2e-5/2.2e-5/7.3e-5/3.5e-5 7.9e-7/2.4e-6/8.6e-7/2.9e-6/1.4e-6",
        0.7,
    ),
    (0.7, 0.3, 0.5): ("1.6e-3/1.9e-3 2.1e-4/2.4e-4 2.6e-5/3.1e-5 3.3e-6/3.9e-6 5.3e-8/6.1e-8", 0.9),
    (0.5, 0.75, 0.3): ("3.1e-2/3.4e-2 1.3e-2/1.6e-2 4.7e-3/5.5e-3 1.7e-3/1.9e-3 2.1e-4/2.4e-4", 0.45),
    (0.5, 0.5, 0.0): ("6.7e-4/7.8e-4 6.7e-5/7.7e-5 6.7e-6/7.7e-6 6.7e-7/7.7e-7 6.7e-9/7.8e-9", 1.0),
}
FORCED = (
    "5.4e-5/1.8e-4/6.9e-5/1.7e-4/1.3e-4 3.0e-6/1.0e-5/3.9e-6/9.3e-6/7.4e-6 1.7e-7/5.7e-7/2.2e-7/5.2e-7/4.2e-7 "
    "9.5e-9/3.2e-8/1.2e-8/2.9e-8/2.4e-8"
)
SLAVED = "1.6e-3/2.7e-3/1.5e-2 2.0e-4/8.5e-4/4.3e-3 2.5e-5/2.7e-4/1.3e-3 3.1e-6/8.4e-5/4.0e-4 5.0e-8/8.4e-6/4.0e-5"
FAST = 4  # dimensions, up to 1e6
# The same page: the exact recursion, which differs by the tame reduction, of order p = d^-alpha.
EXACT = {
    (0.3, 1.6, 0.5): (
        [1e3, 1e4, 1e5, 1e6, 1e7],
        ".107/.30/.14/.28/.43 .078/.21/.088/.18/.29 .051/.14/.053/.11/.18 .031/.086/.030/.065/.10 "
        ".018/.050/.016/.036/.057",
    ),
    (0.5, 0.75, 1.0): ([1e2, 1e3, 1e4], ".093/.27/.15/.27/.28 .044/.13/.067/.13/.17 .017/.056/.028/.051/.097"),
    (0.4, 1.4, 0.5): (
        [1e3, 1e5, 1e7],
        ".074/.21/.084/.18/.26 .021/.059/.019/.044/.067 .0042/.012/.0035/.0079/.012",
    ),
    (0.6, 0.9, 0.7): (
        [1e3, 1e4, 1e5],
        ".039/.092/.030/.075/.056 .013/.030/.0087/.022/.016 .0036/.0087/.0023/.0058/.0043",
    ),
    (0.5, 0.7, 0.3): ([1e3, 1e4, 1e5], ".025/.048 .0083/.017 .0027/.0057"),
    (0.7, 0.5, 0.5): ([1e2, 1e3, 1e4], ".031/.059 .0067/.014 .0013/.0029"),
}


def scaling_of(exponents, **others):
    """That of the table, with eps = 0.5 where it stays."""
    prefactors = PREFACTORS | ({"c_eps": 0.5} if exponents[2] == 0.0 else {})
    return Scaling(*exponents, **(prefactors | others))


def limit_of(exponents, r=R_SIGNAL, **others):
    limit = limit_ode(scaling_of(exponents, **others), "logistic", r)
    assert isinstance(limit, LogisticLimit)
    return limit


def grid(limit):
    """The slow times of the table, every 0.05 of the system's own clock: [0, 12], and [0, 6] below resonance."""
    return (
        np.linspace(0.0, 6.0 if limit.stiffness is None else 12.0, 121 if limit.stiffness is None else 241) / limit.rate
    )


def system_at(scaling, d):
    """The sparse limit at dimension d with powers as they are: the table rounds no batch."""
    p, B = scaling.c_p * d**-scaling.alpha, scaling.c_B * d**scaling.beta
    return SparseSystem(scaling.c_eta * d**-scaling.kappa * p, scaling.c_eps * d**-scaling.delta, d / (B * p), R_SIGNAL)


def of_both(limit, d):
    """The limit and the sparse limit at d, on the grid: two of (time, variable), order theta_par, m, R, C, V."""
    s = grid(limit)
    sparse = system_at(limit.scaling, d).ode(limit.ticks(s, round(d)), START)
    columns = [0, 2] if limit.stiffness is None else [0, 1, 2, 4, 3]
    expected = limit.trajectory(s, START)
    return expected if limit.stiffness is None else expected[:, columns], sparse[:, columns]


def sup_errors(limit, d):
    expected, sparse = of_both(limit, d)
    return abs(sparse - expected).max(axis=0) / abs(expected).max(axis=0)


def parsed(printed):
    """(d, variable) and half the unit of each number's last digit."""
    values = [[float(number) for number in row.split("/")] for row in printed.split()]
    return np.array(values), 0.05 * 10.0 ** np.floor(np.log10(values))


def assert_printed(found, printed, slack=1.2):
    """To the digits that are printed, but for a fifth of a half unit that the grid of the page may count for."""
    values, half_unit = parsed(printed)
    np.testing.assert_array_less(abs(np.array(found) - values[: len(found)]), slack * half_unit[: len(found)])


@pytest.mark.parametrize(("exponents", "printed", "order"), [(key, *row) for key, row in TABLE.items()])
def test_the_sparse_limit_converges_as_table_6_7_says(exponents, printed, order):
    limit = limit_of(exponents)
    found = [sup_errors(limit, d) for d in DIMENSIONS[:FAST]]
    assert_printed(found, printed)
    slopes = np.log10(found[-2] / found[-1])
    np.testing.assert_allclose(slopes, order, atol=0.03)


@pytest.mark.slow
@pytest.mark.parametrize(("exponents", "printed"), [(key, row[0]) for key, row in TABLE.items()])
def test_the_sparse_limit_converges_as_table_6_7_says_at_1e8(exponents, printed):
    values, half_unit = parsed(printed)
    # The page's solver leaves some 1e-10.
    np.testing.assert_array_less(abs(sup_errors(limit_of(exponents), 1e8) - values[-1]), 1.2 * half_unit[-1] + 1e-10)


def forced_errors(d):
    """Above resonance with the noise of finite d; batches are whole, for it is a problem that has this noise."""
    limit = limit_of(ABOVE[1])
    problem, optimizer = limit.scaling.at(round(d), r=R_SIGNAL)
    s = grid(limit)
    expected = limit.with_noise_of(problem, optimizer).trajectory(s, START)[:, [0, 1, 2, 4, 3]]
    sparse = SparseSystem.of(problem, optimizer).ode(limit.ticks(s, problem.d), START)[:, [0, 1, 2, 4, 3]]
    return abs(sparse - expected).max(axis=0) / abs(expected).max(axis=0)


def test_noise_of_finite_d_is_the_leading_correction_above_resonance():
    found = [forced_errors(d) for d in DIMENSIONS[:FAST]]
    assert_printed(found, FORCED)
    np.testing.assert_allclose(np.log10(found[-2] / found[-1]), 1.25, atol=0.02)
    np.testing.assert_allclose(np.log10(found[-1] / forced_errors(1e8)) / 2.0, 1.25, atol=0.02)


def test_slaved_momentum_below_resonance():
    limit = limit_of(BELOW)
    s, found = grid(limit), []
    slaved = limit.slaved(limit.trajectory(s, START))
    for d in DIMENSIONS:
        system = system_at(limit.scaling, d)
        _, m, _, V, C = system.ode(limit.ticks(s, round(d)), START).T
        # p^2/(eps d p/B) = 1/(eps n) is the unit of V.
        moments = [(m, slaved.m_par), (C, slaved.C), (V / (system.eps * system.noise), slaved.V)]
        late = s * limit.rate >= 0.5
        found.append([abs(value - of)[late].max() / abs(of).max() for value, of in moments])
    assert_printed(found, SLAVED)


def test_slaved_momentum_where_eps_stays():
    """Section 9, F5: 1/(2 - eps), not 1/2, for V and the noise in C; a third apart at eps = 1/2."""
    limit = limit_of(STILL)
    s = np.array([2.0, 4.0, 6.0]) / limit.rate
    system = system_at(limit.scaling, 1e8)
    th, m, R, V, C = system.ode(limit.ticks(s, 10**8), START).T
    slaved = limit.slaved(np.stack([th, R], axis=-1))
    np.testing.assert_allclose(m, slaved.m_par, atol=1e-7)
    np.testing.assert_allclose(V / (0.5 * system.noise), slaved.V, rtol=1e-7)
    np.testing.assert_allclose(C, slaved.C, atol=1e-7)
    np.testing.assert_array_equal(slaved.V, 1.0 / 1.5)


@pytest.mark.parametrize(("exponents", "dimensions", "printed"), [(key, *row) for key, row in EXACT.items()])
def test_the_exact_recursion_converges_as_table_6_7_says(exponents, dimensions, printed):
    limit, (values, _) = limit_of(exponents), parsed(printed)
    assert len(values) == len(dimensions)
    columns = [0, 1] if limit.stiffness is None else [0, 1, 2, 4, 3]
    for d, expected in zip(dimensions, values, strict=True):
        # At whole minibatches, with whole batches: both can count in the second digit that is printed.
        unit = limit.ticks(1.0, round(d))
        s = np.unique(np.rint(grid(limit) * unit)) / unit
        of_limit = limit.trajectory(s, START)
        found = abs(limit.at(round(d), s, START) - of_limit).max(axis=0) / abs(of_limit).max(axis=0)
        np.testing.assert_allclose(found[columns], expected, rtol=0.08)


def test_the_exact_recursion_converges_to_the_map_at_the_triple_point():
    scaling = Scaling(0.5, 1.5, 0.0, c_p=1.0, c_B=2.0, c_eps=0.4, c_eta=0.6)
    times = np.arange(61)
    limit = limit_map(scaling, 1.0).recursion(times)
    printed = ".070/.15/.043/.094/.096 .0030/.0067/.0016/.0037/.0040 3.1e-4/6.9e-4/1.6e-4/3.7e-4/4.0e-4"
    for d, expected in zip((10**3, 10**6, 10**8), parsed(printed)[0], strict=True):
        problem, optimizer = scaling.at(d, r=1.0)
        exact = recursion(problem, optimizer, times) / units(problem.p)
        found = abs(exact - limit).max(axis=0) / abs(limit).max(axis=0)
        np.testing.assert_allclose(found[[0, 1, 2, 4, 3]], expected, rtol=0.03)


def test_a_start_of_the_limit_is_one_of_the_recursion_at_finite_d():
    start = {"theta_par": 0.3, "m_par": -0.5, "R": 0.8, "V": 0.6, "C": 0.2}
    limit, s = limit_of(RESONANCE), np.array([0.0, 0.5, 1.0, 1.0 + 1e-9])
    found = limit.at(10**6, s, start)
    np.testing.assert_allclose(found[0], list(start.values()), rtol=1e-14)
    np.testing.assert_allclose(found, limit.trajectory(s, start), atol=2e-3)
    np.testing.assert_array_equal(found[2], found[3])
    np.testing.assert_allclose(limit_of(BELOW).at(10**4, [0.0], {"theta_par": 0.3, "R": 2.0}), [[0.3, 2.0]])


GOLDEN = [  # section 10: 10, 11, 12, in the order of the code; s of the system's own clock is 2, r = 1, c = c_eta
    (ABOVE[0], {}, [0.893089321229, -0.473356862054, 0.0490366834979, 0.151701627901, 0.0862493171769]),
    (ABOVE[1], {}, [0.893089321229, -0.473356862054, 0.0490366834979, 0.151701627901, 0.0862493171769]),
    (ABOVE[2], {}, [0.893089321229, -0.473356862054, 0.0490366834979, 0.151701627901, 0.0862493171769]),
    (RESONANCE, {}, [0.869363480273, -0.417825279493, 0.459712789612, 0.545169735276, -0.00262726829483]),
    (BELOW, {}, [0.836139092733, 0.481785960714]),
]


@pytest.mark.parametrize(("exponents", "others", "golden"), GOLDEN)
def test_golden_states(exponents, others, golden):
    limit = limit_of(exponents, r=1.0, c_p=1.0, c_B=1.0, c_eps=1.0, c_eta=1.0, **others)
    np.testing.assert_allclose(limit.trajectory([0.0, 2.0])[1], golden, rtol=0, atol=2e-12)
    # All at once slower, by a prefactor of the clock: c_eps with c_eta above resonance.
    if limit.stiffness is not None and limit.noise == 0.0:
        slower = limit_of(exponents, r=1.0, c_p=1.0, c_B=1.0, c_eps=0.5, c_eta=0.5)
        np.testing.assert_allclose(slower.trajectory([4.0])[0], golden, rtol=0, atol=2e-12)


def test_golden_floor():
    """Section 10: 9."""
    np.testing.assert_allclose(floor(0.5, 1.0), [1.12472105255, 0.889109346479, 0.44455467324], rtol=1e-11)


@pytest.mark.parametrize("exponents", [*ABOVE, RESONANCE, BELOW, STILL])
def test_what_a_limit_says_of_itself(exponents):
    limit = limit_of(exponents)
    below = exponents in (BELOW, STILL)
    alpha, beta, delta = exponents
    assert limit.variables == (("theta_par", "R") if below else ("theta_par", "m_par", "R", "V", "C"))
    assert limit.clock_exponent == pytest.approx(1 + alpha - beta if below else delta)
    assert limit.clock_exponent == pytest.approx(limit.phase.clock_exponent)
    assert limit.rate == pytest.approx(0.7 if below else 0.8)
    assert limit.noise == pytest.approx(0.0 if exponents in ABOVE else 0.7 / 2.6)
    assert limit.stiffness is None if below else limit.stiffness == pytest.approx(0.875)
    assert limit.ticks(2.0, 10**4) == pytest.approx(2.0 * 10.0 ** (4 * limit.clock_exponent))
    problem, optimizer = RareClassLogistic(d=9, p=0.5, B=3, r=1.0), HeavyBall(eta=1.0, eps=0.1)
    observed = limit.observe(problem, optimizer, [[1.0, 2.0, 3.0, 4.0, 5.0]])
    np.testing.assert_array_equal(observed, [[1.0, 3.0]] if below else [[1.0, 4.0, 3.0, 16.0, 10.0]])
    # An equilibrium stays, whatever the start was.
    np.testing.assert_allclose(limit.derivative(limit.equilibrium), 0.0, atol=1e-15)
    np.testing.assert_allclose(limit.trajectory([400.0], START)[0], limit.equilibrium, atol=1e-9)
    np.testing.assert_allclose(limit.equilibrium[[0, -1 if below else 2]], floor(limit.noise, R_SIGNAL)[1:])


def test_the_floor_is_the_same_on_resonance_and_below():
    on, below = limit_of(RESONANCE), limit_of(BELOW)
    np.testing.assert_allclose(on.equilibrium[[0, 2]], below.equilibrium, rtol=1e-14)
    nu = 0.8 / 1.3
    assert on.equilibrium[3] == pytest.approx(nu / 2.0)


@settings(max_examples=200, deadline=None)
@given(st.floats(-6.0, 3.0).map(lambda x: 10.0**x), st.floats(0.1, 4.0))
def test_the_floor_solves_its_equations(K, r):
    rho, theta_par, R = floor(K, r)
    assert rho >= 1.0
    assert rho * R == pytest.approx(K, rel=1e-14)
    assert rho * theta_par == pytest.approx(r, rel=1e-14)
    # theta_par^2 - r^2 without cancellation, for log rho is small with K.
    assert 2.0 * math.log(rho) == pytest.approx((theta_par - r) * (theta_par + r) + R, rel=1e-8, abs=1e-14)
    assert approximate_floor(1e-3 * K / (1.0 + K), r) == pytest.approx(floor(1e-3 * K / (1.0 + K), r).R, rel=1e-6)


def test_how_good_the_approximate_floor_is():
    """Section 9, F7, at r = 1."""
    for K, of_R, of_theta in ((0.1, 3e-4, 2.5e-6), (0.35, 3e-3, 9e-5), (1.0, 1.8e-2, 1.5e-3), (3.0, 7.5e-2, 1.8e-2)):
        exact = floor(K, 1.0)
        approximate = float(approximate_floor(K, 1.0))
        assert approximate == pytest.approx(K * math.exp(-approximate / 4.0), rel=1e-14)
        assert abs(approximate / exact.R - 1.0) == pytest.approx(of_R, rel=0.12)
        assert abs(approximate_theta_par(exact.R, 1.0) - exact.theta_par) == pytest.approx(of_theta, rel=0.05)
    np.testing.assert_allclose(approximate_floor(np.array([0.0, 1e-8]), 2.0), [0.0, 1e-8], rtol=1e-8)
    assert floor(0.0, 1.7) == (1.0, 1.7, 0.0)


def test_the_floor_that_vanishes_above_resonance():
    """R = eta d/(2B) (1 + o(1)), eq. (244)."""
    limit, ratios = limit_of(ABOVE[1]), []
    for d in (10**4, 10**8):
        problem, optimizer = limit.scaling.at(d, r=R_SIGNAL)
        R = limit.with_noise_of(problem, optimizer).equilibrium[2]
        ratios.append(R / (optimizer.eta * d / (2 * problem.B)) - 1.0)
    assert 0.0 < -ratios[0] < 2e-3
    assert ratios[1] == pytest.approx(1e-2 * ratios[0], rel=0.01)


@pytest.mark.parametrize("exponents", [ABOVE[0], RESONANCE, BELOW])
def test_jacobians_are_derivatives(exponents):
    limit = limit_of(exponents)
    rng = np.random.default_rng(3)
    states = rng.uniform(0.1, 1.5, size=(6, len(limit.variables)))
    for state in states:
        moved = 1e-6 * np.eye(len(state))
        numeric = [(limit.derivative(state + e) - limit.derivative(state - e)) / 2e-6 for e in moved]
        np.testing.assert_allclose(limit.jacobian(state), np.stack(numeric, axis=-1), atol=1e-7)
    np.testing.assert_array_equal(limit.jacobian(states)[3], limit.jacobian(states[3]))
    np.testing.assert_array_equal(limit.jacobian(), limit.jacobian(limit.equilibrium))


@settings(max_examples=100, deadline=None)
@given(st.floats(-4.0, 2.0).map(lambda x: 10.0**x), st.floats(0.1, 3.0))
def test_below_resonance_the_equilibrium_is_a_stable_node(K, r):
    limit = limit_of(BELOW, r=r, c_eta=2.0 * K, c_B=1.0, c_p=1.0)
    rho, th, R = floor(K, r)
    J = limit.jacobian() / limit.rate
    expected = [[-(rho + r * th), -r / 2.0], [-2.0 * r * R, -rho * (2.0 + R)]]
    np.testing.assert_allclose(J, expected, rtol=1e-9)
    assert J.trace() < 0.0
    assert np.linalg.det(J) == pytest.approx(rho**2 * (2.0 + R) + 2.0 * r**2, rel=1e-9)
    assert (J[0, 0] - J[1, 1]) ** 2 + 4.0 * r**2 * R >= 0.0
    assert (limit.spectrum.imag == 0.0).all()
    assert (limit.spectrum.real < 0.0).all()
    assert limit.decay_rate == -limit.spectrum[0].real
    assert limit.spectrum[0].real >= limit.spectrum[1].real
    assert not limit.oscillates


def test_eigenvalues_at_a_floor_that_does_not_vanish():
    """Section 9, F6: -1.62017 and -3.14311 at K = 1/2, r = 1, and not the -2 and -2 of eq. (249), off as sqrt(R)."""
    limit = limit_of(BELOW, r=1.0, c_eta=1.0, c_B=1.0)
    np.testing.assert_allclose(limit.spectrum, [-1.62017, -3.14311], atol=5e-6)
    for K in (1e-4, 1e-6):
        near = limit_of(BELOW, r=1.0, c_eta=2.0 * K, c_B=1.0)
        np.testing.assert_allclose((near.spectrum.real / near.rate + 2.0) / math.sqrt(K), [1.0, -1.0], atol=0.02)
    wide = limit_of(BELOW, r=2.0, c_eta=2e-9, c_B=1.0)
    np.testing.assert_allclose(wide.spectrum / wide.rate, [-2.0, -5.0], atol=1e-6)


@pytest.mark.parametrize("c", [0.05, 0.2, 0.3, 5.0])
def test_spectrum_above_resonance(c):
    """Signal l^2 + l + c (1 + r^2) = 0; across it the sums of two roots of l^2 + l + c = 0 (section 6.1)."""
    limit = limit_of(ABOVE[0], r=1.5, c_eta=0.8 * c)
    signal, bulk = np.roots([1.0, 1.0, c * 3.25]), np.roots([1.0, 1.0, c])
    expected = [*signal, 2.0 * bulk[0], bulk.sum(), 2.0 * bulk[1]]
    np.testing.assert_allclose(
        np.sort_complex(np.round(limit.spectrum / 0.8, 9)), np.sort_complex(np.round(expected, 9)), atol=2e-6
    )
    assert limit.decay_rate == pytest.approx(-0.8 * max(np.real(expected)), abs=1e-6)
    assert limit.oscillates == (4.0 * c * 3.25 > 1.0) == bool(np.iscomplex(signal).any())


def test_on_resonance_every_floor_is_stable_and_momentum_may_oscillate():
    rng = np.random.default_rng(0)
    limit = limit_of(RESONANCE)
    for _ in range(300):
        c, K = 10.0 ** rng.uniform([-3.0, -3.0], [4.0, 3.0])
        assert replace(limit, stiffness=c, noise=K, r=float(rng.uniform(0.1, 4.0))).decay_rate > 0.0
    assert not replace(limit, stiffness=0.01, noise=0.1).oscillates
    assert replace(limit, stiffness=1.0, noise=0.1).oscillates


def random_start(rng, position=1.0, momentum=1.0):
    X, Y = rng.normal(size=(2, 4)) * [[position], [momentum]]
    th, m = rng.normal(size=2) * [position, momentum]
    values = {"theta_par": th, "m_par": m, "R": X @ X, "V": Y @ Y, "C": X @ Y}
    return {name: float(value) for name, value in values.items()}


@pytest.mark.parametrize("c", [0.1, 1.0, 10.0, 1000.0])
def test_without_noise_the_energy_falls_to_the_optimum_at_every_stiffness(c):
    limit = limit_of(ABOVE[0], c_eta=0.8 * c)
    assert limit.stiffness == pytest.approx(c)
    rng = np.random.default_rng(round(10 * c))
    lowest = limit.lyapunov(limit.equilibrium)
    assert lowest == pytest.approx(1.0 - R_SIGNAL**2, rel=1e-14)
    for _ in range(3 if c < 100.0 else 1):
        # Momentum of an energy of order 1: m^2 and V count in c.
        path = limit.trajectory(np.linspace(0.0, 20.0, 400), random_start(rng, 0.6, 0.6 / math.sqrt(c)))
        energy = limit.lyapunov(path)
        assert (np.diff(energy) < 1e-10 * energy[0]).all()
        assert 0.0 <= energy[-1] - lowest < (0.2 if c < 1.0 else 1e-5) * (energy[0] - lowest)
    # E' = -c (m^2 + V), at any state.
    for state in path[:40:8]:
        step = 1e-6 * limit.derivative(state) / c
        change = (limit.lyapunov(state + step) - limit.lyapunov(state - step)) / 2e-6 * c
        assert change == pytest.approx(-limit.rate * c * (state[1] ** 2 + state[3]), rel=1e-5, abs=1e-6 * c)


@pytest.mark.slow
def test_convergence_at_a_stiffness_of_1e5():
    """Section 9, F2: (theta_par, R) = (.999995, 1.2e-9) at s = 20 from (0, 0, 1, 0, 0)."""
    end = limit_of(ABOVE[0], r=1.0, c_eps=1.0, c_eta=1e5).trajectory([20.0])[0]
    assert end[0] == pytest.approx(0.999995, abs=6e-7)
    assert end[2] == pytest.approx(1.2e-9, rel=0.04)


def test_moments_above_resonance_are_those_of_a_heavy_ball():
    limit, s = limit_of(ABOVE[1]), np.linspace(0.0, 15.0, 121)
    rng = np.random.default_rng(5)
    on_a_line = {"theta_par": 0.3, "m_par": -0.4, "R": 1.5, "V": 0.6, "C": -math.sqrt(0.9)}
    for start in (START, on_a_line, {"R": 0.0, "V": 2.0}, random_start(rng), random_start(rng)):
        pair = limit.pair(s, start)
        np.testing.assert_allclose(pair.variables, limit.trajectory(s, start), rtol=0, atol=2e-11)
        across = np.abs(np.concatenate([pair.X[:, 1], pair.Y[:, 1]])).max()
        assert (across > 0.01) == ("C" in start and start is not on_a_line)
    np.testing.assert_array_equal(limit.pair([0.0], on_a_line).X, [[math.sqrt(1.5), 0.0]])


def test_a_smaller_learning_rate_has_a_limit_too():
    """Where the stiffness vanishes what is left is SGD, with noise only at kappa = 1 - beta."""
    slow = limit_of(ABOVE[1], kappa=1.2)  # above resonance
    assert (slow.variables, slow.noise, slow.clock_exponent) == (("theta_par", "R"), 0.0, 1.7)
    errors = [sup_errors(slow, d).max() for d in (1e4, 1e8)]
    assert errors[1] < 1e-3
    assert math.log(errors[0] / errors[1], 1e4) == pytest.approx(0.45, abs=0.05)  # eta p/eps = d^-0.45
    np.testing.assert_array_equal(slow.equilibrium, [R_SIGNAL, 0.0])
    corner = limit_of((0.5, 1.5, 0.0), kappa=0.1)
    assert corner.stiffness is None
    assert sup_errors(corner, 1e8).max() < 1e-3


@pytest.mark.parametrize(
    ("exponents", "others", "message"),
    [
        ((0.0, 0.5, 0.5), {}, "alpha must be above 0 for a limit of logistic regression, where p vanishes, got 0.0"),
        (ABOVE[1], {"kappa": 0.7}, "kappa must be at least 0.75, .*oscillations would be faster .*, got 0.7"),
        (BELOW, {"kappa": 0.6}, "kappa must be at least 0.7, .*noise would carry R off, got 0.6"),
        ((0.5, 1.5, 0.0), {}, "the limit is the map that theory.logistic.limit_map returns"),
        ((0.5, 1.8, 0.0), {}, "delta must be above 0 .* got 0.0: time is discrete there"),
    ],
)
def test_scalings_without_a_limit_ode(exponents, others, message):
    with pytest.raises(NoLimit, match=message):
        limit_of(exponents, **others)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: limit_ode(Scaling(*BELOW), "logistic"), "r must be a finite number above 0 .*, got None"),
        (lambda: limit_of(BELOW, r=-1.0), "r must be a finite number above 0, got -1.0"),
        (lambda: limit_ode(Scaling(*BELOW), "probit", 1.0), "problem must be one of least_squares, logistic"),
        (lambda: limit_of(BELOW).trajectory([1.0], {"V": 1.0}), "a name in start must be one of theta_par, R, got 'V'"),
        (lambda: limit_of(RESONANCE).trajectory([1.0], {"C": 1.0}), "start must have C.2 <= R V"),
        (lambda: limit_of(RESONANCE).trajectory([-1.0]), "times must be 0 or above"),
        (lambda: limit_of(RESONANCE).lyapunov(np.ones(5)), "without noise and with momentum for a Lyapunov function"),
        (lambda: limit_of(BELOW).pair([1.0]), r"without noise and with momentum for a pair \(X, Y\)"),
        (lambda: limit_of(RESONANCE).slaved(np.ones(5)), "momentum must be slaved, and noise stay"),
        (lambda: limit_of(ABOVE[1], kappa=0.9).slaved(np.ones(2)), "momentum must be slaved, and noise stay"),
        (lambda: limit_of(BELOW).with_noise_of(*Scaling(*BELOW).at(99, r=1.0)), "in which momentum is a variable"),
        (lambda: floor(-1.0, 1.0), "K must be a finite number, 0 or above, got -1.0"),
        (lambda: floor(1.0, 0.0), "r must be a finite number above 0, got 0.0"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
