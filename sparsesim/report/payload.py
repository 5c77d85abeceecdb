"""What a page shows of a dataset, as plain values for JSON: axes, quantities, records, and numbers in base64."""

import base64
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
import xarray as xr

from sparsesim.figures import boundaries, labels, reading
from sparsesim.figures.phase_plane import is_log
from sparsesim.problems import LeastSquares, RareClassLogistic
from sparsesim.report import cells
from sparsesim.scaling import Scaling
from sparsesim.theory.phases import CELLS

# Bytes of numbers in a page, and what is thinned to stay below: records first, then the cells along the longest axis.
BUDGET = 3_200_000
FEWEST_RECORDS = 9
LONGEST_AXIS = 400  # values along an axis that can be told apart
RECORDED = ("mean", "std_error", "exact", "limit", "z", "trusted")
# By key: the words, and how the quantity is drawn. What is not here is drawn by what it looks like.
QUANTITIES = {
    "mean": ("simulated", "log"),
    "exact": ("exact", "log"),
    "limit": ("limit as d grows", "log"),
    "z": ("z, simulated against exact in standard errors", "signed"),
    "rate": ("decay rate a minibatch, below 0 growth", "signed"),
    "learning": ("learning time, active updates", "log"),
    "retention": ("momentum's memory, active updates", "log"),
    "margin": ("stability margin 1 − H", "signed"),
    "region": ("region of the phase plane", "category"),
    "batch_regime": ("batch regime", "category"),
    "momentum_phase": ("momentum phase", "category"),
    "verdict": ("verdict", "category"),
    "status": ("how the simulation ended", "category"),
    "kappa": ("learning-rate exponent κ", "linear"),
    "cell": ("limit at the prescribed learning rate", "category"),
    "frontier_cell": ("limit at the frontier", "category"),
    "frontier_exponent": ("exponent κ of the frontier", "linear"),
    "learning_rate_gap": ("exponent of the largest stable η over the prescribed", "linear"),
    "learning_exponent": ("learning time, active updates: exponent of d", "linear"),
    "retention_exponent": ("momentum's memory, active updates: exponent of d", "linear"),
    "clock_exponent": ("slow time, active updates: exponent of d", "linear"),
    "decay_rate": ("decay rate a minibatch, below 0 growth", "signed"),
    "speed_ratio": ("decay rate over plain SGD's at the same η", ""),
    "sample_cost": ("active samples an e-fold of the squared error takes", "log"),
    "stiffness": ("stiffness η p/ε", "log"),
    "oscillates": ("the mean oscillates", "category"),
}
NUMBERED = {"cell", "frontier_cell"}  # limits by their number
SHOWN_ALONE = ("first_bad_time", "error", "feedback")  # said of a cell, or by the margin
GREEK = {"alpha": "α", "beta": "β", "delta": "δ", "kappa": "κ", "eta": "η", "varepsilon": "ε", "sigma": "σ",
         "theta": "θ", "parallel": "∥"}  # fmt: skip


def of(dataset: xr.Dataset) -> dict[str, Any]:
    """Everything interactive on the page of a dataset, as JSON can hold it.

    `dims` are the axes of the cells with their values. `records` are arrays over (cells, time, moment), `cells` over
    the cells; both in row-major order of `dims`. `quantities` are those that the plane can show. What was left out to
    keep the page small is said in `thinned`.
    """
    full = cells.as_grid(dataset)
    grid, words = _thinned(full)
    dims = cells.grid_of(grid)
    recorded = {name: grid[name] for name in RECORDED if "mean" in grid and name in grid and grid[name].notnull().any()}
    about = _about(grid, dims)
    return {
        "problem": grid.attrs.get("problem", ""),
        "clock": labels.CLOCKS[grid.attrs.get("clock", "minibatch")],
        "trajectories": grid.attrs.get("trajectories"),
        "bound": _number(grid.attrs.get("z_bound", math.nan)),
        "dims": [_axis(grid, dim) for dim in dims],
        "moments": [_moment(name, grid) for name in grid["moment"].values.tolist()] if recorded else [],
        "times": encoded(_times(grid, dims)) if recorded else None,
        "records": {name: encoded(values.values) for name, values in recorded.items()},
        "cells": {name: encoded(values) for name, values in about.items()},
        "exact": labels.exact(grid),
        "quantities": [*_of_records(recorded, grid), *_of_cells(about)],
        "regions": cells.NAMES[RareClassLogistic.name if reading.is_logistic(grid) else LeastSquares.name],
        "boundaries": _lines(boundaries.LOGISTIC_BOUNDARIES if reading.is_logistic(grid) else boundaries.BOUNDARIES),
        "free": {"boundaries": _lines(boundaries.BOUNDARIES), "regions": cells.NAMES[LeastSquares.name]},
        "scaling": _scaling(grid),
        "thinned": words,
    }


