"""The five-number chain against the vector engine: equal in law, jointly in all five; and a test that would notice."""

import functools
import inspect
from collections.abc import Iterator

import numpy as np
import pytest
from laws import ALPHA, joint_pvalue
from logistic_paths import Start
from paths import compiled, engine_paths

from sparsesim import HeavyBall, RareClassLogistic
from sparsesim.simulation import quantiles
from sparsesim.simulation.logistic import reduced

TRAJECTORIES = 10_000

AT_REST = (0.0, 0.0, 1.0, 0.0, 0.0)
MOVING = (0.5, -0.7, 1.5, 2.0, -1.0)
ON_THE_SIGNAL = (0.3, -0.4, 0.0, 0.0, 0.0)
ON_A_LINE = (1.4, 0.5, 0.25, 1.0, -0.5)  # C^2 = R V, all that two dimensions allow
AT_ZERO = (0.0, 0.2, 0.0, 0.7, 0.0)  # theta = 0 with m_perp
ACROSS_FROM_ZERO = (0.5, 0.1, 0.0, 0.7, 0.0)  # R = 0 with m_perp


def least_pvalue(
    problem: RareClassLogistic, optimizer: HeavyBall, start: Start, ticks: list[int], oracle: str = "sampled"
) -> float:
    """Over the recordings, the least `joint_pvalue` of the two engines."""
    common = {"trajectories": TRAJECTORIES, "start": start}
    ours = engine_paths(problem, optimizer, ticks, engine="reduced", **common)
    theirs = engine_paths(problem, optimizer, ticks, engine="vector", oracle=oracle, seed=1, **common)
    return min(joint_pvalue(ours[:, i], theirs[:, i]) for i in range(len(ticks)))


@pytest.mark.parametrize(
    ("problem", "optimizer", "start", "ticks", "oracle"),
    [
        (RareClassLogistic(4, 0.1, 4, 1.0), HeavyBall(0.8, 0.3), MOVING, [1, 3, 12], "sampled"),
        (RareClassLogistic(4, 0.3, 4, 1.5), HeavyBall(0.5, 1.0), AT_ZERO, [1, 3, 12], "sampled"),
        (RareClassLogistic(5, 0.3, 1, 1.0), HeavyBall(0.4, 0.5), ACROSS_FROM_ZERO, [1, 5, 25], "literal"),
    ],
)
def test_engines_agree_in_law(
    problem: RareClassLogistic, optimizer: HeavyBall, start: Start, ticks: list[int], oracle: str
) -> None:
    assert least_pvalue(problem, optimizer, start, ticks, oracle) > ALPHA


@pytest.mark.slow  # a compilation of the vector engine each
@pytest.mark.parametrize("oracle", ["sampled", "literal"])
@pytest.mark.parametrize(
    ("problem", "optimizer", "start", "ticks"),
    [
        (RareClassLogistic(40, 0.2, 8, 1.0), HeavyBall(0.1, 0.2), AT_REST, [1, 10, 40]),
        (RareClassLogistic(20, 0.05, 16, 1.0), HeavyBall(0.8, 0.1), AT_REST, [1, 10, 30]),
        (RareClassLogistic(5, 0.3, 1, 1.0), HeavyBall(0.2, 0.3), MOVING, [1, 5, 25]),
        (RareClassLogistic(4, 0.1, 4, 1.0), HeavyBall(0.5, 1.0), AT_REST, [1, 2, 3]),
        (RareClassLogistic(1, 0.3, 3, 1.0), HeavyBall(0.9, 0.4), ON_THE_SIGNAL, [1, 3, 12]),
        (RareClassLogistic(2, 0.2, 4, 1.5), HeavyBall(0.7, 0.3), ON_A_LINE, [1, 3, 12]),
        (RareClassLogistic(2, 0.5, 1, 1.0), HeavyBall(0.5, 0.6), AT_ZERO, [1, 3, 12]),
        (RareClassLogistic(3, 0.3, 2, 1.0), HeavyBall(0.8, 0.5), MOVING, [1, 3, 12]),
        (RareClassLogistic(3, 0.05, 6, 2.5), HeavyBall(1.5, 0.2), ACROSS_FROM_ZERO, [1, 3, 12]),
        (RareClassLogistic(6, 0.02, 200, 1.0), HeavyBall(5.0, 0.3), MOVING, [1, 3, 12]),
    ],
)
def test_engines_agree_in_law_at_more_points(
    problem: RareClassLogistic, optimizer: HeavyBall, start: Start, ticks: list[int], oracle: str
) -> None:
    assert least_pvalue(problem, optimizer, start, ticks, oracle) > ALPHA


POWER_PROBLEM, POWER_OPTIMIZER = RareClassLogistic(4, 0.3, 4, 1.5), HeavyBall(0.8, 0.3)
POWER_TICKS = [1, 3, 12]


def power_paths(engine: str, seed: int) -> np.ndarray:
    return engine_paths(
        POWER_PROBLEM,
        POWER_OPTIMIZER,
        POWER_TICKS,
        trajectories=TRAJECTORIES,
        engine=engine,
        seed=seed,
        start=MOVING,
    )


@functools.cache
def right_paths() -> np.ndarray:
    """The vector engine's."""
    return power_paths("vector", 1)


def power_pvalue() -> float:
    ours = power_paths("reduced", 0)
    return min(joint_pvalue(ours[:, i], right_paths()[:, i]) for i in range(len(POWER_TICKS)))


def test_power_nothing_wrong_passes() -> None:
    assert power_pvalue() > ALPHA


def test_power_a_degree_of_freedom_too_many_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    right = quantiles.chi
    monkeypatch.setattr(reduced.quantiles, "chi", lambda degrees: right(degrees + 1))
    assert power_pvalue() < ALPHA


@pytest.fixture
def compiled_here() -> Iterator[None]:
    """What is compiled in a test is of that test alone."""
    compiled.cache_clear()
    yield
    compiled.cache_clear()


@pytest.mark.usefixtures("compiled_here")
@pytest.mark.parametrize(
    "replacements",
    [
        # The normal across theta, in the plane of theta and the signal, with the angle's cosine and sine swapped.
        {"root * sine * draw": "root * cosine * draw", "root * cosine * draw": "root * sine * draw"},
        pytest.param({"- root * sine * draw": "+ root * sine * draw"}, marks=pytest.mark.slow),  # a compilation each
        pytest.param({"cell.plane * root * draw.sideways": "0.0 * root"}, marks=pytest.mark.slow),
        pytest.param({" + cell.r * Y": ""}, marks=pytest.mark.slow),
        pytest.param({"(cosine * T + cell.r": "(T + cell.r"}, marks=pytest.mark.slow),
    ],
    ids=["swapped", "sign", "no sideways", "no rY", "all along the signal"],
)
def test_power_a_wrong_gradient_is_caught(replacements: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    source = inspect.getsource(reduced.update)
    for old in replacements:
        assert source.count(old) == 1
    # All at once: one may make what another looks for.
    parts = {f"<{i}>": new for i, new in enumerate(replacements.values())}
    for part, old in zip(parts, replacements, strict=True):
        source = source.replace(old, part)
    for part, new in parts.items():
        source = source.replace(part, new)
    wrong: dict[str, object] = {}
    exec(source, vars(reduced).copy(), wrong)
    monkeypatch.setattr(reduced, "update", wrong["update"])
    assert power_pvalue() < ALPHA
