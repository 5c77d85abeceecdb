"""The stability frontier, simulated: where do second moments start to grow, and is it where the theory says?

For every dimension and momentum exponent cells lie on both sides of the exact frontier. Whether their moments grow is
read off the simulated means alone, from the envelope E = R + eta C + eta V/(eps p), which does not oscillate: its rate
between the middle and the end of a run, in relaxations (e-folds of the noise-free squared error). The frontier lies
between the largest learning rate at which E significantly shrinks and the smallest at which it significantly grows.

Means of unstable systems are carried by rare trajectories in low dimension; from d = 1e3 on nearly all trajectories
carry them (the dataset's effective_sample_size says so), and a few relaxations are enough to see growth.
"""

from pathlib import Path

import numpy as np
import xarray as xr
from scipy import stats

from sparsesim import outcomes
from sparsesim.comparison import FALSE_ALARM, compare
from sparsesim.figures import frontier as pictures
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.simulation.driver import Progress
from sparsesim.studies import checks
from sparsesim.studies.envelope import envelopes, growths
from sparsesim.sweep import Simulator, Sweep, run_sweep
from sparsesim.theory import frontier, stability
from sparsesim.theory.least_squares import activity

MULTIPLE = "eta_over_critical"
DIMS = ("d", "delta", MULTIPLE)
# Other modes than the slowest have left the envelope by then: they decay by half a relaxation faster at least.
SHORTEST_RUN = 2.0


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The simulated and compared cells with their growth, and the frontier between them: found, exact and claimed.

    Adds over (d, delta, eta_over_critical, time) the `envelope` with `envelope_std_error` (an upper bound) and
    `envelope_exact`, and `relaxations`, the time counted in them; over (d, delta, eta_over_critical) its `growth` per
    relaxation with `growth_std_error`; and over (d, delta) `frontier` (where growth interpolates to zero) between
    `frontier_low` and `frontier_high`, `frontier_exact` and `frontier_claimed`, all as learning rates. NaN where the
    run is too short or the frontier lies outside the cells.

    Raises:
        ValueError: the axes are not d, delta and eta_over_critical with values on both sides of 1.
    """
    checks.axes(sweep, "frontier", DIMS)
    multiples = list(sweep.axes[MULTIPLE])
    if not min(multiples) < 1.0 < max(multiples):
        raise ValueError(f"{MULTIPLE} must have values on both sides of 1, got {multiples}")
    dataset = compare(simulate(sweep, progress)).transpose(*DIMS, ...).sortby(list(DIMS))
    dataset = dataset.assign(_growth(dataset))
    dataset = dataset.assign(_frontiers(dataset))
    wrong = _wrong(dataset)
    if dataset.attrs["verdict"] == "agrees" and bool(wrong.any()):
        dataset.attrs["verdict"] = "disagrees"
    return dataset


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """The frontier against delta, growth against the learning rate, and trajectories at the largest delta."""
    return pictures.draw(dataset, folder)


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Verdicts and scores, and how far the found frontier is from the exact one."""
    off = _off(dataset)
    return {
        **outcomes.summary(dataset),
        "frontiers": int(off.notnull().sum()),
        "largest_frontier_error": float(off.max()) if off.notnull().any() else None,
        "exact_over_claimed": float((dataset.frontier_exact / dataset.frontier_claimed).max()),
    }


def outcome(dataset: xr.Dataset) -> outcomes.Outcome:
    """The frontier at every dimension, found, exact and claimed, before the comparison of the moments."""
    off, compared = _off(dataset), outcomes.comparison(dataset)
    ratio = dataset.frontier_exact / dataset.frontier_claimed
    rows = [
        (
            "simulated frontiers",
            f"{int(off.notnull().sum())} of {off.size} (others: too short, or carried by few)",
        )
    ]
    if off.notnull().any():
        rows.append(("largest distance from the exact one", f"{float(off.max()):.1%}"))
    for d in dataset.d.values:
        top = ratio.sel(d=d).isel(delta=-1)
        rows.append((f"exact over claimed, d = {d:g}", f"{float(top):.3g} at delta = {float(top.delta):g}"))
    remarks = [
        f"disagrees: at d = {d:g}, delta = {delta:g} and {multiple:g} times the exact frontier the envelope grows by "
        f"{float(growth):.3g} a relaxation"
        for (d, delta, multiple), growth in dataset.growth.where(_wrong(dataset)).to_series().dropna().items()
    ]
    return outcomes.Outcome(
        "frontier: where simulated second moments start to grow", rows + compared.rows, [*compared.remarks, *remarks]
    )


def _growth(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """The envelope, and its growth per relaxation over the second half of the run."""
    unit = xr.zeros_like(dataset["feedback"])
    for index in np.ndindex(unit.shape):
        cell = dataset[["p", "B", "eta", "eps"]].isel(dict(zip(unit.dims, index, strict=True)))
        problem = LeastSquares(cell.d.item(), cell.p.item(), cell.B.item())
        optimizer = HeavyBall(cell.eta.item(), cell.eps.item())
        unit[index] = stability.mean_decay_rate(problem, optimizer)
        if dataset.attrs["clock"] != "minibatch":
            unit[index] /= activity(problem)[0]
    elapsed = dataset.clock_time * unit
    found = envelopes(dataset)
    grown = growths(dataset.assign(found), elapsed)
    measured = elapsed.isel(time=-1) >= SHORTEST_RUN
    return {
        **found,
        "relaxations": elapsed,
        **{name: values.where(measured) for name, values in grown.items()},
    }


def _frontiers(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """Learning rates over (d, delta): the simulated frontier with its bracket, the exact and the claimed one."""
    shape = dataset.sizes["d"], dataset.sizes["delta"]
    names = ("frontier", "frontier_low", "frontier_high", "frontier_exact", "frontier_claimed")
    found = {name: np.full(shape, np.nan) for name in names}
    multiples = dataset[MULTIPLE].values
    for index in np.ndindex(shape):
        cell = dataset.isel(d=index[0], delta=index[1])
        problem = LeastSquares(cell.d.item(), cell.p.values.flat[0], cell.B.values.flat[0])
        eps = cell.eps.values.flat[0]
        exact = stability.critical_learning_rate(problem, eps)
        found["frontier_exact"][index] = exact
        found["frontier_claimed"][index] = frontier.claimed_critical_learning_rate(problem, eps)
        growth, error = cell.growth.values, cell.growth_std_error.values
        shrinks, grows = growth < -3.0 * error, growth > 3.0 * error
        if shrinks.any() and grows.any():
            low, high = np.flatnonzero(shrinks)[-1], np.flatnonzero(grows)[0]
            crossing = np.interp(0.0, growth[[low, high]], multiples[[low, high]]) if low < high else np.nan
            for name, multiple in (("", crossing), ("_low", multiples[low]), ("_high", multiples[high])):
                found[f"frontier{name}"][index] = multiple * exact
    return {name: xr.DataArray(values, dims=("d", "delta")) for name, values in found.items()}


def _wrong(dataset: xr.Dataset) -> xr.DataArray:
    """Cells that grow where they should shrink or the reverse, beyond chance."""
    score = dataset.growth / dataset.growth_std_error * np.sign(1.0 - dataset[MULTIPLE])
    bound = stats.norm.isf(FALSE_ALARM / max(1, int(score.notnull().sum())))
    return score > bound


def _off(dataset: xr.Dataset) -> xr.DataArray:
    """The relative distance of the simulated frontier from the exact one."""
    return abs(dataset.frontier / dataset.frontier_exact - 1.0)
