"""Experiments: every figure has its parts, is drawn from stored data alone, and is judged by its numbers."""

import json
import math
import sys
from pathlib import Path

import matplotlib.figure
import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from sparsesim import config, experiment, run, store
from sparsesim.experiment import Check, Verdict
from sparsesim.figures import collapse, rates, style

FOLDER = Path(__file__).parents[1] / "experiments"
QUIET = Console(quiet=True)


def conducted(name: str, folder: Path, *, redraw: bool = False) -> Verdict:
    """An experiment at its smallest."""
    overrides = ["scale=smoke", f"output={folder / 'runs'}"]
    return experiment.conduct(FOLDER, name, overrides, folder / "figures", redraw, QUIET)


def test_every_figure_has_a_configuration_a_title_and_words() -> None:
    names = experiment.names(FOLDER)
    configurations = (config.folder() / "experiment").glob("fig*.yaml")
    assert names == sorted(path.stem for path in configurations)
    for name in names:
        module = experiment.found(FOLDER, name)
        title, words = experiment.title(module), experiment.words(module)
        assert title.endswith(".")
        assert words.endswith(".")
        assert len(title) < 120
        assert experiment.composed(name, []).sweep.name == name
        assert callable(module.draw)
        assert callable(module.checks)


def test_an_unknown_figure_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"a figure must be one of fig01, .*, got 'fig00'"):
        experiment.found(FOLDER, "fig00")


