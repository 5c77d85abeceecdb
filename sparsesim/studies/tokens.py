"""What the studies of a vocabulary ask of a sweep."""

from typing import NamedTuple

from sparsesim import _validate
from sparsesim.problems import Embedding, HeavyBall, LeastSquares
from sparsesim.studies import checks
from sparsesim.sweep import Sweep, make_cell
from sparsesim.theory.embedding import critical_learning_rate
from sparsesim.vocabulary import Vocabulary


class Setting(NamedTuple):
    """A vocabulary and the one optimizer of all of its tokens."""

    vocabulary: Vocabulary
    embedding: Embedding
    optimizer: HeavyBall


def setting(sweep: Sweep, study: str, axes: tuple[str, ...] = ()) -> Setting:
    """The vocabulary of a sweep, with one learning rate for all: given, or a share of that which keeps all stable.

    Raises:
        ValueError: there is no vocabulary, the axes are not those of the study, or something is given that it would
            not heed; or a value is outside its range.
    """
    if sweep.vocabulary is None:
        raise ValueError(f"vocabulary must be given in the study {study}, as by +sweep={study}, got null")
    if sweep.axes.keys() != set(axes):
        got = ", ".join(sweep.axes) or "none"
        raise ValueError(f"the axes of the study {study} must be {', '.join(axes) or 'none'}, got {got}")
    if sweep.cases:
        raise ValueError(f"the study {study} must have no cases, got {', '.join(sweep.cases)}")
    for name, asked, allowed in (("clock", sweep.clock, "minibatch"), ("times.unit", sweep.times.unit, "ticks")):
        if asked != allowed:
            raise ValueError(f"{name} must be {allowed} in the study {study}: tokens share minibatches, got {asked!r}")
    checks.absent(sweep, ("p",), "the frequencies are those of the vocabulary")
    checks.absent(sweep, axes, "it is an axis")
    for name, key in (("B", "problem.B"), ("eps", "optimizer.eps")):
        if name not in axes and sweep.parameters.get(name) is None:
            raise ValueError(f"{key} must be given in the study {study}, got None")
    if sweep.start:
        raise ValueError(f"start must not be given in the study {study}: all rows start at R = 1, got {sweep.start}")
    shared = {**sweep.parameters, **{name: sweep.axes[name][0] for name in axes}}
    share, eta = shared.pop("eta_over_critical", None), shared.get("eta")
    if share is not None and eta is not None:
        raise ValueError("eta and eta_over_critical must not both be given")
    p = float(sweep.vocabulary.p[0])
    cell = make_cell({**shared, "p": p, "eta": 1.0 if eta is None else eta})
    assert isinstance(cell.problem, LeastSquares)  # the studies of logistic regression are others
    embedding = sweep.vocabulary.embedding(cell.problem.d, cell.problem.B, cell.problem.label_noise)
    if eta is None:
        share = 0.5 if share is None else _validate.positive("eta_over_critical", share)
        eta = share * float(critical_learning_rate(embedding, cell.optimizer.eps))
    return Setting(sweep.vocabulary, embedding, HeavyBall(eta, cell.optimizer.eps))
