"""Rates in figures: measured over predicted, and slopes beside their law."""

import numpy as np
import pytest
import xarray as xr

from sparsesim.figures import rates
from sparsesim.theory.phases import CELLS


@pytest.fixture
def dataset() -> xr.Dataset:
    cells, rate = ("case", "d"), np.array([[1.1, 1.02], [2.3, 2.1], [3.2, 3.05]])
    s = np.linspace(0.0, 3.0, 4)
    mean = np.exp(-rate[..., None] * s)[..., None] * np.array([1.0, 0.1, 0.1])
    return xr.Dataset(
        {"rate": (cells, rate), "rate_std_error": (cells, 0.01 * rate), "rate_exact": (cells, 1.001 * rate),
         "rate_limit": (cells, np.repeat([[1.0], [2.0], [3.0]], 2, axis=1)),
         "rate_window": (cells, np.repeat([[1.01], [2.01], [3.01]], 2, axis=1)),
         "mean": ((*cells, "time", "moment"), mean), "std_error": ((*cells, "time", "moment"), 0.01 * mean)},
        {"case": ["a", "b", "c"], "d": [100.0, 1000.0], "cell": ("case", [1, 4, 8]), "c_p": ("case", [0.5, 1.0, 2.0]),
         "moment": ["R", "V", "C"], "slow_time": ((*cells, "time"), np.broadcast_to(s, (3, 2, 4)))},
    )  # fmt: skip


def test_ratios_are_measured_and_exact_over_the_limit(dataset: xr.Dataset, bars) -> None:
    (ax,) = rates.ratios(dataset).axes
    for i, d in enumerate(dataset["d"].values):
        own = dataset.sel(d=d)
        measured = ax.containers[i].lines[0]
        np.testing.assert_allclose(np.asarray(measured.get_ydata(), float), own["rate"] / own["rate_window"])
        np.testing.assert_allclose(bars(ax.containers[i]), 2.0 * own["rate_std_error"] / own["rate_window"])
        np.testing.assert_array_equal(np.round(np.asarray(measured.get_xdata(), float)), [0, 1, 2])
        exact = [line for line in ax.lines if line.get_marker() == "_"][i]
        np.testing.assert_allclose(np.asarray(exact.get_ydata(), float), own["rate_exact"] / own["rate_window"])
    names = [" ".join(text.get_text().split()) for text in ax.get_xticklabels()]
    assert names == [f"{number}: {CELLS[number]}" for number in (1, 4, 8)]


def test_slopes_are_those_of_the_largest_dimension(dataset: xr.Dataset, inside) -> None:
    figure = rates.slopes(dataset, "c_p", "$c_p$")
    inside(figure)
    left, right = figure.axes
    own = dataset.isel(d=-1)
    for container, case in zip(left.containers, own["case"].values, strict=True):
        np.testing.assert_array_equal(container.lines[0].get_ydata(), own["mean"].sel(case=case, moment="R"))
    np.testing.assert_array_equal([c.lines[0].get_ydata()[0] for c in right.containers], own["rate"])
    (law,) = [line for line in right.lines if line.get_label().startswith("predicted")]
    np.testing.assert_array_equal(law.get_xydata(), np.stack([own["c_p"], own["rate_limit"]], axis=1))
    for line, case in zip(
        [line for line in left.lines if len(line.get_xdata()) == 50], own["case"].values, strict=True
    ):
        law = np.exp(-float(own["rate_limit"].sel(case=case)) * line.get_xdata())
        np.testing.assert_allclose(line.get_ydata(), law)
    assert [text.get_text() for text in right.get_xticklabels()] == ["0.5", "1", "2"]
    assert len(right.get_xticks(minor=True)) == 0
