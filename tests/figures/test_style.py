"""Figures come and go without a trace in matplotlib's global state, and reach the disk whole."""

import subprocess
import sys

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from sparsesim.figures import style
from sparsesim.figures.phase_plane import phase_plane


def test_import_and_drawing_leave_global_state_alone(tmp_path) -> None:
    """In a fresh interpreter: rcParams as they were, and pyplot never imported."""
    program = """
import sys
import matplotlib as mpl
before = dict(dict.items(mpl.rcParams))  # its own items() would choose a backend and load pyplot
import sparsesim.figures
from sparsesim.figures import style
figure, axes = style.styled(style.new_figure)()
assert axes[0, 0].xaxis.label.get_size() == 8
style.save(figure, sys.argv[1], "empty")
assert dict(dict.items(mpl.rcParams)) == before
assert "matplotlib.pyplot" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], check=True, capture_output=True)


def test_users_rc_changes_neither_style_nor_itself(plane) -> None:
    with mpl.rc_context({"font.size": 30, "axes.labelsize": 30}):
        figure = phase_plane(plane)
        assert mpl.rcParams["font.size"] == 30
    assert figure.axes[0].xaxis.label.get_size() == style.RC["axes.labelsize"]


def test_save_writes_both_kinds_and_nothing_else(tmp_path) -> None:
    figure, _ = style.new_figure()
    paths = style.save(figure, tmp_path / "new" / "folder", "name")
    assert [path.name for path in paths] == ["name.pdf", "name.png"]
    assert sorted((tmp_path / "new" / "folder").iterdir()) == sorted(paths)
    assert paths[0].read_bytes()[:4] == b"%PDF"
    assert paths[1].read_bytes()[1:4] == b"PNG"


def test_equal_figures_give_equal_files(tmp_path) -> None:
    first, second = (style.save(style.new_figure()[0], tmp_path / name, "name") for name in "ab")
    assert [path.read_bytes() for path in first] == [path.read_bytes() for path in second]


def test_failed_save_keeps_the_old_file(tmp_path, monkeypatch) -> None:
    figure, _ = style.new_figure()
    paths = style.save(figure, tmp_path, "name")
    before = [path.read_bytes() for path in paths]

    def fail(self, path, **_) -> None:
        path.write_bytes(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(Figure, "savefig", fail)
    with pytest.raises(OSError, match="disk full"):
        style.save(figure, tmp_path, "name")
    assert [path.read_bytes() for path in paths] == before
    assert sorted(tmp_path.iterdir()) == sorted(paths)


@pytest.mark.parametrize(("low", "high", "expected"), [(0.04, 1.1, "0.05"), (0.95, 1.0, "0.96"), (3e6, 4e7, "10^{7}")])
def test_short_log_axes_have_readable_ticks(low: float, high: float, expected: str) -> None:
    figure, axes = style.new_figure()
    ax = axes[0, 0]
    ax.set(yscale="log", ylim=(low, high))
    style.plain_log_ticks(ax.yaxis, low, high)
    figure.canvas.draw()
    shown = [tick.label1.get_text() for tick in ax.yaxis.get_major_ticks() if low <= tick.get_loc() <= high]
    assert any(expected in text for text in shown)
    assert all(shown)
    assert 2 <= len(shown) <= 7
