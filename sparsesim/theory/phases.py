"""Which limit a scaling has: regions and boundaries of the phase plane, their exponents, and the eight cells.

With p ~ d^-alpha, B ~ d^beta, eps ~ d^-delta three comparisons place a point (docs/least_squares.md, section 5):

    batches       alpha against beta - 1 and beta      concentrated | dense | sparse
    resonance     delta against 1 - beta + alpha       does momentum outlive learning
    memory        delta against alpha - beta           does momentum survive from one active minibatch to the next

In rare-class logistic regression no minibatch is idle, for the common class has gradients too. The first two
comparisons are left, the first with beta - 1 alone (docs/logistic.md, section 4): concentrated | noise-floor. There
delta = 0 is a corner of its own, where the limit is a map.

The paper's learning rate eta ~ d^-kappa, kappa = max(1 - beta, delta - alpha), gives one limit to each of them. For any
other kappa what counts is which of stiffness eta p/eps, noise feedback eta d/(2B) and curvature eta eps p vanish, stay
or grow: the cells 1 to 8 (docs/momentum.md, section 3). Neither is a stability limit: that is `frontier_exponent`.

Exponents are floats, and 1 - 0.2 + 1.1 is not 1.9: two that differ by no more than TOLERANCE count as equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple, overload

from sparsesim import _validate
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.scaling import Scaling, prescription
from sparsesim.theory import stability
from sparsesim.theory.least_squares import activity

TOLERANCE = 1e-9
PROBLEMS = ("least_squares", "logistic")
REGIONS = {
    "A": "concentrated batches, above resonance",
    "B": "dense batches, below resonance",
    "C": "dense batches, above resonance",
    "D": "sparse batches, memoryless",
    "E": "sparse batches, below resonance",
    "F": "sparse batches, above resonance",
    "noise-line": "alpha = beta - 1, above resonance",
    "resonance-dense": "on resonance, dense batches",
    "resonance-sparse": "on resonance, sparse batches",
    "triple-point": "on resonance, alpha = beta",
    "dense-sparse-above": "alpha = beta, above resonance",
    "dense-sparse-below": "alpha = beta, below resonance",
    "memory-line": "delta = alpha - beta",
}
LOGISTIC_REGIONS = {  # the paper's letters, which mean other regions there than in least squares, in brackets
    "concentrated-above": "concentrated batches, above resonance [A]",
    "noise-floor-above": "noise-floor batches, above resonance [C]",
    "noise-floor-below": "noise-floor batches, below resonance [D]",
    "resonance": "noise-floor batches, on resonance [E]",
    "noise-line": "beta = 1 + alpha, above resonance [F]",
    "concentrated-corner": "concentrated batches, delta = 0",
    "triple-point": "beta = 1 + alpha, delta = 0",
}
MOMENTUM_PHASES = ("below resonance", "on resonance", "above resonance")
CELLS = {
    1: "gradient flow",
    2: "SGD with a noise floor",
    3: "deterministic heavy ball",
    4: "heavy ball with noise (resonance)",
    5: "long oscillation",
    6: "long oscillation with noise",
    7: "curvature ceiling",
    8: "noise and curvature",
}
# Signs of (stiffness, noise, curvature) exponents. Above any of these the learning rate is beyond the frontier.
SIGNS = {
    (-1, -1, -1): 1,
    (-1, 0, -1): 2,
    (0, -1, -1): 3,
    (0, 0, -1): 4,
    (1, -1, -1): 5,
    (1, 0, -1): 6,
    (1, -1, 0): 7,
    (1, 0, 0): 8,
}


class NoLimit(ValueError):
    """A scaling that has no limit of the kind that was asked for."""


class Prefactors(NamedTuple):
    """Prefactors as they are realised: at a zero exponent p and eps are capped and B is rounded at every d alike."""

    c_p: float
    c_B: float
    c_eps: float
    c_eta: float

    @classmethod
    def of(cls, scaling: Scaling) -> Prefactors:
        """Those of a scaling."""
        return cls(
            min(1.0, scaling.c_p) if scaling.alpha == 0.0 else scaling.c_p,
            float(max(1, round(scaling.c_B))) if scaling.beta == 0.0 else scaling.c_B,
            min(1.0, scaling.c_eps) if scaling.delta == 0.0 else scaling.c_eps,
            scaling.c_eta,
        )


class Cell(NamedTuple):
    """The limit at a learning-rate exponent of one's own (momentum.md, section 3)."""

    number: int | None  # 1 to 8; None: kappa is below the frontier exponent, and every trajectory diverges
    stiffness_exponent: float  # e_w: eta p/eps ~ d^e_w
    noise_exponent: float  # e_n: eta d/B ~ d^e_n
    curvature_exponent: float  # e_c: eta eps p ~ d^e_c

    @property
    def name(self) -> str:
        """What the limit is, in words."""
        return "unstable" if self.number is None else CELLS[self.number]


