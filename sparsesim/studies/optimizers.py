"""Optimizers that try to resolve the spectral conflict, compared on one vocabulary: exact, and simulated as written.

Each has a learning rate and at most one number more, and all are tuned alike: for the least exact loss after the last
minibatch. What is simulated is the one-hot problem with its shared minibatches, by optax transformations.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from scipy.optimize import minimize

from sparsesim import outcomes
from sparsesim.comparison import ROUNDING, enough, judge
from sparsesim.figures import optimizers as figures
from sparsesim.figures import style
from sparsesim.outcomes import Details, Outcome
from sparsesim.problems import Embedding
from sparsesim.simulation.driver import Progress
from sparsesim.simulation.embedding import simulate_embedding
from sparsesim.simulation.transformations import heavy_ball, lazy_heavy_ball, scheduled_heavy_ball
from sparsesim.studies.tokens import setting
from sparsesim.sweep import Sweep
from sparsesim.theory import embedding as theory

MOST_TOKENS = 5000  # of a table that is simulated as written
GRID = 9  # starts of a search, each way
WORST = 1e9  # what a loss beyond it counts as

Risks = Callable[[Embedding, float, float, np.ndarray], np.ndarray]
Transformation = Callable[[Embedding, float, float], optax.GradientTransformation]


class Kind(NamedTuple):
    """A family of optimizers: a learning rate eta and a number c."""

    words: str
    setting: str  # of c, in words
    first: tuple[float, float] | None  # between which c is first looked for; None: there is none
    risks: Risks  # exact, (row, time)
    optax: Transformation
    most: float = math.inf  # that c can be


KINDS = {
    "sgd": Kind(
        "plain SGD", "", None,
        lambda of, eta, c, times: theory.risks(of, eta, 1.0, times),
        lambda of, eta, c: heavy_ball(eta, 1.0),
    ),
    "heavy_ball": Kind(
        "one momentum for all", "eps = {:.3g}", (3e-3, 1.0),
        lambda of, eta, c, times: theory.risks(of, eta, min(c, 1.0), times),
        lambda of, eta, c: heavy_ball(eta, min(c, 1.0)), 1.0,
    ),
    "lazy": Kind(
        "lazy momentum, active rows alone", "eps = {:.3g}", (3e-3, 1.0),
        lambda of, eta, c, times: theory.risks(of, eta, min(c, 1.0), times, lazy=True),
        lambda of, eta, c: lazy_heavy_ball(eta, min(c, 1.0)), 1.0,
    ),
    "per_frequency": Kind(
        "momentum by frequency", "eps_j = min(1, {:.3g} p_j)", (0.1, 1e3),
        lambda of, eta, c, times: theory.risks(of, eta, np.minimum(1.0, c * of.p), times),
        lambda of, eta, c: heavy_ball(eta, jnp.asarray(np.minimum(1.0, c * of.p), jnp.float32)[:, None]),
    ),
    "schedule": Kind(
        "momentum that grows with time", "eps_k = min(1, {:.3g}/k)", (0.5, 100.0),
        lambda of, eta, c, times: theory.scheduled_risks(of, eta, lambda k: min(1.0, c / k), times),
        lambda of, eta, c: scheduled_heavy_ball(eta, lambda k: jnp.minimum(1.0, c / k)),
    ),
}  # fmt: skip


def compute(sweep: Sweep, progress: Progress, simulate: object = None) -> xr.Dataset:
    """Losses of all optimizers at their best, with dims (optimizer, token, time).

    `eta` and `setting`, its second number (NaN where it has none), and `words`, its name; `loss` (1/2) sum_j p_j R_j,
    exact, and `loss_simulated` with `loss_std_error` and `loss_z` (NaN where the error is rounding, or few
    trajectories carry the mean); `risk`, R of every token, exact, with `mean` and `std_error`.

    Raises:
        ValueError: the sweep is not one of a vocabulary, the vocabulary is too large to be simulated as written, or a
            value is outside its range.
    """
    found = setting(sweep, "optimizers")
    embedding = found.embedding
    if embedding.p.size > MOST_TOKENS:
        raise ValueError(
            f"vocabulary.size must be at most {MOST_TOKENS} in the study optimizers, got {embedding.p.size}"
        )
    times = sweep.times.of(embedding.row(0), found.optimizer, "minibatch", None)
    progress(0, 2 * len(KINDS))
    parts: list[xr.Dataset] = []
    for number, (name, kind) in enumerate(KINDS.items()):
        eta, c = tuned(kind, embedding, times[-1:])
        progress(2 * number + 1, 2 * len(KINDS))
        simulated = simulate_embedding(
            embedding, kind.optax(embedding, eta, c), times=times, trajectories=sweep.trajectories, seed=sweep.seed
        )
        part = simulated.drop_vars("risk").rename(loss="loss_simulated").assign_coords(optimizer=name)
        R = kind.risks(embedding, eta, c, times)
        part = part.assign(
            risk=(("token", "time"), R),
            loss=("time", 0.5 * embedding.p @ R),
            eta=eta,
            setting=np.nan if kind.first is None else c,
            words=kind.words,
        )
        parts.append(part)
        progress(2 * number + 2, 2 * len(KINDS))
    dataset = xr.concat(parts, "optimizer", data_vars="all", combine_attrs="override")
    return judged(dataset)


def judged(dataset: xr.Dataset) -> xr.Dataset:
    """With the scores of simulated losses, and the verdict on the whole."""
    error, carrying = dataset["loss_std_error"], dataset["loss_effective_sample_size"]
    trajectories = dataset.attrs["trajectories"]
    # Else it is rounding, or few trajectories carry the mean, as in `comparison`.
    random = (error > ROUNDING * dataset["loss"]) & (carrying >= enough(trajectories))
    z = (dataset["loss_simulated"] - dataset["loss"]) / error.where(random)
    lost = np.isfinite(dataset["loss"]) & ~np.isfinite(dataset["loss_simulated"])
    z = z.where(~lost, np.inf)
    bound, verdict = judge(z.values, trajectories)
    return dataset.assign(loss_z=z).assign_attrs(loss_bound=bound, verdict=verdict)


def tuned(kind: Kind, embedding: Embedding, times: np.ndarray) -> tuple[float, float]:
    """The learning rate, and the number c, with the least exact loss at the last of the times."""

    def cost(x: np.ndarray) -> float:
        """Log of the loss at exp(x)."""
        eta, c = math.exp(min(x[0], 300.0)), math.exp(min(x[-1], 300.0)) if len(x) > 1 else 1.0
        with np.errstate(all="ignore"):
            loss = float(embedding.p @ kind.risks(embedding, eta, c, times)[:, -1])
        return math.log(min(loss, WORST)) if loss > 0.0 else math.log(WORST)

    # A loss has several valleys: the search starts from the best point of a grid.
    etas = np.log(float(theory.critical_learning_rate(embedding, 1.0)) * np.geomspace(0.02, 4.0, GRID))
    seconds = [None] if kind.first is None else np.log(np.geomspace(*kind.first, GRID)).tolist()
    starts = [np.array([eta] if second is None else [eta, second]) for eta in etas for second in seconds]
    found = minimize(cost, min(starts, key=cost), method="Nelder-Mead", options={"xatol": 1e-3, "fatol": 1e-6})
    best = np.exp(found.x)
    return float(best[0]), 1.0 if kind.first is None else min(kind.most, float(best[1]))


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Loss against time, and what every token has left."""
    return style.save(figures.optimizers(dataset), folder, "optimizers")


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Every optimizer's numbers and loss."""
    last = dataset.isel(time=-1)
    names = ("eta", "setting", "loss", "loss_simulated", "loss_std_error")
    return {
        **{key: dataset.attrs[key] for key in ("verdict", "d", "B", "label_noise", "trajectories")},
        "types": dataset.sizes["token"],
        "minibatches": int(last["time"]),
        "largest_loss_z": float(abs(dataset["loss_z"]).max()),
        "optimizers": {
            str(name): {key: value for key in names if np.isfinite(value := float(last[key].sel(optimizer=name)))}
            for name in dataset["optimizer"].values
        },
    }


