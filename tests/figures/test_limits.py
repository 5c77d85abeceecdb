"""Limits along slow time and their convergence: curves, marks and labels follow the data."""

import itertools

import numpy as np
import pytest
import xarray as xr
from numpy.testing import assert_allclose, assert_array_equal

from sparsesim import Scaling
from sparsesim.figures import collapse, convergence, limits, reading, slow_time
from sparsesim.studies import curves
from sparsesim.theory.limits import limit_ode

CASES = {"A": (0.25, 1.5, 0.5), "noise-line": (0.25, 1.25, 0.5), "B": (0.3, 0.5, 0.4), "F": (0.8, 0.3, 2.0)}
DIMENSIONS = [10**2, 10**4, 10**6]
SIMULATED = [100.0, 10000.0]


def made_up() -> xr.Dataset:
    """What the study leaves, with means that are easy to find again; F is simulated up to s = 1 at d = 1e4."""
    found = [limit_ode(Scaling(*exponents, c_eta=0.8)) for exponents in CASES.values()]
    s, time = np.linspace(0, 4, 41), np.linspace(0, 4, 5)
    data = xr.concat([curves.curves(limit, s, np.array(DIMENSIONS)) for limit in found], "case")
    slow = np.broadcast_to(time, (len(CASES), len(SIMULATED), len(time))).copy()
    slow[-1, -1] /= 4
    mean = np.exp(-slow)[..., None] * [1.0, 1e-2, 1e-1]
    cells = ("case", "d", "time", "moment")
    order = np.array(
        [[curves.order(np.array(DIMENSIONS), e) for e in case.T] for case in data.sup_error_main_ode.values]
    )
    exponents = {name: ("case", np.array(list(CASES.values()))[:, i]) for i, name in enumerate(reading.EXPONENTS)}
    return data.assign(
        mean=(cells, mean), std_error=(cells, 0.01 * mean), order_main_ode=(("case", "variable"), order)
    ).assign_coords(
        case=list(CASES), d=SIMULATED, moment=["R", "V", "C"], slow_time=(cells[:3], slow),
        p=(("case", "d"), np.full(slow.shape[:2], 0.1)), region=("case", list(CASES)),
        momentum_phase=("case", [limit.phase.momentum_phase for limit in found]),
        clock_exponent=("case", [limit.clock_exponent for limit in found]), **exponents,
    )  # fmt: skip


@pytest.fixture(scope="module")
def data() -> xr.Dataset:
    return made_up()


def panels(figure) -> dict[str, object]:
    return {ax.get_title("left"): ax for ax in figure.axes if ax.get_title("left")}


def test_a_panel_a_case_named_in_words(data) -> None:
    figure = limits.limits(data)
    figure.draw_without_rendering()
    assert list(panels(figure)) == [
        "A: concentrated batches,\nabove resonance",
        "noise-line:\n$\\alpha$ = $\\beta$ $-$ 1, above resonance",
        "B: dense batches,\nbelow resonance",
        "F: sparse batches,\nabove resonance",
    ]


def test_curves_and_marks_of_a_panel(data) -> None:
    ax = list(panels(limits.limits(data)).values())[3]
    lines = {tuple(np.round(line.get_ydata(), 12)): line for line in ax.lines if len(line.get_xdata()) > 5}
    limit = data["limit_curve"].sel(case="F", variable="R").values
    assert lines[tuple(np.round(limit, 12))].get_linewidth() == slow_time.LIMIT["lw"]
    for d in (100, 10000):
        main = data["main_ode"].sel(case="F", variable="R", dimension=d).values
        assert tuple(np.round(main, 12)) in lines
    marks = {tuple(c.lines[0].get_xdata()): c.lines[0].get_ydata() for c in ax.containers}
    for d in SIMULATED:
        cell = data.sel(case="F", d=d, moment="R")
        assert_array_equal(marks[tuple(cell["slow_time"].values)], cell["mean"])
    (end,) = [line.get_xdata()[0] for line in ax.lines if line.get_marker() == "<"]
    assert end == 1.0
    assert not [line for line in limits.limits(data).axes[0].lines if line.get_marker() == "<"]


def test_the_exact_map_is_drawn_at_whole_updates_alone(data) -> None:
    ax = limits.limits(data).axes[0]
    colour, _ = slow_time.looks(data)[100.0]
    (line,) = [
        x for x in ax.lines if np.array_equal(x.get_color(), colour) and x.get_ls() == "-" and len(x.get_xdata()) > 9
    ]
    updates = line.get_xdata() * 10  # d^0.5 of them to a unit of slow time
    assert_allclose(updates, np.rint(updates), atol=1e-9)
    assert len(updates) == 41


def test_momentum_is_scaled_and_leaves_out_what_the_limit_does(data) -> None:
    figure = limits.momentum(data)
    figure.draw_without_rendering()
    assert [title.partition(":")[0] for title in panels(figure)] == ["A", "noise-line", "F"]
    marks = figure.axes[0].containers[0].lines[0].get_ydata()
    assert_allclose(marks, data["mean"].sel(case="A", d=100, moment="V").values / 0.1**2)