@dataclass(frozen=True)
class Phase:
    """A point of the phase plane (least_squares.md, section 5). Exponents say that a quantity goes like d^exponent."""

    alpha: float
    beta: float
    delta: float
    region: str  # a key of REGIONS: "A" to "F", or the name of a boundary
    batch_regime: str  # "concentrated", "dense", "dense-sparse" (alpha = beta) or "sparse"
    momentum_phase: str  # "above resonance", "on resonance", "below resonance" or "memoryless"

    @property
    def kappa(self) -> float:
        """The paper's prescription for the learning rate, eta ~ d^-kappa."""
        return prescription(self.alpha, self.beta, self.delta)

    @property
    def frontier_exponent(self) -> float:
        """kappa_c: eta ~ d^-kappa is stable above it and unstable below; at it the prefactors decide by H < 1."""
        return max(1.0 - self.beta, -self.alpha - self.delta)

    @property
    def idle_exponent(self) -> float:
        """alpha_eff: a minibatch is active with probability P ~ d^-alpha_eff."""
        return max(0.0, self.alpha - self.beta)

    @property
    def retention_exponent(self) -> float:
        """Of the number of active updates that momentum lives through."""
        return max(0.0, self.delta - self.idle_exponent)

    @property
    def learning_exponent(self) -> float:
        """Of the number of active updates that the squared error takes to fall by a factor, under the prescription."""
        return max(1.0 - self.beta + self.alpha, self.delta) - self.idle_exponent

    @property
    def clock_exponent(self) -> float:
        """Of the slow time: s = t d^-q with q the exponent of learning, t in active updates."""
        return self.learning_exponent

    def cell(self, kappa: float | None = None) -> Cell:
        """The cell of a learning-rate exponent; of the prescription by default.

        Raises:
            ValueError: kappa is not a finite number.
        """
        kappa = self.kappa if kappa is None else _validate.real("kappa", kappa)
        stiffness = self.delta - self.alpha - kappa
        return Cell(SIGNS.get(self.balance(kappa)), stiffness, 1.0 - self.beta - kappa, stiffness - 2.0 * self.delta)

    def balance(self, kappa: float) -> tuple[int, int, int]:
        """Whether stiffness eta p/eps, noise eta d/B and curvature eta eps p vanish (-1), stay (0) or grow (1).

        Where stiffness does not grow, curvature is not looked at and counts as vanishing.
        """
        stiffness = self.delta - self.alpha - kappa
        growing, noisy, curved = _sign(stiffness), _sign(1.0 - self.beta - kappa), _sign(stiffness - 2.0 * self.delta)
        # Which of stiffness and noise is larger is a question of resonance, answered already: not twice, by rounding.
        if self.momentum_phase == "on resonance":
            growing = noisy = max(growing, noisy)
        elif growing <= 0 and self.momentum_phase == "above resonance":
            noisy = -1
        elif noisy <= 0 and self.momentum_phase != "above resonance":
            growing = -1
        # Curvature is below stiffness by 2 delta, however small delta is: it matters only where stiffness grows.
        return growing, noisy, curved if growing > 0 else -1


@dataclass(frozen=True)
class LogisticPhase(Phase):
    """A point of the phase plane of rare-class logistic regression (docs/logistic.md, section 4).

    The region is a key of LOGISTIC_REGIONS, the batch regime "concentrated", "noise-line" or "noise-floor", and the
    momentum phase is never memoryless. Exponents count minibatches. At the frontier exponent a learning rate meets the
    noise fold, up to a factor d^(alpha/4), or the ceiling of curvature (section 9, F3).
    """

    @property
    def idle_exponent(self) -> float:
        """0: the common class has gradients, and every minibatch counts."""
        return 0.0

    def cell(self, kappa: float | None = None) -> Cell:
        """Least squares alone has cells.

        Raises:
            ValueError: always. Beyond the frontier logistic regression saturates where least squares diverges.
        """
        raise ValueError("problem must be least_squares for a cell of a learning rate, got logistic")


class Timescales(NamedTuple):
    """The finite-d counterparts of the exponents, in active updates."""

    retention: float  # 1/(1 - b1): how many the momentum buffer lives through
    learning: float  # e-folding time of the slowest mode of the second moments; inf if they do not decay


