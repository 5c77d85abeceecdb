"""The configuration's schema. A mistyped key or a value of the wrong type fails when Hydra composes it."""

import itertools
import os
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, OverrideParseException
from omegaconf import MISSING, DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException
from yaml import YAMLError

from sparsesim import _validate
from sparsesim.problems import RareClassLogistic
from sparsesim.sweep import SPACINGS, Sweep, Times
from sparsesim.theory.phases import PROBLEMS
from sparsesim.vocabulary import Vocabulary, read_counts, read_text

LONGEST_AXIS = 10**6
LOGISTIC = RareClassLogistic.name
LONGEST_NAME = 60  # of a sweep: four bytes a letter at most, and 255 to a folder's name
# What Hydra raises while it reads the command line and composes; of flags that exclude each other it is a ValueError.
COMPOSITION_ERRORS = (HydraException, OmegaConfBaseException, YAMLError, ValueError, OverflowError)
DEEPEST, MOST_DIGITS = 20, 1000  # of an argument: brackets in each other, and digits of a number
LONGEST_LINE = 600  # of an error; what is longer is cut in its middle
# Lines of its messages that say how it works inside, or name what does not help.
ASIDES = ("full_key:", "object_type=", "reference_type=", "See https://", "Config search path:", "provider=")


@dataclass
class ProblemConfig:
    """What is learned; p and B replace the scaling's where given."""

    name: str = MISSING
    d: int = MISSING
    p: float | None = None
    B: int | None = None
    label_noise: float = 0.0  # of least squares
    r: float | None = None  # of logistic regression


@dataclass
class OptimizerConfig:
    """Heavy ball; values replace the scaling's where given."""

    eps: float | None = None
    eta: float | None = None
    eta_over_critical: float | None = None


@dataclass
class ScalingConfig:
    """Exponents and prefactors, as in `Scaling`."""

    alpha: float = MISSING
    beta: float = MISSING
    delta: float = MISSING
    kappa: float | None = None
    c_p: float = 1.0
    c_B: float = 1.0
    c_eps: float = 1.0
    c_eta: float = 0.5


@dataclass
class EngineConfig:
    """How trajectories are computed."""

    name: str = MISSING
    oracle: str | None = MISSING  # of the vector engine
    chunk: int | None = None


@dataclass
class ClockConfig:
    """What a tick is."""

    name: str = MISSING


@dataclass
class TimesConfig:
    """When to record, as in `sweep.Times`."""

    horizon: float = MISSING
    unit: str = "ticks"
    records: int = 20
    spacing: str = "linear"
    most_ticks: float | None = None


@dataclass
class ScaleConfig:
    """How much to compute: sizes that sweeps refer to."""

    name: str = MISSING
    d: int = MISSING
    trajectories: int = MISSING
    costly_trajectories: int = MISSING  # where a minibatch costs as much as its samples
    points: int = MISSING
    horizon: float = MISSING
    dimensions: list[int] = MISSING
    costly_dimensions: list[int] = MISSING  # where a minibatch costs as much as its samples
    most_ticks: float = MISSING  # of a cell, where a sweep's horizon grows with d
    decades: list[int] = MISSING  # a few dimensions far apart
    plane_d: int = MISSING  # of planes whose cells run for their own learning time
    plane_trajectories: int = MISSING  # of planes that are one figure among many
    slow_decades: list[int] = MISSING  # likewise, where learning takes many more than d updates
    costly_decades: list[int] = MISSING  # likewise, where minibatches cost as much as their samples
    vocabulary: int = MISSING  # types of a Zipf law
    width: int = MISSING  # of the rows of its tokens
    batch: int = MISSING  # tokens in its minibatches


@dataclass
class AxisConfig:
    """An axis: `values`, or `num` of them from `start` to `stop`, evenly or by equal factors."""

    values: Any = None  # a list of numbers; a typed list could not refer to one elsewhere in the configuration
    start: float | None = None
    stop: float | None = None
    num: int | None = None
    spacing: str = "linear"  # or "log"


