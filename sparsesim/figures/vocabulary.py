"""A vocabulary under one momentum: its spectrum in the phase plane, learning curves, loss over optimizers, sparsity."""

from typing import Any

import matplotlib
import numpy as np
import xarray as xr
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator, PercentFormatter

from sparsesim.figures import labels, style
from sparsesim.figures.phase_plane import heatmap
from sparsesim.vocabulary import NEAR

SIDES = {"above": style.VERMILLION, "near": style.ORANGE, "below": style.BLUE}
BATCHES = {"sparse": style.SKY, "dense": style.ORANGE, "concentrated": style.VERMILLION}
BINS = 60  # of the spectrum
NARROW = 0.01  # of its axis, on both sides of the tokens
LOWEST = 1e-4  # of a loss, as a share of the first, that is shown


@style.styled
def spectrum(dataset: xr.Dataset) -> Figure:
    """The tokens in the plane of sparsity and momentum decay, and how the text lies over them."""
    attrs = dataset.attrs
    log_d = np.log(attrs["d"])
    near = np.log(NEAR) / log_d
    alpha = -np.log(dataset["p"].values) / log_d
    beta, delta, kappa = (s * np.log(attrs[name]) / log_d for s, name in ((1, "B"), (-1, "eps"), (-1, "eta")))
    figure, axes = style.new_figure(2, 1, width=style.DOUBLE, height=4.4, sharex=True, height_ratios=[1.0, 1.5])
    top, plane = axes[:, 0]
    edges = np.linspace(alpha[0] - NARROW, alpha[-1] + NARROW, BINS + 1)
    places = 0.5 * (edges[1:] + edges[:-1])
    stiffness = np.exp(-log_d * (places + kappa - delta))
    colours = [SIDES["above" if s > NEAR else "near" if s >= 1.0 / NEAR else "below"] for s in stiffness]
    mass, _ = np.histogram(alpha, edges, weights=dataset["p"].values)
    types, _ = np.histogram(alpha, edges, weights=np.full(alpha.size, 1.0 / alpha.size))
    top.bar(places, mass, width=np.diff(edges), color=colours, lw=0)
    top.stairs(types, edges, color=style.INK, lw=0.9, label="share of the tokens")
    for side, share in SIDES.items():
        found = dataset["p"].where(dataset["side"] == side).sum()
        top.bar([0], [0], color=share, label=f"{side} resonance: {float(found):.0%} of the text")
    top.set_ylabel("share in a bar")
    low, high = -0.1, max(alpha[-1], beta) + 0.15
    height = (min(-0.1, delta - 0.4), max(1.6, delta + 0.5))
    x = np.array([low, high])
    plane.fill_between(x, x + kappa + near, height[1], color=SIDES["above"], alpha=0.16, lw=0)
    plane.fill_between(x, x + kappa - near, x + kappa + near, color=SIDES["near"], alpha=0.25, lw=0)
    plane.fill_between(x, height[0], x + kappa - near, color=SIDES["below"], alpha=0.12, lw=0)
    plane.plot(x, x + kappa, color=style.INK, lw=1.3, label=r"resonance $\eta p = \varepsilon$")
    for at, name, dash in ((beta, r"$pB = 1$: sparse to its right", ":"),
                           (beta - 1.0, r"$pB = d$: concentrated to its left", "--")):  # fmt: skip
        plane.axvline(at, color=style.INK, lw=0.9, ls=dash, label=name)
    shown = np.unique(np.rint(np.geomspace(1, alpha.size, 300)).astype(int)) - 1
    colours = [SIDES[side] for side in dataset["side"].values[shown]]
    plane.scatter(alpha[shown], np.full(shown.size, delta), c=colours, s=16, marker="|", lw=1.2, zorder=3)
    plane.set(xlim=(low, high), ylim=height, xlabel=r"sparsity exponent $\alpha = -\ln p\,/\,\ln d$",
              ylabel=r"momentum decay $\delta = -\ln \varepsilon\,/\,\ln d$")  # fmt: skip
    found = [of for ax in (top, plane) for of in zip(*ax.get_legend_handles_labels(), strict=True)]
    figure.legend(*zip(*found, strict=True), loc="outside lower center", ncols=3)
    _frequencies(top, low, high, log_d)
    figure.suptitle(
        f"One momentum across a vocabulary: {dataset.sizes['token']:,} tokens, {_setting(dataset)}", x=0.012, ha="left"
    )
    return figure


