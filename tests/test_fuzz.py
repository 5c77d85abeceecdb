"""The command line under mutated values: each runs, or is refused in one line that names a key, before any work."""

import contextlib
import io
import re
import shutil
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import hydra._internal.hydra
import hydra.core.utils
import numpy as np
import pytest
from hydra import compose, initialize_config_dir
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from omegaconf import OmegaConf

from sparsesim import config as configuration
from sparsesim import job, run
from sparsesim.simulation import linear_sde
from sparsesim.simulation.blocks import Block
from sparsesim.simulation.driver import Keeper, Meter
from sparsesim.simulation.statistics import Statistics
from sparsesim.studies import STUDIES

SMALL = ["scale=smoke", "scale.points=2", "trajectories=4", "times.horizon=2", "times.records=2"]
FORMULAS = ["sweep.axes.alpha.num=3", "sweep.axes.delta.num=3"]
PLANE = ["sweep.axes.eta.num=3", "sweep.axes.eps.num=3"]
LIMITS = ["concentrated-above", "noise-line", "noise-floor-above", "noise-floor-below", "below-at-0", "triple-point"]
# What is mutated: one cell, and every sweep.
COMMANDS = [
    ["problem.d=5"],
    ["problem.d=5", "engine=vector", "clock=minibatch"],
    ["problem.d=5", "engine=literal", "clock=poisson"],
    ["problem.d=5", "problem=logistic"],
    ["problem.d=5", "problem.p=0.1", "problem.B=3", "optimizer.eta=0.1", "optimizer.eps=0.5", "times.unit=e_folds"],
    ["problem.d=5", "+sweep=phase_plane"],
    ["problem=logistic", "problem.d=5", "+sweep=phase_plane"],
    ["problem.d=5", "+sweep=batch"],
    ["+sweep=dimension"],
    ["problem=logistic", "+sweep=dimension"],
    ["problem.d=5", "+sweep=learning_rate", "sweep.axes.eta_over_critical.num=2"],
    ["+sweep=frontier", "sweep.axes.delta.num=2"],
    ["+sweep=momentum", *PLANE],
    ["+sweep=phase_diagram", *FORMULAS],
    ["+sweep=triple_point"],
]
# Those with theory that takes seconds.
COSTLY_COMMANDS = [
    ["+sweep=limits", "times.most_ticks=100"],
    ["problem=logistic", "+sweep=limits", "times.most_ticks=100", *(f"~sweep.cases.{case}" for case in LIMITS)],
    ["+sweep=noise_floor", "times.most_ticks=100", *(f"sweep.axes.{name}.values=[0.5]" for name in ("eta", "eps"))],
    ["+sweep=bias_speed", "times.most_ticks=100", "sweep.axes.delta.values=[0.5]"],
]
GROUPS = ["problem", "engine", "clock", "scale", "+sweep"]
OPTIONS = ["least_squares", "logistic", "reduced", "vector", "poisson", "gpu", "phase_plane", "logistic/limits"]
NUMBERS = ["0", "-1", "1", "2", "3", "0.5", "-0.5", "1.5", "1e-3", "1e-8", "1e-30", "1e-300", "5e-324", "1e3", "1e8",
           "1e16", "1e30", "1e300", "-1e300", "1e400", "nan", "inf", "-inf", "10000000000", "-10000000000",
           "2147483648", "9223372036854775808", "1000000000000000000000000000000", "9" * 400]  # fmt: skip
OTHERS = ["null", "''", "true", "false", "abc", "[]", "[1]", "[0.5,2]", "[1,1]", "[a]", "[null]", "[[1]]", "{}",
          "{a:1}", "{a:{b:1}}", "{values:[1,2]}", "{R:1}", "'", '"', "[1", "{a", "(", "]", "}", "é", "'é'", "'日本'",
          "'[/b]'", "'[red]'", "${nowhere}", "${seed}", "${scale}", "${scale.d}", "${output}", "${", "$", "???",
          "a=b", "1,2", "choice(1,2)", "sort(3,1)", "float(3)", "\\", "/proc/x", "/dev/null", "../..", "ticks",
          "e_folds", "relaxations", "slow_time", "log", "linear", "minibatch", "active", "vector", "sampled", "",
          "'a b'", "'\n'", "x" * 300, "[" * 30 + "]" * 30]  # fmt: skip
