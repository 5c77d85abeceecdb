"""The spectral conflict: a whole vocabulary under one learning rate and one momentum, simulated and exact.

Every token is a cell of its own, exact in law by itself; that tokens share minibatches changes the law of sums over
them, and no mean. Curves are of tenths of the text: tokens in falling order of frequency, a tenth of all mass each.
"""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim import outcomes
from sparsesim.comparison import compare, judge
from sparsesim.figures import style
from sparsesim.figures import vocabulary as figures
from sparsesim.outcomes import Outcome
from sparsesim.problems import Embedding, HeavyBall
from sparsesim.simulation.driver import Progress
from sparsesim.studies import answer
from sparsesim.studies.tokens import Setting, setting
from sparsesim.sweep import Simulator, Sweep, run_sweep
from sparsesim.theory import embedding as theory
from sparsesim.vocabulary import Advice, Choice, Losses, advise, changes, spectral_conflict
from sparsesim.vocabulary import summary as summarised

TENTHS = 10
FINE, CURVE, EVERY = 300, 100, 400  # frequencies and times of a curve, and how many minibatches are all among them
PLANE = 49  # points of the plane of learning rate and momentum, each way
SHORTEST = 1e-4  # momentum decay there
# Of what is left of a band's loss: carried by tokens whose simulated means can be relied on.
TRUSTED = 0.99
KEPT = ("mean", "std_error", "effective_sample_size", "exact", "z", "trusted")


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """What becomes of every token, exact and simulated, and what would be better.

    Over `token` that of `spectral_conflict`; over (`frequency`, `time`), the distinct frequencies, the simulated and
    compared R, with the number of `tokens` of each; over (`band`, `time`) the mean of R in a tenth of the text,
    weighed by frequency: `loss` exact and `loss_simulated` with `loss_std_error`, `loss_z` and whether it is
    `loss_judged`, and over `band` alone what is in it; over (`plane_eps`, `plane_eta`) the `plane_loss` after the last
    minibatch, as a share of the first; over `choice` what would be better (`Advice`); and the changes of
    `vocabulary.changes`.

    Raises:
        ValueError: the sweep is not one of a vocabulary, or a value is outside its range.
        MemoryError: see `run_sweep`.
    """
    found = setting(sweep, "vocabulary")
    vocabulary, embedding, optimizer = found
    p, tokens = vocabulary.distinct()
    parameters = {**sweep.parameters, "eta": optimizer.eta, "eta_over_critical": None}
    times = replace(sweep.times, records=min(sweep.times.records, math.ceil(sweep.times.horizon)))
    swept = replace(sweep, axes={"p": p.tolist()}, parameters=parameters, times=times)
    compared = compare(simulate(swept, progress))
    minibatches = int(compared["time"][-1])
    conflict = spectral_conflict(
        vocabulary, embedding.d, embedding.B, optimizer, label_noise=embedding.label_noise, minibatches=minibatches
    )
    simulated = compared[[*KEPT, "status"]].sel(moment="R", drop=True)
    simulated = simulated.drop_vars(set(simulated.coords) - {"p", "time"})
    simulated = simulated.rename(p="frequency").assign(tokens=("frequency", tokens))
    bands, width = _bands(simulated), max(2, embedding.d)
    advice = advise(vocabulary, embedding.d, embedding.B, minibatches, label_noise=embedding.label_noise)
    about = {
        key: value for key, value in compared.attrs.items() if key not in ("z_fraction_bound", "z_bound", "z_largest")
    }
    changed = changes(vocabulary, width, embedding.B).rename(size="changed_size", d="changed_d", B="changed_B")
    parts = [
        conflict,
        simulated,
        bands,
        _curves(simulated, embedding, optimizer),
        _plane(found, minibatches),
        _choices(advice),
        changed,
    ]
    dataset = xr.merge(parts, combine_attrs="drop")
    fit = {} if vocabulary.size < 2 else dict(zip(("zipf_exponent", "zipf_std_error"), vocabulary.fit(), strict=False))
    bound, verdict = judge(bands["loss_z"].where(bands["loss_judged"]).values, sweep.trajectories)
    return dataset.assign_attrs(
        {**about, **conflict.attrs, **fit},
        unseen=vocabulary.unseen,
        critical_batch_sgd=advice.critical_batch_sgd,
        critical_batch=advice.critical_batch,
        loss_bound=bound,
        verdict=verdict,
    )


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """The spectrum in the phase plane, learning curves, loss over the optimizers, sparsity under changes."""
    drawn = {} if dataset.attrs["d"] == 1 else {"vocabulary_spectrum": figures.spectrum(dataset)}  # its axes need ln d
    drawn |= {
        "vocabulary_learning": figures.learning(dataset),
        "vocabulary_loss": figures.loss(dataset),
        "vocabulary_sparsity": figures.sparsity(dataset),
    }
    return [path for name, figure in drawn.items() for path in style.save(figure, folder, name)]


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """The summary of the conflict, losses, and what would be better."""
    about, attrs = summarised(dataset), dataset.attrs
    keys = ("verdict", "d", "B", "eta", "eps", "label_noise", "minibatches", "trajectories", "zipf_exponent",
            "zipf_std_error", "unseen", "seconds", "z_count", "z_fraction", "z_fraction_std_error")  # fmt: skip
    choices = dataset.drop_dims([dim for dim in dataset.dims if dim != "choice"])
    return {
        **{key: attrs[key] for key in keys if key in attrs},
        "types": dataset.sizes["token"],
        "resonance": about.resonance,
        "sides": {side: share._asdict() for side, share in about.sides.items()},
        "batches": {batch: share._asdict() for batch, share in about.batches.items()},
        "unstable": about.unstable,
        "critical_eta": about.critical_eta,
        "slowest": about.slowest,
        "slowest_rate": about.slowest_rate,
        "exponents": {"alpha": list(about.alpha), "beta": about.beta, "delta": about.delta},
        "loss_left": answer.left(dataset),
        "largest_loss_z": _largest(dataset),
        "better": {
            str(choice): {str(name): float(of) for name, of in choices.sel(choice=choice).data_vars.items()}
            for choice in choices["choice"].values
        },
        "critical_batch": {"sgd": attrs["critical_batch_sgd"], "momentum": attrs["critical_batch"]},
    }


