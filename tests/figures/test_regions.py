"""Regions as polygons, text that has to fit into them, and polygons that overlap."""

import numpy as np
import pytest
from scipy.spatial import ConvexHull

from sparsesim.figures import regions
from sparsesim.theory.phases import classify

BOX = (0.0, 2.0, 0.0, 2.0)
SQUARE = np.array([(0.0, 0.0), (4.0, 0.0), (4.0, 4.0), (0.0, 4.0)])


def holds(corners: np.ndarray, point: np.ndarray) -> bool:
    """Whether a point is to the left of all sides."""
    along = np.roll(corners, -1, axis=0) - corners
    to_point = point - corners
    return bool(len(corners) and (along[:, 0] * to_point[:, 1] - along[:, 1] * to_point[:, 0] >= 0).all())


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0, 1.4, 2.5])
def test_polygons_are_the_regions_of_the_theory(beta: float) -> None:
    rng = np.random.default_rng(3)
    outlines = {region: regions.polygon(region, beta, BOX) for region in regions.SIDES}
    for alpha, delta in rng.uniform(0.001, 2.0, (300, 2)):
        inside = [region for region, corners in outlines.items() if holds(corners, np.array([alpha, delta]))]
        assert inside == [classify(alpha, beta, delta).region]


@pytest.mark.parametrize("beta", [0.0, 0.3, 1.0, 1.4, 2.5])
def test_polygons_fill_the_plane(beta: float) -> None:
    outlines = [regions.polygon(region, beta, BOX) for region in regions.SIDES]
    areas = [regions.area(corners) for corners in outlines]
    assert sum(areas) == pytest.approx(4.0)
    for corners, area in zip(outlines, areas, strict=True):
        if len(corners):
            assert ConvexHull(corners).volume == pytest.approx(area)


def test_text_is_at_the_centre_of_a_square() -> None:
    place, clearance = regions.room(SQUARE, 2.0, 1.0, 10.0, SQUARE.mean(axis=0))
    assert place == pytest.approx([2.0, 2.0], abs=1e-6)
    assert clearance == pytest.approx(1.0)


def test_text_goes_where_it_is_wanted_as_far_as_there_is_room() -> None:
    place, clearance = regions.room(SQUARE, 2.0, 1.0, 0.5, np.array([4.0, 2.0]))
    assert place == pytest.approx([2.5, 2.0], abs=1e-6)
    assert clearance == pytest.approx(0.5)


def test_text_that_is_too_large_sticks_out() -> None:
    assert regions.room(SQUARE, 5.0, 1.0, 0.5, SQUARE.mean(axis=0))[1] == pytest.approx(-0.5)


def test_overlap() -> None:
    diamond = np.array([(5.0, 2.5), (6.0, 3.5), (5.0, 4.5), (4.0, 3.5)])
    assert regions.overlap(SQUARE, diamond + np.array([-0.1, 0.0]))
    assert not regions.overlap(SQUARE, diamond + np.array([0.1, 0.0]))
    # A diamond beside a corner: upright boxes around the two would overlap.
    assert not regions.overlap(SQUARE, diamond + np.array([-0.5, 1.2]))
    assert regions.overlap(SQUARE, SQUARE / 4.0 + 1.0)
    line = np.array([(-1.0, 3.5), (1.0, 5.5)])
    assert not regions.overlap(SQUARE, line)
    assert regions.overlap(SQUARE, line + np.array([0.0, -0.6]))
