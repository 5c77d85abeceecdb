"""The part of a sweep that a process of a cluster computes.

Processes need not talk to each other. `jax.distributed` tells each how many there are and which it is, and they part
at once: a process that is lost takes no other with it.
"""

import functools
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jax

from sparsesim import _validate
from sparsesim.job import Shard

AUTO = "auto"
WAIT = 300  # seconds


def shard_of(
    shard: str | None,
    coordinator: str | None,
    processes: int | None,
    process: int | None,
    say: Callable[[str], None] = lambda line: None,
) -> Shard:
    """The part of a sweep that this process computes; to be called before JAX computes anything.

    Args:
        shard: "i/n", or None.
        coordinator: where the processes meet, "host:port"; "auto" asks what starts them: SLURM, Open MPI, a TPU pod;
            None: there is one process.
        processes: how many there are; None with "auto", or without a coordinator.
        process: which one this is, from 0; None likewise.
        say: told that it waits for the others.

    Raises:
        ValueError: they do not go together.
        ConnectionError: the processes did not meet.
    """
    if coordinator is None:
        if processes is not None or process is not None:
            raise ValueError("distributed.coordinator must be given with distributed.processes and .process, got null")
        return Shard.of(shard)
    if shard is not None:
        raise ValueError(f"shard must be null with distributed.coordinator, which deals the shards, got {shard!r}")
    if coordinator == AUTO:
        if processes is not None or process is not None:
            raise ValueError("distributed.processes and .process must be null with distributed.coordinator=auto")
        return _met(None, None, None)
    if not re.fullmatch(r"[^\s:]+:\d{1,5}|\[[0-9a-fA-F:.]+\]:\d{1,5}", coordinator):
        raise ValueError(f"distributed.coordinator must be host:port or auto, got {coordinator!r}")
    of_all = _validate.whole("distributed.processes", processes, low=1)
    number = _validate.whole("distributed.process", process, low=0)
    if number >= of_all:
        raise ValueError(f"distributed.process must be below distributed.processes = {of_all}, got {number}")
    say(f"process {number} of {of_all}: waiting for the others at {coordinator}, at most {WAIT} s")
    return _met(coordinator, of_all, number)


@functools.cache  # of several jobs in one process only the first can meet the others
def _met(coordinator: str | None, processes: int | None, process: int | None) -> Shard:
    """Meet the other processes, and part."""

    def meet() -> Shard:
        """Takes no signals: it waits inside the runtime."""
        jax.distributed.initialize(coordinator, processes, process, initialization_timeout=WAIT)
        shard = Shard(jax.process_index() + 1, jax.process_count())
        jax.distributed.shutdown()
        return shard

    try:
        # Beside the main thread, which signals can interrupt.
        return ThreadPoolExecutor(1).submit(meet).result()
    except ValueError as error:
        raise ValueError(
            f"distributed.coordinator must be host:port here: no cluster was found that `auto` knows ({error})"
        ) from error
    except RuntimeError as error:
        raise ConnectionError(f"the processes did not meet: {str(error).splitlines()[0]}") from error
