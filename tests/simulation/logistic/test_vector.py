"""The vector engine for logistic regression: gradients from given draws, rules, and whole laws against a plain loop.

Every test fixes its seed; a Kolmogorov-Smirnov test is held to p > 1e-5 as in the tests of least squares.
"""

import itertools
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from logistic_paths import Start, loop_paths, vector_paths
from paths import compiled
from scipy import special, stats

from sparsesim import HeavyBall, RareClassLogistic
from sparsesim.simulation import quantiles
from sparsesim.simulation.logistic import vector

ALPHA = 1e-5
TICKS = [0, 1, 3, 12]

ON_THE_SIGNAL = (0.3, -0.4, 0.0, 0.0, 0.0)
AT_ZERO = (0.0, 0.2, 0.0, 0.0, 0.0)  # theta = 0
AT_REST = (0.0, 0.0, 1.0, 0.0, 0.0)
ON_A_LINE = (1.4, 0.5, 0.25, 1.0, -0.5)  # C^2 = R V, all that two dimensions allow
MOVING = (0.5, -0.7, 1.5, 2.0, -1.0)
ACROSS_FROM_ZERO = (0.5, 0.1, 0.0, 0.7, 0.0)  # R = 0 with m_perp


def assert_same_law(ours: np.ndarray, loop: np.ndarray) -> None:
    """At each time, of the five moments and of random mixtures of them; both (trajectory, time, moment)."""
    mixing = np.random.default_rng(5).normal(size=(5, 4))
    for i in range(ours.shape[1]):
        scale = loop[:, i].std(axis=0)
        scale[scale == 0.0] = 1.0  # of what is across the signal at d = 1
        views = [np.hstack([paths[:, i] / scale, paths[:, i] / scale @ mixing]) for paths in (ours, loop)]
        for a, b in zip(*(view.T for view in views), strict=True):
            assert stats.ks_2samp(a, b).pvalue > ALPHA


def case(d: int, p: float, B: int, r: float, optimizer: HeavyBall, start: Start, fast: str) -> list[Any]:
    """A case of the test below for either oracle; those that are not `fast` take a compilation or a long loop."""
    return [
        pytest.param(
            RareClassLogistic(d, p, B, r), optimizer, start, oracle, marks=[pytest.mark.slow] * (oracle not in fast)
        )
        for oracle in ("sampled", "literal")
    ]


@pytest.mark.parametrize(
    ("problem", "optimizer", "start", "oracle"),
    [
        *case(1, 0.3, 3, 1.0, HeavyBall(0.9, 0.4), ON_THE_SIGNAL, "literal"),
        *case(1, 0.1, 9, 2.0, HeavyBall(2.0, 1.0), AT_ZERO, ""),
        *case(2, 0.2, 4, 1.5, HeavyBall(0.7, 0.3), ON_A_LINE, "sampled"),
        *case(2, 0.5, 1, 1.0, HeavyBall(0.5, 0.6), AT_ZERO, "sampled"),
        *case(3, 0.3, 1, 1.0, HeavyBall(0.8, 0.5), MOVING, ""),
        *case(3, 0.05, 6, 2.5, HeavyBall(1.5, 0.2), ACROSS_FROM_ZERO, ""),
        *case(20, 0.1, 8, 1.2, HeavyBall(0.6, 0.1), MOVING, ""),
        *case(20, 0.1, 8, 1.2, HeavyBall(1.0, 1.0), AT_REST, ""),
        *case(20, 0.02, 200, 1.0, HeavyBall(3.0, 0.3), MOVING, ""),
    ],
)
def test_law_is_that_of_a_plain_loop(
    problem: RareClassLogistic, optimizer: HeavyBall, start: Start, oracle: str
) -> None:
    ours = vector_paths(problem, optimizer, TICKS, start, oracle=oracle)
    np.testing.assert_allclose(ours[:, 0], np.tile(start, (len(ours), 1)), rtol=1e-5, atol=1e-6)
    assert_same_law(ours[:, 1:], loop_paths(problem, optimizer, TICKS, start)[:, 1:])


@pytest.mark.slow
def test_law_of_a_minibatch_in_slices_is_that_of_a_plain_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vector, "WIDEST", 16)
    compiled.cache_clear()
    problem, optimizer = RareClassLogistic(5, 0.4, 40, 1.0), HeavyBall(2.0, 0.3)
    ours = vector_paths(problem, optimizer, TICKS, MOVING, oracle="sampled")
    assert_same_law(ours[:, 1:], loop_paths(problem, optimizer, TICKS, MOVING)[:, 1:])


def exact_sums(
    problem: RareClassLogistic, theta: np.ndarray, normals: np.ndarray, rare: int
) -> tuple[float, float, float]:
    """T, S and Y of a minibatch in float64, the rare samples first."""
    y = np.arange(problem.B) < rare
    logits = problem.bias + problem.r * theta[0] * y + np.linalg.norm(theta) * normals
    residuals = np.where(y, -special.expit(-logits), special.expit(logits))
    return residuals @ normals, residuals @ residuals, residuals @ y


