"""One look for every figure, and how a figure comes to exist and gets to disk.

Nothing here touches pyplot or the rcParams a user has set: figures own their canvas, and the style holds only inside
`context()`.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import wraps
from pathlib import Path
from typing import Any, Literal, ParamSpec, TypeVar

import matplotlib
import matplotlib.style
import numpy as np
from cycler import cycler
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogFormatterSciNotation, LogLocator, MaxNLocator, NullLocator

from sparsesim.store import replacing

SINGLE, DOUBLE = 3.4, 7.0  # inches: one and two columns of a paper
DPI = 200

# Okabe and Ito's palette: told apart by colour-blind readers; roles also differ in marker, dash or hatch.
BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE = "#0072B2", "#D55E00", "#009E73", "#E69F00", "#56B4E9", "#CC79A7"
INK, GREY, MISSING = "#1a1a1a", "#767676", "#a3a3a3"
# The sequential map is dark at the high end, where the slow and the unstable cells are: white marks show on it.
SEQUENTIAL, DIVERGING = "viridis_r", "RdBu_r"

RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # it comes with matplotlib: the same picture on every machine
    "mathtext.fontset": "dejavusans",
    "font.size": 7.5,
    "axes.titlesize": 8,
    "axes.titlelocation": "left",
    "axes.labelsize": 8,
    "figure.titlesize": 8,
    "xtick.labelsize": 7,
    "ytick.labelsize": 7,
    "legend.fontsize": 7,
    "legend.frameon": False,
    "legend.handlelength": 1.8,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.prop_cycle": cycler(color=[BLUE, VERMILLION, GREEN, ORANGE, SKY, PURPLE]),
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.1,
    "lines.markersize": 3.0,
    "lines.solid_capstyle": "round",
    "hatch.linewidth": 0.5,
    "figure.constrained_layout.h_pad": 0.04,
    "figure.constrained_layout.w_pad": 0.04,
    "pdf.fonttype": 42,  # text stays text: journals refuse Type 3 fonts
    "image.composite_image": False,
}

P = ParamSpec("P")
T = TypeVar("T")


def context() -> AbstractContextManager[None]:
    """The style, on top of matplotlib's defaults; the user's own rcParams return on exit."""
    return matplotlib.style.context(RC, after_reset=True)


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """Decorator: run `draw` inside the style."""

    @wraps(draw)
    def wrapper(*args: P.args, **kwargs: P.kwargs) -> T:
        """Draw inside the style."""
        with context():
            return draw(*args, **kwargs)

    return wrapper


def sequence(count: int) -> list[Any]:
    """So many colours from light to dark, for curves in an order."""
    return list(matplotlib.colormaps["viridis_r"](np.linspace(0.15, 1.0, count)))


def new_figure(
    rows: int = 1,
    columns: int = 1,
    *,
    width: float = SINGLE,
    height: float = 2.6,
    sharex: bool | Literal["none", "all", "row", "col"] = False,
    sharey: bool | Literal["none", "all", "row", "col"] = False,
    height_ratios: list[float] | None = None,
) -> tuple[Figure, np.ndarray]:
    """A figure in inches with its own canvas and constrained layout, and its axes as an array (rows, columns)."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(
        rows, columns, squeeze=False, sharex=sharex, sharey=sharey, gridspec_kw={"height_ratios": height_ratios}
    )
    return figure, axes


def plain_log_ticks(axis: Axis, low: float, high: float) -> None:
    """Label a logarithmic axis that spans less than two decades at round numbers, written out where they are short."""
    decades = np.log10(high) - np.log10(low)
    if decades >= 2.0:
        return
    axis.set_major_locator(MaxNLocator(4) if decades < 0.7 else LogLocator(subs=(1.0, 2.0, 5.0)))
    axis.set_minor_locator(NullLocator())
    if low > 1e-3 and high < 1e5:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
    else:
        axis.set_major_formatter(LogFormatterSciNotation(minor_thresholds=(np.inf, np.inf)))


def save(figure: Figure, folder: str | Path, name: str) -> list[Path]:
    """Write `folder/name.pdf` and `folder/name.png`; a reader finds the old file or the new one, never half of one.

    The folder is made if it is missing. The PDF carries no date, so that equal data give equal files.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    metadata: dict[str, dict[str, Any]] = {"pdf": {"CreationDate": None}, "png": {}}
    paths = [folder / f"{name}.{kind}" for kind in metadata]
    with context():
        for path, (kind, data) in zip(paths, metadata.items(), strict=True):
            with replacing(path) as unfinished:
                figure.savefig(unfinished, format=kind, dpi=DPI, metadata=data)
    return paths
