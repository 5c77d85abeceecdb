"""Kills: whenever a sweep is killed, what is on disk is right, and the same command ends with the same bits."""

import json
import random
import re
import signal
import time
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import program
import pytest
from PIL import Image

SWEEP = [
    "+sweep=phase_plane",
    "scale=smoke",
    "scale.points=2",
    "sweep.block=1",
    "times.records=3",
    "hydra.verbose=false",
]
KILLS = 50
ENGINES = {
    "reduced": ["trajectories=1100", "times.horizon=20000", "clock=minibatch"],
    "vector": ["engine=vector", "trajectories=300", "times.horizon=1500", "problem.d=16"],
}
CONDITIONS = {"step_work": 3e4, "checkpoint_seconds": 0.05, "writing": 0.02, "blank": True}


class Killed:
    """A folder in which runs are killed, and what an undisturbed run has made in another."""

    def __init__(self, folder: Path, engine: str) -> None:
        self.cache, self.log, self.output = folder / "cache", folder / "log.txt", folder / "killed"
        self.arguments = [*SWEEP, *ENGINES[engine]]
        whole = folder / "whole"
        began = time.monotonic()
        self.run(whole)
        self.seconds = (time.monotonic() - began) / 2  # the rest was compilation
        self.cells = program.cells(self.folder(whole))
        self.data = program.numbers(self.folder(whole) / "data.nc")

    def folder(self, output: Path) -> Path:
        """That of the sweep, which may not be there yet."""
        return next(iter(output.glob("phase_plane/*")), output)

    def start(self, output: Path) -> Any:
        """The command."""
        return program.start([*self.arguments, f"output={output}"], self.log, cache=self.cache, **CONDITIONS)

    def run(self, output: Path) -> None:
        """The command to its end."""
        process = self.start(output)
        process.join(300)
        assert process.exitcode == 0, self.log.read_text()

    def kill(self, chance: random.Random) -> str:
        """Start the command and kill it. Returns what it was doing then."""
        process, began = self.start(self.output), time.monotonic()
        folder, wanted = self.folder(self.output), chance.choice(["any", "write", "checkpoint", "consolidation"])
        delay = chance.uniform(0.0, self.seconds)
        while process.is_alive() and time.monotonic() - began < 5 * self.seconds:
            folder, now = self.folder(self.output), time.monotonic() - began
            if wanted == "any" and now > delay:
                break
            if wanted == "write" and now > delay / 2 and list(folder.rglob(".*~*")):
                time.sleep(chance.uniform(0.0, 0.06))
                break
            if wanted == "checkpoint" and list(folder.glob("blocks/[!.]*.checkpoint")):
                time.sleep(chance.uniform(0.0, 0.5))
                break
            if wanted == "consolidation" and len(list(folder.glob("blocks/[!.]*.block"))) == len(self.cells):
                time.sleep(chance.uniform(0.0, delay / 2))
                break
            time.sleep(0.002)
        process.kill()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            assert process.exitcode == 0, self.log.read_text()
            return "too late"
        if list(folder.rglob(".*~*")):
            return "during a write"
        if list(folder.rglob("*.checkpoint")):
            return "after a checkpoint"
        blocks = len(list(folder.glob("blocks/[!.]*.block")))
        if blocks == len(self.cells):
            return "during consolidation"
        return "before the first block" if blocks == 0 else "between blocks"

    def check(self) -> None:
        """Every file in the folder is whole and right."""
        folder = self.folder(self.output)
        for name, values in program.cells(folder).items():
            for key, expected in self.cells[name].items():
                np.testing.assert_array_equal(values[key], expected)
        for path in folder.glob("blocks/[!.]*.checkpoint"):
            program.sealed.unseal(path)
        for path in folder.glob("[!.]*.json"):
            json.loads(path.read_text())
        for path in folder.glob("[!.]*.png"):
            Image.open(path).load()
        for path in folder.glob("[!.]*.pdf"):
            assert path.read_bytes().rstrip().endswith(b"%%EOF")
        if (data := folder / "data.nc").exists():
            assert program.numbers(data).identical(self.data)
        assert not list(folder.rglob("*.damaged"))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
def test_a_sweep_survives_being_killed(tmp_path: Path, engine: str) -> None:
    killed, chance, counts = Killed(tmp_path, engine), random.Random(KILLS), Counter[str]()
    sweeps, journals = 0, []
    while (dead := counts.total() - counts["too late"]) < KILLS:
        for _ in range(min(KILLS - dead, chance.randint(1, 6))):
            counts[killed.kill(chance)] += 1
            killed.check()
        killed.run(killed.output)
        killed.check()
        folder = killed.folder(killed.output)
        assert program.numbers(folder / "data.nc").identical(killed.data)
        assert not list(folder.rglob(".*~*"))
        assert not list(folder.rglob("*.checkpoint"))
        journals.append((folder / "sparsesim.log").read_text())
        sweeps += 1
        killed.output = tmp_path / f"killed-{sweeps}"
    finished = [Counter(re.findall(r"block (\w+): \d+ cells in", journal)) for journal in journals]
    again = sum(block - 1 for blocks in finished for block in blocks.values())
    continued = sum(len(re.findall("goes on from its checkpoint", journal)) for journal in journals)
    print(f"{engine}: {KILLS} kills in {sweeps} sweeps of {killed.seconds:.1f} s: {dict(counts)}")
    print(f"{engine}: {KILLS} resumes, {continued} blocks from checkpoints, {again} finished blocks again")
    assert again == 0
    assert continued > 0
    assert {
        "during a write",
        "during consolidation",
        "after a checkpoint",
        "before the first block",
    } <= counts.keys()