def exact_gradient(
    problem: RareClassLogistic, theta: np.ndarray, normals: np.ndarray, xi: np.ndarray, rare: int
) -> np.ndarray:
    """That of the sampled oracle from its draws, in float64."""
    T, S, Y = exact_sums(problem, theta, normals, rare)
    # At theta = 0 residuals do not depend on the normals, and T is not needed: xi has all directions.
    direction = theta / max(np.linalg.norm(theta), 1e-30)
    gradient = T * direction + np.sqrt(S) * (xi - xi @ direction * direction)
    gradient[0] += problem.r * Y
    return gradient / problem.B


def test_sampled_gradient_is_its_formula(monkeypatch: pytest.MonkeyPatch) -> None:
    """With up to three slices; in relative precision where residuals are tiny, too."""
    monkeypatch.setattr(vector, "WIDEST", 16)
    program = vector.program_of(RareClassLogistic(4, 0.3, 40, 1.3), "sampled")
    draw = jax.jit(lambda cell, key: vector.sampled_oracle(cell, program).draw(key))
    gradient = jax.jit(lambda cell, theta, drawn: vector.sampled_oracle(cell, program).gradient(theta, drawn))
    for p, B, rare in itertools.product([0.3, 1e-8], [1, 11, 16, 17, 40, 48], [0, 1, 16, 21]):
        problem = RareClassLogistic(4, p, B, 1.3)
        assert vector.program_of(problem, "sampled") == program
        cell = program.parameters(problem, HeavyBall(0.1, 0.5), AT_REST)
        drawn = draw(cell, jax.random.key(B, impl="philox4x32"))._replace(rare=jnp.int32(min(rare, B)))
        slices = jax.random.wrap_key_data(drawn.key, impl="philox4x32")
        words = [jax.random.bits(jax.random.fold_in(slices, i), (16,), jnp.uint32) for i in range(3)]
        normals = np.asarray(quantiles.draw(jnp.concatenate(words), quantiles.NORMAL), np.float64)
        for theta in (np.zeros(4), np.array([1.5, 0.4, -0.3, 0.8]), np.array([-2.0, 1e-3, 0.0, 0.0])):
            exact = exact_gradient(problem, theta, normals[:B], np.asarray(drawn.xi, np.float64), min(rare, B))
            found = gradient(cell, theta.astype(np.float32), drawn)
            np.testing.assert_allclose(found, exact, rtol=1e-5, atol=1e-5 * np.linalg.norm(exact))


@pytest.mark.parametrize("p", [0.3, 1e-8])
def test_literal_gradient_is_its_formula(p: float) -> None:
    problem = RareClassLogistic(4, p, 8, 1.3)
    program = vector.program_of(problem, "literal")
    oracle = vector.literal_oracle(program.parameters(problem, None, AT_REST), program)
    drawn = oracle.draw(jax.random.key(3, impl="philox4x32"))
    theta = np.array([1.5, 0.4, -0.3, 0.8])
    for rare in (np.zeros(8, bool), np.arange(8) < 3):
        logits = np.asarray(drawn.features, float) @ theta + problem.bias
        residuals = np.where(rare, -special.expit(-logits), special.expit(logits))
        gradient = residuals @ np.asarray(drawn.features, float) / problem.B
        found = oracle.gradient(jnp.asarray(theta, jnp.float32), drawn._replace(rare=jnp.asarray(rare)))
        np.testing.assert_allclose(found, gradient, rtol=1e-5, atol=1e-5 * np.linalg.norm(gradient))


def test_a_chain_of_optax_is_heavy_ball() -> None:
    """Path by path; the momentum of a transformation is minus its update, eta m."""
    problem, optimizer = RareClassLogistic(2, 0.2, 4, 1.5), HeavyBall(0.7, 0.3)
    chain = optax.chain(optax.ema(1 - optimizer.eps, debias=False), optax.scale(-optimizer.eta))
    ours, theirs = (
        vector_paths(problem, optimizer, TICKS, AT_REST, oracle="sampled", transformation=transformation)
        for transformation in (None, chain)
    )
    eta = optimizer.eta
    np.testing.assert_allclose(theirs, ours * [1.0, eta, 1.0, eta**2, eta], rtol=1e-4, atol=1e-5)


@pytest.mark.slow
def test_params_of_a_transformation_are_theta() -> None:
    """Weight decay pulls theta to 0: without signal or momentum it shrinks by its rate where gradients are tiny."""
    problem = RareClassLogistic(6, 1e-9, 2, 1.0)
    decay = optax.chain(optax.add_decayed_weights(0.5), optax.sgd(0.1))
    paths = vector_paths(problem, None, [3], (2.0, 0.0, 4.0, 0.0, 0.0), oracle="sampled", transformation=decay)
    np.testing.assert_allclose(np.median(paths[:, 0, [0, 2]], axis=0), [2.0 * 0.95**3, 4.0 * 0.95**6], rtol=1e-4)


def test_few_programs_serve_all_batches() -> None:
    def program(B: int) -> vector.Program:
        return vector.program_of(RareClassLogistic(10, 1e-3, B, 1.0), "sampled")

    assert program(1) == program(16)
    assert program(300).batch == 512
    assert program(5000) == program(4096)
    assert program(10**7).trajectory_floats < 10**5  # memory does not grow with the minibatch
