"""Experiments: a figure each, from its own configuration to stored data, a picture and a verdict.

An experiment is a module of the folder `experiments` and a configuration of its name in `configs/experiment`. The first
line of its docstring is the title, the rest says what there is to see. It has

    draw(dataset) -> Figure             from the dataset alone
    checks(dataset) -> list[Check]      the numbers that the figure is about, with their bounds
    compute(sweep, progress, simulate)  as of `studies.Study`, where the study of its configuration does not do

What is computed is kept in the run's folder, as by `sparsesim.run`; data, picture and verdict are in `figures`.
"""

import argparse
import importlib.util
import math
import shlex
import signal
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, cast

import xarray as xr
from hydra import compose, initialize_config_dir
from matplotlib.figure import Figure
from omegaconf import DictConfig
from rich.console import Console
from rich.table import Table

from sparsesim import config as configuration
from sparsesim import provenance, run, store
from sparsesim.comparison import chance
from sparsesim.figures import collapse, reading, style

FIGURES = Path("figures")
SCORES = ("z_fraction", "z_fraction_bound", "z_largest", "z_bound")  # attributes of a compared dataset
# The most that R may be away from its limit at d = 1e8; logistic regression approaches its own like p or more slowly.
WITHIN = {"least_squares": 2e-3, "logistic": 2e-2}
OUTSIDE = 1  # exit status where a verdict is outside its bound


class Check(NamedTuple):
    """A number that a figure is about, and where it must be."""

    quantity: str
    value: float
    low: float = -math.inf
    high: float = math.inf

    @property
    def holds(self) -> bool:
        """Whether it is within its bounds; what is not a number is not."""
        return self.low <= self.value <= self.high

    @property
    def bounds(self) -> str:
        """In words."""
        if math.isinf(self.low):
            return f"at most {self.high:.3g}"
        return f"at least {self.low:.3g}" if math.isinf(self.high) else f"{self.low:.3g} to {self.high:.3g}"


def scores(dataset: xr.Dataset, prefix: str = "") -> list[Check]:
    """Of a compared dataset: the largest trusted |z| and the share of |z| < 1.96, with the bounds that chance sets."""
    fraction, least, largest, most = (dataset.attrs[f"{prefix}{key}"] for key in SCORES)
    where = f" ({prefix.strip('_')})" if prefix else ""
    share = Check(f"share of |z| < 1.96{where}", fraction, low=least)
    return [Check(f"largest |z|{where}", largest, high=most)] + [share] * (share.low > 0.0)


def largest(values: xr.DataArray) -> float:
    """The largest absolute value; NaN, which holds within no bounds, where one is missing."""
    return float(abs(values).max(skipna=False))


def convergence(case: xr.Dataset, within: float) -> list[Check]:
    """Of a case of the studies `limits`: how far R at the largest dimension drawn is from its limit, and its order.

    Args:
        case: without the dim case.
        within: the most that R may be away.
    """
    own, name = case.sel(variable="R"), collapse.kind(case)
    d = collapse.DIMENSIONS[-1]
    error, order = float(own[f"sup_error_{name}"].sel(dimension=d)), float(own[f"order_{name}"])
    return [
        Check(f"largest |R - limit| at d = {d:.0e}", error, high=within),
        Check("falls like d^-x, x", order, low=0.1),
    ]


def draw_limit(dataset: xr.Dataset) -> Figure:
    """Of a dataset of the studies `limits` with one case: its moments at growing dimension.

    For logistic regression also the floor of R against d.
    """
    return collapse.collapse(dataset.isel(case=0), floor=reading.is_logistic(dataset))


def check_limit(dataset: xr.Dataset) -> list[Check]:
    """How near R is to its limit, how fast it comes nearer, and the scores of the simulation."""
    within = WITHIN["logistic" if reading.is_logistic(dataset) else "least_squares"]
    return convergence(dataset.isel(case=0), within) + scores(dataset)


class Experiment(Protocol):
    """A module that has these."""

    __doc__: str | None

    def draw(self, dataset: xr.Dataset) -> Figure:
        """The figure."""
        ...

    def checks(self, dataset: xr.Dataset) -> list[Check]:
        """The numbers it is about."""
        ...


