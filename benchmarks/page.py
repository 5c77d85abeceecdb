"""The page of performance: its tables are those of stored results. `python -m benchmarks.page` writes them into it."""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from benchmarks.report import Section, text
from sparsesim.store import write_text

HERE = Path(__file__).parent
PAGE = HERE.parent / "docs" / "performance.md"
PLACE = re.compile(r"(<!-- table: (\S+) (\S+) -->\n).*?(<!-- end -->)", flags=re.DOTALL)


def written(page: str, folder: Path) -> str:
    """A page whose tables, between `<!-- table: FILE SECTION -->` and `<!-- end -->`, are those of JSON files.

    Args:
        page: its text.
        folder: of the files.

    Raises:
        FileNotFoundError: a file that the page names is not there.
        KeyError: one has not the section that the page names.
    """

    def table(place: re.Match[str]) -> str:
        """What stands at a place."""
        begin, file, name, end = place.groups()
        content = json.loads((folder / f"{file}.json").read_text(encoding="utf-8"))
        if name == "machine":
            return f"{begin}\n{machine(content)}\n\n{end}"
        section = Section(**content["sections"][name])
        body = text(section).split("\n\n", 1)[1]
        return f"{begin}\n**{name.capitalize()}: {section.unit}**\n\n{re.sub(r' {2,}', ' ', body)}\n{end}"

    return PLACE.sub(table, page)


def machine(content: dict[str, Any]) -> str:
    """Where the numbers come from, in a sentence."""
    origin = content["machine"]
    return (
        f"Measured on {origin['processor']}, {origin['cores']} cores ({origin['device']}), with jax "
        f"{origin['jax_version']}, numpy {origin['numpy_version']} and Python {origin['python_version']}: medians over "
        f"{content['rounds']} rounds."
    )


def main() -> None:
    """From the command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=(__doc__ or "").split("`")[0])
    parser.add_argument("page", nargs="?", type=Path, default=PAGE)
    parser.add_argument("--folder", type=Path, default=HERE, help="of the stored results")
    arguments = parser.parse_args()
    write_text(written(arguments.page.read_text(encoding="utf-8"), arguments.folder), arguments.page)
    print(arguments.page)


if __name__ == "__main__":
    main()