@pytest.fixture(scope="module")
def slopes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a figure that has been computed."""
    folder = tmp_path_factory.mktemp("fig07")
    assert conducted("fig07", folder).holds
    return folder


def test_a_figure_is_drawn_again_from_stored_data_alone(slopes: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in (slopes / "figures").glob("fig07.*")}
    assert before.keys() == {"fig07.pdf", "fig07.png", "fig07.json"}
    monkeypatch.setattr(run, "computed", lambda *arguments, **options: pytest.fail("simulated"))
    assert conducted("fig07", slopes, redraw=True).holds
    after = {path.name: path.read_bytes() for path in (slopes / "figures").glob("fig07.*")}
    assert after["fig07.pdf"] == before["fig07.pdf"]
    assert after["fig07.png"] == before["fig07.png"]
    kept = json.loads(after["fig07.json"])
    assert kept["holds"] is True
    assert kept["checks"][0]["quantity"].startswith("measured over predicted slope")
    assert {check["holds"] for check in kept["checks"]} == {True}


@pytest.mark.slow
def test_a_record_says_how_a_figure_was_made_and_how_long_that_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    record, figures = tmp_path / "fig06.json", tmp_path
    for overrides, command in (
        (["scale=smoke"], "make fig06 SCALE=smoke"),
        (["scale=smoke", "seed=1"], "python -m experiments fig06 scale=smoke seed=1"),
    ):
        experiment.conduct(FOLDER, "fig06", overrides, figures, False, QUIET)
        kept = json.loads(record.read_text())
        assert (kept["command"], kept["scale"]) == (command, "smoke")
        assert "jax" in kept["machine"]
        assert 0.0 < kept["seconds"] < 100.0
    record.write_text("{")  # what is drawn again depends on the data alone
    experiment.conduct(FOLDER, "fig06", [], figures, True, QUIET)
    assert json.loads(record.read_text()) == kept


def test_without_data_there_is_nothing_to_draw_again(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"fig07.nc is missing; make fig07 computes it"):
        conducted("fig07", tmp_path, redraw=True)


def points(figure: matplotlib.figure.Figure, number: int) -> list[np.ndarray]:
    """The data of all lines of markers in an axes, (point, 2)."""
    ax = figure.axes[number]
    return [line.get_xydata() for line in ax.lines if line.get_marker() == "o" and len(line.get_xydata())]


def test_slopes_are_drawn_from_the_data(slopes: Path) -> None:
    dataset = store.load(slopes / "figures" / "data" / "fig07.nc")
    figure = rates.slopes(dataset, "c_p", "$c_p$")
    own = dataset.isel(d=-1)
    drawn = points(figure, 0)
    for case, line in zip(own["case"].values, drawn, strict=True):
        np.testing.assert_array_equal(line[:, 0], own["slow_time"].sel(case=case))
        np.testing.assert_array_equal(line[:, 1], own["mean"].sel(case=case, moment="R"))
    measured = np.concatenate(points(figure, 1))
    np.testing.assert_array_equal(measured, np.stack([own["c_p"], own["rate"]], axis=1))
    assert figure.axes[0].get_yscale() == "log"
    assert figure.axes[0].get_xlabel() == "slow time $s$"


def test_a_region_is_drawn_from_the_data(tmp_path: Path) -> None:
    verdict = conducted("fig13", tmp_path)
    assert verdict.holds, verdict.checks
    case = store.load(tmp_path / "figures" / "data" / "fig13.nc").isel(case=0)
    figure = collapse.collapse(case)
    dimensions = [d for d in collapse.DIMENSIONS if d in case["dimension"].values]
    assert len(dimensions) == 4
    for ax, variable, power in zip(figure.axes, ("R", "V", "C"), (0, 2, 1), strict=True):
        lines = [line.get_xydata() for line in ax.lines]
        curves = [case["main_ode"].sel(dimension=d, variable=variable).values for d in dimensions]
        curves.append(case["limit_curve"].sel(variable=variable).values)
        for curve in curves:
            assert any(len(line) == len(curve) and np.array_equal(line[:, 1], curve) for line in lines)
        for d in set(dimensions) & set(case["d"].values.tolist()):
            at = case.sel(d=d, moment=variable)
            simulated = np.stack([at["slow_time"], at["mean"] / float(at["p"]) ** power], axis=1)
            assert any(np.array_equal(line, simulated) for line in lines)


@pytest.mark.parametrize(("low", "high", "value", "holds"), [
    (-math.inf, 1.0, 1.0, True), (-math.inf, 1.0, 1.1, False), (0.5, math.inf, 0.4, False), (0.0, 1.0, math.nan, False),
])  # fmt: skip
def test_numbers_hold_within_their_bounds(low: float, high: float, value: float, holds: bool) -> None:
    assert Check("", value, low, high).holds is holds


def test_a_verdict_outside_its_bound_makes_the_command_fail(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = experiment.found(FOLDER, "fig06")
    monkeypatch.setattr(experiment, "found", lambda folder, name: module)
    command = ["experiments", "fig06", "scale=smoke", f"output={tmp_path}", "--to", str(tmp_path / "figures")]
    monkeypatch.setattr(module, "draw", lambda dataset: style.new_figure()[0])  # its own takes long
    for bound, status in ((0.5, experiment.OUTSIDE), (2.0, 0)):
        monkeypatch.setattr(module, "checks", lambda dataset, high=bound: [Check("one", 1.0, high=high)])
        monkeypatch.setattr(sys, "argv", command)
        with pytest.raises(SystemExit) as ended:
            experiment.main(FOLDER)
        assert ended.value.code == status
        said = capsys.readouterr().out
        assert ("does not hold" in " ".join(said.split())) is (status != 0)
    monkeypatch.setattr(sys, "argv", [*command, "no_such_key=1"])
    with pytest.raises(SystemExit) as ended:
        experiment.main(FOLDER)
    assert ended.value.code == run.BAD_INPUT
    assert capsys.readouterr().err.startswith("error: ")


def test_what_redraws_cannot_be_overridden(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["experiments", "fig06", "--figures-only", "scale=gpu"])
    with pytest.raises(SystemExit) as ended:
        experiment.main(FOLDER)
    assert ended.value.code == run.BAD_INPUT
    assert "--figures-only computes nothing that could be overridden, got scale=gpu" in capsys.readouterr().err


def test_unknown_figures_and_folders_that_cannot_be_are_refused_before_anything(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(experiment, "conduct", lambda *arguments: pytest.fail("conducted"))
    (tmp_path / "file").write_text("")
    for words, said in (
        (["fig01", "fig00", "foo"], f"must be one of fig01 to {experiment.names(FOLDER)[-1]}, got fig00, foo"),
        (["fig01", "--to", str(tmp_path / "file")], "file cannot be written: Not a directory"),
    ):
        monkeypatch.setattr(sys, "argv", ["experiments", *words])
        with pytest.raises(SystemExit) as ended:
            experiment.main(FOLDER)
        assert ended.value.code == run.BAD_INPUT
        assert said in capsys.readouterr().err


def test_what_fails_is_named_at_the_end_and_leaves_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    module = experiment.found(FOLDER, "fig06")
    monkeypatch.setattr(experiment, "found", lambda folder, name: module)
    figures = tmp_path / "figures"
    command = ["experiments", "fig06", "scale=smoke", f"output={tmp_path}", "--to", str(figures)]
    monkeypatch.setattr(sys, "argv", command)
    monkeypatch.setattr(module, "draw", lambda dataset: style.new_figure()[0])  # its own takes long
    for fails in (False, True):
        if fails:
            monkeypatch.setattr(module, "draw", lambda dataset: int("boom"))
        with pytest.raises(SystemExit) as ended:
            experiment.main(FOLDER)
        said = capsys.readouterr()
        assert (figures / "fig06.json").exists() is not fails
        assert ("1 of 1 failed: fig06" in said.out) is fails
        assert ("error: fig06: invalid literal" in said.err) is fails
        assert (ended.value.code == 0) is not fails


def test_damaged_data_and_that_of_another_figure_are_named(slopes: Path, tmp_path: Path) -> None:
    whole = (slopes / "figures" / "data" / "fig07.nc").read_bytes()
    (tmp_path / "figures" / "data").mkdir(parents=True)
    for name, content, words in (
        ("fig08", whole, "is the data of fig07; make fig08 computes it"),
        ("fig07", whole[:5000], "cannot be read; make fig07 computes it again"),
        ("fig07", b"", "cannot be read"),
    ):
        (tmp_path / "figures" / "data" / f"{name}.nc").write_bytes(content)
        with pytest.raises(ValueError, match=f"{name}.nc {words}"):
            conducted(name, tmp_path, redraw=True)


def test_the_first_verdict_counts_as_much_as_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    verdicts = {"fig01": Check("", 2.0, high=1.0), "fig02": Check("", 0.0, high=1.0)}
    monkeypatch.setattr(
        experiment, "conduct", lambda folder, name, *rest: Verdict(name, "", [verdicts[name]], 0.0)
    )  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["experiments", *verdicts])
    with pytest.raises(SystemExit) as ended:
        experiment.main(FOLDER)
    assert ended.value.code == experiment.OUTSIDE
    assert "does not hold" in " ".join(capsys.readouterr().out.split())


def test_failed_cells_and_a_study_that_disagrees_do_not_hold() -> None:
    assert experiment.unsound(xr.Dataset(attrs={"verdict": "agrees"})) == []
    for attrs in ({"verdict": "computed", "failed_cells": 1}, {"verdict": "disagrees"}):
        assert [check.holds for check in experiment.unsound(xr.Dataset(attrs=attrs))] == [False]


def test_what_is_missing_is_not_small() -> None:
    assert experiment.largest(xr.DataArray([1.0, -3.0])) == 3.0
    assert math.isnan(experiment.largest(xr.DataArray([1.0, math.nan])))


@pytest.fixture(scope="module")
def limit() -> xr.Dataset:
    """What a figure of limits is judged by."""
    own = ("case", "variable")
    attrs = {"z_fraction": 0.95, "z_fraction_bound": 0.9, "z_largest": 3.0, "z_bound": 4.0, "problem": "least_squares"}
    return xr.Dataset(
        {"sup_error_main_ode": ((*own, "dimension"), [[[0.1, 1e-3], [9.0, 9.0]]]),
         "order_main_ode": (own, [[0.3, -9.0]])},
        {"case": ["A"], "variable": ["R", "V"], "dimension": [100, 10**8]}, attrs,
    )  # fmt: skip


@pytest.mark.parametrize(("change", "fails"), [
    (lambda data: data, []),
    (lambda data: data.assign(sup_error_main_ode=3.0 * data["sup_error_main_ode"]), [0]),
    (lambda data: data.assign(order_main_ode=0.1 * data["order_main_ode"]), [1]),
    (lambda data: data.assign_attrs(z_largest=5.0), [2]),
    (lambda data: data.assign_attrs(z_fraction=0.8), [3]),
])  # fmt: skip
def test_a_limit_is_judged_by_distance_order_and_scores(limit: xr.Dataset, change, fails: list[int]) -> None:
    checks = experiment.check_limit(change(limit))
    assert len(checks) == 4
    assert [i for i, check in enumerate(checks) if not check.holds] == fails


# What the data of a figure hold that came out of the simulation, by figure.
SIMULATED = {
    "fig03": "risk",
    "fig05": "measured_rate",
    "fig06": "frontier_exponent",
    "fig07": "rate",
    "fig08": "mean",
    "fig09": "mean",
    "fig10": "mean",
    "fig27": "growth",
    "fig28": "rate",
    "fig29": "critical",
    "fig30": "bend",
    "fig31": "loss_z",
    "fig32": "loss",
}


@pytest.mark.slow
@pytest.mark.parametrize("name", experiment.names(FOLDER))
def test_every_figure_holds_is_redrawn_to_the_bit_and_can_fail(name: str, tmp_path: Path) -> None:
    assert conducted(name, tmp_path).holds
    figures = tmp_path / "figures"
    before = {path.name: path.read_bytes() for path in figures.glob(f"{name}.*")}
    assert conducted(name, tmp_path, redraw=True).holds
    assert {path.name: path.read_bytes() for path in figures.glob(f"{name}.*")} == before
    module, dataset = experiment.found(FOLDER, name), store.load(figures / "data" / f"{name}.nc")
    if measured := SIMULATED.get(name):
        wrong = dataset.assign({measured: 2.0 * dataset[measured] + 0.5})
        assert not all(check.holds for check in module.checks(wrong)), measured
    if scores := [key for key in dataset.attrs if key.endswith("z_largest")]:
        far = dataset.assign_attrs(dict.fromkeys(scores, 99.0))
        assert not all(check.holds for check in module.checks(far))


def test_scores_take_the_attributes_of_a_comparison() -> None:
    attrs = {"a_z_fraction": 0.95, "a_z_fraction_bound": 0.9, "a_z_largest": 3.0, "a_z_bound": 4.0}
    largest, share = experiment.scores(xr.Dataset(attrs=attrs), "a_")
    assert largest == Check("largest |z| (a)", 3.0, high=4.0)
    assert share == Check("share of |z| < 1.96 (a)", 0.95, low=0.9)
    assert len(experiment.scores(xr.Dataset(attrs={**attrs, "a_z_fraction_bound": 0.0}), "a_")) == 1
