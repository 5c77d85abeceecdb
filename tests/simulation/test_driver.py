"""The driver: results depend on (seed, cell) alone, one compilation for all cells, memory said before it is used."""

import jax
import numpy as np
import pytest

from sparsesim import HeavyBall, LeastSquares, Scaling, simulate, simulate_cells
from sparsesim.simulation import blocks, launches, reduced
from sparsesim.simulation.blocks import Block
from sparsesim.simulation.driver import run_cells
from sparsesim.simulation.launches import Launch
from sparsesim.simulation.plan import Cell, Plan
from sparsesim.simulation.statistics import Record, Statistics, Summary

TIMES = [0, 4, 20]  # as many in all tests: their number is part of a compilation
# Nothing that these cells differ in may need a compilation of its own: d, p, B, eta, eps.
CELLS = [
    *(Scaling(alpha, 0.5, delta).at(d) for alpha, delta, d in ((0.0, 1.2, 3), (0.6, 0.3, 100), (1.1, 1.2, 3))),
    (LeastSquares(10**9, 1e-7, 50), HeavyBall(2e-8, 0.01)),
    (LeastSquares(100, 0.3, 10**6), HeavyBall(0.5, 1e-6)),
    (LeastSquares(1, 1.0, 1), HeavyBall(0.3, 1.0)),
]


def run(cells=CELLS, *, trajectories=1300, clock="active", chunk=None, seed=3, **engine):
    return simulate_cells(
        cells, times=[TIMES] * len(cells), trajectories=trajectories, seed=seed, clock=clock, chunk=chunk, **engine
    )


@pytest.mark.parametrize("clock", ["active", "minibatch"])
def test_chunk_size_changes_no_bit(clock: str) -> None:
    assert run(clock=clock, chunk=1).identical(run(clock=clock, chunk=2000))


def test_number_of_cores_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    results = []
    for cores in (1, 5):
        monkeypatch.setattr(launches.os, "cpu_count", lambda cores=cores: cores)
        results.append(run())
    assert results[0].identical(results[1])


def test_neighbours_and_order_change_no_bit() -> None:
    reference = run()
    assert run(CELLS[::-1]).isel(cell=slice(None, None, -1)).identical(reference)
    assert run(CELLS[2:3]).identical(reference.isel(cell=slice(2, 3)))
    alone = simulate(*CELLS[2], times=TIMES, trajectories=1300, seed=3, clock="active")
    np.testing.assert_array_equal(alone["mean"], reference["mean"].isel(cell=2))


def test_neighbours_with_label_noise_or_other_times_change_no_bit() -> None:
    """Label noise is another program; longer horizons change the order of the blocks."""
    problem, optimizer = CELLS[1]
    noisy = LeastSquares(problem.d, problem.p, problem.B, label_noise=0.5)
    cells, times = [CELLS[0], (noisy, optimizer), CELLS[1]], [TIMES, TIMES, [0, 4, 400]]
    together = simulate_cells(cells, times=times, trajectories=1300, seed=3, clock="active")
    assert run(CELLS[:1]).identical(together.isel(cell=slice(0, 1)))
    assert run(cells[1:2]).identical(together.isel(cell=slice(1, 2)))
    # Its first two times are those of everybody.
    np.testing.assert_array_equal(run(CELLS[1:2])["mean"][0, :2], together["mean"][2, :2])


