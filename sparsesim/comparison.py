"""The comparison: simulated means against exact moments, point by point, cell by cell, and as a whole.

z = (simulated mean - exact) / standard error is standard normal when theory and simulation agree and the mean of the
trajectories is close to normal. Two things spoil the second: heavy tails, where few trajectories carry the mean, and
events so rare that the sample may hold none while the mean counts them. Such points are computed, shown, and not
trusted. Where trajectories differ by no more than float32 rounding there is no z; the mean itself must be right there.

The mean of logistic regression has no closed equation. What it is compared with is the exact recursion of one-step
means plus the shift that fluctuations give the mean, to leading order in 1/d: z = (simulated mean - exact - bias) /
standard error. Where the next order could be seen, z is not trusted.
"""

import math

import numpy as np
import xarray as xr
from scipy import stats

from sparsesim import references
from sparsesim.references import Reference
from sparsesim.scaling import Scaling

# A mean is trusted while at least this share of the trajectories carries it (a third for one chi-square variate), and
# this many do.
MIN_EFFECTIVE_SHARE = 0.3
MIN_EFFECTIVE_SIZE = 64.0
# The rarer of idle and active minibatches is expected this often over all trajectories, or its share does not matter.
MIN_RARE_EVENTS = 50.0
# Relative accuracy of float32 trajectories; a standard error below it is not sampling noise.
ROUNDING = 1e-6
# Relative error allowed to a mean that has no sampling noise, and the range in which float32 can keep it.
DETERMINISTIC, SMALLEST, LARGEST = 1e-4, 1e-30, 1e30
# Chance that a correct program is called wrong by one of the two tests of the whole.
FALSE_ALARM = 1e-4
# Cells below which the share of |z| < 1.96 is reported but not tested.
MIN_CELLS = 30


def compare(dataset: xr.Dataset, scaling: Scaling | None = None) -> xr.Dataset:
    """The dataset with exact moments, z-scores and verdicts; with the limit as well where a scaling is known.

    Two tests decide: no trusted |z| beyond the Bonferroni bound, and, with 30 cells or more, a share of trusted
    |z| < 1.96 not below 95% by more than chance allows (its standard error is taken over cells: points of one cell
    are correlated).

    Args:
        dataset: as `simulate`, `simulate_cells` or a sweep returned it, with heavy ball as the optimizer.
        scaling: what all cells are of, each at its d; a sweep over exponents and d brings its own.

    Returns:
        The dataset with `exact` and `z` (NaN where float32 rounding exceeds the standard error, as at time 0; infinite
        where a mean without sampling noise is wrong), `trusted` (whether the normal law of z can be relied on), and per
        cell `feedback` H (stable iff H < 1, equation (*); for logistic regression the learning rate over the lower of
        its two ceilings) and `verdict`: "disagrees" (a trusted |z| beyond the bound), "unstable" (H >= 1: diverges, or,
        for logistic regression, oscillates or saturates, and stays bounded), "untested" (no trusted point) or "agrees".
        `limit`, if a scaling is known, holds what the limit ODE says at the same times, NaN where there is none (label
        noise, below the frontier exponent) and for moments that it leaves open. For logistic regression `exact` is the
        recursion of one-step means; `bias` is how far fluctuations shift the mean from it and `spread` the predicted
        standard deviation of one trajectory, both to leading order in 1/d. Attributes: z_count, z_fraction (share of
        trusted |z| < 1.96) with z_fraction_std_error and z_fraction_bound, z_largest, z_bound, and `verdict` of the
        whole: "agrees", "disagrees" or "untested".

    Raises:
        ValueError: the dataset was made with another optimizer, for which no exact moments are known, or from another
            scaling.
    """
    if dataset.attrs.get("optimizer") != "heavy_ball":
        raise ValueError(f"dataset must come from a HeavyBall optimizer, got {dataset.attrs.get('optimizer')!r}")
    mean = dataset["mean"]
    cell_dims = mean.dims[:-2]
    theory = references.reference(dataset)
    with np.errstate(all="ignore"):
        z, trusted = _scores(dataset, theory)
    magnitude = np.where(trusted, np.abs(z), np.nan)
    count = int(trusted.sum())
    bound = chance(count, dataset.attrs["trajectories"])
    verdicts = _verdicts(magnitude, theory.feedback, bound)
    fraction, spread, fraction_bound = fraction_inside(magnitude)
    disagrees = fraction < fraction_bound or (verdicts == "disagrees").any()
    if (limit := references.limit(dataset, scaling)) is not None:
        dataset = dataset.assign(limit=(mean.dims, limit))
    if theory.spread is not None:
        dataset = dataset.assign(bias=(mean.dims, theory.bias), spread=(mean.dims, theory.spread))
    return dataset.assign(
        exact=(mean.dims, theory.exact),
        z=(mean.dims, z),
        trusted=(mean.dims, trusted),
        feedback=(cell_dims, theory.feedback),
        verdict=(cell_dims, verdicts),
    ).assign_attrs(
        z_count=count,
        z_fraction=fraction,
        z_fraction_std_error=spread,
        z_fraction_bound=fraction_bound,
        z_largest=float(np.nanmax(magnitude)) if count else math.nan,
        z_bound=bound,
        verdict="disagrees" if disagrees else "agrees" if count else "untested",
    )


