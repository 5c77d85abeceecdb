"""Eigenvalues and timescales (Section 4.2, Appendix C.5)."""

import math
from functools import partial

import numpy as np

from experiments.claims import points
from sparsesim.claims import (
    BOUNDS,
    FALSE,
    HOLDS,
    LIMIT,
    Claim,
    Judged,
    approach,
    combined,
    counterexample,
    exponent,
    identity,
)
from sparsesim.problems import HeavyBall
from sparsesim.theory import continuum, least_squares, limits, phases, stability
from sparsesim.theory.limits import limit_ode

READ = "exponents to 0.03 and twice what they still change between d = 1e8 and 1e12"
ABOVE, BELOW = ("A", "C", "F"), ("B", "D", "E")


def scales(where: str) -> list[tuple[float, float, float, float]]:
    """(retention scale, c1, c2, c3) at every dimension."""
    found = []
    for cell in points.cells(where):
        values = stability.routh_hurwitz(*cell)
        found.append((least_squares.coefficients(*cell).b1c, values.c1, values.c2, values.c3))
    return found


def cubic_scales(scale: str) -> Judged:
    """c1/r, c2/r^2 and c3/(phi1 r^2 eta) tend to constants in every region."""
    parts = []
    for where in points.REGIONS:
        cells, found = points.cells(where), scales(where)
        slope = [least_squares.coefficients(*cell).phi1 * cell[1].eta for cell in cells]
        ratios = {"c1/r": [c1 / r for r, c1, _, _ in found], "c2/r^2": [c2 / r**2 for r, _, c2, _ in found],
                  "c3/(phi1 eta r^2)": [c3 / r**2 / s for (r, _, _, c3), s in zip(found, slope, strict=True)]}  # fmt: skip
        for name, values in ratios.items():
            part = exponent(points.DIMENSIONS, values, 0.0, name, 0.03)
            parts.append(part._replace(numbers={f"{name} in {where}": values[-1]}))
    return combined(parts, "coefficients of the characteristic polynomial over powers of the retention scale r = 1-b1")


def random_cubics(vanishing: bool, scale: str) -> Judged:
    """Roots of x^3 + a x^2 + b x + c with coefficients between 0.1 and 3, within Cauchy's bounds, or one that shrinks."""
    rng, worst_low, worst_high, worst_small, complex_ones = np.random.default_rng(21), math.inf, 0.0, 0.0, 0
    rounds, tau = (200 if scale == "smoke" else 2000), 1e-8
    for _ in range(rounds):
        a, b, c = rng.uniform(1.0, 3.0), rng.uniform(1.0, 3.0), tau if vanishing else rng.uniform(0.1, 1.0)
        roots = np.roots([1.0, a, b, c])
        roots = roots[np.argsort(np.abs(roots))]
        if vanishing:
            worst_small = max(worst_small, abs(-roots[0].real / (tau / b) - 1.0))
            complex_ones += roots[0].imag != 0.0
        rest = np.abs(roots[1:] if vanishing else roots)
        worst_low, worst_high = min(worst_low, float(rest.min())), max(worst_high, float(rest.max()))
    numbers = {"least root over r": worst_low, "largest root over r": worst_high}
    good = worst_low > 0.1 / 3.1 and worst_high < 4.0 and worst_small < 1e-4 and complex_ones == 0
    if vanishing:
        numbers |= {"slow root over -c3/c2, less one": worst_small, "slow roots that are complex": float(complex_ones)}
    kind = "the constant term 1e-8 r^3" if vanishing else "the constant term of order r^3"
    return Judged(BOUNDS if good else FALSE, numbers, f"{rounds} random cubics in units of r, {kind}")


