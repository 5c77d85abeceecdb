"""The gamma law against 40 digits, where SciPy is used and where it is not."""

import mpmath
import numpy as np
import pytest
from scipy import special

from sparsesim.simulation import gamma


def exact_tail(shape: float, x: float, upper: bool) -> float:
    """The density integrated in 40 digits, outwards from x."""
    with mpmath.workdps(40):
        a, deviation = mpmath.mpf(shape), mpmath.sqrt(shape)
        norm = a * mpmath.log(a) - a - mpmath.loggamma(a)
        ends = [mpmath.mpf(x) + (1 if upper else -1) * k * deviation for k in (0, 1, 2, 4, 8)]
        total = mpmath.quad(lambda t: mpmath.exp(norm + a * mpmath.log(t / a) - (t - a)) / t, sorted(ends))
        return float(total)


@pytest.mark.parametrize("shape", [3000.0, 1.1e5, 2.5e8, 5e11])
def test_quantiles_and_tails(shape: float) -> None:
    for z in (-6.3, -0.5, 3.0):
        q, upper = float(special.ndtr(-abs(z))), z > 0
        x = float(gamma.quantile(shape, q, upper))
        exact = exact_tail(shape, x, upper)
        assert exact == pytest.approx(q, rel=1e-8)
        assert float(gamma.tail(shape, x, upper)) == pytest.approx(exact, rel=1e-6)


def test_scipy_still_needs_help() -> None:
    """When this fails the expansion can go."""
    x = gamma.quantile(2.5e8, 1e-10, False)
    assert special.gammainc(2.5e8, x) != pytest.approx(1e-10, rel=0.1)


@pytest.mark.parametrize("shape", [2.5, 1e3, 2e5])
def test_density_is_the_slope_of_the_tail(shape: float) -> None:
    x = shape + np.sqrt(shape) * np.array([-1.0, 0.3, 2.0])
    step = 1e-5
    slope = (gamma.tail(shape, x * np.exp(step), False) - gamma.tail(shape, x * np.exp(-step), False)) / (2 * step)
    np.testing.assert_allclose(gamma.log_density(shape, x), slope, rtol=1e-4)
