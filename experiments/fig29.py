"""Beyond the paper: the vocabulary of Llama 3 8B under one momentum, and where resonance falls.

128,256 tokens of a Zipf law, rows of width 4,096, minibatches of 4 and 16 million tokens, momentum 0.9 and 0.95, at
half of the largest learning rate that keeps all tokens stable. No token is sparse, and at 16 million half of the text
is concentrated: a quarter of a per cent of the tokens. A black stroke marks resonance. The learning rate is held down
by the most frequent token: that of the noise of gradients alone, B/d, is 1.5 to 8.8 times too large. All tokens can be
at resonance or above at once, next to the frontier, but only from momenta of 0.9988 and 0.9967 on.
"""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from scipy.optimize import brentq

from sparsesim import HeavyBall, experiment
from sparsesim.experiment import Check
from sparsesim.figures import vocabulary as figures
from sparsesim.simulation.driver import Progress
from sparsesim.studies.tokens import setting
from sparsesim.sweep import Sweep
from sparsesim.theory.embedding import critical_learning_rate, decay_rates
from sparsesim.vocabulary import Vocabulary, spectral_conflict, summary

BATCHES, MOMENTA = (4_000_000, 16_000_000), (0.9, 0.95)


def compute(sweep: Sweep, progress: Progress, simulate: object = None) -> xr.Dataset:
    """Every token at every batch and momentum, from formulas."""
    vocabulary, embedding, _ = setting(sweep, "vocabulary")
    settings = [(B, 1.0 - mu) for B in BATCHES for mu in MOMENTA]
    progress(0, len(settings))
    parts = []
    for number, (B, eps) in enumerate(settings):
        critical = float(critical_learning_rate(vocabulary.embedding(embedding.d, B), eps))
        conflict = spectral_conflict(vocabulary, embedding.d, B, HeavyBall(0.5 * critical, eps))
        about = summary(conflict)
        parts.append(
            conflict[["side", "batch"]].assign(
                B=B,
                eps=eps,
                eta=0.5 * critical,
                critical=critical,
                resonance=about.resonance,
                slowest=about.slowest,
                learning_time=1.0 / about.slowest_rate,
                all_above=_all_above(vocabulary, embedding.d, B),
                concentrated=about.batches["concentrated"].mass,
                sparse=about.batches["sparse"].types,
                above=about.sides["above"].mass,
            )
        )
        progress(number + 1, len(settings))
    dataset = xr.concat(parts, "setting", combine_attrs="drop").assign_coords(setting=np.arange(len(settings)))
    return dataset.assign(p=("token", vocabulary.p)).assign_attrs(verdict="computed", d=embedding.d)


def _all_above(vocabulary: Vocabulary, d: int, B: int) -> float:
    """The largest eps at which the rarest token can be at resonance while all are stable."""
    embedding = vocabulary.embedding(d, B)

    def excess(log_eps: float) -> float:
        """Of its stiffness at the frontier above 1, in logarithms."""
        return float(np.log(critical_learning_rate(embedding, np.exp(log_eps)) * vocabulary.p[-1])) - log_eps

    return float(np.exp(brentq(excess, np.log(1e-8), 0.0)))  # pyright: ignore[reportArgumentType]


def draw(dataset: xr.Dataset) -> Figure:
    """A row a setting: the tokens along their frequency, by side of resonance and by batch."""
    return figures.settings(dataset)


def checks(dataset: xr.Dataset) -> list[Check]:
    """What the text says, in numbers; the frontier against decay rates just below and above it."""
    found = []
    for number in dataset["setting"].values:
        of = dataset.sel(setting=number)
        embedding = Vocabulary(dataset["p"].values).embedding(dataset.attrs["d"], int(of["B"]))
        critical, eps = float(of["critical"]), float(of["eps"])
        near = [float(decay_rates(embedding, critical * share, eps).min()) for share in (1.0 - 1e-6, 1.0 + 1e-6)]
        name = f"B = {float(of['B']) / 1e6:g}M, mu = {1.0 - eps:.4g}"
        found += [
            Check(f"slowest rate just below the frontier, {name}", near[0], low=0.0),
            Check(f"slowest rate just above it, {name}", near[1], high=0.0),
            Check(f"B/d over the largest stable learning rate, {name}", float(of["B"]) / dataset.attrs["d"] / critical,
                  low=1.5),
            Check(f"rank at resonance, {name}", float((dataset["p"] > of["resonance"]).sum()), low=100.0, high=1000.0),
        ]  # fmt: skip
    first, last = dataset.isel(setting=0), dataset.isel(setting=-1)
    return [
        *found,
        Check("share of tokens that are sparse at 4M", float(first["sparse"]), high=0.0),
        Check("share of the text that is concentrated at 16M", float(last["concentrated"]), low=0.5, high=0.55),
        Check("largest eps at which all can be above resonance, 4M", float(first["all_above"]), 0.0011, 0.0013),
        Check("the same, 16M", float(last["all_above"]), 0.0031, 0.0034),
    ]


if __name__ == "__main__":
    experiment.script(__file__)
