"""Put together what the shards of a sweep have computed: `python -m sparsesim.merge FOLDER ...`.

Nothing is simulated. Exit status: that of `sparsesim.run` where all cells of every folder are there, 5 where some are
missing, which it lists.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import xarray as xr
from omegaconf import OmegaConf
from rich.console import Console

from sparsesim import config as configuration
from sparsesim import run
from sparsesim.folder import Folder
from sparsesim.job import CONFIG


def main() -> None:
    """Merge from the command line and exit with a status."""
    parser = argparse.ArgumentParser(prog="python -m sparsesim.merge", description=(__doc__ or "").split(":")[0] + ".")
    parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="of a sweep: runs/NAME/HASH")
    sys.exit(max(run.status_of(partial(merged, path)) for path in parser.parse_args().folders))


def merged(path: Path) -> tuple[xr.Dataset, Path]:
    """The dataset of the sweep in a folder, and the folder.

    Raises:
        ValueError: it is no folder of a sweep, or of one that these sources would compute otherwise.
        Incomplete: cells are missing.
    """
    try:
        stored = OmegaConf.load(path / CONFIG)
    except OSError as error:
        raise ValueError(f"{path} must be the folder of a sweep, which has a {CONFIG}: {error.strerror}") from error
    config = OmegaConf.merge(OmegaConf.structured(configuration.Config), stored)
    config.shard, config.distributed, config.sweep.fresh = None, configuration.DistributedConfig(), False
    return run.run(config, Console(), of=Folder.found(path))  # type: ignore[arg-type]  # a mapping, as the schema is


if __name__ == "__main__":
    main()
