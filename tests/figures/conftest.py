"""Compared datasets made up on the spot: the shape that `compare` leaves, values that are easy to find again."""

from collections.abc import Callable

import numpy as np
import pytest
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.container import ErrorbarContainer
from matplotlib.figure import Figure

from sparsesim.figures import style

Maker = Callable[..., xr.Dataset]
RECORDS = 6


@pytest.fixture
def make() -> Maker:
    """A maker of datasets: sweep axes by name, then feedback over the cells, scalar coordinates and attributes."""

    def build(axes: dict[str, list[float]], feedback: np.ndarray | float = 0.2, **scalars: float) -> xr.Dataset:
        rng = np.random.default_rng(1)
        dims, shape = tuple(axes), tuple(len(values) for values in axes.values())
        full, time = (*dims, "time", "moment"), np.arange(RECORDS) * 10
        rate = np.linspace(0.1, 0.02, int(np.prod(shape))).reshape(shape)
        exact = np.exp(-rate[..., None, None] * time[:, None]) * np.array([1.0, 0.1, 0.01])
        exact[..., 0, 1:] = 0.0
        error = np.where(exact > 0, 0.05 * exact, 0.0)
        z = np.where(error > 0, rng.standard_normal(exact.shape), np.nan)
        mean = exact + np.nan_to_num(z) * error
        values = {
            "mean": mean,
            "std_error": error,
            "effective_sample_size": np.full(exact.shape, 90.0),
            "lower_quartile": 0.8 * mean,
            "median": 0.95 * mean,
            "upper_quartile": 1.2 * mean,
            "exact": exact,
            "z": z,
            "trusted": np.isfinite(z),
        }
        feedback = np.broadcast_to(feedback, shape)
        cells = {"feedback": (dims, feedback), "verdict": (dims, np.where(feedback < 1, "agrees", "unstable"))}
        coords = {**axes, "time": time, "moment": ["R", "V", "C"], **scalars}
        coords["clock_time"] = ((*dims, "time"), np.broadcast_to(time, (*shape, RECORDS)))
        attrs = {"clock": "active", "trajectories": 100, "z_bound": 5.0}
        return xr.Dataset({name: (full, v) for name, v in values.items()} | cells, coords, attrs)

    return build


@pytest.fixture
def plane(make: Maker) -> xr.Dataset:
    """An (alpha, delta) plane with beta = 0.5, stable throughout."""
    return make({"alpha": [0.0, 0.5, 1.0, 1.5], "delta": [0.0, 0.5, 1.0, 1.5, 2.0]}, d=50, beta=0.5)


@pytest.fixture
def mesh() -> Callable[[Axes], QuadMesh]:
    """Finds the heatmap of a panel."""
    return lambda ax: next(artist for artist in ax.collections if isinstance(artist, QuadMesh))


@pytest.fixture
def bars() -> Callable[[ErrorbarContainer], np.ndarray]:
    """Half the lengths of upright error bars."""

    def lengths(container: ErrorbarContainer) -> np.ndarray:
        segments = np.array([np.asarray(path.vertices) for path in container.lines[2][0].get_paths()])
        return (segments[:, 1, 1] - segments[:, 0, 1]) / 2.0

    return lengths


@pytest.fixture
def inside() -> Callable[[Figure], None]:
    """Asserts that all that is drawn lies on the figure."""

    def check(figure: Figure) -> None:
        with style.context():
            for _ in range(2):  # with ticks that the first has made
                figure.canvas.draw()
            drawn = figure.get_tightbbox(figure.canvas.get_renderer())  # pyright: ignore[reportAttributeAccessIssue]
        width, height = figure.get_size_inches()
        assert 0 <= drawn.x0 < drawn.x1 <= width
        assert 0 <= drawn.y0 < drawn.y1 <= height

    return check
