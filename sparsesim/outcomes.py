"""What came out of a run, for a reader: words, tables and remarks, for the terminal and for the page of a run."""

from collections.abc import Hashable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from sparsesim.problems import RareClassLogistic

VERDICTS = ("agrees", "disagrees", "unstable", "untested")
MOST_DISAGREEMENTS = 10


class Details(NamedTuple):
    """A table of more than names and values."""

    columns: Sequence[str]
    rows: Sequence[Sequence[str]]


class Outcome(NamedTuple):
    """What a study says at its end."""

    title: str
    rows: list[tuple[str, str]]  # of the closing table
    remarks: Sequence[str] = ()  # lines below it, in red
    words: str = ""  # a paragraph before it
    details: Details | None = None  # a table before it


def verdict(dataset: xr.Dataset) -> str:
    """The verdict of a whole, in its colour."""
    words = dataset.attrs["verdict"]
    colour = {"disagrees": "[red]", "agrees": "[green]"}
    return f"{colour.get(words, '')}{words}"


def line(dataset: xr.Dataset, folder: Path) -> str:
    """The outcome in one line of name=value, with spaces between, for scripts: `grep ^sparsesim:` finds it.

    What a study does not have is left out: cells that were simulated, scores, the largest of them and its bound.
    """
    attrs = dataset.attrs
    cells = {"cells": dataset["feedback"].size} if "feedback" in dataset and "mean" in dataset else {}
    scores = {name: attrs[name] for name in ("z_count", "z_fraction", "z_largest", "z_bound") if name in attrs}
    known = {
        "sweep": attrs["sweep"], "verdict": attrs["verdict"], **cells, "failed": attrs.get("failed_cells", 0), **scores,
        "seconds": attrs["seconds"],
    }  # fmt: skip
    values = [f"{name}={value:.4g}" if isinstance(value, float) else f"{name}={value}" for name, value in known.items()]
    return " ".join(["sparsesim:", *values, f"folder={folder}"])


def with_mishaps(outcome: Outcome, dataset: xr.Dataset) -> Outcome:
    """An outcome, and what became of cells whose simulation did not end well."""
    if "status" not in dataset:
        return outcome
    status = dataset["status"].values
    diverged, failed = (int((status == name).sum()) for name in ("diverged", "failed"))
    rows = [*outcome.rows, ("  overflowed (first_bad_time says when)", str(diverged))] if diverged else outcome.rows
    if not failed:
        return outcome._replace(rows=rows)
    why = sorted(set(dataset["error"].values[status == "failed"].tolist()))
    words = f"{failed} cells failed twice and have no values; the same command tries them again: {'; '.join(why)}"
    return outcome._replace(rows=rows, remarks=[*outcome.remarks, words])


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """The outcome of a compared dataset in plain numbers."""
    verdicts = dataset["verdict"].values
    keys = ("sweep", "clock", "engine", "oracle", "seed", "trajectories", "seconds", "verdict")
    z_keys = ("z_count", "z_fraction", "z_fraction_std_error", "z_fraction_bound", "z_largest", "z_bound")
    return {
        **{key: dataset.attrs[key] for key in keys if key in dataset.attrs},
        "cells": {verdict: int((verdicts == verdict).sum()) for verdict in VERDICTS},
        **{key: value if np.isfinite(value := dataset.attrs[key]) else None for key in z_keys},
        "largest_feedback": float(dataset["feedback"].max()),
    }


