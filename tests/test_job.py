"""Jobs: a sweep goes on where it stopped, in whichever parts, and what fails is kept as such. Results to the bit."""

import errno
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
import xarray as xr

from sparsesim import job as jobs
from sparsesim import sealed, store
from sparsesim.folder import Folder
from sparsesim.job import Incomplete, Job, Shard, identity
from sparsesim.simulation import blocks, driver, launches
from sparsesim.sweep import Sweep, Times, run_sweep

ROOT = Path(__file__).parents[1]
SHARED = {"alpha": 0.5, "beta": 0.5, "delta": 1.0, "d": 20}
AXES = {"alpha": [0.1, 0.5, 0.9], "delta": [0.3, 1.2]}
SWEEP = Sweep(AXES, {"beta": 0.5, "d": 20}, Times(12, records=3), trajectories=700, seed=5)


def job_in(folder: Path, sweep: Sweep = SWEEP, **options: object) -> Job:
    """A job in a folder of its content's name."""
    shard = options.pop("shard", Shard(1, 1))
    return Job(Folder.named(folder, identity(sweep, "grid")), shard, **options)  # type: ignore[arg-type]


def same(one: xr.Dataset, other: xr.Dataset) -> bool:
    """Equal to the bit in all that is no attribute, and that a run in memory has too."""
    return (
        one.drop_vars("error", errors="ignore")
        .drop_attrs()
        .identical(other.drop_vars("error", errors="ignore").drop_attrs())
    )


@pytest.fixture(scope="module")
def whole() -> xr.Dataset:
    """What comes out where nothing happens."""
    return run_sweep(SWEEP)