class Verdict(NamedTuple):
    """What came out of an experiment."""

    name: str
    title: str
    checks: list[Check]
    seconds: float

    @property
    def holds(self) -> bool:
        """Whether all numbers are within their bounds."""
        return all(check.holds for check in self.checks)


def names(folder: Path) -> list[str]:
    """The experiments of a folder, in order."""
    return sorted(path.stem for path in folder.glob("fig*.py"))


def found(folder: Path, name: str) -> Experiment:
    """An experiment by its name.

    Raises:
        ValueError: there is none.
    """
    path = folder / f"{name}.py"
    if name not in names(folder):
        raise ValueError(f"a figure must be one of {', '.join(names(folder))}, got {name!r}")
    spec = importlib.util.spec_from_file_location(f"experiments.{name}", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return cast(Experiment, module)


def composed(name: str, overrides: Sequence[str]) -> DictConfig:
    """The configuration of an experiment.

    Raises:
        ValueError: an override is wrong.
    """
    configuration.register()
    try:
        with initialize_config_dir(str(configuration.folder()), version_base="1.3"):
            return compose("config", [f"+experiment={name}", *overrides])
    except configuration.COMPOSITION_ERRORS as error:
        raise ValueError(configuration.in_one_line(error)) from error


def conduct(
    folder: Path, name: str, overrides: Sequence[str], figures: Path, redraw: bool, console: Console
) -> Verdict:
    """Compute, or with `redraw` read, the data of a figure; draw it; judge it.

    Raises:
        ValueError: there is no such figure, or no data to redraw it from.
    """
    experiment, began = found(folder, name), time.perf_counter()
    data = figures / "data" / f"{name}.nc"
    record = figures / f"{name}.json"
    if redraw:
        dataset = _stored(name, data)
    else:
        record.unlink(missing_ok=True)  # of a figure that fails none is left
        config = composed(name, overrides)
        dataset, _ = run.computed(config, console, compute=getattr(experiment, "compute", None))
        dataset = dataset.assign_attrs(
            figure=name,
            command=_command(name, overrides),
            scale=config.scale.name,
            machine=provenance.machine(),
            figure_seconds=round(time.perf_counter() - began, 1),
        )
        data.parent.mkdir(parents=True, exist_ok=True)
        store.save(dataset, data)
    style.save(experiment.draw(dataset), figures, name)
    about = {key: dataset.attrs[key] for key in ("command", "scale", "machine")}
    seconds = float(dataset.attrs["figure_seconds"])
    checked = [*experiment.checks(dataset), *unsound(dataset)]
    verdict = Verdict(name, title(experiment), checked, seconds)
    kept = {
        **about,
        "seconds": seconds,
        "title": verdict.title,
        "words": words(experiment),
        "holds": verdict.holds,
        "checks": [{**check._asdict(), "bounds": check.bounds, "holds": check.holds} for check in verdict.checks],
    }
    store.write_json(kept, record)
    return verdict


def _stored(name: str, data: Path) -> xr.Dataset:
    """The dataset of a figure.

    Raises:
        ValueError: it is missing or damaged, or that of another figure.
    """
    again = f"make {name} computes it"
    if not data.exists():
        raise ValueError(f"{data} is missing; {again}")
    try:
        dataset = store.load(data)
        owner = dataset.attrs["figure"]
    except Exception as error:  # what the libraries raise where bytes are wrong is of any kind
        raise ValueError(f"{data} cannot be read; {again} again: {error!r}") from error
    if owner != name:
        raise ValueError(f"{data} is the data of {owner}; {again}")
    return dataset


def unsound(dataset: xr.Dataset) -> list[Check]:
    """What does not hold whatever the figure is about: cells failed, or its own study says that theory is wrong."""
    failed, wrong = float(dataset.attrs.get("failed_cells", 0)), float(dataset.attrs["verdict"] == "disagrees")
    found = [
        Check("cells that failed", failed, high=0.0),
        Check("verdict of the study against theory", wrong, high=0.0),
    ]
    return [check for check in found if not check.holds]


def title(experiment: Experiment) -> str:
    """The first line of an experiment's docstring."""
    return (experiment.__doc__ or "").strip().split("\n")[0]


def words(experiment: Experiment) -> str:
    """The rest of it, on one line a paragraph."""
    paragraphs = (experiment.__doc__ or "").strip().split("\n\n")[1:]
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _command(name: str, overrides: Sequence[str]) -> str:
    """That draws a figure: of make, which knows a scale and no other override."""
    if any(not override.startswith("scale=") for override in overrides):
        return shlex.join(["python", "-m", "experiments", name, *overrides])
    return " ".join(["make", name, *(f"SCALE={override.removeprefix('scale=')}" for override in overrides)])


def table(verdicts: Sequence[Verdict], console: Console) -> None:
    """The verdicts."""
    shown = Table("figure", "what it is about", "value", "bound", "", title="verdicts")
    for verdict in verdicts:
        for number, check in enumerate(verdict.checks):
            first = f"{verdict.name}" if number == 0 else ""
            mark = "holds" if check.holds else "[bold red]does not hold[/]"
            shown.add_row(first, check.quantity, f"{check.value:.4g}", check.bounds, mark)
    console.print(shown)


def main(folder: Path, only: Sequence[str] = ()) -> None:
    """Conduct experiments from the command line, and exit with a status: 0 if all verdicts hold, else 1.

    Args:
        folder: that holds them.
        only: those to conduct; none: what the command line says, or all.
    """
    parser = argparse.ArgumentParser(
        prog="python -m experiments",
        description="Draw the figures: simulate, compare, draw, judge.",
        epilog="For example: fig07 scale=smoke scaling.c_eta=0.5 --to other. Scales: smoke (seconds a figure), laptop "
        "(up to a minute or two on two cores), gpu. Exit status: 0 all verdicts hold, 1 one does not, 2 bad input, "
        "4 failed, 130 interrupted.",
    )
    parser.add_argument("what", nargs="*", help="fig01 ... and overrides such as scale=smoke; no figure: all")
    parser.add_argument("--figures-only", action="store_true", help="draw again from stored data; simulates nothing")
    parser.add_argument(
        "--to",
        type=Path,
        default=FIGURES,
        metavar="FOLDER",
        help="for pictures, verdicts and data; %(default)s if not given",
    )
    arguments = parser.parse_intermixed_args()
    chosen = [*only, *(word for word in arguments.what if "=" not in word)] or names(folder)
    overrides = [word for word in arguments.what if "=" in word]
    if arguments.figures_only and overrides:
        parser.error(f"--figures-only computes nothing that could be overridden, got {' '.join(overrides)}")
    # A scheduler that ends a job early says so with this signal.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    if unknown := [name for name in chosen if name not in names(folder)]:
        known = names(folder)
        parser.error(f"a figure must be one of {known[0]} to {known[-1]}, got {', '.join(unknown)}")
    try:
        (arguments.to / "data").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        parser.error(f"--to {arguments.to} cannot be written: {error.strerror}")
    console, verdicts, failed, status = Console(), [], [], 0

    def one(name: str) -> Callable[[], tuple[xr.Dataset, Path]]:
        """A figure, as `run.status_of` wants it."""

        def conducted() -> tuple[xr.Dataset, Path]:
            """Conduct it, and keep its verdict for the table."""
            failed.append(name)
            try:
                verdict = conduct(folder, name, overrides, arguments.to, arguments.figures_only, console)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error
            failed.pop()
            verdicts.append(verdict)
            console.print(f"{name}: {verdict.title} {verdict.seconds:.0f} s", highlight=False)
            return xr.Dataset(attrs={"verdict": "computed"}), arguments.to

        return conducted

    for name in chosen:
        status = max(status, run.status_of(one(name)))
    if verdicts:
        table(verdicts, console)
        console.print(f"figures, data and verdicts are in {arguments.to}", highlight=False, soft_wrap=True)
    if failed:
        console.print(f"{len(failed)} of {len(chosen)} failed: {', '.join(failed)}", style="red", highlight=False)
    sys.exit(status or (0 if all(verdict.holds for verdict in verdicts) else OUTSIDE))


def script(path: str) -> None:
    """Conduct the experiment that a file is."""
    main(Path(path).parent, [Path(path).stem])


__all__ = [
    "Check",
    "Experiment",
    "Verdict",
    "chance",
    "check_limit",
    "convergence",
    "draw_limit",
    "largest",
    "main",
    "scores",
    "script",
]
