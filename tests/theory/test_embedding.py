"""All rows at once against the theory of one feature, row by row; lazy momentum against its definition."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from sparsesim import HeavyBall, LeastSquares
from sparsesim.problems import Embedding
from sparsesim.theory import embedding as theory
from sparsesim.theory import least_squares, stability

TIMES = [0, 1, 2, 7, 40, 300, 5000]


def random_embedding(rng: np.random.Generator, noise: float = 0.0) -> Embedding:
    p = 10.0 ** rng.uniform(-7, 0, 12)
    d, B = (int(10.0 ** rng.uniform(0, top)) for top in (4, 6))
    return Embedding(np.sort(p / p.sum())[::-1], d, B, noise)


def random_optimizer(rng: np.random.Generator, embedding: Embedding, highest: float = 1.2) -> tuple[float, float]:
    eps = float(10.0 ** rng.uniform(-5, 0))
    return float(rng.uniform(0.01, highest) * theory.critical_learning_rate(embedding, eps)), eps


@pytest.mark.parametrize("seed", range(30))
def test_rates_and_feedbacks_are_those_of_every_row(seed: int) -> None:
    rng = np.random.default_rng(seed)
    embedding = random_embedding(rng)
    eta, eps = random_optimizer(rng, embedding)
    rows = [embedding.row(j) for j in range(embedding.p.size)]
    optimizer = HeavyBall(eta, eps)
    exact = np.array([stability.decay_rate(row, optimizer) for row in rows])
    H = np.array([stability.feedbacks(row, optimizer).total for row in rows])
    assert_allclose(theory.feedbacks(embedding, eta, eps), H, rtol=1e-13)
    assert_allclose(theory.decay_rates(embedding, eta, eps), exact, rtol=1e-12 / np.abs(1.0 - H).min())
    critical = min(stability.critical_learning_rate(row, eps) for row in rows)
    assert theory.critical_learning_rate(embedding, eps) == pytest.approx(critical, rel=1e-13)


@pytest.mark.parametrize("noise", [0.0, 0.3])
@pytest.mark.parametrize("seed", range(10))
def test_risks_and_floors_are_those_of_every_row(seed: int, noise: float) -> None:
    rng = np.random.default_rng(seed)
    embedding = random_embedding(rng, noise)
    eta, eps = random_optimizer(rng, embedding, highest=0.9)
    found = theory.risks(embedding, eta, eps, TIMES)
    for j in range(embedding.p.size):
        exact = least_squares.moments(embedding.row(j), HeavyBall(eta, eps), TIMES, "minibatch")[:, 0]
        assert_allclose(found[j], exact, rtol=1e-9)
    rows = [stability.noise_floor(embedding.row(j), HeavyBall(eta, eps)) for j in range(embedding.p.size)]
    assert_allclose(theory.floors(embedding, eta, eps), rows, rtol=1e-11)


def test_rows_may_have_momenta_of_their_own() -> None:
    embedding = Embedding(np.array([0.5, 0.1, 0.01]), 50, 8)
    eps = np.array([1.0, 0.2, 0.02])
    found = theory.risks(embedding, 0.05, eps, TIMES)
    for j, own in enumerate(eps):
        assert_allclose(found[j], theory.risks(embedding, 0.05, own, TIMES)[j], rtol=1e-13)


def test_a_schedule_that_stays_is_a_momentum() -> None:
    embedding = Embedding(np.array([0.5, 0.1, 0.01]), 50, 8, label_noise=0.2)
    found = theory.scheduled_risks(embedding, 0.05, lambda k: 0.1, TIMES[:6])
    assert_allclose(found, theory.risks(embedding, 0.05, 0.1, TIMES[:6]), rtol=1e-12)


def test_lazy_momentum_is_its_definition() -> None:
    """The mean over idle minibatches, which change nothing, and active ones, which are all minibatches but the idle."""
    embedding = Embedding(np.array([0.4, 0.05, 0.002]), 20, 6)
    eta, eps = 0.1, 0.3
    P = theory.activity(embedding)
    for j, p in enumerate(embedding.p):
        T = least_squares.minibatch_map(LeastSquares(20, p, 6), HeavyBall(eta, eps))
        idle = least_squares.minibatch_map(LeastSquares(20, 1e-300, 6), HeavyBall(eta, eps))
        lazy = (1 - P[j]) * np.eye(3) + (T - (1 - P[j]) * idle)
        state = np.array([1.0, 0.0, 0.0])
        exact = [(np.linalg.matrix_power(lazy, k) @ state)[0] for k in TIMES[:6]]
        assert_allclose(theory.risks(embedding, eta, eps, TIMES[:6], lazy=True)[j], exact, rtol=1e-10)
        rate = -np.log(np.abs(np.linalg.eigvals(lazy)).max())
        assert theory.decay_rates(embedding, eta, eps, lazy=True)[j] == pytest.approx(rate, rel=1e-9)


def test_lazy_rows_are_the_dense_model_on_the_clock_of_active_updates() -> None:
    """With single samples an active minibatch is one sample of the row: frequency drops out, but for the clock."""
    embedding = Embedding(np.array([0.5, 0.05, 0.005]), 30, 1)
    rates = theory.decay_rates(embedding, 0.02, 0.1, lazy=True)
    dense = stability.decay_rate(LeastSquares(30, 1.0, 1), HeavyBall(0.02, 0.1))
    assert_allclose(np.expm1(-rates) / embedding.p, np.expm1(-dense), rtol=1e-10)


@pytest.mark.parametrize(("field", "value"), [("p", [0.5, 0.6]), ("p", [0.5, 0.0]), ("p", []), ("d", 0), ("B", 1.5),
                                              ("label_noise", -1.0)])  # fmt: skip
def test_bad_tables_are_refused(field: str, value: object) -> None:
    good = {"p": [0.5, 0.25], "d": 10, "B": 4, "label_noise": 0.0}
    with pytest.raises(ValueError, match=f"^{field} must be"):
        Embedding(**{**good, field: value})
