"""Sealed files: arrays and a few words about them, with a checksum that is read before anything else.

One line that says what follows, with its length and its SHA-256; one line of JSON; an uncompressed .npz archive. A file
that is cut short or has a flipped bit is refused before any of it is believed.
"""

import hashlib
import io
import json
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from sparsesim.store import replacing

MAGIC = b"sparsesim sealed 1"
HEADER = re.compile(re.escape(MAGIC) + rb" (\d{1,19}) [0-9a-f]{64}\n")


class Damaged(ValueError):
    """A file is not what was once written there."""


def seal(path: Path, about: Mapping[str, Any], arrays: Mapping[str, np.ndarray]) -> Path:
    """Write `about`, JSON values, and arrays of numbers as one complete file: the same ones as the same bytes.

    Raises:
        ValueError: one of them has no such form; nothing has been written then.
        NotWritten: see `store.replacing`.
    """
    payload = io.BytesIO()
    payload.write(json.dumps(about, sort_keys=True, allow_nan=False).encode() + b"\n")
    payload.write(_archive(arrays))
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(_header(payload.getbuffer()))
        file.write(payload.getbuffer())
    return path


def unseal(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Read back what `seal` wrote; arrays come in the order of their names.

    Raises:
        Damaged: the file is not what `seal` wrote.
        OSError: it cannot be read, or is not there.
    """
    content = path.read_bytes()
    header = HEADER.match(content)
    if header is None:
        raise Damaged(f"{path} is damaged: it does not begin as a sealed file does")
    if len(content) != (whole := header.end() + int(header[1])):
        raise Damaged(f"{path} is damaged: it has {len(content)} of {whole} bytes")
    payload = memoryview(content)[header.end() :]
    if header[0] != _header(payload):
        raise Damaged(f"{path} is damaged: its {whole} bytes do not have their checksum")
    file = io.BytesIO(payload)
    about = json.loads(file.readline())
    return about, _arrays(file.read())


def _header(payload: memoryview) -> bytes:
    return MAGIC + f" {len(payload)} {hashlib.sha256(payload).hexdigest()}\n".encode()


def _archive(arrays: Mapping[str, np.ndarray]) -> bytes:
    """What `np.savez` would write, but for any name, in the order of names and in C order."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name in sorted(arrays):
            if "\0" in name:  # which ends a name in an archive
                raise ValueError(f"{name!r} must be a name without zero bytes")
            array = np.asarray(arrays[name], order="C")
            if array.dtype.kind not in "biufc" or np.dtype(array.dtype.str) != array.dtype:
                raise ValueError(f"{name} must hold numbers that NumPy knows, got {array.dtype}")
            # Of a fixed date, 1980, which is the one of `ZipInfo`.
            with archive.open(zipfile.ZipInfo(f"{name}.npy"), "w", force_zip64=True) as member:
                np.lib.format.write_array(member, array, allow_pickle=False)
    return file.getvalue()


def _arrays(archive: bytes) -> dict[str, np.ndarray]:
    with zipfile.ZipFile(io.BytesIO(archive)) as members:
        found = {}
        for name in members.namelist():
            with members.open(name) as member:
                found[name.removesuffix(".npy")] = np.lib.format.read_array(member, allow_pickle=False)
    return found