def test_more_trajectories_keep_the_first(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[np.ndarray] = []

    def add(self: Statistics, summary: Summary, count: int, values: Record) -> None:
        assert len(values.values) == count
        seen.append(np.ldexp(values.values.astype(np.float64), values.exponent))

    monkeypatch.setattr(Statistics, "add", add)
    monkeypatch.setattr(Statistics, "result", lambda self: {name: np.zeros((3, 3)) for name in Statistics.NAMES})
    run(CELLS[1:2], trajectories=700)
    few, seen[:] = np.concatenate(seen), []
    run(CELLS[1:2], trajectories=1900)
    many = np.concatenate(seen)
    assert (len(few), len(many)) == (700, 1900)
    np.testing.assert_array_equal(many[:700], few)
    assert len(np.unique(many[:, 2, 0])) > 1800  # and no block repeats another's


def test_another_seed_is_another_sample() -> None:
    means = [run(seed=seed)["mean"][1, 2] for seed in (3, 4, 3 + 2**32)]
    assert len({float(mean[0]) for mean in means}) == 3


def test_one_compilation_serves_all_cells() -> None:
    launches.compiled.cache_clear()
    run(chunk=1)
    run([Scaling(0.3, 0.4, 0.8).at(13)], trajectories=20, chunk=1)
    assert launches.compiled.cache_info().currsize == 1
    assert launches.compiled(Plan("active", 0, 2).program(CELLS[0][0]), True, 1).step._cache_size() == 1


# The vector engine: both oracles, and the counts that the Poisson clock draws on the host.
@pytest.mark.slow
@pytest.mark.parametrize(("clock", "oracle"), [("active", "sampled"), ("poisson", "literal")])
def test_the_vector_engine_is_as_independent(clock: str, oracle: str) -> None:
    cells = [(LeastSquares(6, p, 3), HeavyBall(0.2, eps)) for p, eps in ((0.4, 0.3), (0.6, 1.0))]
    arguments = {"trajectories": 300, "clock": clock, "engine": "vector", "oracle": oracle}
    alone = run(cells[:1], chunk=1, **arguments)
    assert run(cells[::-1], chunk=1000, **arguments).isel(cell=slice(1, 2)).identical(alone)


def test_the_vector_engine_compiles_once_a_dimension() -> None:
    launches.compiled.cache_clear()
    cells = [Scaling(alpha, 0.5, delta, c_eta=0.3).at(13) for alpha in (0.1, 0.9) for delta in (0.2, 1.4)]
    run(cells, trajectories=300, engine="vector", chunk=1)
    assert launches.compiled.cache_info().currsize == 1
    program = Plan("active", 0, 2, "vector", "sampled").program(cells[0][0])
    assert launches.compiled(program, True, 1).step._cache_size() == 1


def test_too_large_a_problem_is_refused_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(launches, "compiled", lambda *args: pytest.fail("compiled"))
    arguments = {"times": [1], "trajectories": 2, "seed": 0}
    optimizer = HeavyBall(0.1, 0.1)
    with pytest.raises(
        MemoryError,
        match=r"d = 1000000000000, engine=vector, .* GB are available; .*, lower d or B, or take engine",
    ):
        simulate(LeastSquares(10**12, 0.1, 4), optimizer, engine="vector", **arguments)
    with pytest.raises(MemoryError, match="lower d or B, or take engine=reduced"):
        simulate(LeastSquares(10**6, 0.1, 10**6), optimizer, engine="vector", oracle="literal", **arguments)
    # The reduced engine's memory grows with the recordings alone.
    monkeypatch.setattr(blocks, "available_memory", lambda: 1e9)
    arguments |= {"times": np.arange(1, 200_000)}
    with pytest.raises(MemoryError, match=r"engine=reduced, .* and 1.0 GB are available; record at fewer times$"):
        simulate(LeastSquares(10**12, 0.1, 4), optimizer, **arguments)


def test_progress_starts_at_nothing_and_ends_at_all() -> None:
    calls: list[tuple[float, float]] = []
    times, keep = [[0, 4, 20], [0, 4, 400]], lambda done, total: calls.append((done, total))
    simulate_cells(CELLS[:2], times=times, trajectories=1300, seed=0, clock="active", progress=keep, chunk=1)
    done = [call[0] for call in calls]
    assert done == sorted(done)
    assert done[0] == 0.0
    assert len(set(done)) == 1 + 2 * 3  # a launch of each tile
    assert done[-1] == pytest.approx(calls[0][1])


def test_an_error_in_the_middle_leaves_no_thread_behind() -> None:
    def stop(done: float, total: float) -> None:
        if done > 0.0:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        simulate_cells(
            CELLS, times=[TIMES] * len(CELLS), trajectories=5000, seed=0, clock="active", chunk=1, progress=stop
        )
    assert run(CELLS[:1]).identical(run(CELLS[:1]))


def block_of(cells: list[tuple[LeastSquares, HeavyBall]], horizons: list[float], plan: Plan) -> Block:
    """One block of cells whose recordings differ."""
    work = [
        Cell(*cell, np.rint(np.array(TIMES) * (horizon / TIMES[-1])), (1.0, 0.0, 0.0))
        for cell, horizon in zip(cells, horizons, strict=True)
    ]
    return Block(plan.program(cells[0][0]), dict(enumerate(work)), plan)


@pytest.mark.parametrize("size", [1, 32, 2048])
@pytest.mark.parametrize("tiles_a_cell", [1, 7])
def test_vectorised_launches_cover_all_tiles_and_wait_little(size: int, tiles_a_cell: int) -> None:
    horizons = np.logspace(6, 1, 200).round()
    plan = Plan("active", 0, tiles_a_cell * reduced.LANES)
    block = block_of([CELLS[0]] * len(horizons), list(np.random.default_rng(0).permutation(horizons)), plan)
    tiles = block.tiles
    assert len(tiles) == len(horizons) * tiles_a_cell
    works = np.stack([block.gap_work[tile.cell] for tile in tiles])
    cut = launches.vectorised_launches(works, size)
    assert sum(launch.tiles for launch in cut) == len(tiles)
    first, sizes = 0, set()
    for launch in cut:
        assert 1 <= launch.tiles <= launch.size
        # Computed anew: each gap takes as long as its slowest tile.
        held = works[first : first + launch.tiles]
        assert 1.0 - held.sum() / (launch.size * held.max(axis=0).sum()) <= launches.MOST_PADDING
        first += launch.tiles
        sizes.add(launch.size)
    # Launches of equal tiles are full; without the bound a launch would take them all.
    assert sizes <= {size >> halvings for halvings in range(size.bit_length())}
    assert len(cut) < 1.0 + len(tiles) / size + 2.0 * np.log2(1e5) * np.log2(2 * size)


def test_vectorised_launches_of_equal_tiles_are_full() -> None:
    works = np.ones((20, 3))
    assert launches.vectorised_launches(works, 8) == [Launch(8, 8), Launch(8, 8), Launch(4, 8)]
    assert launches.vectorised_launches(np.ones((17, 3)), 8) == [Launch(8, 8), Launch(8, 8), Launch(1, 2)]
    assert launches.padding(np.array([[4.0, 1.0], [2.0, 2.0]]), 2) == pytest.approx(1.0 - 9.0 / 12.0)


@pytest.mark.parametrize("clock", [pytest.param("active", marks=pytest.mark.slow), "minibatch"])
def test_a_vectorised_launch_computes_what_a_sequential_one_does(clock: str) -> None:
    """As an accelerator runs it: cells of other horizons wait for each other, in another shape, so not to the bit."""
    cells = [*CELLS[:3], CELLS[5], Scaling(0.2, 0.5, 0.5).at(30)]
    plan = Plan(clock, 3, 700)
    block = block_of(cells, [20, 400, 60, 20, 2000], plan)
    tiles = block.tiles[:7]
    results = [block.launch(tiles, 8, sequential=sequential) for sequential in (False, True)]
    (summary, record), (their_summary, their_record) = results
    means, values = (
        [np.ldexp(a.astype(np.float64), b) for a, b in pairs]
        for pairs in (
            [(summary.centre, summary.exponent), (their_summary.centre, their_summary.exponent)],
            [(np.asarray(part.values), part.exponent) for part in (record, their_record)],
        )
    )
    assert {tile.size for tile in tiles} == {512, 188}
    scale = np.sqrt(means[1][..., :1] * means[1][..., 1:2])  # of C, which may pass through zero
    present = slice(0, len(tiles))
    np.testing.assert_allclose(means[0][present, :, :2], means[1][present, :, :2], rtol=1e-4)
    assert (np.abs(means[0] - means[1])[present, :, 2] <= 1e-4 * scale[present, :, 0]).all()
    # Trajectory by trajectory, too: the same random numbers at the same places.
    close = np.isclose(values[0], values[1], rtol=1e-3, atol=1e-30)[present, ..., :2]
    assert close.mean() > 0.999
    assert jax.tree.all(jax.tree.map(lambda part: len(part) == 8, (summary, record)))


def test_many_cells_have_the_law_of_few() -> None:
    """Smaller tiles and tables between frequencies: other bits at most, trajectory by trajectory the same numbers."""
    times = np.array([0.0, 5.0, 40.0])
    cells = [Cell(LeastSquares(50, p, 300), HeavyBall(0.2, 0.3), times, (1.0, 0.0, 0.0)) for p in (0.003, 0.02, 0.3)]
    few, many = (run_cells(cells, Plan("minibatch", 5, 700, many=many)) for many in (False, True))
    for one, other in zip(few, many, strict=True):
        np.testing.assert_allclose(other["mean"], one["mean"], rtol=1e-5)
        np.testing.assert_allclose(other["std_error"], one["std_error"], rtol=1e-4)
