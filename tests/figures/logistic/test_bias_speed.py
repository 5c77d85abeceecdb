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


def test_floors_and_rates_against_delta(dataset: xr.Dataset) -> None:
    cells = ("case", "delta")
    own = dataset.assign(
        fixed_excess_risk=(cells, [[2e-3, 2e-4], [2e-3, 2e-3]]), measured_rate=(cells, [[2e-3, np.nan], [2e-3, 2e-5]]),
        measured_rate_std_error=(cells, np.full((2, 2), 1e-6)),
    ).assign_coords(alpha=0.5, beta=0.5)  # fmt: skip
    figure = bias_speed.against_delta(own)
    names = (("excess_risk", "fixed_excess_risk"), ("measured_rate", "fixed_rate"))
    for ax, (measured, predicted) in zip(figure.axes, names, strict=True):
        points = [container.lines[0].get_ydata() for container in ax.containers]
        lengths = [
            path.vertices[1, 1] - path.vertices[0, 1] for c in ax.containers for path in c.lines[2][0].get_paths()
        ]
        np.testing.assert_allclose(np.asarray(lengths)[np.isfinite(lengths)], 4e-6, rtol=1e-6)
        np.testing.assert_array_equal(np.asarray(points, float), own[measured])
        lines = [line.get_ydata() for line in ax.lines if line.get_label().startswith("predicted")]
        np.testing.assert_array_equal(lines, own[predicted])
        assert ax.get_xlabel() == r"momentum-decay exponent $\delta$"
        (resonance,) = [line.get_xdata()[0] for line in ax.lines if line.get_linestyle() == ":"]
        assert resonance == 1.0
    assert [ax.get_ylabel() for ax in figure.axes] == ["excess risk at the floor", "rate per minibatch"]
