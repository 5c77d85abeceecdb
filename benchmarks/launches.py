"""The reduced engine over what a machine is filled with: cores, or lanes of a vectorised launch."""

import sys

import jax

from benchmarks.measure import Case, Machine, Settings, cores, rates
from benchmarks.programs import START, B, P, reduced_engine, stable
from benchmarks.report import Row, Section
from sparsesim import LeastSquares
from sparsesim.simulation import reduced

PROBLEM = LeastSquares(1000, P, B)
PROFILED_UPDATES = 100
SWEEP = [2.0**k for k in range(-4, 4)]  # of vectorised launches, relative to those of the other tables


def over_cores(machine: Machine, settings: Settings) -> Section:
    """Active updates per second of 1, 2, 4 ... and all cores."""
    counts = sorted({min(2**k, cores()) for k in range(cores().bit_length() + 1)})
    case = reduced_engine(PROBLEM, machine)
    measured = rates({str(count): case._replace(workers=count) for count in counts}, settings)
    rows: list[Row] = [
        {"cores": name, "reduced": rate, "over one core": measured.ratio(name, "1")}
        for name, rate in measured.medians().items()
    ]
    return Section("cores", "active updates per second of the reduced engine", rows, [])


def over_lanes(lanes: int, settings: Settings) -> Section:
    """Active updates per second of vectorised launches, and the memory traffic if the state alone were moved."""
    sizes = [max(reduced.LANES, int(lanes * factor)) for factor in SWEEP]
    cases: dict[str, Case] = {str(size): reduced_engine(PROBLEM, Machine(size)) for size in sizes}
    measured, state = rates(cases, settings), state_bytes()
    rows: list[Row] = [
        {"lanes": int(cases[name].updates), "reduced": rate, "state read and written, GB/s": 2e-9 * state * rate}
        for name, rate in measured.medians().items()
    ]
    notes = [
        f"The state of a lane has {state} bytes.",
        f"To profile a launch of {sizes[-1]} lanes with jax.profiler.trace, and read it in XProf or Perfetto: "
        f"python3 -m benchmarks.launches /tmp/trace {sizes[-1]}",
    ]
    return Section("lanes", "active updates per second of the reduced engine", rows, notes)


def state_bytes() -> int:
    """Memory of what a lane of the reduced engine carries from update to update."""
    program = reduced.Program("active", noisy=False)
    parameters = program.parameters(PROBLEM, stable(PROBLEM), START)
    state = jax.eval_shape(lambda key: reduced.initial(key, parameters, program), jax.random.key(0))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))


def profile(folder: str, lanes: int) -> None:
    """A trace of one launch, compiled beforehand."""
    case = reduced_engine(PROBLEM, Machine(lanes))
    case.run(1)
    with jax.profiler.trace(folder):
        case.run(PROFILED_UPDATES)


if __name__ == "__main__":
    profile(sys.argv[1], int(sys.argv[2]))
