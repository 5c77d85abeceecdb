"""The limits of logistic regression in figures: rows of variables, limits that are maps, two kinds of convergence."""

import itertools

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from sparsesim import Scaling
from sparsesim.figures import collapse, convergence, limits, reading, slow_time
from sparsesim.studies import curves as common
from sparsesim.studies.logistic import curves
from sparsesim.studies.logistic.limits import NAMES
from sparsesim.theory.logistic import limit_of
from sparsesim.theory.logistic.sparse import VARIABLES, units

CASES = {
    "noise-line": (0.35, 1.35, 0.35),
    "own": (0.6, 0.9, 0.7),
    "noise-floor-below": (0.5, 0.7, 0.3),
    "triple-point": (0.5, 1.5, 0.0),
}
DIMENSIONS, SIMULATED = np.array([10**2, 10**4, 10**6]), [100.0, 10000.0]


def made_up() -> xr.Dataset:
    """What the study leaves, with means that are easy to find again."""
    found = [limit_of(Scaling(*exponents, c_eta=0.7, c_eps=0.6), 1.0) for exponents in CASES.values()]
    s, time = np.linspace(0, 6, 61), np.linspace(0, 6, 4)
    data = xr.concat([curves.curves(limit, s, DIMENSIONS) for limit in found], "case")
    slow = np.broadcast_to(time, (len(CASES), len(SIMULATED), len(time)))
    mean = np.exp(-slow)[..., None] * units(0.1)
    cells = ("case", "d", "time", "moment")
    for kind in curves.KINDS:
        errors = data[f"sup_error_{kind}"].values
        data[f"order_{kind}"] = ("case", "variable"), [[common.order(DIMENSIONS, e) for e in case.T] for case in errors]
    exponents = {name: ("case", np.array(list(CASES.values()))[:, i]) for i, name in enumerate(reading.EXPONENTS)}
    return data.assign(mean=(cells, mean), std_error=(cells, 0.01 * mean)).assign_coords(
        case=list(CASES), d=SIMULATED, moment=list(VARIABLES), slow_time=(cells[:3], slow),
        p=(("case", "d"), np.full(slow.shape[:2], 0.1)), region=("case", [limit.phase.region for limit in found]),
        momentum_phase=("case", [limit.phase.momentum_phase for limit in found]),
        clock_exponent=("case", [limit.clock_exponent for limit in found]),
        discrete=("case", [False, False, False, True]), **exponents,
    ).assign_attrs(problem="logistic")  # fmt: skip


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return made_up()


def titles(figure) -> list[str]:
    return [ax.get_title("left") for ax in figure.axes if ax.get_title("left")]


def test_a_column_a_case_named_in_words(data) -> None:
    figure = limits.rows(data, ("R", "theta_par"))
    figure.draw_without_rendering()
    assert titles(figure) == [
        "$\\beta$ = 1 + $\\alpha$,\nabove resonance [F]",
        "own: noise-floor batches,\non resonance [E]",
        "noise-floor batches,\nbelow resonance [D]",
        "$\\beta$ = 1 + $\\alpha$,\n$\\delta$ = 0",
    ]
    assert [len(ax.texts) for ax in figure.axes] == [1, 1, 1, 1, 0, 0, 0, 0]
    assert figure.axes[0].texts[0].get_text() == "$\\alpha, \\beta, \\delta$ = 0.35, 1.35, 0.35\n$q$ = 0.35"
    assert [ax.get_ylabel() for ax in figure.axes if ax.get_ylabel()] == [
        "squared error $R$",
        r"signal $\theta_\parallel$",
    ]


def test_a_limit_that_is_a_map_is_drawn_at_whole_minibatches_alone(data) -> None:
    of_ode, of_map = limits.rows(data, ("R",)).axes[2:4]
    assert of_ode.lines[0].get_linewidth() == slow_time.LIMIT["lw"]
    line = of_map.lines[0]
    assert line.get_marker() == "o"
    assert_array_equal(line.get_xdata(), np.arange(7))
    whole = data["limit_curve"].sel(case="triple-point", variable="R", s=np.arange(7.0))
    assert_array_equal(line.get_ydata(), whole)


