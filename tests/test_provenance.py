"""Where results come from is told truly, or not at all."""

import json
import os
import platform
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from types import SimpleNamespace

import jax
import pytest

from sparsesim import provenance
from sparsesim.provenance import check_manifest, device, git_revision, source_digest, versions, write_manifest


@pytest.fixture(autouse=True)
def forgotten() -> Iterator[None]:
    """What is kept for the length of a process is found anew, for each test and after it."""
    cached = (git_revision, source_digest)
    for function in cached:
        function.cache_clear()
    yield
    for function in cached:
        function.cache_clear()


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The sources of a package elsewhere, in the place of those at hand."""
    package = tmp_path / "top" / "sparsesim"
    (package / "simulation" / "logistic").mkdir(parents=True)
    names = ("__init__", "problems", "scaling", "sweep", "terminal", "simulation/driver", "simulation/logistic/vector")
    for name in names:
        (package / f"{name}.py").write_text(f"# {name}\n")
    monkeypatch.setattr(provenance, "PACKAGE", package)
    return package


@pytest.fixture
def repository(package: Path) -> Path:
    """A repository that holds the package, with one commit."""
    if shutil.which("git") is None:
        pytest.skip("there is no git")
    git(package.parent, "init", "-q")
    git(package.parent, "add", ".")
    commit(package.parent)
    return package.parent


def git(folder: Path, *arguments: str) -> str:
    """Run git and return what it prints."""
    done = subprocess.run(["git", "-C", folder, *arguments], check=True, capture_output=True, text=True, timeout=20)
    return done.stdout.strip()


def commit(folder: Path) -> None:
    """Commit what is staged."""
    git(folder, "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "-m", "one", "--allow-empty")


def digest() -> str:
    """The digest of the sources as they are now."""
    source_digest.cache_clear()
    return source_digest()


def test_the_digest_is_of_what_decides_numbers(package: Path) -> None:
    before = digest()
    assert re.fullmatch("[0-9a-f]{16}", before)
    for name in ("problems", "scaling", "sweep", "simulation/driver", "simulation/logistic/vector"):
        path = package / f"{name}.py"
        text = path.read_text()
        path.write_text(text + " ")
        assert digest() != before
        path.write_text(text)
        assert digest() == before
    (package / "terminal.py").write_text("other")
    assert digest() == before
    (package / "simulation" / "driver.py").rename(package / "simulation" / "other.py")
    assert digest() != before


def test_the_digest_tells_where_one_file_ends(package: Path) -> None:
    """Text that moves from the end of one file to the start of the next is a change."""
    one, two = package / "problems.py", package / "scaling.py"
    one.write_text("a")
    two.write_text("b")
    before = digest()
    one.write_text("ascaling.py\n")
    two.write_text("b")
    assert digest() != before
    one.write_text("")
    two.write_text("ab")
    assert digest() != before


def test_the_digest_does_not_depend_on_the_place(
    package: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = digest()
    monkeypatch.setattr(provenance, "PACKAGE", Path(shutil.copytree(package, tmp_path / "elsewhere")))
    assert digest() == before


def test_versions() -> None:
    found = versions()
    assert set(found) == {"sparsesim", "jax", "jaxlib", "numpy", "optax", "scipy", "xarray", "python"}
    assert (found["jax"], found["python"]) == (version("jax"), platform.python_version())
    assert all(found.values())


@pytest.mark.parametrize(
    ("kinds", "expected"),
    [(["cpu"], "cpu"), (["NVIDIA H100"] * 8, "8 x NVIDIA H100"), (["A", "B", "A"], "2 x A, B")],
)
def test_devices_are_counted(monkeypatch: pytest.MonkeyPatch, kinds: list[str], expected: str) -> None:
    monkeypatch.setattr(jax, "local_devices", lambda: [SimpleNamespace(device_kind=kind) for kind in kinds])
    assert device() == expected


def test_the_commit(repository: Path) -> None:
    head = git(repository, "rev-parse", "HEAD")
    (repository / "untracked").write_text("")
    assert git_revision() == head
    git_revision.cache_clear()
    (repository / "sparsesim" / "terminal.py").write_text("changed")
    assert git_revision() == f"{head}+changes"
    git_revision.cache_clear()
    git(repository, "add", "-u")
    assert git_revision() == f"{head}+changes"


def test_a_touched_file_is_no_change(repository: Path) -> None:
    os.utime(repository / "sparsesim" / "terminal.py", (1, 1))
    assert git_revision() == git(repository, "rev-parse", "HEAD")


def test_another_repository_is_not_looked_at(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    inner = repository / "lib" / "sparsesim"
    shutil.copytree(repository / "sparsesim", inner)
    monkeypatch.setattr(provenance, "PACKAGE", inner)
    assert git_revision() == ""
    git_revision.cache_clear()
    git(repository, "add", ".")  # a copy that another project keeps
    commit(repository)
    assert git_revision() == ""


def test_a_repository_beside_which_the_package_was_put(package: Path) -> None:
    git(package.parent, "init", "-q")
    assert git_revision() == ""  # without a commit
    git_revision.cache_clear()
    commit(package.parent)
    assert git_revision() == ""  # with one that does not have the package


def test_a_hook_of_another_repository(repository: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    git(tmp_path, "init", "-q", "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    revision = git_revision()
    monkeypatch.delenv("GIT_DIR")
    assert revision == git(repository, "rev-parse", "HEAD")


def test_a_repository_that_git_refuses(repository: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (repository / ".git" / "HEAD").write_text("nonsense")
    assert git_revision() == ""
    assert capfd.readouterr() == ("", "")


def test_a_repository_of_somebody_else(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can give files away")
    monkeypatch.setenv("HOME", str(repository))  # without a configuration that trusts everybody
    monkeypatch.setenv("GIT_CONFIG_SYSTEM", os.devnull)
    os.chown(repository / ".git", 65534, 65534)
    os.chown(repository, 65534, 65534)
    assert git_revision() == ""


@pytest.mark.parametrize("script", ["exit 3", "echo word; exit 1", "printf '\\377\\376\\n'; exit 1"])
def test_a_git_that_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    replace_git(tmp_path, monkeypatch, script)
    assert git_revision() == ""


def test_a_git_that_cannot_tell_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A commit of which nobody knows whether it is what runs is none."""
    replace_git(tmp_path, monkeypatch, 'case "$*" in *status*) exit 1;; *) echo abc;; esac')
    assert git_revision() == ""


