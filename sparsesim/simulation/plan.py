"""What is simulated: cells, what they share, and what an engine gives the driver to simulate them with."""

from typing import Any, NamedTuple, Protocol

import jax
import numpy as np
import optax

from sparsesim.problems import HeavyBall, LeastSquares, Problem
from sparsesim.simulation import reduced, sampling, vector
from sparsesim.simulation.logistic import reduced as logistic_reduced
from sparsesim.simulation.logistic import vector as logistic_vector
from sparsesim.simulation.statistics import Record

ENGINES = ("reduced", "vector")


class Program(Protocol):
    """An engine as the driver meets it: hashable, for cells that share it share a compilation."""

    @property
    def lanes(self) -> int:
        """Trajectories in a tile."""
        ...

    @property
    def tiles_per_launch(self) -> int:
        """Tiles that make a launch on a CPU worth its overhead."""
        ...

    @property
    def trajectory_floats(self) -> int:
        """Memory of a trajectory while it runs, without its records, in float32 numbers."""
        ...

    @property
    def gaps_per_trajectory(self) -> bool:
        """Whether `gaps` has a leading axis over trajectories."""
        ...

    def work(self, problem: Any, gaps: np.ndarray) -> np.ndarray:
        """Expected cost of a trajectory between recordings, for ticks between them; in any unit."""
        ...

    def parameters(self, problem: Any, optimizer: Any, start: Any) -> Any:
        """The numbers of a cell, traced."""
        ...

    def gaps(self, times: np.ndarray, seed: int, cell: int, trajectories: range) -> np.ndarray:
        """What `advance` counts before each recording, int64; where they are cut in two, the law is that of the sum."""
        ...

    def encoded(self, gaps: np.ndarray) -> Any:
        """Such numbers as `advance` takes them."""
        ...

    def initial(self, key: jax.Array, cell: Any) -> Any:
        """One trajectory at time 0: a tree of arrays of numbers."""
        ...

    def advance(self, state: Any, gap: Any, key: jax.Array, cell: Any) -> Any:
        """It a gap later; two gaps one after another are their sum, to the bit."""
        ...

    def observe(self, state: Any, key: jax.Array, cell: Any) -> Record:
        """Its moments, (moment,)."""
        ...


class Cell(NamedTuple):
    """One cell: what is simulated, when it is recorded, where it starts."""

    problem: Problem
    optimizer: HeavyBall | None  # None: the plan's transformation
    times: np.ndarray  # (time,), ticks of the clock
    start: tuple[float, ...]  # the problem's moments

    @property
    def number(self) -> int:
        """The cell's name in the random streams, from its content."""
        return sampling.cell_number(self.problem, self.optimizer)


class Plan(NamedTuple):
    """What all cells share."""

    clock: str
    seed: int
    trajectories: int
    engine: str = "reduced"
    oracle: str | None = None  # of the vector engine
    transformation: optax.GradientTransformation | None = None  # likewise; None: heavy ball
    many: bool = False  # of the reduced engine, for thousands of cells of least squares of a few hundred trajectories

    def program(self, problem: Problem) -> Program:
        """The program that simulates a cell."""
        if self.engine == "reduced":
            if isinstance(problem, LeastSquares):
                return reduced.Program(self.clock, problem.label_noise > 0.0, self.many)
            return logistic_reduced.program_of(problem)
        assert self.oracle is not None
        if isinstance(problem, LeastSquares):
            return vector.program_of(problem, self.clock, self.oracle, self.transformation)
        return logistic_vector.program_of(problem, self.oracle, self.transformation)
