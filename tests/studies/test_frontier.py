"""The simulated frontier: found where the exact one is, far above the claimed one, and able to contradict theory."""

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sparsesim import HeavyBall, LeastSquares
from sparsesim.studies import frontier
from sparsesim.sweep import Sweep, Times
from sparsesim.theory import stability

BASE = {"alpha": 0.3, "beta": 0.5}
MULTIPLES = [0.5, 0.9, 1.1]


def sweep(d: int = 400, horizon: float = 5.0, **axes: list[float]) -> Sweep:
    axes = {"d": [d], "delta": [0.3, 1.2], "eta_over_critical": MULTIPLES} | axes
    return Sweep(axes, BASE, Times(horizon, "relaxations", records=8), trajectories=512, seed=0)


def compute(plan: Sweep) -> xr.Dataset:
    dataset = frontier.compute(plan, lambda done, total: None)
    return dataset.assign_attrs(sweep="frontier", seconds=0.0)


@pytest.fixture(scope="module")
def computed() -> xr.Dataset:
    return compute(sweep())


def test_moments_grow_above_the_exact_frontier_and_shrink_below(computed: xr.Dataset) -> None:
    score = computed.growth / computed.growth_std_error
    assert (score.sel(eta_over_critical=[0.5, 0.9]) < -5.0).all()
    assert (score.sel(eta_over_critical=1.1) > 5.0).all()
    assert computed.attrs["verdict"] == "agrees"
    carrying = computed.effective_sample_size.sel(moment="R").isel(time=-1)
    assert (carrying > 400).all()  # no few trajectories carry the mean


def test_the_frontier_lies_between_the_cells_that_bracket_it(computed: xr.Dataset) -> None:
    exact = computed.frontier_exact
    np.testing.assert_allclose(computed.frontier_low, 0.9 * exact, rtol=1e-14)
    np.testing.assert_allclose(computed.frontier_high, 1.1 * exact, rtol=1e-14)
    np.testing.assert_allclose(computed.frontier, exact, rtol=0.03)
    assert frontier.summary(computed)["frontiers"] == 2


def test_above_resonance_the_claimed_frontier_is_far_below(computed: xr.Dataset) -> None:
    ratio = computed.frontier_exact / computed.frontier_claimed
    assert ratio.sel(delta=0.3).item() == 1.0
    assert ratio.sel(delta=1.2).item() > 10.0
    # Half the exact frontier is above the claim, and everything decays there.
    half = computed.sel(delta=1.2, eta_over_critical=0.5)
    assert (half.eta > 5.0 * half.frontier_claimed).all()
    assert (half.envelope.isel(time=-1) < 0.2).all()


@pytest.mark.parametrize("d", [1000, *(pytest.param(d, marks=pytest.mark.slow) for d in (10_000, 100_000))])
def test_the_paper_s_ceiling_is_false(d: int) -> None:
    """At alpha 0.3, beta 0.5, delta 1.2: decay at half the exact frontier, far above the claim, and growth just beyond.

    The growth rate over three relaxations; the sample of 512 is enough, for nearly all of it carries the mean.
    """
    plan = sweep(d, horizon=3.0, delta=[1.2], eta_over_critical=[0.5, 1.05])
    found = compute(plan).isel(d=0, delta=0)
    claimed = found.frontier_claimed / found.frontier_exact
    assert claimed < 0.05 * (1000 / d) ** 0.4 * 1.05  # d^(alpha - delta) against d^(beta - 1)
    below, above = (found.sel(eta_over_critical=multiple) for multiple in (0.5, 1.05))
    assert below.growth < -0.3
    assert above.growth > 10.0 * above.growth_std_error
    assert above.envelope.isel(time=-1) > above.envelope.isel(time=4)
    assert (found.effective_sample_size.sel(moment="R").isel(time=-1) > 400).all()


def test_growth_is_that_of_the_spectral_radius(computed: xr.Dataset) -> None:
    _check_growth(computed)


