"""The boundaries between phases, as straight lines in any plane of two exponents (section 5)."""

from dataclasses import dataclass

import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.transforms import ScaledTranslation

from sparsesim.figures.reading import EXPONENTS, constant, is_logistic

SPACE_PER_LETTER = 0.021  # what a letter takes of the side of a panel
GAP = 2.5 / 72  # inches between a line and its name


@dataclass(frozen=True)
class Boundary:
    """The plane normal . (alpha, beta, delta) = offset, and the names of the phases at its two sides."""

    normal: tuple[float, float, float]
    offset: float
    positive: str  # where normal . (alpha, beta, delta) > offset
    negative: str
    equation: str  # as it stands along the line
    batch: bool = False  # between batch regimes, rather than momentum phases


BOUNDARIES = (
    Boundary((1.0, -1.0, 0.0), -1.0, "dense", "concentrated", r"$\alpha = \beta - 1$", batch=True),
    Boundary((1.0, -1.0, 0.0), 0.0, "sparse", "dense", r"$\alpha = \beta$", batch=True),
    Boundary((-1.0, 1.0, 1.0), 1.0, "above resonance", "below resonance", r"$\delta = 1 - \beta + \alpha$"),
    Boundary((1.0, -1.0, -1.0), 0.0, "memoryless", "", r"$\delta = \alpha - \beta$"),
)


# No minibatch is idle: neither sparse batches nor memory that is gone between two of them.
LOGISTIC_BOUNDARIES = (
    Boundary((1.0, -1.0, 0.0), -1.0, "noise floor", "concentrated", r"$\alpha = \beta - 1$", batch=True),
    BOUNDARIES[2],
)


@dataclass(frozen=True)
class Line:
    """What a boundary leaves in a panel: a segment, directed to the right, or up if it is vertical."""

    boundary: Boundary
    start: np.ndarray  # (x, y)
    end: np.ndarray
    left: str  # names at its two sides, looking along it
    right: str

    @property
    def named_above(self) -> bool:
        """Whether its names stand above the panel: those of batch regimes at an upright line."""
        return self.boundary.batch and bool(self.start[0] == self.end[0])


def lines(dataset: xr.Dataset, x: str, y: str, box: tuple[float, float, float, float]) -> list[Line]:
    """The boundaries that cross the box (x low, x high, y low, y high) of the plane (x, y).

    An exponent on neither axis must be the same in all cells; a boundary that needs one which is not is left out.
    """
    boundaries = LOGISTIC_BOUNDARIES if is_logistic(dataset) else BOUNDARIES
    found = [_segment(boundary, dataset, x, y, box) for boundary in boundaries]
    return [line for line in found if line is not None]


def draw(ax: Axes, found: list[Line], along: bool = True) -> None:
    """Draw the lines on a heatmap, the names of the phases above the panel (upright lines) or `along` the lines."""
    for line in found:
        style = "-" if line.boundary.batch else (0, (4, 2))
        x, y = zip(line.start, line.end, strict=True)
        ax.plot(x, y, color="black", alpha=0.55, lw=2.0, scalex=False, scaley=False)
        ax.plot(x, y, color="white", lw=1.0, ls=style, scalex=False, scaley=False)
    name_above(ax, found)
    for line in found if along else []:
        if not line.named_above:
            _name_along(ax, line, [other for other in found if other is not line])


def title_pad(found: list[Line]) -> float:
    """Points between a panel and its title, with room for the names above the panel."""
    return 15.0 if any(line.named_above for line in found) else 5.0


def _segment(
    boundary: Boundary, dataset: xr.Dataset, x: str, y: str, box: tuple[float, float, float, float]
) -> Line | None:
    coefficients: dict[str, float] = dict(zip(EXPONENTS, boundary.normal, strict=True))
    a, b = coefficients.pop(x, 0.0), coefficients.pop(y, 0.0)
    c = boundary.offset
    for name, coefficient in coefficients.items():
        value = constant(dataset, name)
        if coefficient and value is None:
            return None
        c -= coefficient * (value or 0.0)
    ends = _crossings(a, b, c, box)
    if ends is None:
        return None
    start, end = ends
    along = end - start
    if along[0] < 0 or (along[0] == 0 and along[1] < 0):
        start, end, along = end, start, -along
    to_the_left = a * -along[1] + b * along[0]
    sides = (boundary.positive, boundary.negative)
    left, right = sides if to_the_left > 0 else sides[::-1]
    return Line(boundary, start, end, left, right)


