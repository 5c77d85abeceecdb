"""The five-number chain of docs/logistic.md, section 7, in plain NumPy: many trajectories, one step at a time."""

import numpy as np

MEMORY = 2**20  # normals at once


def step(problem, optimizer, states, rng):
    """One minibatch of every trajectory: (trajectory, 5) to (trajectory, 5), order (theta_par, m_par, R, V, C)."""
    slab = max(1, MEMORY // problem.B)
    return np.concatenate([_step(problem, optimizer, states[i : i + slab], rng) for i in range(0, len(states), slab)])


def _step(problem, optimizer, states, rng):
    d, B, r, eta, eps, mu = problem.d, problem.B, problem.r, optimizer.eta, optimizer.eps, optimizer.mu
    th, m, R, V, C = states.T
    N, size = len(states), np.sqrt(R)
    tau = np.hypot(th, size)
    rare = np.arange(B) < rng.binomial(B, problem.p, N)[:, None]
    u = rng.standard_normal((N, B))
    f = problem.bias + r * th[:, None] * rare + tau[:, None] * u
    a = np.where(rare, -1.0 / (1.0 + np.exp(f)), 1.0 / (1.0 + np.exp(-f)))
    T, S, Y = (a * u).sum(1), (a * a).sum(1), (a * rare).sum(1)
    cosine = np.divide(th, tau, out=np.ones(N), where=tau > 0)
    sine = np.divide(size, tau, out=np.zeros(N), where=tau > 0)
    w = np.sqrt(S) * rng.standard_normal(N)
    g_par, g1 = (cosine * T - sine * w + r * Y) / B, (sine * T + cosine * w) / B
    g2 = np.sqrt(S) * rng.standard_normal(N) / B
    q = S * (rng.chisquare(d - 3, N) if d > 3 else 0.0) / B**2
    c1 = np.divide(C, size, out=np.zeros(N), where=size > 0)
    c2 = np.sqrt(np.maximum(V - c1 * c1, 0.0))
    m = mu * m + eps * g_par
    m1, rest = mu * c1 + eps * g1, (mu * c2 + eps * g2) ** 2 + eps**2 * q
    moved = size - eta * m1
    return np.stack([th - eta * m, m, moved**2 + eta**2 * rest, m1**2 + rest, moved * m1 - eta * rest], axis=1)


def simulate(problem, optimizer, trajectories, times, seed, start=None):
    """States of independent trajectories at increasing times: (time, trajectory, 5)."""
    rng, done, result = np.random.default_rng(seed), 0, []
    states = np.tile(problem.start_moments(start), (trajectories, 1))
    for time in times:
        for _ in range(time - done):
            states = step(problem, optimizer, states, rng)
        done = time
        result.append(states)
    return np.array(result)
