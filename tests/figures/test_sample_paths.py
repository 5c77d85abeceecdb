"""Sample paths: roots of the moments of the data, and marks where the first path is active."""

import numpy as np
import pytest
import xarray as xr

from sparsesim.figures import sample_paths

TIME = np.arange(6)


@pytest.fixture
def dataset() -> xr.Dataset:
    R = np.exp(-np.arange(48.0).reshape(2, 4, 6) / 48.0)
    moments = np.stack([R, 0.01 * R, 0.0 * R], axis=-1)
    active = np.zeros((2, 4, 6), bool)
    active[0, 0, [1, 3]], active[1, 0, 4] = True, True
    return xr.Dataset(
        {"moments": (("feature", "path", "time", "moment"), moments), "active": (("feature", "path", "time"), active),
         "mu": ("feature", [0.9, 0.9]), "p": ("feature", [0.3, 0.02])},
        {"feature": ["frequent", "rare"], "time": TIME, "moment": ["R", "V", "C"]},
    )  # fmt: skip


def test_paths_and_marks_are_those_of_the_data(dataset: xr.Dataset) -> None:
    figure = sample_paths.sample_paths(dataset)
    axes = np.array(figure.axes).reshape(2, 2)
    for row, moment in zip(axes, ("R", "V"), strict=True):
        for ax, feature in zip(row, ("frequent", "rare"), strict=True):
            own = dataset.sel(feature=feature)
            drawn = [line.get_ydata() for line in ax.lines if line.get_label().startswith("path")]
            np.testing.assert_allclose(drawn, own["moments"].sel(moment=moment).isel(path=slice(3)) ** 0.5)
            (marks,) = [line for line in ax.lines if line.get_marker() == "|" and len(line.get_xdata())]
            np.testing.assert_array_equal(marks.get_xdata(), TIME[own["active"].isel(path=0)])


def test_the_decay_without_gradients_begins_at_the_first(dataset: xr.Dataset) -> None:
    figure = sample_paths.sample_paths(dataset)
    (decay,) = [line for line in figure.axes[2].lines if len(line.get_xdata()) == 5 and line.get_linestyle() == "--"]
    first = float(dataset["moments"].isel(feature=0, path=0).sel(time=1, moment="V")) ** 0.5
    np.testing.assert_allclose(decay.get_ydata(), first * 0.9 ** np.arange(5.0))


def test_axes_have_their_names_and_scales(dataset: xr.Dataset, inside) -> None:
    figure = sample_paths.sample_paths(dataset)
    inside(figure)
    assert [ax.get_xlabel() for ax in figure.axes] == ["", "", "minibatches", "minibatches"]
    assert [ax.get_yscale() for ax in figure.axes] == ["linear", "linear", "log", "log"]
    assert figure.axes[0].get_title("left").startswith("frequent feature, $p$ = 0.3")
