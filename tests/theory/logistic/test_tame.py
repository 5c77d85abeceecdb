"""Tame reductions against the exact coefficients: the order of what they leave out, and where they are useless."""

import numpy as np
import pytest

from sparsesim import RareClassLogistic
from sparsesim.theory.logistic.coefficients import coefficients
from sparsesim.theory.logistic.tame import tame_reduction

STATE = (0.7, 0.4)  # theta_par, R


def relative_errors(p, state=STATE, r=1.0):
    """Errors of the leading and of the corrected form, relative to the scale p of all four, and the validity."""
    problem = RareClassLogistic(d=10, p=p, B=1, r=r)
    exact = np.array(coefficients(problem, *state)[:4])
    tame = tame_reduction(problem, *state)
    return (np.array(tame.leading) - exact) / p, (np.array(tame.corrected) - exact) / p, tame.validity


def test_the_leading_form_errs_by_p_and_the_corrected_one_by_its_square():
    rare, rarer = relative_errors(1e-5), relative_errors(1e-6)
    np.testing.assert_allclose(rare[0] / rarer[0], 10.0, rtol=2e-3)
    np.testing.assert_allclose(rare[1] / rarer[1], 100.0, rtol=2e-2)


def test_the_validity_measures_the_error():
    for p in (1e-3, 1e-5):
        for state in ((0.0, 0.5), (1.0, 0.0), (1.0, 1.0)):
            leading, corrected, validity = relative_errors(p, state)
            assert np.abs(leading).max() < 5.0 * validity, (p, state)
            assert np.abs(corrected).max() < np.abs(leading).max(), (p, state)


def test_a_small_p_rho_is_not_enough():
    """Section 4: at r = 2, theta_par = 2, R = 1, p = 0.01 A is off by -35%, the first correction says -435%."""
    problem = RareClassLogistic(d=10, p=0.01, B=1, r=2.0)
    tame = tame_reduction(problem, 2.0, 1.0)
    assert tame.leading.A < 0.02  # p rho
    assert tame.validity == pytest.approx(0.01 * np.exp(6.0))
    exact, corrected = coefficients(problem, 2.0, 1.0).A / tame.leading.A, tame.corrected.A / tame.leading.A
    assert exact == pytest.approx(0.65, abs=0.005)
    assert corrected == pytest.approx(-3.35, abs=0.005)


def test_far_out_nothing_overflows():
    tame = tame_reduction(RareClassLogistic(d=10, p=0.01, B=1, r=1.0), np.array([0.0, 40.0]), 5000.0)
    assert all(np.isfinite(values).all() for values in (*tame.leading, *tame.corrected))
    assert (tame.validity > 1e100).all()


def test_states_out_of_range_are_named():
    with pytest.raises(ValueError, match="R must be a finite number, 0 or above, got nan"):
        tame_reduction(RareClassLogistic(d=10, p=0.01, B=1, r=1.0), 0.0, np.nan)
