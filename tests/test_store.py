"""Files are whole or absent."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sparsesim import store

DATA = xr.Dataset(
    {"mean": (("cell", "moment"), [[1.0, np.nan], [np.inf, 0.0]]), "verdict": ("cell", ["agrees", "unstable"])},
    {"moment": ["R", "V"], "d": ("cell", [3, 5])},
    {"seed": 3, "clock": "active", "z_largest": 2.5},
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = store.save(DATA, tmp_path / "data.nc")
    loaded = store.load(path)
    xr.testing.assert_identical(loaded, DATA)
    assert {name: type(value) for name, value in loaded.attrs.items()} == {
        "seed": int,
        "clock": str,
        "z_largest": float,
    }
    assert sorted(tmp_path.iterdir()) == [path]
    with path.open("rb") as file:
        assert file.read(4) == b"\x89HDF"  # netCDF-4


def test_other_programs_can_open_it(tmp_path: Path) -> None:
    with xr.open_dataset(store.save(DATA, tmp_path / "data.nc")) as plain:
        assert plain.moment.values.tolist() == ["R", "V"]


@contextmanager
def no_file_longer_than(size: int) -> Iterator[None]:
    """As on a disk with so much space left: the system itself refuses to write more."""
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextmanager
def nobody() -> Iterator[None]:
    """As a user without rights: root is refused nothing."""
    if not hasattr(os, "geteuid"):
        pytest.skip("there are no such rights here")
    before = os.geteuid()
    os.seteuid(before or 65534)
    try:
        yield
    finally:
        os.seteuid(before)


def save_text(path: Path) -> Path:
    return store.write_text("new" * 2000, path)


def save_data(path: Path) -> Path:
    return store.save(DATA, path)


def save_bytes(path: Path) -> Path:
    with store.replacing(path) as temporary:
        temporary.write_bytes(bytes(10_000))
    return path


WRITERS = pytest.mark.parametrize("write", [save_text, save_data, save_bytes])


@pytest.mark.parametrize("error", [OSError("disk full"), RuntimeError("no"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file_alone(tmp_path: Path, error: BaseException) -> None:
    def interrupted(temporary: Path) -> None:
        temporary.write_text("half")
        raise error

    path = store.write_text("old", tmp_path / "a.txt")
    with pytest.raises(type(error)), store.replacing(path) as temporary:
        interrupted(temporary)
    assert path.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [path]


@WRITERS
@pytest.mark.parametrize("call", ["replace", "fsync", "chmod"])
def test_a_refused_call_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[[Path], Path], call: str
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    path = tmp_path / "a.txt"
    path.write_text("old")
    monkeypatch.setattr(store.os, call, refuse)
    with pytest.raises(store.NotWritten) as caught:
        write(path)
    assert str(caught.value) == f"cannot write {path}: {os.strerror(errno.EDQUOT)}"
    assert caught.value.errno == errno.EDQUOT
    assert isinstance(caught.value.__cause__, OSError)
    assert path.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [path]


@WRITERS
@pytest.mark.parametrize("size", [0, 100, 4096, 5999])
def test_a_full_disk_leaves_the_old_file_alone(tmp_path: Path, write: Callable[[Path], Path], size: int) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    with no_file_longer_than(size), pytest.raises(store.NotWritten) as caught:
        write(path)
    assert str(caught.value) == f"cannot write {path}: File too large"
    assert path.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [path]
    assert write(path).stat().st_size > 3


def test_a_full_disk_does_not_end_the_process(tmp_path: Path) -> None:
    """HDF5 that fails to close a file crashes at exit, if not before."""
    code = """
import resource, sys
import numpy, xarray
from sparsesim import store
resource.setrlimit(resource.RLIMIT_FSIZE, (2**16, 2**16))
try:
    store.save(xarray.Dataset({"x": ("i", numpy.random.default_rng(0).random(10**5))}), sys.argv[1])
except store.NotWritten as error:
    print(error)
