"""Minibatches and tokens to a target against the batch size, with the bends."""

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from sparsesim.figures import style

COLOURS = {"sgd": style.VERMILLION, "momentum": style.BLUE, "fixed": style.GREY}
MARKERS = {"sgd": "o", "momentum": "s", "fixed": "^"}


@style.styled
def critical_batch(dataset: xr.Dataset) -> Figure:
    """Simulated points on exact curves, the predicted asymptotes, and where they meet."""
    attrs = dataset.attrs
    figure, axes = style.new_figure(1, 2, width=style.DOUBLE, height=3.7, sharex=True)
    left, right = axes[0]
    sizes = dataset["batch_size"].values
    names = {"sgd": "plain SGD", "momentum": "best momentum",
             "fixed": rf"$\mu$ = {1.0 - attrs['given_eps']:.4g}"}  # fmt: skip
    target = attrs["target"]
    for method, colour in COLOURS.items():
        of = dataset.sel(optimizer=method)
        for ax, factor in ((left, 1.0), (right, sizes)):
            ax.plot(sizes, factor * of["steps_exact"], color=colour, lw=1.1)
            ax.errorbar(sizes, factor * of["steps"], factor * of["steps_std_error"], fmt=MARKERS[method], ms=3.6, mew=0,
                        color=colour, elinewidth=0.8, label=names[method])  # fmt: skip
        least = target * float(of["least_steps_per_e_fold"])
        left.plot(sizes, np.full(sizes.size, least), color=colour, lw=0.8, ls=":")
    samples = target * attrs["samples_per_e_fold"]
    left.plot(sizes, samples / sizes, color=style.INK, lw=0.8, ls=":", label="predicted asymptotes, in e-folds")
    right.axhline(samples, color=style.INK, lw=0.8, ls=":")
    for method in ("sgd", "momentum"):
        of = dataset.sel(optimizer=method)
        for ax in (left, right):
            ax.axvline(float(of["critical_batch"]), color=COLOURS[method], lw=0.9, ls="--")
            ax.axvline(float(of["bend"]), color=COLOURS[method], lw=0.9)
    for line, name in (("-", "measured bend"), ("--", "predicted bend")):
        left.plot([], [], color=style.INK, lw=0.9, ls=line, label=name)
    steps, least = dataset["steps_exact"], target * float(dataset["least_steps_per_e_fold"].min())
    left.set(ylim=(0.4 * min(float(steps.min()), least), 3.0 * float(steps.max())),
             ylabel=f"minibatches to $e^{{-{target:g}}}$ of the squared error")  # fmt: skip
    right.set(ylabel="tokens to the same target")
    for ax in (left, right):
        ax.set(xscale="log", yscale="log", xlabel="batch size $B$, tokens")
    figure.legend(*left.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    ratio = attrs["most_frequent"] / attrs["rarest"]
    figure.suptitle(
        f"Momentum moves the critical batch up, by about $\\sqrt{{p_1/p_V}}$ = {ratio**0.5:,.0f}: "
        f"{attrs['types']:,} tokens, $d$ = {attrs['width']:,}", x=0.012, ha="left")  # fmt: skip
    return figure
