"""Means over each class of the derivatives of powers of the residual's size, all from one quadrature.

A sample of the common class has the residual a = s(f), one of the rare class a = -s(-f), with f normal of spread
tau = |theta| in either class. Derivatives of s^k are polynomials in s times q = 1 - s, so that all these means are
combinations of E[s^k q]; and means of a^k u^j, u the normal along theta, consist of them by Stein's identity.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from sparsesim.theory.logistic import gaussian

POWERS, PRODUCTS = 4, 8  # as far as the fourth derivative of s^4


class ClassMeans(NamedTuple):
    """At states of any shape; the first axis of a mean holds the common class and then the rare one."""

    powers: np.ndarray  # (POWERS, class, ...): P(class) E[s^k], k = 1, 2, ..., at f in the common class, -f in the rare
    products: np.ndarray  # (PRODUCTS, class, ...): likewise of s^k q

    @classmethod
    def at(cls, p: np.ndarray, r: np.ndarray, theta_par: np.ndarray, R: np.ndarray) -> ClassMeans:
        """For p in (0, 1), r above 0 and R at least 0, which broadcast."""
        p, r, theta_par, R = np.broadcast_arrays(p, r, theta_par, R)
        bias = np.log(p) - np.log1p(-p) - 0.5 * r * r
        logits = np.stack([bias, -(bias + r * theta_par)])
        tau = np.hypot(theta_par, np.sqrt(R))
        means = gaussian.sigmoid_means(logits.ravel(), np.stack([tau, tau]).ravel(), POWERS, PRODUCTS)
        weighted = means.reshape(-1, *logits.shape) * np.stack([1.0 - p, p])
        return cls(weighted[:POWERS], weighted[POWERS:])

    def derivative(self, power: int, order: int) -> np.ndarray:
        """P(class) E of d^order |a|^power / df^order, (class, ...)."""
        if order == 0:
            return self.powers[power - 1]
        mean = np.tensordot(_combination(power, order), self.products, 1)
        if order % 2:
            mean[1] *= -1.0  # the rare class's s(-f)
        return mean


@functools.cache
def _combination(power: int, order: int) -> np.ndarray:
    """The derivative of s^power of an order above 0 in terms of s q, s^2 q, ...: (PRODUCTS,)."""
    k = np.arange(1.0, PRODUCTS + 1.0)
    derivative = np.diag(k) - np.diag(k[1:], -1)  # (s^k q)' = k s^k q - (k+1) s^(k+1) q
    return np.linalg.matrix_power(derivative, order - 1)[:, power - 1] * power
