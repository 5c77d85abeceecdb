"""Figures of simulated and compared datasets, one module per family; importing this changes no global state."""

from pathlib import Path

import xarray as xr

from sparsesim.figures import phase_plane, reading, style, sweeps, trajectories, zscores

__all__ = ["draw"]


def draw(dataset: xr.Dataset, folder: str | Path) -> list[Path]:
    """Draw what fits the dataset, as PDF and PNG in `folder`, and return the paths.

    Two cell dims give a plane, one a curve; scores are drawn where a comparison left some, trajectories always.
    """
    dataset = dataset.squeeze([dim for dim in reading.cell_dims(dataset) if dataset.sizes[dim] == 1])
    dims = reading.cell_dims(dataset)
    figures = {}
    if set(dims) == {"alpha", "delta"}:
        figures["phase_plane"] = phase_plane.phase_plane(dataset)
    elif len(dims) == 2:
        figures[f"plane_{dims[0]}_{dims[1]}"] = phase_plane.plane(dataset, *reading.plane_dims(dataset))
    elif len(dims) == 1:
        figures[f"final_against_{dims[0]}"] = sweeps.final_against(dataset, dims[0])
    if reading.has_scores(dataset):
        if len(dims) == 2:
            figures["z_map"] = zscores.z_map(dataset)
        if dims:
            figures["z_distribution"] = zscores.z_distribution(dataset)
    figures["trajectories"] = trajectories.trajectories(dataset)
    return [path for name, figure in figures.items() for path in style.save(figure, folder, name)]
