"""Outside references: the algorithm as a user would write it in NumPy and in PyTorch, vectorised over trajectories.

Each core runs a copy with a generator of its own: both libraries draw random numbers on one core.
"""

import importlib
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np

from benchmarks.measure import Case, cores
from benchmarks.programs import stable
from sparsesim import LeastSquares
from sparsesim.simulation.vector import program_of


def references(problem: LeastSquares) -> dict[str, Case]:
    """NumPy and, when it is installed, PyTorch; a tick is a minibatch of as many trajectories as `literal` has."""
    lanes = program_of(problem, "minibatch", "literal").lanes
    cases = {"numpy": Case(numpy_sgd(problem, lanes), lanes, cores())}
    if (torch := pytorch()) is not None:
        cases["pytorch"] = Case(pytorch_sgd(torch, problem, lanes), lanes, cores())
    return cases


def pytorch() -> ModuleType | None:
    """PyTorch, or None where it is not installed."""
    try:
        return importlib.import_module("torch")
    except ImportError:
        return None


def numpy_sgd(problem: LeastSquares, trajectories: int) -> Callable[[int], Any]:
    """Sparse SGD with heavy ball in NumPy: a function of the number of minibatches, to the errors they leave."""
    d, p, B = problem.d, problem.p, problem.B
    eta, eps = np.float32(stable(problem).eta), np.float32(stable(problem).eps)

    def run(minibatches: int) -> Any:
        rng = np.random.default_rng()
        error = np.full((trajectories, d), d**-0.5, np.float32)
        momentum = np.zeros_like(error)
        for _ in range(minibatches):
            active = rng.random((trajectories, B), np.float32) < p
            features = rng.standard_normal((trajectories, B, d), np.float32)
            residuals = active * (features @ error[:, :, None])[:, :, 0]
            gradient = (residuals[:, None, :] @ features)[:, 0, :] / B
            momentum += eps * (gradient - momentum)
            error -= eta * momentum
        return error

    return run


def pytorch_sgd(torch: ModuleType, problem: LeastSquares, trajectories: int) -> Callable[[int], Any]:
    """The same in PyTorch."""
    d, p, B = problem.d, problem.p, problem.B
    eta, eps = stable(problem).eta, stable(problem).eps
    torch.set_num_threads(1)

    def run(minibatches: int) -> Any:
        rng = torch.Generator()
        rng.seed()
        error = torch.full((trajectories, d), d**-0.5)
        momentum = torch.zeros_like(error)
        for _ in range(minibatches):
            active = torch.rand(trajectories, B, generator=rng) < p
            features = torch.randn(trajectories, B, d, generator=rng)
            residuals = active * torch.bmm(features, error[:, :, None])[:, :, 0]
            gradient = torch.bmm(residuals[:, None, :], features)[:, 0, :] / B
            momentum += eps * (gradient - momentum)
            error -= eta * momentum
        return error

    return run
