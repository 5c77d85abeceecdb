"""The frontier's figures: what is drawn where."""

import numpy as np
import pytest
import xarray as xr

from sparsesim.figures import frontier

EXACT = np.array([[0.06, 0.06], [0.02, 0.02]])
CLAIMED = np.array([[0.06, 0.003], [0.02, 0.0004]])


@pytest.fixture
def dataset() -> xr.Dataset:
    dims, plane = ("d", "delta", "eta_over_critical"), ("d", "delta")
    multiples, elapsed = np.array([0.5, 1.1]), np.linspace(0.0, 4.0, 5)
    growth = np.broadcast_to(multiples - 1.0, (2, 2, 2))
    envelope = np.exp(growth[..., None] * elapsed)
    variables = {
        "growth": (dims, growth),
        "growth_std_error": (dims, np.full(growth.shape, 0.01)),
        "envelope": ((*dims, "time"), envelope),
        "envelope_exact": ((*dims, "time"), envelope),
        "envelope_std_error": ((*dims, "time"), 0.01 * envelope),
        "relaxations": ((*dims, "time"), np.broadcast_to(elapsed, envelope.shape)),
        "frontier": (plane, np.where(np.array([[True, True], [True, False]]), EXACT, np.nan)),
        "frontier_low": (plane, 0.5 * EXACT),
        "frontier_high": (plane, 1.1 * EXACT),
        "frontier_exact": (plane, EXACT),
        "frontier_claimed": (plane, CLAIMED),
    }
    coords = {"d": [1000, 10000], "delta": [0.3, 1.2], "eta_over_critical": multiples, "alpha": 0.3, "beta": 0.5}
    return xr.Dataset(variables, coords)


def test_exact_and_claimed_lines_and_simulated_points(dataset: xr.Dataset) -> None:
    (ax,) = frontier.frontier(dataset).axes
    curves = [np.asarray(line.get_ydata()) for line in ax.lines]
    for values in (*EXACT, *CLAIMED, *dataset.frontier.values):
        assert any(np.array_equal(curve, values, equal_nan=True) for curve in curves)
    assert "resonance" in [text.get_text() for text in ax.texts]
    words = [text.get_text() for text in ax.get_legend().get_texts()]
    assert words == ["simulated; bars: its bracket", "exact (H = 1)", "claimed: no limit of stability"]


def test_growth_crosses_zero_at_the_frontier(dataset: xr.Dataset) -> None:
    figure = frontier.growth(dataset)
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["$d$ = 1000", "$d$ = 10000"]
    for ax in figure.axes:
        points = ax.containers[0].lines[0]
        np.testing.assert_allclose(points.get_ydata(), [-0.5, 0.1])


def test_divergence_is_shown_at_the_largest_delta(dataset: xr.Dataset) -> None:
    figure = frontier.divergence(dataset)
    titles = [ax.get_title(loc="left") for ax in figure.axes]
    assert titles == ["$d$ = 1000\nclaimed limit: $\\eta_c / 20$", "$d$ = 10000\nclaimed limit: $\\eta_c / 50$"]
    assert all(ax.get_yscale() == "log" for ax in figure.axes)


def test_a_run_that_is_too_short_is_marked(dataset: xr.Dataset) -> None:
    dataset["growth"] = dataset.growth.where(dataset.d < 5000)
    texts = [[text.get_text() for text in ax.texts] for ax in frontier.divergence(dataset).axes]
    assert texts == [[], ["too short a run to tell growth"]]


def test_the_overview_shows_divergence_where_runs_are_long_enough(dataset: xr.Dataset, inside) -> None:
    for long, d in ((True, 10000), (False, 1000)):
        own = dataset if long else dataset.assign(growth=dataset.growth.where(dataset.d < 5000))
        figure = frontier.overview(own)
        inside(figure)
        left, right = figure.axes
        curves = [np.asarray(line.get_ydata()) for line in left.lines]
        assert any(np.array_equal(curve, EXACT[1]) for curve in curves)
        assert right.get_title("left").startswith(f"$d$ = {d}")
        points = [container.lines[0].get_ydata() for container in right.containers]
        np.testing.assert_array_equal(points, own.envelope.sel(d=d).isel(delta=-1))
        assert not right.texts
