"""Counts from files."""

from __future__ import annotations

import csv
import importlib
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sparsesim.vocabulary.counts import Vocabulary

COUNT_NAMES = ("count", "counts", "frequency", "freq", "n")  # of the column or array that holds them, in this order
BLOCK = 1 << 20  # characters of a text at a time


def read_counts(path: str | Path) -> Vocabulary:
    """A vocabulary from a file of counts, by its ending.

    `.npy` a row; `.npz` the array counts, or the only one; `.csv` a column count, or the last one, and names in the
    first if there are two; `.json` a map from token to count, or a list; `.parquet` like `.csv` (pandas and pyarrow).

    Raises:
        ValueError: an unknown ending, or a file that holds no counts; the message names the file.
        OSError: it cannot be read.
    """
    path = Path(path)
    readers: dict[str, Callable[[Path], tuple[Any, Sequence[str] | None]]] = {
        ".npy": _npy, ".npz": _npz, ".csv": _csv, ".json": _json, ".parquet": _parquet
    }  # fmt: skip
    if path.suffix not in readers:
        raise ValueError(f"vocabulary.counts must end in one of {', '.join(readers)}, got {path}")
    try:
        return Vocabulary.from_counts(*readers[path.suffix](path))
    except (ValueError, KeyError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} holds no counts: {error}") from error


def read_text(path: str | Path, tokenizer: str | Path | None = None) -> Vocabulary:
    """A vocabulary from a text, by white space or by a tokenizer.

    Args:
        path: of the text, UTF-8.
        tokenizer: of a `tokenizer.json` as Hugging Face's library `tokenizers` writes it, which must be installed; all
            of its types are listed, also those that the text does not have.

    Raises:
        ValueError: there is no token in it; or the library is missing, or cannot read the file.
        OSError: a file cannot be read.
    """
    counts: Counter[str] = Counter()
    model = None if tokenizer is None else _tokenizer(Path(tokenizer))
    if model is not None:
        counts.update(dict.fromkeys(model.get_vocab(), 0))
    try:
        for piece in _pieces(Path(path)):
            counts.update(piece.split() if model is None else model.encode(piece).tokens)
    except UnicodeDecodeError as error:
        raise ValueError(f"{path} is no text in UTF-8: {error}") from error
    if not counts.total():
        raise ValueError(f"{path} has no tokens")
    return Vocabulary.from_counts(list(counts.values()), list(counts))


def _pieces(path: Path) -> Iterator[str]:
    """A text in pieces that end at white space."""
    rest = ""
    with path.open(encoding="utf-8") as file:
        while block := file.read(BLOCK):
            text = rest + block
            cut = max(text.rfind(space) for space in " \n\t") + 1
            rest = text[cut:]
            yield text[:cut]
    yield rest


def _tokenizer(path: Path) -> Any:
    library = _library("tokenizers", "vocabulary.tokenizer")
    try:
        return library.Tokenizer.from_file(str(path))
    except Exception as error:  # the library's own are plain exceptions
        raise ValueError(f"{path} is no tokenizer: {error}") from error


def _library(name: str, asked: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise ValueError(f"{asked} needs the library {name}: pip install {name}") from error


def _npy(path: Path) -> tuple[np.ndarray, None]:
    return np.load(path, allow_pickle=False), None


def _npz(path: Path) -> tuple[np.ndarray, Sequence[str] | None]:
    with np.load(path, allow_pickle=False) as arrays:
        names = arrays["names"].tolist() if "names" in arrays else None
        numeric = [key for key in arrays if key != "names"]
        return arrays[_column(numeric, "array")], names


def _csv(path: Path) -> tuple[list[float], list[str] | None]:
    with path.open(encoding="utf-8", newline="") as file:
        first = file.readline()
        file.seek(0)
        delimiter = max(",;\t", key=first.count)  # a comma where there is none
        rows = [row for row in csv.reader(file, delimiter=delimiter) if row]
    if not rows:
        raise ValueError("it is empty")
    header = None if _is_number(rows[0][-1]) else [cell.strip().lower() for cell in rows.pop(0)]
    column = _place(header) if header else -1
    counts = []
    for number, row in enumerate(rows, start=1 + bool(header)):
        if not -len(row) <= column < len(row) or not _is_number(row[column]):
            raise ValueError(f"line {number} has no count: {','.join(row)[:60]!r}")
        counts.append(float(row[column]))
    if not rows or len(rows[0]) < 2:
        return counts, None
    names = 1 if column in (0, -len(rows[0])) else 0
    return counts, [row[names] for row in rows]


def _json(path: Path) -> tuple[list[Any], list[str] | None]:
    found = json.loads(path.read_text(encoding="utf-8"))
    if isinstance(found, dict):
        return list(found.values()), list(found)
    if isinstance(found, list):
        return found, None
    raise ValueError(f"it must be a map from token to count, or a list, got {type(found).__name__}")


def _parquet(path: Path) -> tuple[np.ndarray, list[str] | None]:
    try:
        table = _library("pandas", "a Parquet file").read_parquet(path)
    except ImportError as error:  # pandas has libraries of its own to read it with
        raise ValueError("a Parquet file needs the library pyarrow: pip install pyarrow") from error
    column = _column(list(table.columns), "column")
    others = [name for name in table.columns if name != column]
    return table[column].to_numpy(), [str(name) for name in table[others[0]]] if others else None


def _place(header: list[str]) -> int:
    """The column of counts."""
    return next((header.index(name) for name in COUNT_NAMES if name in header), len(header) - 1)


def _column(names: list[str], kind: str) -> str:
    for name in COUNT_NAMES:
        if name in names:
            return name
    if len(names) == 1:
        return names[0]
    raise ValueError(f"it must have one {kind}, or one of the name counts, got {', '.join(names) or 'none'}")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
