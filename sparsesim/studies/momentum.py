"""Is momentum worth it? Decay rate and sample cost of one problem over the plane of learning rate and momentum.

Nothing is simulated: rates, frontier and optima are closed forms of `theory.stability`, `frontier` and `tuning`.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim.figures import momentum as figures
from sparsesim.figures import style
from sparsesim.outcomes import Outcome
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.simulation.driver import Progress
from sparsesim.studies import checks
from sparsesim.sweep import Sweep, make_cell
from sparsesim.theory import frontier, phases, stability, tuning

FREE = 1.1  # momentum that costs at most so many times the samples of plain SGD counts as free


def compute(sweep: Sweep, progress: Progress, simulate: object = None) -> xr.Dataset:
    """Rates and costs with dims (eta, eps), and what is best at every eps.

    A rate below 0 is that of growth; the cost is infinite there. `speed_ratio` is the rate over that of plain SGD at
    the same learning rate, NaN where plain SGD is unstable.

    Raises:
        ValueError: the axes are not eta and eps, another value would replace one of them, or a value is outside its
            range.
    """
    checks.axes(sweep, "momentum", ("eta", "eps"))
    checks.absent(sweep, ("eta", "eta_over_critical", "kappa"), "eta is an axis of the study momentum")
    checks.absent(sweep, ("eps",), "eps is an axis of the study momentum")
    shared = {name: value for name, value in sweep.parameters.items() if value is not None}
    problem = make_cell({**shared, "eta": 1.0, "eps": 1.0}).problem
    assert isinstance(problem, LeastSquares)  # the studies of logistic regression are others
    grid = [[HeavyBall(eta, eps) for eps in sweep.axes["eps"]] for eta in sweep.axes["eta"]]
    progress(0, len(grid))
    variables = {name: [] for name in ("decay_rate", "feedback", "stiffness", "speed_ratio")}
    for done, row in enumerate(grid, start=1):
        rates = [stability.decay_rate(problem, optimizer) for optimizer in row]
        plain = stability.decay_rate(problem, HeavyBall(row[0].eta, 1.0))
        variables["decay_rate"].append(rates)
        variables["speed_ratio"].append([rate / plain if plain > 0.0 else np.nan for rate in rates])
        variables["feedback"].append([stability.feedbacks(problem, optimizer).total for optimizer in row])
        variables["stiffness"].append([phases.stiffness(problem, optimizer) for optimizer in row])
        progress(done, len(grid))
    axes = {name: np.asarray(sweep.axes[name], dtype=float) for name in ("eta", "eps")}
    dataset = xr.Dataset({name: (("eta", "eps"), values) for name, values in variables.items()}, axes)
    per_eps = _best(problem, axes["eps"])
    dataset = dataset.assign({name: ("eps", values) for name, values in per_eps.items()})
    dataset["sample_cost"] = (problem.p * problem.B / dataset["decay_rate"]).where(dataset["decay_rate"] > 0, np.inf)
    low, high = dataset["oscillation_low"], dataset["oscillation_high"]
    dataset["oscillates"] = ((dataset["eta"] >= low) & (dataset["eta"] <= high)).transpose("eta", "eps")
    best, plain = dataset.isel(eps=int(np.argmax(per_eps["best_decay_rate"]))), tuning.best_momentum(problem)
    attrs = {
        "verdict": "computed",
        **{name: getattr(problem, name) for name in ("d", "p", "B")},
        "best_eta": float(best["best_eta"]),
        "best_eps": float(best["eps"]),
        "best_decay_rate": float(best["best_decay_rate"]),
        "best_sample_cost": float(best["best_sample_cost"]),
        "sgd_eta": plain.eta,
        "sgd_decay_rate": plain.decay_rate,
        "sgd_sample_cost": tuning.least_sample_cost(problem),
    }
    return dataset.assign_attrs(attrs)


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """The plane, and what is best at every momentum."""
    drawn = {"momentum": figures.momentum(dataset), "momentum_best": figures.momentum_best(dataset)}
    return [path for name, figure in drawn.items() for path in style.save(figure, folder, name)]


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """The problem, the best momentum, and plain SGD beside it."""
    ratio = dataset.attrs["best_sample_cost"] / dataset.attrs["sgd_sample_cost"]
    fastest = _fastest(dataset)
    stable = float((dataset["feedback"] < 1.0).mean())
    return {
        **dataset.attrs,
        "cost_over_sgd": ratio,
        "free_down_to_eps": _free(dataset),
        "share_stable": stable,
        "largest_speed_ratio": None if fastest is None else fastest[0],
    }


def outcome(dataset: xr.Dataset) -> Outcome:
    """The best momentum, what plain SGD takes, and how much momentum is free."""
    attrs = dataset.attrs
    ratio, free = attrs["best_sample_cost"] / attrs["sgd_sample_cost"], _free(dataset)
    gain = "no eta on the axis is at most plain SGD's best"
    if fastest := _fastest(dataset):
        gain = "{:.3g} times plain SGD's rate, at eta = {:.4g}, eps = {:.4g}".format(*fastest)
    rows = [
        ("problem", f"d = {attrs['d']}, p = {attrs['p']:.4g}, B = {attrs['B']}"),
        ("plane that is stable", f"{float((dataset['feedback'] < 1.0).mean()):.0%}"),
        (
            "best on the axis eps",
            f"eps = {attrs['best_eps']:.4g} (mu = {1 - attrs['best_eps']:.4g}) at eta = {attrs['best_eta']:.4g}",
        ),
        ("  decay rate per minibatch", f"{attrs['best_decay_rate']:.4g}"),
        ("  active samples per factor e", f"{attrs['best_sample_cost']:.6g}"),
        ("plain SGD, eps = 1", f"best at eta = {attrs['sgd_eta']:.4g}"),
        ("  decay rate per minibatch", f"{attrs['sgd_decay_rate']:.4g}"),
        ("  active samples per factor e", f"{attrs['sgd_sample_cost']:.6g}"),
        ("most gained at one eta", gain),
        ("best momentum over plain SGD", f"{ratio:.4g} times the samples: one feature never saves any"),
        (
            f"momentum within {FREE - 1:.0%} of SGD",
            "nowhere on the axis" if free is None else f"down to eps = {free:.4g} (mu up to {1 - free:.4g})",
        ),
    ]
    return Outcome("momentum: is it worth it for one feature?", rows)


def _best(problem: LeastSquares, eps: np.ndarray) -> dict[str, list[float]]:
    """What depends on the momentum alone: the best learning rate and its fruits, the frontier, the cost's limits."""
    values = eps.tolist()
    tuned = [tuning.best_learning_rate(problem, value) for value in values]
    scales = [tuning.sample_cost_scales(problem, value) for value in values]
    window = [frontier.oscillation_window(problem, value) for value in values]
    return {
        "best_eta": [best.eta for best in tuned],
        "best_decay_rate": [best.decay_rate for best in tuned],
        "best_sample_cost": [problem.p * problem.B / best.decay_rate for best in tuned],
        "critical_eta": [stability.critical_learning_rate(problem, value) for value in values],
        "oscillation_low": [low for low, _ in window],
        "oscillation_high": [high for _, high in window],
        "stability_cost": [scale.stability for scale in scales],
        "memory_cost": [scale.memory for scale in scales],
        "limit_cost": [scale.limit for scale in scales],
        "rate_cap": [stability.retention_cap(value) for value in values],
    }


def _free(dataset: xr.Dataset) -> float | None:
    """The smallest eps at which the best learning rate costs hardly more than plain SGD; None where there is none."""
    cheap = dataset["eps"].values[dataset["best_sample_cost"].values <= FREE * dataset.attrs["sgd_sample_cost"]]
    return float(cheap.min()) if cheap.size else None


def _fastest(dataset: xr.Dataset) -> tuple[float, float, float] | None:
    """The largest speed ratio, and the (eta, eps) where it is; None where there is none.

    Only up to the best learning rate of plain SGD: beyond it, anything is fast beside an optimizer about to diverge.
    """
    ratio = dataset["speed_ratio"].where(dataset["eta"] <= dataset.attrs["sgd_eta"]).transpose("eta", "eps")
    if ratio.isnull().all():
        return None
    i, j = np.unravel_index(int(np.nanargmax(ratio.values)), ratio.shape)
    return float(ratio[i, j]), float(ratio["eta"][i]), float(ratio["eps"][j])
