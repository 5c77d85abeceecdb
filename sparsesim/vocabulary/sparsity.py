"""How sparse a vocabulary's minibatches are, and what becomes of that when batch, vocabulary or width change."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr

from sparsesim import _validate
from sparsesim.vocabulary.conflict import BATCHES, batches, shares
from sparsesim.vocabulary.counts import Vocabulary

LARGEST = 10**7  # types of a changed vocabulary
SAME = 1e-6  # nats a token that counts may diverge from a law they are called after


def changes(vocabulary: Vocabulary, d: int, B: int, factor: int = 10) -> xr.Dataset:
    """The effective sparsity of a vocabulary, and of it with another batch, size or width.

    A vocabulary of another size has the Zipf law that fits this one best.

    Args:
        vocabulary: its tokens.
        d: width of their rows.
        B: tokens in a minibatch.
        factor: of all changes.

    Returns:
        Dataset over `change` (in words) and `kind` (sparse: fewer than one sample in a minibatch; dense: up to d;
        concentrated: more): `types` and `mass`, the shares of each; over `change` alone B, d, size, and the exponents
        alpha = -log p/log d of the first and of the last token (`alpha_first`, `alpha_last`), and `beta`.

    Raises:
        ValueError: an argument is outside its range.
    """
    d, B = _validate.whole("d", d, low=2), _validate.whole("B", B, low=1)
    exponent, _, divergence = vocabulary.fit() if vocabulary.size > 1 else (0.0, 0.0, 0.0)
    # Of counts that are no law it is another vocabulary, and says so.
    law = "" if divergence < SAME else f" (Zipf {exponent:.2f})"
    fewer = max(1, B // factor)

    def resized(size: float) -> Vocabulary:
        """The fitted law at another size."""
        return Vocabulary.zipf(min(LARGEST, max(1, round(size))), exponent)

    preserved = preserving_size(vocabulary.size, factor, exponent=exponent)
    settings = {
        "as it is": (vocabulary, d, B),
        f"batch / {factor}": (vocabulary, d, fewer),
        f"batch x {factor}": (vocabulary, d, B * factor),
        f"vocabulary / {factor}{law}": (resized(vocabulary.size / factor), d, B),
        f"vocabulary x {factor}{law}": (resized(vocabulary.size * factor), d, B),
        f"width / {factor}": (vocabulary, max(2, d // factor), B),
        f"width x {factor}": (vocabulary, d * factor, B),
        f"batch x {factor}, vocabulary to suit{law}": (resized(preserved), d, B * factor),
    }
    rows = [shares(batches(own.p, width, batch), BATCHES, own.p) for own, width, batch in settings.values()]
    logs = np.log([width for _, width, _ in settings.values()])
    over = ("change", "kind")
    return xr.Dataset(
        {
            "types": (over, [[row[kind].types for kind in BATCHES] for row in rows]),
            "mass": (over, [[row[kind].mass for kind in BATCHES] for row in rows]),
            "size": ("change", [own.size for own, _, _ in settings.values()]),
            "d": ("change", [width for _, width, _ in settings.values()]),
            "B": ("change", [batch for _, _, batch in settings.values()]),
            "alpha_first": ("change", [-math.log(own.p[0]) for own, _, _ in settings.values()] / logs),
            "alpha_last": ("change", [-math.log(own.p[-1]) for own, _, _ in settings.values()] / logs),
            "beta": ("change", np.log([float(batch) for _, _, batch in settings.values()]) / logs),
        },
        {"change": list(settings), "kind": list(BATCHES)},
    )


def preserving_size(size: int, factor: float, *, exponent: float = 1.0, shift: float = 0.0) -> float:
    """The size of a Zipf vocabulary whose rarest token occurs as often in a batch that is larger by a factor.

    p_V B stays, and with it, at equal width, the whole range from p_1 B (which grows) down to sparse tokens. For an
    exponent of 1 size times log size grows like the batch, for a larger one size grows like batch^(1/exponent).

    Args:
        size: of the vocabulary, at least 1.
        factor: of batch sizes, above 0.
        exponent: of the law, in [0, 10]; at 0 all tokens are equal and size grows like the batch.
        shift: of the law, above -1.

    Returns:
        The size, not rounded; at least 1.

    Raises:
        ValueError: an argument is outside its range, or the size is too large.
    """
    target = float(Vocabulary.zipf(size, exponent, shift).p[-1]) / _validate.positive("factor", factor)
    if target >= 1.0:
        return 1.0
    most = size
    while (rarest := _rarest(most, exponent, shift))[-1] > target:
        most *= 2
        if most > 2 * LARGEST:
            raise ValueError(f"factor must keep the vocabulary below {LARGEST:g} types, got {factor}")
    after = int(np.argmax(rarest <= target))  # of size after + 1
    high, low = np.log(rarest[after - 1 : after + 1])
    return after + float((high - math.log(target)) / (high - low))


def _rarest(most: int, exponent: float, shift: float) -> np.ndarray:
    """The frequency of the last token by size of the vocabulary, from 1 to the most; it falls."""
    logs = -exponent * np.log(np.arange(1, most + 1) + shift)
    weights = np.exp(logs - logs[0])
    return weights / np.cumsum(weights)
