"""Faults of disks, permissions and clocks: one clear line, nothing complete is lost, and the same bits in the end."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import program
import pytest

SWEEP = ["+sweep=phase_plane", "scale=smoke", "scale.points=2", "sweep.block=1", "times.records=3", "trajectories=600"]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of an undisturbed sweep."""
    base = tmp_path_factory.mktemp("whole")
    assert run(base / "runs", base)[0] == 0
    return folder_in(base / "runs")


def run(output: Path, base: Path, **conditions: object) -> tuple[int, str]:
    """The sweep."""
    return program.run([*SWEEP, f"output={output}"], base / "log.txt", blank=True, **conditions)


def folder_in(output: Path) -> Path:
    """That of the sweep."""
    (path,) = output.glob("phase_plane/*")
    return path


def assert_same(folder: Path, whole: Path) -> None:
    """Complete, with the same numbers, and nothing left behind."""
    assert program.numbers(folder / "data.nc").identical(program.numbers(whole / "data.nc"))
    assert {path.name for path in (folder / "blocks").glob("*.block")} == {
        path.name for path in (whole / "blocks").glob("*.block")
    }
    assert not list(folder.rglob(".*~*"))


def complaint(said: str, status: int) -> str:
    """The one line that says what is wrong."""
    assert status in (2, 4), said
    assert "Traceback" not in said
    (line,) = (line for line in said.splitlines() if line.startswith("error: "))
    return line


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system with room for a few blocks."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=48k", "tmpfs", disk], capture_output=True, text=True)
    if mount.returncode != 0:
        pytest.skip(f"no small disk can be mounted here: {mount.stderr.strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


@pytest.mark.slow
def test_a_full_disk_is_named_and_loses_nothing(tmp_path: Path, small_disk: Path, whole: Path) -> None:
    status, said = run(small_disk / "runs", tmp_path)
    assert "No space left on device" in complaint(said, status)
    blocks = program.cells(folder_in(small_disk / "runs"))
    expected = program.cells(whole)
    assert all((blocks[name]["mean"] == expected[name]["mean"]).all() for name in blocks)
    assert len(blocks) == len(list(small_disk.rglob("*.block")))
    shutil.copytree(small_disk / "runs", tmp_path / "runs")
    assert run(tmp_path / "runs", tmp_path)[0] == 0
    assert_same(folder_in(tmp_path / "runs"), whole)


def test_a_quota_is_named_and_loses_nothing(tmp_path: Path, whole: Path) -> None:
    """Blocks fit into files of the most that is allowed, and the dataset does not."""
    block = max(path.stat().st_size for path in (whole / "blocks").glob("*.block"))
    assert block < 0.5 * (whole / "data.nc").stat().st_size
    status, said = run(tmp_path / "runs", tmp_path, largest=2 * block)
    assert "cannot write" in (line := complaint(said, status))
    assert "data.nc" in line
    blocks = folder_in(tmp_path / "runs") / "blocks"
    before = {path: path.stat().st_mtime_ns for path in blocks.glob("*.block")}
    assert len(before) == 4
    assert run(tmp_path / "runs", tmp_path)[0] == 0
    assert_same(folder_in(tmp_path / "runs"), whole)
    assert all(path.stat().st_mtime_ns == then for path, then in before.items())


def test_without_permission_to_write_the_folder_is_named_before_anything_is_computed(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir(mode=0o555)
    status, said = run(locked / "runs", tmp_path, powerless=True)
    expected = f"error: output must be a folder that can be written or made, got '{locked}/runs'"
    assert complaint(said, status) == expected
    assert not list(locked.iterdir())


SLOW_PARTS = [pytest.param(part, marks=pytest.mark.slow) for part in ("phase_plane", "phase_plane/*/blocks")]


@pytest.mark.parametrize("part", ["", *SLOW_PARTS])
def test_a_finished_folder_that_became_read_only_is_named_and_kept(tmp_path: Path, whole: Path, part: str) -> None:
    shutil.copytree(whole.parents[1], tmp_path / "runs")
    folder = folder_in(tmp_path / "runs")
    shutil.rmtree(folder / "blocks")
    (folder / "blocks").mkdir()
    (locked,) = (tmp_path / "runs").glob(part) if part else [tmp_path / "runs"]
    for path in [locked, *locked.rglob("*")]:
        path.chmod(path.stat().st_mode & ~0o222)
    status, said = run(tmp_path / "runs", tmp_path, powerless=True)
    for path in [locked, *locked.rglob("*")]:
        path.chmod(path.stat().st_mode | 0o200)
    line = complaint(said, status)
    assert str(tmp_path / "runs") in line
    assert ("output must be a folder that can be written" in line) or ("cannot write" in line)
    assert program.numbers(folder / "data.nc").identical(program.numbers(whole / "data.nc"))


def test_a_block_that_cannot_be_read_is_computed_again(tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole.parents[1], tmp_path / "runs")
    folder = folder_in(tmp_path / "runs")
    unreadable = sorted((folder / "blocks").glob("*.block"))[0]
    unreadable.chmod(0)
    status, said = run(tmp_path / "runs", tmp_path, powerless=True)
    assert status == 0, said
    assert f"cannot read {unreadable}: Permission denied; computed again" in said
    assert_same(folder, whole)


def test_what_a_killed_writer_left_is_removed_and_that_of_a_living_one_is_not(tmp_path: Path, whole: Path) -> None:
    shutil.copytree(whole.parents[1], tmp_path / "runs")
    blocks = folder_in(tmp_path / "runs") / "blocks"
    dead = subprocess.Popen(["true"])
    dead.wait()
    host = program.store._host()
    stale, living = (blocks / f".abc~{host}~{pid}~abcd_123.block" for pid in (dead.pid, os.getpid()))
    for path in (stale, living):
        path.write_bytes(b"half")
    assert run(tmp_path / "runs", tmp_path)[0] == 0
    assert not stale.exists()
    assert living.exists()
    living.unlink()
    assert_same(folder_in(tmp_path / "runs"), whole)


@pytest.mark.parametrize("background", [pytest.param(False, marks=pytest.mark.slow), True])
def test_a_scheduler_can_end_it_early(tmp_path: Path, whole: Path, background: bool) -> None:
    conditions = {"background": True} if background else {}
    process = program.start([*SWEEP, f"output={tmp_path / 'runs'}"], tmp_path / "log.txt", writing=0.2, **conditions)
    until = time.monotonic() + 100.0
    while not list(tmp_path.glob("runs/*/*/blocks/[!.]*.block")):
        assert time.monotonic() < until
        time.sleep(0.01)
    process.terminate()
    process.join(100)
    assert process.exitcode == 130
    assert "the same command goes on from here" in (tmp_path / "log.txt").read_text()
    assert not list(tmp_path.rglob("data.nc"))
    assert run(tmp_path / "runs", tmp_path)[0] == 0
    assert_same(folder_in(tmp_path / "runs"), whole)


@pytest.mark.slow
def test_a_clock_that_jumps_changes_nothing(tmp_path: Path, whole: Path) -> None:
    """Hours to and fro between any two looks at it."""
    status, said = run(tmp_path / "runs", tmp_path, jumping=True)
    assert status == 0, said
    assert_same(folder_in(tmp_path / "runs"), whole)
