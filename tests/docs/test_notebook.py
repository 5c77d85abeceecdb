"""The tutorial: it runs, and what it finds is what the theory of single problems says."""

import json
import math
from pathlib import Path

import nbformat
import numpy as np
import pytest
from nbclient import NotebookClient

from sparsesim import HeavyBall, LeastSquares
from sparsesim.theory import least_squares, stability

pytestmark = pytest.mark.docs

NOTEBOOK = Path(__file__).parents[2] / "docs" / "spectral_conflict.ipynb"
CELLS = 20  # as its title says
# Values of its namespace, as numbers.
KEPT = """
import json
from pathlib import Path

Path("kept.json").write_text(json.dumps({
    "eta": optimizer.eta, "critical": eta_c, "p": p.tolist(), "rate": tokens["decay_rate"].values.tolist(),
    "risk": tokens["risk"].values.tolist(), "above": about.sides["above"].mass, "left": left_over, "tuned": tuned,
    "z": R["z"].values.tolist(), "mean": R["mean"].values.tolist(), "exact": R["exact"].values.tolist(),
    "times": times.tolist(), "chosen": chosen,
}))
"""


@pytest.fixture(scope="module")
def notebook() -> nbformat.NotebookNode:
    return nbformat.read(NOTEBOOK, as_version=4)


def test_it_has_twenty_cells_and_no_outputs(notebook: nbformat.NotebookNode) -> None:
    nbformat.validate(notebook)
    assert len(notebook.cells) == CELLS
    assert notebook.metadata.kernelspec.name == "python3"
    for cell in notebook.cells:
        assert cell.source.strip()
        assert not cell.get("outputs")
        assert cell.get("execution_count") is None


def executed(notebook: nbformat.NotebookNode, folder: Path) -> dict:
    """What it leaves when it has run from top to bottom; a cell that raises fails here."""
    longer = nbformat.from_dict({**notebook, "cells": [*notebook.cells, nbformat.v4.new_code_cell(KEPT)]})
    NotebookClient(longer, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}).execute()
    outputs = [output for cell in longer.cells for output in cell.get("outputs", [])]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 5
    return json.loads((folder / "kept.json").read_text())


def test_it_runs_and_what_it_finds_is_right(notebook: nbformat.NotebookNode, tmp_path: Path) -> None:
    """One test, for it runs once: workers that share tests would each run it for theirs."""
    kept = executed(notebook, tmp_path)
    check_frontier(kept)
    check_rates_and_errors(kept)
    check_simulation(kept)
    check_best_optimizers(kept)


def check_frontier(kept: dict) -> None:
    """It is that of the most frequent token."""
    p = 1.0 / np.arange(1, 1001) / np.sum(1.0 / np.arange(1, 1001))
    assert kept["p"] == pytest.approx(p.tolist(), rel=1e-12)
    ceilings = [stability.critical_learning_rate(LeastSquares(32, float(own), 4000), 0.1) for own in p]
    assert min(ceilings) == ceilings[0]
    assert kept["critical"] == pytest.approx(ceilings[0], rel=1e-12)
    assert kept["eta"] == pytest.approx(0.5 * ceilings[0], rel=1e-12)
    assert kept["above"] == pytest.approx(float(p[0.5 * ceilings[0] * p / 0.1 > 4.0].sum()), rel=1e-12)


def after(kept: dict, rank: int, minibatches: int) -> float:
    """R of a token by powers of the map of a single problem."""
    problem, optimizer = LeastSquares(32, kept["p"][rank - 1], 4000), HeavyBall(kept["eta"], 0.1)
    T = np.eye(3) + least_squares.minibatch_increment(problem, optimizer)
    return float((np.linalg.matrix_power(T, minibatches) @ [1.0, 0.0, 0.0])[0])


def check_rates_and_errors(kept: dict) -> None:
    """They are those of single problems."""
    for rank in (1, 22, 86, 345, 1000):
        problem, optimizer = LeastSquares(32, kept["p"][rank - 1], 4000), HeavyBall(kept["eta"], 0.1)
        assert kept["rate"][rank - 1] == pytest.approx(stability.decay_rate(problem, optimizer), rel=1e-9)
        assert kept["risk"][rank - 1] == pytest.approx(after(kept, rank, 300), rel=1e-6)


def check_simulation(kept: dict) -> None:
    """What it shows of it is near what is exact."""
    z = np.array(kept["z"])[:, 1:]
    assert np.abs(z).max() < 5.0
    assert 0.5 < z.std() < 1.5
    exact = [after(kept, 1000, k) for k in kept["times"]]
    assert kept["exact"][-1] == pytest.approx(exact, rel=1e-6)
    assert kept["mean"][-1] == pytest.approx(exact, rel=0.1)


def check_best_optimizers(kept: dict) -> None:
    """Plain SGD has a closed form: a row keeps 1 - 2 eta p + eta^2 p (p + (d + 2 - p)/B) of its squared error."""
    (eta, _), p = kept["tuned"]["sgd"], np.array(kept["p"])

    def left(eta: float) -> float:
        """After the budget."""
        return float(p @ (1.0 - 2.0 * eta * p + eta**2 * p * (p + (34.0 - p) / 4000)) ** 300)

    assert kept["left"]["sgd"] == pytest.approx(left(eta), rel=1e-9)
    assert left(eta) <= min(left(eta * other) for other in (0.99, 1.01)) * (1.0 + 1e-3)
    assert kept["left"]["heavy_ball"] < 0.02 * kept["left"]["sgd"]
    assert all(math.isfinite(value) for value in kept["left"].values())
