"""`python -m sparsesim.claims`: judge the claims of the paper and of later work, and say what became of each."""

import argparse
import sys
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from sparsesim import store, terminal
from sparsesim.claims import SCALES
from sparsesim.claims.judging import FAILED, Outcome, judge, judge_all
from sparsesim.claims.registry import Entry, entries, matching
from sparsesim.claims.telling import as_json, explain, line, page, table

EXAMPLES = """examples:
  python -m sparsesim.claims                             # all, some minutes
  python -m sparsesim.claims --scale smoke               # all, with less to compute
  python -m sparsesim.claims "Proposition 2"             # one: what was computed, numbers, figure, where its judge is
  python -m sparsesim.claims --list                      # their numbers and statements; nothing is computed
  python -m sparsesim.claims --page docs/claims.md --json build/claims.json

Exit status: 0 every verdict is the expected one, 1 a verdict has changed or a judge has failed, 2 bad input."""
CHANGED, BAD_INPUT = 1, 2


def main() -> None:
    """Run from the command line and exit with a status."""
    parser = argparse.ArgumentParser(
        prog="python -m sparsesim.claims",
        description="Judge what the paper and later work say, claim by claim.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("number", nargs="?", help="of a claim, or how it begins; without it all are judged")
    parser.add_argument("--scale", choices=SCALES, default="full", help="how much to compute (default: full)")
    parser.add_argument("--list", action="store_true", help="print numbers and statements, and judge none")
    parser.add_argument("--page", type=Path, metavar="FILE", help="write the page of the documents")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write all of it for machines")
    arguments = parser.parse_args()
    try:
        found = entries()
        if arguments.number is not None and not (found := matching(found, arguments.number)):
            raise ValueError(f"number must be that of a claim, got {arguments.number!r}; --list prints them")
    except ValueError as error:
        Console(stderr=True, soft_wrap=True).print("[bold red]error:[/]", escape(str(error)), highlight=False)
        sys.exit(BAD_INPUT)
    sys.exit(run(found, arguments, Console()))


def run(found: list[Entry], arguments: argparse.Namespace, console: Console) -> int:
    """Judge claims as the command line asks for; the exit status."""
    if arguments.list:
        for entry in found:
            terminal.line(console, f"{entry.claim.number}: {entry.claim.statement}")
        return 0
    if arguments.number is not None:
        outcomes = []
        for entry in found:
            outcomes.append(judge(entry, arguments.scale))
            explain(outcomes[-1], console)
            console.print()
    else:
        outcomes = _all(found, arguments.scale, console)
    if arguments.page is not None:
        _make_folder(arguments.page)
        terminal.line(console, f"written: {store.write_text(page(outcomes, arguments.scale), arguments.page)}")
    if arguments.json is not None:
        _make_folder(arguments.json)
        terminal.line(console, f"written: {store.write_json(as_json(outcomes, arguments.scale), arguments.json)}")
    terminal.line(console, line(outcomes))
    return CHANGED if any(outcome.changed for outcome in outcomes) else 0


def _make_folder(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)


def _all(found: list[Entry], scale: str, console: Console) -> list[Outcome]:
    """Judge all with progress, and print the table and what changed."""
    with terminal.progress(console, "claims") as bar:
        done = 0
        bar(0, len(found))

        def each(outcome: Outcome) -> None:
            """One more."""
            nonlocal done
            done += 1
            bar(done, len(found))

        outcomes = judge_all(found, scale, each)
    console.print(table(outcomes))
    for outcome in outcomes:
        if outcome.judged.verdict == FAILED:
            console.print(f"{outcome.entry.claim.number}: {outcome.judged.computed}", style="red", markup=False)
    return outcomes


if __name__ == "__main__":
    main()
