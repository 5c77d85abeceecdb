"""Wheel and sdist: what is in them, that one follows from the other, and what is said about them elsewhere."""

import ast
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
NAME, VERSION = PROJECT["name"], PROJECT["version"]
LOADED_BY_NAME = {"pandas", "tokenizers"}  # of files that few users have; a message says what to install


def build(source: Path, target: str, folder: Path) -> Path:
    """A wheel or sdist of a tree."""
    command = [sys.executable, "-m", "hatchling", "build", "--target", target, "--directory", str(folder)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=300)
    (found,) = folder.iterdir()
    return found


def contents(wheel: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """The files of a wheel of this tree."""
    path = build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))
    assert path.name == f"{NAME}-{VERSION}-py3-none-any.whl"
    return contents(path)


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An sdist of this tree, unpacked."""
    folder = tmp_path_factory.mktemp("sdist")
    path = build(ROOT, "sdist", folder)
    assert path.name == f"{NAME}-{VERSION}.tar.gz"
    with tarfile.open(path) as archive:
        archive.extractall(folder, filter="data")
    return folder / f"{NAME}-{VERSION}"


def distribution(line: str) -> str:
    """The name that a requirement or a pin is of, as an index compares names."""
    return re.sub(r"[-_.]+", "-", re.split(r"[<>=\[ ;]", line)[0]).lower()


def files(folder: Path, pattern: str = "*") -> set[str]:
    """Of a folder of this tree, without what Python leaves."""
    found = (path for path in (ROOT / folder).rglob(pattern) if path.is_file() and "__pycache__" not in path.parts)
    return {path.relative_to(ROOT).as_posix() for path in found}


def test_the_wheel_has_the_package_with_its_configurations_and_types(wheel: dict[str, bytes]) -> None:
    about = f"{NAME}-{VERSION}.dist-info"
    configs = {f"{NAME}/{name}" for name in files(Path("configs"))}
    expected = files(Path(NAME)) | configs
    assert {name for name in wheel if not name.startswith(about)} == expected
    assert f"{NAME}/py.typed" in expected
    assert f"{NAME}/configs/config.yaml" in expected
    assert wheel[f"{about}/licenses/LICENSE"] == (ROOT / "LICENSE").read_bytes()
    metadata = wheel[f"{about}/METADATA"].decode()
    assert (ROOT / "README.md").read_text() in metadata
    assert f"\nVersion: {VERSION}\n" in metadata
    assert "\nLicense-Expression: Apache-2.0\n" in metadata
    assert f"{NAME} = {NAME}.run:main" in wheel[f"{about}/entry_points.txt"].decode()


def test_the_sdist_has_all_that_a_checkout_has(unpacked: Path) -> None:
    there = {path.relative_to(unpacked).as_posix() for path in unpacked.rglob("*") if path.is_file()}
    folders = ("sparsesim", "configs", "docs", "experiments", "benchmarks", "tests", ".ci")
    expected = set().union(*(files(Path(folder)) for folder in folders))
    expected = {name for name in expected if ".ipynb_checkpoints" not in name}
    top = {"README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "CONTRIBUTING.md", "Makefile", "pyproject.toml",
           "constraints.txt"}  # fmt: skip
    assert there == expected | top | {"PKG-INFO", ".gitignore"}


def test_a_wheel_of_the_sdist_is_that_of_the_tree(unpacked: Path, wheel: dict[str, bytes], tmp_path: Path) -> None:
    assert contents(build(unpacked, "wheel", tmp_path)) == wheel


def test_what_is_imported_is_declared() -> None:
    """Nothing is needed that only the extras install, or that another package happens to bring along."""
    declared = {distribution(line) for line in PROJECT["dependencies"]}
    owners = packages_distributions()
    imported: dict[str, str] = {}
    for path in (ROOT / NAME).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                imported |= {alias.name.split(".")[0]: path.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level and node.module:
                imported[node.module.split(".")[0]] = path.name
    for module in imported.keys() - set(sys.stdlib_module_names) - {NAME} - LOADED_BY_NAME:
        assert {distribution(owner) for owner in owners[module]} & declared, f"{module} in {imported[module]}"


def test_every_dependency_is_pinned() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if not line.startswith("#")]
    assert all(re.fullmatch(r"[\w.-]+==[\w.]+", line) for line in pins)
    assert pins == sorted(pins, key=lambda line: line.split("==")[0].lower())
    names = {distribution(line) for line in pins}
    extras = PROJECT["optional-dependencies"]
    wanted = [*PROJECT["dependencies"], *(line for extra in extras.values() for line in extra)]
    for line in wanted:
        assert distribution(line) in names | {NAME}, line


def test_the_citation_is_one() -> None:
    """Keys of the Citation File Format 1.2.0; those that it requires, and the version of this release."""
    found = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= found.keys()
    allowed = {"cff-version", "message", "title", "authors", "type", "version", "license", "abstract", "keywords",
               "references", "date-released", "doi", "url", "repository-code"}  # fmt: skip
    assert found.keys() <= allowed
    assert found["cff-version"] == "1.2.0"
    assert found["type"] == "software"
    assert str(found["version"]) == VERSION
    assert found["license"] == PROJECT["license"]
    assert found["authors"] == [{"name": "The sparsesim developers"}]  # an entity has a name
    for reference in found["references"]:
        assert {"type", "title", "authors"} <= reference.keys()
        assert all("name" in author for author in reference["authors"])
    titles = [reference["title"] for reference in found["references"]]
    assert titles == ["Dynamics of Stochastic Momentum with Sparse Updates in High Dimensions"]


def test_the_changelog_knows_the_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text()
    heads = re.findall(r"^## \[(.+?)\](?: - (.+))?$", text, flags=re.MULTILINE)
    assert VERSION in [version for version, _ in heads]
    for version, date in heads:
        assert version == "Unreleased" or re.fullmatch(r"\d{4}-\d\d-\d\d|Unreleased", date), version
    kinds = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
    assert set(re.findall(r"^### (.+)$", text, flags=re.MULTILINE)) <= kinds
