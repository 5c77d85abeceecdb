"""The command line: `python -m sparsesim.run`, a Hydra application (`--help` explains it).

Exit status: 0 the study completed and what it simulated agrees with theory, 1 it completed and does not, 2 the input is
bad, 3 no point of it could be tested, 4 it failed, 5 cells of it failed or are missing, 130 interrupted.
"""

import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import hydra
import xarray as xr
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.markup import escape

from sparsesim import _validate, cluster, outcomes, provenance, report, store, terminal
from sparsesim import config as configuration
from sparsesim.folder import Folder
from sparsesim.job import CONFIG, JOURNAL, Incomplete, Job, identity
from sparsesim.simulation.driver import Progress
from sparsesim.studies import OF_TOKENS, STUDIES, Study
from sparsesim.sweep import Simulator, Sweep

BAD_INPUT, FAILED, PARTIAL, INTERRUPTED = 2, 4, 5, 130
Compute = Callable[[Sweep, Progress, Simulator], xr.Dataset]  # as of a study
STATUS = {"agrees": 0, "computed": 0, "disagrees": 1, "untested": 3}


def run(config: DictConfig, console: Console, of: Folder | None = None) -> tuple[xr.Dataset, Path]:
    """Compute, write and draw what a configuration asks for, or go on where an interrupted run of it stopped.

    Args:
        config: what is asked for.
        console: where progress and the outcome are shown.
        of: a folder of which only what is there is put together, with nothing computed; None: that of `config`.

    Returns:
        The dataset of its study, and the folder that holds it with its figures, its configuration and its summary.

    Raises:
        Exception: see `computed`.
    """
    dataset, folder = computed(config, console, of)
    folder.make()
    with store.alone(folder.path):
        return dataset, _written(_study(config), dataset, folder.path, console)


def computed(
    config: DictConfig, console: Console, of: Folder | None = None, compute: Compute | None = None
) -> tuple[xr.Dataset, Folder]:
    """The dataset of a configuration, and the folder that keeps what it is made of.

    Args:
        config: what is asked for.
        console: where progress is shown.
        of: see `run`.
        compute: what makes the dataset; None: the study that the configuration names.

    Raises:
        ValueError: a value is outside its range; nothing has been written then.
        MemoryError: a cell is too large for the memory at hand; nothing has been written then.
        NotWritten: a file could not be written; what is complete stays so.
        Incomplete: cells of other shards are missing.
        ConnectionError: see `cluster.shard_of`.
    """
    sweep = configuration.sweep_of(config)
    if sweep.vocabulary is not None and config.sweep.study not in OF_TOKENS:
        raise ValueError(f"vocabulary must be null in the study {config.sweep.study}, which is not about tokens")
    compute = compute or _study(config).compute
    if of is None:
        configuration.check_output(config.output, config.sweep.name)

    def say(line: str) -> None:
        """A line above the progress bar."""
        console.print(line, highlight=False, soft_wrap=True, markup=False)

    shard = cluster.shard_of(config.shard, **config.distributed, say=say)
    if config.sweep.fresh and shard.of_all > 1:
        raise ValueError("sweep.fresh must be false with a shard, which would move aside what the others have done")
    folder = of or Folder.named(Path(config.output) / config.sweep.name, identity(sweep, config.sweep.study))
    resolved, began = _stored(config), time.perf_counter()
    with terminal.progress(console, config.sweep.name) as bar:
        job = Job(folder, shard, config.sweep.block, of is None, resolved, say, bar.cells)
        if config.sweep.fresh and (aside := folder.set_aside()) is not None:
            say(f"starting over; what was in {folder.path} is in {aside}")
        dataset = compute(sweep, bar, job)
    about = {"sweep": config.sweep.name, "config": resolved, "seconds": round(time.perf_counter() - began, 3)}
    return dataset.assign_attrs(**about, **provenance.attributes()), folder


def _study(config: DictConfig) -> Study:
    """The study that a configuration names.

    Raises:
        ValueError: there is none of this name.
    """
    studies = STUDIES[_validate.choice("problem.name", config.problem.name, STUDIES)]
    return studies[_validate.choice(f"sweep.study of {config.problem.name}", config.sweep.study, studies)]


def _stored(config: DictConfig) -> str:
    """The configuration as its folder keeps it: without what does not matter to its results."""
    kept = OmegaConf.masked_copy(config, [str(key) for key in config if key not in ("shard", "distributed")])
    return OmegaConf.to_yaml(OmegaConf.merge(kept, {"sweep": {"fresh": False, "block": None}}), resolve=True)


