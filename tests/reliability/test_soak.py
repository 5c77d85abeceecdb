"""A long sweep of small cells: memory does not grow with what is done."""

import os
from pathlib import Path

import numpy as np
import psutil
import pytest

from sparsesim.folder import Folder
from sparsesim.job import Job, Shard, identity
from sparsesim.sweep import Sweep, Times

MEGABYTES = 2**20


@pytest.mark.parametrize("side", [20, pytest.param(100, marks=pytest.mark.slow)])
def test_memory_stays_flat(tmp_path: Path, side: int) -> None:
    axes = {"alpha": np.linspace(0.0, 1.0, side).tolist(), "delta": np.linspace(0.1, 1.4, side).tolist()}
    sweep = Sweep(axes, {"beta": 0.5, "d": 50}, Times(20, records=4), trajectories=64, seed=0)
    process, resident = psutil.Process(os.getpid()), {}

    def counted(done: int, total: int) -> None:
        """Notes the memory at every cell."""
        resident[done / total] = process.memory_info().rss

    folder = Folder.named(tmp_path, identity(sweep, "grid"))
    data = Job(folder, Shard(1, 1), counted=counted, block=max(1, side**2 // 40))(sweep)
    assert data.sizes["alpha"] * data.sizes["delta"] == side**2
    peaks = [max(memory for share, memory in resident.items() if share <= until) for until in (0.1, 1.0)]
    print(f"{side**2} cells: peak {peaks[0] / MEGABYTES:.0f} MB at 10%, {peaks[1] / MEGABYTES:.0f} MB at 100%")
    assert len(resident) > side**2
    assert peaks[1] - peaks[0] < 30 * MEGABYTES
