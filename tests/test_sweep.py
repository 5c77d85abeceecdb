"""Sweeps: cells from parameters, times, grids."""

import numpy as np
import pytest

from sparsesim import HeavyBall, LeastSquares, RareClassLogistic, Scaling, simulate
from sparsesim.sweep import Sweep, Times, make_cell, run_sweep
from sparsesim.theory import limits, logistic, stability

BASE = {"alpha": 0.3, "beta": 0.5, "delta": 0.6, "d": 16}


def test_a_cell_follows_its_scaling() -> None:
    problem, optimizer, exponents, _ = make_cell({**BASE, "label_noise": 0.2, "p": None})
    assert (problem, optimizer) == Scaling(0.3, 0.5, 0.6).at(16, label_noise=0.2)
    assert exponents == {"alpha": 0.3, "beta": 0.5, "delta": 0.6, "kappa": 0.5}


def test_values_replace_the_scaling_and_its_exponents() -> None:
    problem, optimizer, exponents, _ = make_cell({**BASE, "p": 0.25, "B": 3, "eps": 0.5, "eta": 0.125})
    assert problem == LeastSquares(16, 0.25, 3)
    assert optimizer == HeavyBall(0.125, 0.5)
    assert exponents == {}


def test_eta_over_critical() -> None:
    problem, optimizer, exponents, _ = make_cell({**BASE, "eps": 0.4, "eta_over_critical": 1.1})
    assert optimizer.eta == pytest.approx(1.1 * stability.critical_learning_rate(problem, 0.4), rel=1e-15)
    assert "kappa" not in exponents


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"gamma": 1.0}, "a parameter's name must be one of alpha, beta, .*, got 'gamma'"),
        ({"eta": 0.1, "eta_over_critical": 0.5}, "eta and eta_over_critical must not both be given"),
        ({"eta_over_critical": 0.0}, "eta_over_critical must be a finite number above 0, got 0.0"),
        ({"p": 2.0}, r"p must be in \(0, 1\], got 2.0"),
    ],
)
def test_bad_parameters_are_named(changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_cell({**BASE, **changed})


def test_linear_times() -> None:
    problem, optimizer, *_ = make_cell(BASE)
    assert Times(100, records=4).of(problem, optimizer, "active").tolist() == [0, 25, 50, 75, 100]
    assert Times(1.5, records=3).of(problem, optimizer, "poisson").tolist() == [0, 0.5, 1.0, 1.5]


@pytest.mark.parametrize("spacing", ["linear", "log"])
@pytest.mark.parametrize("horizon", [2, 7, 30, 1000])
def test_times_on_a_counting_clock_are_distinct_whole_numbers(horizon: int, spacing: str) -> None:
    times = Times(horizon, records=7, spacing=spacing).of(*make_cell(BASE)[:2], "minibatch")
    assert len(times) == 8
    assert (np.diff(times) >= 1).all()
    assert (times == np.floor(times)).all()
    assert times[-1] == max(horizon, 7)


def test_e_folds_shrink_the_risk_by_as_much() -> None:
    from sparsesim.theory import least_squares

    for alpha, delta in ((0.3, 0.2), (0.3, 0.8), (1.0, 0.5)):
        problem, optimizer, *_ = make_cell({**BASE, "d": 400, "alpha": alpha, "delta": delta})
        for clock in ("minibatch", "active", "poisson"):
            times = Times(3.0, "e_folds", records=2).of(problem, optimizer, clock)
            _, middle, last = least_squares.moments(problem, optimizer, times, clock)[:, 0]
            assert np.log(middle / last) == pytest.approx(1.5, rel=0.25)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"horizon": 0.0}, "times.horizon must be a finite number above 0"),
        ({"horizon": 1.0, "unit": "weeks"}, "times.unit must be one of ticks, e_folds, relaxations, slow_time"),
        ({"horizon": 1.0, "records": 0}, "times.records must be a whole number, 1 or above"),
        ({"horizon": 1.0, "spacing": "cubic"}, "times.spacing must be one of linear, log"),
    ],
)
def test_bad_times_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Times(**arguments)