def encoded(values: np.ndarray) -> dict[str, Any]:
    """An array as JSON: its shape, and numbers as little-endian bytes in base64; words as places in a list of names."""
    if values.dtype.kind in "OUS":
        names, codes = np.unique(values.astype(str), return_inverse=True)
        return {"names": names.tolist(), **encoded(codes.reshape(values.shape).astype(np.uint16))}
    kind = {"b": "u1", "u": "u2"}.get(values.dtype.kind, "f4")
    if values.dtype.kind == "f" and values.dtype.itemsize == 8 and values.ndim == 1:
        kind = "f8"
    with np.errstate(over="ignore"):
        data = np.ascontiguousarray(values, dtype=f"<{kind}").tobytes()
    return {"type": kind, "shape": list(values.shape), "data": base64.b64encode(data).decode("ascii")}


def plain(label: str) -> str:
    """A label of a figure without its LaTeX."""
    for name, letter in GREEK.items():
        label = label.replace(f"\\{name}", letter)
    return label.replace("$", "").replace("_", "").replace(" / ", "/").replace(" - ", " − ")


def _thinned(dataset: xr.Dataset) -> tuple[xr.Dataset, str]:
    """A dataset that fits a page, and in words what of it is left out."""
    dims, before = cells.grid_of(dataset), dict(dataset.sizes)
    if len(dims) == 1 and before[dims[0]] > LONGEST_AXIS:
        # Values in falling order of importance, as tokens by rank, are told apart at their beginning.
        kept = np.unique(np.rint(np.geomspace(1, before[dims[0]], LONGEST_AXIS)).astype(int)) - 1
        dataset = dataset.isel({dims[0]: kept})
    while _bytes(dataset) > BUDGET:
        records = dataset.sizes["time"] if "mean" in dataset else 0
        if records // 2 + 1 >= FEWEST_RECORDS:
            kept = np.unique(np.rint(np.linspace(0, records - 1, records // 2 + 1)).astype(int))
            dataset = dataset.isel(time=kept)
            continue
        longest = max(dims, key=lambda dim: dataset.sizes[dim])
        dataset = dataset.isel({longest: slice(None, None, 2)})
    shown = (*dims, "time") if "mean" in dataset else dims
    left_out = [dim for dim in shown if dataset.sizes[dim] < before[dim]]
    return dataset, "; ".join(f"{dataset.sizes[dim]:,} of {before[dim]:,} values of {dim}" for dim in left_out)


def _bytes(dataset: xr.Dataset) -> int:
    """What the numbers of a page take, about."""
    if "mean" not in dataset:
        return 4 * sum(dataset[name].size for name in dataset.data_vars)
    recorded = sum(1 if name == "trusted" else 4 for name in RECORDED if name in dataset)
    return recorded * dataset["mean"].size + 4 * 24 * dataset["mean"].isel(time=0, moment=0).size


def _about(grid: xr.Dataset, dims: tuple[str, ...]) -> dict[str, np.ndarray]:
    """What is said of every cell: its parameters and exponents, what theory says of it, and the study's own."""
    found = {
        name: cells.values_of(grid, name)
        for name in (*cells.PARAMETERS, *cells.EXPONENTS, *cells.PREFACTORS)
        if name in grid.coords and set(grid[name].dims) <= set(dims) and grid[name].dtype.kind in "iuf"
    }
    found |= cells.derived(grid)
    own = {str(name): of for name, of in grid.data_vars.items() if set(of.dims) == set(dims)}
    found |= {name: cells.values_of(grid, name) for name in own if name not in found}
    for name in NUMBERED & found.keys():
        found[name] = np.vectorize(lambda number: f"{number:.0f}: {CELLS[round(number)]}", otypes=[object])(found[name])
    return found


def _of_records(recorded: Mapping[str, xr.DataArray], grid: xr.Dataset) -> list[dict[str, Any]]:
    """The quantities that every record has one of, in the words of the problem."""
    found = {name: _quantity(name) for name in recorded if name in QUANTITIES}
    if "exact" in found:
        found["exact"]["label"] = labels.exact(grid)
    if "z" in found and reading.is_logistic(grid):
        found["z"]["label"] = "z, simulated against recursion and predicted shift"
    return list(found.values())


def _of_cells(about: dict[str, np.ndarray]) -> list[dict[str, Any]]:
    """The quantities that a cell has one of, as far as they differ between cells."""
    shown_alone = (*cells.PARAMETERS, *cells.EXPONENTS[:3], *cells.PREFACTORS, *SHOWN_ALONE)
    names = [name for name in about if name not in shown_alone]
    order = [name for name in QUANTITIES if name in names]
    found = [*order, *(name for name in names if name not in order)]
    return [_quantity(name, about[name]) for name in found if _varies(about[name])]


def _varies(values: np.ndarray) -> bool:
    flat = values.ravel()
    return bool((flat[1:] != flat[:1]).any()) and (values.dtype.kind in "OUSb" or bool(np.isfinite(values).any()))


def _quantity(name: str, values: np.ndarray | None = None) -> dict[str, Any]:
    words, kind = QUANTITIES.get(name, (name.replace("_", " "), ""))
    if not kind:
        assert values is not None
        kind = _kind(values)
    return {"name": name, "label": words, "kind": kind, "of": "cell" if values is not None else "record"}


def _kind(values: np.ndarray) -> str:
    if values.dtype.kind in "OUSb":
        return "category"
    finite = values[np.isfinite(values)]
    if (finite < 0.0).any():
        return "signed"
    return "log" if reading.spans_decades(finite) else "linear"


def _axis(grid: xr.Dataset, dim: str) -> dict[str, Any]:
    values = grid[dim].values if dim in grid.coords else np.arange(grid.sizes[dim])
    text = values.dtype.kind in "OUS"
    return {
        "name": dim,
        "label": plain(labels.axis_label(dim)),
        "symbol": plain(labels.symbol(dim)),
        "values": values.astype(str).tolist() if text else values.astype(float).tolist(),
        "text": text,
        "log": not text and dim in grid.coords and is_log(grid, dim),
        "exponent": dim in reading.EXPONENTS,
    }


def _moment(name: str, grid: xr.Dataset) -> dict[str, str]:
    return {"name": name, "label": plain(labels.moment(name, grid))}


def _times(grid: xr.Dataset, dims: tuple[str, ...]) -> np.ndarray:
    """(time,) where all cells are recorded at the same, else (cells..., time)."""
    times = grid["time"] if "time" in grid.coords else reading.clock_time(grid)
    return times.transpose(*(dim for dim in dims if dim in times.dims), "time").values


def _lines(found: Sequence[boundaries.Boundary]) -> list[dict[str, Any]]:
    return [{**asdict(one), "normal": list(one.normal), "equation": plain(one.equation)} for one in found]


def _scaling(grid: xr.Dataset) -> dict[str, float]:
    """Where the free panel begins: what the cells share of a scaling, and the program's defaults for the rest."""
    default = Scaling(0.5, 0.5, 1.0)
    names = ("alpha", "beta", "delta", "c_p", "c_B", "c_eps", "c_eta")
    found = {name: reading.constant(grid, name) if name in grid.coords else None for name in (*names, "d")}
    shared = {name: getattr(default, name) for name in names} | {"d": 1000.0}
    return {name: value if (value := found[name]) is not None else shared[name] for name in shared}


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None
