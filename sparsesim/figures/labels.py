"""How names and numbers are written in figures; the notation is that of the README."""

import math

import numpy as np
import xarray as xr

from sparsesim.figures.reading import clock_time, constant, is_logistic

SYMBOLS = {
    "alpha": r"$\alpha$",
    "beta": r"$\beta$",
    "delta": r"$\delta$",
    "kappa": r"$\kappa$",
    "d": "$d$",
    "p": "$p$",
    "B": "$B$",
    "eta": r"$\eta$",
    "eps": r"$\varepsilon$",
    "label_noise": r"$\sigma$",
    "r": "$r$",
    "eta_over_critical": r"$\eta / \eta_c$",
    "c_p": "$c_p$",
    "c_B": "$c_B$",
    "c_eps": r"$c_\varepsilon$",
    "c_eta": r"$c_\eta$",
}
NAMES = {
    "alpha": "sparsity exponent",
    "beta": "batch exponent",
    "delta": "momentum-decay exponent",
    "kappa": "learning-rate exponent",
    "d": "dimension",
    "p": "activation probability",
    "B": "batch size",
    "eta": "learning rate",
    "eps": "momentum decay",
    "label_noise": "label noise",
    "r": "norm of the signal",
    "eta_over_critical": "learning rate over critical",
}
MOMENT_SYMBOLS = {
    "theta_par": r"$\theta_\parallel$",
    "m_par": r"$m_\parallel$",
    "R": "$R$",
    "V": "$V$",
    "C": "$C$",
}
MOMENT_NAMES = {
    "theta_par": "signal",
    "m_par": "its momentum",
    "R": "squared error",
    "V": "momentum energy",
    "C": "correlation",
}
CLOCKS = {"minibatch": "minibatches", "active": "active updates", "poisson": "Poisson time (active updates)"}
# An exponent and the value that it sets: one of the two says it all.
FIXED = (("d",), ("alpha", "p"), ("beta", "B"), ("delta", "eps"), ("r",))


def symbol(name: str) -> str:
    """The symbol of a sweep axis, or its name in words."""
    return SYMBOLS.get(name, name.replace("_", " "))


def moment(name: str, dataset: xr.Dataset | None = None) -> str:
    """A moment in words and as a symbol; R, V and C of logistic regression are of what is across the signal."""
    across = dataset is not None and is_logistic(dataset) and name == "R"
    return f"{'error across signal' if across else MOMENT_NAMES[name]} {MOMENT_SYMBOLS[name]}"


def exact(dataset: xr.Dataset) -> str:
    """What the exact values are: of least squares the means, of logistic regression what trajectories follow."""
    if is_logistic(dataset):
        return "recursion of one-step means"
    return "exact: the main ODE" if dataset.attrs.get("clock") == "poisson" else "exact"


def axis_label(name: str) -> str:
    """What stands along an axis: words and symbol."""
    return f"{NAMES[name]} {symbol(name)}" if name in NAMES else symbol(name)


def number(value: float) -> str:
    """A number to three digits, whole numbers below a million in full, powers of ten as such."""
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if value == int(value) and abs(value) < 1e6:
        return f"{int(value)}"
    mantissa, _, exponent = f"{value:.3g}".partition("e")
    if not exponent:
        return mantissa
    power = f"10^{{{int(exponent)}}}"
    return f"${power}$" if mantissa == "1" else rf"${mantissa} \times {power}$"


def equation(name: str, value: float) -> str:
    """Symbol = value."""
    return f"{symbol(name)} = {number(value)}"


def fixed(dataset: xr.Dataset, without: tuple[str, ...] = ()) -> str:
    """What all cells share: dimension, sparsity, batch and momentum, each as exponent or as value."""
    parts = []
    for names in FIXED:
        if any(name in without for name in names):
            continue
        known = [(name, value) for name in names if (value := constant(dataset, name)) is not None]
        parts += [equation(*known[0])] if known else []
    return ", ".join(parts)


def last_record(dataset: xr.Dataset) -> str:
    """When the last record was taken, for a title."""
    times = np.unique(clock_time(dataset).isel(time=-1).values)
    if times.size > 1:
        return "at the last record"
    if dataset.attrs.get("clock") == "poisson":
        return f"at Poisson time {number(times[0])}"
    return f"after {number(times[0])} {CLOCKS.get(dataset.attrs.get('clock', ''), 'steps')}"
