"""The open regions of the (alpha, delta) plane as polygons, and where a text fits into one (theory section 5)."""

import numpy as np
from scipy.optimize import linprog

from sparsesim.figures.boundaries import BOUNDARIES

# On which side of each of BOUNDARIES a region lies: 1 positive, -1 negative, 0 either.
SIDES = {
    "A": (-1, 0, 0, 0),
    "B": (1, -1, -1, 0),
    "C": (1, -1, 1, 0),
    "D": (1, 1, -1, 1),
    "E": (1, 1, -1, -1),
    "F": (1, 1, 1, -1),
}
ROUNDING = 1e-12
PULL = 0.05  # how much clearance a text gives up to be closer to the centre, per unit of distance


def polygon(region: str, beta: float, box: tuple[float, float, float, float]) -> np.ndarray:
    """Corners (n, 2) of a region within (alpha low, high, delta low, high), anticlockwise; none if it is outside."""
    low_x, high_x, low_y, high_y = box
    corners = np.array([(low_x, low_y), (high_x, low_y), (high_x, high_y), (low_x, high_y)])
    for boundary, side in zip(BOUNDARIES, SIDES[region], strict=True):
        a, b, c = boundary.normal
        corners = _clipped(corners, side * np.array([a, c]), side * (boundary.offset - b * beta))
    return corners if area(corners) > ROUNDING else np.empty((0, 2))


def area(corners: np.ndarray) -> float:
    """The area of a polygon with anticlockwise corners."""
    x, y = corners.T
    return 0.5 * float(np.sum(x * np.roll(y, -1) - y * np.roll(x, -1))) if len(corners) else 0.0


def room(
    corners: np.ndarray, width: float, height: float, enough: float, centre: np.ndarray
) -> tuple[np.ndarray, float]:
    """Where a text fits best in a convex polygon: (its middle, its distance to the sides, below 0 if it sticks out).

    Beyond `enough` distance is of no more use, and the text goes where it is closest to `centre`.
    """
    along = np.roll(corners, -1, axis=0) - corners
    along = along[long := np.hypot(*along.T) > ROUNDING]
    outward = np.stack([along[:, 1], -along[:, 0]], axis=1) / np.hypot(*along.T)[:, None]
    offset = np.sum(outward * corners[long], axis=1)
    # A linear program: x, y, clearance t, and |x - centre|, |y - centre| from above as two variables more.
    sides = np.column_stack([outward, np.ones(len(outward)), np.zeros((len(outward), 2))])
    reach = np.abs(outward) @ np.array([width, height]) / 2
    distances = np.array([[1, 0, 0, -1, 0], [-1, 0, 0, -1, 0], [0, 1, 0, 0, -1], [0, -1, 0, 0, -1]], dtype=float)
    bounds = [(None, None), (None, None), (None, enough), (0, None), (0, None)]
    solved = linprog(
        [0, 0, -1, PULL, PULL],
        A_ub=np.vstack([sides, distances]),
        b_ub=np.concatenate([offset - reach, np.kron(centre, [1, -1])]),
        bounds=bounds,
    )
    return solved.x[:2], float(solved.x[2])


def overlap(first: np.ndarray, second: np.ndarray) -> bool:
    """Whether two convex polygons have a point in common: no side of either has all of the other beyond it."""
    for corners, other in ((first, second), (second, first)):
        along = np.roll(corners, -1, axis=0) - corners
        outward = np.stack([along[:, 1], -along[:, 0]], axis=1)
        beyond = other @ outward.T > np.sum(outward * corners, axis=1)
        if beyond.all(axis=0).any():
            return False
    return True


def _clipped(corners: np.ndarray, normal: np.ndarray, offset: float) -> np.ndarray:
    """The part of a convex polygon where normal . point >= offset; all of it for the normal zero."""
    if not len(corners) or not normal.any():
        return corners
    height = corners @ normal - offset
    kept = []
    for i in range(len(corners)):
        j = (i + 1) % len(corners)
        if height[i] >= 0:
            kept.append(corners[i])
        if height[i] * height[j] < 0:
            kept.append(corners[i] + (corners[j] - corners[i]) * height[i] / (height[i] - height[j]))
    return np.array(kept).reshape(-1, 2)
