"""A sweep as a job: blocks that are done are skipped, those under way go on, and what fails is kept as such."""

import logging
import math
import os
import re
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
import xarray as xr

from sparsesim import _validate, provenance, store
from sparsesim.folder import Folder, cell_name, digest
from sparsesim.sealed import Damaged, seal
from sparsesim.simulation import launches
from sparsesim.simulation.blocks import ACCELERATOR_LANES, Block, blocks_of
from sparsesim.simulation.driver import Meter, Progress, check_memory, run_blocks
from sparsesim.simulation.execution import Checkpoint, Results
from sparsesim.simulation.plan import Cell
from sparsesim.simulation.statistics import Statistics
from sparsesim.store import NotWritten
from sparsesim.sweep import Prepared, Sweep, labelled, prepared

LOG = logging.getLogger("sparsesim")
# Of a block, if nobody says otherwise: some ten seconds of a core, and not more files than one can look at.
BLOCK_WORK, MOST_CELLS = 1e8, 256


CONFIG = "config.yaml"
JOURNAL = "sparsesim.log"
SHOWN = 3  # of the cells that are missing


class Shard(NamedTuple):
    """One of several parts of a sweep that need not know of each other; numbers begin at 1."""

    number: int
    of_all: int

    @classmethod
    def of(cls, text: str | None) -> "Shard":
        """From "2/4"; None is all.

        Raises:
            ValueError: it is not of this form.
        """
        match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", "1/1" if text is None else text)
        if match is None or not 1 <= int(match[1]) <= int(match[2]):
            raise ValueError(f"shard must be i/n with i from 1 to n, such as 2/4, got {text!r}")
        return cls(int(match[1]), int(match[2]))

    def __str__(self) -> str:
        return f"{self.number}/{self.of_all}"


class Incomplete(Exception):
    """Cells of a sweep are neither computed nor given up.

    Args:
        folder: of the sweep.
        missing: what they are.
        total: how many cells there are.
        expected: whether that is as it should be: others compute them.
    """

    def __init__(self, folder: Path, missing: Sequence[str], total: int, expected: bool) -> None:
        self.folder, self.missing, self.total, self.expected = folder, missing, total, expected
        shown = "; ".join(missing[:SHOWN]) + ("; ..." if len(missing) > SHOWN else "")
        if expected:
            words = f"this shard is done; {len(missing)} of {total} cells are left to others, of which the last"
            super().__init__(f"{words} draws the figures, as does: python -m sparsesim.merge {folder}")
        else:
            super().__init__(f"{len(missing)} of {total} cells are missing in {folder}: {shown}")


