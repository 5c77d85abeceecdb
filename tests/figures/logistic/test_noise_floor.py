"""The figure of the noise floor: what is drawn where."""

import numpy as np
import pytest
import xarray as xr

from sparsesim.figures.logistic import noise_floor


@pytest.fixture
def dataset() -> xr.Dataset:
    cells, (B, eta, eps) = ("B", "eta", "eps"), (np.array([16, 32]), np.array([0.1, 0.4]), np.array([0.01, 1.0]))
    K = 100 * eta / (2.0 * B[:, None])
    R = np.broadcast_to(K[..., None], (2, 2, 2))
    settled = np.zeros((2, 2, 2))
    settled[1, 1, 0] = np.nan
    variables = {
        "mean": ((*cells, "time", "moment"), R[..., None, None]),
        "std_error": ((*cells, "time", "moment"), 0.01 * R[..., None, None]),
        "fixed_R": (cells, R),
        "floor_z": (cells, settled),
        "curve_exact": ("curve_K", [0.1, 2.0]),
        "curve_limit": ("curve_K", [0.1, 1.5]),
        "curve_claimed": (("B", "curve_eps"), [[0.1, 9.0], [0.05, 5.0]]),
    }
    coords = {"B": B, "eta": eta, "eps": eps, "moment": ["R"], "K": (("B", "eta"), K), "curve_K": [0.1, 2.0],
              "curve_eps": [0.01, 1.0], "d": 101, "p": 0.1}  # fmt: skip
    return xr.Dataset(variables, coords)


def test_all_cells_lie_along_K_and_flat_along_eps(dataset: xr.Dataset) -> None:
    left, right = noise_floor.noise_floor(dataset).axes
    points = [np.asarray(container.lines[0].get_xdata()) for container in left.containers]
    shown = np.sort(np.concatenate(points))
    np.testing.assert_allclose(shown, np.sort(np.repeat(dataset["K"].values, 2)))
    flat = [line for line in right.lines if np.array_equal(line.get_ydata(), [dataset["K"].values[1, 0]] * 2)]
    assert flat


def test_the_legend_names_momenta_batches_and_resonance(dataset: xr.Dataset) -> None:
    left, right = noise_floor.noise_floor(dataset).axes
    names = [text.get_text() for text in left.get_legend().get_texts()]
    assert names[:3] == ["exact fixed point", r"limit, $\rho R = K$", "$R = K$"]
    assert names[-2:] == ["$B$ = 16", "$B$ = 32"]
    assert [text.get_text() for text in right.get_legend().get_texts()].count(r"resonance, $\varepsilon = \eta p$") == 1


def test_what_has_not_settled_is_hollow(dataset: xr.Dataset) -> None:
    right = noise_floor.noise_floor(dataset).axes[1]
    hollow = [c.lines[0] for c in right.containers if str(c.lines[0].get_markerfacecolor()) == "white"]
    assert [len(line.get_xdata()) for line in hollow] == [0, 1]
