"""Put together what the shards of a sweep have computed: `python -m sparsesim.merge FOLDER ...`.

Nothing is simulated. Exit status: that of `sparsesim.run` where all cells of every folder are there, 5 where some are
missing, which it lists.
"""

import argparse
import sys
from functools import partial
from pathlib import Path

import xarray as xr
from omegaconf import DictConfig, OmegaConf
from rich.console import Console

from sparsesim import config as configuration
from sparsesim import run
from sparsesim.folder import IDENTITY, Folder, differences, plain
from sparsesim.job import CONFIG, identity

ASKED = ("study", "sweep")


def main() -> None:
    """Merge from the command line and exit with a status."""
    parser = argparse.ArgumentParser(prog="python -m sparsesim.merge", description=(__doc__ or "").split(":")[0] + ".")
    parser.add_argument("folders", metavar="FOLDER", nargs="+", type=Path, help="of a sweep: runs/NAME/HASH")
    sys.exit(max(run.status_of(partial(merged, path)) for path in parser.parse_args().folders))


def merged(path: Path) -> tuple[xr.Dataset, Path]:
    """The dataset of the sweep in a folder, and the folder.

    Raises:
        ValueError: it is no folder of a sweep, or its configuration is not the one that was computed.
        Incomplete: cells are missing.
    """
    try:
        config: DictConfig = OmegaConf.merge(  # type: ignore[assignment]  # a mapping, as the schema is
            OmegaConf.structured(configuration.Config), OmegaConf.load(path / CONFIG)
        )
        sweep = configuration.sweep_of(config)
    except (OSError, *configuration.COMPOSITION_ERRORS) as error:
        reason = configuration.in_one_line(error)
        raise ValueError(f"{path} must be the folder of a sweep, which has a {CONFIG}: {reason}") from error
    folder = Folder.found(path)
    # Not the sources and the versions: what they have computed may be put together elsewhere.
    asked = {key: value for key, value in plain(identity(sweep, config.sweep.study)).items() if key in ASKED}
    if differing := differences({key: folder.identity.get(key) for key in ASKED}, asked):
        raise ValueError(f"{path / CONFIG} is not that of its {IDENTITY}: {'; '.join(differing)}")
    return run.run(config, Console(), of=folder)


if __name__ == "__main__":
    main()
