"""The map of the phases: lines where they belong, every name inside its region and over nothing else."""

import itertools
import re

import numpy as np
import pytest
import xarray as xr
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox
from matplotlib.text import Text
from middles import MIDDLES

from sparsesim.figures import phase_diagram, placing, regions
from sparsesim.studies import phase_diagram as study
from sparsesim.sweep import Sweep, Times
from sparsesim.theory.phases import classify


def computed(*betas: float, top: float = 2.0, points: int = 11) -> xr.Dataset:
    axes = {
        "beta": list(betas),
        "alpha": np.linspace(0.0, top, points).tolist(),
        "delta": np.linspace(top / points, top, points).tolist(),
    }
    return study.compute(Sweep(axes, {}, Times(10), trajectories=10, seed=0), lambda done, total: None)


@pytest.fixture(scope="module")
def two() -> tuple[xr.Dataset, Figure]:
    dataset = computed(1.4, 0.5)
    return dataset, phase_diagram.phase_diagram(dataset)


def letters(ax) -> dict[str, np.ndarray]:
    """The corners of the letters and names of regions, in pixels."""
    found = [artist for artist in ax.artists if isinstance(artist, AnnotationBbox)]
    return {artist.get_gid(): placing.box(*artist.get_window_extent().extents) for artist in found}


def words(ax) -> list[np.ndarray]:
    """The corners of all other text in the panel, in pixels."""
    return [placing.corners(text) for text in ax.texts if ax.bbox.contains(*text.get_window_extent().p0)]


def test_a_panel_for_every_beta_in_order(two) -> None:
    titles = [ax.get_title("left") for ax in two[1].axes]
    assert [title.split("= ")[-1] for title in titles] == ["0.5", "1.4"]
    for ax in two[1].axes:
        assert (*ax.get_xlim(), *ax.get_ylim()) == (0.0, 2.0, 0.0, 2.0)  # delta starts at a step, and at 0 in the panel


def test_lines_are_the_boundaries(two) -> None:
    """Both sides of the middle of every line are different regions, and no line is missing."""
    for ax, beta, number in zip(two[1].axes, (0.5, 1.4), (3, 4), strict=True):
        lines = [line for line in ax.lines if len(line.get_xdata()) == 2]
        assert len(lines) == number
        for line in lines:
            (x0, x1), (y0, y1) = line.get_data()
            middle = np.array([x0 + 0.6 * (x1 - x0), y0 + 0.6 * (y1 - y0)])
            normal = 1e-3 * np.array([y0 - y1, x1 - x0])
            sides = [classify(a, beta, d).region for a, d in (middle + normal, middle - normal)]
            assert sides[0] != sides[1]


def test_the_triple_point_is_marked_and_named(two) -> None:
    for ax, beta in zip(two[1].axes, (0.5, 1.4), strict=True):
        (marker,) = [line for line in ax.lines if len(line.get_xdata()) == 1]
        assert (marker.get_xdata()[0], marker.get_ydata()[0]) == (beta, 1.0)
        assert classify(beta, beta, 1.0).region == "triple-point"
        assert "triple point" in [text.get_text() for text in ax.texts]


def test_regions_have_their_colours(two) -> None:
    for ax, beta in zip(two[1].axes, (0.5, 1.4), strict=True):
        for patch in ax.patches:
            inner = patch.get_path().vertices[:-1].mean(axis=0)
            assert patch.get_label() == classify(inner[0], beta, inner[1]).region
    (legend,) = two[1].legends
    assert [text.get_text()[0] for text in legend.get_texts()] == list("ABCDEF")


