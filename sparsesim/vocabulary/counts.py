"""A vocabulary: how often each token occurs, from the most frequent down."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from sparsesim import _validate
from sparsesim.problems import Embedding

STEEPEST = 10.0  # exponent of a Zipf law: with it the first token already has 99.9% of all mass
WIDEST = 1e15  # ratio of counts
BANDS = 400  # of equal width in log p, for what only needs sums over tokens


class Fit(NamedTuple):
    """The Zipf law p_j ~ (j + shift)^-exponent nearest to counts."""

    exponent: float
    std_error: float  # of the counts' own scatter about the law, where that is more than a sample's; NaN without counts
    divergence: float  # Kullback-Leibler, of the counts from the law, in nats a token


class Groups(NamedTuple):
    """Tokens of nearly equal frequency as one each."""

    p: np.ndarray  # (group,), the mean of each
    tokens: np.ndarray  # (group,), how many


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Frequencies in falling order.

    Args:
        p: (token,), above 0 and with sum 1, falling.
        counts: (token,), what they were counted as; None for a law.
        names: (token,), None where they have none.
        unseen: types that were listed and never counted; they have no gradient and are left out.
    """

    p: np.ndarray
    counts: np.ndarray | None = None
    names: np.ndarray | None = None
    unseen: int = 0

    @classmethod
    def from_counts(cls, counts: ArrayLike, names: Sequence[str] | None = None) -> Vocabulary:
        """From how often each token occurs; weights that are no whole numbers do as well.

        Args:
            counts: (token,), finite, 0 or above, not all 0.
            names: (token,).

        Raises:
            ValueError: counts that are none, or names that are not as many.
        """
        values = np.asarray(counts)
        if values.ndim != 1 or values.size == 0 or values.dtype.kind not in "iuf":
            raise ValueError(f"counts must be a row of at least one number, got {_shown(values)}")
        values = values.astype(np.float64)
        bad = ~np.isfinite(values) | (values < 0.0)
        if bad.any():
            first = int(bad.argmax())
            raise ValueError(f"counts must be finite numbers, 0 or above, got {values[first]} at position {first}")
        if names is not None and len(names) != values.size:
            raise ValueError(f"names must be as many as counts, {values.size}, got {len(names)}")
        if not values.any():
            raise ValueError(f"counts must not all be 0, got {values.size} of them")
        order = np.argsort(-values, kind="stable")
        order = order[values[order] > 0.0]
        kept = values[order]
        if kept[0] > WIDEST * kept[-1]:
            raise ValueError(
                f"counts must be within a factor of {WIDEST:g} of each other, got {kept[0]} and {kept[-1]}"
            )
        p = kept / kept.max()  # the sum of huge counts may overflow
        found = None if names is None else np.asarray([_storable(name) for name in names], dtype=object)[order]
        return cls(p / p.sum(), kept, found, values.size - kept.size)

    @classmethod
    def zipf(cls, size: int, exponent: float = 1.0, shift: float = 0.0) -> Vocabulary:
        """The law p_j ~ (j + shift)^-exponent, j = 1 to size.

        Raises:
            ValueError: size below 1, an exponent outside [0, 10], or a shift of -1 or less.
        """
        size = _validate.whole("size", size, low=1)
        exponent = _validate.real("exponent", exponent, f"in [0, {STEEPEST:g}]", low=0.0, high=STEEPEST)
        shift = _validate.real("shift", shift, "above -1", low=-1.0, open_low=True)
        logs = -exponent * np.log(np.arange(1, size + 1) + shift)
        p = np.exp(logs - logs[0])
        return cls(p / p.sum())

    @property
    def size(self) -> int:
        """Types."""
        return self.p.size

    @property
    def ratio(self) -> float:
        """Frequency of the most frequent over that of the rarest, k = p_1/p_V."""
        return float(self.p[0] / self.p[-1])

    def embedding(self, d: int, B: int, label_noise: float = 0.0) -> Embedding:
        """The least squares of its rows.

        Raises:
            ValueError: an argument is outside its range.
        """
        return Embedding(self.p, d, B, label_noise)

    def distinct(self) -> tuple[np.ndarray, np.ndarray]:
        """(p, how many tokens have it), falling: tokens of one frequency have one law."""
        p, tokens = np.unique(self.p, return_counts=True)
        return p[::-1], tokens[::-1]

    def groups(self, bands: int = BANDS) -> Groups:
        """Tokens in bands of equal width in log p, the first and the last alone: sums over all become short.

        Args:
            bands: at most so many, besides the first and the last token; few types are left as they are.
        """
        if self.size <= bands + 2:
            return Groups(self.p, np.ones(self.size))
        inner = np.log(self.p[1:-1])
        width = (inner[0] - inner[-1]) / bands or 1.0
        band = np.minimum(((inner[0] - inner) / width).astype(int), bands - 1)
        tokens = np.bincount(band, minlength=bands)
        mass = np.bincount(band, self.p[1:-1], minlength=bands)
        seen = tokens > 0
        p = np.concatenate([self.p[:1], mass[seen] / tokens[seen], self.p[-1:]])
        return Groups(p, np.concatenate([[1.0], tokens[seen], [1.0]]))

    def fit(self, shift: float = 0.0) -> Fit:
        """The exponent of greatest likelihood, by rank.

        Its error is that of a sample of the law, scaled up where the counts scatter more about the law than a sample
        would (quasi-likelihood, in bands of rank): counts of language do.

        Args:
            shift: of the ranks, above -1.

        Raises:
            ValueError: shift is outside its range, or there is one type only.
        """
        shift = _validate.real("shift", shift, "above -1", low=-1.0, open_low=True)
        if self.size < 2:
            raise ValueError(f"a fit needs at least two types, got {self.size}")
        logs = np.log(np.arange(1, self.size + 1) + shift)

        def cost(exponent: float) -> float:
            """Minus the log-likelihood, a token."""
            return float(exponent * (self.p @ logs) + _log_sum(-exponent * logs))

        found = minimize_scalar(cost, bounds=(0.0, STEEPEST), method="bounded", options={"xatol": 1e-10})
        exponent = float(found.x)
        law = np.exp(-exponent * logs - _log_sum(-exponent * logs))
        divergence = float(self.p @ np.log(self.p / law))
        if self.counts is None:
            return Fit(exponent, math.nan, divergence)
        tokens, mean = float(self.counts.sum()), law @ logs
        information = tokens * float(law @ (logs - mean) ** 2)
        return Fit(exponent, math.sqrt(max(1.0, self._dispersion(law)) / information), divergence)

    def _dispersion(self, law: np.ndarray) -> float:
        """Chi-square over its degrees of freedom of the counts in bands of rank of equal width in its logarithm."""
        assert self.counts is not None
        edges = np.unique(np.geomspace(1, self.size + 1, 41).astype(int)) - 1
        expected = np.add.reduceat(law, edges[:-1]) * self.counts.sum()
        observed = np.add.reduceat(self.counts, edges[:-1])
        return float(((observed - expected) ** 2 / expected).sum()) / max(1, expected.size - 2)


def _storable(name: object) -> str:
    """A name without what a file of data cannot hold: halves of characters, and zeros."""
    return str(name).encode("utf-8", "replace").decode("utf-8").replace("\0", "\ufffd")


def _log_sum(values: np.ndarray) -> float:
    """The logarithm of a sum of exponentials."""
    top = values.max()
    return float(top + np.log(np.exp(values - top).sum()))


def _shown(values: np.ndarray) -> str:
    text = repr(values.tolist())
    return text if len(text) < 60 else f"{text[:57]}..."
