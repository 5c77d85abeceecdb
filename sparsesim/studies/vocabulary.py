"""The spectral conflict: a whole vocabulary under one learning rate and one momentum, simulated and exact.

Every token is a cell of its own, exact in law by itself; that tokens share minibatches changes the law of sums over
them, and no mean. Curves are of tenths of the text: tokens in falling order of frequency, a tenth of all mass each.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import xarray as xr
from scipy import stats

from sparsesim import report
from sparsesim.comparison import FALSE_ALARM, compare
from sparsesim.figures import style
from sparsesim.figures import vocabulary as figures
from sparsesim.problems import Embedding, HeavyBall
from sparsesim.report import Details, Outcome
from sparsesim.simulation.driver import Progress
from sparsesim.studies import curves
from sparsesim.studies.tokens import Setting, setting
from sparsesim.sweep import Simulator, Sweep, run_sweep
from sparsesim.theory import embedding as theory
from sparsesim.vocabulary import Advice, Choice, Losses, Share, advise, changes, spectral_conflict
from sparsesim.vocabulary import summary as summarised

TENTHS = 10
FINE, CURVE = 300, 60  # frequencies and times of a curve
PLANE = 49  # points of the plane of learning rate and momentum, each way
SHORTEST = 1e-4  # momentum decay there
# Of what is left of a band's loss: carried by tokens whose simulated means can be relied on.
TRUSTED = 0.99
CHOICES = ("slowest_sgd", "slowest", "loss_sgd", "loss", "equal_floor")
COLUMNS = ("tenth of text", "by rank", "in a batch", "resonance", "1/rate", "left", "simulated")
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
    compared = compare(simulate(replace(sweep, axes={"p": p.tolist()}, parameters=parameters), progress))
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
    bound = _bound(bands, sweep.trajectories)
    largest = _largest(bands)
    return dataset.assign_attrs(
        {**about, **conflict.attrs, **fit},
        unseen=vocabulary.unseen,
        critical_batch_sgd=advice.critical_batch_sgd,
        critical_batch=advice.critical_batch,
        loss_bound=bound,
        verdict="untested" if np.isnan(largest) else "disagrees" if largest > bound else "agrees",
    )


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """The spectrum in the phase plane, learning curves, loss over the optimizers, sparsity under changes."""
    drawn = {
        "vocabulary_spectrum": figures.spectrum(dataset),
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
    about_run = {key: attrs[key] for key in keys if key in attrs}
    choices = dataset.drop_dims([dim for dim in dataset.dims if dim != "choice"])
    return {
        **{key: curves.number(value) if isinstance(value, float) else value for key, value in about_run.items()},
        "types": dataset.sizes["token"],
        "resonance": about.resonance,
        "sides": {side: share._asdict() for side, share in about.sides.items()},
        "batches": {batch: share._asdict() for batch, share in about.batches.items()},
        "unstable": about.unstable,
        "critical_eta": about.critical_eta,
        "slowest": about.slowest,
        "slowest_rate": about.slowest_rate,
        "exponents": {"alpha": list(about.alpha), "beta": about.beta, "delta": about.delta},
        "loss_left": _left(dataset),
        "largest_loss_z": curves.number(_largest(dataset)),
        "better": {
            str(choice): {
                str(name): curves.number(float(of)) for name, of in choices.sel(choice=choice).data_vars.items()
            }
            for choice in choices["choice"].values
        },
        "critical_batch": {
            "sgd": curves.number(attrs["critical_batch_sgd"]),
            "momentum": curves.number(attrs["critical_batch"]),
        },
    }


def outcome(dataset: xr.Dataset) -> Outcome:
    """A paragraph, tenth by tenth what happens to it, and what would be better."""
    attrs = dataset.attrs
    rows = [
        ("tokens, width, batch", f"{dataset.sizes['token']:,}, {attrs['d']:,}, {attrs['B']:,}"),
        ("this optimizer", _optimizer(attrs["eta"], attrs["eps"])),
        ("  excess loss left", f"{_left(dataset):.4g} after {attrs['minibatches']:,} minibatches"),
    ]
    names = {
        "slowest_sgd": "slowest token fastest, plain SGD",
        "slowest": "slowest token fastest, momentum",
        "loss_sgd": f"least loss after {attrs['minibatches']:,}, plain SGD",
        "loss": f"least loss after {attrs['minibatches']:,}, momentum",
        "equal_floor": "same floor, slowest token fastest",
    }
    for choice in dataset["choice"].values:
        of = dataset.sel(choice=choice)
        rows += [
            (names[choice], _optimizer(float(of["choice_eta"]), float(of["choice_eps"]))),
            (
                "  slowest token's 1/rate, loss left",
                f"{_pace(1 / float(of['choice_rate']))}, {float(of['choice_loss']):.4g}",
            ),
        ]
    rows += [
        ("critical batch, plain SGD", f"{attrs['critical_batch_sgd']:.4g} tokens"),
        ("critical batch, best momentum", f"{attrs['critical_batch']:.4g} tokens"),
        ("trajectories of every token", str(attrs["trajectories"])),
        ("largest |z| of a tenth's loss", f"{_largest(dataset):.2f} (bound {attrs['loss_bound']:.2f})"),
        ("single tokens with |z| < 1.96", f"{attrs['z_fraction']:.4f} of {attrs['z_count']:,} comparisons"),
        ("seconds, this run", f"{attrs['seconds']:.1f}"),
        ("verdict", report.verdict(dataset)),
    ]
    return Outcome("vocabulary: what would be better, and is it simulated right?", rows, _remarks(dataset),
                   _words(dataset), Details(COLUMNS, _table(dataset)))  # fmt: skip


def _tenths(simulated: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """The tenth of the text of every frequency, from 0, the most frequent first; and the mass of each frequency."""
    mass = simulated["frequency"].values * simulated["tokens"].values
    return np.minimum((TENTHS * (np.cumsum(mass) - 0.5 * mass) / mass.sum()).astype(int), TENTHS - 1), mass


def _bands(simulated: xr.Dataset) -> xr.Dataset:
    """The losses of the tenths that have a token; equal frequencies are not parted."""
    p, tokens = simulated["frequency"].values, simulated["tokens"].values
    band, mass = _tenths(simulated)
    present, place = np.unique(band, return_inverse=True)
    weights = np.zeros((present.size, p.size))
    weights[place, np.arange(p.size)] = mass
    total = weights.sum(axis=1, keepdims=True)
    weights /= total
    last = np.array([tokens[place <= i].sum() for i in range(present.size)])
    exact, mean = weights @ simulated["exact"].values, weights @ simulated["mean"].values
    error = (weights**2 @ simulated["std_error"].values ** 2) ** 0.5
    trusted = weights @ np.where(simulated["trusted"], simulated["exact"], 0.0)
    wrong = weights @ (np.isinf(simulated["z"].values) & simulated["trusted"].values) > 0.0
    with np.errstate(invalid="ignore", divide="ignore"):
        z = np.where(wrong, np.inf, (mean - exact) / error)
        judged = (trusted >= TRUSTED * exact) & np.isfinite(exact) | wrong
    over = ("band", "time")
    return xr.Dataset(
        {
            "loss": (over, exact),
            "loss_simulated": (over, mean),
            "loss_std_error": (over, error),
            "loss_z": (over, z),
            "loss_judged": (over, judged),
            "band_mass": ("band", total[:, 0] / mass.sum()),
            "band_first": ("band", np.concatenate([[1], last[:-1] + 1])),
            "band_last": ("band", last),
        },
        {"band": present + 1},
    )


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
    grid = [np.arange(1, min(last, CURVE) + 1), np.rint(np.geomspace(1, last, CURVE))]  # what oscillates does so early
    times = np.unique(np.concatenate(grid).astype(int))
    rows = Embedding(p_weight / weight, embedding.d, embedding.B, embedding.label_noise)
    R = theory.risks(rows, optimizer.eta, optimizer.eps, times)
    total = np.stack([np.bincount(owner, weight * column) for column in R.T], axis=-1)
    return xr.Dataset(
        {"curve": (("band", "curve_time"), total / np.bincount(owner, weight)[:, None])},
        {"band": of + 1, "curve_time": times},
    )


def _bound(bands: xr.Dataset, trajectories: int) -> float:
    """What no |z| of a judged loss exceeds but with a chance of `FALSE_ALARM`."""
    count = max(1, int(bands["loss_judged"].sum()))
    return float(stats.t.isf(FALSE_ALARM / 2 / count, trajectories - 1))


def _plane(found: Setting, minibatches: int) -> xr.Dataset:
    """The loss over learning rate and momentum, as a share of what it is at the start."""
    losses = _losses(found)
    eps = np.geomspace(SHORTEST, 1.0, PLANE)
    critical = theory.critical_learning_rate(losses.embedding, eps[:, None])
    eta = np.geomspace(1e-3 * critical.min(), 3.0 * critical.max(), PLANE)
    loss = 2.0 * np.stack([losses.at(eta, decay, [minibatches])[:, 0] for decay in eps.tolist()])
    loss = np.where(eta < critical[:, None], loss, np.nan)
    return xr.Dataset(
        {"plane_loss": (("plane_eps", "plane_eta"), loss), "plane_critical": ("plane_eps", critical)},
        {"plane_eps": eps, "plane_eta": eta},
    )


def _losses(found: Setting) -> Losses:
    embedding = found.embedding
    return Losses(found.vocabulary, embedding.d, embedding.B, embedding.label_noise)


def _choices(advice: Advice) -> xr.Dataset:
    """What would be better, over those choices that there are."""
    found: dict[str, Choice] = {name: choice for name in CHOICES if (choice := getattr(advice, name)) is not None}
    return xr.Dataset(
        {
            "choice_eta": ("choice", [choice.eta for choice in found.values()]),
            "choice_eps": ("choice", [choice.eps for choice in found.values()]),
            "choice_rate": ("choice", [choice.rate for choice in found.values()]),
            "choice_loss": ("choice", [2.0 * choice.loss for choice in found.values()]),
            "choice_floor": ("choice", [2.0 * choice.floor for choice in found.values()]),
        },
        {"choice": list(found)},
    )


def _left(dataset: xr.Dataset) -> float:
    """The excess loss after the last minibatch, over that at the start; exact."""
    return float((dataset["p"] * dataset["risk"]).sum())


def _largest(dataset: xr.Dataset) -> float:
    """The largest |z| of a judged loss; NaN where none is."""
    z = abs(dataset["loss_z"]).where(dataset["loss_judged"])
    return float(z.max()) if z.notnull().any() else float("nan")


def _words(dataset: xr.Dataset) -> str:
    """The conflict, for a practitioner."""
    about, attrs = summarised(dataset), dataset.attrs
    above, near, below = (about.sides[side] for side in ("above", "near", "below"))
    slow = dataset.isel(token=about.slowest - 1)
    words = [
        f"Under a learning rate of {attrs['eta']:.4g} and a momentum of {1.0 - attrs['eps']:.6g} a token is at "
        f"resonance when it is one in {_ratio(about.resonance)} of the text, {_place(dataset, about.resonance)}.",
        f"Above it momentum outlives learning, and errors oscillate: {_share(above)}.",
        f"Within a factor of 4 of it momentum helps: {_share(near)}.",
        f"Below it tokens learn as by plain SGD at the same learning rate: {_share(below)}.",
    ]
    if about.first_unstable is not None:
        words.append(
            f"It is unstable: {about.unstable:,} tokens diverge, the most frequent of them "
            f"{_name(dataset, about.first_unstable)}; a learning rate below {about.critical_eta:.4g} keeps all stable."
        )
    else:
        words.append(f"All tokens are stable, up to a learning rate of {about.critical_eta:.4g}.")
        words.append(
            f"Slowest is {_name(dataset, about.slowest)}: each factor e in its squared error takes "
            f"{_pace(float(slow['learning_time']))} minibatches."
        )
    words.append(f"After {attrs['minibatches']:,} minibatches {_left(dataset):.1%} of the excess loss is left.")
    return " ".join(words)


def _remarks(dataset: xr.Dataset) -> list[str]:
    """Losses that disagree."""
    z, bound = dataset["loss_z"].where(dataset["loss_judged"]), dataset.attrs["loss_bound"]
    return [
        f"disagrees in tenth {int(point['band'])} after {float(point['time']):g} minibatches: simulated "
        f"{float(point['loss_simulated']):.6g} ± {float(point['loss_std_error']):.2g}, exact {float(point['loss']):.6g}"
        for i, j in np.argwhere(abs(z.values) > bound)[:TENTHS]
        if (point := dataset.isel(band=i, time=j)) is not None
    ]


def _table(dataset: xr.Dataset) -> list[tuple[str, ...]]:
    """Tenth by tenth: its tokens, their regime, how fast they learn, what is left."""
    rows = []
    for band in dataset["band"].values:
        of = dataset.sel(band=band).isel(time=-1)
        first, last = int(of["band_first"]), int(of["band_last"])
        tokens = dataset.isel(token=slice(first - 1, last))
        mass = np.cumsum(tokens["p"].values)
        middle = tokens.isel(token=int(np.searchsorted(mass, 0.5 * mass[-1])))
        samples = tokens["samples"].values
        rows.append(
            (
                f"{int(band)} ({float(of['band_mass']):.0%})",
                f"{first:,}" if first == last else f"{first:,} to {last:,}",
                _number(samples[0]) if first == last else f"{_number(samples[-1])} to {_number(samples[0])}",
                str(middle["side"].item()),
                _pace(float(middle["learning_time"])),
                f"{float(of['loss']):.3%}",
                f"{float(of['loss_simulated']):.3%} ± {100 * float(of['loss_std_error']):.1g}",
            )
        )
    return rows


def _optimizer(eta: float, eps: float) -> str:
    return f"learning rate {eta:.4g}, " + (f"momentum {1.0 - eps:.4g}" if eps < 1.0 else "no momentum")


def _name(dataset: xr.Dataset, rank: int) -> str:
    """A token by rank, and by name where it has one."""
    name = f" ({str(dataset['name'].values[rank - 1])!r})" if "name" in dataset.coords else ""
    return f"the one of rank {rank:,}{name}"


def _place(dataset: xr.Dataset, p: float) -> str:
    """Where a frequency is in the vocabulary."""
    more = int((dataset["p"].values > p).sum())
    if more == 0:
        return "more than the most frequent token is"
    return "less than the rarest token is" if more == dataset.sizes["token"] else f"about rank {more:,}"


def _ratio(p: float) -> str:
    return f"{1.0 / p:,.0f}" if p < 0.1 else f"{1.0 / p:.2g}"


def _share(share: Share) -> str:
    return f"{share.types:.2%} of the tokens, {share.mass:.0%} of the text"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}"


def _pace(minibatches: float) -> str:
    """Minibatches that a factor e takes."""
    return _number(minibatches) if 0.0 < minibatches < np.inf else "never"
