"""Statistics over trajectories, reduced to sums on the device tile by tile and gathered in float64 on the host."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from sparsesim.simulation.binary import exponent_of, power_of_two

Array = Any

# Quartiles need the values themselves; this many trajectories give them, and bound the memory.
QUARTILE_TRAJECTORIES = 4096
# That of 0, which must not set the unit of others.
SMALLEST_EXPONENT = -(2**20)


class Record(NamedTuple):
    """Moments of trajectories, `(values + rests) * 2^exponent`.

    They leave the range of float32 long before they are done, and may move by less than its resolution.
    """

    values: Array  # (trajectory, time, moment) float32, within [1, 4) in size, or 0 or not finite
    rests: Array  # likewise, what the values round off, where it is known
    exponent: Array  # likewise, int32

    @property
    def numbers(self) -> np.ndarray:
        """What it stands for, float64; on the host."""
        return np.ldexp(self.values.astype(np.float64) + self.rests, self.exponent)


def record(values: jax.Array, rests: Array = 0.0, exponent: Array = 0) -> Record:
    """The record of values + rests in units of 2^exponent, any shape; runs on the device."""
    own = exponent_of(jnp.abs(values))
    own = jnp.where(own < 128, jnp.minimum(own, 126), 0)  # 2^-127 is no normal number
    scale = power_of_two(-own)
    units = jnp.where(values == 0.0, SMALLEST_EXPONENT, exponent + own)
    return Record(values * scale, jnp.zeros_like(values) + rests * scale, units.astype(jnp.int32))


class Summary(NamedTuple):
    """Sums over a tile's trajectories, of values in units of 2^exponent."""

    exponent: Array  # (time, moment) int32, as all that follow but float32
    centre: Array  # the mean, up to rounding
    first: Array  # sum of x - centre
    second: Array  # sum of (x - centre)^2
    absolute: Array  # sum of |x|


def summarise(record: Record, count: Array) -> Summary:
    """The summary of the first `count` trajectories of a tile; runs on the device."""
    present = (jnp.arange(record.exponent.shape[0]) < count)[:, None, None]
    unit = jnp.max(jnp.where(present, record.exponent, SMALLEST_EXPONENT), axis=0)
    scale = power_of_two(record.exponent - unit)
    values = jnp.where(present, record.values * scale, 0.0)
    centre = values.sum(axis=0) / count
    deviation = jnp.where(present, (values - centre) + record.rests * scale, 0.0)
    first = jnp.where(jnp.isfinite(centre), deviation.sum(axis=0), 0.0)  # an infinite mean stays one
    return Summary(unit, centre, first, (deviation**2).sum(axis=0), jnp.abs(values).sum(axis=0))


class Statistics:
    """Mean, standard error, effective sample size and quartiles of one cell's records.

    Tiles are merged in the order of their trajectories (Chan, Golub and LeVeque 1983), so the result does not depend
    on how the work was grouped. Values that overflowed stay what they are, inf or nan.
    """

    NAMES = ("mean", "std_error", "effective_sample_size", "lower_quartile", "median", "upper_quartile")
    _SUMS = ("count", "exponent", "sum", "deviations", "absolute")

    def __init__(self) -> None:
        self._count = 0
        self._exponent = np.zeros(())
        self._sum: np.ndarray | float = 0.0
        self._deviations: np.ndarray | float = 0.0
        self._absolute: np.ndarray | float = 0.0
        self._kept: list[np.ndarray] = []
        self._kept_count = 0

    def state(self) -> dict[str, np.ndarray]:
        """All there is so far, as copies: `restored` goes on from it."""
        sums = {name: np.array(value) for name, value in zip(self._SUMS, self._sums(), strict=True)}
        return {**sums, **({"kept": np.concatenate(self._kept)} if self._kept else {})}

    @classmethod
    def restored(cls, state: Mapping[str, np.ndarray]) -> "Statistics":
        """The statistics whose `state` that was."""
        statistics = cls()
        if not state["count"]:
            return statistics
        statistics._count = int(state["count"])
        statistics._exponent = np.array(state["exponent"])
        statistics._sum, statistics._deviations, statistics._absolute = (
            np.array(state[name]) for name in ("sum", "deviations", "absolute")
        )
        statistics._kept, statistics._kept_count = [np.array(state["kept"])], len(state["kept"])
        return statistics

    def _sums(self) -> tuple[object, ...]:
        return self._count, self._exponent, self._sum, self._deviations, self._absolute

    @property
    def wanted(self) -> int:
        """How many more trajectories' values the quartiles need."""
        return max(0, QUARTILE_TRAJECTORIES - self._kept_count)

    def add(self, summary: Summary, count: int, values: Record | None = None) -> None:
        """Add a tile of `count` trajectories; `values` are those of its first `wanted`, while any are."""
        if values is not None:
            with np.errstate(all="ignore"):
                self._kept.append(values.numbers)
            self._kept_count += len(self._kept[-1])
        exponent = summary.exponent.astype(np.int64)
        centre, first, second, absolute = (np.asarray(part, np.float64) for part in summary[1:])
        with np.errstate(all="ignore"):
            if self._count:
                exponent = np.maximum(self._exponent, exponent)
                centre, first, absolute = (
                    _shifted(part, summary.exponent - exponent) for part in (centre, first, absolute)
                )
                second = _shifted(second, 2 * (summary.exponent - exponent))
                self._sum, self._absolute = (
                    _shifted(part, self._exponent - exponent) for part in (self._sum, self._absolute)
                )
                self._deviations = _shifted(self._deviations, 2 * (self._exponent - exponent))
            mean = centre + first / count
            self._deviations += np.maximum(second - first**2 / count, 0.0)  # below 0 by rounding alone
            if self._count:
                shift = mean - self._sum / self._count
                self._deviations += shift**2 * (self._count * count / (self._count + count))
            self._sum += mean * count
            self._absolute += absolute
        self._count, self._exponent = self._count + count, exponent

    def result(self) -> dict[str, np.ndarray]:
        """Each statistic, shape (time, moment).

        `effective_sample_size` is (sum |x|)^2 / sum x^2, the number of trajectories that carry the mean: all of them
        when they are alike, few when a heavy tail does.
        """
        with np.errstate(all="ignore"):
            mean = self._sum / self._count
            squares = self._deviations + self._count * mean**2
            # Without interpolation: between a finite value and one that overflowed it would give nan.
            kept = np.concatenate(self._kept)
            quartiles = np.quantile(kept, [0.25, 0.5, 0.75], axis=0, method="inverted_cdf")
            values = (
                _shifted(mean, self._exponent),
                _shifted(np.sqrt(self._deviations / (self._count - 1) / self._count), self._exponent),
                np.where(squares > 0.0, self._absolute**2 / squares, float(self._count)),
                *quartiles,
            )
        return dict(zip(self.NAMES, map(np.asarray, values), strict=True))


def _shifted(values: np.ndarray | float, exponent: np.ndarray) -> np.ndarray:
    """Values times 2^exponent, (time, moment)."""
    return np.ldexp(values, exponent)
