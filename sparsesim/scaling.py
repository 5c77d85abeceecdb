"""The co-scaling of sparsity, batch size, momentum and learning rate with dimension.

    p = c_p d^-alpha,    B = c_B d^beta,    eps = c_eps d^-delta,    eta = c_eta d^-kappa.

Without a `kappa` of its own a scaling takes the paper's prescription kappa = max(1 - beta, delta - alpha), which
keeps both the noise feedback and the stiffness eta p / eps bounded. It is a choice of scale, not a stability limit:
above resonance the true frontier (`theory.stability.critical_learning_rate`) allows much larger learning rates.
"""

from dataclasses import dataclass
from typing import overload

from sparsesim import _validate
from sparsesim.problems import HeavyBall, LeastSquares, Problem, RareClassLogistic

# Of each value the exponent and its sign.
EXPONENTS = {"p": ("alpha", -1), "B": ("beta", 1), "eps": ("delta", -1), "eta": ("kappa", -1)}


def prescription(alpha: float, beta: float, delta: float) -> float:
    """The paper's learning-rate exponent kappa = max(1 - beta, delta - alpha)."""
    return max(1.0 - beta, delta - alpha)


@dataclass(frozen=True)
class Scaling:
    """Exponents and prefactors that fix a problem and an optimizer at every dimension.

    Args:
        alpha: sparsity exponent, 0 or above.
        beta: batch exponent, 0 or above.
        delta: momentum-decay exponent, 0 or above.
        kappa: learning-rate exponent; None takes the prescription and stores its value.
        c_p, c_B, c_eps, c_eta: prefactors, above 0.

    Raises:
        ValueError: an argument is outside its range; the message names it, its value and the range.
    """

    alpha: float
    beta: float
    delta: float
    kappa: float | None = None
    c_p: float = 1.0
    c_B: float = 1.0
    c_eps: float = 1.0
    c_eta: float = 0.5

    def __post_init__(self) -> None:
        for name in ("alpha", "beta", "delta"):
            object.__setattr__(self, name, _validate.non_negative(name, getattr(self, name)))
        for name in ("c_p", "c_B", "c_eps", "c_eta"):
            object.__setattr__(self, name, _validate.positive(name, getattr(self, name)))
        prescribed = prescription(self.alpha, self.beta, self.delta)
        kappa = prescribed if self.kappa is None else _validate.real("kappa", self.kappa)
        object.__setattr__(self, "kappa", kappa)

    @overload
    def at(self, d: int, r: None = None, *, label_noise: float = 0.0) -> tuple[LeastSquares, HeavyBall]: ...

    @overload
    def at(self, d: int, r: float, *, label_noise: float = 0.0) -> tuple[RareClassLogistic, HeavyBall]: ...

    def at(self, d: int, r: float | None = None, *, label_noise: float = 0.0) -> tuple[Problem, HeavyBall]:
        """The problem and the optimizer at dimension `d`.

        p and eps are capped at 1; B is rounded to a whole number of at least 1. Theory and simulation both use these
        realised values.

        Args:
            d: dimension.
            r: norm of the signal; given, the problem is logistic regression, and p of 1 or above is refused.
            label_noise: of least squares.

        Raises:
            ValueError: d is not a whole number of at least 1, or a realised value is outside its range.
        """
        d = _validate.whole("d", d, low=1)
        p, B, eps, eta = (self._realised(name, d) for name in ("p", "B", "eps", "eta"))
        B, optimizer = max(1, round(B)), HeavyBall(eta=eta, eps=min(1.0, eps))
        if r is None:
            return LeastSquares(d=d, p=min(1.0, p), B=B, label_noise=label_noise), optimizer
        if label_noise != 0.0:
            raise ValueError(f"label_noise must be 0 where r is given, for logistic regression, got {label_noise!r}")
        if p >= 1.0:
            raise ValueError(
                f"p = {self.c_p} * {d}**-{self.alpha} must be below 1 for logistic regression, which needs both "
                f"classes, got {p:g}; raise alpha or lower c_p"
            )
        return RareClassLogistic(d=d, p=p, B=B, r=r), optimizer

    def _realised(self, name: str, d: int) -> float:
        exponent, sign = EXPONENTS[name]
        prefactor, power = getattr(self, f"c_{name}"), sign * getattr(self, exponent)
        try:
            value = prefactor * float(d) ** power
        except OverflowError:
            value = float("inf")
        if not 0.0 < value < float("inf"):
            raise ValueError(
                f"{name} = {prefactor} * {d}**{power} is outside the range of a float; change its exponent {exponent}, "
                f"c_{name} or d"
            )
        return value
