"""`draw` chooses the figures that a dataset has the data for; labels are written as readers expect."""

import pytest

from sparsesim.figures import draw, labels, style


@pytest.fixture
def drawn(tmp_path, monkeypatch):
    """The names of the figures that `draw` hands to `save`, without the time it takes to write them."""

    def names(dataset) -> list[str]:
        saved: list[str] = []
        with monkeypatch.context() as patch:
            patch.setattr(style, "save", lambda figure, folder, name: [saved.append(name), folder / name][1:])
            paths = draw(dataset, tmp_path)
        assert [path.name for path in paths] == saved
        return saved

    return names


def test_two_axes(plane, make, drawn) -> None:
    scores = ["z_map", "z_distribution", "trajectories"]
    assert drawn(plane) == ["phase_plane", *scores]
    assert drawn(plane.transpose("delta", "alpha", ...)) == ["phase_plane", *scores]
    assert drawn(make({"alpha": [0, 1], "beta": [0, 1, 2]}, delta=0.8)) == ["plane_alpha_beta", *scores]


def test_one_axis_and_none(plane, make, drawn) -> None:
    assert drawn(make({"d": [10, 20]})) == ["final_against_d", "z_distribution", "trajectories"]
    assert drawn(plane.isel(alpha=[1])) == ["final_against_delta", "z_distribution", "trajectories"]
    assert drawn(make({})) == ["trajectories"]
    assert drawn(plane.isel(alpha=[1], delta=[1])) == ["trajectories"]


def test_three_axes(make, drawn) -> None:
    assert drawn(make({"d": [10, 20], "alpha": [0, 1], "delta": [1, 2]})) == ["z_distribution", "trajectories"]


def test_without_trust_or_comparison(plane, drawn) -> None:
    bare = plane.drop_vars(["exact", "z", "trusted", "feedback", "verdict"])
    assert drawn(bare) == ["phase_plane", "trajectories"]
    plane["trusted"][:] = False
    assert drawn(plane) == ["phase_plane", "trajectories"]


def test_files_are_written(make, tmp_path) -> None:
    paths = draw(make({}), tmp_path / "figures")
    assert [path.name for path in paths] == ["trajectories.pdf", "trajectories.png"]
    assert all(path.stat().st_size > 1000 for path in paths)


@pytest.mark.parametrize(
    ("value", "text"),
    [(50, "50"), (0.25, "0.25"), (0.33333, "0.333"), (123456, "123456"), (1e9, "$10^{9}$"), (0.0, "0"),
     (2.5e-7, r"$2.5 \times 10^{-7}$"), (float("inf"), "inf")],
)  # fmt: skip
def test_numbers(value: float, text: str) -> None:
    assert labels.number(value) == text


def test_fixed_values_prefer_exponents_and_skip_the_axes(make) -> None:
    assert labels.fixed(make({"d": [10, 20]}, alpha=0.3, p=0.2, B=8)) == r"$\alpha$ = 0.3, $B$ = 8"
    assert labels.fixed(make({}, d=1e9, eps=0.1), without=("eps",)) == "$d$ = $10^{9}$"


def test_last_record(plane, make) -> None:
    assert labels.last_record(plane) == "after 50 active updates"
    assert labels.last_record(plane.assign_attrs(clock="poisson")) == "at Poisson time 50"
    dataset = make({"d": [10, 20]})
    dataset["clock_time"] = dataset["clock_time"] * dataset["d"]
    assert labels.last_record(dataset) == "at the last record"
