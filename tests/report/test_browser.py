"""The page in a browser: what it shows is what is stored, by pointer, by keyboard and in words, at every width."""

import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from sparsesim import outcomes, report
from sparsesim.figures import boundaries, reading
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.scaling import Scaling
from sparsesim.studies import momentum, phase_diagram
from sparsesim.sweep import Sweep, Times
from sparsesim.theory import least_squares, phases, stability

playwright = pytest.importorskip("playwright.sync_api", reason="`make test-browser` installs what this needs")
pytestmark = pytest.mark.browser

WIDTHS = {"desk": 1280, "tablet": 800, "phone": 390}
SCREENSHOTS = Path("build/screenshots")
DIGITS = 6e-4  # a value is shown with four
POINTS = 200
REFUSED = [
    ("alpha", "-1", "α must be 0 or above"),
    ("delta", "0", "δ must be above 0"),
    ("d", "2.5", "d must be a whole number"),
    ("beta", "", "β must be 0 or above"),
]
EXACT = [
    (0.5, 1.5, 1.0),
    (0.3, 0.5, 0.8),
    (0.8, 0.3, 1.5),
    (0.5, 0.5, 1.0),
    (0.5, 0.5, 1.5),
    (0.5, 0.5, 0.5),
    (0.8, 0.3, 0.5),
    (1.0, 0.0, 0.5),
    (0.0, 0.0, 1.0),
]  # on boundaries, where floats are equal or nearly so
SUPERSCRIPTS = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
SYMBOLS = {"d": "d", "p": "p", "B": "B", "η": "eta", "ε = 1 − μ": "eps", "α": "alpha", "δ": "delta", "κ": "kappa"}
RANGES = {
    "alpha": (0, 2), "beta": (0, 2), "delta": (0.02, 2),
    "c_p": (0.2, 1.5), "c_B": (0.5, 3), "c_eps": (0.2, 2), "c_eta": (0.1, 1.5),
}  # fmt: skip
Opened = Callable[..., Any]


def number(text: str) -> float:
    """A number as the page writes it."""
    text = text.strip().replace("−", "-").replace(",", "")
    if text in ("–", "∞", "-∞"):
        return {"–": np.nan, "∞": np.inf, "-∞": -np.inf}[text]
    mantissa, _, power = text.partition(" × 10")
    return float(mantissa) * 10.0 ** int(power.translate(SUPERSCRIPTS) or 0)


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    found = shutil.which(os.environ.get("CHROMIUM", "chromium"))
    assert found, "there is no Chromium; give its path in the environment variable CHROMIUM"
    with playwright.sync_playwright() as started:
        launched = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[Opened]:
    """Opens the page of a dataset; at the end nothing may have been said on the console or asked of the network."""
    said: list[str] = []
    contexts = []

    def open_(dataset: xr.Dataset, width: int = 1280, **options: Any) -> Any:
        path = tmp_path / "report.html"
        outcome = outcomes.Outcome("a study", [("row", "[green]value")], (), "What came out.")
        report.write(dataset.assign_attrs(sweep="made"), outcome, [], path)
        contexts.append(browser.new_context(viewport={"width": width, "height": 900}, **options))
        page = contexts[-1].new_page()
        page.set_default_timeout(10_000)
        page.on("console", lambda message: said.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"error: {error}"))
        page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else said.append(asked.url))
        page.goto(path.as_uri())
        page.wait_for_selector("html[data-ready=yes]", state="attached")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert said == []


def point(page: Any, column: int, row: int) -> None:
    """Move the pointer to the middle of a cell of the plane."""
    x, y = page.evaluate(
        """([column, row]) => {
            const {drawn, view} = explorer;
            const one = drawn.cells[row * view.x.order.length + column];
            document.getElementById("plane").scrollIntoView({block: "center"});
            const box = drawn.figure.getBoundingClientRect(), wide = box.width / drawn.figure.viewBox.baseVal.width;
            const {x, y} = drawn.scales, middle = (scale, low, high) => (scale.apply(low) + scale.apply(high)) / 2;
            return [box.left + wide * middle(x, one.x1, one.x2), box.top + wide * middle(y, one.y1, one.y2)];
        }""",
        [column, row],
    )
    page.mouse.move(x, y)


def listed(page: Any, box: str = "#cell") -> dict[str, str]:
    """What is said of a cell, by name."""
    names, values = (page.locator(f"{box} {tag}").all_inner_texts() for tag in ("dt", "dd"))
    return dict(zip(names, values, strict=True))


