"""The figure of the ceilings: what is drawn where."""

import numpy as np
import pytest
import xarray as xr

from sparsesim.figures.logistic import frontier


@pytest.fixture
def dataset() -> xr.Dataset:
    """Two momenta of one problem across the fold, and one of another below its curvature ceiling."""
    eta = np.array([0.2, 0.5, 0.2, 0.5, 50.0, 110.0])
    R = np.array([3.0, 500.0, 3.0, 500.0, 0.03, 0.2])
    curves = np.array([[2.0, 4.0, 600.0], [2.0, 4.0, 600.0], [0.03, 0.1, 0.2]])
    moments = (("case", "time", "moment"), R[:, None, None])
    variables = {
        "mean": moments,
        "std_error": (moments[0], 0.01 * R[:, None, None]),
        "spread_theta_par": ("case", 0.1 * R),
        "predicted": ("case", ["stays", "saturates", "stays", "saturates", "stays", "either"]),
        "claimed_ceiling": ("settings", [100.0, 1.0, 5.0]),
        "fold_ceiling": ("settings", [0.34, 0.34, np.inf]),
        "curvature_ceiling": ("settings", [2e4, 2e6, 122.7]),
        "curve_eta": (("settings", "point"), [[0.1, 0.3, 0.6], [0.1, 0.3, 0.6], [40.0, 100.0, 150.0]]),
        "curve_R": (("settings", "point"), curves),
        "curve_spread_theta_par": (("settings", "point"), np.where(curves == 0.2, np.nan, 0.1 * curves)),
    }
    coords = {
        "case": list("abcdef"), "moment": ["R"], "eta": ("case", eta), "setting": ("case", [0, 0, 1, 1, 2, 2]),
        "d": ("case", [1e4] * 4 + [10.0] * 2), "B": ("case", [100] * 4 + [8192] * 2),
        "p": ("case", [1e-3] * 4 + [0.06] * 2), "eps": ("case", [0.1, 0.1, 1e-3, 1e-3, 0.3, 0.3]),
    }  # fmt: skip
    return xr.Dataset(variables, coords, {"trajectories": 128})


def test_one_column_a_problem_and_one_colour_a_momentum(dataset: xr.Dataset) -> None:
    figure = frontier.frontier(dataset)
    fold, curvature, *_ = figure.axes
    assert fold.get_title(loc="left").startswith("$d$ = 10000, $B$ = 100")
    assert curvature.get_title(loc="left").endswith(r"$\varepsilon$ = 0.3")
    names = [text.get_text() for text in fold.get_legend().get_texts()]
    assert names == [r"$\varepsilon$ = 0.1", r"$\varepsilon$ = 0.001"]


def test_ceilings_stand_where_they_are_and_those_out_of_sight_are_named(dataset: xr.Dataset) -> None:
    top, *_, bottom = (frontier.frontier(dataset).axes[i] for i in (0, 2))
    at = [float(np.asarray(line.get_xdata())[0]) for line in top.lines if len(np.unique(line.get_xdata())) == 1]
    assert 0.34 in at
    assert 100.0 not in at
    words = [text.get_text() for text in bottom.texts]
    assert any(word.startswith("curvature ceiling") and "2" in word for word in words)


def test_no_line_connects_two_branches(dataset: xr.Dataset) -> None:
    (curve,) = (line for line in frontier.frontier(dataset).axes[0].lines[:1])
    np.testing.assert_array_equal(np.isnan(np.asarray(curve.get_ydata())), [False, False, True, False])


def test_what_has_two_attractors_is_hollow_and_what_is_unstable_dotted(dataset: xr.Dataset) -> None:
    ax = frontier.frontier(dataset).axes[1]
    faces = [
        container.lines[0].get_markerfacecolor() for container in ax.containers if len(container.lines[0].get_xdata())
    ]
    assert faces.count("white") == 1
    dotted = [line for line in ax.lines if line.get_linestyle() == ":"]
    assert any(np.asarray(line.get_ydata())[-1] == 0.2 for line in dotted)
