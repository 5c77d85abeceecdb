"""The engines, outside references and the cost of random numbers alone, side by side."""

from benchmarks.measure import Case, Machine, Settings, rates
from benchmarks.programs import B, P, reduced_engine, reduced_floor, vector_engine, vector_floor
from benchmarks.references import references
from benchmarks.report import Row, Section
from sparsesim import LeastSquares

DIMENSIONS = (10, 100, 1000, 10000)
REDUCED_ONLY = (10**6, 10**9)
# Time of an update over that of another.
RATIOS = {
    "literal/reduced": ("literal", "reduced"),
    "numpy/reduced": ("numpy", "reduced"),
    "pytorch/reduced": ("pytorch", "reduced"),
    "sampled/floor": ("sampled", "gaussians"),
    "reduced/floor": ("reduced", "draws"),
}
NOTES = [
    f"B = {B}, p = {P}. An update is a minibatch, of which {1 - (1 - P) ** B:.1%} are active; in the column `reduced` "
    "and its ratios it is an active update, in `reduced, poisson` the arrival of one.",
    "`gaussians` draws the d normals of one update of the vector engine, `draws` all random numbers of one active "
    "update of the reduced engine, and neither does anything else: the floors.",
    "Every program fills the whole machine. References are left out where launches are vectorised, PyTorch where it is "
    "not installed.",
]


def engines(machine: Machine, settings: Settings) -> list[Section]:
    """Updates per second by dimension, and ratios."""
    speeds: list[Row] = []
    ratios: list[Row] = []
    for d in DIMENSIONS + REDUCED_ONLY:
        measured = rates(cases(d, machine), settings)
        speeds.append({"d": d, **measured.medians()})
        ratios.append({"d": d, **measured.ratios(RATIOS)})
    return [
        Section("engines", "trajectory-updates per second", speeds, NOTES),
        Section("ratios", "time of an update over time of an update", ratios, []),
    ]


def cases(d: int, machine: Machine) -> dict[str, Case]:
    """The programs of one dimension."""
    problem = LeastSquares(d, P, B)
    chains = {
        "reduced": reduced_engine(problem, machine),
        "reduced, minibatch": reduced_engine(problem, machine, "minibatch"),
        "reduced, poisson": reduced_engine(problem, machine, "poisson"),
        "draws": reduced_floor(problem, machine),
    }
    if d in REDUCED_ONLY:
        return chains
    vectors = {
        "literal": vector_engine(problem, machine, "literal"),
        "sampled": vector_engine(problem, machine, "sampled"),
        "gaussians": vector_floor(problem, machine),
    }
    return {**(references(problem) if machine.sequential else {}), **vectors, **chains}
