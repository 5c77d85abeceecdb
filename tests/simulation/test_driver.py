"""The driver: results depend on (seed, cell) alone, one compilation a dimension, memory said before it is used."""

import numpy as np
import pytest

from sparsesim import HeavyBall, LeastSquares, Scaling, simulate, simulate_cells
from sparsesim.simulation import driver
from sparsesim.simulation.statistics import Statistics

CELLS = [Scaling(alpha, 0.5, delta).at(12) for alpha in (0.0, 0.6, 1.1) for delta in (0.3, 1.2)]
TIMES = [0, 4, 20]


def run(cells=CELLS, *, trajectories=600, clock="active", oracle="sampled", chunk=None, seed=3):
    return simulate_cells(
        cells,
        times=[TIMES] * len(cells),
        trajectories=trajectories,
        seed=seed,
        clock=clock,
        oracle=oracle,
        chunk=chunk,
    )


@pytest.mark.parametrize(
    ("clock", "oracle"),
    [("active", "sampled"), ("poisson", "literal")],
)
def test_chunk_size_changes_no_bit(clock: str, oracle: str) -> None:
    reference = run(clock=clock, oracle=oracle)
    assert run(clock=clock, oracle=oracle, chunk=1000).identical(reference)


def test_number_of_cores_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    reference = run()
    monkeypatch.setattr(driver.os, "cpu_count", lambda: 1)
    assert run().identical(reference)


def test_neighbours_and_order_change_no_bit() -> None:
    reference = run()
    assert run(CELLS[::-1]).isel(cell=slice(None, None, -1)).identical(reference)
    assert run(CELLS[2:3]).identical(reference.isel(cell=slice(2, 3)))
    alone = simulate(*CELLS[2], times=TIMES, trajectories=600, seed=3, clock="active")
    np.testing.assert_array_equal(alone["mean"], reference["mean"].isel(cell=2))


def test_more_trajectories_keep_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []
    monkeypatch.setattr(Statistics, "add", lambda self, records: seen.append(records.copy()))
    monkeypatch.setattr(Statistics, "result", lambda self: {name: np.zeros((3, 3)) for name in Statistics.NAMES})
    run(CELLS[:1], trajectories=300)
    few, seen[:] = np.concatenate(seen), []
    run(CELLS[:1], trajectories=700)
    assert len(few) == 300
    np.testing.assert_array_equal(np.concatenate(seen)[:300], few)


@pytest.mark.parametrize("oracle", ["sampled", "literal"])
def test_neighbours_with_larger_batches_and_label_noise_change_no_bit(oracle: str) -> None:
    cells = [(LeastSquares(6, 0.4, 3), HeavyBall(0.2, 0.3)), (LeastSquares(6, 0.5, 300, 0.5), HeavyBall(0.2, 0.3))]
    alone = run(cells[:1], trajectories=50, oracle=oracle)
    assert run(cells, trajectories=50, oracle=oracle).isel(cell=slice(0, 1)).identical(alone)


def test_another_seed_is_another_sample() -> None:
    assert not np.array_equal(run(seed=4)["mean"], run()["mean"])


def test_one_compilation_serves_all_cells_of_a_dimension() -> None:
    driver._program.cache_clear()
    run([Scaling(alpha, 0.5, delta, c_eta=0.3).at(13) for alpha in (0.1, 0.5, 0.9) for delta in (0.2, 0.7, 1.4)])
    run([Scaling(0.3, 0.4, 0.8).at(13)], trajectories=20)
    assert driver._program.cache_info().currsize == 1
    shape = driver.vector.shape_of(LeastSquares(13, 0.5, 4), "sampled")
    program = driver._program(shape, "active", None, True)
    assert program._cache_size() == 1


def test_cells_of_different_dimension_in_one_call() -> None:
    cells = [(LeastSquares(d, 0.5, 2), HeavyBall(0.1, 0.5)) for d in (9, 2, 5)]
    together = run(cells, trajectories=50)
    assert together.d.values.tolist() == [9, 2, 5]
    for i, cell in enumerate(cells):
        assert run([cell], trajectories=50).identical(together.isel(cell=slice(i, i + 1)))


def test_too_large_a_problem_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "_program", lambda *args: pytest.fail("compiled"))
    with pytest.raises(MemoryError, match=r"d = 1000000000000, .* GB are available; lower d"):
        simulate(LeastSquares(10**12, 0.1, 4), HeavyBall(0.1, 0.1), times=[1], trajectories=2, seed=0)
    with pytest.raises(MemoryError, match="or B, or take oracle=sampled"):
        simulate(
            LeastSquares(10**6, 0.1, 10**6), HeavyBall(0.1, 0.1), times=[1], trajectories=2, seed=0, oracle="literal"
        )


def test_progress_starts_at_nothing_and_ends_at_all() -> None:
    calls: list[tuple[float, float]] = []
    simulate(*CELLS[0], times=TIMES, trajectories=600, seed=0, progress=lambda done, total: calls.append((done, total)))
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[0] == 0.0
    assert done[-1] == pytest.approx(calls[0][1])


def test_an_error_in_the_middle_leaves_no_thread_behind() -> None:
    def stop(done: float, total: float) -> None:
        if done > 0.0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_cells(CELLS, times=[TIMES] * len(CELLS), trajectories=2000, seed=0, progress=stop)
    assert run(CELLS[:1]).identical(run(CELLS[:1]))
