"""A sweep as a job: blocks that are done are skipped, those under way go on, and what fails is kept as such."""

import itertools
import json
import logging
import math
import os
import re
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
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
from sparsesim.simulation.statistics import Statistics
from sparsesim.store import NotWritten
from sparsesim.sweep import Prepared, Sweep, labelled, prepared

LOG = logging.getLogger("sparsesim")
# Of a block, if nobody says otherwise: some ten seconds of a core, and not more files than one can look at.
BLOCK_WORK, MOST_CELLS = 1e8, 256


CONFIG, JOURNAL = "config.yaml", "sparsesim.log"
SHOWN = 10  # of the cells that are missing
ATTEMPTS = 3  # at a shard whose files do not stay as they are
# Whose versions decide numbers; those of the drawing do not.
DECISIVE = ("jax", "jaxlib", "numpy", "scipy", "optax")


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
        shown = "; ".join(missing[:SHOWN]) + (f"; and {len(missing) - SHOWN} more" if len(missing) > SHOWN else "")
        if expected:
            words = f"this shard is done; {len(missing)} of {total} cells are left to others, of which the last"
            super().__init__(f"{words} draws the figures, as does: python -m sparsesim.merge {folder}")
        else:
            super().__init__(f"{len(missing)} of {total} cells are missing in {folder}: {shown}")


class Found(NamedTuple):
    """What there is of a sweep."""

    statistics: dict[str, dict[str, np.ndarray]]  # by the name of a cell
    about: list[dict[str, Any]]  # what blocks say of themselves
    errors: dict[str, str]  # why cells have failed, that have not succeeded since


@dataclass
class Job:
    """What becomes of a sweep in its folder; to call it is to run the sweep, as `run_sweep` does.

    Args:
        folder: of the sweep.
        shard: the part of it to compute.
        block: cells in a block; None: some ten seconds' worth.
        simulate: whether to compute what is missing.
        config: the configuration that it is of, as YAML, kept in the folder.
        say: told of what a user should know at once, a line each.
        counted: told of the cells that are done, and of all of this shard.
    """

    folder: Folder
    shard: Shard
    block: int | None = None
    simulate: bool = True
    config: str = ""
    say: Callable[[str], None] = lambda line: None
    counted: Callable[[int, int], None] = lambda done, total: None

    def __post_init__(self) -> None:
        if self.block is not None:
            _validate.whole("sweep.block", self.block, low=1)

    def __call__(self, sweep: Sweep, progress: Progress | None = None) -> xr.Dataset:
        """The dataset of a sweep, when all of its cells are computed or given up.

        Adds over the cells `status`: that of `labelled`, or "failed", where `error` says why; and attributes blocks,
        failed_cells, simulated_with (JSON: sources, versions, git revisions), block_seconds (of all blocks, some of
        which ran at a time) and lanes_per_second, trajectories that a block has finished in a second.

        Raises:
            ValueError: see `run_sweep`; or the folder is of another sweep.
            MemoryError: see there.
            NotWritten: a finished block could not be kept.
            Incomplete: cells are missing.
        """
        ready = prepared(sweep)
        # Cells of equal content are computed once.
        unique = {cell_name(cell, ready.plan): cell for cell in ready.work}
        blocks = blocks_of(dict(enumerate(unique.values())), ready.plan)
        check_memory(blocks)
        self.folder.make()
        if not (kept := self.folder.path / CONFIG).exists() or kept.read_text(encoding="utf-8") != self.config:
            store.write_text(self.config, kept)
        with journal(self.folder.path / JOURNAL):
            found = self._found()
            if self.simulate:
                found = self._completed(blocks, list(unique), found, progress, sweep.chunk)
            missing = unique.keys() - found.statistics.keys() - found.errors.keys()
            if missing:
                names = [cell_name(cell, ready.plan) for cell in ready.work]
                described = [words for words, name in zip(_described(sweep), names, strict=True) if name in missing]
                expected = self.shard.of_all > 1 and not found.errors
                raise Incomplete(self.folder.path, described, len(names), expected)
        return self._consolidated(sweep, ready, found)

    def _completed(
        self, blocks: Sequence[Block], names: list[str], found: Found, progress: Progress | None, chunk: int | None
    ) -> Found:
        """What there is when this shard's part has been computed."""
        numbers = [number for block in blocks for number in block.cells][self.shard.number - 1 :: self.shard.of_all]
        own = {names[number] for number in numbers}
        for _ in range(ATTEMPTS):  # again, should a block be damaged as soon as it is written
            self._compute(blocks, set(numbers), names, found, progress, chunk)
            found = self._found()
            if own <= found.statistics.keys() | found.errors.keys():
                return found
        raise Damaged(f"blocks in {self.folder.blocks} do not stay as they are written; its disk may be failing")

    def _compute(
        self,
        blocks: Sequence[Block],
        own: set[int],
        names: list[str],
        found: Found,
        progress: Progress | None,
        chunk: int | None,
    ) -> None:
        """Compute what is missing of this shard's cells."""
        left, total, work_done, ready = [], 0.0, 0.0, 0
        for block in blocks:
            # Cut before what is done is left out, so that a block has the same name when it goes on.
            for part in cut(block.of([number for number in block.cells if number in own]), self.block):
                missing = [number for number in part.cells if names[number] not in found.statistics]
                left += [part.of(missing)] if missing else []
                total += part.work
                work_done += part.work - (left[-1].work if missing else 0.0)
                ready += len(part.cells) - len(missing)
        count = len(own) - ready
        LOG.info("shard %s: %d of %d cells to do, in %d blocks", self.shard, count, len(own), len(left))
        if ready:
            self.say(f"{ready} of {len(own)} cells are done already, in {self.folder.path}")
        self.counted(ready, len(own))
        if left:
            meter = Meter(progress, total, work_done, lambda cells: self.counted(ready + cells, len(own)))
            run_blocks(left, FolderKeeper(self, names), meter, chunk=chunk)
        elif progress is not None:
            progress(total, total)

    def _found(self) -> Found:
        """Everything that can be used."""
        statistics: dict[str, dict[str, np.ndarray]] = {}
        blocks = []
        for path in self.folder.paths():
            if (block := self.read(path)) is None:
                continue
            about, arrays = block
            blocks.append(about)
            for number, name in enumerate(about["cells"]):
                statistics.setdefault(name, {key: arrays[key][number] for key in Statistics.NAMES})
            if self.simulate:
                self.folder.tidy(path)
        errors = {name: error for name, error in self.folder.errors().items() if name not in statistics}
        return Found(statistics, blocks, errors)

    def read(self, path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]] | None:
        """A block or a checkpoint; None, with a word, where it cannot be used."""
        then = "computed again" if self.simulate else "left out"
        try:
            return self.folder.read(path)
        except FileNotFoundError:
            return None
        except Damaged as error:
            if self.simulate:
                with suppress(OSError):
                    os.replace(path, path.with_name(f"{path.name}.damaged"))
                then = f"moved aside, and {then}"
            self.warn(f"{error}; {then}")
        except OSError as error:
            self.warn(f"cannot read {path}: {error.strerror}; {then}")
        return None

    def warn(self, line: str) -> None:
        """Say what is not as it should be, and keep it in the log."""
        LOG.warning("%s", line)
        self.say(line)

    def _consolidated(self, sweep: Sweep, ready: Prepared, found: Found) -> xr.Dataset:
        """The dataset of all blocks; a cell that failed is not a number."""
        shape = (len(ready.work[0].times), len(ready.work[0].start))
        nothing = {name: np.full(shape, np.nan) for name in Statistics.NAMES}
        names = [cell_name(cell, ready.plan) for cell in ready.work]
        dataset = labelled(sweep, ready, [found.statistics.get(name, nothing) for name in names])
        status = dataset["status"]
        errors = status.copy(data=np.array([found.errors.get(name, "") for name in names]).reshape(status.shape))
        failed = errors != ""
        seconds = sum(about["seconds"] for about in found.about)
        revisions = sorted({about["git_revision"] for about in found.about})
        made_by = {key: self.folder.identity[key] for key in ("sources", "versions")} | {"git_revisions": revisions}
        return dataset.assign(
            status=status.where(~failed, "failed"),
            first_bad_time=dataset["first_bad_time"].where(~failed),
            error=errors,
        ).assign_attrs(
            device=", ".join(sorted({about["device"] for about in found.about})) or provenance.device(),
            simulated_with=json.dumps(made_by),
            blocks=len(found.about),
            failed_cells=int(failed.sum()),
            block_seconds=seconds,
            lanes_per_second=sum(about["lanes"] for about in found.about) / seconds if seconds else math.nan,
        )


