"""Results on disk. A file is written whole or not at all: beside its place, flushed, and moved there in one step."""

import fcntl
import io
import json
import math
import os
import re
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import h5netcdf
import numpy as np
import psutil
import xarray as xr
from xarray.backends import H5NetCDFStore

DATA = "data.nc"  # of a run, in its folder
LOCK = "lock"
MOST_OF_STEM = 32  # letters that a temporary file takes over: with the rest it must stay below 255 bytes


class NotWritten(OSError):
    """A file could not be written; what was there before still is."""

    def __str__(self) -> str:
        return str(self.strerror)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path` when the block ends well, and vanishes when it does not.

    Raises:
        NotWritten: the file could not be written, for want of space or of permission, say.
    """
    prefix = f".{path.stem[:MOST_OF_STEM]}~{_host()}~{os.getpid()}~"
    temporary = None
    try:
        handle, name = tempfile.mkstemp(prefix=prefix, suffix=path.suffix, dir=path.parent)
        os.close(handle)
        temporary = Path(name)
        yield temporary
        _flush(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
        with suppress(OSError):  # not every file system lets one flush a folder
            _flush(path.parent)
    except NotWritten:  # of another file, inside the block
        raise
    except OSError as error:
        raise NotWritten(error.errno, f"cannot write {path}: {error.strerror or error}") from error
    finally:
        if temporary is not None:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Wait until no other process is in here for the same folder; one that is killed has left."""
    with (folder / LOCK).open("a") as lock:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def clear_stale(folder: Path) -> list[Path]:
    """Remove the temporary files that processes of this host left when they were killed. Returns their paths."""
    named = re.compile(rf"\..*~{re.escape(_host())}~(\d{{1,9}})~[a-z0-9_]{{8}}(\.[^.]*)?")  # as `replacing` names them
    stale = []
    for path in sorted(folder.glob(".*~*~*~*")):
        match = named.fullmatch(path.name)
        if match and not psutil.pid_exists(int(match[1])):
            with suppress(OSError):
                path.unlink(missing_ok=True)
                stale.append(path)
    return stale


def save(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write a dataset as netCDF-4, atomically. Attributes must be numbers or strings.

    Raises:
        NotWritten: see `replacing`.
    """
    path, image = Path(path), io.BytesIO()
    # HDF5 never writes to the disk itself: when one is full it takes the process down with it.
    with h5netcdf.File(image, "w") as file:
        dataset.dump_to_store(H5NetCDFStore(file))
    with replacing(path) as temporary:
        temporary.write_bytes(image.getbuffer())
    return path


def load(path: str | Path) -> xr.Dataset:
    """Read back what `save` wrote, into memory; the file may be moved or overwritten afterwards.

    Raises:
        FileNotFoundError: there is no such file.
    """
    with xr.open_dataset(path, engine="h5netcdf") as dataset:
        loaded = dataset.load()
    # netCDF hands back NumPy scalars; attributes were plain numbers when they were written.
    attrs = {name: value.item() if isinstance(value, np.generic) else value for name, value in loaded.attrs.items()}
    return loaded.assign_attrs(attrs)


def write_text(text: str, path: Path) -> Path:
    """Write a text file, atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return path


def _flush(path: Path) -> None:
    """Have the system put a file, or the names in a folder, on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _host() -> str:
    """The name of this host; where processes are numbered apart, as in a container, with what tells them apart."""
    name = re.sub(r"[^\w.-]", "-", socket.gethostname())[:64]
    with suppress(OSError):  # Linux alone has such a file
        return f"{name}-{re.sub(r'[^0-9]', '', os.readlink('/proc/self/ns/pid'))}"
    return name


def write_json(value: Any, path: Path) -> Path:
    """Write what is made of lists, mappings, words and numbers; what is no finite number is null."""
    return write_text(json.dumps(_finite(value), indent=2, allow_nan=False) + "\n", path)


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(of) for key, of in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(of) for of in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
