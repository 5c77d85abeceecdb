"""The program in processes of their own, which tests may kill. They begin as forks of one that has loaded it."""

import ctypes
import multiprocessing
import os
import random
import signal
import struct
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import jax
import xarray as xr
from matplotlib.figure import Figure

from sparsesim import run as program
from sparsesim import sealed, store
from sparsesim.simulation import driver, launches
from sparsesim.simulation.statistics import Statistics

STARTS = multiprocessing.get_context("forkserver")
STARTS.set_forkserver_preload(["program"])
# Where the process that they are forks of finds this module: it takes no other word for it.
os.environ["PYTHONPATH"] = os.pathsep.join([str(Path(__file__).parent), *sys.path])


def start(arguments: list[str], log: Path, **conditions: Any) -> Any:
    """The command line in another process; see `_child` for the conditions."""
    process = STARTS.Process(target=_child, args=(arguments, log, conditions))
    process.start()
    return process


def run(arguments: list[str], log: Path, **conditions: Any) -> tuple[int, str]:
    """The exit status of the command line, and what it says."""
    process = start(arguments, log, **conditions)
    process.join(300)
    assert process.exitcode is not None
    return process.exitcode, log.read_text()


def _child(arguments: list[str], log: Path, conditions: Mapping[str, Any]) -> None:
    """Run the program.

    Conditions: `cache` of compiled programs; `step_work` and `checkpoint_seconds` of the driver, for long blocks that
    are soon done; `writing`, seconds that every flush to the disk takes; `largest` file in bytes; `powerless`, for whom
    permissions count though they be root; `background`, where interrupts are ignored, as of a script's jobs;
    `blank` figures, for to draw them takes longer than all else; `jumping`, a clock that does.
    """
    sys.stdout = sys.stderr = log.open("w", buffering=1)
    if "cache" in conditions:
        jax.config.update("jax_compilation_cache_dir", str(conditions["cache"]))
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
        jax.config.update("jax_persistent_cache_min_entry_size_bytes", 0)
    launches.STEP_WORK = conditions.get("step_work", launches.STEP_WORK)
    driver.CHECKPOINT_SECONDS = conditions.get("checkpoint_seconds", driver.CHECKPOINT_SECONDS)
    if "writing" in conditions:
        _slow_down_writing(conditions["writing"])
    if "largest" in conditions:
        import resource

        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (conditions["largest"],) * 2)
    if "blank" in conditions:
        _draw_nothing()
    if "jumping" in conditions:
        clock, chance = time.time, random.Random(0)
        time.time = lambda: clock() + chance.uniform(-1e5, 1e5)
    if "background" in conditions:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
    if "powerless" in conditions:
        _give_up_capabilities()
    sys.argv = ["sparsesim.run", *arguments]
    program.main()


def _slow_down_writing(seconds: float) -> None:
    """Make the moments around a flush and a rename long enough to be met."""
    flush, replace = os.fsync, os.replace

    def slow_flush(handle: int) -> None:
        time.sleep(seconds)
        flush(handle)

    def slow_replace(*paths: Any, **options: Any) -> None:
        time.sleep(seconds)
        replace(*paths, **options)

    os.fsync, os.replace = slow_flush, slow_replace


def _give_up_capabilities() -> None:
    """Root without capabilities owns files and no more than that."""
    header, none = struct.pack("Ii", 0x20080522, 0), bytes(24)  # of this process; effective, permitted, inheritable
    if ctypes.CDLL(None, use_errno=True).capset(header, none) != 0:
        raise OSError(ctypes.get_errno(), "cannot give up capabilities")


def _draw_nothing() -> None:
    """Have every figure saved as an empty one."""
    save = Figure.savefig

    def save_empty(figure: Figure, *arguments: Any, **options: Any) -> None:
        save(Figure(figsize=(1.0, 1.0)), *arguments, **options)

    Figure.savefig = save_empty  # type: ignore[method-assign]


def cells(folder: Path) -> dict[str, dict[str, Any]]:
    """The statistics of all cells of the finished blocks in a folder; every file must be whole."""
    found: dict[str, dict[str, Any]] = {}
    for path in folder.glob("blocks/[!.]*.block"):
        about, arrays = sealed.unseal(path)
        for i, name in enumerate(about["cells"]):
            found[name] = {key: arrays[key][i] for key in Statistics.NAMES}
    return found


def numbers(path: Path) -> xr.Dataset:
    """A dataset without what is said of it."""
    return store.load(path).drop_attrs()
