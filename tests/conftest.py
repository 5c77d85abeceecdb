"""What every test has: the same numbers and figures at less cost, where it is not about that cost."""

from collections.abc import Iterator

import pytest

from sparsesim.figures import style
from sparsesim.simulation.blocks import Block

FEW = 64  # tiles, of which a launch each takes less time than one compilation
SIZES = {"test_driver", "test_job", "test_soak"}  # are about launches of all sizes


@pytest.fixture(scope="module", autouse=True)
def _compiled_once(request: pytest.FixtureRequest) -> Iterator[None]:
    """Launches of one tile: a program is compiled for every size of them, and no bit depends on the size."""
    of_all = Block.launch_size

    def one_tile(self: Block, chunk: int | None) -> int:
        return 1 if chunk is None and len(self.tiles) <= FEW else of_all(self, chunk)

    with pytest.MonkeyPatch.context() as patch:
        if request.path.stem not in SIZES:
            patch.setattr(Block, "launch_size", one_tile)
        yield


@pytest.fixture(scope="module", autouse=True)
def _fonts_are_outlines(request: pytest.FixtureRequest) -> Iterator[None]:
    """Type 3 fonts in PDFs: to cut TrueType ones down to what is shown is half of the time of a figure."""
    with pytest.MonkeyPatch.context() as patch:
        if request.path.parent.name != "figures" and request.path.stem != "test_experiment":
            patch.setitem(style.RC, "pdf.fonttype", 3)
        yield
