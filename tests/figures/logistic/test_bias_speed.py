"""The figure of bias and speed: what is drawn where."""

import numpy as np
import pytest
import xarray as xr

from sparsesim.figures.logistic import bias_speed


@pytest.fixture
def dataset() -> xr.Dataset:
    cells = ("case", "delta")
    variables = {
        "excess_risk": (cells, [[1e-3, 1e-4], [1e-3, 1e-3]]),
        "excess_risk_std_error": (cells, np.full((2, 2), 1e-6)),
        "fixed_rate": (cells, [[1e-3, 1e-5], [1e-3, 1e-5]]),
        "floor_z": (cells, [[0.0, np.nan], [0.0, 0.0]]),
        "curve_rate": (("delta", "point"), [[1e-4, 1e-3], [1e-5, 1e-5]]),
        "curve_excess_risk": (("delta", "point"), [[1e-4, 1e-3], [1e-5, 1e-2]]),
        "plain_rate": ("point", [1e-5, 1e-2]),
        "plain_excess_risk": ("point", [1e-5, 1e-2]),
    }
    coords = {"case": ["prescribed", "constant"], "delta": [0.5, 1.5], "eps": (cells, [[0.1, 1e-3]] * 2),
              "eta": (cells, [[0.1, 0.01], [0.1, 0.1]]), "d": 100, "B": 10, "p": 0.1}  # fmt: skip
    return xr.Dataset(variables, coords)


def test_simulated_floors_at_their_rates(dataset: xr.Dataset) -> None:
    ax = bias_speed.bias_speed(dataset).axes[0]
    points = {(float(c.lines[0].get_xdata()[0]), float(c.lines[0].get_ydata()[0])) for c in ax.containers}
    assert points == {(1e-3, 1e-3), (1e-5, 1e-4), (1e-5, 1e-3)}
    assert [str(c.lines[0].get_markerfacecolor()) for c in ax.containers].count("white") == 1


def test_the_legend_names_rules_and_momenta(dataset: xr.Dataset) -> None:
    figure = bias_speed.bias_speed(dataset)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[:4] == [
        r"simulated, prescribed $\eta$", r"simulated, constant $\eta$ = 0.1", "hollow: not settled",
        r"exact, all $\eta$: no momentum",
    ]  # fmt: skip
    assert names[4:] == [r"$\delta$ = 0.5, $\varepsilon$ = 0.1", r"$\delta$ = 1.5, $\varepsilon$ = 0.001"]
