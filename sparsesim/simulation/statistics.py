"""Statistics over trajectories, gathered block by block in float64 without keeping the paths."""

import numpy as np

# Quartiles need the values themselves; this many trajectories give them, and bound the memory.
QUARTILE_TRAJECTORIES = 4096


class Statistics:
    """Mean, standard error, effective sample size and quartiles of one cell's records.

    Blocks are merged in the order of their trajectories (Chan, Golub and LeVeque 1983), so the result does not depend
    on how the work was grouped. Values that overflowed stay what they are, inf or nan.
    """

    NAMES = ("mean", "std_error", "effective_sample_size", "lower_quartile", "median", "upper_quartile")

    def __init__(self) -> None:
        self._count = 0
        self._sum: np.ndarray | float = 0.0
        self._deviations: np.ndarray | float = 0.0
        self._absolute: np.ndarray | float = 0.0
        self._kept: list[np.ndarray] = []
        self._kept_count = 0

    def add(self, records: np.ndarray) -> None:
        """Add a block of records (trajectory, time, moment)."""
        if room := max(0, QUARTILE_TRAJECTORIES - self._kept_count):
            self._kept.append(records[:room])
            self._kept_count += len(self._kept[-1])
        with np.errstate(all="ignore"):
            values = records.astype(np.float64)
            count, mean = len(values), values.mean(axis=0)
            self._deviations += ((values - mean) ** 2).sum(axis=0)
            if self._count:
                shift = mean - self._sum / self._count
                self._deviations += shift**2 * (self._count * count / (self._count + count))
            self._sum += values.sum(axis=0)
            self._absolute += np.abs(values).sum(axis=0)
            self._count += count

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
                mean,
                np.sqrt(self._deviations / (self._count - 1) / self._count),
                np.where(squares > 0.0, self._absolute**2 / squares, float(self._count)),
                *quartiles,
            )
        return dict(zip(self.NAMES, map(np.asarray, values), strict=True))
