"""The sparse limit: its drift against golden numbers and vectors, as a map, as an ODE, and how its entries scale."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from sparsesim import HeavyBall, RareClassLogistic, Scaling
from sparsesim.theory.logistic import (
    SparseSystem,
    bulk_matrix,
    entry_exponents,
    floor,
    limit_map,
    sparse_drift,
    sparse_ode,
)
from sparsesim.theory.phases import NoLimit

GOLDEN = RareClassLogistic(d=100, p=0.1, B=16, r=1.0), HeavyBall(eta=0.4, eps=0.05)
STATE = [0.5, -0.03, 1.0, 0.05, 0.02]  # theta_par, m_par, R, V, C
SYSTEMS = [SparseSystem(0.6, 0.4, 0.5, 1.0), SparseSystem(0.02, 0.05, 3.0, 1.7), SparseSystem(0.3, 1.0, 0.0, 0.4)]
REGIONS = [(0.3, 1.6, 0.5), (0.5, 0.75, 1.25), (0.7, 0.3, 0.5), (0.6, 0.9, 0.7), (0.4, 1.4, 0.5)]


def random_states(number, seed=0):
    rng = np.random.default_rng(seed)
    X, Y = rng.normal(size=(2, number, 3))
    across = [(X**2).sum(axis=1), (Y**2).sum(axis=1), (X * Y).sum(axis=1)]
    return np.stack([*rng.normal(size=(2, number)), *across], axis=1)


def test_golden_drift():
    golden = [0.0122668515469, -0.000667128867333, -0.0122230099976, -0.0030651011585, -0.0141082172713]
    np.testing.assert_allclose(sparse_drift(*GOLDEN, STATE), golden, rtol=1e-11)
    np.testing.assert_allclose(sparse_drift(*GOLDEN, [STATE, STATE]), [golden, golden], rtol=1e-11)


def test_without_noise_the_map_is_a_heavy_ball_of_vectors():
    """Momentum on U(q) = exp((|q|^2 - r^2)/2) - r q_1 in five dimensions, with nothing but q and m."""
    system, r = SparseSystem(0.25, 0.3, 0.0, 1.3), 1.3
    rng = np.random.default_rng(1)
    q, m = 0.5 * rng.normal(size=(2, 5))
    path = []
    for _ in range(41):
        path.append([q[0], m[0], q[1:] @ q[1:], m[1:] @ m[1:], q[1:] @ m[1:]])
        gradient = np.exp((q @ q - r * r) / 2.0) * q - r * np.eye(5)[0]
        m = 0.7 * m + 0.3 * gradient
        q = q - 0.25 * m
    start = dict(zip(("theta_par", "m_par", "R", "V", "C"), path[0], strict=True))
    np.testing.assert_allclose(system.recursion(np.arange(41), start), path, rtol=1e-12, atol=1e-14)
    np.testing.assert_array_equal(system.recursion([3, 40], start), system.recursion(np.arange(41), start)[[3, 40]])


@pytest.mark.parametrize("system", SYSTEMS)
def test_noise_enters_as_a_new_gradient_of_its_size(system):
    h, eps, n = system.step, system.eps, system.noise
    noise_free = SparseSystem(h, eps, 0.0, system.r)
    states = random_states(20)
    added = np.tile(eps**2 * n * np.array([0.0, 0.0, h * h, 1.0, -h]), (20, 1))
    np.testing.assert_allclose(system.drift(states) - noise_free.drift(states), added, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("system", SYSTEMS)
def test_jacobian_is_the_derivative_of_the_drift(system):
    for state in random_states(10, seed=2) * 0.5:
        steps = 1e-6 * np.eye(5)
        numeric = np.stack([(system.drift(state + e) - system.drift(state - e)) / 2e-6 for e in steps], axis=-1)
        np.testing.assert_allclose(system.jacobian(state), numeric, atol=1e-8 * max(1.0, abs(numeric).max()))
    states = random_states(4)
    np.testing.assert_array_equal(system.jacobian(states)[2], system.jacobian(states[2]))


@pytest.mark.parametrize("system", SYSTEMS)
def test_ode_against_an_explicit_solver(system):
    times = np.linspace(0.0, 40.0, 9)
    start = {"theta_par": 0.2, "m_par": -0.1, "R": 0.9, "V": 0.5, "C": 0.3}
    explicit = solve_ivp(
        lambda _, x: system.drift(x), (0.0, 40.0), list(start.values()), "DOP853", times, rtol=1e-12, atol=1e-13
    )
    np.testing.assert_allclose(system.ode(times, start), explicit.y.T, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("exponents", REGIONS)
def test_bulk_matrix_is_the_drift_across_the_signal(exponents):
    problem, optimizer = Scaling(*exponents, c_p=0.8, c_B=1.3).at(1000, r=1.4)
    for theta_par, m_par, R, V, C in random_states(5, seed=3):
        state = [theta_par, problem.p * m_par, R, problem.p**2 * V, problem.p * C]
        M, f = bulk_matrix(problem, optimizer, theta_par, R)
        np.testing.assert_allclose(M @ state[2:] + f, sparse_drift(problem, optimizer, state)[2:], rtol=1e-9)


@pytest.mark.parametrize("exponents", REGIONS)
def test_entries_scale_as_the_table_of_section_4_says(exponents):
    scaling, dimensions = Scaling(*exponents, c_B=3.0, c_eps=0.5), (10**4, 10**8, 10**12)
    sizes = []
    for d in dimensions:
        M, f = bulk_matrix(*scaling.at(d, r=1.2), 0.4, 0.7)
        entries = {f"{row}{column}": M[i, j] for i, row in enumerate("RVC") for j, column in enumerate("RVC")}
        sizes.append(entries | dict(zip("RVC", f, strict=True)))
    predicted = entry_exponents(*exponents, scaling.kappa)
    assert set(predicted) == set(sizes[0])
    for entry, exponent in predicted.items():
        logs = np.log10([abs(size[entry]) for size in sizes])
        # From 1e4 on eps still moves the leading forms; at 1e8 it no longer does.
        assert (logs[2] - logs[1]) / 4.0 == pytest.approx(exponent, abs=2e-4), entry
        assert (logs[2] - logs[0]) / 8.0 == pytest.approx(exponent, abs=0.01), entry


@pytest.mark.parametrize("exponents", REGIONS)
def test_the_ode_reaches_its_floor_at_d_of_1e8_however_long_that_takes(exponents):
    problem, optimizer = Scaling(*exponents, c_B=1.3, c_eps=0.8, c_eta=0.7).at(10**8, r=1.2)
    p, eta, eps = problem.p, optimizer.eta, optimizer.eps
    times = [60.0 / min(eps, eta * p)]  # up to 2e13 minibatches
    end = sparse_ode(problem, optimizer, times, {"R": 1.5, "V": p**2, "C": p})[0]
    expected = floor(eta * problem.d / (2.0 * problem.B), 1.2)
    # The fixed point of the drift, up to order eps and eta p (section 3).
    V = 0.5 * eps * (problem.d * p / problem.B + (p * expected.rho) ** 2 * expected.R)
    np.testing.assert_allclose(end[[0, 2, 3, 4]], [expected.theta_par, expected.R, V, -0.5 * eta * V], rtol=3e-4)
    assert abs(end[1]) < 1e-9 * p


def test_a_start_is_in_the_units_of_the_problem():
    problem, optimizer = GOLDEN
    start = {"theta_par": 0.5, "m_par": -0.03, "R": 1.0, "V": 0.05, "C": 0.02}
    np.testing.assert_allclose(sparse_ode(problem, optimizer, [0.0], start)[0], STATE, rtol=1e-14)
    near = sparse_ode(problem, optimizer, [0.0, 1e-3], start)
    np.testing.assert_allclose((near[1] - near[0]) / 1e-3, sparse_drift(problem, optimizer, STATE), rtol=1e-3)
    np.testing.assert_array_equal(sparse_ode(problem, optimizer, [0.0])[0], [0.0, 0.0, 1.0, 0.0, 0.0])


def test_the_map_at_the_corner():
    """Section 6.5: the step, the momentum and, on the triple point, the noise stay."""
    triple = Scaling(0.5, 1.5, 0.0, c_p=0.9, c_B=2.1, c_eps=0.4, c_eta=0.7)
    assert limit_map(triple, 1.0) == SparseSystem(0.63, 0.4, 1.0 / (0.9 * 2.1), 1.0)
    corner = Scaling(0.5, 1.8, 0.0, c_p=0.5, c_B=2.0, c_eps=1.7, c_eta=0.6)
    assert limit_map(corner, 1.2) == SparseSystem(0.3, 1.0, 0.0, 1.2)
    for scaling, far in ((triple, 1e-9), (corner, 2e-3)):
        limit = limit_map(scaling, 1.0).recursion(np.arange(30))
        ends = [SparseSystem.of(*scaling.at(d, r=1.0)).recursion(np.arange(30)) for d in (10**3, 10**10)]
        near, at_last = [abs(end - limit).max() for end in ends]
        assert at_last < far
        assert at_last <= 0.02 * near


def test_the_ode_by_the_minibatch_is_not_the_limit_at_the_corner():
    """Section 9, F9: theta_par, m, R, C and V are off by 16, 42, 15, 54 and 32 percent."""
    system, times = SparseSystem(0.6, 0.4, 0.5, 1.0), np.arange(61)
    exact = system.recursion(times)
    off = abs(system.ode(times) - exact).max(axis=0) / abs(exact).max(axis=0)
    np.testing.assert_allclose(off[[0, 1, 2, 4, 3]], [0.16, 0.42, 0.15, 0.54, 0.32], atol=0.006)
    # Where time is nearly continuous they agree.
    slow = SparseSystem(0.006, 0.004, 50.0, 1.0)
    exact = slow.recursion(100 * times)
    assert (abs(slow.ode(100 * times) - exact).max(axis=0) / abs(exact).max(axis=0)).max() < 0.01


def test_a_map_beyond_its_ceiling_is_a_result():
    """eta_c = 2 (2 - eps)/(eps p (1 + r^2)), section 9, F3, at the optimum: here h = 16."""
    ceiling = 2.0 * 1.8 / (0.2 * 2.0)
    for h, stable in ((0.999 * ceiling, True), (1.001 * ceiling, False)):
        radius = abs(np.linalg.eigvals(np.eye(5) + SparseSystem(h, 0.2, 0.0, 1.0).jacobian([1.0, 0.0, 0.0, 0.0, 0.0])))
        assert (radius.max() < 1.0) == stable
    assert not np.isfinite(SparseSystem(10.0 * ceiling, 0.2, 0.0, 1.0).recursion([50])).any()


@pytest.mark.parametrize(
    ("exponents", "kappa", "message"),
    [
        ((0.5, 1.8, 0.1), None, "delta must be 0 and kappa -alpha for a limit map, got delta = 0.1 and kappa = -0.4"),
        ((0.5, 1.5, 0.0), 0.1, "delta must be 0 and kappa -alpha for a limit map, got delta = 0 and kappa = 0.1"),
        ((0.5, 0.5, 0.0), None, "delta must be 0 .*theory.limits.limit_ode has the limit"),
        ((0.5, 1.5, 0.0), -0.6, "kappa must be at least -0.5"),
        ((0.0, 1.0, 0.0), None, "alpha must be above 0"),
    ],
)
def test_scalings_without_a_map(exponents, kappa, message):
    with pytest.raises(NoLimit, match=message):
        limit_map(Scaling(*exponents, kappa=kappa), 1.0)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: SparseSystem(0.0, 0.4, 0.5, 1.0), "step must be a finite number above 0, got 0.0"),
        (lambda: SparseSystem(0.6, 1.4, 0.5, 1.0), r"eps must be in \(0, 1\], got 1.4"),
        (lambda: SparseSystem(0.6, 0.4, -0.5, 1.0), "noise must be a finite number, 0 or above, got -0.5"),
        (lambda: SparseSystem(0.6, 0.4, 0.5, 0.0), "r must be a finite number above 0, got 0.0"),
        (lambda: SYSTEMS[0].recursion([0.5]), "times must be whole numbers .*, got 0.5"),
        (lambda: SYSTEMS[0].ode([1.0, 1.0]), "times must be strictly increasing"),
        (lambda: SYSTEMS[0].ode([1.0], {"C": 1.0}), "start must have C.2 <= R V"),
        (lambda: limit_map(Scaling(0.5, 1.5, 0.0), -1.0), "r must be a finite number above 0, got -1.0"),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
