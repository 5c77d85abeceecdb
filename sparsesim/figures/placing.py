"""Text in a panel that never covers other text, a line or a border: it moves aside, and is left out where it cannot.

A panel must have its final size before anything is placed: `figure.draw_without_rendering()`. Polygons are in pixels.
"""

import itertools
from collections.abc import Iterator

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.offsetbox import AnnotationBbox, TextArea, VPacker
from matplotlib.text import Text
from matplotlib.transforms import ScaledTranslation

from sparsesim.figures import boundaries, regions
from sparsesim.figures.boundaries import GAP, Line

CLEARANCES = (0.14, 0.05)  # inches between the name of an area and its border: wished for, and needed


class Panel:
    """What is taken of a panel, and how to take more of it."""

    def __init__(self, ax: Axes, lines: list[Line]) -> None:
        figure = ax.get_figure(root=True)
        assert figure is not None
        self.ax, self.figure = ax, figure
        self.border = box(*ax.bbox.extents)
        self.taken = [ax.transData.transform(np.array([line.start, line.end])) for line in lines]

    def equation(self, line: Line, others: list[Line], name: str = "", va: str = "bottom") -> None:
        """Write the equation of a line along it: of an upright one near its foot, or about the middle of its longest
        piece that no other line crosses; on its left side (`va` "bottom"), or else on its right.
        """
        along = line.end - line.start
        cuts = sorted([0.0, 1.0, *(t for other in others if (t := boundaries.meeting(line, other)) is not None)])
        longest = int(np.argmax(np.diff(cuts)))
        best = cuts[longest] + np.diff(cuts)[longest] * (0.2 if line.named_above else 0.5)
        fractions = [best, *sorted(np.linspace(0.05, 0.95, 19), key=lambda fraction: abs(fraction - best))]
        for side, fraction in itertools.product((va, "bottom" if va == "top" else "top"), fractions):
            normal = np.array([-along[1], along[0]]) / np.hypot(*along) * (1 if side == "bottom" else -1)
            shift_x, shift_y = (normal * GAP).tolist()
            x, y = (line.start + along * fraction).tolist()
            shift = ScaledTranslation(shift_x, shift_y, self.figure.dpi_scale_trans)
            text = self.ax.text(
                x, y, name + line.boundary.equation, ha="center", va=side, size=7,
                rotation=float(np.degrees(np.arctan2(along[1], along[0]))), rotation_mode="anchor",
                transform_rotates_text=True, transform=self.ax.transData + shift,
            )  # fmt: skip
            if self._keep(text):
                return

    def point(self, x: float, y: float, name: str, colour: str) -> None:
        """Name a point from one of its four corners."""
        place = self.ax.transData.transform((x, y))
        self.taken.append(box(*(place - 0.02 * self.figure.dpi), *(place + 0.02 * self.figure.dpi)))
        for (across, ha), (up, va) in [((-5, "right"), (4, "bottom")), ((6, "left"), (-4, "top")),
                                       ((6, "left"), (4, "bottom")), ((-5, "right"), (-4, "top"))]:  # fmt: skip
            if self._keep(self.ax.annotate(name, (x, y), xytext=(across, up), textcoords="offset points", ha=ha, va=va,
                                           annotation_clip=False, color=colour)):  # fmt: skip
                return

    def area(self, corners: np.ndarray, letter: str, name: str) -> None:
        """Write a letter and, where there is room, a name at the visual centre of a convex polygon in data units."""
        outline = self.ax.transData.transform(corners)
        for words, (inches, centre) in itertools.product(
            (name, ""), itertools.product(CLEARANCES, list(_centres(outline)))
        ):
            parts: list[Artist] = [TextArea(letter, textprops={"size": 12, "weight": "bold"})]
            parts += [TextArea(words, textprops={"size": 7, "multialignment": "center"})] if words else []
            label = AnnotationBbox(VPacker(children=parts, align="center", pad=0, sep=2), (0, 0), frameon=False, pad=0)
            label.set(in_layout=False, gid=letter)
            self.ax.add_artist(label)
            (width, height), clear = label.get_window_extent().size, inches * self.figure.dpi
            place, clearance = regions.room(outline, width, height, clear, centre)
            covered = place + box(-width / 2, -height / 2, width / 2, height / 2)
            if clearance > 0.99 * clear and self._free(covered):
                self.taken.append(covered)
                label.xy = label.xybox = tuple(self.ax.transData.inverted().transform(place))
                return
            label.remove()

    def _keep(self, text: Text) -> bool:
        """Keep a text if it is free, or remove it."""
        covered = corners(text)
        if not self._free(covered):
            text.remove()
            return False
        self.taken.append(covered)
        return True

    def _free(self, covered: np.ndarray) -> bool:
        low, high = self.border[0], self.border[2]
        inside = bool(((covered >= low) & (covered <= high)).all())
        return inside and not any(regions.overlap(covered, other) for other in self.taken)


def corners(text: Text) -> np.ndarray:
    """The corners of a text in pixels, turned as it is: the box that matplotlib knows is not."""
    angle, ax = np.radians(text.get_rotation()), text.axes
    if angle == 0.0 or not isinstance(ax, Axes):
        return box(*text.get_window_extent().extents)
    level = ax.text(*text.get_position(), text.get_text(), transform=text.get_transform(),
                    ha=text.get_horizontalalignment(), va=text.get_verticalalignment(),
                    size=text.get_fontsize())  # fmt: skip
    straight = box(*level.get_window_extent().extents)
    level.remove()
    anchor = text.get_transform().transform(text.get_position())
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    return anchor + (straight - anchor) @ turn


def box(left: float, bottom: float, right: float, top: float) -> np.ndarray:
    """The corners of an upright rectangle, anticlockwise."""
    return np.array([(left, bottom), (right, bottom), (right, top), (left, top)])


def _centres(outline: np.ndarray) -> Iterator[np.ndarray]:
    """The middle of a polygon and, for where that is taken, places between it and the corners, nearest first."""
    middle = outline.mean(axis=0)
    yield middle
    for corner in sorted(outline, key=lambda corner: float(np.hypot(*(corner - middle)))):
        yield middle + (corner - middle) / 3
