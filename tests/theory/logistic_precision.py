"""Rare-class logistic regression in 50-digit arithmetic, by Gauss-Legendre panels; nothing is shared with the program.

The integrands are those of docs/logistic.md, section 1, as they stand there, and derivatives in the state are central
differences, which at 50 digits lose none that matter.
"""

import functools

from mpmath import mp, mpf
from mpmath.calculus.quadrature import GaussLegendre

mp.dps = 50
STEP = mpf(10) ** -13
NAMES = ("A", "b", "D0", "D2", "Dx", "Dm")


@functools.cache
def nodes():
    """24 nodes of Gauss-Legendre on [-1, 1]: some 38 digits on panels that keep their distance from the poles."""
    return GaussLegendre(mp).calc_nodes(4, mp.prec)


def gaussian_means(integrands, mean, spread) -> list:
    """E of each value of integrands(f, z), f = mean + spread z, z ~ N(0, 1)."""
    edge = 18 + 4 * min(spread, mpf(12))  # of the order 60 digits out, also where a tilt exp(4 f) has moved the weight
    width = min(mpf(1), 2 / spread) if spread else mpf(1)
    panels = int(mp.ceil(2 * edge / width))
    half = edge / panels
    total = [mpf(0)] * len(integrands(mean, mpf(0)))
    for i in range(panels):
        centre = -edge + (2 * i + 1) * half
        for x, w in nodes():
            z = centre + half * x
            weight = w * mp.exp(-z * z / 2)
            values = [weight * value for value in integrands(mean + spread * z, z)]
            total = [a + b for a, b in zip(total, values, strict=True)]
    scale = half / mp.sqrt(2 * mp.pi)
    return [scale * value for value in total]


def classes(p, r, theta_par, R):
    """(weight, mean logit, spread, label) of the common and of the rare class."""
    p, r, theta_par, R = map(mpf, (p, r, theta_par, R))
    bias = mp.log(p / (1 - p)) - r * r / 2
    spread = mp.sqrt(theta_par**2 + R)
    return (1 - p, bias, spread, 0), (p, bias + r * theta_par, spread, 1)


def derivatives(f):
    """S, s', s'', s''', s'''' and 1 - s."""
    s, q = 1 / (1 + mp.exp(-f)), 1 / (1 + mp.exp(f))
    s1 = s * q
    s2 = s1 * (q - s)
    return s, s1, s2, s1 * (1 - 6 * s1), s2 * (1 - 12 * s1), q


def coefficients(p, r, theta_par, R):
    """A, b, D0, D2, Dx, Dm."""

    def common(f, z):
        s, s1, s2, *_ = derivatives(f)
        return s1, s**2, 2 * s1**2 + 2 * s * s2

    def rare(f, z):
        _, s1, s2, _, _, q = derivatives(f)
        return s1, q**2, 2 * s1**2 - 2 * q * s2, q, -2 * q * s1

    (w0, mean0, spread, _), (w1, mean1, _, _) = classes(p, r, theta_par, R)
    A0, D00, D20 = gaussian_means(common, mean0, spread)
    A1, D01, D21, b, Dx = gaussian_means(rare, mean1, spread)
    return w0 * A0 + w1 * A1, w1 * b, w0 * D00 + w1 * D01, w0 * D20 + w1 * D21, w1 * Dx, w1 * D01


def scales(p, r, theta_par, R):
    """Integrals of absolute values: those of the coefficients, of their slopes in theta_par and of those in R."""

    def integrands(f, z):
        s, s1, s2, s3, _, _ = derivatives(f)
        s4 = s2 * (1 - 12 * s1)
        u1, u2, u3 = 2 * s * s1, 2 * s1**2 + 2 * s * s2, 6 * s1 * s2 + 2 * s * s3
        u4 = 6 * s2**2 + 8 * s1 * s3 + 2 * s * s4
        return [abs(value) for value in (s, s1, s2, s3, s**2, u1, u2, u3, u4)]

    (w0, mean0, spread, _), (w1, mean1, _, _) = classes(p, r, theta_par, R)
    names = ("s", "s1", "s2", "s3", "u", "u1", "u2", "u3", "u4")
    common = [w0 * value for value in gaussian_means(integrands, mean0, spread)]
    rare = [w1 * value for value in gaussian_means(integrands, -mean1, spread)]  # 1 - s is s at -f
    both = dict(zip(names, (a + b for a, b in zip(common, rare, strict=True)), strict=True))
    one = dict(zip(names, rare, strict=True))
    value = (both["s1"], one["s"], both["u"], both["u2"], one["u1"], one["u"])
    curvature = (both["s3"], one["s2"], both["u2"], both["u4"], one["u3"], one["u2"])
    shift = (one["s2"], one["s1"], one["u1"], one["u3"], one["u2"], one["u1"])
    along = [abs(theta_par) * c + r * t for c, t in zip(curvature, shift, strict=True)]
    return value, along, [c / 2 for c in curvature]


def slopes(p, r, theta_par, R):
    """Partial derivatives of the coefficients in theta_par and in R (R above 0)."""
    p, r, theta_par, R = map(mpf, (p, r, theta_par, R))

    def difference(high, low):
        return [(a - b) / (2 * STEP) for a, b in zip(high, low, strict=True)]

    return (
        difference(coefficients(p, r, theta_par + STEP, R), coefficients(p, r, theta_par - STEP, R)),
        difference(coefficients(p, r, theta_par, R + STEP), coefficients(p, r, theta_par, R - STEP)),
    )


def residual_moments(p, r, theta_par, R):
    """E[a^4], E[a^3 u], E[a^3 y] with a = s(f) - y."""
    total = [mpf(0)] * 3
    for weight, mean, spread, label in classes(p, r, theta_par, R):

        def integrands(f, z, label=label):
            s, _, _, _, _, q = derivatives(f)
            a = -q if label else s
            return a**4, a**3 * z, a**3 * label

        total = [t + weight * v for t, v in zip(total, gaussian_means(integrands, mean, spread), strict=True)]
    return total


def risk(p, r, theta_par, R):
    """The mean logistic loss."""
    (w0, mean0, spread, _), (w1, mean1, _, _) = classes(p, r, theta_par, R)

    def loss(f, z):
        return (mp.log1p(mp.exp(f)),)

    return w0 * gaussian_means(loss, mean0, spread)[0] + w1 * gaussian_means(loss, -mean1, spread)[0]


def gradient_moments(p, r, theta_par, R):
    """E[g_par], E[g_1], E[g_par^2], E[g_1^2], E[g_par g_1] and E[a^2] per sample, without Stein's identity (R above 0).

    A sample has x = r y what + z theta/|theta| + w, with w normal across theta and independent of the residual a.
    """
    total = [mpf(0)] * 6
    for weight, mean, spread, label in classes(p, r, theta_par, R):
        par, perp = mpf(theta_par) / spread, mp.sqrt(mpf(R)) / spread

        def integrands(f, z, label=label, par=par, perp=perp):
            s, _, _, _, _, q = derivatives(f)
            a = -q if label else s
            x, x1 = r * label + par * z, perp * z
            return a * x, a * x1, a**2 * (x**2 + perp**2), a**2 * (x1**2 + par**2), a**2 * (x * x1 - par * perp), a**2

        total = [t + weight * v for t, v in zip(total, gaussian_means(integrands, mean, spread), strict=True)]
    return total
