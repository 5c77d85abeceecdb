"""Pages of results and differences name functions, tests and figures that there are."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pages
import pytest

NAMED = ("results.md", "differences.md")
WITHIN = (
    "sparsesim",
    "sparsesim.theory",
    "sparsesim.vocabulary",
    "sparsesim.problems",
    "sparsesim.simulation",
    "sparsesim.theory.limits",
    "sparsesim.theory.logistic",
)
TEST = re.compile(r"`((?:tests/)?[\w/]+\.py)::(\w+)`")


def found(name: str) -> object:
    """An object by its name in the pages; None: there is none."""
    for package in WITHIN:
        parts = f"{package}.{name}".split(".")
        for cut in range(len(parts) - 1, 0, -1):
            try:
                thing: object = importlib.import_module(".".join(parts[:cut]))
            except ImportError:
                continue
            for part in parts[cut:]:
                field = part in getattr(thing, "__annotations__", {})
                thing = thing if field else getattr(thing, part, None)
            if thing is not None:
                return getattr(thing, "fget", None) or getattr(thing, "func", None) or thing  # behind a property
    return None


def rows() -> Iterator[list[str]]:
    """Of all tables of results, without their heads."""
    for line in (pages.DOCS / "results.md").read_text(encoding="utf-8").splitlines():
        cells = [cell.strip() for cell in line.strip("|").split(" | ")]
        if line.startswith("| ") and cells[0] != "result":
            yield [*cells, ""][:4]


def test_every_result_has_a_function_that_can_be_imported_and_is_documented() -> None:
    documented = "".join(path.read_text(encoding="utf-8") for path in (pages.DOCS / "api").glob("*.md"))
    names = [name for row in rows() for name in re.findall(r"`([\w.]+)`", row[1])]
    assert len(names) >= 60
    for row in rows():
        assert "`" in row[1], row
    for name in set(names):
        thing = found(name)
        assert thing is not None, name
        module = getattr(thing, "__module__", "")
        owner = getattr(thing, "__qualname__", name).split(".")[0]
        assert f"automodule:: {module}\n" in documented or re.search(rf":: ([\w.]+\.)?{owner}\n", documented), name


def test_every_result_has_a_test_that_exists() -> None:
    assert all(TEST.search(row[2]) for row in rows())
    for page in NAMED:
        text = (pages.DOCS / page).read_text(encoding="utf-8")
        assert len(TEST.findall(text)) >= 15
        for file, name in TEST.findall(text):
            path = pages.ROOT / "tests" / file.removeprefix("tests/")
            tree = ast.parse(path.read_text(encoding="utf-8"))
            defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            assert name in defined, f"{page}: {file}::{name}"


def test_every_figure_that_is_named_exists_and_every_figure_is_named() -> None:
    there = {path.stem for path in (pages.ROOT / "experiments").glob("fig*.py")}
    named = {name for row in rows() for name in re.findall(r"\[(fig\d\d)\]\(gallery\.md#\1\)", row[3])}
    assert named == there
    for page in NAMED:
        assert set(re.findall(r"fig\d\d", (pages.DOCS / page).read_text(encoding="utf-8"))) <= there


def test_functions_of_the_differences_can_be_imported() -> None:
    text = (pages.DOCS / "differences.md").read_text(encoding="utf-8")
    lines = re.findall(r"^- functions?: (.*)$", text, flags=re.MULTILINE)
    names = [name for line in lines for name in re.findall(r"`([\w.]+)`", line)]
    sections = text.count("\n### ")
    assert len(lines) == sections
    for name in names:
        assert found(name.removeprefix("sparsesim.")) is not None, name


@pytest.mark.parametrize("name", ["stability.nothing", "Scaling.nothing", "nothing"])
def test_what_is_not_there_is_not_found(name: str) -> None:
    assert found(name) is None


def test_every_difference_is_in_the_list_at_the_top() -> None:
    text = (pages.DOCS / "differences.md").read_text(encoding="utf-8")
    listed = re.findall(r"^\| \[([LF]\d+)\]", text, flags=re.MULTILINE)
    headings = [label for line in re.findall(r"^### (.*)$", text, flags=re.MULTILINE)
                for label in re.findall(r"\b[LF]\d+\b", line)]  # fmt: skip
    assert listed == headings
    logistic = (pages.DOCS / "logistic.md").read_text(encoding="utf-8")
    assert [label for label in listed if label.startswith("F")] == re.findall(r"^\| (F\d+) \|", logistic, re.MULTILINE)


def test_pages_are_there() -> None:
    for page in NAMED:
        assert Path(pages.DOCS / page).is_file()
