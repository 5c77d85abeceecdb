"""How sparse a vocabulary's minibatches are, and what becomes of that when batch, vocabulary or width change."""

from __future__ import annotations

import math

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from sparsesim import _validate
from sparsesim.vocabulary.conflict import BATCHES, batches, shares
from sparsesim.vocabulary.counts import Vocabulary

LARGEST = 10**7  # types of a changed vocabulary


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
    exponent = vocabulary.fit().exponent if vocabulary.size > 1 else 0.0
    fewer = max(1, B // factor)

    def resized(size: float) -> Vocabulary:
        """The fitted law at another size."""
        return Vocabulary.zipf(min(LARGEST, max(1, round(size))), exponent)

    preserved = preserving_size(vocabulary.size, factor, exponent=exponent)
    settings = {
        "as it is": (vocabulary, d, B),
        f"batch / {factor}": (vocabulary, d, fewer),
        f"batch x {factor}": (vocabulary, d, B * factor),
        f"vocabulary / {factor}": (resized(vocabulary.size / factor), d, B),
        f"vocabulary x {factor}": (resized(vocabulary.size * factor), d, B),
        f"width / {factor}": (vocabulary, max(2, d // factor), B),
        f"width x {factor}": (vocabulary, d * factor, B),
        f"batch x {factor}, vocabulary to suit": (resized(preserved), d, B * factor),
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
        ValueError: an argument is outside its range.
    """
    target = math.log(Vocabulary.zipf(size, exponent, shift).p[-1] / _validate.positive("factor", factor))

    def rarest(log_size: float) -> float:
        """How far log p_V is from the target, interpolated between whole sizes."""
        low = max(1, math.floor(math.exp(log_size)))
        at = [math.log(Vocabulary.zipf(whole, exponent, shift).p[-1]) for whole in (low, low + 1)]
        return at[0] + (at[1] - at[0]) * (math.exp(log_size) - low) - target

    if rarest(0.0) <= 0.0:
        return 1.0
    high = math.log(size) + max(0.0, math.log(factor)) + 1.0
    return math.exp(brentq(rarest, 0.0, high, xtol=1e-9))  # pyright: ignore[reportArgumentType]
