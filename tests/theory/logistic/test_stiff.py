"""The solver of stiff systems gives up on what would take for ever."""

import numpy as np
import pytest

from sparsesim.theory.logistic import stiff


def test_an_oscillation_of_a_million_turns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    turn = np.array([[0.0, 1.0], [-1.0, 0.0]])
    short = stiff.solve(lambda x: turn @ x, lambda x: turn, [1.0, 0.0], np.array([0.0, np.pi]))
    np.testing.assert_allclose(short, [[1.0, 0.0], [-1.0, 0.0]], atol=1e-9)
    monkeypatch.setattr(stiff, "MOST_EVALUATIONS", 2000)
    with pytest.raises(stiff.NotFollowed, match="could not be solved up to time 1e\\+06 in 2000 steps"):
        stiff.solve(lambda x: turn @ x, lambda x: turn, [1.0, 0.0], np.array([0.0, 1e6]))