def test_a_job_is_its_sweep_and_a_finished_one_computes_nothing(
    tmp_path: Path, whole: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert same(job_in(tmp_path)(SWEEP), whole)
    monkeypatch.setattr(launches, "compiled", lambda *shape: pytest.fail("computed"))
    said: list[str] = []
    again = job_in(tmp_path, say=said.append)(SWEEP)
    assert same(again, whole)
    assert again.attrs["failed_cells"] == 0
    assert again.attrs["lanes_per_second"] > 0
    assert "6 of 6 cells are done already" in said[0]


@pytest.mark.parametrize("block", [1, 4, None])
def test_shards_and_blocks_of_any_size_change_no_bit(tmp_path: Path, whole: xr.Dataset, block: int | None) -> None:
    for number in (3, 1):
        with pytest.raises(
            Incomplete, match=r"shard is done; \d of 6 cells are left .*python -m sparsesim.merge"
        ) as found:
            job_in(tmp_path, shard=Shard(number, 3), block=block)(SWEEP)
        assert found.value.expected
    assert same(job_in(tmp_path, shard=Shard(2, 3), block=block)(SWEEP), whole)


def test_a_reversed_sweep_has_the_same_cells(whole: xr.Dataset, tmp_path: Path) -> None:
    axes = {name: values[::-1] for name, values in AXES.items()}
    reverse = Sweep(axes, SWEEP.parameters, SWEEP.times, SWEEP.trajectories, SWEEP.seed)
    data = job_in(tmp_path, reverse)(reverse)
    assert same(data.isel(alpha=slice(None, None, -1), delta=slice(None, None, -1)), whole)


def test_other_sweeps_have_other_folders_and_do_not_mix(tmp_path: Path) -> None:
    more = Sweep(AXES, SWEEP.parameters, SWEEP.times, 701, SWEEP.seed)
    mine, other = (job_in(tmp_path, sweep).folder for sweep in (SWEEP, more))
    assert mine.path != other.path
    mine.make()
    with pytest.raises(ValueError, match=r"another sweep: sweep.trajectories is 700 there and 701 here"):
        Folder(mine.path, other.identity).make()
    chunked = Sweep(AXES, SWEEP.parameters, SWEEP.times, 700, SWEEP.seed, chunk=3)
    assert job_in(tmp_path, chunked).folder.path == mine.path


@pytest.mark.parametrize("engine", ["reduced", pytest.param("vector", marks=pytest.mark.slow)])
def test_a_long_block_goes_on_from_its_checkpoint(tmp_path: Path, engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is computed before the run is cut off is not computed again, recordings or not."""
    monkeypatch.setattr(launches, "STEP_WORK", 300.0)
    monkeypatch.setattr(driver, "CHECKPOINT_SECONDS", 0.0)
    sweep = Sweep(
        {"alpha": [0.5]},
        {**SHARED, "alpha": None, "d": 4},
        Times(60, records=3),
        1100,
        2,
        engine=engine,
        clock="minibatch",
    )
    reference = run_sweep(sweep)
    monkeypatch.setattr(launches, "workers", lambda: 1)
    calls: list[float] = []
    kept: list[Any] = []
    limits, launch, keep = [0], blocks.Block.launch, jobs.FolderKeeper.checkpoint

    def counted(self: blocks.Block, tiles: list[blocks.Tile], size: int, seen: Any = None, **options: Any) -> object:
        """A launch that is cut off after some calls of its program, and a checkpoint that has all of them."""

        def told(underway: blocks.Underway, work: float) -> None:
            if tiles:
                if limits[-1] and len(calls) >= limits[-1]:  # beside the one that was cut off
                    raise KeyboardInterrupt
                seen(underway, work)
                calls.append(work)
                if len(calls) == limits[-1]:
                    await_checkpoint()
                    raise KeyboardInterrupt

        return launch(self, tiles, size, seen=told, **options)

    def await_checkpoint() -> None:
        """Until one is written that was begun after now."""
        wanted, until = len(kept) + 2, time.monotonic() + 60.0
        while len(kept) < wanted:
            assert time.monotonic() < until
            time.sleep(0.001)

    def keeping(self: jobs.FolderKeeper, block: blocks.Block, checkpoint: Any) -> None:
        keep(self, block, checkpoint)
        kept.append(block)

    monkeypatch.setattr(blocks.Block, "launch", counted)
    monkeypatch.setattr(jobs.FolderKeeper, "checkpoint", keeping)
    assert same(run_sweep(sweep), reference)
    every, computed = len(calls), 0
    for limit in (7, 11, 13, 0):
        calls.clear()
        limits.append(limit)
        if limit:
            with pytest.raises(KeyboardInterrupt):
                job_in(tmp_path, sweep)(sweep)
        else:
            assert same(job_in(tmp_path, sweep)(sweep), reference)
        computed += len(calls)
    assert every > 31
    assert computed == every
    assert not list(tmp_path.rglob("*.checkpoint"))


def test_a_damaged_checkpoint_is_moved_aside(tmp_path: Path, whole: xr.Dataset) -> None:
    kept = job_in(tmp_path)
    kept.folder.make()
    _, work, plan = jobs.prepared(SWEEP)
    names = [jobs.cell_name(cell, plan) for cell in work]
    (block,) = jobs.blocks_of(dict(enumerate(work)), plan)
    checkpoint = kept.folder.checkpoint([names[number] for number in block.cells])
    checkpoint.write_bytes(b"half")
    said: list[str] = []
    assert same(job_in(tmp_path, say=said.append)(SWEEP), whole)
    assert any(f"{checkpoint} is damaged" in line for line in said)
    assert checkpoint.with_name(f"{checkpoint.name}.damaged").exists()


def test_blocks_have_the_same_cells_when_some_are_done(tmp_path: Path, whole: xr.Dataset, monkeypatch: Any) -> None:
    """Their names are those of their cells, and a checkpoint is found by its block's name."""
    monkeypatch.setattr(jobs, "BLOCK_WORK", 5e4)
    assert same(job_in(tmp_path)(SWEEP), whole)
    every = {path.name for path in job_in(tmp_path).folder.paths()}
    assert 1 < len(every) < 6
    for path in job_in(tmp_path).folder.paths()[::2]:
        path.unlink()
    assert same(job_in(tmp_path)(SWEEP), whole)
    assert {path.name for path in job_in(tmp_path).folder.paths()} == every


def test_a_block_that_is_lost_while_others_are_computed_is_computed_again(
    tmp_path: Path, whole: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the others are those of another shard."""
    write, lost = Folder.write, []

    def losing(self: Folder, *arguments: Any) -> Path:
        path = write(self, *arguments)
        if not lost:
            damage(path, "flipped")
            lost.append(path)
        return path

    monkeypatch.setattr(Folder, "write", losing)
    said: list[str] = []
    with pytest.raises(Incomplete, match="3 of 6 cells are left") as found:
        job_in(tmp_path, shard=Shard(1, 2), block=1, say=said.append)(SWEEP)
    assert found.value.expected
    assert any(f"{lost[0]} is damaged" in line for line in said)
    assert same(job_in(tmp_path, shard=Shard(2, 2), block=1)(SWEEP), whole)
    monkeypatch.setattr(
        Folder, "write", lambda self, *arguments: damage(path := write(self, *arguments), "empty") or path
    )
    with pytest.raises(ValueError, match="do not stay as they are written"):
        job_in(tmp_path / "failing", block=6)(SWEEP)


def damage(path: Path, how: str) -> None:
    """Damage a file."""
    content = bytearray(path.read_bytes())
    if how == "truncated":
        content = content[: len(content) // 2]
    elif how == "flipped":
        content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content) if how != "empty" else b"")


@pytest.mark.parametrize("how", ["truncated", "flipped", "empty"])
def test_a_damaged_block_is_computed_again_and_the_others_are_kept(tmp_path: Path, whole: xr.Dataset, how: str) -> None:
    job_in(tmp_path, block=2)(SWEEP)
    paths = job_in(tmp_path).folder.paths()
    before = {path: path.stat().st_mtime_ns for path in paths}
    damage(paths[1], how)
    said: list[str] = []
    assert same(job_in(tmp_path, block=2, say=said.append)(SWEEP), whole)
    assert any("is damaged" in line and "computed again" in line for line in said)
    after = {path: path.stat().st_mtime_ns for path in job_in(tmp_path).folder.paths()}
    assert {path for path in before if after[path] != before[path]} == {paths[1]}
    assert (paths[1].parent / f"{paths[1].name}.damaged").exists()


def test_a_block_that_fails_is_tried_again_then_kept_as_failed_while_others_go_on(
    tmp_path: Path, whole: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, tried = blocks.Block.launch, []
    failing = job_in(tmp_path).folder
    bad = SWEEP.cells()[3]

    def launch(self: blocks.Block, tiles: list[blocks.Tile], *arguments: object, **options: object) -> object:
        cells = [self.cells[tile.cell] for tile in tiles]
        if any((cell.problem, cell.optimizer) == (bad.problem, bad.optimizer) for cell in cells):
            tried.append(tiles[0].first)
            raise RuntimeError("a bolt from the blue")
        return real(self, tiles, *arguments, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(blocks.Block, "launch", launch)
    said: list[str] = []
    counts: list[tuple[int, int]] = []
    data = job_in(tmp_path, block=1, say=said.append, counted=lambda *cells: counts.append(cells))(SWEEP)
    assert max(counts) == (5, 6)
    assert np.isnan(data["first_bad_time"].values[data["status"].values == "failed"]).all()
    assert tried.count(0) == 2
    assert data.attrs["failed_cells"] == 1
    failed = data["status"] == "failed"
    assert int(failed.sum()) == data.attrs["failed_cells"]
    assert set(data["error"].values[failed.values]) == {"RuntimeError: a bolt from the blue"}
    assert data["mean"].where(failed).isnull().all()
    good = ~failed
    np.testing.assert_array_equal(data["mean"].values[good.values], whole["mean"].values[good.values])
    assert any("tried again" in line for line in said)
    assert any("given up" in line for line in said)
    monkeypatch.undo()
    assert same(job_in(tmp_path, block=1)(SWEEP), whole)
    assert not failing.errors()


def test_a_launch_too_large_for_its_device_is_halved(
    tmp_path: Path, whole: xr.Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, sizes = blocks.Block._launch, []

    def launch(self: blocks.Block, tiles: list[blocks.Tile], size: int, *others: Any) -> object:
        sizes.append(size)
        if size > 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to allocate")
        return real(self, tiles, size, *others)

    monkeypatch.setattr(blocks.Block, "_launch", launch)
    large = Sweep(AXES, SWEEP.parameters, SWEEP.times, SWEEP.trajectories, SWEEP.seed, chunk=100_000)
    assert same(job_in(tmp_path, large)(large), whole)
    assert max(sizes) == 12
    assert min(sizes) in (1, 2)
    monkeypatch.setattr(blocks.Block, "_launch", lambda self, tiles, size, *others: launch(self, tiles, 3, *others))
    with pytest.raises(MemoryError, match="512 trajectories do not fit on their device"):
        run_sweep(SWEEP)


@pytest.mark.parametrize("failing", ["replace", "fsync"])
def test_a_full_disk_ends_the_run_with_one_line_and_loses_nothing(
    tmp_path: Path, whole: xr.Dataset, failing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = getattr(os, failing), [0]
    kept = job_in(tmp_path, block=1)

    def full(*arguments: object, **options: object) -> object:
        if str(arguments[-1]).endswith(".block") or (failing == "fsync" and list(kept.folder.blocks.glob("*.block"))):
            calls[0] += 1
            if calls[0] > 2:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return real(*arguments, **options)

    monkeypatch.setattr(os, failing, full)
    with pytest.raises(store.NotWritten, match=re.escape("No space left on device")):
        kept(SWEEP)
    monkeypatch.undo()
    done = {path: path.read_bytes() for path in kept.folder.paths()}
    assert done
    for path in done:
        sealed.unseal(path)
    assert same(job_in(tmp_path, block=1)(SWEEP), whole)
    assert all(path.read_bytes() == content for path, content in done.items())


def test_two_workers_on_one_folder_do_no_harm(tmp_path: Path, whole: xr.Dataset) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import test_job; from pathlib import Path; "
        "test_job.job_in(Path(sys.argv[1]), block=1)(test_job.SWEEP)"
    )
    command = [sys.executable, "-c", code, str(tmp_path), str(Path(__file__).parent)]
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    workers = [subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    for worker in workers:
        _, errors = worker.communicate(timeout=120)
        assert worker.returncode == 0, errors
    assert same(job_in(tmp_path, simulate=False)(SWEEP), whole)


@pytest.mark.parametrize("devices", [2, pytest.param(4, marks=pytest.mark.slow)])
def test_the_number_of_devices_changes_no_bit(tmp_path: Path, whole: xr.Dataset, devices: int) -> None:
    code = (
        "import sys; sys.path.insert(0, sys.argv[2]); import test_job, jax; from pathlib import Path; "
        f"assert jax.local_device_count() == {devices}; test_job.job_in(Path(sys.argv[1]))(test_job.SWEEP)"
    )
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT), "XLA_FLAGS": flags}
    subprocess.run(
        [sys.executable, "-c", code, tmp_path, Path(__file__).parent], env=environment, check=True, timeout=200
    )
    assert same(job_in(tmp_path, simulate=False)(SWEEP), whole)


def test_a_cell_that_diverges_is_kept_with_the_time() -> None:
    axes = {"eta_over_critical": [0.5, 1e6]}
    data = run_sweep(Sweep(axes, SHARED, Times(60, records=4), 64, 0))
    assert data["status"].values.tolist() == ["finite", "diverged"]
    first = float(data["first_bad_time"][1])
    mean, times = data["mean"][1], data["clock_time"][1].values
    assert np.isfinite(mean.values[times < first]).all()
    assert not np.isfinite(mean.values[times >= first]).all()
    assert np.isnan(data["first_bad_time"][0])


@pytest.mark.parametrize("text", ["0/2", "3/2", "1", "a/b", "1/0", "-1/2", ""])
def test_shards_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"shard must be i/n with i from 1 to n, such as 2/4, got"):
        Shard.of(text)
    assert jobs.Shard.of("2/4") == (2, 4)
