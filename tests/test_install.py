"""Wheel and sdist as a user has them: installed into empty environments, and used from a folder elsewhere.

`make test-install` runs this; it needs what `make setup` needs, and some minutes where nothing is cached.
"""

import json
import os
import subprocess
import sys
import venv
from collections.abc import Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
KINDS = {"wheel": "*.whl", "sdist": "*.tar.gz"}
SMALL = ["scale=smoke", "problem.d=20", "times.horizon=20", "trajectories=256"]
# Every module of the package, by import: what only the extras install is not there.
IMPORTS = """
import importlib, pkgutil, sys
import sparsesim

modules = [found.name for found in pkgutil.walk_packages(sparsesim.__path__, "sparsesim.")]
for name in modules:
    importlib.import_module(name)
print(len(modules), sparsesim.__file__)
"""
# Five lines that a user may write; the last is wrong, and a type checker that sees the package's types says so.
SCRIPT = """\
# pyright: basic, reportMissingTypeStubs=error
from sparsesim import HeavyBall, LeastSquares, simulate
problem, optimizer = LeastSquares(d=10, p=0.5, B=8), HeavyBall(eta=0.1, eps=0.1)
mean: float = float(simulate(problem, optimizer, times=[0, 5], trajectories=8, seed=0)["mean"].sel(moment="R")[-1])
wrong: str = optimizer.mu
"""


class Installed:
    """An environment with the package, and a folder elsewhere to work in."""

    def __init__(self, kind: str, folder: Path) -> None:
        built, self.environment, self.cwd = folder / "built", folder / "environment", folder / "elsewhere"
        self.cwd.mkdir()
        run([sys.executable, "-m", "hatchling", "build", "--target", kind, "--directory", str(built)], ROOT)
        (package,) = built.glob(KINDS[kind])
        venv.create(self.environment, with_pip=True)
        constraints = str(ROOT / "constraints.txt")
        self.python = self.environment / "bin" / "python"
        self.run("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--constraint", constraints,
                 str(package))  # fmt: skip

    def run(self, *arguments: str) -> str:
        """What Python says to these arguments; a status other than 0 is an error."""
        return run([str(self.python), *arguments], self.cwd)


def run(command: Sequence[str], cwd: Path) -> str:
    """What a command says, without this environment's paths."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTHON", "VIRTUAL_ENV"))}
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=900, env=kept)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout[-2000:]} {done.stderr[-2000:]}"
    return done.stdout


@pytest.fixture(scope="module", params=list(KINDS))
def installed(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    return Installed(request.param, tmp_path_factory.mktemp(request.param))


@pytest.mark.slow
def test_all_of_it_is_imported_without_the_extras(installed: Installed) -> None:
    count, where = installed.run("-c", IMPORTS).split()
    assert int(count) == len(list((ROOT / "sparsesim").rglob("*.py"))) - 1  # without the package's own
    assert Path(where).is_relative_to(installed.environment)
    distributions = {one["name"].lower() for one in json.loads(installed.run("-m", "pip", "list", "--format", "json"))}
    assert not distributions & {"pytest", "hypothesis", "hatchling", "ruff", "pyright", "ipykernel", "submitit"}


@pytest.mark.slow
def test_a_cell_is_simulated_and_put_together_from_a_folder_elsewhere(installed: Installed) -> None:
    said = installed.run("-m", "sparsesim.run", *SMALL)
    assert "agrees" in said
    (data,) = installed.cwd.glob("runs/cell/*/data.nc")
    before = (data.parent / "summary.json").read_text()
    data.unlink()
    assert "agrees" in installed.run("-m", "sparsesim.merge", str(data.parent))
    assert data.exists()
    after = json.loads((data.parent / "summary.json").read_text())
    assert {**json.loads(before), "seconds": 0} == {**after, "seconds": 0}
    script = str(installed.environment / "bin" / "sparsesim")
    assert "python -m sparsesim.run" in run([script, "--help"], installed.cwd)
    run([script, *SMALL, "seed=1"], installed.cwd)
    assert len(list(installed.cwd.glob("runs/cell/*/data.nc"))) == 2


@pytest.mark.slow
def test_a_type_checker_sees_the_types(installed: Installed) -> None:
    script = installed.cwd / "script.py"
    script.write_text(SCRIPT)
    assert complaints(installed, script) == ["reportAssignmentType"]
    (marker,) = installed.environment.rglob("site-packages/sparsesim/py.typed")
    marker.unlink()
    try:
        assert "reportMissingTypeStubs" in complaints(installed, script)
    finally:
        marker.touch()


def complaints(installed: Installed, script: Path) -> list[str]:
    """The rules that a script breaks."""
    command = [sys.executable, "-m", "pyright", "--pythonpath", str(installed.python), "--outputjson", str(script)]
    done = subprocess.run(command, cwd=installed.cwd, capture_output=True, text=True, timeout=300)
    return [found["rule"] for found in json.loads(done.stdout)["generalDiagnostics"] if found["severity"] == "error"]
