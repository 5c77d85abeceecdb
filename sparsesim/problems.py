"""The problem and the optimizer as plain values: frozen, validated, free of JAX.

Sparse least squares: a sample is active with probability p; an active one has features x ~ N(0, I_d) and target
y = <x, theta*> + label_noise * N(0, 1), an inactive one contributes no gradient. A minibatch of B samples gives

    g = (1/B) sum_i x_i (<x_i, e> - label_noise * xi_i),        e = theta - theta*,

and heavy-ball momentum in exponential-average form updates, with eps = 1 - mu,

    m <- (1 - eps) m + eps g,        theta <- theta - eta m      (m is the new one).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sparsesim import _validate

if TYPE_CHECKING:
    import optax


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

    def __post_init__(self) -> None:
        object.__setattr__(self, "d", _validate.whole("d", self.d, low=1))
        object.__setattr__(self, "p", _validate.probability("p", self.p))
        object.__setattr__(self, "B", _validate.whole("B", self.B, low=1))
        object.__setattr__(self, "label_noise", _validate.non_negative("label_noise", self.label_noise))


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
