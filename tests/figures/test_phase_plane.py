"""The plane shows the stored numbers at their places, on one scale, with frontier and hatches where they belong."""

import numpy as np
import pytest
from matplotlib.collections import PatchCollection
from matplotlib.colors import LogNorm, SymLogNorm, to_rgba
from matplotlib.contour import QuadContourSet

from sparsesim.figures import reading, style
from sparsesim.figures.phase_plane import phase_plane
from sparsesim.figures.phase_plane import plane as draw_plane


def texts(ax) -> list[str]:
    return [text.get_text() for text in ax.texts]


def hatched(ax) -> set[tuple[float, float]]:
    """Centres of the hatched cells."""
    collections = [artist for artist in ax.collections if isinstance(artist, PatchCollection) and artist.get_hatch()]
    boxes = [path.get_extents() for artist in collections for path in artist.get_paths()]
    return {(round((box.x0 + box.x1) / 2, 9), round((box.y0 + box.y1) / 2, 9)) for box in boxes}


@pytest.mark.parametrize("moment", ["R", "V", "C"])
def test_panels_show_simulated_and_exact_on_one_log_scale(plane, mesh, moment: str) -> None:
    figure = phase_plane(plane, moment)
    left, right, bar = figure.axes
    for ax, variable in ((left, "mean"), (right, "exact")):
        stored = plane[variable].sel(moment=moment).isel(time=-1).transpose("delta", "alpha")
        np.testing.assert_array_equal(mesh(ax).get_array(), stored)
        corners = mesh(ax).get_coordinates()
        np.testing.assert_allclose(corners[0, :, 0], [-0.25, 0.25, 0.75, 1.25, 1.75])
        np.testing.assert_allclose(corners[:, 0, 1], [-0.25, 0.25, 0.75, 1.25, 1.75, 2.25])
    assert mesh(left).norm is mesh(right).norm
    assert isinstance(mesh(left).norm, LogNorm)
    assert left.get_xlabel() == r"sparsity exponent $\alpha$"
    assert left.get_ylabel() == r"momentum-decay exponent $\delta$"
    assert "after 50 active updates" in bar.get_ylabel()
    assert (left.get_title("left"), right.get_title("left")) == ("simulated, mean of 100 trajectories", "exact")


def test_phases_are_named(plane) -> None:
    for ax in phase_plane(plane).axes[:2]:
        assert texts(ax) == ["dense", "sparse", "above resonance", "below resonance", "memoryless"]


def test_unsorted_axes_are_sorted(plane, mesh) -> None:
    shuffled = plane.isel(alpha=[2, 0, 3, 1], delta=[4, 1, 0, 3, 2])
    first, second = (mesh(phase_plane(dataset).axes[0]).get_array() for dataset in (plane, shuffled))
    np.testing.assert_array_equal(first, second)


def test_scale_is_that_of_the_bulk_of_the_stable_cells(make, mesh) -> None:
    feedback = np.full((5, 4), 0.5)
    feedback[0] = 2.0
    dataset = make({"alpha": [0.0, 0.2, 0.4, 0.6, 0.8], "delta": [0.5, 1.0, 1.5, 2.0]}, feedback, beta=0.5)
    dataset["mean"][0, :, -1] = 1e20
    norm = mesh(phase_plane(dataset).axes[0]).norm
    stable = np.concatenate([reading.last(dataset, name, "R")[1:].values.ravel() for name in ("mean", "exact")])
    assert norm.vmax == stable.max()
    assert stable.min() <= norm.vmin <= np.median(stable)


def test_stable_everywhere_is_said(plane) -> None:
    figure = phase_plane(plane)
    assert figure.get_suptitle() == "$d$ = 50, $\\beta$ = 0.5     stable everywhere here (feedback $H \\leq 0.2$)"
    assert not hatched(figure.axes[0])


