"""The problems and the optimizer as plain values: frozen, validated, free of JAX.

Sparse least squares: a sample is active with probability p; an active one has features x ~ N(0, I_d) and target
y = <x, theta*> + label_noise * N(0, 1), an inactive one contributes no gradient. A minibatch of B samples gives

    g = (1/B) sum_i x_i (<x_i, e> - label_noise * xi_i),        e = theta - theta*,

and heavy-ball momentum in exponential-average form updates, with eps = 1 - mu,

    m <- (1 - eps) m + eps g,        theta <- theta - eta m      (m is the new one).

Rare-class logistic regression: a sample is of the rare class, y = 1, with probability p, and has features
x ~ N(y r ŵ, I_d) with a unit vector ŵ. The model is sigmoid(<theta, x> + b) with the bias fixed where it is best,
so that theta* = r ŵ is the optimum, and the minibatch gradient of the logistic loss is

    g = (1/B) sum_i (sigmoid(<theta, x_i> + b) - y_i) x_i,        b = log(p/(1-p)) - r^2/2.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from sparsesim import _validate

if TYPE_CHECKING:
    import optax

LARGEST_SIGNAL = 25.0  # norm, in standard deviations of a class


@dataclass(frozen=True)
class LeastSquares:
    """Bernoulli-gated least squares.

    Args:
        d: dimension, a whole number of at least 1.
        p: probability that a sample is active, in (0, 1].
        B: minibatch size, a whole number of at least 1.
        label_noise: standard deviation of the noise on the labels of active samples, 0 or above.

    Raises:
        ValueError: an argument is outside its range; the message names it, its value and the range.
    """

    d: int
    p: float
    B: int
    label_noise: float = 0.0

    name: ClassVar[str] = "least_squares"
    moments: ClassVar[tuple[str, ...]] = ("R", "V", "C")

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", _validate.whole("d", self.d, low=1))
        object.__setattr__(self, "p", _validate.probability("p", self.p))
        object.__setattr__(self, "B", _validate.whole("B", self.B, low=1))
        object.__setattr__(self, "label_noise", _validate.non_negative("label_noise", self.label_noise))

    def start_moments(self, start: Mapping[str, float] | None) -> tuple[float, ...]:
        """R, V and C at time 0 from a mapping by name; R = 1 and the others 0 where it does not say.

        Raises:
            ValueError: an unknown name, or moments that no vectors have.
        """
        return _validate.start_moments(start, self.d)


@dataclass(frozen=True)
class RareClassLogistic:
    """Logistic regression with a rare class of two isotropic Gaussians, one at the origin and one at r ŵ.

    What follows from a trajectory are five numbers: theta_par = <theta, ŵ> and m_par = <m, ŵ>; and across ŵ,
    in d - 1 dimensions, R = |theta_perp|^2, V = |m_perp|^2 and C = <theta_perp, m_perp>.

    Args:
        d: dimension, a whole number of at least 1; at d = 1 there is nothing across the signal.
        p: probability of the rare class, in (0, 1).
        B: minibatch size, a whole number of at least 1.
        r: norm of the signal, above 0 and at most 25: there the classes are told apart without learning, and beyond it
            squares of e^b leave the range of a float.

    Raises:
        ValueError: an argument is outside its range; the message names it, its value and the range.
    """

    d: int
    p: float
    B: int
    r: float

    name: ClassVar[str] = "logistic"
    moments: ClassVar[tuple[str, ...]] = ("theta_par", "m_par", "R", "V", "C")

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", _validate.whole("d", self.d, low=1))
        p = _validate.real("p", self.p, "in (0, 1)")
        if not 0.0 < p < 1.0:
            raise ValueError(f"p must be in (0, 1) for logistic regression, which needs both classes, got {self.p!r}")
        object.__setattr__(self, "p", p)
        object.__setattr__(self, "B", _validate.whole("B", self.B, low=1))
        allowed = f"above 0 and at most {LARGEST_SIGNAL:g}"
        object.__setattr__(self, "r", _validate.real("r", self.r, allowed, high=LARGEST_SIGNAL, low=0.0, open_low=True))

    @property
    def bias(self) -> float:
        """The Bayes bias b = log(p/(1-p)) - r^2/2, at which the model is well specified."""
        return math.log(self.p) - math.log1p(-self.p) - self.r**2 / 2.0

    def start_moments(self, start: Mapping[str, float] | None) -> tuple[float, ...]:
        """The five moments at time 0 from a mapping by name; R = 1 and the others 0 where it does not say.

        Raises:
            ValueError: an unknown name, or moments that no vectors have: in d - 1 dimensions C^2 <= R V, with equality
                on a line (d = 2), and nothing but 0 at d = 1.
        """
        return _validate.start_moments(start, self.d - 1, signal=("theta_par", "m_par"))


@dataclass(frozen=True, eq=False)
class Embedding:
    """Least squares of one-hot tokens: a sample has token j with probability p_j, features x ~ N(0, I_d) and the target
    <x, theta*_j> + label_noise N(0, 1). Each row theta_j by itself is a `LeastSquares` of frequency p_j; rows share
    minibatches. The excess loss is (1/2) sum_j p_j |theta_j - theta*_j|^2.

    Args:
        p: (row,), frequencies of the tokens in (0, 1], in sum at most 1.
        d: width, a whole number of at least 1.
        B: minibatch size, a whole number of at least 1.
        label_noise: standard deviation of the noise on the labels, 0 or above.

    Raises:
        ValueError: an argument is outside its range.
    """

    p: np.ndarray
    d: int
    B: int
    label_noise: float = 0.0

    def __post_init__(self) -> None:
        p = _validate.numbers("p", self.p, "numbers in (0, 1]", low=0.0, high=1.0, open_low=True)
        if p.ndim != 1 or p.size == 0 or p.sum() > 1.0 + 1e-9:
            raise ValueError(f"p must be a row of numbers with sum at most 1, got {p.shape} with sum {p.sum()}")
        object.__setattr__(self, "p", p)
        object.__setattr__(self, "d", _validate.whole("d", self.d, low=1))
        object.__setattr__(self, "B", _validate.whole("B", self.B, low=1))
        object.__setattr__(self, "label_noise", _validate.non_negative("label_noise", self.label_noise))

    def row(self, j: int) -> LeastSquares:
        """The problem of one row by itself."""
        return LeastSquares(self.d, float(self.p[j]), self.B, self.label_noise)


Problem = LeastSquares | RareClassLogistic


@dataclass(frozen=True)
class HeavyBall:
    """SGD with heavy-ball momentum in exponential-average form, parametrised by eps = 1 - mu.

    The decay `eps` is the parameter, not `mu`: 1 - mu**2 and its like lose every digit when mu is close to 1.

    Args:
        eta: learning rate, above 0.
        eps: momentum decay 1 - mu, in (0, 1]; eps = 1 is plain SGD.

    Raises:
        ValueError: an argument is outside its range; the message names it, its value and the range.
    """

    eta: float
    eps: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "eta", _validate.positive("eta", self.eta))
        object.__setattr__(self, "eps", _validate.probability("eps", self.eps))

    @property
    def mu(self) -> float:
        """The momentum parameter 1 - eps."""
        return 1.0 - self.eps

    def optax(self) -> optax.GradientTransformation:
        """This optimizer as an optax transformation, the one `simulate` uses with the vector engine."""
        from sparsesim.simulation.transformations import heavy_ball

        return heavy_ball(self.eta, self.eps)
