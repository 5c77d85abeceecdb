"""Files are whole or absent."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sparsesim import store

DATA = xr.Dataset(
    {"mean": (("cell", "moment"), [[1.0, np.nan], [np.inf, 0.0]]), "verdict": ("cell", ["agrees", "unstable"])},
    {"moment": ["R", "V"], "d": ("cell", [3, 5])},
    {"seed": 3, "clock": "active", "z_largest": 2.5},
)


def test_what_is_saved_is_loaded(tmp_path: Path) -> None:
    path = store.save(DATA, tmp_path / "data.nc")
    loaded = store.load(path)
    xr.testing.assert_identical(loaded, DATA)
    assert {name: type(value) for name, value in loaded.attrs.items()} == {
        "seed": int,
        "clock": str,
        "z_largest": float,
    }
    assert sorted(tmp_path.iterdir()) == [path]
    with path.open("rb") as file:
        assert file.read(4) == b"\x89HDF"  # netCDF-4


def test_other_programs_can_open_it(tmp_path: Path) -> None:
    with xr.open_dataset(store.save(DATA, tmp_path / "data.nc")) as plain:
        assert plain.moment.values.tolist() == ["R", "V"]


@pytest.mark.parametrize("error", [OSError("disk full"), KeyboardInterrupt()])
def test_an_interrupted_write_leaves_the_old_file_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    path = store.save(DATA, tmp_path / "data.nc")
    before = path.read_bytes()

    def fail(self, target, **kwargs):
        Path(target).write_bytes(b"half")
        raise error

    monkeypatch.setattr(xr.Dataset, "to_netcdf", fail)
    with pytest.raises(type(error)):
        store.save(DATA, path)
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


def test_an_interrupted_first_write_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store.os, "replace", lambda *args: (_ for _ in ()).throw(OSError("no")))
    with pytest.raises(OSError, match="no"):
        store.write_text("text", tmp_path / "a.txt")
    assert not list(tmp_path.iterdir())


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"absent\.nc"):
        store.load(tmp_path / "absent.nc")
