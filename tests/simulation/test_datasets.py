"""What `simulate` promises: names, labels, records of its inputs, and errors that say what to change."""

import math

import numpy as np
import optax
import pytest

import sparsesim
from sparsesim import HeavyBall, LeastSquares, RareClassLogistic, simulate, simulate_cells
from sparsesim.simulation import datasets
from sparsesim.simulation.binary import Count

PROBLEM, OPTIMIZER = LeastSquares(5, 0.5, 2, label_noise=0.1), HeavyBall(0.2, 0.5)


def test_dataset_is_labelled_and_remembers_its_inputs() -> None:
    data = simulate(PROBLEM, OPTIMIZER, times=[0, 3, 9], trajectories=30, seed=4, start={"R": 2.0, "V": 1.0})
    assert data["mean"].dims == ("time", "moment")
    assert data.time.values.tolist() == [0, 3, 9]
    assert data.moment.values.tolist() == ["R", "V", "C"]
    assert set(data.data_vars) == {
        "mean", "std_error", "effective_sample_size", "lower_quartile", "median", "upper_quartile"
    }  # fmt: skip
    expected = {
        "d": 5, "p": 0.5, "B": 2, "label_noise": 0.1, "eta": 0.2, "eps": 0.5, "seed": 4, "trajectories": 30,
        "clock": "minibatch", "engine": "reduced", "start_R": 2.0, "start_V": 1.0, "start_C": 0.0,
    }  # fmt: skip
    assert expected.items() <= data.attrs.items()
    assert "oracle" not in data.attrs
    assert {"sparsesim_version", "jax_version", "numpy_version", "device"} <= set(data.attrs)
    np.testing.assert_allclose(data["mean"].sel(time=0), [2.0, 1.0, 0.0], atol=1e-6)


def test_an_optax_transformation_takes_the_place_of_heavy_ball() -> None:
    data = simulate(
        LeastSquares(5, 0.5, 2),
        optax.adam(0.05),
        times=[0, 40],
        trajectories=64,
        seed=0,
        clock="active",
        engine="vector",
    )
    assert {"engine": "vector", "oracle": "sampled"}.items() <= data.attrs.items()
    assert data.attrs["optimizer"] == "optax"
    assert data["mean"].sel(time=40, moment="R") < 0.5
    assert "eta" not in data.coords


