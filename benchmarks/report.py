"""Results as people and programs read them."""

import json
import platform
import re
from pathlib import Path
from typing import Any, NamedTuple

import jax

from benchmarks.measure import cores
from sparsesim import provenance

Row = dict[str, str | int | float]


class Section(NamedTuple):
    """A table, and what its numbers are."""

    name: str
    unit: str
    rows: list[Row]
    notes: list[str]


def machine() -> dict[str, Any]:
    """Where the numbers come from."""
    return {"processor": processor(), "cores": cores(), "device": provenance.device(), **provenance.attributes()}


def processor() -> str:
    """The name of what computes, as the system tells it."""
    if jax.default_backend() != "cpu":
        return jax.devices()[0].device_kind
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def write(folder: Path, sections: list[Section], settings: dict[str, Any]) -> Path:
    """Write the sections as JSON and, beside it, as tables; returns the path of the JSON."""
    origin = machine()
    name = re.sub(r"[^a-z0-9]+", "-", f"{origin['processor']} {origin['cores']} cores".lower()).strip("-")
    path = folder / f"engines-{name}.json"
    content = {"machine": origin, **settings, "sections": {section.name: section._asdict() for section in sections}}
    path.write_text(json.dumps(content, indent=1) + "\n")
    title = f"# {origin['processor']}, {origin['cores']} cores\n"
    path.with_suffix(".md").write_text("\n".join([title, *map(text, sections)]))
    return path


def text(section: Section) -> str:
    """A section in Markdown, aligned for a terminal."""
    columns = list(dict.fromkeys(name for row in section.rows for name in row))
    cells = [columns, *([shown(row.get(name, "")) for name in columns] for row in section.rows)]
    widths = [max(len(line[i]) for line in cells) for i in range(len(columns))]
    lines = ["| " + " | ".join(value.rjust(w) for value, w in zip(line, widths, strict=True)) + " |" for line in cells]
    rule = "|" + "|".join("-" * (width + 1) + ":" for width in widths) + "|"
    table = "\n".join([lines[0], rule, *lines[1:]])
    return f"## {section.name}: {section.unit}\n\n{table}\n" + "".join(f"\n{note}\n" for note in section.notes)


def shown(value: str | int | float) -> str:
    """A number in three digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)
