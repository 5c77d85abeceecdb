"""What the pages promise of themselves: links lead somewhere, every page is in a list, the interface is as fixed."""

import ast
import re
from pathlib import Path

import pages
import pytest

import sparsesim
from sparsesim import run

PAGES = [pages.ROOT / "README.md", *sorted(pages.DOCS.rglob("*.md"))]
LINK = re.compile(r"\]\(([^)\s]+)\)")


def prose(page: Path) -> str:
    """A page without its fences."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """Those of a page's headings, as MyST and GitHub make them."""
    headings = re.findall(r"^#{1,3} (.*)$", prose(page), flags=re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)|`", r"\1", heading).strip().lower() for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(pages.ROOT)))
def test_links_of_a_page_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(re.sub(r"`[^`\n]*`", "", prose(page))):
        if link.startswith(("https://", "http://")):
            continue
        name, _, anchor = link.partition("#")
        target = (page.parent / name).resolve() if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert target.is_relative_to(pages.ROOT), f"{page.name}: {link}"
        if anchor and target.suffix == ".md":
            assert anchor in anchors(target), f"{page.name}: {link}"


def test_every_page_is_in_a_list_of_pages() -> None:
    listed: set[Path] = set()
    for index in (pages.DOCS / "index.md", pages.DOCS / "api" / "index.md"):
        for block in pages.blocks(index):
            if block.language == "{toctree}":
                names = [line for line in block.text.splitlines() if line and not line.startswith(":")]
                listed |= {path for name in names for path in index.parent.glob(f"{name}.*")}
    there = {path for path in pages.DOCS.rglob("*") if path.suffix in (".md", ".ipynb")}
    assert there - listed == {pages.DOCS / "index.md"}


def test_the_package_exports_what_is_promised() -> None:
    row = next(line for line in (pages.DOCS / "api" / "index.md").read_text().splitlines() if "exports" in line)
    promised = re.findall(r"`(\w+)`", row.split("exports")[1])
    assert sorted(promised) == sorted(sparsesim.__all__)


def test_theory_and_simulation_do_not_import_each_other() -> None:
    for one, other in (("theory", ("sparsesim.simulation", "jax")), ("simulation", ("sparsesim.theory",))):
        for path in (pages.ROOT / "sparsesim" / one).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
                if isinstance(node, ast.ImportFrom):
                    names = [f"{node.module}.{alias.name}" for alias in node.names]
                assert not [name for name in names if name.startswith(other)], path


def test_statuses_of_the_page_are_those_of_the_program() -> None:
    text = (pages.DOCS / "howto" / "resume.md").read_text(encoding="utf-8")
    documented = {int(status) for status in re.findall(r"^\| (\d+) \|", text, flags=re.MULTILINE)}
    assert documented == {*run.STATUS.values(), run.BAD_INPUT, run.FAILED, run.PARTIAL, run.INTERRUPTED}
