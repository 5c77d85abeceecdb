"""The outcome of a run in one line, for scripts."""

from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from rich.console import Console

from sparsesim import outcomes, terminal

ATTRS = {"sweep": "phase_plane", "verdict": "agrees", "seconds": 12.3456, "failed_cells": 0}


@pytest.mark.parametrize("width", [20, 200])
def test_it_is_one_line_of_names_and_values(width: int, tmp_path: Path) -> None:
    scores = {"z_count": 120, "z_fraction": 0.951234, "z_largest": 3.21987, "z_bound": 4.5}
    cells = {"mean": (("alpha", "time", "moment"), np.zeros((3, 2, 3))), "feedback": ("alpha", np.zeros(3))}
    said = outcomes.line(xr.Dataset(cells, attrs={**ATTRS, **scores}), tmp_path / "[a]")
    with (tmp_path / "log").open("w") as file:
        terminal.line(Console(file=file, width=width), said)
    (line,) = (tmp_path / "log").read_text().splitlines()
    word, *values = line.split(" ")
    assert word == "sparsesim:"
    assert dict(value.split("=") for value in values) == {
        "sweep": "phase_plane",
        "verdict": "agrees",
        "cells": "3",
        "failed": "0",
        "z_count": "120",
        "z_fraction": "0.9512",
        "z_largest": "3.22",
        "z_bound": "4.5",
        "seconds": "12.35",
        "folder": str(tmp_path / "[a]"),
    }


def test_what_a_study_does_not_have_is_left_out() -> None:
    dataset = xr.Dataset({"region": ("alpha", ["A", "B"])}, attrs={**ATTRS, "verdict": "computed"})
    assert outcomes.line(dataset, Path("x")) == (
        "sparsesim: sweep=phase_plane verdict=computed failed=0 seconds=12.35 folder=x"
    )
