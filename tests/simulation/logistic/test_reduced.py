"""The five-number chain by itself: slices of a minibatch, huge dimensions, tiny steps, edges, bits that stay."""

import numpy as np
import pytest
from laws import ALPHA
from paths import engine_paths
from scipy import stats

from sparsesim import HeavyBall, RareClassLogistic, simulate, simulate_cells
from sparsesim.simulation.driver import run_cells
from sparsesim.simulation.logistic import reduced
from sparsesim.simulation.plan import Cell, Plan
from sparsesim.theory.logistic import drift

MOVING = (0.5, -0.7, 1.5, 2.0, -1.0)


def scores(batches: tuple[int, ...], trajectories: int) -> np.ndarray:
    """Z of the means after one step from several states, (cell, moment), theta_par left out: it follows m_par."""
    cells = [
        Cell(RareClassLogistic(d, p, B, r), HeavyBall(eta, eps), np.array([1]), MOVING)
        for B in batches
        for d, p, r, eta, eps in ((4, 0.3, 1.0, 0.8, 0.3), (10, 0.2, 1.5, 0.4, 1.0), (10**12, 0.4, 0.7, 1e-4, 0.5))
    ]
    found = []
    for cell, result in zip(cells, run_cells(cells, Plan("minibatch", 6, trajectories)), strict=True):
        exact = np.array(MOVING) + drift(cell.problem, cell.optimizer, MOVING)
        found.append(((result["mean"][0] - exact) / result["std_error"][0])[1:])
    return np.array(found)


@pytest.mark.parametrize(
    "batches",
    [
        (1, 16),
        pytest.param((65,), marks=pytest.mark.slow),
        pytest.param((17, 32, 63, 64), marks=pytest.mark.slow),
        pytest.param((128, 200, 1000), marks=pytest.mark.slow),
    ],
)
def test_one_step_at_any_minibatch_follows_the_drift(batches: tuple[int, ...]) -> None:
    z = scores(batches, 16384)
    assert np.abs(z).max() < stats.norm.isf(ALPHA / 2 / z.size)


def test_few_programs_serve_all_cells() -> None:
    def program(d: int, B: int, p: float = 0.01) -> reduced.Program:
        return reduced.program_of(RareClassLogistic(d, p, B, 1.0))

    assert program(1, 1) == program(10, 16) == program(10**12, 9, 0.4)
    assert program(10, 33) == program(10, 64) == program(10**6, 1000, 1e-6)
    assert program(10, 10**6, 1e-6).trajectory_floats == program(10, 64).trajectory_floats


def test_clock_counts_beyond_32_bits() -> None:
    problem = RareClassLogistic(10, 0.1, 4, 1.0)
    program = reduced.program_of(problem)
    gaps = program.gaps(np.array([5.0, 2.0**40, 2.0**40 + 3]), 0, 0, range(1))
    high, low = (part.astype(int).tolist() for part in program.encoded(gaps))
    assert [h * 2**32 + w for h, w in zip(high, low, strict=True)] == [5, 2**40 - 5, 3]


def test_steps_below_float32_resolution_add_up() -> None:
    """1 - 1e-9 is 1 in float32: without what rounding took off, theta_par and R would never move."""
    problem, optimizer, minibatches = RareClassLogistic(10, 0.3, 16, 1.0), HeavyBall(1e-9, 1.0), 40
    start = {"theta_par": 2.0, "R": 1.0}
    data = simulate(problem, optimizer, times=[minibatches], trajectories=4096, seed=0, start=start)
    # Nothing but theta's own steps, which are too small to change the law of the next.
    change = minibatches * drift(problem, optimizer, [2.0, 0.0, 1.0, 0.0, 0.0])
    for moment, before, expected in (("theta_par", 2.0, change[0]), ("R", 1.0, change[2])):
        moved = float(data["mean"][0].sel(moment=moment)) - before
        error = float(data["std_error"][0].sel(moment=moment))
        assert error < 0.03 * abs(expected) < 1e-9
        assert abs(moved - expected) < stats.norm.isf(ALPHA / 2) * error


def test_momentum_decays_by_less_than_float32_resolves() -> None:
    problem, eps, minibatches = RareClassLogistic(10, 1e-9, 1, 1.0), 1e-9, 1000
    start = {"m_par": 1.0, "V": 1.0}
    data = simulate(problem, HeavyBall(1e-9, eps), times=[minibatches], trajectories=2, seed=0, start=start)
    decayed = 1.0 - data["mean"][0].sel(moment=["m_par", "V"]).values
    np.testing.assert_allclose(decayed, [minibatches * eps, 2.0 * minibatches * eps], rtol=0.15)


@pytest.mark.parametrize("d", [1, 2])
def test_few_dimensions_bind_the_moments(d: int) -> None:
    """Nothing is across the signal at d = 1; at d = 2 theta and m are parallel there."""
    start = (0.3, 0.2, 0.0, 0.0, 0.0) if d == 1 else (0.3, 0.2, 1.0, 4.0, -2.0)
    paths = engine_paths(
        RareClassLogistic(d, 0.3, 2, 1.0),
        HeavyBall(0.9, 0.3),
        [0, 1, 40],
        trajectories=50,
        engine="reduced",
        start=start,
    )
    np.testing.assert_allclose(paths[:, 0], np.tile(start, (50, 1)), rtol=1e-6)
    R, V, C = np.moveaxis(paths[..., 2:], -1, 0)
    np.testing.assert_allclose(C**2, R * V, rtol=1e-5)
    assert (R[:, 1:] == 0.0).all() == (d == 1)


def test_on_a_line_nothing_starts_across_the_signal() -> None:
    with pytest.raises(ValueError, match="d = 1"):
        simulate(RareClassLogistic(1, 0.3, 2, 1.0), HeavyBall(0.1, 0.5), times=[1], trajectories=2, seed=0)


def data_of(batches: tuple[int, ...], chunk: int, seed: int = 3) -> object:
    cells = [(RareClassLogistic(7, 0.2, B, 1.0), HeavyBall(0.3, 0.4)) for B in batches]
    return simulate_cells(cells, times=[[0, 3, 8]] * len(cells), trajectories=1300, seed=seed, chunk=chunk)


def test_neither_chunk_nor_neighbours_change_a_bit() -> None:
    together = data_of((3, 16), chunk=3000)
    assert data_of((3, 16), chunk=1).identical(together)
    assert data_of((16,), chunk=1).identical(together.isel(cell=slice(1, 2)))
    assert not data_of((16,), chunk=1, seed=4).equals(together.isel(cell=slice(1, 2)))


@pytest.mark.slow
def test_chunks_change_no_bit_of_minibatches_in_slices() -> None:
    assert data_of((150,), chunk=1).identical(data_of((150,), chunk=3000))
