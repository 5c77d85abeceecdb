"""Results on disk: one netCDF-4 file, written whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import xarray as xr


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside `path` that becomes `path` when the block ends well, and vanishes when it does not."""
    handle, name = tempfile.mkstemp(prefix=f".{path.stem}-", suffix=path.suffix, dir=path.parent)
    os.close(handle)
    temporary = Path(name)
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def save(dataset: xr.Dataset, path: str | Path) -> Path:
    """Write a dataset as netCDF-4, atomically. Attributes must be numbers or strings."""
    path = Path(path)
    with replacing(path) as temporary:
        dataset.to_netcdf(temporary, engine="h5netcdf")
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
