"""The gallery: a page of all figures with pictures, commands, runtimes, captions and verdicts.

`python -m sparsesim.gallery FIGURES PAGE` puts it together from what `python -m experiments` has left in a folder.
"""

import argparse
import json
import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from sparsesim.store import replacing, write_text

COLOURS = 256  # of a picture: all are kept to within 6% of their range, at half the size
HEAD = """# Gallery

Every figure, drawn by one command from simulation and theory. `make figures` draws all of them, `make figures-only`
draws them again from their data. Each ends with the numbers that it is about; one outside its bound fails the command.

{measured} This page is written by `make gallery`.

Circles are simulated means, their bars two standard errors. They lie on exact means: on the dotted line where there is
one, for solid lines can be the main ODE, which has updates at random times and differs at small d. As d grows, all of
them fall onto the limit, dashed or wide and grey.

| figure | shows | runtime | holds |
|---|---|---|---|
"""


def page(figures: Path, target: Path, required: Sequence[str] = ()) -> int:
    """Write the page, and its pictures into `images` beside it.

    Args:
        figures: with `figNN.json` and `figNN.png`.
        target: of the page.
        required: names of figures that it must have.

    Returns:
        How many figures it has.

    Raises:
        ValueError: there are none, or a required one is missing.
        OSError: one cannot be read or written.
    """
    records = {path.stem: _record(path) for path in sorted(figures.glob("fig*.json"))}
    if not records:
        raise ValueError(f"{figures} has no figures; make figures draws them")
    if missing := [name for name in required if name not in records]:
        raise ValueError(f"{figures} is without {', '.join(missing)}; make figures draws them")
    images = target.parent / "images"
    images.mkdir(parents=True, exist_ok=True)
    rows, sections = [], []
    for name, record in records.items():
        mark = "yes" if record["holds"] else "**no**"
        mark += "" if record["command"].startswith("make") else ", with overrides"
        rows.append(f"| [{name}](#{name}) | {record['title']} | {math.ceil(record['seconds'])} s | {mark} |\n")
        sections.append(_section(name, record))
        _picture(figures / f"{name}.png", images / f"{name}.png")
    write_text(HEAD.format(measured=_measured(list(records.values()))) + "".join(rows) + "".join(sections), target)
    return len(records)


def _measured(records: list[dict[str, Any]]) -> str:
    """Where and at which scale, in a sentence; figures of several scales or machines are all named."""
    places = Counter((record["scale"], record["machine"]) for record in records)
    words = [f"scale `{scale}` on {machine}" for scale, machine in places]
    total = sum(record["seconds"] for record in records)
    return f"Runtimes are of {' and '.join(words)}, together {total / 60.0:.1f} minutes."


def _section(name: str, record: dict[str, Any]) -> str:
    """Of one figure."""
    rows = "".join(
        f"| {_cell(check['quantity'])} | {_number(check['value'])} | {check['bounds']} |\n"
        for check in record["checks"]
    )
    config = f"configs/experiment/{name}.yaml"
    return (
        f"\n## {name}\n\n**{record['title']}**\n\n![{record['title']}](images/{name}.png)\n\n{record['words']}\n\n"
        f"`{record['command']}`, of [{config}](../{config}), {math.ceil(record['seconds'])} s\n\n"
        f"| what it is about | value | bound |\n|---|---|---|\n{rows}"
    )


def _record(path: Path) -> dict[str, Any]:
    """What a figure has left.

    Raises:
        ValueError: it is not what figures leave.
    """
    try:
        record = json.loads(path.read_text())
        _section(path.stem, record)
        _measured([record])
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is no record of a figure; draw it again: {error!r}") from error
    return record


def _cell(text: str) -> str:
    """Of a table, whose columns end at pipes."""
    return text.replace("|", "\\|")


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4g}"


def _picture(source: Path, target: Path) -> None:
    """The same in fewer colours, which a repository can bear."""
    with Image.open(source) as picture, replacing(target) as unfinished:
        few = picture.convert("RGB").quantize(COLOURS, method=Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
        few.save(unfinished, "PNG", optimize=True)


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(prog="python -m sparsesim.gallery", description=(__doc__ or "").split("\n")[0])
    parser.add_argument("figures", type=Path, help="folder that python -m experiments has drawn into")
    parser.add_argument("page", type=Path, help="Markdown file to write; pictures go into images beside it")
    parser.add_argument("--require", nargs="*", default=[], metavar="FIGURE", help="that the page must have")
    arguments = parser.parse_args()
    try:
        count = page(arguments.figures, arguments.page, arguments.require)
    except (ValueError, OSError) as error:
        parser.exit(2, f"error: {error}\n")
    print(f"{count} figures in {os.fspath(arguments.page)}")


if __name__ == "__main__":
    main()
