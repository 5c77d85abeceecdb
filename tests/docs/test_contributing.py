"""The recipes of CONTRIBUTING.md, followed literally in a copy of the tree: files, changes and commands."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
COPIED = (
    "sparsesim",
    "configs",
    "experiments",
    "tests",
    "Makefile",
    "pyproject.toml",
    "constraints.txt",
    "README.md",
    "LICENSE",
)


def recipes() -> dict[str, list[tuple[str, str, str]]]:
    """(language, path, text) of the blocks of every recipe, in order."""
    sections = re.split(r"^### (.+)$", PAGE.split("\n## Recipes\n")[1], flags=re.MULTILINE)[1:]
    blocks = re.compile(r"^```(\w+) ?(\S*)\n(.*?)^```$", flags=re.MULTILINE | re.DOTALL)
    return {name: blocks.findall(text) for name, text in zip(sections[::2], sections[1::2], strict=True)}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A copy of this tree that shares its environment."""
    folder = tmp_path / "sparsesim"
    folder.mkdir()
    for name in COPIED:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        copy(ROOT / name, folder / name)
    # The copy's package comes before the one that is installed: `python -m` looks where it is started.
    (folder / ".venv").symlink_to(sys.prefix)
    for name in ("pyproject.toml", "constraints.txt"):
        os.utime(folder / name, (0, 0))  # older than the environment, which is not to be set up again
    return folder


def test_every_recipe_is_one() -> None:
    found = recipes()
    assert list(found) == ["Add a figure", "Add a command sweep", "Add a study", "Add an oracle", "Add an engine",
                           "Add a problem"]  # fmt: skip
    assert all(blocks and blocks[-1][0] == "bash" for blocks in found.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", recipes())
def test_a_recipe_works_as_it_stands(name: str, tree: Path) -> None:
    follow(recipes()[name], tree)


def test_the_recipe_of_a_figure_draws_it(tree: Path) -> None:
    """The same, without the tests that it ends with."""
    blocks = recipes()["Add a figure"]
    first, *_ = blocks[-1][2].splitlines()
    assert first == "make fig99 SCALE=smoke"
    follow([*blocks[:-1], ("bash", "", first)], tree)
    assert {path.name for path in (tree / "figures").glob("fig99.*")} == {"fig99.json", "fig99.pdf", "fig99.png"}


def follow(blocks: list[tuple[str, str, str]], tree: Path) -> None:
    """Make the files, apply the changes, run the commands; what is there then passes `make lint`."""
    for language, path, text in blocks:
        if path:
            assert not (tree / path).exists()
            (tree / path).write_text(text)
        elif language == "diff":
            run(["patch", "-p1", "--no-backup-if-mismatch", "--force"], tree, text)
        else:
            assert language == "bash"
            for command in text.strip().splitlines():
                run(["bash", "-c", command], tree)
    run([".venv/bin/ruff", "check", "."], tree)
    run([".venv/bin/ruff", "format", "--check", "."], tree)


def run(command: list[str], folder: Path, text: str = "") -> None:
    """A command; a status other than 0 is an error."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("PYTEST_", "MAKE", "PYTHON"))}
    done = subprocess.run(command, cwd=folder, input=text, capture_output=True, text=True, timeout=600, env=kept)
    assert done.returncode == 0, f"{command} ended with {done.returncode}: {done.stdout[-3000:]} {done.stderr[-3000:]}"