@style.styled
def learning(dataset: xr.Dataset) -> Figure:
    """What is left of the excess loss of every tenth of the text, simulated and exact."""
    figure, axes = style.new_figure(width=style.DOUBLE, height=3.6)
    ax = axes[0, 0]
    time = dataset["time"].values
    later = time > 0
    for colour, band in zip(style.sequence(dataset.sizes["band"]), dataset["band"].values, strict=True):
        of = dataset.sel(band=band)
        first, last = int(of["band_first"]), int(of["band_last"])
        name = f"{first:,}" if first == last else f"{first:,} to {last:,}"
        ax.plot(dataset["curve_time"], of["curve"], color=colour, lw=1.1, label=name)
        ax.errorbar(time[later], of["loss_simulated"].values[later], of["loss_std_error"].values[later], fmt="o", ms=3,
                    color=colour, mew=0, elinewidth=0.8)  # fmt: skip
    whole = dataset["band_mass"]
    ax.plot(dataset["curve_time"], (whole * dataset["curve"]).sum("band"), color=style.INK, lw=1.6, ls="--",
            label="whole text")  # fmt: skip
    lowest = max(LOWEST, 0.5 * float(dataset["curve"].min()))
    ax.set(xscale="log", yscale="log", ylim=(lowest, max(1.3, min(100.0, 1.3 * float(dataset["curve"].max())))),
           xlabel="minibatches", ylabel="excess loss over that at the start")  # fmt: skip
    figure.legend(*ax.get_legend_handles_labels(), loc="outside right center", title="tokens by rank")
    figure.suptitle(f"Every tenth of the text has a pace of its own: {_setting(dataset)}\n"
                    "lines exact, points simulated with their standard errors", x=0.012, ha="left")  # fmt: skip
    return figure