def test_frontier_is_where_feedback_is_one_and_unstable_cells_are_hatched(make) -> None:
    alpha, delta = np.array([0.0, 0.5, 1.0, 1.5]), np.array([0.0, 0.5, 1.0, 1.5])
    feedback = 10.0 ** (0.7 - np.add.outer(alpha * 0, delta))  # log H is linear: H = 1 at delta = 0.7
    dataset = make({"alpha": alpha.tolist(), "delta": delta.tolist()}, feedback, beta=0.5)
    figure = phase_plane(dataset)
    assert "H = 1" in figure.get_suptitle()
    for ax in figure.axes[:2]:
        curves = [artist for artist in ax.collections if isinstance(artist, QuadContourSet)]
        assert curves
        for curve in curves:
            points = curve.get_paths()[0].vertices
            np.testing.assert_allclose(points[:, 1], 0.7, atol=1e-9)
            assert (points[:, 0].min(), points[:, 0].max()) == ax.get_xlim()  # up to the borders of the panel
        assert hatched(ax) == {(a, d) for a in alpha for d in delta if d < 0.7}


def test_values_that_are_not_finite_are_grey(plane, mesh) -> None:
    plane["mean"][0, 0, -1] = np.nan
    plane["mean"][1, 0, -1] = np.inf
    artist = mesh(phase_plane(plane).axes[0])
    assert artist.get_array().mask.sum() == 2
    assert artist.to_rgba(artist.get_array())[0, 0] == pytest.approx(to_rgba(style.MISSING))


def test_zero_has_the_lowest_colour(plane, mesh) -> None:
    plane["mean"][0, 0, -1] = 0.0
    artist = mesh(phase_plane(plane).axes[0])
    colours = artist.to_rgba(artist.get_array())
    assert colours[0, 0] == pytest.approx(artist.cmap(0.0))


def test_a_moment_of_both_signs_has_a_diverging_scale(plane, mesh) -> None:
    plane["mean"][:2] *= -1
    norm = mesh(phase_plane(plane, "C").axes[0]).norm
    assert isinstance(norm, SymLogNorm)
    assert norm.vmin == -norm.vmax


def test_without_exact_one_panel(plane) -> None:
    figure = phase_plane(plane.drop_vars(["exact", "z", "trusted", "feedback", "verdict"]))
    assert len(figure.axes) == 2  # and the colour bar
    assert figure.get_suptitle() == r"$d$ = 50, $\beta$ = 0.5"


def test_other_planes_and_log_axes(make, mesh) -> None:
    dataset = make({"d": [10, 100, 1000], "alpha": [0.1, 0.5, 0.9]}, beta=0.5, delta=1.0)
    ax = draw_plane(dataset, "alpha", "d").axes[0]
    assert (ax.get_xscale(), ax.get_yscale()) == ("linear", "log")
    np.testing.assert_allclose(mesh(ax).get_coordinates()[:, 0, 1], 10 ** np.array([0.5, 1.5, 2.5, 3.5]))
    assert {"dense", "sparse"} <= set(texts(ax))


def test_one_row_of_cells(make) -> None:
    dataset = make({"alpha": [0.5], "delta": [0.5, 1.0]}, np.array([[0.5, 2.0]]), beta=0.5)
    assert hatched(phase_plane(dataset).axes[0]) == {(0.5, 1.0)}


def test_nothing_is_clipped(plane) -> None:
    """All that is drawn lies on the page, and names along lines stay inside their panel."""
    figure = phase_plane(plane)
    figure.canvas.draw()
    drawn = figure.get_tightbbox(figure.canvas.get_renderer())  # inches
    width, height = figure.get_size_inches()
    assert 0 <= drawn.x0 < drawn.x1 <= width
    assert 0 <= drawn.y0 < drawn.y1 <= height
    for ax in figure.axes[:2]:
        for text in ax.texts[2:]:
            box = text.get_window_extent()
            assert ax.bbox.contains(box.x0, box.y0)
            assert ax.bbox.contains(box.x1, box.y1)
