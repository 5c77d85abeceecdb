"""What a vocabulary's study tells a practitioner: a paragraph, a table by tenths of the text, what would be better."""

import numpy as np
import xarray as xr

from sparsesim import outcomes
from sparsesim.vocabulary import Share, summary

CHOICES = {
    "slowest_sgd": "slowest token fastest, plain SGD",
    "slowest": "slowest token fastest, momentum",
    "loss_sgd": "least loss then, plain SGD",
    "loss": "least loss then, momentum",
    "equal_floor": "slowest fastest at that SGD's floor",
}
COLUMNS = ("tenth", "tokens by rank", "in a batch", "is", "1/rate", "left", "simulated")
LONGEST_NAME = 30


def words(dataset: xr.Dataset) -> str:
    """The conflict in a paragraph."""
    about, attrs = summary(dataset), dataset.attrs
    found = [_resonance(dataset, about.resonance)]
    if attrs["eps"] < 1.0:
        sides = {
            "above": "Above it momentum outlives learning, and errors oscillate",
            "near": "Within a factor of 4 of it learning takes about as long as momentum remembers",
            "below": "Below it tokens learn much as by plain SGD at this learning rate",
        }
        found += [f"{say}: {_share(share)}." for side, say in sides.items() if (share := about.sides[side]).types > 0.0]
    if about.first_unstable is not None:
        found.append(
            f"It is unstable: {about.unstable:,} tokens diverge, the most frequent of them "
            f"{_name(dataset, about.first_unstable)}; a learning rate below {about.critical_eta:.4g} keeps all stable."
        )
    else:
        pace = number(float(dataset["learning_time"][about.slowest - 1]))
        found.append(f"All tokens are stable, up to a learning rate of {about.critical_eta:.4g}.")
        found.append(
            f"Slowest is {_name(dataset, about.slowest)}: each factor e in its squared error takes {pace} minibatches."
        )
    share = left(dataset)
    grown = f"the excess loss is {share:.3g} times that at the start" if share > 1.0 else f"{percent(share)} is left"
    found.append(f"Of the excess loss, after {attrs['minibatches']:,} minibatches: {grown}.")
    if attrs["unseen"]:
        found.append(f"{attrs['unseen']:,} types that were never counted are left out.")
    found.append(
        "By tenths of the text, with the 1/rate (minibatches a factor e takes) of the token in the middle of each:"
    )
    return " ".join(found)


def table(dataset: xr.Dataset) -> outcomes.Details:
    """Tenth by tenth: its tokens, their regime, how fast the middle of it learns, what is left."""
    rows = []
    for band in dataset["band"].values:
        of = dataset.sel(band=band).isel(time=-1)
        first, last = int(of["band_first"]), int(of["band_last"])
        tokens = dataset.isel(token=slice(first - 1, last))
        mass = np.cumsum(tokens["p"].values)
        middle = tokens.isel(token=int(np.searchsorted(mass, 0.5 * mass[-1])))
        samples = tokens["samples"].values
        one = first == last
        rows.append(
            (
                f"{int(band)} ({float(of['band_mass']):.0%})",
                f"{first:,}" if one else f"{first:,} to {last:,}",
                number(samples[0]) if one else f"{number(samples[-1])} to {number(samples[0])}",
                str(middle["side"].item()),
                _pace(float(middle["learning_time"])),
                percent(float(of["loss"])),
                f"{percent(float(of['loss_simulated']))} ± {100.0 * float(of['loss_std_error']):.1g}%",
            )
        )
    return outcomes.Details(COLUMNS, rows)


def rows(dataset: xr.Dataset) -> list[tuple[str, str]]:
    """This optimizer, and what would be better."""
    attrs = dataset.attrs
    found = [
        ("tokens, width, batch", f"{dataset.sizes['token']:,}, {attrs['d']:,}, {attrs['B']:,}"),
        ("this optimizer", _optimizer(attrs["eta"], attrs["eps"])),
        (f"  left after {attrs['minibatches']:,} minibatches", percent(left(dataset))),
    ]
    for choice in dataset["choice"].values:
        of = dataset.sel(choice=choice)
        found += [
            (CHOICES[choice], _optimizer(float(of["choice_eta"]), float(of["choice_eps"]))),
            ("  its 1/rate, loss left then",
             f"{_pace(1.0 / float(of['choice_rate']))}, {percent(float(of['choice_loss']))}"),
        ]  # fmt: skip
    for name, key in (("plain SGD", "critical_batch_sgd"), ("best momentum", "critical_batch")):
        size = attrs[key]
        found.append((f"critical batch, {name}", f"{size:.4g} tokens" if np.isfinite(size) else "none"))
    return found


def left(dataset: xr.Dataset) -> float:
    """The excess loss after the last minibatch, over that at the start; exact."""
    return float((dataset["p"] * dataset["risk"]).sum())


def percent(share: float) -> str:
    """A share, or how many times it is the whole."""
    return f"{100.0 * share:.4g}%" if share < 100.0 else f"{share:.3g} times"


def number(value: float) -> str:
    """With no more digits than one reads."""
    return f"{value:,.0f}" if value >= 10.0 else f"{value:.2g}"


def _resonance(dataset: xr.Dataset, p: float) -> str:
    """Where resonance is."""
    attrs = dataset.attrs
    if attrs["eps"] == 1.0:
        return f"Under a learning rate of {attrs['eta']:.4g} without momentum no token resonates."
    under = f"Under a learning rate of {attrs['eta']:.4g} and a momentum of {1.0 - attrs['eps']:.7g}"
    more = int((dataset["p"].values > p).sum())
    if more == 0:
        return f"{under} no token is frequent enough to be at resonance, at p = {p:.3g}."
    where = "less than the rarest is" if more == dataset.sizes["token"] else f"as is about rank {more:,}"
    return f"{under} a token is at resonance when it is one in {number(1.0 / p)} of the text, {where}."


def _name(dataset: xr.Dataset, rank: int) -> str:
    """A token by rank, and by name where it has one; all of them where others are as frequent."""
    p = dataset["p"].values
    tied = np.flatnonzero(p == p[rank - 1])
    if tied.size > 1:
        return f"any of ranks {tied[0] + 1:,} to {tied[-1] + 1:,}, which are equally frequent"
    if "name" not in dataset.coords:
        return f"the one of rank {rank:,}"
    name = str(dataset["name"].values[rank - 1])
    return f"the one of rank {rank:,} ({name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 3] + '...'!r})"


def _optimizer(eta: float, eps: float) -> str:
    return f"learning rate {eta:.4g}, " + (f"momentum {1.0 - eps:.6g}" if eps < 1.0 else "no momentum")


def _share(share: Share) -> str:
    return f"{percent(share.types)} of the tokens, {percent(share.mass)} of the text"


def _pace(minibatches: float) -> str:
    """Minibatches that a factor e takes."""
    return number(minibatches) if 0.0 < minibatches < np.inf else "never"
