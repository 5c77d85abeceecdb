"""Two samples of trajectories' moments: are they equal in law, jointly?"""

import itertools

import numpy as np
from scipy import stats

# Chance that one comparison by `joint_pvalue` calls equal laws different: what the tests are held to.
ALPHA = 1e-5
DIRECTIONS = 6


def joint_pvalue(a: np.ndarray, b: np.ndarray) -> float:
    """The least p of Kolmogorov-Smirnov tests, 13 for three moments and 22 for five, times their number.

    They are of the moments, of the angle between e and m, of products of pairs, and of random directions through
    moments, logarithms of R and V, and the angle: a wrong joint law with right marginals shows in those.

    Args:
        a: moments, of which R, V and C are the last, (trajectory, moment).
        b: likewise.
    """
    views = columns(a, b, np.random.default_rng(1))
    scale = views[0].std(axis=1, keepdims=True) + 0.03 * np.abs(views[0]).mean(axis=1, keepdims=True)
    rng = np.random.default_rng(2)
    # Rounding would split atoms, of idle minibatches or of parallel e and m: noise makes both samples smooth.
    smooth = [view + 1e-3 * scale * rng.normal(size=view.shape) for view in views]
    pvalues = [stats.ks_2samp(x, y).pvalue for x, y in zip(*smooth, strict=True)]
    return min(pvalues) * len(pvalues)


def columns(a: np.ndarray, b: np.ndarray, rng: np.random.Generator) -> list[np.ndarray]:
    """What is tested of either sample, (test, trajectory)."""
    features = []
    for sample in (a, b):
        *signal, R, V, C = sample.T
        with np.errstate(all="ignore"):
            angle = np.nan_to_num(C / np.sqrt(R * V))
        logs = np.log(np.maximum([R, V], 1e-30))
        shape = np.stack([*logs, angle])
        features.append(np.stack([*signal, *(shape + 1e-3 * rng.normal(size=shape.shape))]))
    directions = np.random.default_rng(0).normal(size=(DIRECTIONS, len(features[0])))
    spread = np.concatenate(features, axis=1).std(axis=1, keepdims=True)
    spread[spread == 0.0] = 1.0
    center, scale = np.concatenate([a, b]).mean(axis=0), np.concatenate([a, b]).std(axis=0)
    found = []
    for sample, feature in zip((a, b), features, strict=True):
        units = ((sample - center) / np.where(scale > 0.0, scale, 1.0)).T
        products = [x * y for x, y in itertools.combinations(units, 2)]
        found.append(np.concatenate([sample.T, feature[-1:], products, directions @ (feature / spread)]))
    return found
