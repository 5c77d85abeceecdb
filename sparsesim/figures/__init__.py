"""Figures of simulated and compared datasets, one module per family; importing this changes no global state."""

from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim.figures import concentration, phase_plane, reading, style, sweeps, trajectories, zscores

__all__ = ["draw"]

# Diverging cells outgrow what axes can span; beyond these a value is drawn like one that overflowed, or at the edge.
LARGEST, LARGEST_SCORE = 1e40, 1e6


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw what fits the dataset, as PDF and PNG in `folder`, and return the paths.

    Two cell dims give a plane, one a curve; scores are drawn where a comparison left some, trajectories always.
    """
    dataset = _drawable(dataset)
    dataset = dataset.squeeze([dim for dim in reading.cell_dims(dataset) if dataset.sizes[dim] == 1])
    dims = reading.cell_dims(dataset)
    figures = {}
    if set(dims) == {"alpha", "delta"}:
        figures["phase_plane"] = phase_plane.phase_plane(dataset)
    elif len(dims) == 2:
        figures[f"plane_{dims[0]}_{dims[1]}"] = phase_plane.plane(dataset, *reading.plane_dims(dataset))
    elif len(dims) == 1:
        figures[f"final_against_{dims[0]}"] = sweeps.final_against(dataset, dims[0])
        if dims == ["d"] and "spread" in dataset:
            figures["concentration"] = concentration.concentration(dataset)
    if reading.has_scores(dataset):
        if len(dims) == 2:
            figures["z_map"] = zscores.z_map(dataset)
        if dims:
            figures["z_distribution"] = zscores.z_distribution(dataset)
    figures["trajectories"] = trajectories.trajectories(dataset)
    return [path for name, figure in figures.items() for path in style.save(figure, folder, name)]


def _drawable(dataset: xr.Dataset) -> xr.Dataset:
    """The dataset with moments that no axis can span as NaN, and scores within bounds."""
    shown = {
        name: variable.where(abs(variable) < LARGEST)
        for name, variable in dataset.data_vars.items()
        if variable.dims[-2:] == ("time", "moment") and variable.dtype == np.float64
    }
    if "z" in dataset:
        shown["z"] = dataset["z"].clip(-LARGEST_SCORE, LARGEST_SCORE)
    return dataset.assign(shown)