def eigenvalues(where: str, slow: bool) -> Judged:
    """Powers of d of the moduli of the eigenvalues of A, against those of retention and learning."""
    moduli = np.array([np.sort(np.abs(np.linalg.eigvals(_balanced(cell)))) for cell in points.cells(where)])
    phase = phases.classify(*points.WHERE[where])
    slowest = -phase.learning_exponent if slow else -phase.retention_exponent
    expected = (slowest, -phase.retention_exponent, -phase.retention_exponent)
    parts = [exponent(points.DIMENSIONS, moduli[:, i], expected[i], "modulus", 0.03) for i in range(3)]
    real = [np.linalg.eigvals(_balanced(cell)) for cell in points.cells(where)]
    if slow and any(one[np.argmin(np.abs(one))].imag != 0.0 for one in real):
        parts.append(Judged(FALSE, {}, "a slow mode that is complex"))
    whole = combined(parts, "")
    return whole._replace(numbers={f"exponent of mode {i} in {where}": one.numbers["exponent"]
                                   for i, one in enumerate(parts[:3], start=1)})  # fmt: skip


def _balanced(cell: tuple) -> np.ndarray:
    """A in the variables R, V/p^2, C/p, in which its entries are of few sizes; at d = 1e12 others lose the slow mode."""
    p = cell[0].p
    scale = np.array([1.0, 1.0 / p**2, 1.0 / p])
    return scale[:, None] * least_squares.poisson_generator(*cell) / scale[None, :]


def three_together(scale: str) -> Judged:
    """Above resonance all three."""
    return combined([eigenvalues(where, False) for where in ABOVE], "moduli of the eigenvalues of A in A, C and F")


def one_slow(scale: str) -> Judged:
    """Below resonance one slow mode."""
    return combined([eigenvalues(where, True) for where in BELOW], "moduli of the eigenvalues of A in B, D and E")


def at_resonance(scale: str) -> Judged:
    """On the resonance line all three."""
    parts = [eigenvalues(where, False) for where in ("resonance-dense", "triple-point", "resonance-sparse")]
    return combined(parts, "moduli of the eigenvalues of A on the resonance line")


def ratio(scale: str) -> Judged:
    """Eigenvalues of A over 1-b1 against the roots of one cubic in stiffness and feedback alone."""
    numbers, good = {}, True
    for where in ("B", "E", "resonance-dense", "C", "F"):
        apart = []
        for problem, optimizer in points.cells(where):
            own = (
                np.linalg.eigvals(_balanced((problem, optimizer))) / least_squares.coefficients(problem, optimizer).b1c
            )
            u = stability.feedbacks(problem, optimizer).noise
            cubic = continuum.roots(phases.stiffness(problem, optimizer), u)
            apart.append(float(np.abs(np.sort_complex(own) - np.sort_complex(cubic)).max()))
        good &= apart[-1] < 1e-3 and (apart[-1] < apart[0] or apart[-1] < 1e-8)
        numbers[f"distance in {where} at d = 1e12"] = apart[-1]
    return Judged(
        LIMIT if good else FALSE, numbers, "eigenvalues of A over the retention rate, against the continuum cubic"
    )


def faster_than_retention(scale: str) -> Judged:
    """Learning rates between the prescription and the frontier: stable, and no faster than the buffer forgets."""
    rates, numbers, d = {}, {}, 10**8
    problem, optimizer = points.scaling("C").at(d)
    critical = stability.critical_learning_rate(problem, optimizer.eps)
    for multiple in (1.0, 10.0, 1000.0):
        own = HeavyBall(multiple * optimizer.eta, optimizer.eps)
        rates[multiple] = stability.decay_rate(problem, own) / stability.retention_cap(optimizer.eps)
        numbers[f"rate over ln(1/mu) at {multiple:g} times the prescribed eta"] = rates[multiple]
        nominal = least_squares.coefficients(problem, own)
        numbers[f"nominal learning over retention at {multiple:g} times"] = own.eta * nominal.phi1 / nominal.b1c
    numbers["largest stable multiple"] = critical / optimizer.eta
    refuted = all(0.0 < one <= 1.0 for one in rates.values()) and critical / optimizer.eta > 1000.0
    return counterexample(
        refuted, numbers, "decay rates above resonance (C, d = 1e8) at learning rates far above eps/p"
    )