@overload
def classify(alpha: float, beta: float, delta: float, problem: Literal["logistic"]) -> LogisticPhase: ...


@overload
def classify(alpha: float, beta: float, delta: float, problem: str = "least_squares") -> Phase: ...


def classify(alpha: float, beta: float, delta: float, problem: str = "least_squares") -> Phase:
    """The phase of a scaling (least_squares.md, section 5; logistic.md, section 4).

    Every point has one; boundaries belong to themselves.

    Args:
        alpha: sparsity exponent, 0 or above.
        beta: batch exponent, 0 or above.
        delta: momentum-decay exponent, above 0: at 0 momentum lives for a fixed number of minibatches. Logistic
            regression has a limit there too, and takes it.
        problem: "least_squares" or "logistic".

    Raises:
        ValueError: an argument is outside its range; the message names it, its value and the range.
    """
    _validate.choice("problem", problem, PROBLEMS)
    alpha, beta = _validate.non_negative("alpha", alpha), _validate.non_negative("beta", beta)
    logistic = problem == "logistic"
    delta = _validate.non_negative("delta", delta) if logistic else _validate.positive("delta", delta)
    noise, batches = _sign(alpha - beta + 1.0), _sign(alpha - beta)
    # With concentrated batches every delta is above resonance, be it by less than the tolerance.
    resonance = _sign(delta - (1.0 - beta + alpha)) if noise > 0 else 1
    if logistic:
        return _logistic(alpha, beta, delta, noise, resonance)
    memory = _sign(delta - (alpha - beta)) if batches > 0 else 1
    momentum_phase = "memoryless" if memory <= 0 else MOMENTUM_PHASES[resonance + 1]
    batch_regime = "concentrated" if noise <= 0 else ("dense", "dense-sparse", "sparse")[batches + 1]
    region = _region(noise, batches, resonance, memory)
    return Phase(alpha, beta, delta, region, batch_regime, momentum_phase)


def _logistic(alpha: float, beta: float, delta: float, noise: int, resonance: int) -> LogisticPhase:
    corner = _sign(delta) == 0
    if noise > 0:
        region = ("noise-floor-below", "resonance", "noise-floor-above")[resonance + 1]
    elif noise == 0:
        # The line of resonance ends here, at delta = 0.
        region, resonance = ("triple-point", 0) if corner else ("noise-line", 1)
    else:
        region = "concentrated-corner" if corner else "concentrated-above"
    batch_regime = ("concentrated", "noise-line", "noise-floor")[noise + 1]
    return LogisticPhase(alpha, beta, delta, region, batch_regime, MOMENTUM_PHASES[resonance + 1])


def _region(noise: int, batches: int, resonance: int, memory: int) -> str:
    if noise <= 0:
        return "A" if noise < 0 else "noise-line"
    if resonance == 0:
        return ("resonance-dense", "triple-point", "resonance-sparse")[batches + 1]
    if batches == 0:
        return "dense-sparse-above" if resonance > 0 else "dense-sparse-below"
    if batches < 0:
        return "C" if resonance > 0 else "B"
    if resonance > 0:
        return "F"
    return ("D", "memory-line", "E")[memory + 1]


def timescales(problem: LeastSquares, optimizer: HeavyBall, rate: float | None = None) -> Timescales:
    """Retention and learning times at finite d (least_squares.md, sections 2 and 5).

    Args:
        problem: the problem.
        optimizer: heavy ball.
        rate: the decay rate a minibatch, where it is known; None: it is computed.
    """
    P, Q = activity(problem)
    rate = stability.decay_rate(problem, optimizer) if rate is None else rate
    return Timescales((P + Q * optimizer.eps) / optimizer.eps, P / rate if rate > 0.0 else float("inf"))


def stiffness(problem: LeastSquares, optimizer: HeavyBall) -> float:
    """The stiffness eta p/eps, by which an error is corrected within one momentum memory (momentum.md, section 1).

    Without noise the error oscillates above 1/4.
    """
    return optimizer.eta * problem.p / optimizer.eps


def resonance_frequency(optimizer: HeavyBall) -> float:
    """eps/eta, the activation probability of stiffness one (momentum.md, section 5).

    Features that are more frequent oscillate, rarer ones see plain SGD. It can be above 1: then none oscillates.
    """
    return optimizer.eps / optimizer.eta


def _sign(difference: float) -> int:
    """-1, 0 or 1; 0 within the tolerance."""
    return 0 if abs(difference) <= TOLERANCE else (1 if difference > 0.0 else -1)
