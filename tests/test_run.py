"""The command line, as a user meets it: in a folder of its own, and in a process of its own where that matters."""

import contextlib
import io
import json
import os
import re
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import hydra._internal.hydra
import hydra.core.utils
import numpy as np
import pytest
import xarray as xr
from hydra import compose, initialize_config_dir
from rich.console import Console

from sparsesim import config as configuration
from sparsesim import run, store
from sparsesim.job import identity
from sparsesim.vocabulary import Vocabulary

TINY = ["scale=smoke", "problem.d=6", "trajectories=200", "times.horizon=6", "times.records=3"]
ROOT = Path(__file__).parents[1]


def command(*arguments: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "sparsesim.run", *arguments],
        cwd=folder,
        env={**os.environ, "JAX_PLATFORMS": "cpu", **environment},
        capture_output=True,
        text=True,
        timeout=240,
    )


def composed(*overrides: str):
    configuration.register()
    with initialize_config_dir(str(configuration.folder()), version_base="1.3"):
        return compose("config", list(overrides))


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., tuple[object, str]]:
    """The command line in this process: its status and what it says, all of it. To start another takes seconds."""
    for module in (hydra.core.utils, hydra._internal.hydra):
        monkeypatch.setattr(module, "configure_log", lambda *config: None)  # that of pytest
    monkeypatch.setattr(run.signal, "signal", lambda *handler: None)
    monkeypatch.chdir(tmp_path)

    def called(*arguments: str) -> tuple[object, str]:
        said = io.StringIO()
        monkeypatch.setattr(sys, "argv", ["sparsesim.run", *arguments])
        with (
            contextlib.redirect_stdout(said),
            contextlib.redirect_stderr(said),
            pytest.raises(SystemExit) as stopped,
        ):
            run.main()
        return stopped.value.code, said.getvalue()

    return called


@pytest.fixture
def _blank(monkeypatch: pytest.MonkeyPatch) -> None:
    """No figures: they take the most of the time."""
    monkeypatch.setattr(run.STUDIES["least_squares"]["grid"], "draw", lambda dataset, folder: [])