def slaved(scale: str) -> Judged:
    """Below resonance C/(p R) tends to 1-u, and V/R is constant in time."""
    parts = []
    for where in ("B", "E"):
        errors, moved = [], []
        for d in (10**4, 10**6, 10**8):
            own = points.scaling(where)
            problem, optimizer = own.at(d)
            ticks = np.rint(limit_ode(own).ticks(np.array([0.5, 1.0]), d))
            R, V, C = least_squares.moments(problem, optimizer, ticks, "active").T
            errors.append(float(abs(C[1] / (problem.p * R[1]) - (1.0 - own.c_eta / 2.0))))
            moved.append(float(abs(V[1] / R[1] / (V[0] / R[0]) - 1.0)))
        part = approach((10**4, 10**6, 10**8), errors, math.nan, "")
        steady = identity({f"change of V/R in {where}": moved[-1]}, 1e-6, "")
        parts += [part._replace(numbers={f"C/(p R) less 1-u in {where} at d = 1e8": errors[-1]}), steady]
    return combined(parts, "C/(p R) and V/R at slow times 0.5 and 1 by the exact map, for d from 1e4 to 1e8")


def two_dimensional(scale: str) -> Judged:
    """Above resonance E R V = (E C)^2 along the limit: the moments are those of one deterministic pair."""
    worst = 0.0
    for where in ABOVE:
        limit = limits.limit_ode(points.scaling(where))
        R, V, C = limit.trajectory(np.linspace(0.0, 6.0, 61)).T
        worst = max(worst, float(np.abs(R * V - C * C).max()))
    return identity({"largest |R V - C^2|": worst}, 1e-12, "the limits of A, C and F from R = 1, slow times up to 6")


CLAIMS = (
    Claim(
        "Equations 6 and 7", "In units of retention the spectrum depends on stiffness and noise feedback alone: the ratio of the two timescales.",
        ratio, LIMIT, "1e-3 at d = 1e12, less than at 1e8",
    ),
    Claim(
        "Section 4.2 (what stability excludes)", "No learning rate at which errors would be corrected faster than the buffer forgets is stable.",
        faster_than_retention, FALSE, "0 < rate <= ln(1/mu) at up to 1000 times the prescribed learning rate",
        correction="a larger learning rate oscillates faster and decays at ln(1/mu) a minibatch at most: it is never faster than "
        "retention, and stays stable up to eta_c", figure="fig27",
    ),
    Claim(
        "Lemma 13", "c1 ~ r, c2 ~ r^2 and c3 ~ phi1 eta r^2 with the retention scale r, in every region.",
        cubic_scales, LIMIT, READ,
    ),
    Claim(
        "Lemma 14 (three roots)", "A cubic with coefficients r, r^2, r^3 has three roots of order r.",
        partial(random_cubics, False), BOUNDS, "Cauchy's bounds for coefficients between 0.1 and 3: moduli between 0.1/3.1 and 4",
    ),
    Claim(
        "Lemma 14 (one root)", "With a smaller constant term exactly one root, a real one, is smaller: -c3/c2 to leading order.",
        partial(random_cubics, True), BOUNDS, "real, and 1e-4 of c3/c2, which is the next order",
    ),
    Claim(
        "Proposition 15 (three-dimensional)", "Above resonance all eigenvalues of A are of the order of retention.",
        three_together, LIMIT, READ,
    ),
    Claim(
        "Proposition 15 (one-dimensional)", "Below resonance one real eigenvalue is of the order of learning, two of retention.",
        one_slow, LIMIT, READ,
    ),
    Claim(
        "Section 4.2 (on resonance)", "On the resonance line all three eigenvalues are of one order.",
        at_resonance, LIMIT, READ, figure="fig17",
    ),
    Claim(
        "Section 4.2 (adiabatic elimination)", "Below resonance V and C follow R: they equilibrate while it moves.",
        slaved, LIMIT, "C/(p R) approaches 1-u with d; V/R changes by less than 1e-6",
    ),
    Claim(
        "C.6.1 (square-root lift)", "Above resonance the limit keeps R V = C^2: three moments of a two-dimensional ODE.",
        two_dimensional, HOLDS, "1e-12: rounding",
    ),
)  # fmt: skip
