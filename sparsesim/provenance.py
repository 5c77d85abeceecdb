"""Where results come from: versions, sources, device, and a manifest of what was written."""

import functools
import hashlib
import json
import os
import platform
import socket
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterable
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGE = Path(__file__).resolve().parent
# What decides simulated numbers.
SOURCES = ("simulation/**/*.py", "problems.py", "scaling.py", "sweep.py")
PACKAGES = ("sparsesim", "jax", "jaxlib", "numpy", "scipy", "optax", "xarray")
MANIFEST = "manifest.json"
GIT_SECONDS = 2.5  # that git may take for an answer, of which there are two


@functools.cache
def source_digest() -> str:
    """A name, 16 hexadecimal digits, for the sources that decide simulated numbers."""
    digest = hashlib.sha256()
    for path in sorted({path for pattern in SOURCES for path in PACKAGE.glob(pattern)}):
        digest.update(f"{path.relative_to(PACKAGE).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that decide numbers, by name."""
    return {**{name: _version(name) for name in PACKAGES}, "python": platform.python_version()}


def device() -> str:
    """What the local devices of JAX are, such as "cpu" or "8 x NVIDIA H100"."""
    import jax  # at once it would be loaded for every command

    kinds = Counter(device.device_kind for device in jax.local_devices())
    return ", ".join(kind if count == 1 else f"{count} x {kind}" for kind, count in kinds.items())


def machine() -> str:
    """What computes here, such as "2 cores (cpu), jax 0.10.2"."""
    return f"{os.cpu_count()} cores ({device()}), jax {_version('jax')}"


@functools.cache
def git_revision() -> str:
    """The commit that the package is run from, "+changes" after it where files differ; "" where there is none.

    There is none where git is missing or refuses, and where the package is installed, be it inside the repository of
    something else.
    """
    # Of the package's own repository: one that has it in its commit.
    revision = _git("rev-parse", "HEAD", f"HEAD:{PACKAGE.name}/__init__.py")
    changes = _git("status", "--porcelain", "--untracked-files=no") if revision else None
    if not revision or changes is None:
        return ""
    return revision.split()[0] + ("+changes" if changes else "")


def attributes() -> dict[str, str]:
    """What datasets say of where they come from."""
    of_packages = {f"{name}_version": version for name, version in versions().items()}
    return {**of_packages, "git_revision": git_revision(), "host": socket.gethostname()}


def write_manifest(
    folder: Path,
    data: Path,
    figures: Iterable[Path],
    others: Iterable[Path] = (),
) -> Path:
    """Write which files a folder holds, with their checksums, and which data each figure was drawn from.

    Args:
        folder: where the files are, or the folders that hold them.
        data: the data file.
        figures: the files drawn from it.
        others: the rest.
    """
    from sparsesim import store  # a machine that only measures the engines has not all that this needs

    data_name, data_entry = _entry(folder, data)
    drawn_from = {"drawn_from": data_name, "data_sha256": data_entry["sha256"]}
    files = {data_name: data_entry, **dict(_entry(folder, path) for path in others)}
    files |= {name: {**entry, **drawn_from} for name, entry in (_entry(folder, path) for path in figures)}
    manifest = {
        "written": datetime.now(UTC).isoformat(timespec="seconds"),
        "host": socket.gethostname(),
        "git_revision": git_revision(),
        "sources": source_digest(),
        "versions": versions(),
        "files": files,
    }
    return store.write_text(json.dumps(manifest, indent=2, allow_nan=False) + "\n", folder / MANIFEST)


def amend_manifest(folder: Path, drawn: Path) -> None:
    """Enter a file that was drawn again, where there is a manifest that has it."""
    from sparsesim import store

    try:
        manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
        name, entry = _entry(folder, drawn)
        manifest["files"][name].update(entry)
    except (OSError, ValueError, KeyError, TypeError):  # no manifest, or none that knows it
        return
    store.write_text(json.dumps(manifest, indent=2, allow_nan=False) + "\n", folder / MANIFEST)


def check_manifest(folder: Path) -> list[str]:
    """What of a folder is not as its manifest says, a line for each file; none where all is as it was written."""
    try:
        files = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
        written = {name: (entry["bytes"], entry["sha256"]) for name, entry in files.items()}
    except FileNotFoundError:
        return [f"{MANIFEST} is missing"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        return [f"{MANIFEST} cannot be read: {error!r}"]
    changed = []
    for name, entry in written.items():
        try:
            if tuple(_entry(folder, folder / name)[1].values()) != entry:
                changed.append(f"{name} is not what was written")
        except FileNotFoundError:
            changed.append(f"{name} is missing")
        except OSError as error:
            changed.append(f"{name} cannot be read: {error.strerror}")
    return changed


def _entry(folder: Path, path: Path) -> tuple[str, dict[str, Any]]:
    """The name of a file in a folder, and its size and checksum, of one reading."""
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return path.absolute().relative_to(folder.absolute()).as_posix(), {"bytes": file.tell(), "sha256": digest}


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"  # sparsesim itself, run from its repository


def _git(*arguments: str) -> str | None:
    """What git says of the folder above the package; None where it is not there, refuses, or takes too long."""
    top = PACKAGE.parent
    # Variables of a hook that this runs in would lead to its repository. Locks would be in the way of a user's git.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environment |= {name: value for name, value in os.environ.items() if name.startswith("GIT_CONFIG")}
    environment |= {"GIT_OPTIONAL_LOCKS": "0", "GIT_CEILING_DIRECTORIES": str(top.parent)}
    command = ["git", "-C", str(top), "-c", "core.fsmonitor=false", *arguments]
    try:
        # Into a file: to a pipe one would listen for as long as any process that git started has it open.
        with tempfile.TemporaryFile() as said:
            subprocess.run(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=said,
                stderr=subprocess.DEVNULL,
                timeout=GIT_SECONDS,
                check=True,
            )
            said.seek(0)
            return said.read().decode(errors="replace").strip()
    except (OSError, ValueError, subprocess.SubprocessError):
        return None