def choose(page: Any, words: str) -> None:
    page.select_option("#quantity", label=words)


def slide(page: Any, name: str, rank: int) -> None:
    page.locator(name).evaluate(
        "(input, rank) => { input.value = rank; input.dispatchEvent(new Event('input')); }", rank
    )


def test_pointing_at_a_cell_shows_what_is_stored_of_it(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    for column, row in [(0, 0), (1, 2), (2, 3)]:
        point(page, column, row)
        stored = compared.isel(beta=0, d=0, alpha=column, delta=row)
        last = stored.sel(moment="R").isel(time=-1)
        assert number(page.inner_text("#value")) == pytest.approx(float(last["mean"]), rel=DIGITS)
        said = listed(page)
        for symbol, name in SYMBOLS.items():
            assert number(said[symbol]) == pytest.approx(float(stored[name]), rel=DIGITS), symbol
        problem = LeastSquares(int(stored["d"]), float(stored["p"]), int(stored["B"]))
        optimizer = HeavyBall(float(stored["eta"]), float(stored["eps"]))
        times = phases.timescales(problem, optimizer)
        assert number(said["memory"]) == pytest.approx(times.retention, rel=DIGITS)
        assert number(said["learning"]) == pytest.approx(times.learning, rel=DIGITS)
        assert number(said["rate a minibatch"]) == pytest.approx(stability.decay_rate(problem, optimizer), rel=DIGITS)
        phase = phases.classify(float(stored["alpha"]), float(stored["beta"]), float(stored["delta"]))
        assert said["region"] == f"{phase.region}: {phases.REGIONS[phase.region]}"
        assert said["momentum"] == phase.momentum_phase
        assert said["verdict"] == str(stored["verdict"].item())
        assert number(said["feedback H"]) == pytest.approx(float(stored["feedback"]), rel=DIGITS)


def test_every_quantity_is_the_stored_one(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    point(page, 1, 2)
    of = compared.isel(beta=0, d=0, alpha=1, delta=2)
    last = of.sel(moment="R").isel(time=-1)
    for words, value in {
        "exact": last["exact"], "limit as d grows": last["limit"],
        "z, simulated against exact in standard errors": last["z"], "stability margin 1 − H": 1.0 - of["feedback"],
    }.items():  # fmt: skip
        choose(page, words)
        assert number(page.inner_text("#value")) == pytest.approx(float(value), rel=DIGITS), words
    choose(page, "region of the phase plane")
    assert page.inner_text("#value") == phases.classify(0.5, 0.25, 1.6).region
    assert "sparse batches, above resonance" in page.inner_text("#lines")


def test_clicking_shows_all_records_of_a_cell(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    before = page.inner_text("#trajectory-title")
    point(page, 2, 1)
    assert page.inner_text("#trajectory-title") == before
    page.mouse.down()
    page.mouse.up()
    assert page.inner_text("#trajectory-title") == "squared error R at β = 0.25, d = 100, α = 1, δ = 1"
    stored = compared.isel(beta=0, d=0, alpha=2, delta=1).sel(moment="R")
    rows = [row.split("\t") for row in page.locator("#records tbody").inner_text().splitlines()]
    assert len(rows) == stored.sizes["time"]
    for k, (time, simulated, exact, limit, z) in enumerate(rows):
        mean, _, error = simulated.partition(" ± ")
        assert number(time) == stored["time"][k]
        assert number(mean) == pytest.approx(float(stored["mean"][k]), rel=DIGITS)
        assert number(error) == pytest.approx(float(stored["std_error"][k]), rel=0.06)  # two digits of it
        assert number(exact) == pytest.approx(float(stored["exact"][k]), rel=DIGITS)
        assert number(limit) == pytest.approx(float(stored["limit"][k]), rel=DIGITS)
        assert number(z.split(" ")[0]) == pytest.approx(float(stored["z"][k]), rel=6e-3, nan_ok=True)
    assert page.locator("#trajectories svg").count() == 2
    drawn = page.locator("#trajectories svg").first
    assert drawn.locator("circle").count() == stored.sizes["time"]
    page.select_option("#moment", label="correlation C")
    assert page.inner_text("#trajectory-title").startswith("correlation C at")


def test_sliders_move_through_beta_and_d(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    point(page, 1, 1)
    for beta, d, record in [(0, 3, 9), (1, 3, 9), (1, 4, 2)]:
        slide(page, "#slice-beta", beta)
        slide(page, "#slice-d", d)
        slide(page, "#record", record)
        stored = compared.isel(beta=beta, d=d, alpha=1, delta=1, time=record).sel(moment="R")
        assert number(page.inner_text("#value")) == pytest.approx(float(stored["mean"]), rel=DIGITS)
        assert number(listed(page)["d"]) == float(stored["d"])
        said = f"β = {float(stored['beta']):g}, d = {int(stored['d']):,}"
        assert page.inner_text("#trajectory-title").split(" at ")[1].startswith(said.replace("1,000,000", "1 × 10⁶"))
    slide(page, "#slice-beta", 1)
    assert "α = β − 1" in page.inner_text("#lines")
    page.select_option("#axis-x", label="dimension d")
    assert page.locator("#slice-alpha").count() == 1
    assert page.locator("#slice-d").count() == 0


def test_it_works_by_keyboard_alone(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    for _ in range(40):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "plane":
            break
    assert page.evaluate("document.activeElement.id") == "plane"
    page.keyboard.press("Home")
    for key in ("ArrowDown",) * 4 + ("ArrowRight", "ArrowUp", "ArrowUp"):
        page.keyboard.press(key)
    stored = compared.isel(beta=0, d=0, alpha=1, delta=2)
    said = page.locator("#said").text_content()
    assert said.startswith("β = 0.25, d = 100, α = 0.5, δ = 1.6: squared error R: simulated ")
    assert number(said.rpartition(" ")[2]) == pytest.approx(float(stored["mean"].sel(moment="R")[-1]), rel=DIGITS)
    page.keyboard.press("Enter")
    assert page.inner_text("#trajectory-title") == "squared error R at β = 0.25, d = 100, α = 0.5, δ = 1.6"


def test_unstable_cells_are_marked_without_colour(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    unstable = compared["feedback"].isel(beta=0, d=0) >= 1.0
    assert unstable.any()
    assert page.locator('#plane rect[fill="url(#hatch)"], #plane g[fill="url(#hatch)"] rect').count() == int(
        unstable.sum()
    )
    assert "hatched: unstable" in page.inner_text("#lines")
    column, row = np.argwhere(unstable.transpose("alpha", "delta").values)[0]
    point(page, int(column), int(row))
    assert page.locator("#said").text_content().endswith(", unstable")


def test_the_plane_is_also_a_table(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    page.click("#table summary")
    rows = [row.split("\t") for row in page.locator("#table tbody").inner_text().splitlines()]
    values = np.array([[number(one) for one in row[1:]] for row in rows])
    stored = compared["mean"].isel(beta=0, d=0, time=-1).sel(moment="R").transpose("delta", "alpha").values
    np.testing.assert_allclose(values, stored[::-1], rtol=DIGITS)
    assert [number(row[0]) for row in rows] == sorted(compared["delta"].values.tolist(), reverse=True)


def test_closed_forms_are_those_of_python_at_random_points(opened: Opened, compared: xr.Dataset) -> None:
    page, rng = opened(compared), np.random.default_rng(11)
    scalings, counts = [], []
    for alpha, beta, delta in EXACT:
        common = {"c_p": 1.0, "c_B": 2.5, "c_eps": 1.0, "c_eta": 0.5, "kappa": None, "d": 1000}
        scalings.append({"alpha": alpha, "beta": beta, "delta": delta, **common})
        counts.append([0, 10, 1000])
    for _ in range(POINTS):
        values = {name: float(rng.uniform(*ends)) for name, ends in RANGES.items()}
        kappa = None if rng.random() < 0.5 else Scaling(**values).kappa + float(rng.uniform(-0.3, 0.5))
        scalings.append({**values, "kappa": kappa, "d": int(10 ** rng.uniform(0.3, 9))})
        counts.append(sorted({0, *(int(10**power) for power in rng.uniform(0, 9, 4))}))
    found = page.evaluate(
        """([scalings, counts]) => scalings.map((scaling, i) => {
            const cell = theory.realised(scaling), {noise, curvature} = theory.feedbacks(cell);
            return {cell, phase: theory.classify(scaling), critical: theory.critical(cell), H: noise + curvature,
                    rate: theory.rate(cell), times: theory.timescales(cell),
                    moments: theory.moments(cell, counts[i]).flat().map(String)};
        })""",
        [scalings, counts],
    )
    compared_points, worst = 0, 0.0
    for given, times, one in zip(scalings, counts, found, strict=True):
        scaling = Scaling(**{name: value for name, value in given.items() if name != "d"})
        problem, optimizer = scaling.at(given["d"])
        for name, of in {"p": problem, "B": problem, "eps": optimizer, "eta": optimizer}.items():
            assert one["cell"][name] == pytest.approx(getattr(of, name), rel=1e-12)
        phase = phases.classify(scaling.alpha, scaling.beta, scaling.delta)
        assert one["phase"] == {name: getattr(phase, name) for name in one["phase"]}
        critical = stability.critical_learning_rate(problem, optimizer.eps)
        assert one["critical"] == pytest.approx(critical, rel=1e-12)
        assert one["H"] == pytest.approx(optimizer.eta / critical, rel=1e-12)
        near = abs(1.0 - one["H"])  # a rate is a difference there
        assert one["rate"] == pytest.approx(stability.decay_rate(problem, optimizer), rel=1e-9 / min(1.0, near))
        expected = phases.timescales(problem, optimizer)
        assert one["times"]["retention"] == pytest.approx(expected.retention, rel=1e-12)
        if one["times"]["learning"] is not None:
            assert one["times"]["learning"] == pytest.approx(expected.learning, rel=1e-9 / min(1.0, near))
        exact = least_squares.moments(problem, optimizer, np.array(times), "minibatch")
        shown = np.array([float(value.replace("Infinity", "inf")) for value in one["moments"]]).reshape(exact.shape)
        scale = np.stack([exact[:, 0], exact[:, 1], np.sqrt(exact[:, 0]) * np.sqrt(exact[:, 1])], axis=-1)
        usual = (scale > 1e-280) & (scale < 1e280)
        compared_points += int(usual.sum())
        apart = np.abs(shown[usual] - exact[usual]) / scale[usual]
        worst = max(worst, float(apart.max(initial=0.0)) * min(1.0, near))
    assert worst < 1e-7
    assert compared_points > 5 * POINTS


def test_the_free_panel_says_what_python_says(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    for name, value in {"alpha": "0.8", "beta": "0.3", "delta": "0.9", "d": "5000", "kappa": "0.65"}.items():
        page.fill(f"#free-{name}", value)
        page.press(f"#free-{name}", "Tab")
    assert not page.is_checked("#free-prescribed")
    problem, optimizer = Scaling(0.8, 0.3, 0.9, kappa=0.65).at(5000)
    said = listed(page, "#free-values")
    critical = stability.critical_learning_rate(problem, optimizer.eps)
    assert said["region"].startswith("E: ")
    assert number(said["largest stable η"]) == pytest.approx(critical, rel=DIGITS)
    assert number(said["feedback H"].partition(", ")[0]) == pytest.approx(optimizer.eta / critical, rel=DIGITS)
    assert number(said["decay rate a minibatch"]) == pytest.approx(stability.decay_rate(problem, optimizer), rel=DIGITS)
    last = page.inner_text("#free-last")
    count, R = (number(re.search(pattern, last)[1]) for pattern in (r"After (.+) minibatches", r"R = ([^,]+),"))
    assert least_squares.moments(problem, optimizer, [round(count)], "minibatch")[0, 0] == pytest.approx(R, rel=2e-3)
    page.click("#free-take")
    picked = page.inner_text("#trajectory-title")
    assert f"α = {page.input_value('#free-alpha')}, δ = {page.input_value('#free-delta')}" in picked
    page.check("#free-prescribed")
    assert number(page.input_value("#free-kappa")) == pytest.approx(Scaling(0.5, 0.25, 1.6).kappa)
    page.fill("#free-alpha", "200")
    page.press("#free-alpha", "Tab")
    assert "outside the range" in page.inner_text("#free-error")
    assert page.locator("#free-values.stale").count() == 1
    page.fill("#free-alpha", "0.5")
    page.press("#free-alpha", "Tab")
    assert page.inner_text("#free-error") == ""
    assert page.locator("#free-values.stale").count() == 0
    for name, value, words in REFUSED:
        page.fill(f"#free-{name}", value)
        page.press(f"#free-{name}", "Tab")
        assert words in page.inner_text("#free-error")
        page.fill(f"#free-{name}", {"d": "100"}.get(name, "0.5"))
        page.press(f"#free-{name}", "Tab")


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_it_fits_every_width_and_can_be_read_aloud(
    width: str, theme: str, opened: Opened, compared: xr.Dataset
) -> None:
    from axe_playwright_python.sync_playwright import Axe

    page = opened(compared, WIDTHS[width], color_scheme=theme)
    assert page.evaluate("document.scrollingElement.scrollWidth") <= WIDTHS[width]
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=SCREENSHOTS / f"{width}_{theme}.png", full_page=True)
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()


def test_the_picked_cell_s_learning_rate_is_taken(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    point(page, 0, 0)
    page.mouse.down()
    page.mouse.up()
    page.click("#free-take")
    stored = compared.isel(beta=0, d=0, alpha=0, delta=0)
    said = listed(page, "#free-values")
    assert number(said["ε, η"].split(", ")[1]) == pytest.approx(float(stored["eta"]), rel=DIGITS)
    assert number(said["feedback H"].partition(", ")[0]) == pytest.approx(float(stored["feedback"]), rel=DIGITS)
    assert "unstable" in said["feedback H"]
    phase = phases.classify(0.0, 0.25, 0.4)
    kappas = [number(one) for one in said["prescribed κ, that of the frontier"].split(", ")]
    assert kappas == pytest.approx([phase.kappa, phase.frontier_exponent], rel=DIGITS)
    powers = [number(one) for one in said["memory, learning: like d to the"].split(", ")]
    assert powers == pytest.approx([phase.retention_exponent, phase.learning_exponent], rel=DIGITS)


def test_the_free_panel_hides_what_it_cannot_take(opened: Opened, compared: xr.Dataset) -> None:
    assert opened(compared).locator("#free-take").is_visible()
    assert opened(compared.drop_vars("c_eta")).locator("#free-take").is_hidden()


@pytest.mark.parametrize(("beta", "lines"), [(0, 3), (1, 4)])
def test_lines_are_where_the_figures_have_them(beta: int, lines: int, opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    slide(page, "#slice-beta", beta)
    found = page.evaluate("explorer.drawn.found.map((one) => [one.x1, one.y1, one.x2, one.y2, ...plane.sidesOf(one)])")
    x, y = reading.edges(compared["alpha"].values), reading.edges(compared["delta"].values)
    drawn = boundaries.lines(compared.isel(beta=beta, d=0), "alpha", "delta", (x[0], x[-1], y[0], y[-1]))
    assert len(drawn) <= lines
    assert len(found) == len(drawn) > 1
    for one, line in zip(found, drawn, strict=True):
        np.testing.assert_allclose(one[:4], [*line.start, *line.end], atol=1e-12)
        assert one[4:] == [line.left, line.right]


def heights(page: Any, name: str) -> list[float]:
    """What the marks of the trajectories' first chart say, from their pixels, by their scale; of bars their length."""
    return page.evaluate(
        """(name) => {
            const chart = document.querySelector("#trajectories svg"), scale = chart.scale("y");
            const numbers = (path) => path.getAttribute("d").match(/-?[0-9.e]+/g).map(Number);
            const values = (path) => numbers(path).filter((_, i) => i % 2).map((y) => scale.invert(y));
            const paths = (mark) => [...chart.querySelectorAll(`g[aria-label=${mark}]`)];
            if (name === "dots") {
                return [...chart.querySelectorAll("circle")].map((one) => scale.invert(Number(one.getAttribute("cy"))));
            }
            if (name === "bars") {
                const ends = [...paths("link")[0].querySelectorAll("path")].map(values);
                return ends.map(([low, high]) => Math.abs(high - low));
            }
            const dashed = (one) => Boolean(one.getAttribute("stroke-dasharray")) === (name === "limit");
            return values(paths("line").find(dashed).querySelector("path"));
        }""",
        name,
    )


def test_curves_are_drawn_where_their_values_are(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    point(page, 1, 2)
    page.mouse.down()
    page.mouse.up()
    stored = compared.isel(beta=0, d=0, alpha=1, delta=2).sel(moment="R")
    for name, values in {"dots": stored["mean"], "exact": stored["exact"], "limit": stored["limit"]}.items():
        np.testing.assert_allclose(heights(page, name), values, atol=2e-3, err_msg=name)
    np.testing.assert_allclose(heights(page, "bars"), 4.0 * stored["std_error"], atol=2e-3)
    assert page.locator("#trajectories svg").first.locator("[aria-label=rule] line").count() == 1


def test_times_of_their_own(opened: Opened, compared: xr.Dataset) -> None:
    own = compared.isel(beta=0, d=0).drop_vars("time")
    times = np.arange(12)[:, None] * 100 + 1 + np.arange(10)
    page = opened(own.assign_coords(clock_time=(("alpha", "delta", "time"), times.reshape(3, 4, 10))))
    point(page, 2, 1)
    page.mouse.down()
    page.mouse.up()
    first = [number(row.split("\t")[0]) for row in page.locator("#records tbody").inner_text().splitlines()]
    assert first == times[2 * 4 + 1].tolist()


def test_what_is_not_trusted_says_so(opened: Opened, compared: xr.Dataset) -> None:
    trusted = compared["trusted"].copy()
    trusted[{"beta": 0, "d": 0, "alpha": 1, "delta": 1, "time": -1}] = False
    z = compared["z"].copy()
    z[{"beta": 0, "d": 0, "alpha": 1, "delta": 2, "time": -1}] = 2.5
    z[{"beta": 0, "d": 0, "alpha": 0, "delta": 2, "time": -1}] = -1.5
    page = opened(compared.assign(trusted=trusted, z=z))
    choose(page, "z, simulated against exact in standard errors")
    point(page, 1, 1)
    assert page.inner_text("#value").endswith(" (not trusted)")
    assert page.locator("#said").text_content().endswith(" (not trusted)")
    page.mouse.down()
    page.mouse.up()
    assert page.locator("#records tr").last.inner_text().endswith("(not trusted)")
    marks = page.locator("#plane g[aria-label=text] text").all_text_contents()
    assert "+" in marks
    assert "empty: no z, or none to trust" in page.inner_text("#lines")


def test_axes_can_be_changed_without_losing_the_cell(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared)
    point(page, 1, 2)
    page.mouse.down()
    page.mouse.up()
    before = page.inner_text("#trajectory-title")
    page.select_option("#axis-x", label="dimension d")
    assert page.inner_text("#trajectory-title") == before
    assert page.inner_text("#cell h3") == before.split(" at ")[1]


def test_the_button_turns_light_into_dark(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared, color_scheme="light")
    ground = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(ground)
    page.click("#theme")
    after = page.evaluate(ground)
    assert before == "rgb(255, 255, 255)"
    assert after != before
    page.click("#theme")
    assert page.evaluate(ground) == before


def formulas(study: Any, **axes: list[float]) -> xr.Dataset:
    parameters = {"alpha": 0.5, "beta": 0.5, "delta": 1.0, "d": 100}
    given = {name: value for name, value in parameters.items() if name not in axes}
    return study.compute(Sweep(axes, given, Times(10), 2, 0), lambda done, total: None)


def test_a_single_cell_shows_its_trajectory(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared.isel(beta=0, d=1, alpha=1, delta=1))
    assert page.locator("#over").is_hidden()
    assert page.locator("#trajectories circle").count() > 5
    assert number(listed(page, "#alone")["d"]) == 1000


def test_a_row_of_cells_is_a_curve(opened: Opened, compared: xr.Dataset) -> None:
    page = opened(compared.isel(beta=0, alpha=1, delta=1))
    assert page.locator("#plane circle").count() == 5
    page.focus("#plane")
    page.keyboard.press("End")
    page.keyboard.press("End")
    assert page.locator("#said").text_content().startswith("d = 1 × 10⁶: ")


def test_cases_are_named(opened: Opened, compared: xr.Dataset) -> None:
    plane = compared.isel(beta=0, d=0).drop_vars("alpha").rename(alpha="case")
    page = opened(plane.assign_coords(case=["one", "two", "three"]))
    page.focus("#plane")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("ArrowDown")
    assert "case = one" in page.locator("#said").text_content()


@pytest.mark.parametrize("study", ["phase_diagram", "momentum"])
def test_planes_of_formulas_can_be_explored(study: str, opened: Opened) -> None:
    if study == "phase_diagram":
        dataset = formulas(phase_diagram, alpha=[0.2, 0.8, 1.2], delta=[0.5, 1.0, 1.5], beta=[0.5, 1.4])
    else:
        dataset = formulas(momentum, eta=[0.01, 0.1, 1.0, 10.0, 100.0], eps=[0.001, 0.01, 0.1, 0.5, 1.0])
    page = opened(dataset)
    assert page.locator("#trajectory").is_hidden()
    point(page, 1, 1)
    if study == "phase_diagram":
        assert page.inner_text("#value") == phases.classify(0.8, 0.5, 1.0).region
        assert "learning time, active updates: exponent of d" in listed(page)
    else:
        assert number(page.inner_text("#value")) == pytest.approx(float(dataset["decay_rate"][1, 1]), rel=DIGITS)