@dataclass
class SweepConfig:
    """A grid of cells, and what to make of it."""

    name: str = "cell"
    study: str = "grid"  # one of sparsesim.studies
    axes: dict[str, AxisConfig] = field(default_factory=dict)
    cases: dict[str, dict[str, float]] = field(default_factory=dict)  # parameters by the name of a case: one more axis
    block: int | None = None  # cells in a file of results; null: some ten seconds' worth
    fresh: bool = False  # whether to start over, with what there is moved aside


@dataclass
class VocabularyConfig:
    """Token frequencies: counts from a file, or those of a text, or else a Zipf law p_j ~ (j + shift)^-exponent."""

    counts: str | None = None
    text: str | None = None
    tokenizer: str | None = None  # a tokenizer.json for the text; null: by white space
    size: int = MISSING
    exponent: float = 1.0
    shift: float = 0.0


@dataclass
class DistributedConfig:
    """Processes that share a sweep, as in `cluster.shard_of`."""

    coordinator: str | None = None
    processes: int | None = None
    process: int | None = None


@dataclass
class Config:
    """Everything a run depends on."""

    problem: ProblemConfig = MISSING
    optimizer: OptimizerConfig = MISSING
    scaling: ScalingConfig = MISSING
    engine: EngineConfig = MISSING
    clock: ClockConfig = MISSING
    scale: ScaleConfig = MISSING
    times: TimesConfig = MISSING
    start: dict[str, float] = field(default_factory=dict)  # moments at time 0 by name
    sweep: SweepConfig = field(default_factory=SweepConfig)
    vocabulary: VocabularyConfig | None = None  # of the studies that are about tokens
    trajectories: int = MISSING
    seed: int = MISSING
    output: str = MISSING
    shard: str | None = None  # "i/n": compute one of n parts of the sweep
    distributed: DistributedConfig = field(default_factory=DistributedConfig)


def register() -> None:
    """Make the schema known to Hydra."""
    ConfigStore.instance().store(name="schema", node=Config)


def folder() -> Path:
    """Where the YAML files are: inside an installed package, at the top of a checkout."""
    inside = Path(__file__).parent / "configs"
    return inside if inside.is_dir() else Path(__file__).parents[1] / "configs"


def arguments_of(arguments: Sequence[str]) -> list[str]:
    """The command line, in which `problem=logistic +sweep=x` stands for `+sweep=logistic/x` where there is one.

    Logistic regression has sweeps of its own under the names of those of least squares, with other axes.

    Raises:
        ValueError: the sweep is one of least squares alone, or an argument is none.
        HydraException: it cannot be read.
    """
    for argument in arguments:
        _check_argument(argument)
    sweeps = folder() / "sweep"
    _check_vocabulary(arguments, sweeps)
    if f"problem={LOGISTIC}" not in arguments:
        return list(arguments)
    names = sorted(path.stem for path in (sweeps / LOGISTIC).glob("*.yaml"))
    # Those of its own that need no name beside them choose the problem themselves.
    alone = sorted(path.stem for path in sweeps.glob("*.yaml") if f"override /problem: {LOGISTIC}" in path.read_text())
    others = {f"+sweep={path.stem}" for path in sweeps.glob("*.yaml")} - {f"+sweep={name}" for name in names + alone}
    for argument in arguments:
        if argument in others:
            allowed = ", ".join(names + alone)
            raise ValueError(f"{argument} is of least squares; with problem={LOGISTIC} it must be one of {allowed}")
    own = {f"+sweep={name}": f"+sweep={LOGISTIC}/{name}" for name in names}
    return [own.get(argument, argument) for argument in arguments]


def _check_vocabulary(arguments: Sequence[str], sweeps: Path) -> None:
    """Refuse a vocabulary without a sweep that is about one: there would be no node for Hydra to change."""
    given = next((one for one in arguments if re.match(r"\+*vocabulary[.=]", one)), None)
    about = sorted(path.stem for path in sweeps.glob("*.yaml") if "\nvocabulary:" in path.read_text())
    if given is not None and not {f"+sweep={name}" for name in about} & set(arguments):
        raise ValueError(f"{given.lstrip('+')} must come with one of {', '.join(f'+sweep={name}' for name in about)}")


