"""The vector engine piece by piece: rules path by path, the sampled gradient, starts; in few dimensions, each of
which is a compilation that test_law.py shares.
"""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from paths import engine_paths

from sparsesim import HeavyBall, LeastSquares
from sparsesim.simulation import rules
from sparsesim.simulation.transformations import heavy_ball


@pytest.mark.parametrize(("eta", "eps"), [(0.3, 0.2), (0.01, 1.0), (2.0, 1e-3)])
def test_heavy_ball_equals_the_recursion_and_optax_path_by_path(eta: float, eps: float) -> None:
    rng = np.random.default_rng(1)
    gradients = rng.normal(size=(50, 7))
    theta, m = np.zeros(7), np.zeros(7)
    ours, theirs = HeavyBall(eta, eps).optax(), optax.chain(optax.ema(1 - eps, debias=False), optax.scale(-eta))
    params = [jnp.zeros(7), jnp.zeros(7)]
    states = [ours.init(params[0]), theirs.init(params[1])]
    for gradient in gradients:
        m = (1 - eps) * m + eps * gradient
        theta = theta - eta * m
        for i, transformation in enumerate((ours, theirs)):
            update, states[i] = transformation.update(jnp.asarray(gradient, jnp.float32), states[i], params[i])
            params[i] = optax.apply_updates(params[i], update)
        np.testing.assert_allclose(params[0], theta, rtol=2e-5, atol=1e-6 * eta)
        np.testing.assert_allclose(params[1], theta, rtol=2e-4, atol=1e-5 * eta)


def test_heavy_ball_keeps_a_small_eps_in_float32() -> None:
    """The reason for a transformation of our own: optax's 1 - decay rounds eps = 1e-6 by percents."""
    eps, steps = 1e-6, 100_000
    exact = np.exp(steps * np.log1p(-eps))

    def decayed(transformation: optax.GradientTransformation, state) -> float:
        zero = jnp.zeros(())
        step = lambda _, state: transformation.update(zero, state)[1]  # noqa: E731
        return float(jax.tree.leaves(jax.lax.fori_loop(0, steps, step, state))[-1])

    ours = heavy_ball(1.0, eps)
    assert decayed(ours, ours.init(jnp.ones(()))._replace(momentum=jnp.ones(()))) == pytest.approx(exact, rel=1e-3)
    theirs = optax.ema(np.float32(1 - eps), debias=False)
    start = theirs.init(jnp.ones(()))
    assert decayed(theirs, start._replace(ema=jnp.ones(()))) != pytest.approx(exact, rel=1e-3)


@pytest.mark.parametrize("idle", [0, 1, 7, 300])
@pytest.mark.parametrize("eps", [1.0, 0.3, 0.01])
def test_idle_minibatches_in_closed_form_equal_stepping(idle: int, eps: float) -> None:
    rule = rules.heavy_ball_rule(rules.rates(HeavyBall(0.7, eps)))
    rng = np.random.default_rng(idle)
    position, momentum = jnp.asarray(rng.normal(size=(2, 4)), jnp.float32)
    state = rules.State(position, rule.init(position, momentum), None, jnp.int32(0), jnp.int32(0))
    jumped = rule.idle(state, jnp.float32(idle))
    for _ in range(idle):
        state = rule.step(state, jnp.zeros(4))
    np.testing.assert_allclose(jumped.position, state.position, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(rule.momentum(jumped), rule.momentum(state), rtol=1e-3, atol=1e-6)


def test_optax_rule_steps_through_idle_minibatches() -> None:
    error = jnp.array([1.0, -2.0])
    rule = rules.optax_rule(optax.sgd(0.1, momentum=0.5), error)
    state = rules.State(error, rule.init(error, jnp.zeros(2)), None, jnp.int32(0), jnp.int32(0))
    state = rule.step(state, jnp.array([1.0, 1.0]))
    jumped = rule.idle(state, jnp.float32(3.0))
    for _ in range(3):
        state = rule.step(state, jnp.zeros(2))
    np.testing.assert_allclose(jumped.position, state.position, rtol=1e-6)


def test_optax_rule_shows_theta_to_the_transformation() -> None:
    """Weight decay pulls theta to 0, not the error: from theta = 0 a zero gradient moves nothing."""
    error = jnp.array([3.0, 4.0])
    rule = rules.optax_rule(optax.chain(optax.add_decayed_weights(0.1), optax.sgd(0.5)), error)
    state = rules.State(error, rule.init(error, jnp.zeros(2)), None, jnp.int32(0), jnp.int32(0))
    np.testing.assert_array_equal(rule.step(state, jnp.zeros(2)).position, error)
    moved = rule.step(state, jnp.array([2.0, 0.0]))  # theta = (-1, 0)
    pulled = error + jnp.array([-1.0 + 0.05, 0.0])
    np.testing.assert_allclose(rule.step(moved, jnp.zeros(2)).position, pulled, rtol=1e-6)


@pytest.mark.parametrize("start", [(1.0, 0.0, 0.0), (2.0, 3.0, -1.5), (0.0, 2.0, 0.0), (4.0, 1.0, 2.0)])
def test_start_has_the_asked_moments(start: tuple[float, float, float]) -> None:
    paths = engine_paths(LeastSquares(3, 0.5, 2), HeavyBall(0.1, 0.5), [0], trajectories=16, start=start)
    np.testing.assert_allclose(paths[:, 0], np.tile(start, (16, 1)), rtol=1e-5, atol=1e-5)


def test_start_on_a_line() -> None:
    paths = engine_paths(LeastSquares(1, 0.5, 2), HeavyBall(0.1, 0.5), [0], trajectories=4, start=(4.0, 9.0, -6.0))
    np.testing.assert_allclose(paths[:, 0], np.tile((4.0, 9.0, -6.0), (4, 1)), rtol=1e-6)


def test_at_the_minimum_nothing_moves_without_label_noise() -> None:
    paths = engine_paths(LeastSquares(3, 0.5, 2), HeavyBall(0.1, 0.5), [10], trajectories=8, start=(0.0, 0.0, 0.0))
    assert (paths == 0.0).all()


def test_a_diverging_trajectory_overflows_to_infinity_and_stays() -> None:
    paths = engine_paths(LeastSquares(3, 1.0, 1), HeavyBall(50.0, 1.0), [5, 200], trajectories=8)
    assert np.isfinite(paths[:, 0]).all()
    assert not np.isfinite(paths[:, 1]).any()
