"""Merging, starting over, and what a run says by its exit status when cells are missing or have failed."""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import DictConfig
from rich.console import Console

from sparsesim import config as configuration
from sparsesim import merge, provenance, run, store
from sparsesim.folder import Folder
from sparsesim.simulation import blocks

TINY = ["+sweep=phase_plane", "scale=smoke", "scale.points=2", "times.records=3", "trajectories=64", "sweep.block=1"]


def composed(output: Path, *overrides: str) -> DictConfig:
    """The configuration of a small plane."""
    configuration.register()
    with initialize_config_dir(str(configuration.folder()), version_base="1.3"):
        return compose("config", [*TINY, f"output={output}", *overrides])


def status(config: DictConfig) -> int:
    """The exit status of a run."""
    return run.status_of(lambda: run.run(config, Console()))


@pytest.fixture(scope="module", autouse=True)
def _blank() -> Iterator[None]:
    """No figures: they take the most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.STUDIES["least_squares"]["grid"], "draw", lambda dataset, folder: [])
        yield


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished sweep, which stays as it is."""
    return run.run(composed(tmp_path_factory.mktemp("finished")), Console(quiet=True))[1]


@pytest.fixture
def whole(tmp_path: Path, finished: Path) -> Path:
    """The folder of a finished sweep, for one test."""
    folder = tmp_path.joinpath(*finished.parts[-2:])
    shutil.copytree(finished, folder)
    return folder