def test_relaxations_are_those_of_the_squared_mean_error() -> None:
    # Without noise (a huge B) relaxations are e-folds; at the frontier they are still finite.
    quiet = make_cell({**BASE, "B": 10**9, "eta": 0.02})
    assert quiet.scaling is None
    for clock in ("minibatch", "active"):
        folds = Times(3.0, "e_folds", records=2).of(quiet.problem, quiet.optimizer, clock)
        assert Times(3.0, "relaxations", records=2).of(quiet.problem, quiet.optimizer, clock).tolist() == folds.tolist()
    critical = make_cell({**BASE, "eta_over_critical": 1.0})
    last = Times(1.0, "relaxations", records=1).of(critical.problem, critical.optimizer, "minibatch")[-1]
    assert last == np.ceil(1.0 / stability.mean_decay_rate(critical.problem, critical.optimizer))


@pytest.mark.parametrize(("delta", "exponent"), [(0.4, 0.8), (1.2, 1.2)])
def test_slow_time_is_that_of_the_limit(delta: float, exponent: float) -> None:
    cell = make_cell({**BASE, "delta": delta, "d": 10**4})
    times = Times(2.0, "slow_time", records=4)
    assert times.of(cell.problem, cell.optimizer, "poisson", cell.scaling) == pytest.approx(
        np.array([0.0, 0.5, 1.0, 1.5, 2.0]) * 10.0 ** (4 * exponent)
    )
    with pytest.raises(ValueError, match=r"times\.unit must not be 'slow_time' where values replace"):
        times.of(cell.problem, cell.optimizer, "active")


def test_most_ticks_bring_the_horizon_nearer() -> None:
    problem, optimizer, *_ = make_cell(BASE)
    assert Times(1e6, records=4, most_ticks=100).of(problem, optimizer, "active").tolist() == [0, 25, 50, 75, 100]
    assert Times(40, records=4, most_ticks=100).of(problem, optimizer, "active").tolist() == [0, 10, 20, 30, 40]


def test_cases_are_one_more_dim() -> None:
    cases = {"dense": {"alpha": 0.1}, "sparse": {"alpha": 0.9, "c_p": 0.5}}
    sweep = Sweep({"d": [4, 16]}, {"beta": 0.5, "delta": 0.8}, Times(4, records=2), 20, seed=5, cases=cases)
    data = run_sweep(sweep)
    assert data["mean"].dims == ("case", "d", "time", "moment")
    assert data.case.values.tolist() == ["dense", "sparse"]
    cell = data.sel(case="sparse", d=16)
    problem, optimizer = Scaling(0.9, 0.5, 0.8, c_p=0.5).at(16)
    assert (cell.p.item(), cell.eta.item()) == (problem.p, optimizer.eta)
    alone = simulate(problem, optimizer, times=[0, 2, 4], trajectories=20, seed=5, clock="active")
    np.testing.assert_array_equal(cell["mean"], alone["mean"])
    with pytest.raises(ValueError, match="d must not be both an axis and a parameter of the case twice"):
        Sweep({"d": [4]}, BASE, Times(4), 20, seed=5, cases={"twice": {"d": 8}})


def test_e_folds_at_the_frontier_are_refused() -> None:
    problem, optimizer = LeastSquares(3, 1.0, 4), HeavyBall(1.0, 1.0)  # H = 1 exactly
    assert stability.decay_rate(problem, optimizer) == 0.0
    with pytest.raises(ValueError, match="e_folds"):
        Times(1.0, "e_folds").of(problem, optimizer, "active")