def test_growth_counts_idle_minibatches_where_batches_are_sparse() -> None:
    plan = dataclasses.replace(sweep(delta=[0.3]), parameters={"alpha": 1.0, "beta": 0.3})
    sparse = compute(plan)
    assert (sparse.p * sparse.B < 0.1).all()
    _check_growth(sparse)


def _check_growth(computed: xr.Dataset) -> None:
    for index in np.ndindex(computed.growth.shape):
        cell = computed.isel(dict(zip(computed.growth.dims, index, strict=True)))
        problem, optimizer = cell_of(cell)
        rate = -stability.decay_rate(problem, optimizer) / stability.mean_decay_rate(problem, optimizer)
        # Five errors, and what other modes leave in the middle of the run.
        assert cell.growth.item() == pytest.approx(rate, abs=5.0 * cell.growth_std_error.item() + 0.02)


def cell_of(cell: xr.Dataset) -> tuple[LeastSquares, HeavyBall]:
    return (
        LeastSquares(int(cell.d.item()), cell.p.item(), int(cell.B.item())),
        HeavyBall(cell.eta.item(), cell.eps.item()),
    )


@pytest.mark.slow
def test_the_error_of_a_growth_is_that_of_its_scatter() -> None:
    """Where momentum is short the middle and the end of a run scatter nearly independently."""
    plan = sweep(delta=[0.2], d=1000)
    runs = [compute(dataclasses.replace(plan, seed=seed)) for seed in range(60)]
    growth = np.stack([run.growth.values for run in runs])
    stated = np.stack([run.growth_std_error.values for run in runs]).mean(axis=0)
    ratio = growth.std(axis=0, ddof=1) / stated
    # 60 standard deviations are known to 9%; with the error of the end alone the largest ratio is 1.3.
    assert (ratio < 1.1).all()
    assert (ratio > 0.6).all()


def test_means_that_few_trajectories_carry_decide_nothing() -> None:
    wild = compute(sweep(3, horizon=20.0, delta=[1.2], eta_over_critical=[0.5, 1.05]))
    carried = wild.effective_sample_size.sel(moment="R").isel(time=-1) / 512
    assert (carried.sel(eta_over_critical=1.05) < 0.3).all()
    assert wild.growth.sel(eta_over_critical=1.05).isnull().all()


def test_a_wrong_frontier_is_contradicted(monkeypatch: pytest.MonkeyPatch) -> None:
    right = stability.critical_learning_rate
    monkeypatch.setattr(stability, "critical_learning_rate", lambda problem, eps: 1.3 * right(problem, eps))
    wrong = compute(sweep(eta_over_critical=[0.5, 0.9, 1.1]))
    assert wrong.attrs["verdict"] == "disagrees"
    remarks = "\n".join(frontier.outcome(wrong).remarks)
    assert "delta = 1.2 and 0.9 times the exact frontier the envelope grows by" in remarks


def test_a_run_that_is_too_short_finds_nothing_and_says_so(tmp_path: Path) -> None:
    short = compute(sweep(horizon=1.0))
    assert short.growth.isnull().all()
    assert short.frontier.isnull().all()
    assert (
        "simulated frontiers",
        "0 of 2 (others: too short, or carried by few)",
    ) in frontier.outcome(short).rows
    assert all(path.exists() for path in frontier.draw(short, tmp_path))


@pytest.mark.parametrize(
    ("axes", "message"),
    [
        ({"eta_over_critical": [0.5, 0.9]}, r"eta_over_critical must have values on both sides of 1, got \[0.5, 0.9\]"),
        ({"alpha": [0.1]}, "the axes of the study frontier must be d and delta and eta_over_critical, got d, delta, "),
    ],
)
def test_axes_on_one_side_or_of_another_kind_are_refused(axes: dict[str, list[float]], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        compute(sweep(**axes))