def _written(study: Study, dataset: xr.Dataset, path: Path, console: Console) -> Path:
    """Write what a folder holds when all of its cells are there, and say what came out."""
    config = store.write_text(dataset.attrs["config"], path / CONFIG)
    data = store.save(dataset, path / store.DATA)
    summary = store.write_json(study.summary(dataset), path / "summary.json")
    drawn = study.draw(dataset, path)
    outcome = outcomes.with_mishaps(study.outcome(dataset), dataset)
    outcome, pages = _page(dataset, outcome, drawn, path / report.NAME)
    manifest = provenance.write_manifest(path, data, [*pages, *drawn], [config, summary])
    logs = [log] if (log := path / JOURNAL).exists() else []
    terminal.closing(console, outcome, [data, config, summary, manifest, *logs, *drawn, *pages])
    terminal.line(console, outcomes.line(dataset, path))
    return path


def _page(
    dataset: xr.Dataset, outcome: outcomes.Outcome, drawn: list[Path], path: Path
) -> tuple[outcomes.Outcome, list[Path]]:
    """The page, if it can be made: what is computed and drawn is not lost for want of it."""
    try:
        return outcome, [report.write(dataset, outcome, drawn, path)]
    except store.NotWritten:
        raise
    except Exception as error:
        words = f"there is no {path.name}: {type(error).__name__}: {error}"
        return outcome._replace(remarks=[*outcome.remarks, words]), []


def status_of(compute: Callable[[], tuple[xr.Dataset, Path]]) -> int:
    """The exit status of a run, after saying what went wrong."""
    try:
        dataset, _ = compute()
    except Incomplete as incomplete:
        Console().print(str(incomplete), highlight=False, soft_wrap=True, markup=False)
        return 0 if incomplete.expected else PARTIAL
    except (ValueError, MemoryError, OSError, OmegaConfBaseException) as error:
        complain(error)
        return FAILED if isinstance(error, OSError) else BAD_INPUT
    except Exception:
        traceback.print_exc()
        return FAILED
    except KeyboardInterrupt:
        _errors().print("interrupted; no file is half written, the same command goes on from here", highlight=False)
        sys.stdout.flush()
        os._exit(INTERRUPTED)  # an orderly exit would wait for the launches under way
    return PARTIAL if dataset.attrs.get("failed_cells") else STATUS[dataset.attrs["verdict"]]


def complain(error: Exception) -> None:
    """Say in one line what is wrong."""
    _errors().print("[bold red]error:[/]", escape(configuration.in_one_line(error)), highlight=False)


def _errors() -> Console:
    return Console(stderr=True, soft_wrap=True)


_statuses: dict[int, list[int]] = {}  # of the jobs that a process has run, by its number


def job(config: DictConfig) -> None:
    """Run one configuration; in a process of its own, as a launcher starts, a failure is an exception."""
    status = status_of(lambda: run(config, Console()))
    if (statuses := _statuses.get(os.getpid())) is not None:
        statuses.append(status)
    elif status:
        raise RuntimeError(f"the job ended with status {status}; its log says why")


def main() -> None:
    """Run from the command line and exit with a status."""
    configuration.register()
    statuses = _statuses[os.getpid()] = []
    # A scheduler that ends a job early says so with this signal; in the background of a script there is no other.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.argv[1:] = configuration.arguments_of(sys.argv[1:])
        with _hydra_raises():
            hydra.main(version_base="1.3", config_path=str(configuration.folder()), config_name="config")(job)()
    except configuration.COMPOSITION_ERRORS as error:
        complain(error)
        sys.exit(BAD_INPUT)
    except SystemExit as stopped:  # Hydra has said what is wrong with the command line
        sys.exit(BAD_INPUT if stopped.code == 1 else stopped.code)
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    except BrokenPipeError:  # who reads the output has left, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except Exception as error:  # of a launcher: a job's own are said and have a status
        complain(error)
        sys.exit(FAILED)
    sys.exit(max(statuses, default=0))


@contextmanager
def _hydra_raises() -> Iterator[None]:
    """Have Hydra raise its errors where it would print them, on several lines, and exit."""
    name = "HYDRA_FULL_ERROR"
    before = os.environ.get(name)
    os.environ[name] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


if __name__ == "__main__":
    from sparsesim import run as importable  # by its name, so that launchers can hand `job` to other processes

    importable.main()
