"""What a run says on the terminal: progress with time left, and closing tables."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from sparsesim.outcomes import Outcome

# Lines between updates where there is no terminal to redraw.
PLAIN_INTERVAL = 10.0


class Bar:
    """What shows how far a run is: on a terminal a bar, elsewhere a line now and then."""

    def __init__(self, console: Console, title: str, drawn: Progress | None) -> None:
        self.console, self.title, self.drawn = console, title, drawn
        self.task = None if drawn is None else drawn.add_task(f"{title}: compiling", total=None)
        self.began = self.last = perf_counter()
        self.first: float | None = None  # work that was done before
        self.moving: tuple[float, float] | None = None  # when the first work was done, and how much: it had to compile
        self.count = ""  # of cells

    def cells(self, done: int, total: int) -> None:
        """Cells that are done, and all."""
        if not self.count:
            self.cells_before = done
        rate = (done - self.cells_before) / max(1e-9, perf_counter() - self.began)
        self.count = f"{done} of {total} cells" + (f", {rate:.2g} a second" if rate > 0.0 else "")

    def __call__(self, done: float, total: float) -> None:
        """Work done, and all."""
        words = f"{self.title}: {self.count}" if self.count else self.title
        if self.drawn is not None and self.task is not None:
            self.drawn.update(self.task, completed=done, total=total, description=words)
            return
        now = perf_counter()
        if self.first is None:
            self.first = done
            if done < total:
                self.console.print(f"{self.title}: started, compiling first")
        elif self.moving is None and done > self.first:
            self.moving = now, done
        elif self.moving is not None and now - self.last >= PLAIN_INTERVAL and done > self.moving[1]:
            self.last = now
            since, before = self.moving
            left = (now - since) * (total - done) / (done - before)
            self.console.print(
                f"{words}: {done / total:.0%} after {now - self.began:.0f} s, about {left:.0f} s left", soft_wrap=True
            )


@contextmanager
def progress(console: Console, title: str) -> Iterator[Bar]:
    """A `Bar` while something runs."""
    if not console.is_terminal:
        yield Bar(console, title, None)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
    )
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as drawn:
        yield Bar(console, title, drawn)


def closing(console: Console, outcome: Outcome, written: list[Path]) -> None:
    """The closing words and tables, remarks, and the path of everything written."""
    if outcome.words:
        console.print(outcome.words, highlight=False, markup=False)
    if outcome.details is not None:
        console.print(_table(Table(*outcome.details.columns), outcome.details.rows))
    console.print(_table(Table(title=outcome.title, show_header=False), outcome.rows))
    for line in outcome.remarks:
        console.print(line, style="red", highlight=False, markup=False)
    console.print("written:")
    for path in written:
        console.print(f"  {path}", highlight=False, soft_wrap=True)


def line(console: Console, text: str) -> None:
    """One line, however long, without colours: for a script to find."""
    console.print(text, highlight=False, soft_wrap=True, markup=False)


def _table(table: Table, rows: Iterable[Sequence[str]]) -> Table:
    """With its rows; what is too long for the terminal goes on below."""
    for column in table.columns:
        column.overflow = "fold"
    for row in rows:
        table.add_row(*row)
    return table
