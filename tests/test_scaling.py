"""Scaling: realised values, caps, and the prescription."""

import math

import pytest

from sparsesim import LeastSquares, RareClassLogistic, Scaling


def test_powers_of_d() -> None:
    problem, optimizer = Scaling(0.5, 0.5, 1.0, kappa=0.25, c_p=0.5, c_B=2.0, c_eps=3.0, c_eta=4.0).at(10_000)
    assert (problem.d, problem.B) == (10_000, 200)
    assert problem.p == pytest.approx(0.005, rel=1e-14)
    assert (optimizer.eta, optimizer.eps) == pytest.approx((0.4, 3e-4), rel=1e-14)


@pytest.mark.parametrize(
    ("alpha", "beta", "delta", "kappa"),
    [(0.3, 0.5, 0.4, 0.5), (0.3, 0.5, 1.2, 0.9), (0.5, 0.5, 1.0, 0.5), (0.25, 1.5, 0.5, 0.25), (0.0, 1.5, 0.0, 0.0)],
)
def test_prescription(alpha: float, beta: float, delta: float, kappa: float) -> None:
    assert Scaling(alpha, beta, delta).kappa == pytest.approx(kappa, abs=1e-15)


def test_caps_and_rounding() -> None:
    problem, optimizer = Scaling(0.1, 0.0, 0.1, c_p=5.0, c_B=0.2, c_eps=7.0).at(4, label_noise=0.5)
    assert problem == LeastSquares(4, 1.0, 1, 0.5)
    assert optimizer.eps == 1.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": -0.1}, "alpha must be a finite number, 0 or above, got -0.1"),
        ({"beta": math.nan}, "beta must be a finite number"),
        ({"delta": math.inf}, "delta must be a finite number"),
        ({"kappa": math.nan}, "kappa must be a finite number, got nan"),
        ({"c_p": 0.0}, "c_p must be a finite number above 0, got 0.0"),
        ({"c_eta": -1.0}, "c_eta must be a finite number above 0"),
    ],
)
def test_bad_exponents_are_named(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Scaling(**{"alpha": 0.5, "beta": 0.5, "delta": 0.5, **arguments})


def test_values_outside_the_range_of_floats_are_named() -> None:
    with pytest.raises(ValueError, match=r"p = .* is outside the range of a float; change its exponent"):
        Scaling(200.0, 0.5, 0.5).at(1000)
    with pytest.raises(ValueError, match=r"eta = .* is outside the range of a float"):
        Scaling(0.5, 0.5, 0.5, kappa=-200.0).at(1000)
    with pytest.raises(ValueError, match="d must be a whole number"):
        Scaling(0.5, 0.5, 0.5).at(0)


def test_a_signal_makes_it_logistic_regression() -> None:
    scaling = Scaling(0.5, 0.5, 1.0)
    problem, optimizer = scaling.at(100, r=1.5)
    assert problem == RareClassLogistic(100, 0.1, 10, 1.5)
    assert optimizer == scaling.at(100)[1]


def test_both_classes_are_needed() -> None:
    with pytest.raises(ValueError, match=r"p = 2.0 \* 4\*\*-0.5 must be below 1 for logistic regression, .*, got 1"):
        Scaling(0.5, 0.5, 1.0, c_p=2.0).at(4, r=1.0)
    with pytest.raises(ValueError, match="label_noise must be 0 where r is given"):
        Scaling(0.5, 0.5, 1.0).at(4, r=1.0, label_noise=0.1)
