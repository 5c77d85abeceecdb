"""The page as a file: complete in itself, safe from what it shows, and written by a command."""

import hashlib
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from PIL import Image

from sparsesim import outcomes, provenance, report, store
from sparsesim.report import __main__ as command

SIX_MB = 6_000_000


class Parsed(HTMLParser):
    """The elements of a page, and what stands in its scripts."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.inside = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self.inside = tag == "script"
        if self.inside:
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        self.inside = False

    def handle_data(self, data: str) -> None:
        if self.inside:
            self.scripts[-1] += data


@pytest.fixture
def page(compared: xr.Dataset) -> str:
    return report.rendered(compared, outcomes.comparison(compared), [])


def test_it_needs_nothing_but_itself(page: str) -> None:
    parsed = Parsed(page)
    for tag, attributes in parsed.tags:
        for name in ("src", "href", "srcset", "action", "poster"):
            value = attributes.get(name)
            assert value is None or value.startswith("data:"), (tag, value)
    policy = next(of["content"] for tag, of in parsed.tags if tag == "meta" and "http-equiv" in of)
    assert "default-src 'none'" in str(policy)
    assert "@import" not in page
    assert "url(http" not in page


def test_its_parts_are_all_filled_in(page: str, compared: xr.Dataset) -> None:
    assert "[[" not in page.split("<script")[0]
    data = json.loads(Parsed(page).scripts[0])
    assert data["problem"] == "least_squares"
    assert compared.attrs["verdict"] in page
    assert "trusted comparisons" in page


def test_what_it_shows_cannot_run(compared: xr.Dataset, tmp_path: Path) -> None:
    evil = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"
    dataset = compared.isel(d=0, beta=0).assign_attrs(config=evil, verdict=evil, engine=evil)
    dataset = dataset.rename(alpha="case").assign_coords(case=[evil, "b", "c"])
    outcome = outcomes.Outcome(evil, [(evil, evil)], [evil], evil, outcomes.Details([evil], [[evil]]))
    figure = tmp_path / "<img src=x onerror=alert(1)>.png"
    Image.new("RGB", (9, 9)).save(figure)
    parsed = Parsed(report.rendered(dataset, outcome, [figure]))
    before = Parsed(report.rendered(compared, outcomes.comparison(compared), []))
    assert len(parsed.scripts) == len(before.scripts)
    assert not any("onerror" in attributes for _, attributes in parsed.tags)
    assert evil in json.loads(parsed.scripts[0])["dims"][0]["values"]


@pytest.mark.parametrize("points", [40, 96])
def test_a_large_plane_stays_below_six_megabytes(points: int, tmp_path: Path, compared: xr.Dataset) -> None:
    rng = np.random.default_rng(2)
    dims, shape = ("alpha", "delta", "time", "moment"), (points, points, 21, 3)
    names = ("mean", "std_error", "exact", "limit", "z")
    dataset = xr.Dataset(
        {name: (dims, rng.standard_normal(shape)) for name in names},
        {**dict.fromkeys(dims[:2], np.linspace(0, 1, points)), "time": np.arange(21), "moment": ["R", "V", "C"]},
        compared.attrs,
    )  # fmt: skip
    figures = []
    for number in range(4):
        figures.append(tmp_path / f"{number}.png")
        Image.fromarray(rng.integers(0, 255, (900, 1200, 3), np.uint8)).save(figures[-1])
    written = report.write(dataset, outcomes.comparison(compared), figures, tmp_path / "report.html")
    assert written.stat().st_size < SIX_MB
    assert "Not shown here: 0.png, 1.png, 2.png, 3.png" in written.read_text(encoding="utf-8")
    assert ("of 96 values of alpha" in written.read_text(encoding="utf-8")) == (points == 96)


def test_figures_are_shown_in_fewer_bytes(tmp_path: Path) -> None:
    path = tmp_path / "plane_of_R.png"
    across, down = np.meshgrid(np.linspace(0, 255, 2000), np.linspace(0, 255, 500))
    wave = 127.5 * (1.0 + np.sin(across * down / 300.0))
    Image.fromarray(np.stack([across, down, wave], axis=-1).astype(np.uint8)).save(path)
    reduced = report._reduced(path)
    assert len(reduced) < path.stat().st_size
    assert 'alt="figure: plane of R"' in report._figures([path, tmp_path / "plane.pdf"])


def test_one_large_figure_leaves_room_for_the_small(tmp_path: Path) -> None:
    large, small = tmp_path / "a.png", tmp_path / "b.png"
    Image.fromarray(np.random.default_rng(3).integers(0, 255, (900, 1200, 3), np.uint8)).save(large)
    Image.new("RGB", (50, 50)).save(small)
    told = report._figures([large, small])
    assert 'alt="figure: b"' in told
    assert "Not shown here: a.png" in told


def test_words_with_brackets_are_shown_as_they_are() -> None:
    assert report._text("[red]disagrees") == "disagrees"
    assert report._text("a[/]b") == "a[/]b"


def test_styles_are_of_elements_that_there_are() -> None:
    style = (report.PAGE / "style.css").read_text(encoding="utf-8")
    selectors = re.sub(r"\[[^]]*\]|:[\w-]+(\([^)]*\))?", "", " ".join(re.findall(r"(?:^|[}\n])([^{}@;]+)\{", style)))
    names = set(re.findall(r"(?<![.#\w-])[a-z][a-z0-9]*", selectors))
    page = (report.PAGE / "template.html").read_text(encoding="utf-8")
    scripts = "".join((report.PAGE / name).read_text(encoding="utf-8") for name in report.SCRIPTS)
    made = set(re.findall(r'(?:element|append)\(\s*"(\w+)"', scripts)) | {"figure", "img", "figcaption"}
    known = set(re.findall(r"<([a-z][a-z0-9]*)", page)) | made
    assert names <= known, names - known


def test_libraries_are_those_that_are_named() -> None:
    folder = report.PAGE / "vendor"
    named = dict(
        re.findall(r"\| (\S+\.js) \|.*\| ([0-9a-f]{64}) \|", (folder / "README.md").read_text(encoding="utf-8"))
    )
    assert set(named) == set(report.LIBRARIES) == {path.name for path in folder.glob("*.js")}
    for name, digest in named.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == digest


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["sparsesim.report", *arguments])
    try:
        command.main()
    except SystemExit as stopped:
        return int(stopped.code or 0)
    return 0


def test_the_command_writes_the_page_of_a_folder(
    compared: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    store.save(compared, tmp_path / "data.nc")
    assert run(monkeypatch, str(tmp_path)) == 0
    written = tmp_path / "report.html"
    assert capsys.readouterr().out.strip() == str(written)
    assert Parsed(written.read_text(encoding="utf-8")).scripts
    assert run(monkeypatch, str(tmp_path), "--output", str(tmp_path / "other.html")) == 0
    assert (tmp_path / "other.html").read_text(encoding="utf-8") == written.read_text(encoding="utf-8")


def test_the_command_refuses_what_is_no_run(
    compared: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(monkeypatch, str(tmp_path)) == 2
    assert f"FOLDER must be the folder of a finished run, with a data.nc, got {tmp_path}" in capsys.readouterr().err
    (tmp_path / "data.nc").write_text("nothing")
    assert run(monkeypatch, str(tmp_path)) == 2
    assert "must be a dataset that a run wrote" in capsys.readouterr().err
    store.save(
        compared.assign_attrs(config="sweep: {study: other}\nproblem: {name: least_squares}"), tmp_path / "data.nc"
    )
    assert run(monkeypatch, str(tmp_path)) == 2
    assert "sweep.study" in capsys.readouterr().err
    assert run(monkeypatch, "a", "b", "--output", "c") == 2
    store.save(compared.assign_attrs(config="a: [1"), tmp_path / "data.nc")
    assert run(monkeypatch, str(tmp_path)) == 2
    assert "must be of this version of sparsesim" in capsys.readouterr().err
    store.save(compared.drop_attrs().assign_attrs(config=compared.attrs["config"]), tmp_path / "data.nc")
    assert run(monkeypatch, str(tmp_path)) == 2
    assert "must be of this version of sparsesim, got KeyError" in capsys.readouterr().err
    store.save(compared, tmp_path / "data.nc")
    assert run(monkeypatch, str(tmp_path), "--output", str(tmp_path / "nowhere" / "page.html")) == 4
    assert run(monkeypatch, str(tmp_path), "--output", str(tmp_path)) == 2
    assert "--output must be a file" in capsys.readouterr().err
    assert not (tmp_path / "report.html").exists()


def test_several_folders_do_not_wait_for_a_bad_one(
    compared: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    good = tmp_path / "good"
    good.mkdir()
    store.save(compared, good / "data.nc")
    assert run(monkeypatch, str(tmp_path), str(good)) == 2
    assert (good / "report.html").exists()
    assert str(good / "report.html") in capsys.readouterr().out


def test_data_that_have_changed_are_named_and_the_manifest_follows_the_page(
    compared: xr.Dataset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    data, page = store.save(compared, tmp_path / "data.nc"), tmp_path / "report.html"
    page.write_text("an older page")
    provenance.write_manifest(tmp_path, data, [page])
    assert run(monkeypatch, str(tmp_path)) == 0
    assert capsys.readouterr().err == ""
    assert provenance.check_manifest(tmp_path) == []
    store.save(compared.isel(alpha=[0, 1]), data)
    assert run(monkeypatch, str(tmp_path)) == 0
    assert "warning: data.nc is not what was written" in capsys.readouterr().err


def test_mishaps_are_told(compared: xr.Dataset, tmp_path: Path) -> None:
    status = compared["status"].copy()
    status[{"beta": 0, "d": 0, "alpha": 0, "delta": 0}] = "failed"
    error = xr.where(status == "failed", "it broke", "")
    store.save(compared.assign(status=status, error=error), tmp_path / "data.nc")
    told = command.page(tmp_path).read_text(encoding="utf-8")
    assert "1 cells failed twice and have no values; the same command tries them again: it broke" in told
