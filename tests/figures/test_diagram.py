"""The phase diagram beside two planes of risk: regions where they belong, risk cell by cell, the table's exponents."""

import numpy as np
import pytest
import xarray as xr
from middles import MIDDLES
from numpy.testing import assert_array_equal

from sparsesim import Scaling
from sparsesim.figures import diagram
from sparsesim.theory import phases
from sparsesim.theory.limits import limit_ode


@pytest.fixture
def dataset() -> xr.Dataset:
    alpha, delta = np.linspace(0.0, 1.5, 4), np.linspace(0.05, 2.0, 5)
    risk = np.exp(-np.arange(40.0)).reshape(2, 4, 5)
    return xr.Dataset(
        {"risk": (("pace", "alpha", "delta"), risk), "feedback": (("alpha", "delta"), np.full((4, 5), 0.2)),
         "ticks": ("pace", [2000.0, 3000.0])},
        {"pace": ["updates", "samples"], "alpha": alpha, "delta": delta, "beta": 0.5, "B": 31, "d": 1000},
    )  # fmt: skip


def test_both_planes_show_their_risk_on_one_scale(dataset: xr.Dataset, mesh) -> None:
    figure = diagram.overview(dataset)
    planes = [ax for ax in figure.axes if ax.get_title("left").startswith("after")]
    assert [ax.get_title("left") for ax in planes] == [
        "after 2,000 active updates", "after 3,000 minibatches, 93,000 samples"
    ]  # fmt: skip
    for ax, pace in zip(planes, ("updates", "samples"), strict=True):
        assert_array_equal(mesh(ax).get_array(), dataset["risk"].sel(pace=pace).transpose("delta", "alpha"))
    assert mesh(planes[0]).norm is mesh(planes[1]).norm


def test_regions_are_named_and_coloured(dataset: xr.Dataset, inside) -> None:
    figure = diagram.overview(dataset)
    inside(figure)
    left = next(ax for ax in figure.axes if ax.get_title("left").startswith("phase diagram"))
    assert [patch.get_label() for patch in left.patches] == list("BCDEF")
    for patch in left.patches:
        inner = patch.get_path().vertices[:-1].mean(axis=0)
        assert patch.get_label() == phases.classify(inner[0], 0.5, inner[1]).region


@pytest.mark.parametrize("row", diagram.REGIMES[1:], ids=lambda row: row[0])
def test_the_table_has_the_exponents_of_the_limits(row: tuple[str, ...]) -> None:
    alpha, beta, delta = MIDDLES[row[0]]
    limit = limit_ode(Scaling(alpha, beta, delta))
    assert limit.phase.region == row[0]
    values = [
        eval(cell.strip("$").replace("\\", ""), {"alpha": alpha, "beta": beta, "delta": delta}) for cell in row[4:]
    ]
    assert values == pytest.approx([Scaling(alpha, beta, delta).kappa, limit.clock_exponent])
