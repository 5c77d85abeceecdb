"""The tutorial and the how-to pages do what they say: every block is run, and what they show comes out."""

from pathlib import Path

import pages
import pytest

pytestmark = pytest.mark.docs

HOWTOS = sorted((pages.DOCS / "howto").glob("*.md"))
OTHERS = [pages.ROOT / "README.md", *sorted(pages.DOCS.glob("*.md"))]
COUNTS = '{"the": 5000, "of": 2600, "and": 2500, "momentum": 40, "sparsity": 3}'


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty one, but for the counts that pages read, and the working one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "counts.json").write_text(COUNTS)
    return tmp_path


def test_the_tutorial_does_what_it_says(folder: Path) -> None:
    done = pages.run(pages.DOCS / "tutorial.md", folder)
    assert done["shell"] >= 2
    assert done["python"] >= 6
    assert done["shown"] >= 8
    assert done["not run"] <= 1


@pytest.mark.parametrize("page", HOWTOS, ids=lambda page: page.stem)
def test_a_how_to_does_what_it_says(page: Path, folder: Path) -> None:
    done = pages.run(page, folder)
    assert done["shell"] + done["python"] >= 1, "nothing of this page is run"


@pytest.mark.parametrize("page", OTHERS, ids=lambda page: page.stem)
def test_python_of_other_pages_runs(page: Path, folder: Path) -> None:
    if page.stem == "tutorial":
        return
    text = page.read_text(encoding="utf-8")
    done = pages.run(page, folder)
    assert done["python"] == text.count("```python")


def test_few_blocks_of_the_how_tos_are_not_run() -> None:
    blocks = [block for page in HOWTOS for block in pages.blocks(page)]
    kinds = [block.language for block in blocks if not block.comment.startswith("not run")]
    assert kinds.count("python") == sum(block.language == "python" for block in blocks)
    assert kinds.count("shell") >= 4
    assert len(HOWTOS) >= 7


GOOD = """
```shell
echo 0.512 and 7
```

<!-- output -->
```text
0.511 and 7
```

```python
>>> 1 + 1
2
```
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [("0.511", "0.508"), ("and 7\n```\n\n`", "and 8\n```\n\n`"), ("\n2\n", "\n3\n"), ("echo", "false")],
)
def test_a_page_that_shows_what_does_not_come_out_is_caught(folder: Path, old: str, new: str) -> None:
    page = folder / "page.md"
    page.write_text(GOOD)
    assert pages.run(page, folder) == {"shell": 1, "python": 1, "shown": 2}
    assert old in GOOD
    page.write_text(GOOD.replace(old, new))
    with pytest.raises(AssertionError, match=r"page\.md, line"):
        pages.run(page, folder)


@pytest.mark.parametrize(
    ("want", "got", "right"),
    [
        ("a ... 1.50e-03", "b a x y 1.52e-03 c", True),
        ("1.50e-03", "1.53e-03", False),
        ("-0.40", "-0.42", True),
        ("-0.40", "0.40", False),
        ("60 cells", "61 cells", False),
        ("R = 0.100 ± 0.003", "R  =  0.101 ± 0.003", True),
    ],
)
def test_numbers_are_compared_to_their_last_digit(want: str, got: str, right: bool) -> None:
    assert (pages.difference(want, got) is None) == right
