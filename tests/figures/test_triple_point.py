"""The triple point's figures: the map of spectra is the exact one, paths and quartiles are those of the data."""

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose

from sparsesim import Scaling
from sparsesim.figures import spectrum, triple_point
from sparsesim.studies import curves
from sparsesim.studies.triple_point import _spectra
from sparsesim.theory import continuum
from sparsesim.theory.limits import limit_ode


def made_up(rates: list[float]) -> xr.Dataset:
    """What the study leaves, with R that narrows with d and paths that do not."""
    found = [limit_ode(Scaling(0.5, 0.5, 1.0, c_eta=rate)) for rate in rates]
    s, time, d = np.linspace(0, 6, 31), np.linspace(0, 6, 5), [100.0, 10000.0]
    data = xr.concat([curves.curves(limit, s, np.array([100, 10000])) for limit in found], "c_eta")
    cells, shape = ("c_eta", "d", "time", "moment"), (len(rates), 2, len(time), 3)
    mean = np.broadcast_to(np.exp(-time)[:, None], shape)
    width = np.array([0.2, 0.02])[:, None, None]
    quartiles = {"lower_quartile": 1 - width, "median": 1 - width / 4, "upper_quartile": 1 + width}
    square = ("c_eta", "sde_time", "variable")
    limit = np.stack([one.trajectory(time) for one in found])
    sde = {"mean": limit, "limit": limit, "std_error": 0.05 * np.abs(limit), "trusted": limit > 0.2,
           "lower_quartile": 0.1 * limit, "median": 0.4 * limit, "upper_quartile": 1.3 * limit}  # fmt: skip
    paths = np.cos(np.arange(12.0))[:, None] * np.exp(-s)
    return data.assign(
        {name: (cells, np.broadcast_to(value, shape) * mean) for name, value in quartiles.items()}
        | {f"sde_{name}": (square, value) for name, value in sde.items()}
        | {"mean": (cells, mean), "std_error": (cells, 0.01 * mean),
           "sde_path": (("c_eta", "path", "path_time"), np.broadcast_to(paths, (len(rates), *paths.shape)))}
    ).assign(_spectra(found)).assign_coords(
        c_eta=rates, d=d, moment=["R", "V", "C"], sde_time=time, path_time=s,
        slow_time=(cells[:3], np.broadcast_to(time, shape[:3])), p=(("d",), [0.1, 0.01]),
    ).assign_attrs(sde_paths=1000)  # fmt: skip


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return made_up([0.1, 0.8, 1.6])


def test_the_boundary_of_the_map_is_where_oscillation_begins() -> None:
    w, u = spectrum.boundary()
    assert_allclose((1 - 4 * w) ** 3, 108 * (w * u) ** 2, atol=1e-12)
    assert (w[0], u[0]) == (1 / 16, pytest.approx(1.0))
    assert (w[-1], u[-1]) == (1 / 4, 0.0)
    for x, y in zip(w[1:-1:20], u[1:-1:20], strict=True):
        assert continuum.oscillates(x, y + 1e-6)
        assert not continuum.oscillates(x, y * (1 - 1e-6) - 1e-9)


def test_the_map_holds_the_studys_learning_rates_and_their_modes(data) -> None:
    figure = spectrum.spectrum_types(data)
    figure.draw_without_rendering()
    *modes, plane = figure.axes
    assert plane.get_xscale() == "log"
    marks = [
        line.get_xydata()[0]
        for line in plane.lines
        if line.get_marker() in spectrum.MARKERS and len(line.get_xdata()) == 1
    ]
    assert_allclose(marks, [[0.1, 0.05], [0.8, 0.4], [1.6, 0.8]])
    for i, ax in enumerate(modes):
        drawn = next(line.get_xydata() for line in ax.lines if len(line.get_xdata()) == 3)
        assert_allclose(drawn, data["eigenvalue"].isel(c_eta=i).transpose("mode", "part"))
    assert {text.get_text() for text in plane.texts} >= {
        "three real modes:\nno oscillation",
        "a complex pair:\noscillation",
    }


def test_moments_are_scaled_by_p(data) -> None:
    figure = triple_point.moments(data)
    figure.draw_without_rendering()
    axes = np.array(figure.axes).reshape(3, 3)
    for row, (moment, power) in enumerate((("R", 0), ("V", 2), ("C", 1))):
        marks = axes[row, 1].containers[1].lines[0].get_ydata()
        assert_allclose(marks, data["mean"].sel(c_eta=0.8, d=10000, moment=moment).values / 0.01**power)


def test_paths_means_and_quartiles(data) -> None:
    figure = triple_point.paths(data)
    figure.draw_without_rendering()
    axes = np.array(figure.axes).reshape(3, 3)
    drawn = [line.get_ydata() for line in axes[0, 0].lines if len(line.get_xdata()) == data.sizes["path_time"]]
    assert_allclose(drawn, data["sde_path"].isel(c_eta=0))
    means = axes[1, 2].containers
    trusted = data["sde_trusted"].sel(c_eta=1.6, variable="R").values
    assert_allclose(means[0].lines[0].get_xdata(), data["sde_time"].values[trusted])
    assert means[1].lines[0].get_markerfacecolor() == "white"
    bars = [container.patches[0] for container in axes[2, 1].containers]
    assert_allclose([bar.get_height() for bar in bars], [0.4, 0.04, 1.2])
    assert_allclose([bar.get_y() for bar in bars], [0.8, 0.98, 0.1])


def test_of_many_learning_rates_a_few_have_columns() -> None:
    data = made_up([1.6, 0.1, 0.2, 0.4, 0.6, 0.8])
    assert triple_point.shown(data)["c_eta"].values.tolist() == [0.1, 0.4, 0.6, 1.6]
    figure = spectrum.spectrum_types(data)
    rest = [line for line in figure.axes[-1].lines if line.get_markerfacecolor() == "white"]
    assert [line.get_xdata().tolist() for line in rest] == [[0.2, 0.8]]


def test_the_overview_has_moments_with_their_quartiles_and_paths(data, inside) -> None:
    figure = triple_point.overview(data)
    inside(figure)
    own = data.isel(c_eta=0)
    for ax, (moment, power) in zip(figure.axes, (("R", 0), ("V", 2), ("C", 1)), strict=False):
        bands = [area for area in ax.collections if len(area.get_paths()) and area.get_alpha() == 0.2]
        assert len(bands) == 2
        for d, p, band in zip(data["d"].values, (0.1, 0.01), bands, strict=True):
            at = own.sel(d=d, moment=moment)
            marks = ax.containers[list(data["d"].values).index(d)].lines[0]
            assert_allclose(marks.get_ydata(), at["mean"] / p**power)
            heights = band.get_paths()[0].vertices[:, 1]
            assert heights.max() == pytest.approx(float(at["upper_quartile"].max()) / p**power)
            assert heights.min() == pytest.approx(float(at["lower_quartile"].min()) / p**power)
    drawn = [line.get_ydata() for line in figure.axes[3].lines if len(line.get_xdata()) == data.sizes["path_time"]]
    assert_allclose(drawn, own["sde_path"])