def identity(sweep: Sweep, study: str) -> dict[str, Any]:
    """All that the numbers of a sweep depend on: what it asks for, the sources, and the versions that matter."""
    asked = {name: value for name, value in asdict(replace(sweep, vocabulary=None)).items() if name != "chunk"}
    if sweep.vocabulary is not None:  # its names decide no numbers
        asked["vocabulary"] = sha256(sweep.vocabulary.p.tobytes()).hexdigest()
    return {
        "study": study,
        "sweep": asked,
        "sources": provenance.source_digest(),
        "versions": {name: provenance.versions()[name] for name in DECISIVE},
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
        if not path.exists() or (read := self.job.read(path)) is None:
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
            "git_revision": provenance.git_revision(),
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
    except KeyboardInterrupt:
        LOG.info("interrupted")
        raise
    except BaseException as error:
        LOG.error("ended by %s: %s", type(error).__name__, error)
        raise
    finally:
        LOG.removeHandler(handler)
        handler.close()
        LOG.level, LOG.propagate = before


def cut(block: Block, size: int | None) -> list[Block]:
    """A block as several of `size` cells; None: of not too many and about `BLOCK_WORK`, or of one costlier cell."""
    most_work = math.inf
    if size is None and launches.is_cpu():
        size, most_work = MOST_CELLS, BLOCK_WORK
    elif size is None:  # at least what fills the devices
        size = max(MOST_CELLS, launches.devices() * ACCELERATOR_LANES // block.plan.trajectories)
    groups: list[list[int]] = []
    work = 0.0
    for number in block.cells:
        own = block.tiles_per_cell * block.tile_work(number)
        if not groups or len(groups[-1]) >= size or work + own > most_work:
            groups.append([])
            work = 0.0
        groups[-1].append(number)
        work += own
    return [block.of(group) for group in groups]


def _described(sweep: Sweep) -> list[str]:
    """Every cell by its place in the grid."""
    places = itertools.product(*(values.tolist() for values in sweep.grid.values()))
    return [
        ", ".join(
            f"{name} = {value if isinstance(value, str) else f'{value:.6g}'}"
            for name, value in zip(sweep.grid, place, strict=True)
        )
        or "the cell"
        for place in places
    ]