def test_there_is_no_git(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert git_revision() == ""


def test_a_git_that_hangs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor is there any waiting for what it has started."""
    replace_git(tmp_path, monkeypatch, f"{sys.executable} -S -c 'import time; time.sleep(8)'")
    monkeypatch.setattr(provenance, "GIT_SECONDS", 0.3)
    began = time.perf_counter()
    assert git_revision() == ""
    assert time.perf_counter() - began < 4.0


def replace_git(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> None:
    """Have a shell script for git."""
    (folder / "bin").mkdir()
    (folder / "bin" / "git").write_text(f"#!/bin/sh\n{script}\n")
    (folder / "bin" / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder / "bin"), prepend=os.pathsep)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with data, figures and others, and its manifest."""
    (tmp_path / "figures").mkdir()
    for name in ("data.nc", "config.yaml", "plane.pdf", "figures/plane.png", "empty"):
        (tmp_path / name).write_text("" if name == "empty" else f"of {name}")
    figures = [tmp_path / "plane.pdf", tmp_path / "figures" / "plane.png"]
    others = [tmp_path / "config.yaml", tmp_path / "empty"]
    write_manifest(tmp_path, tmp_path / "data.nc", figures, others)
    return tmp_path


def test_the_manifest_says_what_was_written(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["versions"] == versions()
    assert (manifest["sources"], manifest["git_revision"]) == (source_digest(), git_revision())
    assert manifest["host"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", manifest["written"])
    files = manifest["files"]
    assert set(files) == {"data.nc", "config.yaml", "empty", "plane.pdf", "figures/plane.png"}
    assert files["data.nc"] == {"bytes": 10, "sha256": files["plane.pdf"]["data_sha256"]}
    assert files["empty"]["sha256"].startswith("e3b0c44298fc1c14")
    drawn = {name for name, entry in files.items() if entry.get("drawn_from") == "data.nc"}
    assert drawn == {"plane.pdf", "figures/plane.png"}
    assert check_manifest(folder) == []


def test_a_folder_that_was_moved_is_as_it_was(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    moved = Path(shutil.copytree(folder, tmp_path_factory.mktemp("moved") / "there"))
    (moved / "more").write_text("what nobody has listed")
    assert check_manifest(moved) == []


def test_a_folder_may_be_given_from_here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    write_manifest(Path("."), Path("data.nc"), [folder / "plane.pdf"])
    assert check_manifest(Path(".")) == []


def test_a_file_of_another_folder_is_refused(folder: Path) -> None:
    before = (folder / "manifest.json").read_text()
    with pytest.raises(ValueError, match=r"plane\.pdf"):
        write_manifest(folder / "figures", folder / "figures" / "plane.png", [folder / "plane.pdf"])
    assert (folder / "manifest.json").read_text() == before


def test_what_differs_is_named(folder: Path) -> None:
    (folder / "data.nc").write_text("of data.nd")  # as long as before
    (folder / "empty").write_text("more")
    (folder / "plane.pdf").unlink()
    (folder / "config.yaml").unlink()
    (folder / "config.yaml").mkdir()
    assert check_manifest(folder) == [
        "data.nc is not what was written",
        "config.yaml cannot be read: Is a directory",
        "empty is not what was written",
        "plane.pdf is missing",
    ]


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"files": 3}', '{"files": {"a": {}}}', "\0", '{"files": {"a": 1}}']
)
def test_a_damaged_manifest_is_named(folder: Path, text: str) -> None:
    (folder / "manifest.json").write_text(text)
    (line,) = check_manifest(folder)
    assert line.startswith("manifest.json cannot be read: ")
    assert "\n" not in line


def test_a_missing_manifest_is_named(tmp_path: Path) -> None:
    assert check_manifest(tmp_path) == ["manifest.json is missing"]