def test_a_grid_is_labelled_by_its_axes_and_its_cells_are_simulate_s() -> None:
    axes = {"delta": [0.2, 0.9], "alpha": [0.0, 0.4, 0.8]}
    data = run_sweep(Sweep(axes, BASE, Times(12, records=3), trajectories=20, seed=5))
    assert data["mean"].dims == ("delta", "alpha", "time", "moment")
    assert data.time.values.tolist() == [0, 4, 8, 12]
    assert data.kappa.dims == ("delta", "alpha")
    cell = data.sel(delta=0.9, alpha=0.4)
    problem, optimizer = Scaling(0.4, 0.5, 0.9).at(16)
    assert (cell.p.item(), cell.eta.item(), cell.B.item()) == (problem.p, optimizer.eta, problem.B)
    alone = simulate(problem, optimizer, times=[0, 4, 8, 12], trajectories=20, seed=5, clock="active")
    np.testing.assert_array_equal(cell["mean"], alone["mean"])


def test_times_of_their_own_for_every_cell() -> None:
    data = run_sweep(Sweep({"d": [4, 16]}, {"alpha": 0.3, "beta": 0.5, "delta": 0.8}, Times(2, "e_folds", records=2),
                     trajectories=4, seed=0))  # fmt: skip
    assert data.d.values.tolist() == [4, 16]
    assert "time" not in data.coords
    assert data.clock_time[1, -1] > data.clock_time[0, -1]


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"gamma": [1.0]}, "an axis must be one of alpha"),
        ({"alpha": []}, "the axis alpha must have at least one value"),
        ({"alpha": [0.1, 0.1]}, "no value twice"),
        ({"alpha": [0.1, -0.1]}, "alpha must be a finite number, 0 or above, got -0.1"),
    ],
)
def test_bad_axes_are_named(axes: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        run_sweep(Sweep(axes, BASE, Times(5), trajectories=4, seed=0))


def test_results_too_large_for_the_memory_are_refused() -> None:
    with pytest.raises(MemoryError, match=r"the results of this sweep need .* GB .* take fewer cells or times.records"):
        run_sweep(Sweep({"alpha": [0.1]}, BASE, Times(5, records=10**12), trajectories=4, seed=0))


def test_an_axis_that_changes_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="p must not be given where alpha is an axis"):
        run_sweep(Sweep({"alpha": [0.1, 0.2]}, {**BASE, "p": 0.5}, Times(5), trajectories=4, seed=0))


SIGNAL = {**BASE, "r": 1.0}


def test_a_signal_makes_a_cell_of_logistic_regression() -> None:
    cell = make_cell(SIGNAL)
    assert (cell.problem, cell.optimizer) == Scaling(0.3, 0.5, 0.6).at(16, r=1.0)
    values = make_cell({**SIGNAL, "alpha": 0.0, "p": 0.25, "B": 3, "eps": 0.4, "eta_over_critical": 0.5})
    assert values.problem == RareClassLogistic(16, 0.25, 3, 1.0)
    assert values.optimizer.eta == pytest.approx(0.5 * logistic.critical_learning_rate(values.problem, 0.4), rel=1e-14)
    with pytest.raises(ValueError, match="label_noise must be 0 where r is given"):
        make_cell({**SIGNAL, "label_noise": 0.1})
    with pytest.raises(ValueError, match="must be below 1 for logistic regression"):
        make_cell({**SIGNAL, "alpha": 0.0})


def test_times_of_logistic_regression() -> None:
    cell = make_cell({**SIGNAL, "d": 400})
    arguments = (cell.problem, cell.optimizer, "minibatch", cell.scaling)
    assert isinstance(cell.problem, RareClassLogistic)
    e_folds = Times(8.0, "e_folds", records=2).of(*arguments)
    # Late enough that the slowest mode alone is left of the distance from the fixed point.
    distance = logistic.recursion(cell.problem, cell.optimizer, e_folds) - logistic.fixed_point(*arguments[:2])
    assert np.log(abs(distance[1, 0] / distance[2, 0])) == pytest.approx(4.0, rel=0.1)
    limit = limits.limit_ode(Scaling(0.3, 0.5, 0.6), "logistic", 1.0)
    assert Times(3.0, "slow_time", records=2).of(*arguments)[-1] == np.ceil(limit.ticks(3.0, 400))
    with pytest.raises(ValueError, match="must not be 'relaxations' for logistic regression; take e_folds"):
        Times(3.0, "relaxations").of(*arguments)
