"""Is momentum worth it? The best learning rate at every momentum, in closed form; what a digit of accuracy costs.

At a fixed z > mu the characteristic polynomial of the minibatch map (momentum.md, section 1) is

    (z - mu)((z + mu)^2 - z (1 + mu - lam)^2) - (lam^2/g) z (z + mu),    lam = eta eps p,  g = B p/(d+2-p),

a concave quadratic in lam, and the spectral radius is at most z iff it is 0 or above. So {eta: rho <= z} is an
interval: over eta the decay rate has one maximum and no other peak. The interval closes where the discriminant
vanishes, (1+g) z^2 - (1+mu^2) z + mu^2 (1-g) = 0, and that z is the least spectral radius:

    rho* = (1 + mu^2 + sqrt((1 - mu^2)^2 + (2 g mu)^2))/(2 (1+g)).

It increases with mu. Whatever d, p and B, no momentum decays a single feature as fast as plain SGD does, each at its
best learning rate: rho* = 1/(1+g) at mu = 0. (Many features of unequal p are another matter: momentum.md, section 5.)
"""

from __future__ import annotations

import math
from typing import NamedTuple

from sparsesim import _validate
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.theory import continuum, stability


class Tuned(NamedTuple):
    """The best of a family of optimizers and what it reaches."""

    eta: float
    eps: float
    decay_rate: float  # Lambda of the second moments, per minibatch

    @property
    def optimizer(self) -> HeavyBall:
        """As a value to simulate with."""
        return HeavyBall(self.eta, self.eps)


class SampleCostScales(NamedTuple):
    """Active samples per factor of e in R, as either of two things would have it (momentum.md, section 4)."""

    stability: float  # N_stab = 2 B/eta_c: the best cost if steps could be no longer and momentum did nothing
    memory: float  # N_mem = p B/eps: the cost if all waited for the buffer to forget

    @property
    def ratio(self) -> float:
        """The s of section 4: N_stab/N_mem = 2 eps/(p eta_c)."""
        return self.stability / self.memory

    @property
    def limit(self) -> float:
        """The cost at the best learning rate as eps -> 0, uniformly in s: about eps/2 off, relatively, and no bound."""
        return 0.5 * (self.stability + self.memory + math.hypot(self.stability, self.memory))


def best_learning_rate(problem: LeastSquares, eps: float) -> Tuned:
    """The learning rate at which the second moments decay fastest, given the momentum.

    Closed forms, to a few roundings (measured: 2e-15); at eps = 1 they are eta_c/2 and ln(1 + B p/(d+2-p)).

    Args:
        problem: label noise plays no part.
        eps: momentum decay, in (0, 1].

    Raises:
        ValueError: eps is outside (0, 1].
    """
    eps = _validate.probability("eps", eps)
    mu, g = 1.0 - eps, _signal(problem)
    h = eps * (2.0 - eps)  # 1 - mu^2
    root = math.hypot(h, 2.0 * g * mu)
    decay = 2.0 * g * h / (2.0 * g + h + root)  # 1 - rho*, without the difference
    rate = -math.log1p(-decay) if decay < 0.5 else -math.log((2.0 - h + root) / (2.0 * (1.0 + g)))
    above = 0.5 * eps * (1.0 + (2.0 - eps) ** 2 / (root + 2.0 * g * mu))  # (1 + g)(rho* - mu)/eps
    eta = problem.B / (problem.d + 2 - problem.p) * above * (2.0 - eps) / ((1.0 + g) * (eps * above + 2.0 * mu))
    return Tuned(eta, eps, rate)


def best_momentum(problem: LeastSquares) -> Tuned:
    """The learning rate and the momentum at which the second moments decay fastest: always plain SGD, eps = 1.

    Lambda = ln(1 + B p/(d+2-p)), at eta = eta_c/2. The best rate at a given momentum strictly decreases with mu
    (see the head of this module).
    """
    return best_learning_rate(problem, 1.0)


def sample_cost(problem: LeastSquares, optimizer: HeavyBall) -> float:
    """Active samples that a factor of e in R costs: p B/Lambda, inf where R does not decay (section 4)."""
    rate = stability.decay_rate(problem, optimizer)
    return problem.p * problem.B / rate if rate > 0.0 else math.inf


def least_sample_cost(problem: LeastSquares) -> float:
    """N_SGD = B p/ln(1 + B p/(d+2-p)), in active samples per factor of e: no eta and no eps undercut it at this B.

    It grows with B, so that single samples are cheapest: p/ln(1 + p/(d+2-p)) at B = 1, about d + 2 - p/2.
    """
    return problem.p * problem.B / best_momentum(problem).decay_rate


def sample_cost_scales(problem: LeastSquares, eps: float) -> SampleCostScales:
    """N_stab and N_mem, which make up the cost of momentum (section 4).

    Raises:
        ValueError: eps is outside (0, 1].
    """
    critical = stability.critical_learning_rate(problem, eps)
    return SampleCostScales(2.0 * problem.B / critical, problem.p * problem.B / eps)


def best_stiffness(ratio: float) -> float:
    """w2* = 1/(1 + sqrt(1 + s^2)), the stiffness eta p/eps of the best learning rate as eps -> 0 (section 4).

    Args:
        ratio: s = `SampleCostScales.ratio`, above 0.

    Raises:
        ValueError: the ratio is not above 0.
    """
    return 1.0 / (1.0 + math.hypot(1.0, _validate.positive("ratio", ratio)))


def best_continuum_rate(ratio: float) -> float:
    """r* = (1 + s - sqrt(1 + s^2))/s, the best decay rate per momentum memory as eps -> 0 (section 4).

    Args:
        ratio: s = `SampleCostScales.ratio`, above 0.

    Raises:
        ValueError: the ratio is not above 0.
    """
    s = _validate.positive("ratio", ratio)
    return 2.0 / (1.0 + s + math.hypot(1.0, s))


def speed_ratio(stiffness: float, feedback: float) -> float:
    """Gamma = r_c/(2 w2 (1 - u)), how much faster than plain SGD at the same eta, and so at equal floor, as eps -> 0.

    At most 2, and 2 only at w2 = 1/4 and u = 0; below 1 at every stiffness from u = 1/3 on (section 4).

    Raises:
        ValueError: a stiffness that is not above 0, or a feedback outside [0, 1): without decay there is no speed.
    """
    w = _validate.positive("stiffness", stiffness)
    u = _validate.real("feedback", feedback, "in [0, 1)", low=0.0, high=math.nextafter(1.0, 0.0))
    return continuum.decay_rate(w, u) / (2.0 * w * (1.0 - u))


def exact_speed_ratio(problem: LeastSquares, optimizer: HeavyBall) -> float:
    """Lambda over Lambda of plain SGD at the same eta, Gamma at finite eps.

    Momentum is stable wherever plain SGD is, so that the ratio is above 0.

    Raises:
        ValueError: plain SGD is not stable at this eta.
    """
    plain = stability.decay_rate(problem, HeavyBall(optimizer.eta, 1.0))
    if plain <= 0.0:
        limit = stability.critical_learning_rate(problem, 1.0)
        raise ValueError(f"eta must be below {limit:.6g}, where plain SGD is stable, got {optimizer.eta}")
    return stability.decay_rate(problem, optimizer) / plain


def _signal(problem: LeastSquares) -> float:
    """The g above, B p/(d+2-p): the squared mean of a minibatch's gradient over its variance."""
    return problem.B * problem.p / (problem.d + 2 - problem.p)
