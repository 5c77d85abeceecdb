"""What theory says along slow time: a limit, and at finite d the exact recursion and the sparse ODE beside it.

The exact recursion is what trajectories follow. The sparse ODE (docs/logistic.md, section 4) has the coefficients of
p -> 0 at finite d: that it tends to the limit says nothing of how good these coefficients are (section 9, F8).
"""

import numpy as np
import xarray as xr

from sparsesim.theory.logistic import LimitMap, LogisticLimit, sparse_ode
from sparsesim.theory.logistic.sparse import VARIABLES, units

KINDS = ("exact_map", "sparse_ode")


def curves(limit: LogisticLimit | LimitMap, s: np.ndarray, dimensions: np.ndarray) -> xr.Dataset:
    """The limit of theta_par, m/p, R, V/p^2 and C/p, and what is to converge to it, from the start R = 1.

    The exact recursion knows whole minibatches alone: it is given at the one nearest to a slow time, and its error is
    its distance from the limit at that minibatch, for else it would be that of rounding time.

    Args:
        limit: an ODE; or a map, which is given at whole s alone.
        s: (s,), slow times from 0.
        dimensions: (dimension,), whole numbers.

    Returns:
        `limit_curve` (s, variable); `exact_map` and `sparse_ode` (dimension, s, variable), and their largest distances
        from the limit over the limit's largest value, `sup_error_exact_map` and `sup_error_sparse_ode` (dimension,
        variable); `updates_per_unit` (dimension) of slow time. NaN where the limit leaves a variable open.
    """
    known = np.array([VARIABLES.index(name) for name in limit.variables])
    shape = (len(dimensions), len(s), len(VARIABLES))
    curve, exact, sparse = np.full(shape[1:], np.nan), np.full(shape, np.nan), np.full(shape, np.nan)
    errors = {kind: np.full((len(dimensions), len(VARIABLES)), np.nan) for kind in KINDS}
    shown = s == np.rint(s) if isinstance(limit, LimitMap) else np.full(len(s), True)
    with np.errstate(over="ignore", invalid="ignore"):  # a map that is unstable leaves the range of a float
        curve[np.ix_(shown, known)] = limit.trajectory(s[shown])
        size = abs(curve[np.ix_(shown, known)]).max(axis=0)
        for i, d in enumerate(dimensions.tolist()):
            unit = float(limit.ticks(1.0, d))
            times, inverse = np.unique(np.rint(unit * s) / unit, return_inverse=True)
            found = limit.at(d, times)
            exact[i][:, known] = found[inverse]
            errors["exact_map"][i, known] = abs(found - limit.trajectory(times)).max(axis=0) / size
            problem, optimizer = limit.scaling.at(d, r=limit.r)
            sparse[i][:, known] = (sparse_ode(problem, optimizer, unit * s) / units(problem.p))[:, known]
            errors["sparse_ode"][i, known] = abs(sparse[i] - curve)[np.ix_(shown, known)].max(axis=0) / size
    full = ("dimension", "s", "variable")
    return xr.Dataset(
        {
            "limit_curve": (full[1:], curve),
            "exact_map": (full, exact),
            "sparse_ode": (full, sparse),
            **{f"sup_error_{kind}": (("dimension", "variable"), error) for kind, error in errors.items()},
            "updates_per_unit": ("dimension", [float(limit.ticks(1.0, d)) for d in dimensions.tolist()]),
        },
        {"s": s, "dimension": np.asarray(dimensions), "variable": list(VARIABLES)},
    )
