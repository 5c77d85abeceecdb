"""Scores: the right one in every cell, distrust shown, and the summary that the points support."""

import numpy as np
import pytest
from matplotlib.collections import PatchCollection, PathCollection
from scipy.special import ndtri

from sparsesim.figures import reading, zscores


def test_extreme_z_has_its_sign_and_ignores_what_is_not_trusted(plane) -> None:
    plane["z"][:] = 0.5
    plane["z"][0, 0, 3, 1] = -3.0
    plane["z"][0, 1, 2, 2] = 2.5
    plane["z"][0, 2, 2, 2] = 99.0
    plane["trusted"][0, 2, 2, 2] = False
    plane["trusted"][1] = False
    extreme = zscores.extreme_z(plane)
    assert extreme[0, :3].values.tolist() == [-3.0, 2.5, 0.5]
    assert np.isnan(extreme[1]).all()


def test_map_shows_the_extremes_within_the_bound(plane, mesh) -> None:
    figure = zscores.z_map(plane)
    artist = mesh(figure.axes[0])
    np.testing.assert_array_equal(artist.get_array(), zscores.extreme_z(plane).transpose("delta", "alpha"))
    assert (artist.norm.vmin, artist.norm.vmax) == (-5.0, 5.0)
    signs = [marks for marks in figure.axes[0].collections if isinstance(marks, PathCollection)]
    assert sum(len(marks.get_offsets()) for marks in signs) == 20


def test_map_hatches_cells_without_trust_and_frames_those_that_disagree(plane) -> None:
    plane["trusted"][1, 2:4] = False
    plane["verdict"] = plane["verdict"].astype("<U9")
    plane["verdict"][0, 0] = "disagrees"
    figure = zscores.z_map(plane)
    patches = [artist for artist in figure.axes[0].collections if isinstance(artist, PatchCollection)]
    assert sum(len(artist.get_paths()) for artist in patches if artist.get_hatch()) == 2
    assert sum(len(artist.get_paths()) for artist in patches if not artist.get_hatch()) == 1
    assert "framed: disagrees, hatched: nothing to trust" in figure.axes[0].get_title("left")


def test_distribution_shows_all_trusted_scores(plane) -> None:
    plane["trusted"][0, 0] = False
    z = np.sort(reading.trusted_z(plane).values[np.isfinite(reading.trusted_z(plane).values)])
    figure = zscores.z_distribution(plane)
    histogram, quantiles = figure.axes
    areas = [bar.get_height() * bar.get_width() for bar in histogram.patches]
    assert sum(areas) == pytest.approx(1.0)
    inside = [bar for bar in histogram.patches if bar.get_x() >= 0]
    assert sum(bar.get_height() * bar.get_width() for bar in inside) == pytest.approx(np.mean(z >= 0))
    x, y = quantiles.lines[-1].get_data()
    np.testing.assert_array_equal(y, z)
    np.testing.assert_allclose(x, ndtri((np.arange(z.size) + 0.5) / z.size))
    title = figure.get_suptitle()
    assert f"{z.size} scores" in title
    assert f"{np.mean(np.abs(z) < 1.96):.1%} within" in title
    assert f"largest $|z|$ = {np.abs(z).max():.2f} (Bonferroni bound 5.00)" in title


def test_many_scores_are_thinned_in_the_middle_only(plane) -> None:
    z = np.sort(np.random.default_rng(2).standard_normal(100_000))
    _, axes = zscores.style.new_figure()
    zscores._quantiles(axes[0, 0], z, None)
    y = axes[0, 0].lines[-1].get_ydata()
    assert y.size <= zscores.MOST_POINTS
    np.testing.assert_array_equal(y[:50], z[:50])
    np.testing.assert_array_equal(y[-50:], z[-50:])


def test_scores_beyond_the_histogram_are_counted_and_said(plane) -> None:
    plane["z"][1, 1, 3, 0] = 40.0
    figure = zscores.z_distribution(plane)
    assert sum(bar.get_height() * bar.get_width() for bar in figure.axes[0].patches) == pytest.approx(1.0)
    assert "beyond" in figure.axes[0].get_xlabel()


def test_without_a_bound(plane) -> None:
    del plane.attrs["z_bound"]
    assert "Bonferroni" not in zscores.z_distribution(plane).get_suptitle()
    assert zscores.z_map(plane)