def chance(count: int, trajectories: int) -> float:
    """The largest |z| of so many that chance explains (Bonferroni, Student)."""
    return float(stats.t.isf(FALSE_ALARM / 2 / max(1, count), trajectories - 1))


def judge(z: np.ndarray, trajectories: int) -> tuple[float, str]:
    """The bound on |z| of all scores that are numbers, and what they say together: a verdict as of `compare`."""
    count = int((~np.isnan(z)).sum())
    bound = chance(count, trajectories)
    return bound, "disagrees" if (np.abs(z) > bound).any() else "agrees" if count else "untested"


def enough(trajectories: int) -> float:
    """Trajectories that must carry a mean for it to be trusted."""
    return max(MIN_EFFECTIVE_SIZE, MIN_EFFECTIVE_SHARE * trajectories)


def _scores(dataset: xr.Dataset, theory: Reference) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and whether each is trusted, both of the shape of the mean."""
    mean, error, effective = (dataset[name].values for name in ("mean", "std_error", "effective_sample_size"))
    trajectories = dataset.attrs["trajectories"]
    expected, scale = theory.exact + theory.bias, _scales(dataset, theory)
    overlooked = trajectories * theory.rare < MIN_RARE_EVENTS

    # A seldom class of logistic regression carries the means, an idle minibatch of least squares its own share alone.
    matters = (theory.rare * scale > 0.1 * error) if theory.spread is None else np.bool_(True)
    random = error > ROUNDING * scale
    trusted = random & theory.holds & (effective >= enough(trajectories)) & ~(overlooked & matters)
    stable = theory.feedback[..., None, None] < 1.0
    there = dataset["status"].values[..., None, None] != "failed" if "status" in dataset else np.bool_(True)
    judged = ~random & there & stable & theory.holds & ~overlooked & (scale > SMALLEST) & (scale < LARGEST)
    wrong = judged & ~(np.abs(mean - expected) <= DETERMINISTIC * scale)
    z = np.where(random, (mean - expected) / error, np.where(wrong, np.inf, np.nan))
    return z, (trusted & np.isfinite(z)) | wrong


def _scales(dataset: xr.Dataset, theory: Reference) -> np.ndarray:
    """What rounding is relative to. C may pass through zero: for it sqrt(R V), its bound; likewise what has a sign."""
    exact = dict(zip(dataset["moment"].values, np.moveaxis(theory.exact, -1, 0), strict=True))
    scales = {name: np.abs(values) for name, values in exact.items()}
    scales["C"] = np.sqrt(np.abs(exact["R"] * exact["V"]))
    if "theta_par" in exact:
        scales["theta_par"] = np.hypot(exact["theta_par"], np.sqrt(np.abs(exact["R"])))
        scales["m_par"] = np.hypot(exact["m_par"], np.sqrt(np.abs(exact["V"])))
    return np.stack(list(scales.values()), axis=-1)


def fraction_inside(magnitude: np.ndarray) -> tuple[float, float, float]:
    """Share of |z| < 1.96, its standard error over cells, and the least share that chance explains.

    Args:
        magnitude: |z| (cell dims..., time, moment), NaN where not trusted.
    """
    cells = magnitude.reshape(-1, magnitude.shape[-2] * magnitude.shape[-1])
    points, inside = (~np.isnan(cells)).sum(axis=1), (cells < 1.96).sum(axis=1)
    if not points.any():
        return math.nan, math.nan, 0.0
    fraction = float(inside.sum() / points.sum())
    spread = float(np.sqrt(((inside - fraction * points) ** 2).sum()) / points.sum())
    tested = np.count_nonzero(points) >= MIN_CELLS
    return fraction, spread, float(0.95 - stats.norm.isf(FALSE_ALARM) * spread) if tested else 0.0


def _verdicts(magnitude: np.ndarray, feedback: np.ndarray, bound: float) -> np.ndarray:
    beyond = (magnitude > bound).any(axis=(-2, -1))
    tested = (~np.isnan(magnitude)).any(axis=(-2, -1))
    return np.select([beyond, feedback >= 1.0, ~tested], ["disagrees", "unstable", "untested"], default="agrees")