def _check_argument(argument: str) -> None:
    """Refuse, by name, what Hydra would not read without an error of Python's or one without the key."""
    key = re.split("[@=]", argument.lstrip("+~"), maxsplit=1)[0]
    depths = itertools.accumulate((mark in "([{") - (mark in ")]}") for mark in argument)
    if max(depths, default=0) > DEEPEST:
        raise ValueError(f"{key} must be nested at most {DEEPEST} deep, got {argument}")
    if re.search(rf"\d{{{MOST_DIGITS}}}", argument):
        raise ValueError(f"{key} must have numbers of fewer than {MOST_DIGITS} digits, got {argument}")
    options = sorted(path.stem for path in (folder() / key).glob("*.yaml")) if re.fullmatch(r"\w+", key) else []
    if not options:
        return
    (override,) = OverridesParser.create().parse_overrides([argument])
    value = override.value()
    # Other words are for Hydra to find or not, and mappings for the schema.
    if value is None or isinstance(value, int | float):
        raise ValueError(f"{key} must be one of {', '.join(options)}, got {value!r}")


def in_one_line(error: Exception) -> str:
    """What an error says, in one line; that of Hydra and OmegaConf with the key and without their inner names."""
    words = _plain(_complaint(error))
    return words if len(words) <= LONGEST_LINE else f"{words[: LONGEST_LINE // 2]} ... {words[-LONGEST_LINE // 2 :]}"


def _complaint(error: Exception) -> str:
    """What is wrong, with the key first where an error has it apart."""
    words, cause = str(error).removeprefix("In 'config': "), error.__cause__
    if isinstance(error, OverrideParseException):
        # The lexer's own words are the argument again, and a caret below a character that it does not know.
        reason = "quote what is not plain" if "Lexer" in words else words.split("See https://")[0]
        return f"{error.override!r} cannot be read: {reason}"
    if isinstance(error, HydraException) and isinstance(cause, OmegaConfBaseException):
        reason, (head, *hints) = _plain(str(cause)), words.splitlines()
        # To append is possible where keys are free, as those of `start`.
        hint = f". {' '.join(hints)}" if hints and "struct" in reason else ""
        return f"{head.removeprefix('Error merging override ').removesuffix('.')}: {reason}{hint}"
    key = re.search("full_key: (.+)", words)
    return f"{key[1]}: {words}" if key else words


def _plain(message: str) -> str:
    """A message in one line, without asides; options, which Hydra indents by a tab, with commas between."""
    lines = [line for line in message.splitlines() if line.strip() and not line.strip().startswith(ASIDES)]
    sentences = [line for line in lines if not line.startswith("\t")]
    options = [line.strip() for line in lines if line.startswith("\t")]
    return " ".join(" ".join([*sentences, ", ".join(options)]).split())


def check_output(output: str, name: str) -> None:
    """Check, before anything is computed, that a folder `name` can be made below `output`. It leaves nothing behind.

    Raises:
        ValueError: it cannot.
    """
    if not re.fullmatch(r"\w[\w.-]*", name) or len(name) > LONGEST_NAME:
        raise ValueError(f"sweep.name must be letters, digits, '_', '-' and '.', at most {LONGEST_NAME}, got {name!r}")
    refusal = ValueError(f"output must be a folder that can be written or made, got {output!r}")
    if not output.isprintable() or not output:
        raise refusal
    wanted = Path(os.path.abspath(output)) / name
    try:
        existing = next(path for path in (wanted, *wanted.parents) if path.exists())
        # What is missing is made for a trial, in a folder of its own, since another run may make the same.
        with tempfile.TemporaryDirectory(dir=existing, prefix=".sparsesim-") as trial:
            (Path(trial) / wanted.relative_to(existing)).mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise refusal from error


