"""The critical batch size of a vocabulary: up to which batch do more samples a minibatch save minibatches?

At every batch size the optimizer is the one that takes the fewest minibatches until no token has more than a target of
its squared error left (`theory.target`), without and with momentum. The last token is the most frequent or the
rarest, and both are simulated. The minibatches fall like 1/B and then no more: the bend is where the two asymptotes
meet. The predicted one is that of decay rates, for a target far away; to a near one momentum's two modes of equal decay
are slow at first, and its bend is earlier.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim import outcomes
from sparsesim.comparison import ROUNDING, compare, enough, judge
from sparsesim.figures import critical_batch as figures
from sparsesim.figures import style
from sparsesim.problems import Embedding
from sparsesim.simulation.driver import Progress
from sparsesim.studies import curves
from sparsesim.studies.tokens import setting
from sparsesim.sweep import Simulator, Sweep, Times, run_sweep
from sparsesim.theory import conflict, target
from sparsesim.theory.tuning import Tuned

TUNED = {"best_eta": "eta", "best_eps": "eps", "best_rate": "decay_rate"}
METHODS = ("sgd", "momentum", "fixed")  # "fixed": the best learning rate at the momentum that is given
NAMES = {"sgd": "plain SGD", "momentum": "best momentum", "fixed": "momentum {:.4g}"}
TARGET = 8.0  # e-folds of squared error
# E-folds of a token's own rate, in which it gets there also where two modes of one rate hold it back at first.
HORIZON, RECORDS = 24.0, 400  # so many that of an oscillation some are near its peaks
EQUAL = 0.01  # steps of two tokens that differ by so little are equal


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The simulated and compared tokens, and minibatches to the target by batch size and `optimizer`.

    Those are plain SGD, the best momentum and the given momentum, each at its best learning rate. Adds over (optimizer,
    batch_size) `best_eta`, `best_eps` and `best_rate`; of the slower of two tokens `steps`, simulated (NaN where few
    trajectories carry the mean), with `steps_std_error`, and `steps_exact`, with `steps_z`; over optimizer the `bend`,
    min(B steps) over min(steps), with `bend_std_error`, `bend_exact` and the `critical_batch` of rates.

    Raises:
        ValueError: the sweep is not one of a vocabulary over B alone, or a value is outside its range.
        MemoryError: see `run_sweep`.
    """
    found = setting(sweep, "critical_batch", axes=("B",))
    if len(sweep.axes["B"]) < 2:
        raise ValueError(
            f"the axis B must have at least two values, between which there is a bend, got {sweep.axes['B']}"
        )
    two = conflict.extremes(found.embedding)
    sizes = np.asarray(sweep.axes["B"], dtype=float)
    tuned = {method: _tuned(two, sizes, method, found.optimizer.eps) for method in METHODS}
    cases = {
        f"{method} {i}": {"B": float(B), "eta": tuned[method][i].eta, "eps": tuned[method][i].eps}
        for method in METHODS
        for i, B in enumerate(sizes)
    }
    parameters = {**sweep.parameters, **dict.fromkeys(("B", "eta", "eps", "eta_over_critical", "label_noise"))}
    p, times = np.unique(two.p)[::-1].tolist(), Times(HORIZON, "e_folds", RECORDS)
    swept = replace(sweep, axes={"p": p}, cases=cases, parameters=parameters, times=times, vocabulary=None)
    compared = compare(simulate(swept, progress))
    measured = _measured(compared, sizes)
    bound, verdict = judge(measured["steps_z"].values, sweep.trajectories)
    # The scores of single moments are not what this study is judged by.
    compared.attrs = {key: value for key, value in compared.attrs.items() if not key.startswith("z_")}
    over = ("optimizer", "batch_size")
    best = {name: (over, [[getattr(one, key) for one in tuned[method]] for method in METHODS])
            for name, key in TUNED.items()}  # fmt: skip
    return compared.assign(measured).assign(_predicted(two, found.optimizer.eps)).assign(best).assign_attrs(
        width=two.d,
        given_eps=found.optimizer.eps,
        types=found.vocabulary.size,
        most_frequent=float(two.p.max()),
        rarest=float(two.p.min()),
        samples_per_e_fold=conflict.samples_per_e_fold(two),
        target=TARGET,
        steps_bound=bound,
        verdict=verdict,
    )  # fmt: skip