def test_sparse_ode_and_exact_recursion_are_told_apart(data) -> None:
    figure = limits.rows(data, ("theta_par",))
    lines = [line for line in figure.axes[1].lines if len(line.get_xdata()) > 10]
    drawn = {tuple(line.get_ydata()) for line in lines}
    for d in (100, 10000):
        assert tuple(data["sparse_ode"].sel(case="own", variable="theta_par", dimension=d).values) in drawn
    names = [text.get_text() for text in figure.legends[0].texts if text.get_text()]
    assert names[:2] == [r"limit $d \to \infty$", r"simulated mean $\pm$ 2 standard errors"]
    assert {"exact recursion", r"sparse ODE at the same $d$", r"limit that is a map ($\delta$ = 0)"} <= set(names)


def test_momentum_is_in_its_units_and_left_out_where_it_is_slaved(data) -> None:
    figure = limits.rows(data, ("m_par", "V", "C"))
    figure.draw_without_rendering()
    assert len(titles(figure)) == 3
    for ax, moment in zip(figure.axes[::3], ("m_par", "V", "C"), strict=True):
        marks = ax.containers[0].lines[0].get_ydata()
        assert_allclose(marks, np.exp(-data["slow_time"].sel(case="noise-line", d=100)), err_msg=moment)


def test_a_row_of_convergence_for_each_kind(data) -> None:
    figure = convergence.convergence(data, NAMES)
    figure.draw_without_rendering()
    phases = ["above resonance", "on resonance", "below resonance"]
    assert titles(figure) == [f"{words},\n{phase}" for words in NAMES.values() for phase in phases]
    below = figure.axes[5]
    marked = [line for line in below.lines if line.get_marker() == "o" and len(line.get_xdata())]
    assert_allclose(
        marked[0].get_ydata(), data["sup_error_sparse_ode"].sel(case="noise-floor-below", variable="R"), rtol=1e-12
    )
    order = data["order_sparse_ode"].sel(case="noise-floor-below", variable="R").item()
    assert f"noise-floor-below\nslope {-order:.2f}" in [text.get_text() for text in below.texts]


def test_texts_do_not_overlap(data) -> None:
    for figure in (limits.rows(data, ("R", "theta_par")), convergence.convergence(data, NAMES)):
        figure.draw_without_rendering()
        boxes = [ax._left_title.get_window_extent() for ax in figure.axes if ax.get_title("left")]
        assert not [1 for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]
        for ax in figure.axes:
            boxes = [text.get_window_extent() for text in [ax._left_title, *ax.texts] if text.get_text()]
            assert not [1 for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]


def test_signal_and_bulk_are_drawn_together(data, inside, bars) -> None:
    case = data.isel(case=1)
    figure = collapse.coupled(case)
    inside(figure)
    drawn = [ax for ax in figure.axes if ax.get_ylabel()]
    assert [ax.get_ylabel() for ax in drawn] == list(slow_time.VARIABLE_NAMES.values())
    assert all(ax.get_xlabel() == "slow time $s = k\\,d^{\\,-0.7}$" for ax in drawn[2:])
    for ax, variable, scale in zip(drawn, VARIABLES, units(0.1), strict=True):
        for container, d in zip(ax.containers, SIMULATED, strict=True):
            mean = case["mean"].sel(d=d, moment=variable)
            assert_allclose(container.lines[0].get_ydata(), mean / scale)
            assert_allclose(bars(container), 2.0 * case["std_error"].sel(d=d, moment=variable) / scale, atol=1e-12)
        assert any(
            len(line.get_ydata()) == 61 and np.array_equal(line.get_ydata(), case["limit_curve"].sel(variable=variable))
            for line in ax.lines
        )


def test_the_floor_is_drawn_against_the_dimension(data, inside) -> None:
    case = data.isel(case=2)
    figure = collapse.collapse(case, floor=True)
    inside(figure)
    ax = next(ax for ax in figure.axes if ax.get_xlabel() == "dimension $d$")
    last = case["exact_map"].sel(variable="R").isel(s=-1)
    assert any(line.get_ydata()[0] == float(case["limit_curve"].sel(variable="R").isel(s=-1)) for line in ax.lines[1:])
    assert_array_equal(ax.lines[0].get_xydata(), np.stack([case["dimension"], last], axis=1))
    marks = {float(c.lines[0].get_xdata()[0]): float(c.lines[0].get_ydata()[0]) for c in ax.containers}
    assert marks == {d: case["mean"].sel(d=d, moment="R").isel(time=-1).item() for d in SIMULATED}
    assert ax.get_ylabel() == "$R$ at $s$ = 6"
