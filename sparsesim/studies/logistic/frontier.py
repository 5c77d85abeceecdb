"""Where the learning rate of logistic regression ends: not at eps/p, but at the noise fold or the curvature ceiling.

The paper holds that above resonance eta must stay below eps/p. Trajectories that start at the optimum say otherwise:
they settle at the exact fixed point far above it. What ends a fixed point is one of two things (docs/logistic.md,
section 9, F3). At the noise fold, K = eta (d-1)/(2B) = Kmax whatever eps, R jumps to where the sigmoid is saturated. At
the curvature ceiling, 2(2-eps)/(eps H_par), steps overshoot along the signal and theta_par oscillates.

The ceiling is that of small deviations. With momentum the noise-free map has a second attractor below it, an
oscillation of period 3 or more; noise takes trajectories there. Cells where it exists are shown and not judged.
"""

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
import xarray as xr

from sparsesim import outcomes, references
from sparsesim.comparison import compare
from sparsesim.figures import style
from sparsesim.figures.logistic import frontier as pictures
from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.simulation.driver import Progress
from sparsesim.studies.logistic import floors
from sparsesim.sweep import CASE, Simulator, Sweep, run_sweep
from sparsesim.theory import logistic
from sparsesim.theory.logistic.recursion import recursion

SHARED = ("d", "p", "B", "r", "eps")  # of the learning rates of one setting
POINTS = 41  # of a curve over learning rates
PUSHED = (2.0, 3.0)  # theta_par/r from which the noise-free map may find another attractor
OSCILLATION = 0.05  # of theta_par/r: more than that is none that dies out
WATCHED = 60  # minibatches
KINDS = ("stays", "saturates", "oscillates", "either")


class Setting(NamedTuple):
    """What cells with different learning rates share."""

    d: int
    p: float
    B: int
    r: float
    eps: float

    @property
    def problem(self) -> RareClassLogistic:
        """The problem of its cells."""
        return RareClassLogistic(self.d, self.p, self.B, self.r)


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The simulated and compared cases, what theory predicts of each, and curves of theory for every setting of them.

    A setting is what cases share whose learning rates differ.

    Returns:
        Beside what is compared, by case: what `floors.floors` says; `oscillation`, the standard deviation in time of
        theta_par in the noise-free map, pushed away from its fixed point; `spread_theta_par`, the simulated standard
        deviation over trajectories at the end; `predicted`, one of `KINDS`; `ceiling_verdict`; and `setting`, the
        number of its setting. By setting: `claimed_ceiling`, `curvature_ceiling` and `fold_ceiling` as learning rates;
        and along `point`, `curve_eta`, `curve_R` of the fixed point and `curve_spread_theta_par` around it, NaN where
        it is unstable.

    Raises:
        ValueError: there are no cases, or there are axes.
        MemoryError: see `run_sweep`.
    """
    if not sweep.cases or sweep.axes:
        raise ValueError(
            f"the study frontier must have cases and no axes for logistic regression, got cases {list(sweep.cases)} "
            f"and axes {list(sweep.axes)}"
        )
    dataset = compare(simulate(sweep, progress))
    dataset = dataset.assign(floors.floors(dataset))
    cells = references.cells(dataset)
    found = [Setting(c.d, c.p, c.B, c.r, o.eps) for _, c, o in cells]
    settings = list(dict.fromkeys(found))
    end = dataset.isel(time=-1).sel(moment="theta_par", drop=True)
    dataset["oscillation"] = (CASE, [_oscillation(problem, optimizer) for _, problem, optimizer in cells])
    dataset["spread_theta_par"] = end["std_error"] * math.sqrt(dataset.attrs["trajectories"])
    dataset = dataset.assign_coords(setting=(CASE, [settings.index(setting) for setting in found]))
    dataset["predicted"] = (CASE, [_predicted(dataset.isel({CASE: i})) for i in range(len(cells))])
    dataset["ceiling_verdict"] = (CASE, [_verdict(dataset.isel({CASE: i}), dataset) for i in range(len(cells))])
    curves = []
    for number, setting in enumerate(settings):
        etas = dataset["eta"].values[dataset["setting"].values == number]
        curves.append(_curves(setting, np.geomspace(etas.min() / 1.5, etas.max() * 1.3, POINTS)))
    dataset = dataset.assign(xr.concat(curves, "settings").data_vars)
    if dataset.attrs["verdict"] == "agrees" and bool((dataset["ceiling_verdict"] == "disagrees").any()):
        dataset.attrs["verdict"] = "disagrees"
    return dataset


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """R at the end and the spread of theta_par against the learning rate, with all ceilings."""
    return style.save(pictures.frontier(dataset), folder, "frontier")


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Verdicts and scores, and case by case what was predicted and what was found."""
    cases = {}
    for name in dataset[CASE].values:
        cell = dataset.sel({CASE: name})
        ceilings = dataset.isel(settings=int(cell["setting"]))
        cases[str(name)] = {
            "eta_over_claimed": float(cell["eta"] / ceilings["claimed_ceiling"]),
            "eta_over_critical": float(cell["feedback"]),
            "predicted": cell["predicted"].item(),
            "verdict": cell["ceiling_verdict"].item(),
            "R": float(_last(cell, "mean")),
            "R_std_error": float(_last(cell, "std_error")),
            "fixed_R": float(cell["fixed_R"]),
            "spread_theta_par": float(cell["spread_theta_par"]),
        }
    return {**outcomes.summary(dataset), "ceilings": cases}