@pytest.mark.parametrize(("betas", "top"), [((0.5, 1.4), 2.0), ((0.0, 0.1, 1.05, 2.0), 3.0), ((1.0,), 1.0)])
def test_names_lie_in_their_regions_and_over_nothing(betas: tuple[float, ...], top: float) -> None:
    figure = phase_diagram.phase_diagram(computed(*betas, top=top))
    figure.draw_without_rendering()
    panels = [ax for ax in figure.axes if ax.get_visible()]
    assert len(panels) == len(betas)
    for ax, beta in zip(panels, betas, strict=True):
        named = letters(ax)
        for region, corners in named.items():
            for alpha, delta in ax.transData.inverted().transform(corners):
                assert classify(alpha, beta, delta).region == region
        lines = [line for line in ax.lines if len(line.get_xdata()) == 2]
        drawn = [ax.transData.transform(np.column_stack(line.get_data())) for line in lines]
        texts = [*named.values(), *words(ax)]
        for first, second in itertools.combinations(texts, 2):
            assert not regions.overlap(first, second)
        for text, line in itertools.product(texts, drawn):
            assert not regions.overlap(text, line)
        large = {r for r in "ABCDEF" if regions.area(regions.polygon(r, beta, (0, top, 0, top))) > 0.1 * top**2}
        assert large <= named.keys()


@pytest.mark.parametrize("draw", [phase_diagram.phase_diagram, phase_diagram.learning_rate_gap])
@pytest.mark.parametrize("betas", [(0.5,), (0.5, 1.4)])
def test_nothing_is_clipped(draw, betas: tuple[float, ...], inside) -> None:
    figure = draw(computed(*betas))
    inside(figure)
    texts = figure.findobj(lambda artist: isinstance(artist, Text) and bool(artist.get_text()))
    for text in texts:
        extent = text.get_window_extent()
        assert extent.width == 0 or figure.bbox.containsx(extent.x1)


def test_the_gap_is_drawn_from_the_data(two) -> None:
    dataset, _ = two
    figure = phase_diagram.learning_rate_gap(dataset)
    for ax, beta in zip(figure.axes[:2], (0.5, 1.4), strict=True):
        (mesh,) = [artist for artist in ax.collections if isinstance(artist, QuadMesh)]
        gap = dataset["learning_rate_gap"].sel(beta=beta).transpose("delta", "alpha")
        np.testing.assert_array_equal(mesh.get_array(), gap)
        assert [text.get_text() for text in ax.texts if "no gap below" in text.get_text()]
    assert "frontier" in figure.get_suptitle()


def test_the_gap_of_a_plane_without_one() -> None:
    dataset = computed(0.0, top=0.5)
    assert float(dataset["learning_rate_gap"].max()) == 0.0
    phase_diagram.learning_rate_gap(dataset).draw_without_rendering()


def test_a_single_point() -> None:
    dataset = computed(0.5).isel(alpha=[3], delta=[4])
    phase_diagram.phase_diagram(dataset).draw_without_rendering()
    phase_diagram.learning_rate_gap(dataset).draw_without_rendering()


def test_ceilings_are_named_in_the_legend_where_they_have_no_room() -> None:
    figure = phase_diagram.ceilings(computed(1.4, 0.5))
    (legend,) = figure.legends
    names = [text.get_text() for text in legend.get_texts()]
    assert [name[0] for name in names] == list("ABCDEF")
    for name in names:
        region, ceilings = name.split("   ")
        # Both exponents of d in the middle of the region, the paper's and the exact one.
        alpha, beta, delta = MIDDLES[region]
        phase = classify(alpha, beta, delta)
        expected = {"paper": -phase.kappa, "exact": -phase.frontier_exponent}
        found = re.findall(r"(paper|exact|both) \$d\^\{\\,(.*?)\}\$", ceilings)
        for who, power in found:
            plain = power.replace("\\min", "min").replace("\\ ", " ").replace("\\", "")
            value = eval(plain, {"alpha": alpha, "beta": beta, "delta": delta, "min": min})
            for name_ in ("paper", "exact") if who == "both" else (who,):
                assert value == pytest.approx(expected[name_]), (region, who)
        assert {who for who, _ in found} in ({"both"}, {"paper", "exact"})
