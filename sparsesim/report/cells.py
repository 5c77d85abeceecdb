"""A study's dataset as a grid of cells, and what theory says of each: rates, timescales, regimes, margins."""

import numpy as np
import xarray as xr

from sparsesim import references
from sparsesim.figures import reading
from sparsesim.problems import LeastSquares, RareClassLogistic
from sparsesim.theory import phases, stability
from sparsesim.theory.phases import LOGISTIC_REGIONS, PROBLEMS, REGIONS, classify

PARAMETERS = ("d", "p", "B", "eta", "eps", "label_noise", "r")
EXPONENTS = ("alpha", "beta", "delta", "kappa")
PREFACTORS = ("c_p", "c_B", "c_eps", "c_eta")
NEEDED = ("d", "p", "B", "label_noise", "eta", "eps")  # for rates of least squares
NAMES = {LeastSquares.name: REGIONS, RareClassLogistic.name: LOGISTIC_REGIONS}  # of regions, in words


def grid_of(dataset: xr.Dataset) -> tuple[str, ...]:
    """The dims of the cells that a dataset is about.

    Of simulated ones those of their mean, else those of the plane that most of its variables are over.
    """
    if "mean" in dataset:
        return tuple(reading.cell_dims(dataset))
    dims = [tuple(map(str, variable.dims)) for variable in dataset.data_vars.values()]
    return max(dims, key=lambda of: (dims.count(of) * (len(of) > 1), len(of)), default=())


def as_grid(dataset: xr.Dataset) -> xr.Dataset:
    """A dataset in the form of a compared sweep: with a moment, and as coordinates what all of its cells share.

    Studies of tokens have R alone, and the frequency of a token for its p.
    """
    if "mean" not in dataset:
        return dataset
    if "frequency" in dataset["mean"].dims:
        dataset = dataset.drop_vars("p").assign_coords(p=dataset["frequency"])
    shared = {name: dataset.attrs[name] for name in PARAMETERS if name in dataset.attrs and name not in dataset}
    dataset = dataset.assign_coords(shared)
    if "moment" in dataset["mean"].dims:
        return dataset
    if "exact" not in dataset and "risk" in dataset:
        dataset = dataset.rename(risk="exact")
    records = dataset["mean"].dims
    return dataset.assign(
        {
            name: variable.expand_dims(moment=["R"], axis=-1)
            for name, variable in dataset.data_vars.items()
            if variable.dims == records
        }
    )


def derived(dataset: xr.Dataset) -> dict[str, np.ndarray]:
    """What theory says of every cell of a grid, by name; arrays of the shape of the cells.

    Of least squares `rate`, the decay rate of the second moments a minibatch (negative: growth), and in active updates
    `retention`, 1/(1 - b1), and `learning`, the e-folding time of the slowest mode. Of both problems `margin`, 1 - H,
    and where cells follow from exponents `region`, `batch_regime` and `momentum_phase`.
    """
    shape = dataset["mean"].shape[:-2] if "mean" in dataset else ()
    found: dict[str, np.ndarray] = {}
    if "feedback" in dataset and dataset["feedback"].shape == shape:
        found["margin"] = 1.0 - dataset["feedback"].values
    problem = dataset.attrs.get("problem")
    if "mean" not in dataset or problem not in PROBLEMS:
        return found
    if set(EXPONENTS[:3]) <= set(dataset.coords):
        found |= _phases(dataset, shape, problem)
    # Those of logistic regression are rates of a fixed point, which takes as long to find as a cell to simulate.
    if problem == LeastSquares.name and set(NEEDED) <= set(dataset.coords):
        found |= _rates(references.cells(dataset), shape)
    return found


def values_of(dataset: xr.Dataset, name: str) -> np.ndarray:
    """A coordinate or variable over the cells, in the order of their dims."""
    dims = grid_of(dataset)
    sizes = {dim: dataset.sizes[dim] for dim in dims}
    return (
        dataset[name].broadcast_like(xr.DataArray(np.empty(tuple(sizes.values())), dims=dims)).transpose(*dims).values
    )


def _phases(dataset: xr.Dataset, shape: tuple[int, ...], problem: str) -> dict[str, np.ndarray]:
    alpha, beta, delta = (values_of(dataset, name) for name in EXPONENTS[:3])
    found = {name: np.full(shape, "", dtype=object) for name in ("region", "batch_regime", "momentum_phase")}
    for index in np.ndindex(shape):
        if problem == LeastSquares.name and delta[index] <= 0.0:
            continue  # momentum that lives for a fixed number of minibatches has no phase
        phase = classify(float(alpha[index]), float(beta[index]), float(delta[index]), problem)
        for name, values in found.items():
            values[index] = getattr(phase, name)
    return found


def _rates(cells: references.Cells, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    found = {name: np.empty(shape) for name in ("rate", "retention", "learning")}
    for index, problem, optimizer in cells:
        rate = stability.decay_rate(problem, optimizer)
        found["rate"][index] = rate
        times = phases.timescales(problem, optimizer, rate)
        found["retention"][index], found["learning"][index] = times
    return found
