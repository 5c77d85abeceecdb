"""Pages as programs: their blocks of shell and Python, run in order in one folder, and what they say comes out.

A fence `shell` is a command that must succeed; a fence `text` behind the comment `<!-- output -->` is what the block
before it has written, or a part of it: `...` stands for anything. A fence `python` is run in one namespace a page, and
where it has prompts (`>>>`) its outputs are compared. Numbers with a point may differ by two in their last digit: other
processors round otherwise. A block behind a comment `<!-- not run: WHY -->` is not run. Every other fence is a picture.
"""

import contextlib
import doctest
import io
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any, NamedTuple

from markdown_it import MarkdownIt

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
NUMBER = re.compile(r"(?<![\w.])-?\d+(?:\.\d+)?(?:e[-+]?\d+)?")
TOLERANCE = 2.01  # in units of the last digit


class Block(NamedTuple):
    """A fence of a page."""

    line: int
    language: str
    text: str
    comment: str  # before it


def blocks(page: Path) -> list[Block]:
    """All fences of a page, in order."""
    found, comment = [], ""
    for token in MarkdownIt().parse(page.read_text(encoding="utf-8")):
        if token.type == "html_block":
            comment = token.content.strip().removeprefix("<!--").removesuffix("-->").strip()
        elif token.type == "fence":
            found.append(Block((token.map or [0])[0] + 1, token.info.strip(), token.content, comment))
            comment = ""
        elif (token.nesting == 0 and token.type != "inline") or token.type.endswith("_open"):
            comment = ""
    return found


def run(page: Path, folder: Path) -> Counter[str]:
    """Run a page in a folder, which must be the working one; how many blocks of each kind were run, and were not.

    Raises:
        AssertionError: a command failed, or a page shows what did not come out; the message names the line.
    """
    namespace: dict[str, Any] = {"__name__": "page"}
    done: Counter[str] = Counter()
    output = ""
    for block in blocks(page):
        place = f"{page.name}, line {block.line}"
        if block.comment.startswith("not run:"):
            done["not run"] += 1
        elif block.language == "shell":
            output = _shell(block.text, folder, place)
            done["shell"] += 1
        elif block.language == "python":
            done["shown"] += _python(block.text, namespace, place)
            done["python"] += 1
        elif block.comment == "output":
            assert (wrong := difference(block.text, output)) is None, f"{place}: {wrong}"
            done["shown"] += 1
    return done


def _shell(text: str, folder: Path, place: str) -> str:
    """What a command writes."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    environment = {**os.environ, "PATH": path, "JAX_PLATFORMS": "cpu", "COLUMNS": "80"}
    command = ["bash", "-euo", "pipefail", "-c", text]
    ended = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, f"{place}: status {ended.returncode}\n{ended.stdout}\n{ended.stderr}"
    return ended.stdout


def _python(text: str, namespace: dict[str, Any], place: str) -> int:
    """Run Python; how many outputs were compared."""
    if ">>> " not in text:
        with contextlib.redirect_stdout(io.StringIO()):
            exec(compile(text, place, "exec"), namespace)
        return 0
    shown = 0
    for example in doctest.DocTestParser().get_examples(text):
        written = io.StringIO()
        with contextlib.redirect_stdout(written):
            exec(compile(example.source, place, "single"), namespace)
        wrong = difference(example.want, written.getvalue(), whole=True)
        assert wrong is None, f"{place}: {example.source}{wrong}"
        shown += bool(example.want)
    return shown


def difference(want: str, got: str, whole: bool = False) -> str | None:
    """What is wrong with an output; None: nothing. White space counts once, `...` is anything."""
    pattern, numbers = [], []
    for piece in re.split(r"(\.\.\.|\s+)", want.strip()):
        if not piece:
            continue
        if piece == "...":
            pattern.append(r"[\s\S]*?")
            continue
        if piece.isspace():
            pattern.append(r"\s+")
            continue
        end = 0
        for match in NUMBER.finditer(piece):
            pattern += [re.escape(piece[end : match.start()]), f"({NUMBER.pattern})"]
            numbers.append(match.group())
            end = match.end()
        pattern.append(re.escape(piece[end:]))
    regular = "".join(pattern)
    found = re.fullmatch(rf"\s*{regular}\s*", got) if whole else re.search(regular, got)
    if found is None:
        return f"expected\n{want}\ngot\n{got}"
    for shown, measured in zip(numbers, found.groups(), strict=True):
        if shown != measured and abs(float(shown) - float(measured)) > TOLERANCE * _digit(shown):
            return f"expected {shown}, got {measured} in\n{got}"
    return None


def _digit(number: str) -> float:
    """The worth of the last digit that is shown; of a whole number nothing, for it must be equal."""
    mantissa, _, power = number.partition("e")
    if "." not in mantissa:
        return 0.0
    return 10.0 ** (int(power or 0) - len(mantissa.partition(".")[2]))
