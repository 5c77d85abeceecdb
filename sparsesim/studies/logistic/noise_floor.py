"""The noise floor of logistic regression: it depends on K = eta (d-1)/(2B), and momentum does not move it.

The paper has momentum average label noise out. At a fixed learning rate it does not: R settles at the same value on
both sides of resonance (docs/logistic.md, section 9, F4). A floor that sinks with eps does so because the learning rate
is made to follow eps, as in eta = eps/p.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim import outcomes
from sparsesim.comparison import compare
from sparsesim.figures import style
from sparsesim.figures.logistic import noise_floor as pictures
from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.simulation.driver import Progress
from sparsesim.studies import checks
from sparsesim.studies.logistic import floors
from sparsesim.sweep import Simulator, Sweep, run_sweep
from sparsesim.theory import logistic

AXES = ("B", "eta", "eps")
POINTS = 41  # of a curve
LARGEST = 10**12  # a dimension at which the learning rate of any K is small


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The simulated and compared cells, where they settle, and floors along K and along eps.

    Returns:
        Over (B, eta, eps) beside what is compared: what `floors.floors` says, and K. Along `curve_K`, `curve_exact`, R
        of the exact fixed point for small steps, and `curve_limit` of rare classes, rho R = K. Over B and `curve_eps`,
        `curve_claimed`, R of the exact fixed point at eta = eps/p.

    Raises:
        ValueError: the axes are not B, eta and eps.
        MemoryError: see `run_sweep`.
    """
    checks.axes(sweep, "noise_floor", AXES)
    dataset = compare(simulate(sweep, progress)).transpose(*AXES, ...).sortby(list(AXES))
    dataset = dataset.assign(floors.floors(dataset))
    d, p, r = (dataset[name].values.flat[0].item() for name in ("d", "p", "r"))
    dataset = dataset.assign_coords(K=(dataset["eta"] * (d - 1) / (2.0 * dataset["B"])).transpose("B", "eta"))
    low, high = (float(dataset["K"].min()) / 1.5, float(dataset["K"].max()) * 1.5)
    K = np.geomspace(low, high, POINTS)
    eps = np.geomspace(float(dataset["eps"].min()), float(dataset["eps"].max()), POINTS)
    many = RareClassLogistic(LARGEST, p, 1, r)
    dataset = dataset.assign(
        curve_exact=("curve_K", [_floor(many, HeavyBall(2.0 * k / (LARGEST - 1), 1.0)) for k in K.tolist()]),
        curve_limit=("curve_K", [logistic.floor(k, r).R for k in K.tolist()]),
        curve_claimed=(
            ("B", "curve_eps"),
            [[_floor(RareClassLogistic(d, p, B, r), HeavyBall(e / p, e)) for e in eps] for B in dataset["B"].values],
        ),
    ).assign_coords(curve_K=K, curve_eps=eps)
    if dataset.attrs["verdict"] == "agrees" and bool(floors.wrong(dataset).any()):
        dataset.attrs["verdict"] = "disagrees"
    return dataset


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """R against K and against eps."""
    return style.save(pictures.noise_floor(dataset), folder, "noise_floor")


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Verdicts and scores, and how far floors differ between momenta and between equal K."""
    exact, simulated = _differences(dataset)
    return {
        **outcomes.summary(dataset),
        "settled": int(dataset["floor_z"].notnull().sum()),
        "largest_difference_over_eps_exact": exact,
        "largest_difference_over_eps_simulated": simulated,
        "largest_floor_z": float(abs(dataset["floor_z"]).max()) if dataset["floor_z"].notnull().any() else None,
    }


def outcome(dataset: xr.Dataset) -> outcomes.Outcome:
    """How little floors depend on momentum, before the comparison of the moments."""
    exact, simulated = _differences(dataset)
    compared = outcomes.comparison(dataset)
    eps, K = dataset["eps"].values, dataset["K"].values
    rows = [
        ("momentum decays eps, K", f"{eps.min():.3g} to {eps.max():.3g}, {K.min():.3g} to {K.max():.3g}"),
        ("floors of one eta and B over all eps: exact", f"at most {exact:.1%} apart"),
        ("  simulated", "not settled" if simulated is None else f"at most {simulated:.1%} apart"),
    ]
    claimed = dataset["curve_claimed"].isel(B=-1)
    rows.append(("floor at eta = eps/p over the same eps", f"from {float(claimed[0]):.3g} to {float(claimed[-1]):.3g}"))
    return outcomes.Outcome(
        "noise floor: it depends on K = eta (d-1)/(2B), not on momentum",
        [*rows, *floors.rows(dataset), *compared.rows],
        [*compared.remarks, *floors.remarks(dataset)],
    )


def _floor(problem: RareClassLogistic, optimizer: HeavyBall) -> float:
    return floors.fixed_point(problem, optimizer)[0][2].item()


def _differences(dataset: xr.Dataset) -> tuple[float, float | None]:
    """The largest relative difference of R between momenta at one eta and B: exact, and simulated where settled."""
    mean = dataset["mean"].sel(moment="R").isel(time=-1).where(dataset["floor_z"].notnull())
    exact, simulated = (float((R.max("eps") / R.min("eps") - 1.0).max()) for R in (dataset["fixed_R"], mean))
    return exact, simulated if np.isfinite(simulated) else None