def _crossings(
    a: float, b: float, c: float, box: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray] | None:
    """Where a x + b y = c enters and leaves the box; None if it does not pass through its inside."""
    low_x, high_x, low_y, high_y = box
    points = [(x, (c - a * x) / b) for x in (low_x, high_x)] if b else []
    points += [((c - b * y) / a, y) for y in (low_y, high_y)] if a else []
    inside = sorted({(x, y) for x, y in points if low_x <= x <= high_x and low_y <= y <= high_y})
    if len(inside) < 2 or not low_x < (inside[0][0] + inside[-1][0]) / 2 < high_x:
        return None
    if not low_y < (inside[0][1] + inside[-1][1]) / 2 < high_y:
        return None
    return np.array(inside[0], dtype=float), np.array(inside[-1], dtype=float)


def name_above(ax: Axes, found: list[Line]) -> None:
    """Names of the batch regimes just above the panel, each over the middle of its interval; not of the narrowest."""
    upright = sorted((line for line in found if line.named_above), key=lambda line: line.start[0])
    if not upright:
        return
    low, high = ax.get_xlim()
    borders = [low, *(line.start[0] for line in upright), high]
    names = [upright[0].left, *(line.right for line in upright)]
    for name, left, right in zip(names, borders[:-1], borders[1:], strict=True):
        if len(name) * SPACE_PER_LETTER > 2.0 * (right - left) / (high - low):
            continue
        ax.text((left + right) / 2, 1.015, name, transform=ax.get_xaxis_transform(), ha="center", va="bottom", size=7)


def _name_along(ax: Axes, line: Line, others: list[Line]) -> None:
    """Names at both sides of a line, on its longest piece that no other line crosses, if there is room."""
    along = line.end - line.start
    cuts = sorted([0.0, 1.0, *(t for other in others if (t := meeting(line, other)) is not None)])
    longest = int(np.argmax(np.diff(cuts)))
    piece = cuts[longest + 1] - cuts[longest]
    # Neighbours are often parallel: names at different places along them do not touch.
    place = line.start + along * (cuts[longest] + piece * (0.36 if line.boundary.batch else 0.6))
    room = piece * float(np.linalg.norm(along / [np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())]))
    for name, side in ((line.left, 1), (line.right, -1)):
        if name and len(name) * SPACE_PER_LETTER < room:
            _name(ax, name, place, along, side)


def _name(ax: Axes, name: str, place: np.ndarray, along: np.ndarray, side: int) -> None:
    """One name beside a line (side 1: left of it, -1: right), turned with it."""
    spans = np.array([np.ptp(ax.get_xlim()), np.ptp(ax.get_ylim())])
    direction = along / spans / np.linalg.norm(along / spans)
    outward = side * np.array([-direction[1], direction[0]])
    colour, halo = ink(ax, place + 0.05 * outward * spans)
    shift_x, shift_y = outward * GAP
    figure = ax.get_figure(root=True)
    assert figure is not None
    shift = ScaledTranslation(shift_x, shift_y, figure.dpi_scale_trans)
    text = ax.text(
        float(place[0]),
        float(place[1]),
        name,
        transform=ax.transData + shift,
        rotation=float(np.degrees(np.arctan2(along[1], along[0]))),
        rotation_mode="anchor",
        transform_rotates_text=True,
        ha="center",
        va="bottom" if side > 0 else "top",
        color=colour,
        size=7,
    )
    text.set_path_effects([patheffects.withStroke(linewidth=1.5, foreground=halo, alpha=0.5)])


def ink(ax: Axes, place: np.ndarray) -> tuple[str, str]:
    """(colour, halo) of text at a place of a heatmap: dark on light ground, light on dark."""
    mesh = next(artist for artist in ax.collections if isinstance(artist, QuadMesh))
    corners = np.asarray(mesh.get_coordinates())
    rows, columns = corners.shape[0] - 1, corners.shape[1] - 1
    column = int(np.clip(np.searchsorted(corners[0, :, 0], place[0]) - 1, 0, columns - 1))
    row = int(np.clip(np.searchsorted(corners[:, 0, 1], place[1]) - 1, 0, rows - 1))
    values = np.ma.reshape(mesh.get_array(), (rows, columns))[row : row + 1, column]
    luminance = float(np.dot(mesh.to_rgba(values)[0, :3], (0.299, 0.587, 0.114)))
    return ("black", "white") if luminance > 0.5 else ("white", "black")


def meeting(line: Line, other: Line) -> float | None:
    """At which fraction of `line` the other one crosses it; None if it does not."""
    along, across = line.end - line.start, other.end - other.start
    determinant = along[0] * across[1] - along[1] * across[0]
    if determinant == 0:
        return None
    gap = other.start - line.start
    t = (gap[0] * across[1] - gap[1] * across[0]) / determinant
    u = (gap[0] * along[1] - gap[1] * along[0]) / determinant
    return float(t) if 0 < t < 1 and 0 <= u <= 1 else None