def outcome(dataset: xr.Dataset) -> Outcome:
    """The optimizers, the least loss first."""
    attrs, last = dataset.attrs, dataset.isel(time=-1)
    start = 0.5 * float(dataset["p"].isel(optimizer=0, missing_dims="ignore").sum())
    order = last["optimizer"].values[np.argsort(last["loss"].values)]
    best, sgd, one = (last.sel(optimizer=name) for name in (order[0], "sgd", "heavy_ball"))
    words = (
        f"{dataset.sizes['token']:,} tokens of width {attrs['d']:,} in minibatches of {attrs['B']:,}, label noise "
        f"{attrs['label_noise']:g}, every optimizer tuned for the least loss after {int(last['time']):,} minibatches. "
        f"Least is left by {KINDS[order[0]].words}: {100 * float(best['loss']) / start:.3g}% of the excess loss, "
        f"{float(best['loss'] / sgd['loss']):.3g} times what plain SGD leaves and "
        f"{float(best['loss'] / one['loss']):.3g} times what one momentum for all does."
    )
    table = []
    for name in order:
        of, kind = last.sel(optimizer=name), KINDS[name]
        R = of["risk"].values
        table.append(
            (
                kind.words,
                f"{float(of['eta']):.4g}",
                kind.setting.format(float(of["setting"])),
                f"{100 * float(of['loss']) / start:.3g}%",
                f"{100 * float(of['loss_simulated']) / start:.3g} ± {100 * float(of['loss_std_error']) / start:.1g}%",
                f"{R[0]:.2g}, {R[-1]:.2g}",
            )
        )
    rows = [
        ("trajectories", str(attrs["trajectories"])),
        ("largest |z| of a loss", f"{float(abs(dataset['loss_z']).max()):.2f} (bound {attrs['loss_bound']:.2f})"),
        ("seconds, this run", f"{attrs['seconds']:.1f}"),
        ("verdict", outcomes.verdict(dataset)),
    ]
    columns = ("optimizer", "eta", "momentum", "left", "simulated", "R: first, last token")
    return Outcome("optimizers: who resolves the conflict?", rows, (), words, Details(columns, table))