def _measured(compared: xr.Dataset, sizes: np.ndarray) -> xr.Dataset:
    """Minibatches to the target, their scores and their bends, by optimizer and batch size."""
    each = _steps(compared)
    slower = each.isel(p=_slower(each))
    steps, error, exact = (slower[name].values.reshape(len(METHODS), -1) for name in slower.data_vars)
    bend, bend_error = _bends(sizes, steps, error)
    over = ("optimizer", "batch_size")
    return xr.Dataset(
        {
            "steps": (over, steps),
            "steps_std_error": (over, error),
            "steps_exact": (over, exact),
            "steps_z": (over, (steps - exact) / np.maximum(error, ROUNDING * exact)),
            "bend": ("optimizer", bend),
            "bend_std_error": ("optimizer", bend_error),
            "bend_exact": ("optimizer", _bends(sizes, exact, error)[0]),
        },
        {"optimizer": list(METHODS), "batch_size": sizes},
    )


def _predicted(two: Embedding, eps: float) -> xr.Dataset:
    """What decay rates say, by optimizer: minibatches an e-fold in large batches, and the critical batch size."""
    k, samples = float(two.p.max() / two.p.min()), conflict.samples_per_e_fold(two)
    least = [conflict.large_batch_sgd(k), conflict.large_batch_momentum(k), conflict.large_batch_momentum(k, 1.0 - eps)]
    return xr.Dataset(
        {
            "least_steps_per_e_fold": ("optimizer", least),
            "critical_batch": ("optimizer", [samples / steps if steps > 0.0 else np.inf for steps in least]),
        },
        {"optimizer": list(METHODS)},
    )


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Minibatches and tokens to the target against the batch size."""
    return style.save(figures.critical_batch(dataset), folder, "critical_batch")


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """The bends, measured and predicted, and every number of minibatches."""
    names = ("best_eta", "best_eps", "steps", "steps_std_error", "steps_exact")
    return {
        "verdict": dataset.attrs["verdict"],
        "trajectories": dataset.attrs["trajectories"],
        "largest_steps_z": float(abs(dataset["steps_z"]).max()),
        "types": dataset.attrs["types"],
        "frequency_ratio": dataset.attrs["most_frequent"] / dataset.attrs["rarest"],
        **{
            str(method): {
                **{name: curves.number(float(of[name]))
                   for name in ("bend", "bend_std_error", "bend_exact", "critical_batch")},
                **{name: curves.by_dimension(of[name], "batch_size") for name in names},
            }
            for method, of in ((method, dataset.sel(optimizer=method)) for method in dataset["optimizer"].values)
        },
    }  # fmt: skip


def outcome(dataset: xr.Dataset) -> outcomes.Outcome:
    """The bends in words, and what is best at every batch size."""
    attrs = dataset.attrs
    words = _words(dataset)
    given = f"mu = {1.0 - attrs['given_eps']:.4g}: steps"
    columns = ("batch", "SGD: eta", "steps", "best: eta", "mu", "steps", given)
    table = [
        (
            f"{float(B):.4g}",
            f"{float(one.sel(optimizer='sgd')['best_eta']):.3g}",
            _steps_of(one, "sgd"),
            f"{float(one.sel(optimizer='momentum')['best_eta']):.3g}",
            f"{1.0 - float(one.sel(optimizer='momentum')['best_eps']):.4g}",
            _steps_of(one, "momentum"),
            _steps_of(one, "fixed"),
        )
        for B, one in ((B, dataset.sel(batch_size=B)) for B in dataset["batch_size"].values)
    ]
    rows = [("target", f"every token's squared error down by e^{attrs['target']:g}")]
    for method in METHODS:
        of = dataset.sel(optimizer=method)
        name = NAMES[method].format(1.0 - attrs["given_eps"])
        error = float(of["bend_std_error"] / of["bend"])
        rows += [
            (f"bend, {name}", f"{_size(of['bend'])} ± {error:.1%}, by decay rates {_size(of['critical_batch'])}"),
            ("  of exact instead of simulated steps", _size(of["bend_exact"])),
        ]
    rows += [
        ("trajectories of both tokens", str(attrs["trajectories"])),
        (
            "largest |z| of minibatches",
            f"{float(abs(dataset['steps_z']).max()):.2f} (bound {attrs['steps_bound']:.2f})",
        ),
        ("seconds, this run", f"{attrs['seconds']:.1f}"),
        ("verdict", outcomes.verdict(dataset)),
    ]
    return outcomes.Outcome("critical batch sizes, measured and predicted", rows, (), words,
                          outcomes.Details(columns, table))  # fmt: skip


def _words(dataset: xr.Dataset) -> str:
    """The bends, for a practitioner."""
    attrs, (sgd, momentum) = dataset.attrs, (dataset.sel(optimizer=name) for name in ("sgd", "momentum"))
    ratio = attrs["most_frequent"] / attrs["rarest"]
    if ratio == 1.0:
        return "All tokens are equally frequent: there is no conflict, and no end to what larger batches save."
    later = float(momentum["bend"] / sgd["bend"])
    fewer = float(sgd["steps_exact"].min() / momentum["steps_exact"].min())
    return (
        f"The most frequent of {attrs['types']:,} tokens is {ratio:,.0f} times as frequent as the rarest. Without "
        f"momentum a larger batch saves minibatches up to about {_size(sgd['bend'])} tokens; beyond that the learning "
        "rate cannot grow, for the most frequent token would diverge. With the best momentum it goes on to about "
        f"{_size(momentum['bend'])}, later by a factor of {later:,.0f} (for a target far away by the root of "
        f"{ratio:,.0f}, {ratio**0.5:,.0f}), and takes up to {fewer:,.1f} times fewer minibatches. Momentum saves no "
        "tokens: at small batches both cost the same."
    )


def _tuned(two: Embedding, sizes: np.ndarray, method: str, eps: float) -> list[Tuned]:
    """What gets two tokens to the target in the fewest minibatches, by batch size."""
    found: dict[float, Tuned] = {}
    near = None
    for B in np.sort(sizes)[::-1].tolist():
        own = Embedding(two.p, two.d, int(B))
        if method == "sgd":
            near = conflict.best_sgd(own)  # one mode: the best rate is the best at every target
        elif method == "momentum":
            near = target.fewest_steps(own, TARGET, near)
        else:
            near = target.fewest_steps_at(own, TARGET, eps, near)
        found[B] = near
    return [found[B] for B in sizes.tolist()]


def _bends(sizes: np.ndarray, steps: np.ndarray, error: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where the asymptotes of minibatches against the batch size meet, (optimizer,), and the error of that."""
    # What is not measured cannot be an end of the curve.
    samples, shown = (np.where(np.isnan(steps), np.inf, values) for values in (sizes * steps, steps))
    bend = np.min(samples, axis=1) / np.min(shown, axis=1)
    ends = [np.argmin(values, axis=1)[:, None] for values in (samples, shown)]
    return bend, bend * np.hypot(*(np.take_along_axis(error / steps, end, axis=1)[:, 0] for end in ends))


