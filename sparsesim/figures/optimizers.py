"""Optimizers compared on one vocabulary: loss against time, and what every token has left."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from sparsesim.figures import style

COLOURS = (style.GREY, style.BLUE, style.VERMILLION, style.GREEN, style.PURPLE)
MARKERS = ("o", "s", "^", "D", "v")


@style.styled
def optimizers(dataset: xr.Dataset) -> Figure:
    """Exact lines, and simulated points with their standard errors."""
    figure, axes = style.new_figure(1, 2, width=style.DOUBLE, height=3.4)
    left, right = axes[0]
    time = dataset["time"].values
    later = time > 0
    p = dataset["p"].isel(optimizer=0, missing_dims="ignore").values
    start = 0.5 * p.sum()
    shown = np.unique(np.rint(np.geomspace(1, p.size, 12)).astype(int)) - 1
    for name, colour, marker in zip(dataset["optimizer"].values, COLOURS, MARKERS, strict=True):
        of = dataset.sel(optimizer=name)
        left.plot(time[later], of["loss"][later] / start, color=colour, lw=1.1)
        left.errorbar(time[later], of["loss_simulated"][later] / start, of["loss_std_error"][later] / start, fmt=marker,
                      ms=3.4, mew=0, elinewidth=0.8, color=colour, label=str(of["words"].item()))  # fmt: skip
        last = of.isel(time=-1)
        right.plot(p, last["risk"], color=colour, lw=1.1)
        right.errorbar(p[shown], last["mean"][shown], last["std_error"][shown], fmt=marker, ms=3.4, mew=0,
                       elinewidth=0.8, color=colour)  # fmt: skip
    left.set(xscale="log", yscale="log", xlabel="minibatches", ylabel="excess loss over that at the start")
    right.set(xscale="log", yscale="log", xlabel="frequency $p$", ylabel="squared error $R$ of a token at the end")
    right.invert_xaxis()
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    attrs = dataset.attrs
    figure.suptitle(
        f"Each optimizer at its best: {p.size:,} tokens, $d$ = {attrs['d']:,}, $B$ = {attrs['B']:,}, "
        f"label noise {attrs['label_noise']:g}\nlines exact, points simulated as written, with shared minibatches",
        x=0.012, ha="left")  # fmt: skip
    return figure
