"""The last record against one axis: marks, bars, scales and hollow markers follow the data."""

import numpy as np
import pytest
from matplotlib.colors import to_rgba
from numpy.testing import assert_allclose, assert_array_equal

from sparsesim.figures import reading
from sparsesim.figures.sweeps import final_against


def by_label(ax) -> dict:
    handles, names = ax.get_legend_handles_labels()
    return dict(zip(names, handles, strict=True))


@pytest.fixture
def dimensions(make):
    return make({"d": [10, 100, 1000]}, alpha=0.3, beta=0.5, delta=0.8)


def test_marks_and_bars(dimensions) -> None:
    figure = final_against(dimensions.isel(d=[2, 0, 1]), "d")  # in any order
    top = figure.axes[0]
    final = dimensions.sel(moment="R").isel(time=-1)
    assert_array_equal(by_label(top)["exact"].get_xydata(), np.column_stack([final["d"], final["exact"]]))
    assert_array_equal(by_label(top)["median"].get_ydata(), final["median"])
    points, _, (bars,) = by_label(top)["simulated mean"].lines
    assert_array_equal(points.get_ydata(), final["mean"])
    heights = [segment[:, 1] for segment in bars.get_segments()]
    assert_allclose(
        heights, np.column_stack([final["mean"] - 2 * final["std_error"], final["mean"] + 2 * final["std_error"]])
    )
    assert top.get_xscale() == "log"
    assert top.get_title("left") == r"$\alpha$ = 0.3, $\beta$ = 0.5, $\delta$ = 0.8" + "\nafter 50 active updates"
    assert figure.axes[1].get_xlabel() == "dimension $d$"


def test_value_axis_is_log_only_over_decades(make) -> None:
    dataset = make({"d": [10, 20, 30]})
    assert final_against(dataset, "d").axes[0].get_yscale() == "log"
    dataset["mean"][0, -1] = dataset["median"][0, -1] = 0.1
    ax = final_against(dataset, "d").axes[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "linear")


def test_frontier_and_unstable_cells(make) -> None:
    values = [0.5, 0.9, 1.1, 1.5]
    figure = final_against(make({"eta_over_critical": values}, np.array(values)), "eta_over_critical")
    top = figure.axes[0]
    assert top.get_xscale() == "linear"
    for ax in figure.axes:
        assert 1.0 in [line.get_xdata()[0] for line in ax.lines if len(set(line.get_xdata())) == 1]
    marks = {name: by_label(top)[name].lines[0] for name in ("simulated mean", "simulated mean, unstable")}
    assert marks["simulated mean"].get_xdata().tolist() == [0.5, 0.9]
    assert marks["simulated mean, unstable"].get_xdata().tolist() == [1.1, 1.5]
    assert to_rgba(marks["simulated mean, unstable"].get_markerfacecolor()) == to_rgba("white")


def test_scores_below(dimensions) -> None:
    dimensions["trusted"][1, -1] = False
    ax = final_against(dimensions, "d").axes[1]
    for moment in "RVC":
        filled = by_label(ax)[f"${moment}$"]
        assert filled.get_xdata().tolist() == [10, 1000]
        assert_array_equal(filled.get_ydata(), reading.last(dimensions, "z", moment)[[0, 2]])
    hollow = [line for line in ax.lines if line.get_markerfacecolor() == "white"]
    assert [line.get_xdata().tolist() for line in hollow] == [[100]] * 3


def test_without_scores_one_panel(dimensions) -> None:
    figure = final_against(dimensions.drop_vars(["exact", "z", "trusted", "feedback", "verdict"]), "d")
    assert len(figure.axes) == 1
    assert set(by_label(figure.axes[0])) == {"simulated mean", "median"}


def test_values_that_are_not_finite_are_left_out(dimensions) -> None:
    dimensions["mean"][2, -1] = np.inf
    dimensions["std_error"][2, -1] = np.nan
    dimensions["z"][2, -1] = np.nan
    figure = final_against(dimensions, "d")
    figure.canvas.draw()
    assert np.isfinite(figure.axes[0].get_ylim()).all()
