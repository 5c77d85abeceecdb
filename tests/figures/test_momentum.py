"""Figures of learning rate and momentum: drawn are the data, and nothing is clipped."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure

from sparsesim.figures import momentum, style
from sparsesim.studies import momentum as study
from sparsesim.sweep import Sweep, Times


def computed(eta: tuple[float, float], eps: tuple[float, float], points: int = 12, **problem: float) -> xr.Dataset:
    axes = {"eta": np.geomspace(*eta, points).tolist(), "eps": np.geomspace(*eps, points).tolist()}
    values = {"alpha": 0.5, "beta": 0.5, "delta": 1.0, "d": 1000, "p": 0.01, "B": 1000, **problem}
    return study.compute(Sweep(axes, values, Times(10), trajectories=10, seed=0), lambda done, total: None)


@pytest.fixture(scope="module")
def dataset() -> xr.Dataset:
    return computed((1e-3, 10.0), (1e-4, 1.0))


@pytest.fixture(scope="module")
def figure(dataset: xr.Dataset) -> Figure:
    return momentum.momentum(dataset)


def curve(ax: Axes, label: str) -> np.ndarray:
    """The points of the curve whose label begins so."""
    (line,) = [line for line in ax.lines if str(line.get_label()).startswith(label)]
    return np.column_stack(line.get_data())


@pytest.fixture
def fits(inside) -> Callable[[Figure], None]:
    """Asserts that all that is drawn, and the title, lies on the figure."""

    def check(figure: Figure) -> None:
        inside(figure)
        (title,) = figure.findobj(lambda artist: artist is figure._suptitle)
        assert figure.bbox.containsx(title.get_window_extent().x1)

    return check


def test_panels_are_cost_and_speed(dataset: xr.Dataset, figure: Figure, mesh, fits) -> None:
    left, right = figure.axes[:2]
    stable = (dataset["feedback"] < 1.0).values
    cost, speed = (np.ma.getdata(mesh(ax).get_array()) for ax in (left, right))
    far = dataset["sample_cost"].values > 10 * momentum.DEEP * float(dataset["best_sample_cost"].min())
    np.testing.assert_array_equal(cost[stable & ~far], dataset["sample_cost"].values[stable & ~far])
    comparable = stable & (dataset["speed_ratio"] > 0.0).values
    np.testing.assert_array_equal(speed[comparable], dataset["speed_ratio"].values[comparable])
    assert mesh(left).norm.vmin == float(dataset["best_sample_cost"].min())
    assert mesh(right).norm(1.0) == pytest.approx(0.5)  # no gain has the colour in the middle
    assert left.get_xlim() == right.get_xlim() == pytest.approx((1e-4, 1.0))
    fits(figure)


def test_costs_beyond_the_scale_and_where_nothing_decays_have_its_last_colour(
    dataset: xr.Dataset, figure: Figure, mesh
) -> None:
    artist = mesh(figure.axes[0])
    colours = artist.to_rgba(artist.get_array())
    unstable = (dataset["feedback"] >= 1.0).values
    assert unstable.any()
    np.testing.assert_allclose(colours[unstable], np.broadcast_to(artist.cmap(1.0), colours[unstable].shape))


def test_lines_and_the_star_are_the_data(dataset: xr.Dataset, figure: Figure) -> None:
    for ax in figure.axes[:2]:
        np.testing.assert_array_equal(curve(ax, "frontier")[:, 1], dataset["critical_eta"])
        np.testing.assert_array_equal(curve(ax, "best $"), np.column_stack([dataset["eps"], dataset["best_eta"]]))
        onset = curve(ax, "onset")[:, 1]
        below = (dataset["oscillation_low"] < dataset["critical_eta"]).values
        np.testing.assert_array_equal(onset[below], dataset["oscillation_low"].values[below])
        assert np.isnan(onset[~below]).all()
        assert curve(ax, "best of all").tolist() == [[dataset.attrs["best_eps"], dataset.attrs["best_eta"]]]


def test_the_rate_on_the_colour_bar_is_that_of_its_cost(dataset: xr.Dataset, figure: Figure) -> None:
    figure.draw_without_rendering()
    bar = figure.axes[2]
    (rates,) = bar.child_axes
    active = dataset.attrs["p"] * dataset.attrs["B"]
    assert sorted(rates.get_xlim()) == pytest.approx(sorted(active / np.array(bar.get_xlim())))


def test_where_only_momentum_is_stable_it_is_said(mesh, fits) -> None:
    dataset = computed((0.1, 1000.0), (1e-2, 1.0), p=0.1, B=10**5)
    figure = momentum.momentum(dataset)
    assert "only momentum stable" in [text.get_text() for text in figure.legends[0].get_texts()]
    artist = mesh(figure.axes[1])
    chosen = dataset["speed_ratio"].isnull().values
    colours = artist.to_rgba(artist.get_array())[chosen]
    np.testing.assert_allclose(colours, np.broadcast_to(to_rgba(style.MISSING), colours.shape))
    fits(figure)


def test_the_best_is_drawn_with_its_limits(dataset: xr.Dataset, fits) -> None:
    figure = momentum.momentum_best(dataset)
    left, right = figure.axes[:2]
    np.testing.assert_array_equal(curve(left, "momentum")[:, 1], dataset["best_decay_rate"])
    np.testing.assert_array_equal(curve(right, "momentum")[:, 1], dataset["best_sample_cost"])
    np.testing.assert_array_equal(curve(right, "limit")[:, 1], dataset["limit_cost"])
    sgd = float(curve(right, "plain")[0, 1])
    assert sgd == dataset.attrs["sgd_sample_cost"]
    assert (curve(right, "momentum")[:, 1] >= sgd * (1 - 1e-12)).all()
    assert (curve(left, "momentum")[:, 1] <= float(curve(left, "plain")[0, 1]) * (1 + 1e-12)).all()
    fits(figure)


@pytest.mark.parametrize(
    ("eta", "eps"), [((0.1, 0.2), (0.3, 0.9)), ((3.0, 9.0), (0.01, 1.0)), ((1e-6, 1e-5), (1e-4, 1e-3))]
)
def test_narrow_planes_all_stable_or_all_unstable(eta: tuple[float, float], eps: tuple[float, float], fits) -> None:
    dataset = computed(eta, eps, points=4).isel(eta=[2, 0, 3, 1])
    fits(momentum.momentum(dataset))
    if eps[1] == 0.9:  # of which momentum_best has all its curves within a line's width
        fits(momentum.momentum_best(dataset))


def test_a_single_point(dataset: xr.Dataset) -> None:
    point = dataset.isel(eta=[4], eps=[4])
    momentum.momentum(point).draw_without_rendering()
    momentum.momentum_best(point).draw_without_rendering()
