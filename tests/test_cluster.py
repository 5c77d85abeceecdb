"""Clusters: every process of one finds its shard, and what they compute together has the bits of one process."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import xarray as xr
from hydra import compose, initialize_config_dir
from rich.console import Console

from sparsesim import cluster, run, store
from sparsesim import config as configuration
from sparsesim.job import Shard

ROOT = Path(__file__).parents[1]
SWEEP = ["+sweep.axes={alpha: {values: [0.1, 0.3, 0.5, 0.7]}}", "scale=smoke", "trajectories=512", "times.records=3"]


def command_line(*arguments: str) -> subprocess.Popen[str]:
    """The program, started."""
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "sparsesim.run", *arguments]
    return subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


def ended(process: subprocess.Popen[str]) -> str:
    """What a process that ends well has said."""
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


def data_in(output: Path) -> xr.Dataset:
    """The one dataset below a folder."""
    (path,) = output.glob("cell/*/data.nc")
    return store.load(path).drop_attrs()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """The dataset of one process."""
    output = tmp_path_factory.mktemp("alone")
    configuration.register()
    with initialize_config_dir(str(configuration.folder()), version_base="1.3"):
        composed = compose("config", [*SWEEP, f"output={output}"])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(run.STUDIES["least_squares"]["grid"], "draw", lambda dataset, folder: [])
        run.run(composed, Console(quiet=True))
    return data_in(output)


def test_two_processes_that_meet_share_a_sweep(tmp_path: Path, alone: xr.Dataset) -> None:
    with socket.socket() as free:
        free.bind(("localhost", 0))
        port = free.getsockname()[1]
    meeting = [f"distributed.coordinator=localhost:{port}", "distributed.processes=2"]
    both = [command_line(*SWEEP, f"output={tmp_path}", *meeting, f"distributed.process={i}") for i in range(2)]
    said = [ended(process) for process in both]
    assert sum("written:" in words for words in said) >= 1
    assert all("shard is done; 2 of 4 cells are left" in words or "written:" in words for words in said)
    assert data_in(tmp_path).identical(alone)


@pytest.mark.slow
def test_a_launcher_of_hydra_starts_the_shards(tmp_path: Path, alone: xr.Dataset) -> None:
    shards = ["--multirun", "hydra/launcher=submitit_local", "hydra.launcher.timeout_min=5", "shard=1/2,2/2"]
    ended(command_line(*shards, *SWEEP, f"output={tmp_path}"))
    assert len(list(tmp_path.glob("cell/*/blocks/*.block"))) == 2
    assert data_in(tmp_path).identical(alone)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((None, None, 2, None), "coordinator must be given"),
        (("1/2", "auto", None, None), "shard must be null"),
        ((None, "auto", 2, 0), "must be null with distributed.coordinator=auto"),
        ((None, "localhost", 2, 0), "coordinator must be host:port or auto, got 'localhost'"),
        ((None, "localhost:1", None, 0), r"distributed.processes must be"),
        ((None, "localhost:1", 2, None), r"distributed.process must be"),
        ((None, "localhost:1", 2, 2), r"distributed.process must be below distributed.processes = 2, got 2"),
        (("3/2", None, None, None), "shard must be i/n"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: tuple[str | None, ...], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        cluster.shard_of(*arguments)  # type: ignore[arg-type]
    assert cluster.shard_of("2/3", None, None, None) == Shard(2, 3)


def test_auto_without_a_cluster_is_refused_by_name() -> None:
    """In a process of its own, for this one has computed already; an error is a line and a status everywhere."""
    code = "from sparsesim import cluster; cluster.shard_of(None, 'auto', None, None)"
    environment = {**os.environ, "JAX_PLATFORMS": "cpu", "PYTHONPATH": str(ROOT)}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=100)
    assert done.returncode == 1
    last = done.stderr.splitlines()[-1]
    assert last.startswith("ValueError: distributed.coordinator must be host:port here: no cluster was found")