def test_a_sweep_writes_data_table_and_figures(tmp_path: Path) -> None:
    done = command("+sweep=phase_plane", *TINY, "scale.points=2", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    (folder,) = (tmp_path / "runs" / "phase_plane").iterdir()
    data = store.load(folder / "data.nc")
    assert data["mean"].sizes == {"alpha": 2, "delta": 2, "time": 4, "moment": 3}
    assert data.attrs["verdict"] == "agrees"
    assert "alpha:" in data.attrs["config"]
    summary = json.loads((folder / "summary.json").read_text())
    assert summary["cells"]["agrees"] == 4
    assert data.attrs["config"] == (folder / "config.yaml").read_text()
    last = done.stdout.splitlines()[-1]
    assert last.startswith("sparsesim: sweep=phase_plane verdict=agrees cells=4 failed=0 ")
    assert last.endswith(f" folder={folder.relative_to(tmp_path)}")
    written = {path.name for path in folder.iterdir()}
    assert {
        "report.html",
        "phase_plane.png",
        "phase_plane.pdf",
        "z_map.png",
        "z_distribution.png",
        "trajectories.png",
    } <= written
    assert not any(name.startswith(".") for name in written)
    for name in written - {"sweep.json", "blocks", "lock"}:
        assert name in done.stdout
    assert "agrees" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


@pytest.mark.usefixtures("_blank")
def test_one_cell_again_gives_the_same_numbers(tmp_path: Path) -> None:
    console = Console(quiet=True)
    config = composed(*TINY, f"output={tmp_path}")
    (first, a), (second, b) = run.run(config, console), run.run(config, console)
    assert a == b
    assert first.drop_attrs().identical(second.drop_attrs())


def test_an_overflowing_cell_is_a_result_and_is_drawn(tmp_path: Path) -> None:
    config = composed(
        *TINY, "times.horizon=60", "+sweep.axes={eta_over_critical: {values: [0.5, 1e6]}}", f"output={tmp_path}"
    )
    data, folder = run.run(config, Console(quiet=True))
    assert data.verdict.values.tolist() == ["agrees", "unstable"]
    assert not np.isfinite(data["mean"].isel(eta_over_critical=1)).all()
    assert list(folder.glob("final_against_*.png"))


@pytest.mark.parametrize("sweep", ["dimension", "batch", "learning_rate"])
def test_every_sweep_runs(sweep: str, tmp_path: Path) -> None:
    overrides = ["scale.dimensions=[4,6]"] if sweep == "dimension" else []
    short = ["times.horizon=1"] if sweep == "dimension" else TINY[3:4]
    config = composed(f"+sweep={sweep}", *TINY[:3], "times.records=3", *short, *overrides, f"output={tmp_path}")
    if sweep == "batch":
        config.sweep.axes.alpha.num = config.sweep.axes.beta.num = 2
    data, folder = run.run(config, Console(quiet=True))
    assert data.attrs["verdict"] != "disagrees"
    assert list(folder.glob("*.png"))
    if sweep == "learning_rate":
        unstable = data.eta_over_critical > 1.0
        assert (data.verdict == "unstable").values.tolist() == unstable.values.tolist()


@pytest.mark.slow
def test_logistic_regression_has_sweeps_of_its_own_under_the_same_names(tmp_path: Path) -> None:
    done = command("problem=logistic", "+sweep=phase_plane", *TINY, "scale.points=2", folder=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "the exact recursion of one-step means" in done.stdout
    (folder,) = (tmp_path / "runs" / "phase_plane").iterdir()
    data = store.load(folder / "data.nc")
    assert data["mean"].sizes == {"alpha": 2, "delta": 2, "time": 4, "moment": 5}
    assert data.attrs["clock"] == "minibatch"
    assert {"bias", "spread"} <= set(data)
    assert (folder / "phase_plane.png").exists()


def test_a_sweep_of_the_other_problem_is_refused(here: Callable[..., tuple[object, str]], tmp_path: Path) -> None:
    arguments = configuration.arguments_of(["problem=logistic", "+sweep=limits", "seed=1"])
    assert arguments == ["problem=logistic", "+sweep=logistic/limits", "seed=1"]
    assert configuration.arguments_of(["+sweep=limits"]) == ["+sweep=limits"]
    assert configuration.arguments_of(["problem=logistic", "+sweep=noise_floor"])[1] == "+sweep=noise_floor"
    status, said = here("problem=logistic", "+sweep=momentum")
    assert status == run.BAD_INPUT
    assert "+sweep=momentum is of least squares; with problem=logistic it must be one of dimension, " in said
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_dimensions_of_logistic_regression_are_drawn(tmp_path: Path) -> None:
    overrides = ["+sweep=logistic/dimension", "scale.costly_dimensions=[4,8]", "times.horizon=1", "times.records=3"]
    _, folder = run.run(composed("problem=logistic", *TINY[:3], *overrides, f"output={tmp_path}"), Console(quiet=True))
    assert (folder / "concentration.png").exists()


MISTYPED = [
    ("problem.dd=3", "Key 'dd' not in 'ProblemConfig'"),
    ("problem.B=1.5", "could not be converted to Integer"),
    ("+sweep=nope", "Could not find 'sweep/nope'"),
]
BAD = [
    ("+sweep.axes={gamma: {values: [1]}}", "an axis must be one of alpha"),
    ("+sweep.axes={alpha: {values: 3}}", "values of the axis alpha must be a list of numbers, got 3"),
    ("+sweep.axes={alpha: {start: 3}}", "the axis alpha must have values, or start, stop and num"),
    ("problem.d=0", "d must be a whole number, 1 or above, got 0"),
    ("problem.p=2", "p must be in (0, 1], got 2.0"),
    ("problem.B=0", "B must be a whole number, 1 or above, got 0"),
    ("optimizer.eta=-1", "eta must be a finite number above 0, got -1.0"),
    ("optimizer.eps=0", "eps must be in (0, 1], got 0.0"),
    ("scaling.alpha=nan", "alpha must be a finite number"),
    ("trajectories=1", "trajectories must be a whole number, 2 or above, got 1"),
    ("times.horizon=-1", "times.horizon must be a finite number above 0, got -1.0"),
    ("engine.name=quantum", "engine must be one of reduced, vector, got 'quantum'"),
    ("engine.oracle=sampled", "oracle must be left out with the reduced engine, which has none, got 'sampled'"),
    ("clock.name=wall", "clock must be one of minibatch, active, poisson, got 'wall'"),
    (
        ["engine=vector", "problem.d=1000000000000"],
        "GB are available; record at fewer times, lower d or B, or take engine",
    ),
    (["engine=vector", "problem.B=10000000000"], "B must be at most 2147483647 with the vector engine, got 100"),
    ("problem.B=10000000000000000", "B must be at most 1000000000000 with the reduced engine, got 1000"),
    (
        "sweep.study=none",
        "sweep.study of least_squares must be one of grid, critical_batch, frontier, limits, momentum, optimizers, "
        "phase_diagram, rates, triple_point, vocabulary, got 'none'",
    ),
    ("problem.r=1", "problem.r must be null for least squares, got 1.0"),
    (["problem=logistic", "problem.r=null"], "problem.r must be given for logistic regression, got None"),
    (["problem=logistic", "clock=active"], "clock must be minibatch for logistic regression"),
    (["problem=logistic", "scaling.alpha=0"], "must be below 1 for logistic regression, which needs both classes"),
    (["problem=logistic", "sweep.study=momentum"], "sweep.study of logistic must be one of grid, "),
    ("optimizer.eps=1e-50", "eps must be between 1e-15 and 1000000000000000.0 (float32), got 1e-50"),
    ("sweep.name=../escape", "sweep.name must be letters"),
    ("output=/dev/null", "output must be a folder that can be written or made, got '/dev/null'"),
]


def test_bad_input_is_one_clear_error_and_writes_nothing(tmp_path: Path) -> None:
    done = command(*TINY, "problem.p=2", folder=tmp_path)
    assert done.returncode == run.BAD_INPUT
    assert done.stderr.strip() == "error: p must be in (0, 1], got 2.0"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("override", "message"), MISTYPED)
def test_a_mistyped_configuration_is_refused_when_it_is_composed(
    override: str, message: str, here: Callable[..., tuple[object, str]], tmp_path: Path
) -> None:
    status, said = here(*TINY, override)
    assert status == run.BAD_INPUT
    assert message in said
    assert "Traceback" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("override", "message"), BAD)
