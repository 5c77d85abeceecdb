"""What is sealed comes back bit for bit, or not at all."""

import os
import re
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as numpy_strategies

from sparsesim import store
from sparsesim.sealed import Damaged, seal, unseal

ABOUT = {"cells": ["a", "b"], "seed": 2**63, "share": 0.1, "none": None, "words": "μ\n\0"}
ARRAYS = {
    "mean": np.array([[1.0, np.nan], [-np.inf, -0.0]]),
    "key": np.array([0, 2**32 - 1], np.uint32),
    "n": np.array(2**62),
}
DTYPES = ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", ">f4", ">u8", "c8", "c16"]
NAMES = st.text(string.ascii_letters + "_.-/", min_size=1) | st.sampled_from(["file", "args", "x", "x.npy", "self"])


def of_bits(dtype: str, shape: tuple[int, ...], data: bytes) -> np.ndarray:
    """An array of any bits: every NaN there is, too."""
    flat = np.frombuffer(data, np.uint8).reshape(*shape, -1)
    return (flat % 2).astype(bool)[..., 0] if dtype == "?" else flat.view(dtype)[..., 0]


@st.composite
def arrays(draw: st.DrawFn) -> np.ndarray:
    """Arrays of every kind of number and shape, without dimensions and empty ones as well."""
    dtype = draw(st.sampled_from(DTYPES))
    shape = draw(numpy_strategies.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=4))
    size = int(np.prod(shape)) * np.dtype(dtype).itemsize
    if size == 0:
        return np.empty(shape, dtype)
    return of_bits(dtype, shape, draw(st.binary(min_size=size, max_size=size)))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(about=st.dictionaries(st.text(), JSON, max_size=3), sealed=st.dictionaries(NAMES, arrays(), max_size=4))
def test_what_is_sealed_comes_back(tmp_path: Path, about: dict[str, Any], sealed: dict[str, np.ndarray]) -> None:
    path = seal(tmp_path / "a.block", about, sealed)
    again, unsealed = unseal(path)
    assert again == about
    assert list(unsealed) == sorted(sealed)
    for name, array in sealed.items():
        assert (unsealed[name].dtype, unsealed[name].shape) == (array.dtype, array.shape)
        assert unsealed[name].tobytes() == array.tobytes()
        assert unsealed[name].flags.writeable
    before = path.read_bytes()
    seal(path, dict(reversed(about.items())), {name: sealed[name].copy("F") for name in reversed(sealed)})
    assert path.read_bytes() == before


def test_the_time_is_not_in_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = seal(tmp_path / "a", ABOUT, ARRAYS).read_bytes()
    monkeypatch.setattr("time.time", lambda: 2e9)
    monkeypatch.setattr("time.localtime", lambda *_: (2033, 5, 18, 3, 33, 20, 2, 138, 0))
    assert seal(tmp_path / "b", ABOUT, ARRAYS).read_bytes() == before


def test_numpy_reads_the_archive_too(tmp_path: Path) -> None:
    _, _, archive = seal(tmp_path / "a", ABOUT, ARRAYS).read_bytes().split(b"\n", 2)
    (tmp_path / "a.npz").write_bytes(archive)
    with np.load(tmp_path / "a.npz") as members:
        for name, array in ARRAYS.items():
            np.testing.assert_array_equal(members[name], array, strict=True)


def test_every_flipped_bit_is_noticed(tmp_path: Path) -> None:
    path = seal(tmp_path / "a.block", {"n": 1}, {"x": np.arange(3, dtype=np.uint32)})
    content = path.read_bytes()
    for place in range(len(content)):
        for change in (1, 2, 4, 8, 16, 32, 64, 128, 255):
            refused(path, content[:place] + bytes([content[place] ^ change]) + content[place + 1 :])


def test_every_cut_is_noticed(tmp_path: Path) -> None:
    path = seal(tmp_path / "a.block", {"n": 1}, {"x": np.arange(3, dtype=np.uint32)})
    content = path.read_bytes()
    first = content.index(b"\n") + 1
    for length in range(len(content)):
        said = f"it has {length} of {len(content)} bytes" if length >= first else "it does not begin as a sealed file"
        assert said in refused(path, content[:length])
    for more in (b"\0", b"\n", content):
        assert f"it has {len(content + more)} of {len(content)} bytes" in refused(path, content + more)
    path.write_bytes(content)
    assert unseal(path)[0] == {"n": 1}


def test_a_block_of_zeros_is_noticed(tmp_path: Path) -> None:
    """What a file system may leave where it had not come to write."""
    path = seal(tmp_path / "a.block", ABOUT, {"x": np.random.default_rng(0).random(2000)})
    content = path.read_bytes()
    refused(path, bytes(len(content)))
    assert "checksum" in refused(path, content[:4096] + bytes(4096) + content[8192:])


def refused(path: Path, content: bytes) -> str:
    """Write `content`, see it refused in one line with the file's name, and return the line."""
    path.write_bytes(content)
    with pytest.raises(Damaged) as caught:
        unseal(path)
    assert re.fullmatch(rf"{re.escape(str(path))} is damaged: .+", str(caught.value))
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n", b"sparsesim sealed 2 0 " + b"0" * 64 + b"\n", b"PK\3\4", b"{}\n"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    refused(tmp_path / "a", content)


def test_a_file_that_is_not_there_or_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        unseal(tmp_path / "a")
    with pytest.raises(OSError, match=re.escape(str(tmp_path))):
        unseal(tmp_path)


@pytest.mark.parametrize(
    ("about", "sealed"),
    [
        ({"x": np.nan}, {}),
        ({"x": float("inf")}, {}),
        ({"x": {1, 2}}, {}),
        ({}, {"x": np.array([None])}),
        ({}, {"x": np.array(["words"])}),
        ({}, {"x": np.zeros(2, [("a", "f4")])}),
        ({}, {"a\0b": np.zeros(2)}),
    ],
)
def test_what_would_not_come_back_is_refused(
    tmp_path: Path, about: dict[str, Any], sealed: dict[str, np.ndarray]
) -> None:
    path = seal(tmp_path / "a", ABOUT, ARRAYS)
    before = path.read_bytes()
    with pytest.raises((ValueError, TypeError)):
        seal(path, about, sealed)
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]


def test_numbers_of_an_accelerator_come_back_or_are_refused(tmp_path: Path) -> None:
    jax = pytest.importorskip("jax")
    _, unsealed = unseal(seal(tmp_path / "a", {}, {"x": jax.numpy.arange(3, dtype="uint32")}))
    np.testing.assert_array_equal(unsealed["x"], np.arange(3, dtype=np.uint32), strict=True)
    with pytest.raises(ValueError, match="x must hold numbers that NumPy knows, got bfloat16"):
        seal(tmp_path / "a", {}, {"x": jax.numpy.zeros(3, "bfloat16")})


def test_a_full_disk_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*paths: Path) -> None:
        raise OSError(28, os.strerror(28))

    path = seal(tmp_path / "a", ABOUT, ARRAYS)
    before = path.read_bytes()
    monkeypatch.setattr(store.os, "replace", refuse)
    with pytest.raises(store.NotWritten, match=r"^cannot write .*a: No space left on device$"):
        seal(path, {}, {})
    assert path.read_bytes() == before
    assert sorted(tmp_path.iterdir()) == [path]