def outcome(dataset: xr.Dataset) -> outcomes.Outcome:
    """Case by case the learning rate over the claimed and over the true ceiling, and R beside its fixed point."""
    listed, compared = summary(dataset)["ceilings"], outcomes.comparison(dataset)
    assert isinstance(listed, dict)
    rows = [("eta over eps/p, over the true ceiling:", "R simulated | exact")]
    for name, case in listed.items():
        place = f"  {name}: {case['eta_over_claimed']:.3g}, {case['eta_over_critical']:.2g}"
        value = f"{case['R']:.4g} ± {case['R_std_error']:.1g} | {case['fixed_R']:.4g}"
        if case["predicted"] in ("oscillates", "either"):
            value += f", sd of theta_par {case['spread_theta_par']:.2g}"
        rows.append((place, f"{value}: {case['predicted']}, {case['verdict']}"))
    remarks = [
        f"disagrees: {name} should be one that {case['predicted']}, and R is {case['R']:.4g} ± "
        f"{case['R_std_error']:.1g} where the fixed point is at {case['fixed_R']:.4g}"
        for name, case in listed.items()
        if case["verdict"] == "disagrees"
    ]
    return outcomes.Outcome(
        "frontier: where the learning rate really ends",
        [*rows, *floors.rows(dataset), *compared.rows],
        [*compared.remarks, *remarks],
    )


def _last(cell: xr.Dataset, name: str) -> xr.DataArray:
    return cell[name].sel(moment="R").isel(time=-1)


def _oscillation(problem: RareClassLogistic, optimizer: HeavyBall) -> float:
    """The largest standard deviation in time of theta_par that is left of a push, long after it."""
    state, _ = floors.fixed_point(problem, optimizer)
    rate = abs(floors.decay_rate(problem, optimizer))
    times = math.ceil(20.0 / rate) + np.arange(WATCHED)
    starts = [{"theta_par": push * problem.r, "R": state[2].item()} for push in PUSHED]
    return max(float(recursion(problem, optimizer, times, start)[:, 0].std()) for start in starts)


def _predicted(cell: xr.Dataset) -> str:
    if cell["fixed_rate"] <= 0.0:
        return "oscillates"
    if cell["oscillation"] > OSCILLATION * cell["r"]:
        return "either"
    return "saturates" if cell["saturated"] else "stays"


def _verdict(cell: xr.Dataset, dataset: xr.Dataset) -> str:
    """Whether a cell does what is predicted; an oscillation is one that spreads trajectories by half of its own."""
    kind, z = cell["predicted"].item(), float(cell["floor_z"])
    if kind == "either" or (kind != "oscillates" and math.isnan(z)):
        return "untested"
    if kind == "oscillates":
        return "agrees" if cell["spread_theta_par"] > 0.5 * cell["oscillation"] else "disagrees"
    return "agrees" if abs(z) <= floors.bound(dataset) else "disagrees"


def _curves(setting: Setting, etas: np.ndarray) -> xr.Dataset:
    """Ceilings of a setting, and its fixed points along learning rates."""
    problem, optimizers = setting.problem, [HeavyBall(eta, setting.eps) for eta in etas.tolist()]
    fold = math.inf if setting.d == 1 else 2.0 * setting.B * logistic.noise_fold(problem).K / (setting.d - 1)
    return xr.Dataset(
        {
            "claimed_ceiling": logistic.claimed_ceiling(problem, setting.eps),
            "curvature_ceiling": logistic.curvature_ceiling(problem, setting.eps),
            "fold_ceiling": fold,
            "curve_eta": ("point", etas),
            "curve_R": ("point", [floors.fixed_point(problem, optimizer)[0][2] for optimizer in optimizers]),
            "curve_spread_theta_par": ("point", [floors.spread(problem, optimizer)[2] for optimizer in optimizers]),
        }
    )
