"""The command line: `python -m sparsesim.run`, a Hydra application (`--help` explains it).

Exit status: 0 the study completed and what it simulated agrees with theory, 1 it completed and does not, 2 the input is
bad, 3 no point of it could be tested, 4 it failed, 5 cells of it failed or are missing, 130 interrupted.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import hydra
import xarray as xr
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.markup import escape

from sparsesim import _validate, provenance, report, store
from sparsesim import config as configuration
from sparsesim.folder import Folder
from sparsesim.job import CONFIG, Incomplete, Job, Shard, identity
from sparsesim.studies import STUDIES

BAD_INPUT, FAILED, PARTIAL, INTERRUPTED = 2, 4, 5, 130
STATUS = {"agrees": 0, "computed": 0, "disagrees": 1, "untested": 3}
DATA = "data.nc"


def run(config: DictConfig, console: Console, simulate: bool = True) -> tuple[xr.Dataset, Path]:
    """Compute, write and draw what a configuration asks for, or go on where an interrupted run of it stopped.

    Args:
        config: what is asked for.
        console: where progress and the outcome are shown.
        simulate: whether to compute what is missing; else only what is there is put together.

    Returns:
        The dataset of its study, and the folder that holds it with its figures, its configuration and its summary.

    Raises:
        ValueError: a value is outside its range; nothing has been written then.
        MemoryError: a cell is too large for the memory at hand; nothing has been written then.
        NotWritten: a file could not be written; what is complete stays so.
        Incomplete: cells of other shards are missing.
    """
    sweep = configuration.sweep_of(config)
    studies = STUDIES[config.problem.name]
    study = studies[_validate.choice(f"sweep.study of {config.problem.name}", config.sweep.study, studies)]
    configuration.check_output(config.output, config.sweep.name)
    folder = Folder.named(Path(config.output) / config.sweep.name, identity(sweep, config.sweep.study))

    def say(line: str) -> None:
        """A line above the progress bar."""
        console.print(line, highlight=False, soft_wrap=True, markup=False)

    resolved = OmegaConf.to_yaml(config, resolve=True)
    shard, fresh, began = Shard.of(config.shard), config.sweep.fresh, time.perf_counter()
    with report.progress(console, config.sweep.name) as bar:
        job = Job(folder, shard, config.sweep.block, simulate, fresh, resolved, say, bar.cells)
        dataset = study.compute(sweep, bar, job)
    seconds = round(time.perf_counter() - began, 3)
    dataset = dataset.assign_attrs(sweep=config.sweep.name, config=resolved, seconds=seconds, **provenance.attributes())
    job.make()
    path = folder.path
    data = store.save(dataset, path / DATA)
    summary = store.write_text(json.dumps(study.summary(dataset), indent=2) + "\n", path / "summary.json")
    drawn = study.draw(dataset, path)
    manifest = provenance.write_manifest(path, data, drawn, [path / CONFIG, summary])
    report.closing(console, study.outcome(dataset), [data, path / CONFIG, summary, manifest, *drawn])
    return dataset, path


def main() -> None:
    """Run from the command line and exit with a status."""
    configuration.register()
    console, errors = Console(), Console(stderr=True, soft_wrap=True)
    statuses: list[int] = []

    def complain(error: Exception) -> None:
        """Say in one line what is wrong."""
        errors.print("[bold red]error:[/]", escape(configuration.in_one_line(error)), highlight=False)

    def job(config: DictConfig) -> None:
        """Run one configuration, say what went wrong, and keep its status."""
        try:
            dataset, _ = run(config, console)
            statuses.append(PARTIAL if dataset.attrs.get("failed_cells") else STATUS[dataset.attrs["verdict"]])
        except Incomplete as incomplete:
            console.print(str(incomplete), highlight=False, soft_wrap=True)
            statuses.append(PARTIAL if config.shard is None else 0)
        except (ValueError, MemoryError, OSError, OmegaConfBaseException) as error:
            complain(error)
            statuses.append(FAILED if isinstance(error, OSError) else BAD_INPUT)
        except Exception:
            traceback.print_exc()
            statuses.append(FAILED)
        except KeyboardInterrupt:
            errors.print(
                "interrupted; no file is half written, and the same command goes on from here", highlight=False
            )
            sys.stdout.flush()
            os._exit(INTERRUPTED)  # an orderly exit would wait for the launches under way

    try:
        sys.argv[1:] = configuration.arguments_of(sys.argv[1:])
        with _hydra_raises():
            hydra.main(version_base="1.3", config_path=str(configuration.folder()), config_name="config")(job)()
    except configuration.COMPOSITION_ERRORS as error:
        complain(error)
        sys.exit(BAD_INPUT)
    except SystemExit as stopped:  # Hydra has said what is wrong with the command line
        sys.exit(BAD_INPUT if stopped.code == 1 else stopped.code)
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
    main()