def test_shards_are_merged(tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert status(composed(tmp_path / "parts", "shard=1/2")) == 0
    assert "this shard is done; 2 of 4 cells are left" in capsys.readouterr().out
    (path,) = (tmp_path / "parts" / "phase_plane").iterdir()
    assert run.status_of(lambda: merge.merged(path)) == run.PARTIAL
    said = " ".join(capsys.readouterr().out.split())
    assert f"2 of 4 cells are missing in {path}: alpha = " in said
    assert said.count("delta = ") == 2
    assert not (path / "data.nc").exists()
    assert status(composed(tmp_path / "parts", "shard=2/2")) == 0
    assert store.load(path / "data.nc").drop_attrs().identical(store.load(whole / "data.nc").drop_attrs())
    (path / "data.nc").unlink()
    assert run.status_of(lambda: merge.merged(path)) == 0
    merged = store.load(path / "data.nc")
    assert merged.drop_attrs().identical(store.load(whole / "data.nc").drop_attrs())
    assert merged.attrs["config"] == (path / "config.yaml").read_text()
    assert not provenance.check_manifest(path)


@pytest.mark.parametrize("file", ["config.yaml", "sweep.json"])
def test_a_folder_whose_configuration_is_not_its_own_is_refused_and_kept(
    whole: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (whole / file).read_text()
    (whole / file).write_text(text.replace("seed: 0", "seed: 1").replace('"seed": 0', '"seed": 1'))
    before = {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()}
    assert run.status_of(lambda: merge.merged(whole)) == run.BAD_INPUT
    error = " ".join(capsys.readouterr().err.split())
    assert "config.yaml is not that of its sweep.json: sweep.seed is" in error
    assert {path: path.read_bytes() for path in whole.rglob("*") if path.is_file()} == before


@pytest.mark.parametrize("content", ["a: [", "", "a: 1", None])
def test_a_folder_without_a_configuration_is_refused_in_one_line(
    whole: Path, content: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    (whole / "config.yaml").unlink()
    if content is not None:
        (whole / "config.yaml").write_text(content)
    assert run.status_of(lambda: merge.merged(whole)) == run.BAD_INPUT
    error = capsys.readouterr().err
    assert error.startswith(f"error: {whole} must be the folder of a sweep, which has a config.yaml: ")
    assert error.count("\n") == 1


def test_merge_leaves_what_is_damaged_where_it_is(whole: Path, capsys: pytest.CaptureFixture[str]) -> None:
    block = next(whole.glob("blocks/*.block"))
    block.write_bytes(block.read_bytes()[:100])
    assert run.status_of(lambda: merge.merged(whole)) == run.PARTIAL
    said = " ".join(capsys.readouterr().out.split())
    assert "left out" in said
    assert "1 of 4 cells are missing" in said
    assert block.exists()


def test_a_damaged_identity_is_mended_where_the_name_of_the_folder_says_the_same(tmp_path: Path, whole: Path) -> None:
    (whole / "sweep.json").write_text("{")
    assert status(composed(tmp_path)) == 0
    assert Folder.found(whole).name([]) == Folder(whole, json.loads((whole / "sweep.json").read_text())).name([])


def test_to_start_over_moves_aside_and_is_refused_to_shards(
    tmp_path: Path, whole: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path.name: path.read_bytes() for path in whole.glob("blocks/*.block")}
    assert status(composed(tmp_path, "sweep.fresh=true")) == 0
    aside = whole.with_name(f"{whole.name}.replaced-1")
    assert str(aside) in capsys.readouterr().out.replace("\n", "")
    assert {path.name: path.read_bytes() for path in aside.glob("blocks/*.block")} == before
    assert {path.name for path in whole.glob("blocks/*.block")} == before.keys()
    assert all((whole / "blocks" / name).read_bytes() != content for name, content in before.items())
    assert status(composed(tmp_path, "sweep.fresh=true", "shard=1/2")) == run.BAD_INPUT
    assert "sweep.fresh must be false with a shard" in capsys.readouterr().err


def test_cells_that_fail_are_said_and_have_an_exit_status(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real, calls = blocks.Block.launch, [0]

    def launch(self: blocks.Block, tiles: list[blocks.Tile], *others: Any, **options: Any) -> object:
        calls[0] += bool(tiles)
        if tiles and calls[0] <= 2 and self.cells[tiles[0].cell] == first(self):
            raise MemoryError("a cell too many")
        return real(self, tiles, *others, **options)

    def first(block: blocks.Block) -> object:
        failing.setdefault("cell", next(iter(block.cells.values())))
        return failing["cell"]

    failing: dict[str, object] = {}
    calls[0] = -(10**6)
    monkeypatch.setattr(blocks.Block, "launch", launch)
    assert status(composed(tmp_path)) == run.PARTIAL
    assert "1 cells failed twice and have no values" in " ".join(capsys.readouterr().out.split())
    (path,) = (tmp_path / "phase_plane").iterdir()
    data = store.load(path / "data.nc")
    assert (data["verdict"].values[data["status"].values == "failed"] == "untested").all()
    assert data["error"].values[data["status"].values == "failed"].tolist() == ["MemoryError: a cell too many"]
    monkeypatch.undo()


def test_a_dataset_says_where_it_comes_from(whole: Path) -> None:
    attrs = store.load(whole / "data.nc").attrs
    made_by = json.loads(attrs["simulated_with"])
    assert made_by["versions"]["jax"] == provenance.versions()["jax"]
    assert made_by["sources"] == provenance.source_digest()
    assert made_by["git_revisions"] == [provenance.git_revision()]
    assert attrs["git_revision"] == provenance.git_revision()
    assert attrs["device"] == provenance.device()
    assert attrs["lanes_per_second"] > 0
    assert attrs["seconds"] > 0
    assert attrs["seed"] == 0
    assert "c_eta: 0.5" in attrs["config"]


def test_the_command_merges_and_explains_itself(
    whole: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sparsesim.merge", "--help"])
    with pytest.raises(SystemExit) as ended:
        merge.main()
    assert ended.value.code == 0
    assert "put together" in " ".join(capsys.readouterr().out.lower().split())
    missing = subprocess.run(
        [sys.executable, "-m", "sparsesim.merge", str(whole / "nowhere")], capture_output=True, text=True, timeout=200
    )
    assert missing.returncode == run.BAD_INPUT
    assert "must be the folder of a sweep" in missing.stderr