@style.styled
def loss(dataset: xr.Dataset) -> Figure:
    """The excess loss after the last minibatch over learning rate and momentum, and what is best."""
    figure, axes = style.new_figure(width=5.2, height=4.0)
    ax = axes[0, 0]
    values = dataset["plane_loss"].rename(plane_eps="eps", plane_eta="eta").transpose("eta", "eps")
    low = max(float(values.min()), 1e-12)
    norm = LogNorm(low, max(1.0, 1.01 * low))
    mesh = heatmap(ax, values.clip(max=10.0), matplotlib.colormaps[style.SEQUENTIAL], norm)
    bar = figure.colorbar(mesh, ax=ax, extend="max", label="excess loss left", pad=0.02, aspect=28)
    style.plain_log_ticks(bar.ax.yaxis, *_norm_limits(norm))
    eps, critical = dataset["plane_eps"].values, dataset["plane_critical"].values
    limits = ax.get_ylim()
    ax.fill_between(eps, critical, limits[1], facecolor="#d9d9d9", edgecolor=style.GREY, lw=0, hatch="////",
                    label="a token is unstable")  # fmt: skip
    ax.plot(eps, critical, color=style.VERMILLION, lw=1.4, label="frontier of the vocabulary")
    halo = [patheffects.withStroke(linewidth=2.4, foreground="white")]
    for p, name, dash in ((dataset["p"].values[0], "most frequent", "--"), (dataset["p"].values[-1], "rarest", "-.")):
        ax.plot(eps, eps / p, color=style.INK, lw=1.0, ls=dash, path_effects=halo, label=f"{name} token at resonance")
    marks = {"loss": ("*", style.ORANGE, 11, "least loss"),
             "loss_sgd": ("P", style.GREEN, 8, "least loss, no momentum"),
             "slowest": ("D", style.SKY, 6, "slowest token fastest")}  # fmt: skip
    for choice, (marker, colour, size, name) in marks.items():
        of = dataset.sel(choice=choice)
        ax.plot(of["choice_eps"], of["choice_eta"], marker, ms=size, color=colour, mec=style.INK, mew=0.7, label=name,
                clip_on=False, zorder=5)  # fmt: skip
    ax.plot(
        dataset.attrs["eps"], dataset.attrs["eta"], "o", ms=6, mfc="white", mec=style.INK, label="this run", zorder=5
    )
    ax.set(xlim=(eps[0], eps[-1]), ylim=limits, xlabel=labels.axis_label("eps"), ylabel=labels.axis_label("eta"))
    figure.legend(*ax.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    title = "Excess loss after {minibatches:,} minibatches, $d$ = {d:,}, $B$ = {B:,}".format(**dataset.attrs)
    figure.suptitle(title, x=0.012, ha="left")
    return figure


@style.styled
def sparsity(dataset: xr.Dataset) -> Figure:
    """What minibatches have of tokens, as it is and after changes of batch, vocabulary and width."""
    figure, axes = style.new_figure(1, 2, width=style.DOUBLE, height=2.9, sharey=True)
    names = [
        f"{change}: {int(of['changed_size']):,}, {int(of['changed_d']):,}, {int(of['changed_B']):,}"
        for change, of in ((change, dataset.sel(change=change)) for change in dataset["change"].values)
    ]
    rows = np.arange(len(names))[::-1]
    for ax, share, title in zip(axes[0], ("types", "mass"), ("share of the tokens", "share of the text"), strict=True):
        left = np.zeros(len(names))
        for kind, colour in BATCHES.items():
            values = dataset[share].sel(kind=kind).values
            ax.barh(rows, values, left=left, color=colour, height=0.72, lw=0, label=kind)
            left = left + values
        ax.set(xlim=(0, 1), title=title)
        ax.xaxis.set_major_formatter(PercentFormatter(1.0))
    axes[0, 0].set_yticks(rows, names)
    handles, _ = axes[0, 0].get_legend_handles_labels()
    words = ["sparse: $pB < 1$", r"dense: $1 \leq pB \leq d$", "concentrated: $pB > d$"]
    figure.legend(handles, words, loc="outside lower center", ncols=3)
    figure.suptitle("Samples of a token in a minibatch (vocabulary, width $d$, batch $B$)", x=0.012, ha="left")
    return figure


@style.styled
def settings(dataset: xr.Dataset) -> Figure:
    """Where every token of a vocabulary is about resonance, and in minibatches, for several optimizers and batches.

    Args:
        dataset: over `setting` and `token`, with `p`, `side` and `batch`; over `setting` B, eta, eps and resonance.
    """
    figure, axes = style.new_figure(2, 1, width=style.DOUBLE, height=3.6, sharex=True, height_ratios=[2.0, 1.1])
    p, names, ticks = dataset["p"].values, [], []
    for ax, words, colours in ((axes[0, 0], "side", SIDES), (axes[1, 0], "batch", BATCHES)):
        shown = dataset if words == "side" else dataset.isel(setting=np.unique(dataset["B"], return_index=True)[1])
        for row, number in enumerate(shown["setting"].values):
            of = shown.sel(setting=number)
            for kind, colour in colours.items():
                chosen = p[of[words].values == kind]
                if not chosen.size:
                    continue
                left, width = -np.log10(chosen[0]), np.log10(chosen[0] / chosen[-1])
                ax.barh(-row, max(width, 0.02), left=left, height=0.7, color=colour, lw=0)
                if width > 0.35:  # beside its middle, where the stroke of resonance is
                    ax.text(left + 0.25 * width, -row, f"{chosen.sum():.0%}", ha="center", va="center", size=6.5)
            if words == "side":
                ax.plot(2 * [-np.log10(float(of["resonance"]))], [-row - 0.35, -row + 0.35], color=style.INK, lw=1.4)
        ticks = -np.arange(shown.sizes["setting"])
        names = [
            f"$B$ = {float(of['B']) / 1e6:g}M" + (f", $\\mu$ = {1.0 - float(of['eps']):.4g}" if words == "side" else "")
            for of in (shown.isel(setting=row) for row in range(shown.sizes["setting"]))
        ]
        ax.set_yticks(ticks, names)
        handles: list[Any] = [ax.bar([0], [0], color=colour) for colour in colours.values()]
        titles = {"above": "above resonance", "near": "within a factor of 4", "below": "below",
                  "sparse": "sparse: $pB < 1$", "dense": r"dense: $1 \leq pB \leq d$",
                  "concentrated": "concentrated: $pB > d$"}  # fmt: skip
        names = [titles[kind] for kind in colours]
        if words == "side":
            handles += ax.plot([], [], color=style.INK, lw=1.4)
            names.append("resonance")
        ax.legend(handles, names, loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
    bottom = axes[1, 0]
    bottom.set(xlim=(-np.log10(p[0]) - 0.05, -np.log10(p[-1]) + 0.05), xlabel="frequency $p$ of a token")
    bottom.xaxis.set_major_locator(FixedLocator(np.arange(np.ceil(-np.log10(p[0])), -np.log10(p[-1])).tolist()))
    bottom.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"$10^{{{-at:.0f}}}$"))
    figure.suptitle(f"{p.size:,} tokens, $d$ = {dataset.attrs['d']:,}, half the largest stable learning rate; "
                    "numbers are shares of the text", x=0.012, ha="left")  # fmt: skip
    return figure


def _norm_limits(norm: LogNorm) -> tuple[float, float]:
    """Of a colour scale whose limits are known."""
    return float(norm.vmin or 1.0), float(norm.vmax or 1.0)


def _frequencies(ax: Axes, low: float, high: float, log_d: float) -> None:
    """Frequencies along the top, by decades."""
    decades = np.arange(np.ceil(-high * log_d / np.log(10.0)), np.floor(-low * log_d / np.log(10.0)) + 1)
    top = ax.secondary_xaxis("top")
    places = -decades * np.log(10.0) / log_d
    top.xaxis.set(major_locator=FixedLocator(places.tolist()), minor_locator=NullLocator())
    top.xaxis.set_major_formatter(FuncFormatter(lambda at, _: f"$10^{{{-at * log_d / np.log(10.0):.0f}}}$"))
    top.set_xlabel("frequency $p$", size=7)


def _setting(dataset: xr.Dataset) -> str:
    attrs = dataset.attrs
    return (
        f"$d$ = {attrs['d']:,}, $B$ = {attrs['B']:,}, $\\eta$ = {attrs['eta']:.4g}, $\\mu$ = {1.0 - attrs['eps']:.4g}"
    )
