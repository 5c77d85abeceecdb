"""Trajectories of logistic regression for tests: the engine's, and those of a loop that shares no code with it."""

from typing import Any

import numpy as np
from paths import engine_paths

from sparsesim import HeavyBall, RareClassLogistic

Start = tuple[float, float, float, float, float]  # theta_par, m_par, R, V, C


def vector_paths(
    problem: RareClassLogistic,
    optimizer: HeavyBall | None,
    ticks: list[int],
    start: Start,
    *,
    oracle: str,
    trajectories: int = 4000,
    transformation: Any = None,
) -> np.ndarray:
    """The five moments of single trajectories of the vector engine, (trajectory, time, moment)."""
    return engine_paths(
        problem,
        optimizer,
        ticks,
        trajectories=trajectories,
        oracle=oracle,
        start=start,
        transformation=transformation,
    )


def loop_paths(
    problem: RareClassLogistic, optimizer: HeavyBall, ticks: list[int], start: Start, *, trajectories: int = 4000
) -> np.ndarray:
    """The algorithm as one would write it on a blackboard, in NumPy, one trajectory after another."""
    d, p, B, r = problem.d, problem.p, problem.B, problem.r
    b = np.log(p / (1 - p)) - r**2 / 2
    rng = np.random.default_rng(1)
    records = np.empty((trajectories, len(ticks), 5))
    for trajectory in range(trajectories):
        theta, m = start_vectors(d, start)
        tick = 0
        for i, target in enumerate(ticks):
            while tick < target:
                y = rng.random(B) < p
                x = rng.normal(size=(B, d))
                x[:, 0] += r * y
                gradient = (1 / (1 + np.exp(-(x @ theta + b))) - y) @ x / B
                m = (1 - optimizer.eps) * m + optimizer.eps * gradient
                theta = theta - optimizer.eta * m
                tick += 1
            records[trajectory, i] = theta[0], m[0], theta[1:] @ theta[1:], m[1:] @ m[1:], theta[1:] @ m[1:]
    return records


def start_vectors(d: int, start: Start) -> tuple[np.ndarray, np.ndarray]:
    """A theta and an m with these moments."""
    theta_par, m_par, R, V, C = start
    theta, m = np.zeros((2, max(d, 3)))
    along = C / np.sqrt(R) if R > 0 else 0.0
    theta[:2] = theta_par, np.sqrt(R)
    m[:3] = m_par, along, np.sqrt(max(0.0, V - along**2))
    return theta[:d], m[:d]
