"""The triple point in depth: its limit, the linear SDE with the same second moments, and its kinds of spectrum.

At alpha = beta and delta = 1 batches turn sparse and momentum lives as long as learning takes. R itself becomes certain
as d grows; the SDE's X^2, whose mean is the same, does not. So paths are compared with the limit by their means alone.
"""

from pathlib import Path

import numpy as np
import xarray as xr

from sparsesim import outcomes
from sparsesim.comparison import compare
from sparsesim.figures import spectrum, style
from sparsesim.figures import triple_point as panels
from sparsesim.simulation.driver import Progress
from sparsesim.studies import checks, curves, sde
from sparsesim.sweep import Simulator, Sweep, run_sweep
from sparsesim.theory import continuum
from sparsesim.theory.limits import LimitODE, limit_ode

RATE = "c_eta"
# Of the map of spectra: stiffness and feedback.
STIFFNESS, FEEDBACK = np.geomspace(0.01, 10.0, 121), np.linspace(0.0, 1.2, 121)


def compute(sweep: Sweep, progress: Progress, simulate: Simulator = run_sweep) -> xr.Dataset:
    """The simulated and compared cells, curves of theory, paths of the SDE, and spectra.

    Returns:
        Dims (c_eta, d, time, moment) for what is simulated, with `slow_time`; `limit_curve` (c_eta, s, variable),
        `main_ode`, `exact_map` and their errors as in `curves.curves`; of the SDE what `sde.paths` and `sde.judged`
        say; `stiffness`, `limit_feedback`, `limit_decay_rate` (c_eta) and `eigenvalue` (c_eta, mode, part) per momentum
        memory, and `map_decay_rate` (map_feedback, map_stiffness).

    Raises:
        ValueError: the sweep is not over c_eta and d at the triple point, in slow time.
        MemoryError: see `run_sweep`.
    """
    checks.axes(sweep, "triple_point", (RATE, "d"))
    curves.check(sweep, "triple_point")
    per_cell = [limit_ode(cell.scaling) for cell in sweep.cells() if cell.scaling is not None]
    if per_cell[0].phase.region != "triple-point":
        raise ValueError(
            f"alpha = beta and delta = 1 must hold in the study triple_point, got {per_cell[0].phase.region}"
        )
    if per_cell[0].cell.number != 4:
        raise ValueError(
            f"kappa must be {per_cell[0].phase.kappa:g} at the triple point, got {sweep.parameters['kappa']}"
        )
    dataset = compare(simulate(sweep, progress))
    by_rate = {limit.scaling.c_eta: limit for limit in per_cell}
    per_rate = [by_rate[rate] for rate in sweep.axes[RATE]]
    s = np.linspace(0.0, sweep.times.horizon, curves.POINTS)
    dimensions = np.asarray(sweep.axes["d"], dtype=np.int64)
    theory = xr.concat([curves.curves(limit, s, dimensions) for limit in per_rate], RATE)
    paths = xr.concat([sde.paths(limit, sweep, number) for number, limit in enumerate(per_rate)], RATE)
    ticks = dataset["clock_time"].values
    slow = curves.slow_time(sweep, ticks.reshape(-1, ticks.shape[-1]), per_cell).reshape(ticks.shape)
    dataset = dataset.assign(theory.data_vars).assign(paths.data_vars).assign(_spectra(per_rate))
    dataset = dataset.assign_coords(slow_time=(dataset["clock_time"].dims, slow)).transpose(RATE, "d", ...)
    return sde.judged(dataset.assign_attrs(paths.attrs))


def draw(dataset: xr.Dataset, folder: Path) -> list[Path]:
    """Moments against their limit, the paths of the SDE, and the map of spectra."""
    figures = {
        "triple_point": panels.moments(dataset),
        "sde_paths": panels.paths(dataset),
        "spectrum_types": spectrum.spectrum_types(dataset),
    }
    return [path for name, figure in figures.items() for path in style.save(figure, folder, name)]


def summary(dataset: xr.Dataset) -> dict[str, object]:
    """Verdicts and scores of simulation and SDE, and of every learning rate its spectrum and its limit's error."""
    keys = ("sde_paths", "sde_z_count", "sde_z_largest", "sde_z_bound")
    points = [
        {
            RATE: own[RATE].item(),
            "stiffness": own["stiffness"].item(),
            "feedback": own["limit_feedback"].item(),
            "oscillates": _oscillates(own),
            "decay_rate": own["limit_decay_rate"].item(),
            "sup_error": {
                f"{d:g}": curves.number(errors.sel(dimension=d, variable="R").item()) for d in own["d"].values
            },
        }
        for own in (dataset.isel({RATE: i}) for i in range(dataset.sizes[RATE]))
        for errors in (own["sup_error_main_ode"],)
    ]
    return {
        **outcomes.summary(dataset),
        **{key: curves.number(dataset.attrs[key]) for key in keys},
        "limits": points,
    }


def outcome(dataset: xr.Dataset) -> outcomes.Outcome:
    """The spectrum and the limit's error by learning rate, the scores of the SDE, and the comparison."""
    attrs = dataset.attrs
    rows = []
    for i in range(dataset.sizes[RATE]):
        own = dataset.isel({RATE: i})
        kind = "a complex pair" if _oscillates(own) else "three real modes"
        if own["limit_feedback"] >= 1.0:
            kind += ", unstable"
        errors = ", ".join(f"{e:.1e}" for e in own["sup_error_main_ode"].sel(variable="R").values)
        rows.append((f"c_eta = {own[RATE].item():g}: {kind}", f"|R - limit| up to {errors}"))
    rows.append(("paths of the SDE", f"{attrs['sde_paths']} for each c_eta"))
    rows.append(("trusted comparisons of the SDE", str(attrs["sde_z_count"])))
    if attrs["sde_z_count"]:
        rows.append(("largest |z| of the SDE", f"{attrs['sde_z_largest']:.2f} (bound {attrs['sde_z_bound']:.2f})"))
    return curves.joined(outcomes.comparison(dataset), rows, list(sde.disagreement(dataset)))


def _spectra(limits: list[LimitODE]) -> xr.Dataset:
    """Where learning rates lie in the map of spectra, and the map: all per momentum memory."""
    known = [(limit.stiffness, limit.feedback) for limit in limits if limit.stiffness is not None]
    roots = np.array([[(root.real, root.imag) for root in continuum.roots(w, u)] for w, u in known])
    decay = [[continuum.decay_rate(w, u) for w in STIFFNESS] for u in FEEDBACK]
    return xr.Dataset(
        {
            "stiffness": (RATE, [w for w, _ in known]),
            "limit_feedback": (RATE, [u for _, u in known]),
            "limit_decay_rate": (RATE, -roots[:, 0, 0]),
            "eigenvalue": ((RATE, "mode", "part"), roots),
            "map_decay_rate": (("map_feedback", "map_stiffness"), np.array(decay)),
        },
        {"map_feedback": FEEDBACK, "map_stiffness": STIFFNESS, "part": ["real", "imaginary"]},
    )


def _oscillates(cell: xr.Dataset) -> bool:
    return bool((cell["eigenvalue"].sel(part="imaginary") != 0.0).any())
