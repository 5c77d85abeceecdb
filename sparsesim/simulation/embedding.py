"""The one-hot embedding problem as written: all rows in one minibatch, under any optax transformation.

A sample draws a token and features; the rows of tokens that a minibatch has not get no gradient, and what the optimizer
does to them then is its own affair. Rows share minibatches, so that they depend on each other; each by itself is what
the other engines simulate. It costs B x d Gaussians a minibatch and is for small vocabularies: the reference for what
is said of large ones.
"""

from __future__ import annotations

import functools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import xarray as xr
from numpy.typing import ArrayLike

from sparsesim import _validate
from sparsesim.problems import Embedding, HeavyBall

CHUNK = 2**26  # Gaussians of a minibatch at once, over trajectories
SMALLEST = 1e-5  # a frequency below which float32 does not draw a token exactly enough


def simulate_embedding(
    embedding: Embedding,
    optimizer: HeavyBall | optax.GradientTransformation,
    *,
    times: ArrayLike,
    trajectories: int,
    seed: int,
    start: float = 1.0,
) -> xr.Dataset:
    """Trajectories of all rows in float32, from |e_j|^2 = `start` and an optimizer at rest.

    Args:
        embedding: a small one; frequencies of at least 1e-5.
        optimizer: heavy ball, or an optax transformation of the (row, d) table.
        times: increasing minibatches to record at.
        trajectories: at least 2.
        seed: a whole number.
        start: R of every row at time 0, 0 or above.

    Returns:
        Dataset with `risk` (trajectory, token, time), R of every row; `mean` and `std_error` (token, time) of it;
        `loss` and `loss_std_error` (time) of (1/2) sum_j p_j R_j, whose error knows that rows depend on each other, and
        `loss_effective_sample_size`, the trajectories that carry it.

    Raises:
        ValueError: an argument is outside its range.
    """
    counts = _validate.clock_times(times, "minibatch")
    trajectories = _validate.whole("trajectories", trajectories, low=2)
    seed, start = _validate.whole("seed", seed, low=0), _validate.non_negative("start", start)
    if embedding.p.min() < SMALLEST:
        raise ValueError(f"p must be at least {SMALLEST} where tokens are drawn, got {embedding.p.min()}")
    transformation = optimizer.optax() if isinstance(optimizer, HeavyBall) else optimizer
    gaps = jnp.asarray(np.diff(counts, prepend=0), jnp.int32)
    cdf = jnp.asarray(np.cumsum(embedding.p), jnp.float32)
    keys = jax.random.split(jax.random.key(seed), trajectories)
    size = max(1, CHUNK // (embedding.B * embedding.d))
    shape = (embedding.d, embedding.B, transformation, embedding.label_noise, start)
    found = [np.asarray(_paths(shape, keys[i : i + size], cdf, gaps)) for i in range(0, trajectories, size)]
    risk = np.concatenate(found).astype(np.float64).transpose(0, 2, 1)
    loss = 0.5 * np.einsum("v,nvt->nt", embedding.p, risk)
    root = trajectories**0.5
    return xr.Dataset(
        {
            "risk": (("trajectory", "token", "time"), risk),
            "mean": (("token", "time"), risk.mean(axis=0)),
            "std_error": (("token", "time"), risk.std(axis=0, ddof=1) / root),
            "loss": ("time", loss.mean(axis=0)),
            "loss_std_error": ("time", loss.std(axis=0, ddof=1) / root),
            "loss_effective_sample_size": ("time", loss.sum(axis=0) ** 2 / (loss**2).sum(axis=0)),
        },
        {"token": np.arange(1, embedding.p.size + 1), "time": counts, "p": ("token", embedding.p)},
        {"d": embedding.d, "B": embedding.B, "label_noise": embedding.label_noise, "seed": seed,
         "trajectories": trajectories},
    )  # fmt: skip


@functools.partial(jax.jit, static_argnums=0)
def _paths(
    shape: tuple[int, int, optax.GradientTransformation, float, float], keys: jax.Array, cdf: jax.Array, gaps: jax.Array
) -> jax.Array:
    """R of every row at the times, (trajectory, time, row)."""
    d, B, transformation, label_noise, start = shape
    size = cdf.shape[0]

    def gradient(e: jax.Array, key: jax.Array) -> jax.Array:
        """Of the mean squared loss of a minibatch, halved; a sample beyond the last token has none."""
        token_key, feature_key, noise_key = jax.random.split(key, 3)
        tokens = jnp.searchsorted(cdf, jax.random.uniform(token_key, (B,)), side="right")
        features = jax.random.normal(feature_key, (B, d))
        residuals = jnp.sum(e[jnp.minimum(tokens, size - 1)] * features, axis=1)
        if label_noise > 0.0:
            residuals = residuals - label_noise * jax.random.normal(noise_key, (B,))
        return jax.ops.segment_sum(residuals[:, None] * features, tokens, size) / B

    def path(key: jax.Array) -> jax.Array:
        """One trajectory, (time, row)."""

        def minibatch(k: Any, state: Any) -> Any:
            """One step of all rows."""
            e, inner = state
            updates, inner = transformation.update(gradient(e, jax.random.fold_in(key, k)), inner, e)
            return optax.apply_updates(e, updates), inner

        def recorded(carry: Any, gap: jax.Array) -> Any:
            """Some minibatches, and what is recorded after them."""
            k, state = carry
            state = jax.lax.fori_loop(k, k + gap, minibatch, state)
            return (k + gap, state), jnp.sum(state[0] ** 2, axis=1)

        e = jnp.zeros((size, d)).at[:, 0].set(start**0.5)
        return jax.lax.scan(recorded, (jnp.int32(0), (e, transformation.init(e))), gaps)[1]

    return jax.vmap(path)(keys)