def outcome(dataset: xr.Dataset) -> Outcome:
    """A paragraph, tenth by tenth what happens to it, and what would be better."""
    attrs = dataset.attrs
    rows = [
        *answer.rows(dataset),
        ("trajectories of every token", str(attrs["trajectories"])),
        ("largest |z| of a tenth's loss", f"{_largest(dataset):.2f} (bound {attrs['loss_bound']:.2f})"),
        ("single tokens with |z| < 1.96", f"{attrs['z_fraction']:.4f} of {attrs['z_count']:,} comparisons"),
        ("seconds, this run", f"{attrs['seconds']:.1f}"),
        ("verdict", outcomes.verdict(dataset)),
    ]
    return Outcome("vocabulary: what would be better, and is it simulated right?", rows, _remarks(dataset),
                   answer.words(dataset), answer.table(dataset))  # fmt: skip


def _tenths(simulated: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The tenth of the text of every frequency, from 0, the most frequent first; and the mass of each frequency."""
    mass = simulated["frequency"].values * simulated["tokens"].values
    return np.minimum((TENTHS * (np.cumsum(mass) - 0.5 * mass) / mass.sum()).astype(int), TENTHS - 1), mass


def _bands(simulated: xr.Dataset) -> xr.Dataset:
    """The losses of the tenths that have a token; equal frequencies are not parted."""
    tokens, (band, mass) = simulated["tokens"].values, _tenths(simulated)
    present, place = np.unique(band, return_inverse=True)
    total = np.bincount(place, mass)
    weight = (mass / total[place])[:, None]
    last = np.cumsum(np.bincount(place, tokens)).astype(int)
    exact, mean = (_summed(place, weight * simulated[name].values) for name in ("exact", "mean"))
    error = _summed(place, (weight * simulated["std_error"].values) ** 2) ** 0.5
    trusted = _summed(place, np.where(simulated["trusted"], weight * simulated["exact"].values, 0.0))
    wrong = _summed(place, np.isinf(simulated["z"].values) & simulated["trusted"].values) > 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(wrong, np.inf, (mean - exact) / error)
        judged = wrong | (trusted >= TRUSTED * exact) & np.isfinite(exact)
    over = ("band", "time")
    return xr.Dataset(
        {
            "loss": (over, exact),
            "loss_simulated": (over, mean),
            "loss_std_error": (over, error),
            "loss_z": (over, z),
            "loss_judged": (over, judged),
            "band_mass": ("band", total / mass.sum()),
            "band_first": ("band", np.concatenate([[1], last[:-1] + 1])),
            "band_last": ("band", last),
        },
        {"band": present + 1},
    )


def _summed(place: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Values (token, time) added up by their tokens' places: one that is infinite leaves the others alone."""
    return np.stack([np.bincount(place, column) for column in values.T], axis=-1)


def _curves(simulated: xr.Dataset, embedding: Embedding, optimizer: HeavyBall) -> xr.Dataset:
    """The exact losses of the tenths between the recordings, tokens of nearly equal frequency as one."""
    p, (band, mass) = simulated["frequency"].values, _tenths(simulated)
    logs = np.log(p[0] / p) / max(1e-12, np.log(p[0] / p[-1]))
    key = band * (FINE + 1) + (FINE * logs).astype(int)
    _, place = np.unique(key, return_inverse=True)
    weight, p_weight = np.bincount(place, mass), np.bincount(place, mass * p)
    of, first = np.unique(band, return_inverse=True)
    owner = np.zeros(weight.size, int)
    owner[place] = first
    last = max(1, int(simulated["time"][-1]))
    # Every minibatch of a short run, for tokens oscillate; of a long one those at its beginning.
    grid = [np.arange(1, min(last, EVERY) + 1), np.rint(np.geomspace(1, last, CURVE))]
    times = np.unique(np.concatenate(grid).astype(int))
    rows = Embedding(p_weight / weight, embedding.d, embedding.B, embedding.label_noise)
    R = theory.risks(rows, optimizer.eta, optimizer.eps, times)
    total = _summed(owner, weight[:, None] * R)
    return xr.Dataset(
        {"curve": (("band", "curve_time"), total / np.bincount(owner, weight)[:, None])},
        {"band": of + 1, "curve_time": times},
    )


def _plane(found: Setting, minibatches: int) -> xr.Dataset:
    """The loss over learning rate and momentum, as a share of what it is at the start."""
    embedding = found.embedding
    losses = Losses(found.vocabulary, embedding.d, embedding.B, embedding.label_noise)
    eps = np.geomspace(min(SHORTEST, 0.5 * found.optimizer.eps), 1.0, PLANE)
    critical = theory.critical_learning_rate(losses.embedding, eps[:, None])
    eta = np.geomspace(1e-3 * critical.min(), 3.0 * critical.max(), PLANE)
    loss = 2.0 * np.stack([losses.at(eta, decay, [minibatches])[:, 0] for decay in eps.tolist()])
    loss = np.where(eta < critical[:, None], loss, np.nan)
    return xr.Dataset(
        {"plane_loss": (("plane_eps", "plane_eta"), loss), "plane_critical": ("plane_eps", critical)},
        {"plane_eps": eps, "plane_eta": eta},
    )


def _choices(advice: Advice) -> xr.Dataset:
    """What would be better, over those choices that there are."""
    found = {name: choice for name in answer.CHOICES if (choice := getattr(advice, name)) is not None}
    shares = ("loss", "floor")  # of what there is at the start, 1/2
    return xr.Dataset(
        {
            f"choice_{field}": ("choice", [(1 + (field in shares)) * getattr(one, field) for one in found.values()])
            for field in Choice._fields
        },
        {"choice": list(found)},
    )


def _largest(dataset: xr.Dataset) -> float:
    """The largest |z| of a judged loss; NaN where none is."""
    z = abs(dataset["loss_z"]).where(dataset["loss_judged"])
    return float(z.max()) if z.notnull().any() else float("nan")


def _remarks(dataset: xr.Dataset) -> list[str]:
    """Losses that disagree."""
    z, bound = dataset["loss_z"].where(dataset["loss_judged"]), dataset.attrs["loss_bound"]
    points = [dataset.isel(band=i, time=j) for i, j in np.argwhere(abs(z.values) > bound)[:TENTHS]]
    return [
        f"disagrees in tenth {int(point['band'])} after {float(point['time']):g} minibatches: simulated "
        f"{float(point['loss_simulated']):.6g} ± {float(point['loss_std_error']):.2g}, exact {float(point['loss']):.6g}"
        for point in points
    ]