@dataclass
class Job:
    """What becomes of a sweep in its folder; to call it is to run the sweep, as `run_sweep` does.

    Args:
        folder: of the sweep.
        shard: the part of it to compute.
        block: cells in a block, at most; None: some ten seconds' worth.
        simulate: whether to compute what is missing.
        fresh: whether to start over, with what there is moved aside.
        config: the configuration that it is of, as YAML, kept in the folder.
        say: told of what a user should know at once, a line each.
        counted: told of the cells that are done, and of all of this shard.
    """

    folder: Folder
    shard: Shard
    block: int | None = None
    simulate: bool = True
    fresh: bool = False
    config: str = ""
    say: Callable[[str], None] = lambda line: None
    counted: Callable[[int, int], None] = lambda done, total: None

    def __post_init__(self) -> None:
        if self.block is not None:
            _validate.whole("sweep.block", self.block, low=1)

    def __call__(self, sweep: Sweep, progress: Progress | None = None) -> xr.Dataset:
        """The dataset of a sweep, when all of its cells are computed or given up.

        Adds over the cells `status`: that of `labelled`, or "failed", where `error` says why; and attributes blocks,
        failed_cells, block_seconds (of all blocks, some of which ran at a time) and lanes_per_second of a block.

        Raises:
            ValueError: see `run_sweep`; or the folder is of another sweep.
            MemoryError: see there.
            NotWritten: a finished block could not be kept.
            Incomplete: cells are missing.
        """
        ready = prepared(sweep)
        # Cells of equal content are computed once.
        unique = {cell_name(cell): cell for cell in ready.work}
        blocks = blocks_of(dict(enumerate(unique.values())), ready.plan)
        check_memory(blocks)
        self.make()
        with journal(self.folder.path / JOURNAL):
            return self._run(sweep, ready, blocks, unique, progress)

    def _run(
        self,
        sweep: Sweep,
        ready: Prepared,
        blocks: Sequence[Block],
        unique: Mapping[str, Cell],
        progress: Progress | None,
    ) -> xr.Dataset:
        """The dataset, after what is missing of this shard has been computed."""
        if self.simulate:
            self._compute(blocks, list(unique), progress, sweep.chunk)
        done = self._finished()
        errors = {name: error for name, error in self.folder.errors().items() if name not in done}
        if missing := [name for name in unique if name not in done and name not in errors]:
            expected = self.shard.of_all > 1 and not errors
            described = [_described(unique[name]) for name in missing]
            raise Incomplete(self.folder.path, described, len(unique), expected)
        return self._consolidated(sweep, ready, errors)

    def make(self) -> None:
        """Make the folder, once the job is known to be good.

        Raises:
            ValueError: see `Folder.make`, like the other.
            NotWritten: see there.
        """
        if self.fresh and (aside := self.folder.set_aside()) is not None:
            self.say(f"starting over; what was in {self.folder.path} is in {aside}")
        self.fresh = False
        self.folder.make()
        store.write_text(self.config, self.folder.path / CONFIG)

    def _compute(self, blocks: Sequence[Block], names: list[str], progress: Progress | None, chunk: int | None) -> None:
        """Compute what is missing of this shard's part."""
        dealt = [(block, number) for block in blocks for number in block.cells][
            self.shard.number - 1 :: self.shard.of_all
        ]
        done = self._finished()
        left, total, work_done = [], 0.0, 0.0
        for block in blocks:
            own = [number for of, number in dealt if of is block]
            work = {number: block.tiles_per_cell * block.tile_work(number) for number in own}
            missing = {number: block.cells[number] for number in own if names[number] not in done}
            total += sum(work.values())
            work_done += sum(work[number] for number in own if number not in missing)
            if missing:
                left += cut(Block(block.program, missing, block.plan), self.block)
        count = sum(len(block.cells) for block in left)
        LOG.info(
            "%s: %d of %d cells of shard %s to do, in %d blocks",
            self.folder.path,
            count,
            len(dealt),
            self.shard,
            len(left),
        )
        if len(dealt) > count:
            self.say(f"{len(dealt) - count} of {len(dealt)} cells are done already, in {self.folder.path}")
        ready = len(dealt) - count
        self.counted(ready, len(dealt))

        def ended() -> None:
            """One cell more."""
            nonlocal ready
            ready += 1
            self.counted(ready, len(dealt))

        meter = Meter(progress, total, work_done, ended)
        run_blocks(left, FolderKeeper(self, names), meter, chunk=chunk)

    def _finished(self) -> set[str]:
        """The cells of all finished blocks; what is damaged is moved aside."""
        done: set[str] = set()
        for path in self.folder.paths():
            if (block := self._read(path)) is not None:
                done |= set(block[0]["cells"])
                self.folder.tidy(path)
        return done

    def _read(self, path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """A block or a checkpoint; None, with a word, where it cannot be used."""
        try:
            return self.folder.read(path)
        except FileNotFoundError:
            return None
        except Damaged as error:
            with suppress(OSError):
                os.replace(path, path.with_name(f"{path.name}.damaged"))
            self.warn(f"{error}; moved aside, and computed again")
        except OSError as error:
            self.warn(f"cannot read {path}: {error.strerror}; computed again")
        return None

    def warn(self, line: str) -> None:
        """Say what is not as it should be, and keep it in the log."""
        LOG.warning("%s", line)
        self.say(line)

    def _consolidated(self, sweep: Sweep, ready: Prepared, errors: Mapping[str, str]) -> xr.Dataset:
        """The dataset of all blocks; a cell that failed is not a number."""
        shape = (len(ready.work[0].times), len(ready.work[0].start))
        nothing = {name: np.full(shape, np.nan) for name in Statistics.NAMES}
        names = [cell_name(cell) for cell in ready.work]
        wanted, statistics, blocks = set(names), dict.fromkeys(names, nothing), []
        for path in self.folder.paths():
            if (block := self._read(path)) is None:
                continue
            about, arrays = block
            blocks.append(about)
            for number, name in enumerate(about["cells"]):
                if name in wanted and statistics[name] is nothing:
                    statistics[name] = {key: arrays[key][number] for key in Statistics.NAMES}
        dataset = labelled(sweep, ready, [statistics[name] for name in names])
        shape = dataset["status"].shape
        failed = np.array([errors.get(name, "") for name in names]).reshape(shape)
        dataset["status"] = (dataset["status"].dims, np.where(failed != "", "failed", dataset["status"].values))
        dataset["error"] = (dataset["status"].dims, failed)
        seconds = sum(about["seconds"] for about in blocks)
        return dataset.assign_attrs(
            device=", ".join(sorted({about["device"] for about in blocks})) or provenance.device(),
            blocks=len(blocks),
            failed_cells=int((failed != "").sum()),
            block_seconds=seconds,
            lanes_per_second=sum(about["lanes"] for about in blocks) / seconds if seconds else math.nan,
        )


def identity(sweep: Sweep, study: str) -> dict[str, Any]:
    """All that the numbers of a sweep depend on: what it asks for, the sources, and the versions that matter."""
    asked = {name: value for name, value in asdict(sweep).items() if name != "chunk"}
    return {
        "study": study,
        "sweep": asked,
        "sources": provenance.source_digest(),
        "versions": {name: provenance.versions()[name] for name in ("jax", "jaxlib", "numpy")},
        "backend": jax.default_backend(),
    }


class FolderKeeper:
    """Keeps blocks in the folder of a job."""

    def __init__(self, job: Job, names: list[str]) -> None:
        self.job, self.folder, self.names = job, job.folder, names

    def cells(self, block: Block) -> list[str]:
        """The names of its cells."""
        return [self.names[number] for number in block.cells]

    def resume(self, block: Block) -> Checkpoint | None:
        """What an interrupted run left."""
        path = self.folder.checkpoint(self.cells(block))
        if not path.exists() or (read := self.job._read(path)) is None:
            return None
        LOG.info("block %s goes on from its checkpoint", path.stem)
        about, arrays = read
        return about["execution"], arrays

    def checkpoint(self, block: Block, checkpoint: Checkpoint) -> None:
        """Keep where a block is; without it, more is lost when the run is killed, but nothing else."""
        about, arrays = checkpoint
        path = self.folder.checkpoint(self.cells(block))
        try:
            seal(path, {"sweep": digest(self.folder.identity), "execution": about}, arrays)
        except NotWritten as error:
            self.job.warn(str(error))

    def finished(self, block: Block, results: Results, seconds: float) -> None:
        """Keep a finished block."""
        names = self.cells(block)
        about = {
            "seconds": seconds,
            "lanes": len(names) * block.plan.trajectories,
            "device": provenance.device(),
            "host": socket.gethostname(),
            "versions": provenance.versions(),
        }
        path = self.folder.write(names, [results[number] for number in block.cells], about)
        LOG.info("block %s: %d cells in %.1f s", path.stem, len(names), seconds)

    def failed(self, block: Block, error: Exception, again: bool) -> None:
        """Keep why."""
        names = self.cells(block)
        what = "is tried again" if again else "is given up"
        LOG.error("block %s %s", self.folder.name(names), what, exc_info=error)
        line = f"{type(error).__name__}: {error}".splitlines()[0]
        self.job.say(f"a block of {len(names)} cells failed and {what}: {line}")
        if not again:
            self.folder.write_error(names, line)


class Journal(logging.FileHandler):
    """A log whose own errors, as on a full disk, do not matter."""

    def handleError(self, record: logging.LogRecord) -> None:
        """Nothing: what the log is about says more."""


@contextmanager
def journal(path: Path) -> Iterator[None]:
    """Log into a file, to which other processes may append, and nowhere else.

    Raises:
        NotWritten: it cannot be written.
    """
    try:
        handler = Journal(path, encoding="utf-8")
    except OSError as error:
        raise NotWritten(error.errno, f"cannot write {path}: {error.strerror}") from error
    form = f"%(asctime)s {socket.gethostname()} %(process)d %(levelname)s %(message)s"
    handler.setFormatter(logging.Formatter(form))
    before = LOG.level, LOG.propagate
    LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
    LOG.propagate = False
    try:
        yield
        LOG.info("all cells are there")
    except Incomplete as incomplete:
        LOG.info("%s", incomplete)
        raise
    except BaseException as error:
        LOG.error("ended by %s: %s", type(error).__name__, error)
        raise
    finally:
        LOG.removeHandler(handler)
        handler.close()
        LOG.level, LOG.propagate = before


def cut(block: Block, size: int | None) -> list[Block]:
    """A block as several of at most `size` cells, or of about `BLOCK_WORK`."""
    if size is None and launches.is_cpu():
        work = block.work / len(block.cells)
        size = max(1, min(MOST_CELLS, int(BLOCK_WORK / max(1.0, work))))
    elif size is None:  # at least what fills the devices
        size = max(MOST_CELLS, launches.devices() * ACCELERATOR_LANES // block.plan.trajectories)
    return block.split(size)


def _described(cell: Cell) -> str:
    return f"{cell.problem}, {cell.optimizer}"
