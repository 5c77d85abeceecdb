"""The folder of a sweep: its finished blocks, what is under way, what failed, and what it all belongs to.

    sweep.json               what the sweep is; the folder's name is its hash
    blocks/NAME.block        a finished block of cells, with a checksum
    blocks/NAME.checkpoint   the state of a block that is under way
    blocks/NAME.error        why a block failed twice
    blocks/NAME.damaged      what was no longer what had been written, and was computed again
    sparsesim.log            who did what, and when
    lock                     held while a dataset and its figures are written

Every file is written whole or not at all. Workers that share a folder need not know of each other: who computes what
another has computed writes the same numbers under the same name.
"""

import hashlib
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from sparsesim import sealed, store
from sparsesim.simulation.plan import Cell, Plan
from sparsesim.simulation.statistics import Statistics

IDENTITY = "sweep.json"
MOST_DIFFERENCES = 5  # that are shown


class Folder:
    """The files of one sweep.

    Args:
        path: where it is, or will be.
        identity: what the sweep is, JSON values: all that its numbers depend on.
    """

    def __init__(self, path: Path, identity: Mapping[str, Any]) -> None:
        self.path, self.identity = path, plain(identity)
        self.blocks = path / "blocks"

    @classmethod
    def named(cls, parent: Path, identity: Mapping[str, Any]) -> "Folder":
        """The folder of a sweep, below the one of its name: another sweep has another."""
        return cls(parent / digest(identity), identity)

    @classmethod
    def found(cls, path: Path) -> "Folder":
        """A folder that is there.

        Raises:
            ValueError: it is none of a sweep.
        """
        try:
            return cls(path, json.loads((path / IDENTITY).read_text(encoding="utf-8")))
        except (OSError, ValueError) as error:
            raise ValueError(f"{path} must be the folder of a sweep, which has a {IDENTITY}: {error}") from error

    def make(self) -> None:
        """Make the folder, or check that the one that is there is of this sweep.

        Raises:
            ValueError: it is of another.
            NotWritten: it cannot be made.
        """
        try:
            self.blocks.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise store.NotWritten(error.errno, f"cannot make {self.blocks}: {error.strerror}") from error
        store.clear_stale(self.path)
        store.clear_stale(self.blocks)
        try:
            there = Folder.found(self.path)
        except ValueError:  # it is not there, or damaged, and the folder's name says the same
            if (self.path / IDENTITY).exists() and self.path.name != digest(self.identity):
                raise
            store.write_text(json.dumps(self.identity, indent=2, sort_keys=True) + "\n", self.path / IDENTITY)
            return
        if differing := differences(there.identity, self.identity):
            raise ValueError(f"{self.path} is of another sweep: {'; '.join(differing)}; take another output")

    def set_aside(self) -> Path | None:
        """Move the folder out of the way, under the first free name beside it. Returns where it is, if it was there."""
        if not self.path.exists():
            return None
        aside = next(
            path
            for number in range(1, 10**6)
            if not (path := self.path.with_name(f"{self.path.name}.replaced-{number}")).exists()
        )
        os.rename(self.path, aside)
        return aside

    def name(self, cells: Iterable[str]) -> str:
        """The name of a block, from those of its cells."""
        return digest([digest(self.identity), *cells])

    def write(
        self, cells: Sequence[str], results: Sequence[Mapping[str, np.ndarray]], about: Mapping[str, Any]
    ) -> Path:
        """Keep a finished block: the statistics of its cells, and what is said of it."""
        arrays = {name: np.stack([result[name] for result in results]) for name in Statistics.NAMES}
        path = self.blocks / f"{self.name(cells)}.block"
        sealed.seal(path, {**about, "sweep": digest(self.identity), "cells": list(cells)}, arrays)
        self.tidy(path)
        return path

    def tidy(self, block: Path) -> None:
        """Remove what a finished block makes needless; its writer may have been killed before it could."""
        for kind in ("checkpoint", "error"):
            with suppress(OSError):
                block.with_suffix(f".{kind}").unlink(missing_ok=True)

    def read(self, path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
        """A block, or a checkpoint.

        Raises:
            sealed.Damaged: it is not what was written, or of another sweep.
            OSError: it cannot be read.
        """
        about, arrays = sealed.unseal(path)
        if about.get("sweep") != digest(self.identity):
            raise sealed.Damaged(f"{path} is of another sweep")
        return about, arrays

    def paths(self) -> list[Path]:
        """Those of the finished blocks, in an order that is always the same; none that is being written."""
        return sorted(self.blocks.glob("[!.]*.block"))

    def checkpoint(self, cells: Sequence[str]) -> Path:
        """Where the state of a block is while it is under way."""
        return self.blocks / f"{self.name(cells)}.checkpoint"

    def write_error(self, cells: Sequence[str], error: str) -> None:
        """Keep why a block failed."""
        text = json.dumps({"cells": list(cells), "error": error}, indent=2) + "\n"
        store.write_text(text, self.blocks / f"{self.name(cells)}.error")

    def errors(self) -> dict[str, str]:
        """Why cells failed, by cell; those that have succeeded since may be among them."""
        failed: dict[str, str] = {}
        for path in sorted(self.blocks.glob("[!.]*.error")):
            with suppress(OSError, ValueError):  # it says nothing then, and its cells are missing
                entry = json.loads(path.read_text(encoding="utf-8"))
                failed |= dict.fromkeys(entry["cells"], entry["error"])
        return failed


def plain(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What JSON makes of it: tuples become lists, as they do on disk."""
    return json.loads(json.dumps(identity))


def digest(value: object) -> str:
    """A name for JSON values: 16 hexadecimal digits."""
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]


def cell_name(cell: Cell, plan: Plan) -> str:
    """A name for a cell, from all there is to it; a study may simulate the same one on several clocks."""
    how = [plan.clock, plan.seed, plan.trajectories, plan.engine, plan.oracle]
    return digest([repr(cell.problem), repr(cell.optimizer), cell.times.tolist(), list(cell.start), how])


def differences(one: Mapping[str, Any], other: Mapping[str, Any], within: str = "") -> list[str]:
    """Where two mappings differ, at most a few places, each with both values."""
    found: list[str] = []
    for key in sorted({*one, *other}):
        mine, theirs, name = one.get(key), other.get(key), f"{within}{key}"
        if isinstance(mine, Mapping) and isinstance(theirs, Mapping):
            found += differences(mine, theirs, f"{name}.")
        elif mine != theirs:
            found.append(f"{name} is {mine!r} there and {theirs!r} here")
    return found[:MOST_DIFFERENCES]
