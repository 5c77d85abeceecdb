"""The reduced engine against the vector engine: equal in law, jointly in R, V and C; and a test that would notice."""

import functools
from collections.abc import Iterator

import numpy as np
import pytest
from laws import ALPHA, joint_pvalue
from paths import compiled, engine_paths

from sparsesim import HeavyBall, LeastSquares
from sparsesim.simulation import quantiles, reduced, sampling

TRAJECTORIES = 10_000
TICKS = [1, 3, 12]


def least_pvalue(
    problem: LeastSquares,
    optimizer: HeavyBall,
    clock: str,
    start: tuple[float, float, float] = (1.0, 0.0, 0.0),
    oracle: str = "sampled",
) -> float:
    """Over the recordings, the least `joint_pvalue` of the two engines."""
    common = {"trajectories": TRAJECTORIES, "clock": clock, "start": start}
    ours = engine_paths(problem, optimizer, TICKS, engine="reduced", **common)
    theirs = engine_paths(problem, optimizer, TICKS, engine="vector", oracle=oracle, seed=1, **common)
    return min(joint_pvalue(ours[:, i], theirs[:, i]) for i in range(len(TICKS)))


ACROSS = (2.0, 3.0, -1.5)


@pytest.mark.parametrize(
    ("problem", "optimizer", "clock", "start"),
    [
        (LeastSquares(2, 0.3, 2, label_noise=0.4), HeavyBall(0.3, 0.3), "active", ACROSS),
        (LeastSquares(3, 0.4, 3, label_noise=0.7), HeavyBall(0.3, 0.5), "minibatch", (0.0, 0.5, 0.0)),
        pytest.param(LeastSquares(5, 0.2, 3), HeavyBall(0.5, 0.3), "poisson", (1.0, 0.0, 0.0), marks=pytest.mark.slow),
    ],
)
def test_engines_agree_in_law(
    problem: LeastSquares, optimizer: HeavyBall, clock: str, start: tuple[float, float, float]
) -> None:
    assert least_pvalue(problem, optimizer, clock, start) > ALPHA


def test_the_reduced_engine_agrees_with_the_algorithm_as_written() -> None:
    problem = LeastSquares(3, 0.4, 3, label_noise=0.7)
    assert least_pvalue(problem, HeavyBall(0.3, 0.5), "minibatch", ACROSS, oracle="literal") > ALPHA


@pytest.mark.slow  # eleven compilations of the vector engine more
@pytest.mark.parametrize(
    ("problem", "optimizer", "clock", "start"),
    [
        (LeastSquares(2, 0.3, 2), HeavyBall(0.3, 0.3), "active", ACROSS),
        (LeastSquares(1, 0.5, 1), HeavyBall(0.3, 0.4), "active", (4.0, 9.0, -6.0)),
        (LeastSquares(5, 1.0, 2), HeavyBall(0.2, 1.0), "active", (1.0, 0.0, 0.0)),
        (LeastSquares(1, 0.2, 4, label_noise=0.3), HeavyBall(0.3, 0.4), "active", (1.0, 0.0, 0.0)),
        (LeastSquares(2, 0.1, 5, label_noise=2.0), HeavyBall(0.3, 0.2), "poisson", ACROSS),
        (LeastSquares(2, 1.0, 1), HeavyBall(0.4, 1.0), "minibatch", ACROSS),
        (LeastSquares(3, 0.02, 10), HeavyBall(0.8, 0.01), "minibatch", ACROSS),
        (LeastSquares(4, 1e-5, 100), HeavyBall(0.8, 1e-4), "active", ACROSS),
        (LeastSquares(20, 0.05, 40), HeavyBall(0.5, 0.05), "active", (1.0, 0.0, 0.0)),
        (LeastSquares(200, 0.9, 300), HeavyBall(0.5, 0.3), "active", (1.0, 0.0, 0.0)),
        (LeastSquares(200, 0.3, 2, label_noise=0.1), HeavyBall(0.01, 0.5), "minibatch", (1.0, 2.0, 0.5)),
    ],
)
def test_engines_agree_in_law_at_more_points(
    problem: LeastSquares, optimizer: HeavyBall, clock: str, start: tuple[float, float, float]
) -> None:
    assert least_pvalue(problem, optimizer, clock, start) > ALPHA


POWER_PROBLEM, POWER_OPTIMIZER = LeastSquares(5, 0.2, 3), HeavyBall(0.5, 0.3)


@functools.cache
def right_paths() -> np.ndarray:
    """The vector engine's, drawn before anything is made wrong."""
    return engine_paths(POWER_PROBLEM, POWER_OPTIMIZER, TICKS, trajectories=TRAJECTORIES, clock="active", seed=1)


def power_pvalue() -> float:
    ours = engine_paths(
        POWER_PROBLEM, POWER_OPTIMIZER, TICKS, trajectories=TRAJECTORIES, clock="active", engine="reduced"
    )
    return min(joint_pvalue(ours[:, i], right_paths()[:, i]) for i in range(len(TICKS)))


@pytest.fixture(autouse=True)
def nothing_is_wrong_elsewhere() -> Iterator[None]:
    right_paths()
    compiled.cache_clear()
    yield
    compiled.cache_clear()


def test_power_nothing_wrong_passes() -> None:
    assert power_pvalue() > ALPHA


def test_power_a_degree_of_freedom_too_many_across_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = quantiles.chi
    monkeypatch.setattr(reduced.quantiles, "chi", lambda degrees: right(degrees + 1))
    assert power_pvalue() < ALPHA


def test_power_a_degree_of_freedom_too_many_along_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def one_too_many(B: int, p: float) -> np.ndarray:
        degrees, weights = quantiles.active_degrees(B, p)
        return quantiles.tabulated(lambda q, upper: quantiles.mixture_quantile(degrees + 1.0, weights, q, upper))

    monkeypatch.setattr(reduced.quantiles, "active_chi", one_too_many)
    assert power_pvalue() < ALPHA


def test_power_an_untruncated_binomial_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    def untruncated(B: int, p: float) -> np.ndarray:
        idle = (1.0 - p) ** B
        degrees, weights = quantiles.active_degrees(B, p)

        def quantile(q: np.ndarray, upper: bool) -> np.ndarray:
            active = np.clip(((1.0 - q if upper else q) - idle) / (1.0 - idle), 1e-9, 1.0 - 1e-9)
            nearest = np.minimum(active, 1.0 - active)
            halves = [quantiles.mixture_quantile(degrees, weights, nearest, end) for end in (False, True)]
            return np.where(active > 1e-9, np.where(active < 0.5, *halves), 0.0)

        return quantiles.tabulated(quantile)

    monkeypatch.setattr(reduced.quantiles, "active_chi", untruncated)
    assert power_pvalue() < ALPHA


def test_power_a_geometric_that_starts_one_later_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = sampling.geometric
    monkeypatch.setattr(reduced.sampling, "geometric", lambda bits, log_failure: right(bits, log_failure) + 1.0)
    assert power_pvalue() < ALPHA