def comparison(dataset: xr.Dataset) -> Outcome:
    """The outcome of a compared dataset: how many cells agree, how the scores lie, and which cells disagree."""
    attrs = dataset.attrs
    cells = summary(dataset)["cells"]
    assert isinstance(cells, dict)
    rows = [("cells", str(dataset["verdict"].size))]
    rows += [(f"  {verdict}", str(cells[verdict])) for verdict in VERDICTS if cells[verdict] or verdict == "disagrees"]
    rows += [("trajectories per cell", str(attrs["trajectories"])), ("trusted comparisons", str(attrs["z_count"]))]
    if attrs["z_count"]:
        rows += [
            ("share of |z| < 1.96", f"{attrs['z_fraction']:.4f} ± {attrs['z_fraction_std_error']:.4f}"),
            ("largest |z|", f"{attrs['z_largest']:.2f} (bound {attrs['z_bound']:.2f})"),
        ]
    logistic = attrs.get("problem") == RareClassLogistic.name
    if logistic and attrs["z_count"]:
        rows.append(("largest shift of a mean by fluctuations", f"{_largest_shift(dataset):.2%} of R or theta_par"))
    rows += [
        (
            "largest learning rate over its lower ceiling" if logistic else "largest feedback H",
            f"{float(dataset['feedback'].max()):.3f}{'' if logistic else ' (stable below 1)'}",
        ),
        ("seconds, this run", f"{attrs['seconds']:.1f}"),
        ("verdict", verdict(dataset)),
    ]
    remarks = []
    if attrs["z_fraction"] < attrs["z_fraction_bound"]:
        remarks += [
            f"disagrees: the share of |z| < 1.96 is {attrs['z_fraction']:.4f}, below {attrs['z_fraction_bound']:.4f}; "
            "cells with most scores outside:",
            *_most_outside(dataset),
        ]
    # The mean of logistic regression has no closed equation; see sparsesim.references.
    against = "the exact recursion of one-step means" if logistic else "exact equations"
    return Outcome(f"{attrs['sweep']}: simulation against {against}", rows, remarks + list(_disagreements(dataset)))


def _largest_shift(dataset: xr.Dataset) -> float:
    """The largest predicted distance of a trusted mean from the recursion, relative to it."""
    relative = abs(dataset["bias"] / dataset["exact"]).where(dataset["trusted"])
    return float(relative.sel(moment=["theta_par", "R"]).max())


def _most_outside(dataset: xr.Dataset) -> Iterator[str]:
    """The cells with the largest share of trusted |z| beyond 1.96."""
    outside = (abs(dataset["z"]) >= 1.96).where(dataset["trusted"]).mean(["time", "moment"])
    for flat in np.argsort(-outside.fillna(0.0).values, axis=None)[:MOST_DISAGREEMENTS]:
        index = dict(zip(outside.dims, np.unravel_index(flat, outside.shape), strict=True))
        yield f"  {outside.isel(index).item():.0%} at {_place(dataset.isel(index), outside.dims)}"


def _disagreements(dataset: xr.Dataset) -> Iterator[str]:
    """The points of cells that disagree, largest |z| first."""
    magnitude = abs(dataset["z"]).where(dataset["trusted"] & (dataset["verdict"] == "disagrees"), -1.0)
    dims = magnitude.dims
    worst = np.argsort(magnitude.values, axis=None)[::-1][:MOST_DISAGREEMENTS]
    for flat in worst:
        index = dict(zip(dims, np.unravel_index(flat, magnitude.shape), strict=True))
        point = dataset.isel(index)
        if magnitude.isel(index) < dataset.attrs["z_bound"]:
            return
        yield (
            f"disagrees at {_place(point, dims[:-2]) or 'the cell'}, time {point.clock_time.item():g}, "
            f"{point.moment.item()}: simulated {point['mean'].item():.6g} ± {point.std_error.item():.2g}, "
            f"{'exact' if 'bias' not in point else 'predicted'} {_predicted(point):.6g}, z = {point.z.item():.2f}"
        )


def _predicted(point: xr.Dataset) -> float:
    """What theory says of the mean: the exact value, with the shift by fluctuations where there is one."""
    return point.exact.item() + (point.bias.item() if "bias" in point else 0.0)


def _place(cell: xr.Dataset, dims: Iterable[Hashable]) -> str:
    """Where a cell stands in its grid; a case stands by its name, which is no number."""
    places = {dim: cell[dim].item() for dim in dims}
    return ", ".join(f"{dim} = {v if isinstance(v, str) else format(v, '.4g')}" for dim, v in places.items())
