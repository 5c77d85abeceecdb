"""Judged claims told: a table for the terminal, one explained, a page of the documents, JSON for machines."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from sparsesim import provenance
from sparsesim.claims import BOUNDS, DEFINITION, FALSE, HOLDS, LIMIT, LOOSE, VERDICTS
from sparsesim.claims.judging import FAILED, Outcome

COLOURS = {
    HOLDS: "green",
    LIMIT: "green",
    BOUNDS: "green",
    FALSE: "red",
    LOOSE: "yellow",
    DEFINITION: "",
    FAILED: "red",
}


def number(value: float) -> str:
    """With as many digits as one reads."""
    return f"{value:.4g}"


def row(outcome: Outcome) -> tuple[str, ...]:
    """A line of the table: number, statement, verdict, seconds."""
    verdict, claim = outcome.judged.verdict, outcome.entry.claim
    colour = COLOURS[verdict]
    shown = f"[{colour}]{verdict}[/]" if colour else verdict
    if outcome.changed:
        shown += f" [bold red](expected: {claim.expected})[/]"
    return escape(claim.number), escape(claim.statement), shown, f"{outcome.seconds:.1f}"


def table(outcomes: Iterable[Outcome]) -> Table:
    """All claims with their verdicts."""
    shown = Table("claim", "in our words", "verdict", "seconds", title="Claims, each computed", show_lines=True)
    for column in shown.columns:
        column.overflow = "fold"
    for outcome in outcomes:
        shown.add_row(*row(outcome))
    return shown


def line(outcomes: Sequence[Outcome]) -> str:
    """The whole in one line, for scripts."""
    counts = Counter(outcome.judged.verdict for outcome in outcomes)
    parts = [f"{verdict.replace(' ', '_')}={counts[verdict]}" for verdict in (*VERDICTS, FAILED) if counts[verdict]]
    changed = sum(outcome.changed for outcome in outcomes)
    seconds = sum(outcome.seconds for outcome in outcomes)
    return " ".join(["claims:", f"all={len(outcomes)}", *parts, f"changed={changed}", f"seconds={seconds:.0f}"])


def explain(outcome: Outcome, console: Console) -> None:
    """Everything about one claim."""
    claim, judged = outcome.entry.claim, outcome.judged

    def say(text: str, style: str = "") -> None:
        """A paragraph, as it is."""
        console.print(text, style=style, highlight=False, markup=False, soft_wrap=False)

    say(f"{claim.number} ({outcome.entry.section})", "bold")
    say(claim.statement)
    say(
        f"verdict: {judged.verdict}" + (f" (expected: {claim.expected})" if outcome.changed else ""),
        COLOURS[judged.verdict],
    )
    if claim.correction:
        say(f"what is so: {claim.correction}")
    say(f"computed: {judged.computed}")
    for name, value in judged.numbers.items():
        say(f"  {name}: {number(value)}")
    say(f"tolerance: {claim.tolerance}")
    if claim.figure:
        say(f"figure: make {claim.figure}")
    say(f"judged by {outcome.entry.location}, in {outcome.seconds:.1f} s")


def as_json(outcomes: Sequence[Outcome], scale: str) -> dict[str, Any]:
    """All of it in plain values."""
    return {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "scale": scale,
        "git_revision": provenance.git_revision(),
        "versions": provenance.versions(),
        "claims": [
            {
                "number": outcome.entry.claim.number,
                "section": outcome.entry.section,
                "statement": outcome.entry.claim.statement,
                "source": "later work" if outcome.entry.claim.later else "paper",
                "verdict": outcome.judged.verdict,
                "expected": outcome.entry.claim.expected,
                "correction": outcome.entry.claim.correction,
                "computed": outcome.judged.computed,
                "numbers": {name: float(value) for name, value in outcome.judged.numbers.items()},
                "tolerance": outcome.entry.claim.tolerance,
                "figure": outcome.entry.claim.figure,
                "judge": outcome.entry.location,
                "seconds": round(outcome.seconds, 2),
            }
            for outcome in outcomes
        ],
    }


def page(outcomes: Sequence[Outcome], scale: str) -> str:
    """The page docs/claims.md."""
    counts = Counter(outcome.judged.verdict for outcome in outcomes)
    summary = ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])
    versions = provenance.versions()
    shown = ", ".join(f"{name} {versions[name]}" for name in ("sparsesim", "jax", "numpy", "scipy") if name in versions)
    written = datetime.now(UTC).date().isoformat()
    parts = [
        "# Claims, and what became of them\n",
        "Every numbered statement of *Dynamics of Stochastic Momentum with Sparse Updates in High Dimensions*, what it "
        "says in words, and later results, each in our own words and notation, judged by a computation. `make claims` "
        'judges all again and writes this page; `python -m sparsesim.claims "Proposition 2"` explains one.\n',
        f"Judged on {written} at scale {scale}, with {shown}: {summary}, of {len(outcomes)}.\n",
        f"- **{HOLDS}**: an identity, proved in exact arithmetic or checked to rounding at random points.\n"
        f"- **{LIMIT}**: approached as d grows, at a measured rate.\n"
        f"- **{BOUNDS}**: measured, and inside what the statement allows.\n"
        f"- **{LOOSE}**: true as it is meant, not as it stands.\n"
        f"- **{FALSE}**: contradicted by a computation that anyone can repeat; what is so stands beside it.\n"
        f"- **{DEFINITION}**: a name.\n",
    ]
    for verdict in (FALSE, LOOSE):
        named = [outcome.entry.claim.number for outcome in outcomes if outcome.judged.verdict == verdict]
        if named:
            parts.append(f"{verdict.capitalize()}: {'; '.join(f'[{name}](#{slug(name)})' for name in named)}.\n")
    section = ""
    for outcome in outcomes:
        if outcome.entry.section != section:
            section = outcome.entry.section
            parts.append(f"## {section}\n")
        parts.append(_told(outcome))
    return "\n".join(parts)


def slug(heading: str) -> str:
    """The anchor of a heading, as the pages have it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def _told(outcome: Outcome) -> str:
    claim, judged = outcome.entry.claim, outcome.judged
    values = "; ".join(f"{name}: {number(value)}" for name, value in judged.numbers.items())
    told = [
        f"### {claim.number}\n",
        f"{claim.statement}\n",
        f"**{judged.verdict}.** Computed: {judged.computed.rstrip('.')}.",
    ]
    if values:
        told[-1] += f" Numbers: {values}."
    told[-1] += f" Tolerance: {claim.tolerance}.\n"
    if claim.correction:
        told.append(f"*What is so:* {claim.correction}\n")
    about = [f"`{outcome.entry.location.partition(':')[0]}`", *([f"`make {claim.figure}`"] if claim.figure else [])]
    told.append(f"{', '.join(about)}\n")
    return "\n".join(told)