def test_a_value_outside_its_range_is_named_before_anything_is_written(
    override: str | list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = [override] if isinstance(override, str) else override
    with pytest.raises((ValueError, MemoryError), match=re.escape(message)):
        run.run(composed(*TINY, *overrides), Console(quiet=True))
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("_blank")
def test_a_disagreement_says_where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from sparsesim.theory import least_squares

    right = least_squares.moments_of
    monkeypatch.setattr(least_squares, "moments_of", lambda *arguments: right(*arguments) * [1.0, 2.0, 1.0])
    console = Console(record=True, width=200, file=io.StringIO())
    data, _ = run.run(composed(*TINY, f"output={tmp_path}"), console)
    assert data.attrs["verdict"] == "disagrees"
    assert "disagrees at the cell, time 6, V: simulated" in console.export_text()


@pytest.mark.parametrize(("verdict", "status"), [("agrees", 0), ("disagrees", 1), ("untested", 3)])
def test_the_exit_status_is_the_verdict(
    verdict: str, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = xr.Dataset(attrs={"verdict": verdict})
    monkeypatch.setattr(run, "run", lambda config, console: (data, tmp_path))
    monkeypatch.setattr(run.hydra, "main", lambda **arguments: lambda job: lambda: job(composed()))
    with pytest.raises(SystemExit) as stopped:
        run.main()
    assert stopped.value.code == status


def test_ctrl_c_leaves_nothing_half_written(tmp_path: Path) -> None:
    # In the background of a script, where these tests may be, a process does not listen to Ctrl-C.
    listening = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"
    command = f"{listening}; import runpy; runpy.run_module('sparsesim.run', run_name='__main__', alter_sys=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", command, "+sweep=phase_plane", "scale=smoke", "sweep.block=1", "times.horizon=20000"],
        cwd=tmp_path,
        env={**os.environ, "JAX_PLATFORMS": "cpu"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stdout is not None
    assert "started" in process.stdout.readline()
    until = time.monotonic() + 100.0
    while not list(tmp_path.rglob("blocks/[!.]*.block")):  # into the launches
        assert time.monotonic() < until
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    try:
        _, errors = process.communicate(timeout=10)
    finally:
        process.kill()
    assert process.returncode == run.INTERRUPTED, errors
    assert "interrupted; no file is half written" in errors
    assert "Traceback" not in errors
    names = {path.name for path in tmp_path.rglob("*") if path.is_file()}
    assert {"sweep.json", "config.yaml"} <= names
    assert all(name.endswith((".json", ".yaml", ".log", ".block", ".checkpoint")) for name in names)


def test_help_helps(tmp_path: Path) -> None:
    done = command("--help", folder=tmp_path)
    assert done.returncode == 0
    for words in ("+sweep=phase_plane", "scale=smoke | laptop | gpu", "Exit status", "problem.p=0.01"):
        assert words in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("whole", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_the_wheel_works_away_from_the_checkout(tmp_path: Path, whole: bool) -> None:
    """Up to the values that its own configuration has, and as `pip` installs it to the end."""
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
    wheels, site, folder = tmp_path / "wheels", tmp_path / "site", tmp_path / "work"
    folder.mkdir()
    subprocess.run([*pip, "wheel", "--no-deps", "--no-build-isolation", "-w", wheels, ROOT], check=True, timeout=120)
    (wheel,) = wheels.iterdir()
    if whole:
        subprocess.run([*pip, "install", "--no-deps", "--target", site, wheel], check=True, timeout=120)
    else:
        zipfile.ZipFile(wheel).extractall(site)
    where = [sys.executable, "-c", "import sparsesim; print(sparsesim.__file__)"]
    environment = {"PYTHONPATH": str(site)}
    printed = subprocess.run(where, cwd=folder, env={**os.environ, **environment}, capture_output=True, text=True)
    assert printed.stdout.startswith(str(site))
    done = command(*TINY, *([] if whole else ["problem.p=2"]), folder=folder, **environment)
    assert done.returncode == (0 if whole else run.BAD_INPUT), done.stderr
    assert whole or done.stderr == "error: p must be in (0, 1], got 2.0\n"
    assert bool(list(folder.glob("runs/cell/*/data.nc"))) is whole


COUNTS = {"the": 50000, "of": 20000, "and": 20000, "zymurgy": 3, "never": 0}
SMALL = ["scale=smoke", "trajectories=256", "times.horizon=20", "times.records=2"]


def test_token_counts_in_verdict_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counts.json").write_text(json.dumps(COUNTS))
    console = Console(file=io.StringIO(), record=True)
    config = composed("+sweep=vocabulary", "vocabulary.counts=counts.json", *SMALL)
    assert run.status_of(lambda: run.run(config, console)) == 0
    said = " ".join(console.export_text().split())
    assert "the one of rank 4 ('zymurgy')" in said
    assert "All tokens are stable" in said
    (folder,) = (tmp_path / "runs" / "vocabulary").iterdir()
    data = store.load(folder / "data.nc")
    assert data["name"].values.tolist() == ["the", "of", "and", "zymurgy"]
    assert data.attrs["unseen"] == 1
    assert data.sizes["frequency"] == 3
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["verdict"], summary["types"], summary["slowest"]) == ("agrees", 4, 4)
    assert {path.suffix for path in folder.glob("vocabulary_*")} == {".pdf", ".png"}


def test_other_counts_are_another_sweep_other_names_are_not() -> None:
    def of(counts: dict[str, int]) -> object:
        sweep = configuration.sweep_of(composed("+sweep=vocabulary"))
        vocabulary = Vocabulary.from_counts(list(counts.values()), list(counts))
        return identity(replace(sweep, vocabulary=vocabulary), "vocabulary")

    assert of(COUNTS) == of({name.upper(): count for name, count in COUNTS.items()})
    assert of(COUNTS) != of({**COUNTS, "of": 20001})


@pytest.mark.parametrize(
    ("content", "arguments", "message"),
    [
        ("", ["vocabulary.counts=other.csv"], "other.csv"),
        (
            "token,count\na,1\nb,-2\n",
            ["vocabulary.counts=counts.csv"],
            "counts must be finite numbers, 0 or above, got -2",
        ),
        ("token,count\na,1\nb,many\n", ["vocabulary.counts=counts.csv"], "line 3 has no count"),
        ("a,1\n", ["vocabulary.counts=counts.csv", "vocabulary.text=counts.csv"], "must not both be given"),
        ("a,1\n", ["vocabulary.tokenizer=tokenizer.json"], "must come with vocabulary.text"),
        ("a,1\n", ["vocabulary.size=0"], "size must be"),
        ("a,1\n", ["optimizer.eta=-1", "optimizer.eta_over_critical=null"], "eta must be"),
        ("a,1\n", ["clock=active"], "clock must be minibatch"),
        ("a,1\n", ["sweep.study=grid"], "vocabulary must be null in the study grid"),
    ],
)
def test_vocabularies_that_are_none_are_refused(
    content: str, arguments: list[str], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counts.csv").write_text(content)
    config = composed("+sweep=vocabulary", "scale=smoke", *arguments)
    with pytest.raises(ValueError, match=re.escape(message)):
        run.run(config, Console(file=io.StringIO()))
    assert [path.name for path in tmp_path.iterdir()] == ["counts.csv"]
