"""The spectral conflict of a vocabulary: what one learning rate and one momentum do to each of its tokens."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import xarray as xr

from sparsesim import _validate
from sparsesim.problems import HeavyBall
from sparsesim.theory import embedding as theory
from sparsesim.theory.phases import resonance_frequency
from sparsesim.vocabulary.counts import Vocabulary

NEAR = 4.0  # factor about resonance: within it stiffness is from 1/4, where oscillation sets in, to 4
SIDES = ("below", "near", "above")  # of resonance
BATCHES = ("sparse", "dense", "concentrated")  # fewer than one active sample in a minibatch, up to d, more


class Share(NamedTuple):
    """Of a vocabulary."""

    types: float
    mass: float  # of probability, what a text sees


class Summary(NamedTuple):
    """What there is to say of all tokens."""

    resonance: float  # frequency at which a token resonates, eps/eta
    sides: dict[str, Share]  # of resonance
    batches: dict[str, Share]
    unstable: int  # types
    first_unstable: int | None  # the most frequent of them, by rank from 1
    critical_eta: float  # below which all are stable
    slowest: int  # rank of the token that learns most slowly while all are stable
    slowest_rate: float  # its decay rate per minibatch; below 0 where one grows
    alpha: tuple[float, float]  # -log p/log d of the most frequent and of the rarest
    beta: float  # log B/log d
    delta: float  # -log eps/log d


def spectral_conflict(
    vocabulary: Vocabulary,
    d: int,
    B: int,
    optimizer: HeavyBall,
    *,
    label_noise: float = 0.0,
    minibatches: int | None = None,
) -> xr.Dataset:
    """What becomes of every token, exactly (docs/momentum.md, section 5).

    Args:
        vocabulary: its tokens.
        d: width of their rows.
        B: tokens in a minibatch.
        optimizer: learning rate and momentum of all.
        label_noise: standard deviation on the targets.
        minibatches: for how long; None leaves out what is at the end.

    Returns:
        Dataset over `token`, the rank from 1: p; `active`, the probability of a minibatch that has it; `samples`, p B;
        `stiffness` eta p/eps; `noise_feedback` and `curvature_feedback`; `side` of resonance and `batch`, in words; per
        minibatch `decay_rate`, and its inverse `learning_time`, inf where it does not learn; `retention_time` 1/eps in
        minibatches; `floor` of R; and `risk`, R after so many minibatches from R = 1. The coordinate `name` where
        tokens have names. Attributes record the arguments.

    Raises:
        ValueError: an argument is outside its range.
    """
    embedding = vocabulary.embedding(d, B, label_noise)
    eta, eps = optimizer.eta, optimizer.eps
    of, p = theory.step(embedding, eta, eps), embedding.p
    rate = theory.decay_rates(embedding, eta, eps)
    stiffness = eta * p / eps
    with np.errstate(divide="ignore"):
        learning_time = np.where(rate > 0.0, 1.0 / np.maximum(rate, 0.0), np.inf)
    variables = {
        "p": p,
        "active": theory.activity(embedding),
        "samples": p * B,
        "stiffness": stiffness,
        "noise_feedback": of.noise,
        "curvature_feedback": of.curvature,
        "side": np.select([stiffness < 1.0 / NEAR, stiffness <= NEAR], SIDES[:2], SIDES[2]),
        "batch": batches(p, d, B),
        "decay_rate": rate,
        "learning_time": learning_time,
        "retention_time": np.full(p.size, 1.0 / eps),
        "floor": theory.floors(embedding, eta, eps),
    }
    if minibatches is not None:
        minibatches = _validate.whole("minibatches", minibatches, low=1)
        variables["risk"] = theory.risks(embedding, eta, eps, [minibatches])[:, 0]
    coords: dict[str, object] = {"token": np.arange(1, p.size + 1)}
    if vocabulary.names is not None:
        coords["name"] = ("token", vocabulary.names.astype(str))
    attrs = {"d": embedding.d, "B": embedding.B, "eta": eta, "eps": eps, "label_noise": embedding.label_noise,
             **({} if minibatches is None else {"minibatches": minibatches})}  # fmt: skip
    return xr.Dataset({name: ("token", values) for name, values in variables.items()}, coords, attrs)


def batches(p: np.ndarray, d: int, B: int) -> np.ndarray:
    """What a minibatch has of every token, in words."""
    return np.select([p * B < 1.0, p * B <= d], BATCHES[:2], BATCHES[2])


def summary(dataset: xr.Dataset) -> Summary:
    """The outcome of a `spectral_conflict`."""
    p, attrs = dataset["p"].values, dataset.attrs
    feedback = (dataset["noise_feedback"] + dataset["curvature_feedback"]).values
    unstable = np.flatnonzero(feedback >= 1.0)
    slowest = int(dataset["decay_rate"].values.argmin())
    log_d = math.log(attrs["d"]) if attrs["d"] > 1 else math.nan
    return Summary(
        resonance=resonance_frequency(HeavyBall(attrs["eta"], attrs["eps"])),
        sides=shares(dataset["side"].values, SIDES, p),
        batches=shares(dataset["batch"].values, BATCHES, p),
        unstable=int(unstable.size),
        first_unstable=int(unstable[0]) + 1 if unstable.size else None,
        critical_eta=float(attrs["eta"] / feedback.max()),
        slowest=slowest + 1,
        slowest_rate=float(dataset["decay_rate"][slowest]),
        alpha=(-math.log(p[0]) / log_d, -math.log(p[-1]) / log_d),
        beta=math.log(attrs["B"]) / log_d,
        delta=-math.log(attrs["eps"]) / log_d,
    )


def shares(words: np.ndarray, kinds: Sequence[str], p: np.ndarray) -> dict[str, Share]:
    """The share of every kind, of tokens that are called in words what they are."""
    return {kind: Share(float((words == kind).mean()), float(p[words == kind].sum())) for kind in kinds}