def sweep_of(config: DictConfig) -> Sweep:
    """The sweep that a configuration stands for.

    Raises:
        ValueError: a value is outside its range.
        OmegaConfBaseException: a value is missing, or refers to one that is not there or is of another type.
    """
    resolved: dict[str, Any] = OmegaConf.to_container(  # type: ignore[assignment]
        config, resolve=True, throw_on_missing=True
    )
    for key in fields(Config):
        if key.name not in resolved:
            raise ValueError(f"{key.name} must be given, got a configuration without it")
    _check_scale(**resolved["scale"])
    name = _validate.choice("problem.name", resolved["problem"].pop("name"), PROBLEMS)
    if (name == LOGISTIC) != (resolved["problem"]["r"] is not None):
        allowed = "given for logistic regression" if name == LOGISTIC else "null for least squares"
        raise ValueError(f"problem.r must be {allowed}, got {resolved['problem']['r']!r}")
    return Sweep(
        axes={name: _axis_values(name, **axis) for name, axis in resolved["sweep"]["axes"].items()},
        parameters={**resolved["scaling"], **resolved["problem"], **resolved["optimizer"]},
        times=Times(**resolved["times"]),
        trajectories=resolved["trajectories"],
        seed=resolved["seed"],
        clock=resolved["clock"]["name"],
        engine=resolved["engine"]["name"],
        oracle=resolved["engine"]["oracle"],
        chunk=resolved["engine"]["chunk"],
        start=resolved["start"],
        cases=resolved["sweep"]["cases"],
        vocabulary=None if resolved["vocabulary"] is None else _vocabulary(**resolved["vocabulary"]),
    )


def _vocabulary(
    counts: str | None, text: str | None, tokenizer: str | None, size: int, exponent: float, shift: float
) -> Vocabulary:
    """The vocabulary that a configuration asks for."""
    if counts is not None and text is not None:
        raise ValueError("vocabulary.counts and vocabulary.text must not both be given")
    if tokenizer is not None and text is None:
        raise ValueError(f"vocabulary.tokenizer must come with vocabulary.text, got {tokenizer!r} alone")
    key = "counts" if counts is not None else "text"
    try:
        if counts is not None:
            return read_counts(counts)
        if text is not None:
            return read_text(text, tokenizer)
    except OSError as error:
        raise ValueError(f"vocabulary.{key} cannot be read: {error.strerror}: {error.filename}") from error
    try:
        return Vocabulary.zipf(size, exponent, shift)
    except ValueError as error:
        raise ValueError(f"vocabulary.{error}") from error


def _check_scale(name: str, horizon: float, most_ticks: float, **sizes: int | list[int]) -> None:
    """Check sizes under the name that a user gives them, for other keys and axes refer to them."""
    _validate.positive("scale.horizon", horizon)
    _validate.positive("scale.most_ticks", most_ticks)
    for key, values in sizes.items():
        for value in values if isinstance(values, list) else [values]:
            _validate.whole(f"scale.{key}", value, low=1)
        if isinstance(values, list) and (not values or len(set(values)) < len(values)):
            raise ValueError(f"scale.{key} must have at least one value and no value twice, got {values!r}")
        if key == "points" and values > LONGEST_AXIS:  # type: ignore[operator]  # a whole number
            raise ValueError(f"scale.points must be at most {LONGEST_AXIS}, got {values}")


def _axis_values(
    name: str, values: object, start: float | None, stop: float | None, num: int | None, spacing: str
) -> list[float]:
    if values is not None:
        if not isinstance(values, list):
            raise ValueError(f"values of the axis {name} must be a list of numbers, got {values!r}")
        return [_validate.real(f"a value of the axis {name}", value) for value in values]
    if start is None or stop is None or num is None:
        raise ValueError(f"the axis {name} must have values, or start, stop and num, got none of the two in full")
    low, high = _validate.real(f"start of {name}", start), _validate.real(f"stop of {name}", stop)
    if (num := _validate.whole(f"num of {name}", num, low=1)) > LONGEST_AXIS:
        raise ValueError(f"num of {name} must be at most {LONGEST_AXIS}, got {num}")
    if _validate.choice(f"spacing of {name}", spacing, SPACINGS) == "linear":
        return np.linspace(low, high, num).tolist()
    if low <= 0.0 or high <= 0.0:
        raise ValueError(f"start and stop of {name} must be above 0 for log spacing, got {low} and {high}")
    return np.geomspace(low, high, num).tolist()
