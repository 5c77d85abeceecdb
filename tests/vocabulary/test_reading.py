"""Counts from files of every kind; a file without them is named."""

import importlib.util
import json
from pathlib import Path

import numpy as np
import pytest

from sparsesim.vocabulary import Vocabulary, read_counts, read_text

COUNTS, NAMES = [5, 3, 2], ["a", "b", "c"]


def check(found: Vocabulary, named: bool) -> None:
    np.testing.assert_allclose(found.p, [0.5, 0.3, 0.2])
    assert (None if found.names is None else found.names.tolist()) == (NAMES if named else None)


def test_arrays(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", COUNTS)
    check(read_counts(tmp_path / "a.npy"), False)
    np.savez(tmp_path / "b.npz", counts=COUNTS, names=NAMES, other=[1.0])
    check(read_counts(tmp_path / "b.npz"), True)
    np.savez(tmp_path / "c.npz", whatever=COUNTS)
    check(read_counts(tmp_path / "c.npz"), False)


@pytest.mark.parametrize(("text", "named"), [
    ("a,5\nb,3\nc,2\n", True), ("token,count\na,5\nb,3\nc,2\n", True),
    ("token,count,rank\na,5,1\nb,3,2\nc,2,3\n", True),
    ("5\n3\n2\n", False), ("count\n5\n3\n2\n", False), ("token,Frequency\na,5\nb,3\nc,2\n\n", True),
])  # fmt: skip
def test_tables(tmp_path: Path, text: str, named: bool) -> None:
    (tmp_path / "a.csv").write_text(text)
    check(read_counts(tmp_path / "a.csv"), named)


def test_maps_and_lists(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(dict(zip(NAMES, COUNTS, strict=True))))
    check(read_counts(tmp_path / "a.json"), True)
    (tmp_path / "b.json").write_text(json.dumps(COUNTS))
    check(read_counts(tmp_path / "b.json"), False)


@pytest.mark.parametrize(("name", "text", "words"), [
    ("a.csv", "token,count\na,five\n", "line 2 has no count: 'a,five'"), ("b.csv", "", "it is empty"),
    ("c.json", "3", "a map from token to count, or a list, got int"), ("d.json", "{", "holds no counts"),
    ("e.json", '{"a": "x"}', "counts must be a row"), ("f.npy", "x", "holds no counts"),
    ("g.csv", "a,1\nb,-1\n", "0 or above, got -1.0 at position 1"), ("h.txt", "1", "must end in one of .npy, .npz"),
])  # fmt: skip
def test_a_file_without_counts_is_named(tmp_path: Path, name: str, text: str, words: str) -> None:
    (tmp_path / name).write_text(text)
    with pytest.raises(ValueError, match=words) as raised:
        read_counts(tmp_path / name)
    assert name in str(raised.value)


def test_a_missing_file_is_no_bad_file(tmp_path: Path) -> None:
    with pytest.raises(OSError, match=r"none\.npy"):
        read_counts(tmp_path / "none.npy")


def test_a_text_by_white_space(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.txt").write_text("c a b a\nb a\tb a  a c\n")
    check(read_text(tmp_path / "a.txt"), True)
    monkeypatch.setattr("sparsesim.vocabulary.reading.BLOCK", 3)  # words that are cut are put together again
    check(read_text(tmp_path / "a.txt"), True)
    (tmp_path / "b.txt").write_text(" \n")
    with pytest.raises(ValueError, match=r"b.txt has no tokens"):
        read_text(tmp_path / "b.txt")


@pytest.mark.skipif(importlib.util.find_spec("tokenizers") is not None, reason="the library is there")
def test_a_missing_library_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a")
    with pytest.raises(ValueError, match=r"vocabulary.tokenizer needs the library tokenizers: pip install tokenizers"):
        read_text(tmp_path / "a.txt", tmp_path / "tokenizer.json")


@pytest.mark.skipif(importlib.util.find_spec("tokenizers") is None, reason="needs the library tokenizers")
def test_a_text_by_a_tokenizer(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers  # pyright: ignore[reportMissingImports]

    model = Tokenizer(models.WordLevel({"a": 0, "b": 1, "c": 2, "never": 3}, unk_token="c"))
    model.pre_tokenizer = pre_tokenizers.Whitespace()
    model.save(str(tmp_path / "tokenizer.json"))
    (tmp_path / "a.txt").write_text("a a a a a b b b x y")
    found = read_text(tmp_path / "a.txt", tmp_path / "tokenizer.json")
    check(found, True)
    assert found.unseen == 1


@pytest.mark.parametrize(
    "text", ["token,count\na,3\nb,1\n", "count,token\n3,a\n1,b\n", "token;count\na;3\nb;1\n", "a\t3\nb\t1\n"]
)
def test_columns_of_either_order_and_other_delimiters(text: str, tmp_path: Path) -> None:
    (tmp_path / "counts.csv").write_text(text)
    found = read_counts(tmp_path / "counts.csv")
    assert found.names is not None
    assert found.names.tolist() == ["a", "b"]
    assert found.counts is not None
    assert found.counts.tolist() == [3.0, 1.0]