def test_convergence_draws_errors_and_slopes_in_panels_by_phase(data) -> None:
    figure = convergence.convergence(data)
    figure.draw_without_rendering()
    assert list(panels(figure)) == ["above resonance", "below resonance or memoryless"]
    above, below = panels(figure).values()
    assert (above.get_xscale(), above.get_yscale()) == ("log", "log")
    errors = data["sup_error_main_ode"].sel(variable="R")
    drawn = [
        line.get_ydata()
        for line in above.lines
        if line.get_marker() not in ("None", "", None) and len(line.get_xdata())
    ]
    assert_allclose(np.array(drawn), errors.sel(case=["A", "noise-line", "F"]))
    (text,) = [text.get_text() for text in below.texts if "B" in text.get_text()]
    assert text == f"B\nslope {-data['order_main_ode'].sel(case='B', variable='R').item():.2f}"


def test_labels_keep_apart_and_in_order() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        places = rng.uniform(0, 1, 6)
        put = convergence.spread(places, 0.1)
        ranks = np.argsort(places)
        assert (np.diff(put[ranks]) >= 0.1 - 1e-12).all()
        assert 0.0 <= put.min() <= put.max() <= 1.0
    assert_allclose(convergence.spread(np.array([0.2, 0.8]), 0.1), [0.2, 0.8])
    assert_allclose(convergence.spread(np.array([0.5, 0.5]), 0.1), [0.45, 0.55])


def test_texts_do_not_overlap(data) -> None:
    for figure in (limits.limits(data), limits.momentum(data), convergence.convergence(data)):
        figure.draw_without_rendering()
        for ax in figure.axes:
            boxes = [text.get_window_extent() for text in [ax.title, ax._left_title, *ax.texts] if text.get_text()]
            assert not [1 for a, b in itertools.combinations(boxes, 2) if a.overlaps(b)]


@pytest.mark.parametrize(("d", "text"), [(100, "$10^{2}$"), (1e6, "$10^{6}$"), (30, "30"), (250, "250"), (10, "10")])
def test_dimensions(d: float, text: str) -> None:
    assert slow_time.dimension(d) == text


def test_a_region_has_its_moments_and_raw_risk_on_a_logarithmic_axis(data, inside, bars) -> None:
    case = data.isel(case=0)
    figure = collapse.collapse(case, log=True)
    inside(figure)
    assert [ax.get_yscale() for ax in figure.axes] == ["linear", "linear", "linear", "log"]
    assert all(ax.get_xlabel() == "slow time $s$" for ax in figure.axes)
    for ax, variable, power in zip(figure.axes, ("R", "V", "C", "R"), (0, 2, 1, 0), strict=True):
        curves = [line.get_ydata() for line in ax.lines]
        for d in DIMENSIONS:
            assert any(np.array_equal(curve, case["main_ode"].sel(dimension=d, variable=variable)) for curve in curves)
        assert any(np.array_equal(curve, case["limit_curve"].sel(variable=variable)) for curve in curves)
        for container, d in zip(ax.containers, SIMULATED, strict=True):
            drawn = np.asarray(container.lines[0].get_ydata(), float)
            assert_allclose(drawn, case["mean"].sel(d=d, moment=variable) / 0.1**power)
            assert_allclose(bars(container), 2.0 * case["std_error"].sel(d=d, moment=variable) / 0.1**power)
    names = ["squared error $R$", "momentum energy $V/p^2$", "correlation $C/p$", "$R$, logarithmic"]
    assert [ax.get_ylabel() for ax in figure.axes] == names
    (legend,) = figure.legends
    drawn = {
        text.get_text(): line.get_color() for text, line in zip(legend.get_texts(), legend.get_lines(), strict=True)
    }
    for d in DIMENSIONS:
        (curve,) = [line for line in figure.axes[0].lines
                    if np.array_equal(line.get_ydata(), case["main_ode"].sel(dimension=d, variable="R"))]  # fmt: skip
        assert np.array_equal(drawn[f"$d$ = {slow_time.dimension(d)}"], curve.get_color())
    assert "; $\\alpha" in figure.get_suptitle()


def test_the_exact_map_is_dotted_at_whole_updates_and_early_ends_are_marked(data) -> None:
    case = data.sel(case="F")
    figure = collapse.collapse(case)
    ax = figure.axes[0]
    for d in (100, 10000):
        times, values = slow_time.at_updates(case.sel(dimension=d, variable="R"))
        assert any(np.array_equal(line.get_xdata(), times) and np.array_equal(line.get_ydata(), values)
                   for line in ax.lines if line.get_linestyle() not in ("-", "None"))  # fmt: skip
    (end,) = [line for line in ax.lines if line.get_marker() == "<"]
    assert end.get_xdata()[0] == float(case["slow_time"].sel(d=10000).max())
    assert slow_time.ENDS_EARLY in [text.get_text() for text in figure.legends[0].get_texts()]


def test_all_that_is_simulated_is_drawn(data) -> None:
    case = data.isel(case=0)
    own = case.assign_coords(dimension=[100, 3000, 10**6], d=[100.0, 3000.0])
    assert len(collapse.collapse(own).axes[0].containers) == 2
