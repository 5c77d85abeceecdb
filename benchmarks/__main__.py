"""The benchmark: everything side by side in one run; tables on the terminal, and with all numbers in `benchmarks/`.

    make bench          on the CPU: a launch for each core, the tiles of a launch one after another
    make bench-gpu      on a GPU: vectorised launches; needs jax (with its GPU support), optax and xarray, nothing else

In a round the programs of a table run one after another; numbers are medians over rounds, ratios are taken round by
round. An update of `literal`, `sampled` and the references is a minibatch; one of the reduced engine is an active
minibatch where nothing else is said. At p = 0.126 and B = 32, where they meet, 98.7% of minibatches are active.
"""

import argparse
import sys
import time
from collections.abc import Callable
from pathlib import Path

import jax

from benchmarks import report
from benchmarks.cells import end_to_end
from benchmarks.engines import engines
from benchmarks.launches import over_cores, over_lanes
from benchmarks.logistic import logistic
from benchmarks.measure import Machine, Settings
from benchmarks.programs import B, P
from benchmarks.report import Section
from benchmarks.samplers import generators, samplers, tables
from benchmarks.scaling import scaling
from benchmarks.vocabulary import vocabulary

GPU_LANES = 2**18


def main() -> None:
    """Measure, print and write."""
    arguments = parsed()
    lanes: int | None = arguments.lanes
    if arguments.device == "cpu":
        jax.config.update("jax_platforms", "cpu")
    else:
        check_gpu()
        lanes = lanes or GPU_LANES
    machine, settings = Machine(lanes), Settings(arguments.rounds, arguments.seconds)
    sections: dict[str, Callable[[], list[Section]]] = {
        "engines": lambda: engines(machine, settings),
        "logistic": lambda: logistic(machine, settings),
        "scaling": lambda: scaling(machine, settings),
        "launches": lambda: [over_lanes(lanes, settings) if lanes else over_cores(machine, settings)],
        "cells": lambda: [end_to_end(settings)],
        "vocabulary": lambda: [vocabulary(settings)],
        "samplers": lambda: [generators(machine, settings), samplers(machine, settings), tables(settings)],
    }
    done: list[Section] = []
    path, began = None, time.perf_counter()
    for name in arguments.sections or sections:
        new = sections[name]()
        print("\n".join(map(report.text, new)), flush=True)
        print(f"({name}: {time.perf_counter() - began:.0f} s from the start)\n", flush=True)
        done += new
        # After each, so that an interruption loses only what it interrupts.
        path = report.write(arguments.folder, done, {"p": P, "B": B, "lanes": machine.lanes, **settings._asdict()})
    print(f"written in {time.perf_counter() - began:.0f} s: {path}")


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", choices=("cpu", "gpu"), default="cpu")
    parser.add_argument(
        "--lanes",
        type=int,
        help="vectorise launches of so many trajectories; the table of launches sweeps from a 16th to 8 times as many "
        "(default: 2^18 on a GPU; on a CPU launches are not vectorised)",
    )
    parser.add_argument(
        "--sections",
        nargs="+",
        choices=("engines", "logistic", "scaling", "launches", "cells", "vocabulary", "samplers"),
        help="measure these alone; the files then hold nothing else (default: all)",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.3, help="of one measurement, about (default: 0.3)")
    parser.add_argument("--folder", type=Path, default=Path(__file__).parent, help="where the files go")
    return parser.parse_args()


def check_gpu() -> None:
    """Stop, with words, where JAX has no GPU to compute on."""
    try:
        jax.devices("gpu")
    except RuntimeError:
        sys.exit(f"JAX sees no GPU, only {jax.devices()}; install its GPU support, as in pip install 'jax[cuda13]'")


if __name__ == "__main__":
    main()