def _steps(compared: xr.Dataset) -> xr.Dataset:
    """Minibatches to the target over (case, p), simulated and of the exact moments at the same records.

    Those simulated are NaN where few trajectories carry the mean: what is next to its frontier has heavy tails.
    """
    times = compared["clock_time"].transpose("case", "p", "time").values
    of = compared[["mean", "std_error", "exact"]].sel(moment="R").transpose("case", "p", "time")
    mean, error, exact = (of[name].values for name in ("mean", "std_error", "exact"))

    def taken(R: np.ndarray) -> np.ndarray:
        """Until R stays below the target."""
        return target.crossing(np.log(np.maximum(R, 1e-300)) + TARGET, times)

    steps, late, early = taken(mean), taken(mean + error), taken(mean - error)
    carrying = compared["effective_sample_size"].sel(moment="R").transpose("case", "p", "time").values
    there = np.abs(times - taken(exact)[..., None]).argmin(axis=-1)[..., None]
    few = np.take_along_axis(carrying, there, axis=-1)[..., 0] < enough(compared.attrs["trajectories"])
    found = {"steps": np.where(few, np.nan, steps), "steps_std_error": np.where(few, np.nan, 0.5 * (late - early)),
             "steps_exact": taken(exact)}  # fmt: skip
    return xr.Dataset({name: (("case", "p"), values) for name, values in found.items()})


def _slower(each: xr.Dataset) -> xr.DataArray:
    """The token that decides; of two that take equally long, as by plain SGD beyond the bend, one that is measured."""
    exact, last = each["steps_exact"], each["steps_exact"].max("p")
    decides = exact.where((exact >= (1.0 - EQUAL) * last) & each["steps"].notnull(), -1.0)
    return decides.where(decides.max("p") > 0.0, exact).argmax("p")


def _size(value: xr.DataArray) -> str:
    return f"{float(value):.3g}"


def _steps_of(dataset: xr.Dataset, method: str) -> str:
    """Simulated minibatches with their error, for a reader."""
    of = dataset.sel(optimizer=method)
    value, error = float(of["steps"]), float(of["steps_std_error"])
    if np.isnan(value):
        return f"exact {float(of['steps_exact']):,.0f}"
    if value >= 1e6:
        return f"{value:.4g} ± {error / value:.2%}"
    return f"{value:,.0f} ± {error:,.0f}" if error >= 0.5 else f"{value:,.1f}"
