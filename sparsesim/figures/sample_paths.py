"""Single trajectories: what rare gradients do to the error and to the momentum buffer."""

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from sparsesim.figures import style

SHOWN = 3  # paths


@style.styled
def sample_paths(dataset: xr.Dataset) -> Figure:
    """Error and buffer over minibatches, a column a feature, with the minibatches in which the first path is active.

    Args:
        dataset: `moments` (feature, path, time, moment), `active` (feature, path, time); p, mu by feature.
    """
    count = dataset.sizes["feature"]
    figure, axes = style.new_figure(2, count, width=style.DOUBLE, height=4.0, sharex=True)
    for column, feature in zip(axes.T, dataset["feature"].values, strict=True):
        own = dataset.sel(feature=feature)
        for ax, moment in zip(column, ("R", "V"), strict=True):
            _paths(ax, own, moment)
        share = float(own["active"].isel(time=slice(1, None)).mean())
        column[0].set_title(f"{feature} feature, $p$ = {float(own['p']):g}: {share:.0%} of minibatches active")
        column[1].set_xlabel("minibatches")
    axes[0, 0].set_ylabel("error $|\\theta - \\theta_*|$")
    axes[1, 0].set_ylabel("buffer $|m|$")
    axes[1, -1].plot([], [], "|", color=style.VERMILLION, ms=5, label="first path active")
    axes[1, -1].plot([], [], color=style.GREY, lw=0.9, ls=(0, (4, 2)), label=r"decay $\mu^k$ without gradients")
    handles, names = axes[1, -1].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside lower center", ncols=len(names))
    return figure


def _paths(ax: Axes, own: xr.Dataset, moment: str) -> None:
    roots = own["moments"].sel(moment=moment) ** 0.5
    time = own["time"].values
    for path, colour in zip(range(SHOWN), style.sequence(SHOWN)[::-1], strict=True):
        ax.plot(time, roots.isel(path=path), color=colour, lw=1.1 if path == 0 else 0.7, label=f"path {path + 1}")
    active = time[own["active"].isel(path=0).values.astype(bool)]
    ax.plot(active, np.full(active.shape, 0.03), "|", color=style.VERMILLION, ms=5, transform=ax.get_xaxis_transform())
    if moment == "V":
        ax.set_yscale("log")
    if moment == "V" and len(active) > 1:
        # From the first gradient on, as if there were no other.
        first = int(active[0])
        ks = time[time >= first]
        buffer = float(roots.isel(path=0).sel(time=first))
        ax.plot(ks, buffer * float(own["mu"]) ** (ks - first), color=style.GREY, lw=0.9, ls=(0, (4, 2)))
        seen = roots.where(roots > 0).values
        ax.set_ylim(0.5 * np.nanquantile(seen, 0.02), 2.0 * np.nanmax(seen))
