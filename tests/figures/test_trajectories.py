"""Trajectories: curves, means and bands are the stored ones, on the scales that suit them."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sparsesim.figures.trajectories import spread, trajectories

LABELS = ["quartiles", r"mean $\pm$ 2 standard errors", "simulated mean", "exact"]


def line(ax, label: str):
    return next(artist for artist in ax.lines if artist.get_label() == label)


def band(ax, label: str) -> tuple[np.ndarray, np.ndarray]:
    """Lower and upper edge of a filled band, at the times where it is drawn."""
    vertices = next(artist for artist in ax.collections if artist.get_label() == label).get_paths()[0].vertices
    times = np.unique(vertices[:, 0])
    columns = [vertices[vertices[:, 0] == time, 1] for time in times]
    return np.array([c.min() for c in columns]), np.array([c.max() for c in columns])


def test_chosen_cells_in_columns_and_moments_in_rows(plane) -> None:
    figure = trajectories(plane, cells=[{"alpha": 1, "delta": 2}, {"alpha": 3, "delta": 0}])
    axes = np.array(figure.axes).reshape(3, 2)
    for column, cell in zip(axes.T, (plane.isel(alpha=1, delta=2), plane.isel(alpha=3, delta=0)), strict=True):
        for ax, moment in zip(column, ("R", "V", "C"), strict=True):
            stored = cell.sel(moment=moment)
            shown = slice(0, None) if ax.get_yscale() == "linear" or moment == "R" else slice(1, None)
            for label, variable in (("simulated mean", "mean"), ("exact", "exact")):
                assert_array_equal(line(ax, label).get_xdata(), cell["clock_time"])
                assert_array_equal(line(ax, label).get_ydata()[shown], stored[variable][shown])
            low, high = band(ax, LABELS[0])
            assert_array_equal(low, stored["lower_quartile"][shown])
            assert_array_equal(high, stored["upper_quartile"][shown])
            low, high = band(ax, LABELS[1])
            np.testing.assert_allclose(low, (stored["mean"] - 2 * stored["std_error"])[shown])
            np.testing.assert_allclose(high, (stored["mean"] + 2 * stored["std_error"])[shown])
    assert [ax.get_title("left") for ax in axes[0]] == [
        r"$\alpha$ = 0.5, $\delta$ = 1",
        r"$\alpha$ = 1.5, $\delta$ = 0",
    ]
    assert [text.get_text() for text in figure.legends[0].get_texts()] == LABELS
    assert figure.get_supxlabel() == "active updates"


def test_scales(plane) -> None:
    R, V, C = trajectories(plane, cells=[{"alpha": 0, "delta": 0}]).axes
    assert R.get_yscale() == V.get_yscale() == C.get_yscale() == "log"
    assert np.isnan(line(V, "exact").get_ydata()[0])  # V = 0 at the start has no place there
    low, high = R.get_ylim()
    assert low < float(plane["mean"][0, 0, :, 0].min())
    assert high > 1.0
    slow = trajectories(plane, cells=[{"alpha": 3, "delta": 4}]).axes[2]
    assert slow.get_yscale() == "linear"  # less than a decade


def test_correlations_of_both_signs(plane) -> None:
    cell = plane.isel(alpha=0, delta=0).copy(deep=True)
    for name in ("mean", "exact"):
        cell[name][:, 2] = np.array([0, 1, 0.1, -0.001, -0.002, -0.001])
    cell["std_error"][:, 2] = 1e-4
    assert trajectories(cell).axes[2].get_yscale() == "symlog"
    cell["std_error"][:, 2] = 0.1  # all but the largest drown in noise
    assert trajectories(cell).axes[2].get_yscale() == "linear"


@pytest.mark.parametrize(
    ("clock", "label"),
    [("minibatch", "minibatches"), ("active", "active updates"), ("poisson", "Poisson time (active updates)")],
)
def test_clock_is_named(plane, clock: str, label: str) -> None:
    assert trajectories(plane.assign_attrs(clock=clock)).get_supxlabel() == label


def test_single_cell_of_another_optimizer(make) -> None:
    dataset = make({}, d=50, p=0.2, B=8).drop_vars(["exact", "z", "trusted", "feedback", "verdict"])
    figure = trajectories(dataset)
    assert len(figure.axes) == 3
    assert figure.axes[0].get_title("left") == "$d$ = 50, $p$ = 0.2, $B$ = 8"
    assert [text.get_text() for text in figure.legends[0].get_texts()] == LABELS[:3]


def test_log_spaced_records_have_a_log_clock_without_time_zero(make) -> None:
    dataset = make({}, d=50)
    dataset = dataset.assign_coords(clock_time=("time", [0, 1, 10, 100, 1000, 10000]))
    ax = trajectories(dataset).axes[0]
    assert ax.get_xscale() == "log"
    assert line(ax, "exact").get_xdata().tolist() == [1, 10, 100, 1000, 10000]


def test_unstable_cells_are_marked_and_overflow_ends_a_curve(make) -> None:
    dataset = make({"c_eta": [0.5, 5.0]}, np.array([0.2, 2.0]))
    dataset["mean"][1, 3:] = np.inf
    dataset["std_error"][1, 3:] = np.nan
    axes = np.array(trajectories(dataset).axes).reshape(3, 2)
    assert [[text.get_text() for text in ax.texts] for ax in axes[0]] == [[], ["unstable"]]


def test_default_cells(make) -> None:
    assert spread(make({})) == [{}]
    assert spread(make({"d": [1, 2]})) == [{"d": 0}, {"d": 1}]
    assert spread(make({"d": list(range(1, 11))})) == [{"d": i} for i in (0, 3, 6, 9)]
    both = spread(make({"alpha": np.linspace(0, 1, 6).tolist(), "delta": np.linspace(0, 1, 11).tolist()}))
    assert both == [{"alpha": a, "delta": d} for a in (1, 4) for d in (2, 8)]
    assert len(spread(make({"alpha": [0, 1, 2], "delta": [0, 1, 2], "d": [1, 2, 3]}))) == 4


def test_the_limit_is_dashed_and_does_not_stretch_the_panel(plane) -> None:
    without = trajectories(plane).axes[0].get_ylim()
    limit = plane["exact"].where(plane.moment == "R") * 1.1
    figure = trajectories(plane.assign(limit=limit))
    assert figure.axes[0].get_ylim() == without
    (dashed,) = (line for line in figure.axes[0].lines if "limit" in str(line.get_label()))
    assert dashed.is_dashed()
    assert np.isfinite(dashed.get_ydata()).any()
    assert "limit" in " ".join(text.get_text() for text in figure.legends[0].get_texts())
