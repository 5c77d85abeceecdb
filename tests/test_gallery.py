"""The gallery: a section a figure, from what figures leave alone."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sparsesim import gallery


def left(folder: Path, name: str, *, holds: bool = True) -> None:
    """What a figure leaves."""
    folder.mkdir(exist_ok=True)
    check = {
        "quantity": "largest |R - limit|",
        "value": 3.0,
        "low": None,
        "high": 4.0,
        "bounds": "at most 4",
        "holds": holds,
    }
    record = {"title": f"Title of {name}.", "words": "What to see.", "command": f"make {name}", "scale": "laptop",
              "seconds": 90.0, "machine": "2 cores (cpu)", "holds": holds, "checks": [check]}  # fmt: skip
    (folder / f"{name}.json").write_text(json.dumps(record))
    Image.new("RGB", (40, 30), (0, 114, 178)).save(folder / f"{name}.png")


def test_every_figure_has_its_picture_command_runtime_words_and_numbers(tmp_path: Path) -> None:
    figures, page = tmp_path / "figures", tmp_path / "docs" / "gallery.md"
    left(figures, "fig01")
    left(figures, "fig02", holds=False)
    assert gallery.page(figures, page) == 2
    text = page.read_text()
    assert "scale `laptop` on 2 cores (cpu), together 3.0 minutes." in text
    assert "| [fig01](#fig01) | Title of fig01. | 90 s | yes |" in text
    assert "| [fig02](#fig02) | Title of fig02. | 90 s | **no** |" in text
    for name in ("fig01", "fig02"):
        section = text.split(f"## {name}\n")[1].split("\n## ")[0]
        assert f"](images/{name}.png)" in section
        assert f"`make {name}`, of [configs/experiment/{name}.yaml](../configs/experiment/{name}.yaml), 90 s" in section
        assert "What to see." in section
        assert r"| largest \|R - limit\| | 3 | at most 4 |" in section
        with Image.open(page.parent / "images" / f"{name}.png") as picture:
            assert picture.size == (40, 30)


def test_a_figure_that_is_missing_or_another_is_said(tmp_path: Path) -> None:
    left(tmp_path, "fig01")
    with pytest.raises(ValueError, match="is without fig02, fig03; make figures draws them"):
        gallery.page(tmp_path, tmp_path / "gallery.md", ["fig01", "fig02", "fig03"])
    record = json.loads((tmp_path / "fig01.json").read_text())
    (tmp_path / "fig01.json").write_text(json.dumps({**record, "command": "python -m experiments fig01 seed=3"}))
    gallery.page(tmp_path, tmp_path / "gallery.md", ["fig01"])
    assert "| yes, with overrides |" in (tmp_path / "gallery.md").read_text()


def test_colours_stay_what_they_are(tmp_path: Path) -> None:
    """Of thousands in a picture: curves and their legend can be told apart."""
    left(tmp_path, "fig01")
    ramp = np.linspace(0, 255, 200).astype(np.uint8)
    pixels = np.stack(np.broadcast_arrays(ramp[:, None], ramp[None, :], np.uint8(128)), axis=-1)
    Image.fromarray(pixels).save(tmp_path / "fig01.png")
    gallery.page(tmp_path, tmp_path / "gallery.md")
    with Image.open(tmp_path / "images" / "fig01.png") as picture:
        assert np.abs(np.asarray(picture.convert("RGB"), int) - pixels).max() <= 20


def test_what_is_no_record_is_named(tmp_path: Path) -> None:
    left(tmp_path, "fig01")
    for text in ("{", "{}"):
        (tmp_path / "fig01.json").write_text(text)
        with pytest.raises(ValueError, match=r"fig01.json is no record of a figure"):
            gallery.page(tmp_path, tmp_path / "gallery.md")


def test_without_figures_there_is_no_page(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="has no figures; make figures draws them"):
        gallery.page(tmp_path, tmp_path / "gallery.md")
    assert not (tmp_path / "gallery.md").exists()
