"""The reduced engine over d, B and p, alone: a rate that is flat costs nothing to scale."""

from benchmarks.measure import Machine, Settings, rates
from benchmarks.programs import B, P, reduced_engine
from benchmarks.report import Row, Section
from sparsesim import LeastSquares

D = 1000
AXES = {
    "d": [LeastSquares(10**k, P, B) for k in range(1, 13)],
    "B": [LeastSquares(D, P, 10**k) for k in range(10)],
    "p": [LeastSquares(D, 10.0**-k, B) for k in range(10)],
}


def scaling(machine: Machine, settings: Settings) -> list[Section]:
    """Active updates per second along each axis, and the flatness of each."""
    rows: list[Row] = []
    flatness: list[Row] = []
    for axis, problems in AXES.items():
        values = {f"{getattr(problem, axis):.0e}": problem for problem in problems}
        measured = rates({value: reduced_engine(problem, machine) for value, problem in values.items()}, settings)
        rows += [{"axis": axis, "value": value, "reduced": rate} for value, rate in measured.medians().items()]
        flatness.append({"axis": axis, "fastest/slowest": measured.spread()})
    notes = [f"Elsewhere d = {D}, B = {B}, p = {P}."]
    return [
        Section("scaling", "active updates per second of the reduced engine", rows, notes),
        Section("flatness", "fastest over slowest along each axis, medians over rounds", flatness, []),
    ]
