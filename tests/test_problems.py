"""Values: what they hold and what they refuse."""

import dataclasses
import math

import numpy as np
import pytest

from sparsesim import HeavyBall, LeastSquares, RareClassLogistic


def test_whole_floats_become_integers() -> None:
    problem = LeastSquares(d=1e12, p=np.float64(1e-9), B=np.int64(4))  # type: ignore[arg-type]
    assert (problem.d, problem.p, problem.B, problem.label_noise) == (10**12, 1e-9, 4, 0.0)
    assert isinstance(problem.d, int)
    assert type(problem.p) is float


def test_values_are_frozen_and_compare_by_content() -> None:
    assert LeastSquares(3, 0.5, 2) == LeastSquares(3, 0.5, 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        HeavyBall(0.1, 0.1).eta = 0.2  # type: ignore[misc]


def test_mu() -> None:
    assert HeavyBall(0.1, 0.25).mu == 0.75
    assert HeavyBall(0.1, 1.0).mu == 0.0


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"d": 0}, "d must be a whole number, 1 or above, got 0"),
        ({"d": 2.5}, "d must be a whole number, 1 or above, got 2.5"),
        ({"d": math.nan}, "d must be a whole number"),
        ({"d": math.inf}, "d must be a whole number"),
        ({"d": True}, "d must be a whole number"),
        ({"d": "3"}, "d must be a whole number, 1 or above, got '3'"),
        ({"p": 0.0}, r"p must be in \(0, 1\], got 0.0"),
        ({"p": 1.0000001}, r"p must be in \(0, 1\]"),
        ({"p": math.nan}, r"p must be in \(0, 1\], got nan"),
        ({"B": 0}, "B must be a whole number, 1 or above, got 0"),
        ({"B": 1.5}, "B must be a whole number, 1 or above, got 1.5"),
        ({"label_noise": -0.1}, "label_noise must be a finite number, 0 or above, got -0.1"),
        ({"label_noise": math.inf}, "label_noise must be a finite number"),
    ],
)
def test_bad_problems_are_named(changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        LeastSquares(**{"d": 3, "p": 0.5, "B": 2, **changed})


@pytest.mark.parametrize(
    ("eta", "eps", "message"),
    [
        (0.0, 0.5, "eta must be a finite number above 0, got 0.0"),
        (-1.0, 0.5, "eta must be a finite number above 0"),
        (math.inf, 0.5, "eta must be a finite number above 0, got inf"),
        (0.1, 0.0, r"eps must be in \(0, 1\], got 0.0"),
        (0.1, 1.5, r"eps must be in \(0, 1\], got 1.5"),
        (None, 0.5, "eta must be a finite number above 0, got None"),
    ],
)
def test_bad_optimizers_are_named(eta: float, eps: float, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        HeavyBall(eta, eps)


def test_the_bias_makes_the_logit_a_log_likelihood_ratio() -> None:
    problem = RareClassLogistic(3, 0.01, 2, 1.5)
    x = 0.7  # along the signal; across it the densities are the same
    ratio = math.log(0.01 / 0.99) + (-((x - 1.5) ** 2) / 2 + x**2 / 2)
    assert problem.bias + 1.5 * x == pytest.approx(ratio, rel=1e-14)
    assert RareClassLogistic(3, 1e-300, 2, 1.0).bias == pytest.approx(-300 * math.log(10) - 0.5, rel=1e-14)


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"d": 0}, "d must be a whole number, 1 or above, got 0"),
        ({"p": 1.0}, r"p must be in \(0, 1\) for logistic regression, which needs both classes, got 1.0"),
        ({"p": 0.0}, r"p must be in \(0, 1\) for logistic regression"),
        ({"p": math.nan}, r"p must be in \(0, 1\), got nan"),
        ({"B": 1.5}, "B must be a whole number"),
        ({"r": 0.0}, "r must be above 0 and at most 25, got 0.0"),
        ({"r": 26.0}, "r must be above 0 and at most 25, got 26.0"),
        ({"r": math.nan}, "r must be above 0 and at most 25, got nan"),
    ],
)
def test_bad_logistic_problems_are_named(changed: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RareClassLogistic(**{"d": 3, "p": 0.5, "B": 2, "r": 1.0, **changed})


def test_starts_of_logistic_regression() -> None:
    problem = RareClassLogistic(5, 0.1, 2, 1.0)
    assert problem.start_moments(None) == (0.0, 0.0, 1.0, 0.0, 0.0)
    assert problem.start_moments({"theta_par": -2.0, "V": 4.0, "C": 1.0}) == (-2.0, 0.0, 1.0, 4.0, 1.0)
    line = RareClassLogistic(1, 0.1, 2, 1.0)
    assert line.start_moments({"R": 0.0, "m_par": 0.3}) == (0.0, 0.3, 0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("d", "start", "message"),
    [
        (5, {"theta": 1.0}, "a name in start must be one of theta_par, m_par, R, V, C, got 'theta'"),
        (5, {"theta_par": math.inf}, r"start\['theta_par'\] must be a finite number, got inf"),
        (5, {"V": 1.0, "C": 2.0}, r"start must have C\^2 <= R V"),
        (2, {"V": 1.0}, r"start must have C\^2 = R V when d = 2"),
        (1, None, "start must have R = V = C = 0 when d = 1, where nothing is across the signal, got R = 1.0"),
    ],
)
def test_impossible_starts_of_logistic_regression_are_named(d: int, start: dict | None, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        RareClassLogistic(d, 0.1, 2, 1.0).start_moments(start)
