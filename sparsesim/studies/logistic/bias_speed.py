"""Bias against speed: the excess risk where noise holds it, and the rate at which it is reached, as momentum grows.

The paper sees a trade-off that momentum opens above resonance: slower, and closer to the optimum. Two families of cells
along delta take it apart. Where the learning rate follows the prescription, which above resonance is eta = eps/p, both
floor and rate fall with eps. Where it stays, the floor stays and the rate alone falls, as eps/2: momentum costs speed
and buys nothing, and what lowers the floor is the smaller learning rate. SGD without momentum at that learning rate has
the same floor, and momentum makes it faster by less than a factor of two, where it is critically damped.
"""

import math
from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim import outcomes, references
from sparsesim.comparison import compare
from sparsesim.figures import style
from sparsesim.figures.logistic import bias_speed as pictures
from sparsesim.problems import HeavyBall, RareClassLogistic
from sparsesim.simulation.driver import Progress
from sparsesim.studies import checks
from sparsesim.studies.logistic import floors
from sparsesim.sweep import CASE, Simulator, Sweep, run_sweep
from sparsesim.theory import logistic

POINTS = 31  # of a curve over learning rates
BELOW, ABOVE = 3.0, 30.0  # how far it goes beyond those of the cells
NEAR = 1.4  # e-folds after which the way to a fixed point is that of the linear map
CLEAR = 5.0  # standard errors by which what is measured stands out


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The cells of `settled`, and what all learning rates would give.

    Returns:
        Beside those, along `point`, learning rates up to the lower of the true ceilings: `curve_rate` and
        `curve_excess_risk` by delta, `plain_rate` and `plain_excess_risk` of SGD without momentum.

    Raises:
        ValueError: see `settled`.
        MemoryError: see `run_sweep`.
    """
    dataset, problem = settled(sweep, progress, simulate)
    low, high = float(dataset["eta"].min()) / BELOW, float(dataset["eta"].max()) * ABOVE
    *curves, plain = (_curve(problem, eps, low, high) for eps in (*dataset["eps"].isel({CASE: 0}).values.tolist(), 1.0))
    return dataset.assign(
        curve_rate=(("delta", "point"), [rates for rates, _ in curves]),
        curve_excess_risk=(("delta", "point"), [risks for _, risks in curves]),
        plain_rate=("point", plain[0]),
        plain_excess_risk=("point", plain[1]),
    )


def settled(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> tuple[xr.Dataset, RareClassLogistic]:
    """The simulated and compared cells and where they settle, and their problem.

    Returns:
        Over (case, delta) beside what is compared: what `floors.floors` says; `excess_risk` of the last means of
        theta_par and R with `excess_risk_std_error`, and `fixed_excess_risk` at the exact fixed point.

    Raises:
        ValueError: the sweep is not of cases over delta, or their problem is not one.
        MemoryError: see `run_sweep`.
    """
    if not sweep.cases:
        raise ValueError("sweep.cases must name at least one case in the study bias_speed, got none")
    checks.axes(sweep, "bias_speed", ("delta",), cases=True)
    problems = {cell.problem for cell in sweep.cells()}
    if len(problems) > 1:
        raise ValueError(f"the cases of the study bias_speed must be of one problem, got {len(problems)}")
    (problem,) = problems
    assert isinstance(problem, RareClassLogistic)
    dataset = compare(simulate(sweep, progress)).sortby("delta")
    dataset = dataset.assign(floors.floors(dataset))
    dataset = dataset.assign(_excess_risks(problem, dataset))
    if dataset.attrs["verdict"] == "agrees" and bool(floors.wrong(dataset).any()):
        dataset.attrs["verdict"] = "disagrees"
    return dataset, problem


def rates(dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """Rates at which simulated cells approach their fixed points, in the second half of their time.

    Above resonance the signal turns around the optimum and its distance has no slope; the slowest mode of the exact
    recursion has one everywhere.

    Args:
        dataset: compared cells that start away from their fixed points.

    Returns:
        Over its cells `measured_rate` per minibatch, `measured_rate_std_error`, at most, and `recursion_rate`, that of
        the exact recursion over the same time; NaN where the cell is not near yet, or noise has the better of the mode.
    """
    half = dataset.sizes["time"] // 2
    dims = dataset["verdict"].dims
    names = ("measured_rate", "measured_rate_std_error", "recursion_rate")
    found = {name: np.full(dataset["verdict"].shape, np.nan) for name in names}
    for index, problem, optimizer in references.cells(dataset):
        own = dataset.isel({**dict(zip(dims, index, strict=True)), "time": [half, -1]}).sel(
            moment=list(problem.moments)
        )
        mode = floors.slowest_mode(problem, optimizer)
        state, bias = floors.fixed_point(problem, optimizer)[0], floors.settled(problem, optimizer).bias
        mean, noise, exact = (
            own[name].transpose("time", "moment").values for name in ("mean", "std_error", "exact")
        )  # fmt: skip
        away, expected = abs((mean - state - bias) @ mode), abs((exact - state) @ mode)
        noise = noise @ abs(mode)  # as if all moved together
        begin, end = own["clock_time"].values.tolist()
        if (away > CLEAR * noise).all() and begin * floors.decay_rate(problem, optimizer) > NEAR:
            values = math.log(away[0] / away[1]), math.hypot(*(noise / away)), math.log(expected[0] / expected[1])
            for name, value in zip(names, values, strict=True):
                found[name][index] = value / (end - begin)
    return {name: xr.DataArray(values, dims=dims) for name, values in found.items()}


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Excess risk at the floor against the rate, along momentum."""
    return style.save(pictures.bias_speed(dataset), folder, "bias_speed")


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Verdicts and scores, and by case how floor and rate change along delta."""
    return {
        **outcomes.summary(dataset),
        "settled": int(dataset["floor_z"].notnull().sum()),
        "cases": {
            str(case): {
                name: dataset[name].sel({CASE: case}).values.tolist()
                for name in ("eps", "eta", "excess_risk", "excess_risk_std_error", "fixed_excess_risk", "fixed_rate")
            }
            for case in dataset[CASE].values
        },
    }


def outcome(dataset: xr.Dataset) -> outcomes.Outcome:
    """Case by case the floor and the rate along delta, before the comparison of the moments."""
    compared = outcomes.comparison(dataset)
    rows = []
    for case in dataset[CASE].values:
        rows.append((f"{case}: delta, eps, eta", "excess risk at the end, simulated | exact floor, rate over eps/2"))
        for delta in dataset["delta"].values:
            cell = dataset.sel({CASE: case, "delta": delta})
            floor, error, exact = (
                float(cell[name]) for name in ("excess_risk", "excess_risk_std_error", "fixed_excess_risk")
            )
            rate = f"{2.0 * float(cell['fixed_rate'] / cell['eps']):.3g}"
            mark = "" if bool(cell["floor_z"].notnull()) else ", not settled"
            name = f"  {delta:.3g}, {float(cell['eps']):.2g}, {float(cell['eta']):.2g}"
            rows.append((name, f"{floor:.4g} ± {error:.1g} | {exact:.4g}, {rate}{mark}"))
    return outcomes.Outcome(
        "bias and speed: what momentum does to the floor and to the rate",
        [*rows, *floors.rows(dataset), *compared.rows],
        [*compared.remarks, *floors.remarks(dataset)],
    )


def _excess_risks(problem: RareClassLogistic, dataset: xr.Dataset) -> dict[str, xr.DataArray]:
    """Excess risk of the last means, its standard error by its slopes, and that of the exact fixed point."""
    end = dataset.isel(time=-1)
    known = end["mean"].notnull().all("moment")  # not of a cell that failed or overflowed
    theta_par, R = (end["mean"].sel(moment=name, drop=True).where(known, 1.0) for name in ("theta_par", "R"))
    errors = [end["std_error"].sel(moment=name, drop=True) for name in ("theta_par", "R")]
    c = logistic.coefficients(problem, theta_par.values, R.values)
    slopes = c.A * theta_par - c.b * problem.r, 0.5 * c.A  # in theta_par and in R
    variance = (slopes[0] * errors[0]) ** 2 + (slopes[1] * errors[1]) ** 2
    fixed = dataset["fixed_theta_par"], dataset["fixed_R"]
    return {
        "excess_risk": theta_par.copy(data=logistic.excess_risk(problem, theta_par.values, R.values)).where(known),
        "excess_risk_std_error": theta_par.copy(data=np.sqrt(np.asarray(variance))),
        "fixed_excess_risk": fixed[0].copy(data=logistic.excess_risk(problem, *(values.values for values in fixed))),
    }


def _curve(problem: RareClassLogistic, eps: float, low: float, high: float) -> tuple[np.ndarray, np.ndarray]:
    """Rates and excess risks of fixed points at learning rates up to the ceiling; NaN where one is unstable."""
    high = min(high, logistic.critical_learning_rate(problem, eps))
    found = np.full((2, POINTS), np.nan)
    for i, eta in enumerate(np.geomspace(low, high, POINTS).tolist()):
        optimizer = HeavyBall(eta, eps)
        state, rate = floors.fixed_point(problem, optimizer)[0], floors.decay_rate(problem, optimizer)
        if rate > 0.0:
            found[:, i] = rate, logistic.excess_risk(problem, state[0], state[2])
    return found[0], found[1]