# More than this is no test of the command line; a run that comes so far has been accepted.
MOST_RECORDS, MOST_TICKS = 3000, 20000


class Accepted(Exception):
    """The values are good, and theory would take long."""


@cache
def keys(command: tuple[str, ...]) -> tuple[str, ...]:
    """All leaf keys of the configuration that a command composes."""
    configuration.register()
    with initialize_config_dir(str(configuration.folder()), version_base="1.3"):
        composed = compose("config", configuration.arguments_of([*SMALL, *command]))
    return tuple(leaves(OmegaConf.to_container(composed, resolve=True), ""))


def leaves(tree: object, path: str) -> Iterator[str]:
    """Paths to what is no mapping, or an empty one."""
    if not isinstance(tree, dict) or not tree:
        yield path
        return
    for key, value in tree.items():
        yield from leaves(value, f"{path}.{key}" if path else str(key))


FIGURES = (
    st.sampled_from(["1", "2", "3", "0.25", "1.5"])
    | st.sampled_from(NUMBERS)
    | st.floats(-3.0, 10.0).map(repr)
    | st.floats().map(repr)
    | st.integers(-30, 60).map(str)
    | st.integers(10**8, 10**12).map(str)
)
TEXTS = st.text(st.characters(exclude_characters="/'\\\x00"), max_size=8).map(lambda text: f"'{text}'")
VALUES = FIGURES | st.sampled_from(OTHERS) | TEXTS


@st.composite
def mutations(draw: st.DrawFn, key: str) -> str:
    """An argument that mutates a key: its value, its spelling, whether it is there at all."""
    value, kind = draw(VALUES), draw(st.integers(0, 19))
    if kind == 0:
        place = draw(st.integers(0, len(key)))
        return f"{key[:place]}{draw(st.sampled_from('xd._'))}{key[place:]}={value}"
    return {1: f"~{key}", 2: f"+{key}={value}", 3: f"++{key}={value}", 4: key}.get(kind, f"{key}={value}")


@st.composite
def command_lines(draw: st.DrawFn, commands: Sequence[list[str]]) -> tuple[list[str], list[str]]:
    """A command that works, and one to three mutations of it."""
    command = draw(st.sampled_from(commands))
    known = st.sampled_from(keys(tuple(command))).flatmap(mutations)
    free = st.sampled_from(
        ["start.R", "start.V", "start.C", "sweep.axes.alpha", "sweep.axes.d.values", "sweep.cases.a.d"]
    )
    free = st.builds(lambda key, value: f"+{key}={value}", free, VALUES)
    option = st.builds(lambda g, o: f"{g}={o}", st.sampled_from(GROUPS), st.sampled_from(OPTIONS) | VALUES)
    kinds = st.integers(0, 9).flatmap(lambda kind: {0: option, 1: free}.get(kind, known))
    return command, draw(st.integers(1, 3).flatmap(lambda size: st.lists(kinds, min_size=size, max_size=size)))


def run_blocks(blocks: Sequence[Block], keeper: Keeper, meter: Meter, *, chunk: int | None = None) -> None:
    """Any statistics, at once, in the place of those that are simulated."""
    rng = np.random.default_rng(0)
    for block in blocks:
        cells = list(block.cells.values())
        shape = (len(cells[0].times), len(cells[0].start))
        if len(cells) * shape[0] > MOST_RECORDS or max(cell.times[-1] for cell in cells) > MOST_TICKS:
            raise Accepted
        results = {i: {name: rng.uniform(0.5, 1.0, shape) for name in Statistics.NAMES} for i in block.cells}
        keeper.finished(block, results, 0.1)


