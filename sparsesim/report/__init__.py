"""One self-contained HTML page a run: what came out, an explorer of its cells, and closed forms to move in.

The page needs no network: libraries, numbers and figures are inside it. Its scripts are in `page/`; `theory.js` has the
closed forms of `sparsesim.theory` once more, and a test compares the two.
"""

import base64
import html
import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import xarray as xr
from PIL import Image
from rich.errors import MarkupError
from rich.text import Text

from sparsesim import store
from sparsesim.figures import labels
from sparsesim.outcomes import Outcome
from sparsesim.report import payload

PAGE = Path(__file__).parent / "page"
LIBRARIES = ("d3.min.js", "plot.umd.min.js")
SCRIPTS = ("theory.js", "data.js", "widgets.js", "plane.js", "trajectories.js", "explorer.js", "free.js", "main.js")
NAME = "report.html"
LONG = 15  # rows of a table that is not open at first
COLOURS, WIDEST = 256, 1500  # of a figure inside the page
FIGURES_BUDGET = 700_000  # bytes of all of them
ABOUT = ("problem", "clock", "engine", "oracle", "trajectories", "seed", "seconds", "device", "sparsesim_version",
         "git_revision", "jax_version", "numpy_version", "python_version")  # fmt: skip


def write(dataset: xr.Dataset, outcome: Outcome, figures: Iterable[Path], path: Path) -> Path:
    """Write the page of a study's dataset, atomically.

    Args:
        dataset: as a study computed it, with its configuration as the attribute `config`.
        outcome: what the study says of it.
        figures: what was drawn of it; the PNGs are shown, as many as there is room for.
        path: the page.

    Raises:
        NotWritten: see `store.replacing`.
    """
    return store.write_text(rendered(dataset, outcome, figures), path)


def rendered(dataset: xr.Dataset, outcome: Outcome, figures: Iterable[Path]) -> str:
    """The page as text; see `write`."""
    parts = {
        "title": html.escape(outcome.title),
        "verdict": html.escape(str(dataset.attrs["verdict"])),
        "style": (PAGE / "style.css").read_text(encoding="utf-8"),
        "outcome": _outcome(outcome),
        "exact": html.escape(labels.exact(dataset)),
        "figures": _figures(figures),
        "about": _pairs((name.replace("_", " "), dataset.attrs[name]) for name in ABOUT if name in dataset.attrs),
        "config": html.escape(str(dataset.attrs.get("config", ""))),
        "version": html.escape(str(dataset.attrs.get("sparsesim_version", ""))),
        "data": _embedded(payload.of(dataset)),
        "libraries": _joined(PAGE / "vendor", LIBRARIES),
        "scripts": _joined(PAGE, SCRIPTS),
    }
    pieces = (PAGE / "template.html").read_text(encoding="utf-8").split("[[")
    filled = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("]]")
        filled += [parts[name], rest]
    return "".join(filled)


def _joined(folder: Path, names: Iterable[str]) -> str:
    return "\n".join((folder / name).read_text(encoding="utf-8") for name in names)


def _embedded(value: dict[str, Any]) -> str:
    """JSON that cannot end the element that it stands in."""
    return json.dumps(value, allow_nan=False, ensure_ascii=False, separators=(",", ":")).replace("<", "\\u003c")


def _outcome(outcome: Outcome) -> str:
    """What a study says, as on the terminal."""
    said = [f"<p>{html.escape(outcome.words)}</p>"] if outcome.words else []
    if outcome.details is not None:
        head = "".join(f'<th scope="col">{_text(name)}</th>' for name in outcome.details.columns)
        rows = "".join(f"<tr>{''.join(f'<td>{_text(one)}</td>' for one in row)}</tr>" for row in outcome.details.rows)
        said.append(f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table></div>')
    rows = "".join(
        f'<tr><th scope="row">{_text(name)}</th><td>{_text(value)}</td></tr>' for name, value in outcome.rows
    )
    opened = " open" if len(outcome.rows) <= LONG else ""
    table = f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'
    said.append(f"<details{opened}><summary>What came out</summary>{table}</details>")
    said += [f'<p class="remarks">{html.escape(line)}</p>' for line in outcome.remarks]
    return "\n".join(said)


def _text(marked: str) -> str:
    """What stands in a table on the terminal, without its colours."""
    try:
        return html.escape(Text.from_markup(marked).plain)
    except MarkupError:  # a name with brackets of its own
        return html.escape(marked)


def _pairs(pairs: Iterable[tuple[str, object]]) -> str:
    return "".join(f"<dt>{html.escape(name)}</dt><dd>{html.escape(str(value))}</dd>" for name, value in pairs)


def _figures(paths: Iterable[Path]) -> str:
    """The figures, in fewer colours than the files, as many as there is room for."""
    shown, left, total = [], [], 0
    for path in (path for path in paths if path.suffix == ".png"):
        image = _reduced(path)
        if total + len(image) > FIGURES_BUDGET:
            left.append(path.name)
            continue
        total += len(image)
        name = html.escape(path.stem.replace("_", " "))
        source = base64.b64encode(image).decode("ascii")
        shown.append(
            f'<figure><img alt="figure: {name}" src="data:image/png;base64,{source}">'
            f"<figcaption>{name}</figcaption></figure>"
        )
    if not shown and not left:
        return ""
    more = f"<p class='hint'>Not shown here: {html.escape(', '.join(left))}.</p>" if left else ""
    return (
        f'<section aria-labelledby="figures-title"><h2 id="figures-title">Figures</h2>{"".join(shown)}{more}</section>'
    )


def _reduced(path: Path) -> bytes:
    """A PNG with fewer colours and no wider than a screen."""
    with Image.open(path) as image:
        picture = image.convert("RGB")
    if picture.width > WIDEST:
        picture = picture.resize((WIDEST, round(picture.height * WIDEST / picture.width)), Image.Resampling.LANCZOS)
    memory = io.BytesIO()
    picture.quantize(COLOURS, dither=Image.Dither.NONE).save(memory, "PNG", optimize=True)
    return memory.getvalue()
