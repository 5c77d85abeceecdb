"""The command line: `python -m sparsesim.run`, a Hydra application (`--help` explains it).

Exit status: 0 the study completed and what it simulated agrees with theory, 1 it completed and does not, 2 the input is
bad, 3 no point of it could be tested, 4 it failed, 130 interrupted.
"""

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

import hydra
import xarray as xr
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.markup import escape

from sparsesim import _validate, report, store
from sparsesim import config as configuration
from sparsesim.studies import STUDIES

BAD_INPUT, FAILED, INTERRUPTED = 2, 4, 130
STATUS = {"agrees": 0, "computed": 0, "disagrees": 1, "untested": 3}
DATA = "data.nc"


def run(config: DictConfig, console: Console) -> tuple[xr.Dataset, Path]:
    """Compute, write and draw what a configuration asks for.

    Returns:
        The dataset of its study, and the folder that holds it with its figures, its configuration and its summary.

    Raises:
        ValueError: a value is outside its range; nothing has been written then.
        MemoryError: a cell is too large for the memory at hand; nothing has been written then.
    """
    sweep = configuration.sweep_of(config)
    studies = STUDIES[config.problem.name]
    study = studies[_validate.choice(f"sweep.study of {config.problem.name}", config.sweep.study, studies)]
    configuration.check_output(config.output, config.sweep.name)
    output = Path(config.output)
    began = time.perf_counter()
    with report.progress(console, config.sweep.name) as update:
        dataset = study.compute(sweep, update)
    dataset = dataset.assign_attrs(
        sweep=config.sweep.name,
        config=OmegaConf.to_yaml(config, resolve=True),
        seconds=round(time.perf_counter() - began, 3),
    )
    folder = _new_folder(output / config.sweep.name)
    store.save(dataset, folder / DATA)
    store.write_text(dataset.attrs["config"], folder / "config.yaml")
    store.write_text(json.dumps(study.summary(dataset), indent=2) + "\n", folder / "summary.json")
    drawn = study.draw(dataset, folder)
    written = [folder / name for name in (DATA, "config.yaml", "summary.json")]
    report.closing(console, study.outcome(dataset), written + drawn)
    return dataset, folder


def _new_folder(parent: Path) -> Path:
    """A new folder named by the time, with a number where two runs meet in one second."""
    stamp = datetime.now().strftime("%Y-%m-%d_%H-%M-%S")
    for number in range(1000):
        folder = parent / (f"{stamp}_{number}" if number else stamp)
        try:
            folder.mkdir(parents=True)
        except FileExistsError:
            continue
        return folder
    raise FileExistsError(f"no free folder name for {stamp} in {parent}")


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
            statuses.append(STATUS[dataset.attrs["verdict"]])
        except (ValueError, MemoryError, OSError, OmegaConfBaseException) as error:
            complain(error)
            statuses.append(FAILED if isinstance(error, OSError) else BAD_INPUT)
        except Exception:
            traceback.print_exc()
            statuses.append(FAILED)
        except KeyboardInterrupt:
            errors.print("interrupted; no file is half written", highlight=False)
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