"""
    path = tmp_path / "data.nc"
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, f"cannot write {path}: File too large\n", "")
    assert not list(tmp_path.iterdir())


def test_a_small_file_system_that_is_full(tmp_path: Path) -> None:
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("nothing may be mounted here")
    try:
        path = store.save(DATA, tmp_path / "data.nc")
        before = path.read_bytes()
        with pytest.raises(store.NotWritten, match=r"data\.nc: No space left on device$") as caught:
            store.save(xr.Dataset({"x": ("i", np.random.default_rng(0).random(10**5))}), path)
        assert caught.value.errno == errno.ENOSPC
        assert path.read_bytes() == before
        assert sorted(tmp_path.iterdir()) == [path]
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


@WRITERS
def test_a_folder_that_may_not_be_written(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    path = tmp_path / "a.txt"
    path.write_text("old")
    tmp_path.chmod(0o555)
    try:
        with nobody(), pytest.raises(store.NotWritten, match=r"a\.txt: Permission denied$"):
            write(path)
    finally:
        tmp_path.chmod(0o755)
    assert path.read_text() == "old"
    assert sorted(tmp_path.iterdir()) == [path]


@WRITERS
def test_a_folder_that_is_not_there(tmp_path: Path, write: Callable[[Path], Path]) -> None:
    with pytest.raises(store.NotWritten, match=r"a\.txt: No such file or directory$"):
        write(tmp_path / "absent" / "a.txt")


def test_a_folder_that_cannot_be_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems refuse; the file has its name by then."""
    flush = store._flush

    def refuse(path: Path) -> None:
        if path.is_dir():
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        flush(path)

    monkeypatch.setattr(store, "_flush", refuse)
    assert save_text(tmp_path / "a.txt").exists()


def test_the_file_then_the_folder_are_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    flush, replace = store._flush, os.replace
    monkeypatch.setattr(store, "_flush", lambda path: (done.append(f"flush {path.suffix}"), flush(path)))
    monkeypatch.setattr(store.os, "replace", lambda *paths: (done.append("replace"), replace(*paths)))
    save_text(tmp_path / "a.txt")
    assert done == ["flush .txt", "replace", "flush "]


def test_an_error_of_another_file_inside_keeps_its_name(tmp_path: Path) -> None:
    with pytest.raises(store.NotWritten, match=r"inner\.txt"), store.replacing(tmp_path / "outer.txt"):
        save_text(tmp_path / "absent" / "inner.txt")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a", ".a", "a.b.c", "a~b.nc", "é" * 120, "a.~1~2~abcdefgh"])
def test_what_a_killed_process_left_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    kept = store.write_text("kept", tmp_path / name)
    dead = subprocess.Popen([sys.executable, "-S", "-c", ""])
    dead.wait()
    left = {}
    for who, pid in (("dead", dead.pid), ("mine", os.getpid()), ("parent", os.getppid())):
        monkeypatch.setattr(store.os, "getpid", lambda pid=pid: pid)
        with store.replacing(tmp_path / name) as temporary:
            left[who] = temporary
        temporary.write_text("half")
    monkeypatch.setattr(store, "_host", lambda: "elsewhere")
    with store.replacing(tmp_path / name) as temporary:
        left["elsewhere"] = temporary
    temporary.write_text("half")
    assert store.clear_stale(tmp_path) == []
    monkeypatch.undo()
    assert store.clear_stale(tmp_path) == [left.pop("dead")]
    assert sorted(tmp_path.iterdir()) == sorted([kept, *left.values()])


def test_only_temporary_files_are_removed(tmp_path: Path) -> None:
    dead = 999_999_999  # more than any system has
    mine = [f".a~{store._host()}~{dead}~notes.txt", f".a~{store._host()}~{'9' * 30}~abcdefgh.txt", "a~b~1~abcdefgh"]
    folder = tmp_path / f".a~{store._host()}~{dead}~abcdefgh"
    folder.mkdir()
    for name in mine:
        (tmp_path / name).write_text("mine")
    assert store.clear_stale(tmp_path) == []
    assert sorted(tmp_path.iterdir()) == sorted([folder, *(tmp_path / name for name in mine)])
    assert store.clear_stale(tmp_path / "absent") == []


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.nc"):
        store.load(tmp_path / "absent.nc")