@pytest.fixture
def nothing_costly(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither simulation nor figures; and Hydra lets the logging of pytest be."""
    for module in (hydra.core.utils, hydra._internal.hydra):
        monkeypatch.setattr(module, "configure_log", lambda *config: None)
    monkeypatch.setattr(job, "run_blocks", run_blocks)
    monkeypatch.setattr(linear_sde, "sample_paths", lambda *sde, paths, seed: np.ones((paths, len(sde[3]), 2)))
    for study in {study for studies in STUDIES.values() for study in studies.values()}:
        monkeypatch.setattr(study, "draw", lambda dataset, folder: [])


def called(arguments: Sequence[str], folder: Path) -> tuple[object, str, str]:
    """Status, output and errors of the command line in a folder of its own."""
    output, errors, before = io.StringIO(), io.StringIO(), sys.argv
    try:
        with contextlib.chdir(folder), contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            sys.argv = ["run", *arguments]
            run.main()
    except SystemExit as stopped:
        return stopped.code, output.getvalue(), errors.getvalue()
    finally:
        sys.argv = before
    raise AssertionError("main returned")


def names(argument: str) -> set[str]:
    """How an error may name the key of an argument."""
    path = re.split("[=@]", argument.lstrip("+~"), maxsplit=1)[0].split(".")
    words = {path[-1], ".".join(path)}
    if path[-1] == "name":
        words.add(path[-2])  # `clock.name` is what `clock` chooses
    if path[:2] in (["sweep", "axes"], ["sweep", "cases"]):
        words |= {path[2], path[1]} if len(path) > 2 else set()
    return words


def outcome(command: Sequence[str], mutated: Sequence[str], top: Path) -> str:
    """Run a mutated command and check what it promises. Returns "ran", "accepted" or "refused"."""
    folder = top / "a" / "b"
    shutil.rmtree(top, ignore_errors=True)
    folder.mkdir(parents=True)
    status, output, errors = called([*SMALL, *command, *mutated], folder)
    told = f"{[*command, *mutated]} ended with {status}\n{output}\n{errors}"
    written = [path for path in top.rglob("*") if path not in (folder, folder.parent)]
    if status == run.FAILED and errors.rstrip().endswith("Accepted"):
        assert not [path for path in written if path.suffix in (".nc", ".block")], told
        return "accepted"
    assert "Traceback" not in output + errors, told
    if status == 0 and "are missing" in output:  # of other shards
        return "ran"
    if status in (0, 1, 3):
        assert [path.name for path in written if path.suffix == ".nc"] == ["data.nc"], told
        assert not errors, told
        return "ran"
    assert status == run.BAD_INPUT, told
    assert re.fullmatch(r"error: .+\n", errors), told
    assert not written, told
    known = set().union(*map(names, mutated))
    assert any(re.search(rf"(?<!\w){re.escape(name)}(?!\w)", errors) for name in known), (known, told)
    return "refused"


def fuzz(commands: Sequence[list[str]], examples: int, top: Path) -> Counter[str]:
    """Outcomes of so many mutated commands."""
    outcomes: Counter[str] = Counter()

    @settings(max_examples=examples, derandomize=True, database=None, deadline=None, suppress_health_check=HealthCheck)
    @given(command_lines(commands))
    def one(line: tuple[list[str], list[str]]) -> None:
        """One command."""
        outcomes[outcome(*line, top / "run")] += 1

    one()
    print(*(f"{count} {name}" for name, count in sorted(outcomes.items())), sep=", ")
    return outcomes


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_costly")
def test_every_command_runs_as_it_is(tmp_path: Path) -> None:
    for command in COMMANDS + COSTLY_COMMANDS:
        assert outcome(command, [], tmp_path / "run") in ("ran", "accepted")


@pytest.mark.usefixtures("nothing_costly")
def test_mutated_values_run_or_are_refused_by_name(tmp_path: Path) -> None:
    outcomes = fuzz(COMMANDS, 15, tmp_path)
    assert outcomes["ran"] >= 2
    assert outcomes["refused"] >= 5


@pytest.mark.slow
@pytest.mark.usefixtures("nothing_costly")
def test_many_mutated_values_run_or_are_refused_by_name(tmp_path: Path) -> None:
    outcomes = fuzz(COMMANDS + COSTLY_COMMANDS, 500, tmp_path)
    assert outcomes.total() >= 500
    assert outcomes["ran"] >= 50
    assert outcomes["refused"] >= 200
