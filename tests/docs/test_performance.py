"""The page of performance shows what was measured."""

import json
import re
from pathlib import Path

import pages
import pytest

from benchmarks.page import PAGE, written

FOLDER = pages.ROOT / "benchmarks"


def test_tables_are_those_of_the_stored_results() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text.count("<!-- table: ") == text.count("<!-- end -->") >= 8
    assert written(text, FOLDER) == text, "python -m benchmarks.page writes them again"


def test_other_results_make_another_page(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    for path in FOLDER.glob("*.json"):
        content = json.loads(path.read_text(encoding="utf-8"))
        for row in content["sections"]["engines"]["rows"]:
            row["reduced"] = 123456789.0
        (tmp_path / path.name).write_text(json.dumps(content))
    changed = written(text, tmp_path)
    assert changed != text
    assert "1.23e+08" in changed


def test_there_are_no_measured_numbers_outside_the_tables() -> None:
    text = re.sub(r"<!-- table.*?<!-- end -->", "", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    text = re.sub(r"`[^`]*`|\]\([^)]*\)|float32|32-bit", "", text)
    assert re.findall(r"\d+", text) == []


def test_a_section_that_is_not_there_is_an_error() -> None:
    (path,) = FOLDER.glob("*.json")
    with pytest.raises(KeyError):
        written(f"<!-- table: {path.stem} nothing -->\n<!-- end -->", FOLDER)
