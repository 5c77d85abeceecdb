"""Phase boundaries as lines in planes of exponents: where they run and what stands at their sides."""

import numpy as np
import pytest
import xarray as xr

from sparsesim.figures.boundaries import BOUNDARIES, lines

UNIT = (0.0, 1.5, 0.0, 2.0)


def ends(found, name: str) -> list[tuple[float, float]]:
    """The ends of the line that has this name at one side."""
    return [tuple(point) for line in found if name in (line.left, line.right) for point in (line.start, line.end)]


def test_lines_of_the_alpha_delta_plane() -> None:
    found = lines(xr.Dataset(coords={"beta": 0.5}), "alpha", "delta", UNIT)
    assert ends(found, "sparse") == [(0.5, 0.0), (0.5, 2.0)]
    assert ends(found, "above resonance") == [(0.0, 0.5), (1.5, 2.0)]
    assert ends(found, "memoryless") == [(0.5, 0.0), (1.5, 1.0)]
    assert not ends(found, "concentrated")  # alpha = beta - 1 is to the left of the plane


def test_concentrated_batches_come_into_view_with_beta() -> None:
    found = lines(xr.Dataset(coords={"beta": 1.25}), "alpha", "delta", UNIT)
    assert ends(found, "concentrated") == [(0.25, 0.0), (0.25, 2.0)]


def test_lines_of_the_alpha_beta_plane() -> None:
    found = lines(xr.Dataset(coords={"delta": 0.8}), "alpha", "beta", UNIT)
    assert ends(found, "sparse") == [(0.0, 0.0), (1.5, 1.5)]
    assert ends(found, "concentrated") == [(0.0, 1.0), (1.0, 2.0)]
    np.testing.assert_allclose(ends(found, "below resonance"), [(0.0, 0.2), (1.5, 1.7)])
    np.testing.assert_allclose(ends(found, "memoryless"), [(0.8, 0.0), (1.5, 0.7)])


def test_a_third_exponent_that_varies_leaves_only_the_lines_without_it() -> None:
    dataset = xr.Dataset(coords={"delta": ("cell", [0.5, 1.0])})
    found = lines(dataset, "alpha", "beta", UNIT)
    assert {line.left for line in found} == {"dense", "concentrated"}


@pytest.mark.parametrize("plane", [("alpha", "delta"), ("delta", "alpha"), ("alpha", "beta"), ("beta", "delta")])
def test_names_stand_on_their_own_side(plane: tuple[str, str]) -> None:
    exponents = {"alpha": 0.6, "beta": 1.3, "delta": 0.4}
    fixed = {name: value for name, value in exponents.items() if name not in plane}
    found = lines(xr.Dataset(coords=fixed), *plane, UNIT)
    assert found
    for line in found:
        along = line.end - line.start
        assert along[0] > 0 or (along[0] == 0 and along[1] > 0)
        left = (line.start + line.end) / 2 + 0.01 * np.array([-along[1], along[0]])
        point = fixed | dict(zip(plane, left, strict=True))
        value = np.dot(line.boundary.normal, [point[name] for name in ("alpha", "beta", "delta")])
        expected = line.boundary.positive if value > line.boundary.offset else line.boundary.negative
        assert line.left == expected


def test_planes_without_exponents_have_no_lines() -> None:
    assert lines(xr.Dataset(coords={"alpha": 0.3, "beta": 0.5, "delta": 1.0}), "d", "c_eta", UNIT) == []


def test_boundaries_are_those_of_the_theory() -> None:
    """Points of section 5's table, each on one boundary only."""
    on = {(0.25, 1.25, 0.5): "concentrated", (0.4, 0.4, 0.3): "sparse", (0.3, 0.5, 0.8): "above resonance",
          (0.8, 0.3, 0.5): "memoryless"}  # fmt: skip
    for point, name in on.items():
        met = [b for b in BOUNDARIES if abs(np.dot(b.normal, point) - b.offset) < 1e-9]
        assert len(met) == 1
        assert name in (met[0].positive, met[0].negative)
