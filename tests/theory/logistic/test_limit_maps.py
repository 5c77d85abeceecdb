"""The limit of any scaling: an ODE where there is one, the map at the corner delta = 0, and what has neither."""

import numpy as np
import pytest

from sparsesim import Scaling
from sparsesim.sweep import Times
from sparsesim.theory.limits import limit_ode
from sparsesim.theory.logistic import LimitMap, limit_map, limit_of
from sparsesim.theory.phases import NoLimit

TRIPLE = Scaling(0.5, 1.5, 0.0, c_B=2.0, c_eps=0.4, c_eta=0.6)


@pytest.mark.parametrize("exponents", [(0.3, 1.6, 0.5), (0.4, 1.4, 0.5), (0.6, 0.9, 0.7), (0.5, 0.5, 0.0)])
def test_an_ode_where_there_is_one(exponents):
    scaling = Scaling(*exponents, c_eps=0.5)
    assert limit_of(scaling, 1.2) == limit_ode(scaling, "logistic", 1.2)


def test_the_map_at_the_corner():
    limit, minibatches = limit_of(TRIPLE, 1.0), np.arange(40)
    assert isinstance(limit, LimitMap)
    assert limit.phase.region == "triple-point"
    assert limit_of(Scaling(0.5, 1.7, 0.0), 1.0).phase.region == "concentrated-corner"
    np.testing.assert_array_equal(limit.trajectory(minibatches), limit_map(TRIPLE, 1.0).recursion(minibatches))
    assert limit.ticks(7.0, 10**6) == 7.0
    start = {"theta_par": 0.3, "m_par": -0.5, "R": 0.8, "V": 0.6, "C": 0.2}
    found, of_limit = limit.at(10**8, minibatches, start), limit.trajectory(minibatches, start)
    np.testing.assert_allclose(found[0], list(start.values()), rtol=1e-14)
    np.testing.assert_allclose(found, of_limit, atol=5e-4)
    assert abs(found - of_limit).max() > 1e-5


def test_records_of_a_map_are_at_minibatches():
    problem, optimizer = TRIPLE.at(1000, r=1.0)
    times = Times(12, "slow_time", records=12).of(problem, optimizer, "minibatch", TRIPLE)
    np.testing.assert_array_equal(times, np.arange(13))


def test_what_has_no_limit_is_refused_as_by_limit_ode():
    for scaling in (Scaling(0.5, 1.5, 0.0, kappa=-0.8), Scaling(0.0, 0.5, 0.5, c_p=0.5)):
        with pytest.raises(NoLimit) as of_ode:
            limit_ode(scaling, "logistic", 1.0)
        with pytest.raises(NoLimit) as found:
            limit_of(scaling, 1.0)
        assert str(found.value) == str(of_ode.value)
    with pytest.raises(ValueError, match="r must be a finite number above 0"):
        limit_of(TRIPLE, 0.0)