NAN = math.nan


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"times": []}, "times must be a sequence"),
        ({"times": [3, 2]}, "times must be strictly increasing"),
        ({"times": [-1, 2]}, "times must be 0 or above, got -1"),
        ({"times": [0.5]}, "times must be whole"),
        ({"times": [NAN]}, "times must be finite"),
        ({"times": [2**53 + 2]}, f"times must be at most {2**53} on the minibatch clock with the reduced engine"),
        ({"times": [2**31], "clock": "active"}, f"times must be at most {2**31 - 1} on the active clock"),
        ({"times": [2**39], "clock": "poisson"}, f"times must be at most {2**38} on the poisson clock"),
        ({"times": [2**31], "engine": "vector"}, f"times must be at most {2**31 - 1} on the minibatch clock"),
        ({"times": [2**31], "engine": "vector", "clock": "active"}, f"times must be at most {2**31 - 1} on the active"),
        (
            {"times": [2**31], "engine": "vector", "clock": "poisson"},
            f"times must be at most {2**31 - 2**20} on the poisson clock with the vector engine",
        ),
        ({"trajectories": 1}, "trajectories must be a whole number, 2 or above, got 1"),
        ({"trajectories": 2.5}, "trajectories must be a whole number"),
        ({"seed": -1}, "seed must be a whole number, 0 or above, got -1"),
        ({"seed": 2**63}, "seed must be below"),
        ({"clock": "wall"}, "clock must be one of minibatch, active, poisson, got 'wall'"),
        ({"engine": "quantum"}, "engine must be one of reduced, vector, got 'quantum'"),
        ({"oracle": "delphi", "engine": "vector"}, "oracle must be one of sampled, literal, got 'delphi'"),
        ({"oracle": "sampled"}, "oracle must be left out with the reduced engine, which has none, got 'sampled'"),
        ({"optimizer": optax.sgd(0.1)}, "optimizer must be a HeavyBall with the reduced engine, .*engine='vector'"),
        (
            {"problem": LeastSquares(5, 0.5, 2**31), "engine": "vector"},
            f"B must be at most {2**31 - 1} with",
        ),
        ({"problem": LeastSquares(5, 0.5, 10**12 + 1)}, f"B must be at most {10**12} with the reduced engine, got"),
        ({"trajectories": 2**32}, r"trajectories must be below 2\^32"),
        (
            {
                "problem": LeastSquares(5, 1e-9, 1),
                "times": [100],
                "clock": "active",
                "engine": "vector",
                "oracle": "literal",
            },
            "times must be at most 1 on the active clock",
        ),
        ({"optimizer": HeavyBall(1e20, 0.5)}, "eta must be between"),
        ({"optimizer": HeavyBall(0.5, 1e-20), "engine": "vector"}, "eps must be between"),
        ({"chunk": 0}, "chunk must be a whole number, 1 or above, got 0"),
        ({"start": {"Q": 1.0}}, "must be one of R, V, C, got 'Q'"),
        ({"start": {"R": -1.0}}, r"start\['R'\] must be a finite number, 0 or above, got -1.0"),
        ({"start": {"R": NAN}}, "must be a finite number"),
        ({"start": {"C": 1.0}}, r"start must have C\^2 <= R V"),
        ({"optimizer": optax.sgd(0.1), "start": {"V": 1.0}}, "start must give R, or theta_par, alone with an optax"),
        ({"optimizer": 0.1}, "optimizer must be a HeavyBall or an optax GradientTransformation, got 0.1"),
        ({"problem": "least_squares"}, "problem must be a LeastSquares or a RareClassLogistic, got 'least_squares'"),
    ],
)
def test_bad_input_is_named(changed: dict[str, object], message: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sparsesim.simulation.datasets.run_cells", lambda *args, **kwargs: pytest.fail("started"))
    arguments = {"problem": PROBLEM, "optimizer": OPTIMIZER, "times": [1], "trajectories": 2, "seed": 0, **changed}
    with pytest.raises(ValueError, match=message):
        simulate(**arguments)


@pytest.mark.parametrize(
    ("engine", "clock", "last"),
    [
        ("reduced", "minibatch", 2**53),
        ("reduced", "active", 2**31 - 1),
        ("reduced", "poisson", 2**38),
        ("vector", "minibatch", 2**31 - 1),
        ("vector", "poisson", 2**31 - 2**20),
    ],
)
def test_the_last_time_that_is_allowed_is_counted_right(
    engine: str, clock: str, last: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Up to the driver, and as the engine takes it: no word overflows."""
    seen = []

    def keep(cells, plan, **kwargs):
        seen.append((cells[0], plan.program(cells[0].problem), plan.engine))
        raise KeyboardInterrupt

    monkeypatch.setattr("sparsesim.simulation.datasets.run_cells", keep)
    with pytest.raises(KeyboardInterrupt):
        simulate(PROBLEM, OPTIMIZER, times=[0, last], trajectories=2, seed=0, engine=engine, clock=clock)
    cell, program, name = seen[0]
    assert name == engine
    gaps = program.gaps(cell.times, 0, 1, range(2))
    encoded = program.encoded(gaps)
    if isinstance(encoded, Count):
        ticks = [(int(high) << 32) + int(low) for high, low in zip(*encoded, strict=True)]
        assert ticks == [0, last << 24 if clock == "poisson" else last]
    elif engine == "vector" and clock == "poisson":
        assert (np.abs(encoded[:, 1] - last) < 10 * last**0.5).all()
    else:
        assert encoded.tolist() == [0, last]


def test_the_largest_batch_that_is_allowed_has_no_noise() -> None:
    """Each update shrinks e by 1 - eta p, up to 10^-7; so does label noise average out."""
    problem = LeastSquares(5, 0.5, 10**12, label_noise=0.1)
    data = simulate(problem, HeavyBall(0.5, 1.0), times=[0, 3, 9], trajectories=2, seed=0)
    np.testing.assert_allclose(data["mean"].sel(moment="R"), 0.75 ** (2.0 * data.time), rtol=1e-5)


def test_cells_must_be_comparable() -> None:
    common = {"trajectories": 2, "seed": 0}
    with pytest.raises(ValueError, match="at least one"):
        simulate_cells([], times=[], **common)
    with pytest.raises(ValueError, match="equally many"):
        simulate_cells([(PROBLEM, OPTIMIZER)] * 2, times=[[1], [1, 2]], **common)
    with pytest.raises(ValueError, match="same optax transformation"):
        simulate_cells([(PROBLEM, OPTIMIZER), (PROBLEM, optax.sgd(0.1))], times=[[1], [1]], **common)


LOGISTIC = RareClassLogistic(6, 0.2, 4, 1.5)


def test_a_dataset_of_logistic_regression_has_its_five_moments() -> None:
    start = {"theta_par": 0.5, "V": 1.0}
    data = simulate(LOGISTIC, OPTIMIZER, times=[0, 3], trajectories=30, seed=4, start=start)
    assert data.moment.values.tolist() == ["theta_par", "m_par", "R", "V", "C"]
    expected = {"d": 6, "p": 0.2, "B": 4, "r": 1.5, "problem": "logistic", "start_theta_par": 0.5, "start_R": 1.0}
    assert expected.items() <= data.attrs.items()
    assert "label_noise" not in data.attrs
    np.testing.assert_allclose(data["mean"].sel(time=0), [0.5, 0.0, 1.0, 1.0, 0.0], atol=1e-6)


def test_adam_learns_the_signal() -> None:
    arguments = {"times": [0, 200], "trajectories": 64, "seed": 0, "engine": "vector"}
    data = simulate(RareClassLogistic(6, 0.3, 32, 1.5), optax.adam(0.05), start={"R": 0.1}, **arguments)
    assert data["mean"].sel(time=200, moment="theta_par") == pytest.approx(1.5, abs=0.3)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"clock": "active"}, "clock must be minibatch for logistic regression, where every sample counts"),
        ({"clock": "wall"}, "clock must be one of"),
        ({"problem": RareClassLogistic(6, 0.2, 2**31, 1.0)}, "B must be at most"),
        ({"problem": RareClassLogistic(2**63, 0.2, 2, 1.0)}, f"d must be at most {2**63 - 1}"),
        ({"problem": RareClassLogistic(6, 0.2, 2, 1e-20)}, "r must be between"),
        ({"problem": RareClassLogistic(1, 0.2, 2, 1.0)}, "start must have R = V = C = 0 when d = 1"),
        ({"optimizer": optax.sgd(0.1), "engine": "vector", "start": {"m_par": 1.0}}, "start must give R, or theta_par"),
    ],
)
def test_bad_input_for_logistic_regression_is_named(changed: dict, message: str) -> None:
    arguments = {"problem": LOGISTIC, "optimizer": OPTIMIZER, "times": [1], "trajectories": 2, "seed": 0, **changed}
    with pytest.raises(ValueError, match=message):
        simulate(arguments.pop("problem"), arguments.pop("optimizer"), **arguments)


def test_cells_of_two_problems_are_refused() -> None:
    with pytest.raises(ValueError, match="problem must be of one kind in all cells"):
        simulate_cells([(PROBLEM, OPTIMIZER), (LOGISTIC, OPTIMIZER)], times=[[1], [1]], trajectories=2, seed=0)


def test_sample_paths_are_the_trajectories_that_simulate_averages() -> None:
    """More than a tile of them, on a clock where each has its own updates."""
    problem, optimizer, times = sparsesim.LeastSquares(7, 0.1, 3), sparsesim.HeavyBall(0.2, 0.3), [0, 3, 10]
    paths = datasets.sample_paths(problem, optimizer, times=times, paths=600, seed=4)
    data = sparsesim.simulate(problem, optimizer, times=times, trajectories=600, seed=4)
    assert paths.dims == ("path", "time", "moment")
    np.testing.assert_allclose(paths.mean("path"), data["mean"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(paths.quantile(0.5, "path", method="inverted_cdf"), data["median"], rtol=1e-12)
    with pytest.raises(ValueError, match="paths must be at most 4096, got 5000"):
        datasets.sample_paths(problem, optimizer, times=times, paths=5000, seed=4)
