"""`python -m sparsesim.report FOLDER`: write the page of a run again, from its data and figures."""

import argparse
import sys
from pathlib import Path

import xarray as xr
from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException
from rich.console import Console
from rich.markup import escape
from yaml import YAMLError

from sparsesim import _validate, outcomes, provenance, report, store, terminal
from sparsesim.studies import STUDIES, Study

EXAMPLES = """examples:
  python -m sparsesim.report runs/phase_plane/3f2a9c0d1b2e4f56             # writes report.html into the folder
  python -m sparsesim.report runs/*/*                                      # of all runs
  python -m sparsesim.report runs/limits/0a1b2c3d4e5f6a7b --output limits.html

`python -m sparsesim.run` writes the page of every sweep by itself.
Exit status: 0 written, 2 bad input, 4 it could not be written; of several folders the highest."""
OTHER_VERSION = (KeyError, TypeError, AttributeError, YAMLError, OmegaConfBaseException)  # what they raise


def study_of(dataset: xr.Dataset) -> Study:
    """The study that made a dataset, by its configuration.

    Raises:
        ValueError: it is of none.
    """
    config = OmegaConf.create(str(dataset.attrs.get("config", "")))
    problem, study = OmegaConf.select(config, "problem.name"), OmegaConf.select(config, "sweep.study")
    studies = STUDIES[_validate.choice("problem.name of the data's configuration", problem, STUDIES)]
    return studies[_validate.choice("sweep.study of the data's configuration", study, studies)]


def page(folder: Path, path: Path | None = None) -> Path:
    """Write the page of a run's folder.

    Args:
        folder: with `data.nc`, and figures as PNG beside it.
        path: the page; None: `report.html` in the folder.

    Raises:
        ValueError: the folder is none of a run.
        NotWritten: see `store.replacing`.
    """
    if not (folder / store.DATA).is_file():
        raise ValueError(f"FOLDER must be the folder of a finished run, with a {store.DATA}, got {folder}")
    try:
        dataset = store.load(folder / store.DATA)
    except OSError as error:
        raise ValueError(f"{folder / store.DATA} must be a dataset that a run wrote, got {error}") from error
    if path is not None and path.exists() and not path.is_file():
        raise ValueError(f"--output must be a file, got {path}")
    try:
        outcome = outcomes.with_mishaps(study_of(dataset).outcome(dataset), dataset)
        text = report.rendered(dataset, outcome, sorted(folder.glob("*.png")))
    except OTHER_VERSION as error:
        raise ValueError(
            f"{folder / store.DATA} must be of this version of sparsesim, got {type(error).__name__}: {error}"
        ) from error
    written = store.write_text(text, path or folder / report.NAME)
    if path is None:
        provenance.amend_manifest(folder, written)
    return written


def main() -> None:
    """Run from the command line and exit with a status."""
    parser = argparse.ArgumentParser(
        prog="python -m sparsesim.report",
        description="Write a self-contained HTML page of finished runs, to explore in a browser.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("folder", nargs="+", type=Path, help="of a run, as its closing lines name it")
    parser.add_argument(
        "--output", type=Path, metavar="FILE", help="the page, of one folder; default: FOLDER/report.html"
    )
    arguments = parser.parse_args()
    if arguments.output is not None and len(arguments.folder) > 1:
        parser.error("--output must come with one folder")
    sys.exit(max(status_of(folder, arguments.output) for folder in arguments.folder))


def status_of(folder: Path, path: Path | None) -> int:
    """Write the page of one folder, and say where it is or what is wrong."""
    errors = Console(stderr=True, soft_wrap=True)
    try:
        terminal.line(Console(), str(page(folder, path)))
    except (ValueError, OSError) as error:
        errors.print("[bold red]error:[/]", escape(str(error)), highlight=False)
        return 4 if isinstance(error, OSError) else 2
    changed = [line for line in provenance.check_manifest(folder) if line.startswith(f"{store.DATA} ")]
    for line in changed:
        errors.print("[bold]warning:[/]", escape(f"{line}, says {folder / provenance.MANIFEST}"), highlight=False)
    return 0


if __name__ == "__main__":
    main()
