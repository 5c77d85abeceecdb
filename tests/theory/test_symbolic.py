"""Every claim is proved, none is once its formulas are spoilt, and the formulas are those that the library computes."""

import itertools
import math
from types import SimpleNamespace

import high_precision as hp
import numpy as np
import pytest
import sympy
from middles import MIDDLES
from mpmath import mp
from rich.console import Console

from sparsesim import HeavyBall, Scaling
from sparsesim.theory import continuum as continuum_numbers
from sparsesim.theory import least_squares, phases, stability, symbolic
from sparsesim.theory.proofs import check, continuum, exponents, maps, powers
from sparsesim.theory.proofs import stability as proofs_of_stability
from sparsesim.theory.proofs.check import Refuted

CLAIMS = {claim.name: claim for claim in symbolic.CLAIMS}
DIMENSIONS = (10**8, 10**12)


@pytest.mark.slow
@pytest.mark.parametrize("name", CLAIMS)
def test_claim_is_proved(name, monkeypatch):
    checks = []
    for function in ("identical", "positive"):
        original = getattr(check, function)
        monkeypatch.setattr(check, function, lambda *a, f=original, **k: (checks.append(a), f(*a, **k)))
    assert symbolic.refutation(CLAIMS[name]) is None
    assert checks


def wrong_entry(matrix, i, j):
    """The function `matrix` with the sign of one entry flipped."""

    def spoilt(*args):
        result = matrix(*args)
        result[i, j] = -result[i, j]
        return result

    return spoilt


def without_the_omitted_term(characteristic):
    """c1, c2, c3 with c2 cut off at order eta^0, as the paper has it."""

    def truncated(*args, **kwargs):
        c1, (c2, *_), c3 = characteristic(*args, **kwargs)
        return [c1, [c2, sympy.Integer(0), sympy.Integer(0)], c3]

    return truncated


def noisier(polynomial):
    """The characteristic polynomial with its noise doubled."""
    return lambda z, lam, noise: polynomial(z, lam, 2 * noise)


T, E, A = maps.minibatch_map, maps.idle_map, maps.generator
proofs = proofs_of_stability
SPOILT = [
    ("gradient moments", maps, "G2", maps.G2 - maps.p**2 * (maps.B - 1) / maps.B),
    ("gradient moments", maps, "chi", maps.chi - 2 * maps.phi2),
    ("minibatch map", maps, "minibatch_map", wrong_entry(T, 0, 1)),
    ("minibatch map", maps, "idle_map", wrong_entry(E, 2, 1)),
    ("composition", maps, "idle_map", wrong_entry(E, 0, 2)),
    *(("composition", maps, "generator", wrong_entry(A, i, j)) for i, j in itertools.product(range(3), repeat=2)),
    ("step-1 identities", maps, "generator", wrong_entry(A, 1, 2)),
    ("step-1 identities", proofs, "phi1", 2 * maps.phi1),
    ("singular together", proofs, "H", proofs.H_NOISE),
    ("singular together", maps, "minibatch_map", wrong_entry(T, 1, 2)),
    ("characteristic polynomial", proofs, "minibatch_polynomial", noisier(proofs.minibatch_polynomial)),
    ("characteristic polynomial", proofs, "H_CURVATURE", proofs.lam / 4),
    ("cone", maps, "minibatch_map", wrong_entry(T, 2, 0)),
    ("cone", maps, "idle_map", wrong_entry(E, 0, 1)),
    ("frontier", proofs, "ETA_C", 2 * maps.B / (maps.d + 2 - maps.p)),
    ("frontier", proofs, "H", proofs.H_NOISE),
    ("Jury", proofs, "minibatch_polynomial", noisier(proofs.minibatch_polynomial)),
    ("Routh-Hurwitz", proofs, "characteristic", without_the_omitted_term(proofs.characteristic)),
    ("omitted term", proofs, "characteristic", without_the_omitted_term(proofs.characteristic)),
    ("continuum limit", continuum, "system", wrong_entry(continuum.system, 2, 1)),
    ("continuum limit", maps, "generator", wrong_entry(A, 2, 1)),
    ("continuum cubic", continuum, "system", wrong_entry(continuum.system, 1, 0)),
    ("false ceiling", proofs, "characteristic", without_the_omitted_term(proofs.characteristic)),
    ("resonance line", continuum, "resonance_system", wrong_entry(continuum.resonance_system, 1, 0)),
    ("moment closures", continuum, "resonance_system", wrong_entry(continuum.resonance_system, 1, 2)),
    ("Table 3", exponents, "TABLE_3", {**exponents.TABLE_3, "A": exponents.TABLE_3["C"]}),
    ("Table 3", powers, "REGIONS", {**powers.REGIONS, "E": powers.REGIONS["D"]}),
    ("orders of c1, c2, c3", proofs, "characteristic", without_the_omitted_term(proofs.characteristic)),
    ("Table 4", exponents, "TABLE_4", {**exponents.TABLE_4, "B": (*exponents.TABLE_4["B"][:2], "correlation")}),
    ("Table 4", exponents, "TABLE_4", {**exponents.TABLE_4, "D": exponents.TABLE_4["E"]}),
    ("noise ceiling", exponents, "NOISE_OF_A", powers.REGIONS["A"]),
    ("noise ceiling", exponents, "CURVATURE_OF_A", exponents.NOISE_OF_A),
    ("no correlation ceiling", proofs, "characteristic", without_the_omitted_term(proofs.characteristic)),
]


@pytest.mark.parametrize(("name", "module", "attribute", "value"), SPOILT)
def test_claim_is_refuted_when_a_formula_is_spoilt(name, module, attribute, value, monkeypatch):
    monkeypatch.setattr(module, attribute, value)
    assert symbolic.refutation(CLAIMS[name]) is not None


def test_every_claim_is_spoilt_somewhere():
    assert {name for name, *_ in SPOILT} | {"waiting means"} == set(CLAIMS)


@pytest.mark.parametrize("form", maps.CLOSED_FORMS)
def test_every_waiting_mean_matters(form, monkeypatch):
    monkeypatch.setattr(maps, "WAITING", {form: maps.WAITING[form]})
    assert symbolic.refutation(CLAIMS["waiting means"]) is None
    for factor in (-1, maps.mu, maps.P + maps.Q / 2):
        monkeypatch.setitem(maps.CLOSED_FORMS, form, factor * maps.CLOSED_FORMS[form])
        assert symbolic.refutation(CLAIMS["waiting means"]) is not None
        monkeypatch.undo()
        monkeypatch.setattr(maps, "WAITING", {form: maps.WAITING[form]})


def test_checks_refuse_what_is_false():
    x, y = sympy.symbols("x y", positive=True)
    check.identical((x**2 - y**2) / (x - y), x + y)
    check.identical(sympy.Matrix([[x, y]]), sympy.Matrix([[x, y]]))
    for left, right in (
        (x, -x),
        (x / (x + y), x / (x + 2 * y)),
        (sympy.Matrix([[x, y]]), sympy.Matrix([[x, x]])),
        (sympy.Matrix([[x, y]]), sympy.Matrix([[x], [y]])),
    ):
        with pytest.raises(Refuted):
            check.identical(left, right)
    check.positive((x + 2 * y) / (1 + x * y), or_zero=(x,))
    check.positive((-x - 1) / (-y - 2))
    check.positive(sympy.Integer(2))
    for value in (sympy.Integer(0), sympy.Integer(-1), -x, x - y, (1 - x) / y, (x + y) / (-y - 1)):
        with pytest.raises(Refuted):
            check.positive(value)
    with pytest.raises(Refuted, match="vanishes"):
        check.positive(x * y + x, or_zero=(x,))


def test_leading_terms_refuse_ties_that_cancel_and_terms_that_take_turns():
    d, p, B, eps, P = maps.d, maps.p, maps.B, maps.eps, maps.P
    assert powers.leading((1 + p * B) / d, "B") == (powers.c_p * powers.c_B, powers.beta - powers.alpha - powers.one)
    with pytest.raises(Refuted, match="cancel"):
        powers.leading(P - p * B, "E")
    with pytest.raises(Refuted, match="leads"):
        powers.leading(d / B + eps * p, "A")
    with pytest.raises(Refuted, match="no exponents"):
        powers.extreme_rays((powers.one, powers.alpha, powers.beta, powers.delta, -powers.alpha))


@pytest.mark.parametrize("region", powers.REGIONS)
def test_cones_are_the_regions_of_the_phase_plane(region):
    rays = powers.extreme_rays(powers.REGIONS[region])
    rng = np.random.default_rng(1)
    for _ in range(50):
        ray = sum((ray * sympy.Rational(*map(int, rng.integers(1, 50, 2))) for ray in rays), sympy.zeros(4, 1))
        point = [float(exponent / ray[0]) for exponent in ray[1:]]
        assert phases.classify(*point).region == region
    # And every point of the region is in the cone: none of its forms is a restriction too many.
    found = 0
    for point in rng.uniform(0.0, 3.0, (1000, 3)):
        if phases.classify(*point).region == region:
            found += 1
            values = dict(zip((powers.one, powers.alpha, powers.beta, powers.delta), (1.0, *point), strict=True))
            assert all(form.subs(values) > 0 for form in powers.REGIONS[region])
    assert found > 10


def test_the_library_computes_the_matrices_of_the_proofs(monkeypatch):
    problem, optimizer = SimpleNamespace(d=maps.d, p=maps.p, B=maps.B), SimpleNamespace(eta=maps.eta, eps=maps.eps)
    optimizer.mu = 1 - maps.eps
    monkeypatch.setattr(least_squares, "activity", lambda problem: (maps.P, 1 - maps.P))

    def exact(matrix):
        return sympy.Matrix(matrix).applyfunc(sympy.nsimplify)

    check.identical(exact(least_squares.minibatch_map(problem, optimizer)), maps.minibatch_map())
    check.identical(exact(least_squares.poisson_generator(problem, optimizer)), maps.generator())
    check.identical(exact(least_squares.active_map(problem, optimizer)), sympy.eye(3) + maps.generator())
    computed = least_squares.coefficients(problem, optimizer)
    for name, form in maps.CLOSED_FORMS.items():
        check.identical(sympy.nsimplify(getattr(computed, name)), form)
    values = {continuum.w: 0.7, continuum.u: 0.3}
    system = np.array(continuum.system().subs(values), dtype=float)
    np.testing.assert_allclose(system, continuum_numbers.generator(0.7, 0.3), rtol=1e-15)


def slope(values):
    """The exponent of d between the two dimensions."""
    return math.log(abs(float(values[1] / values[0]))) / math.log(DIMENSIONS[1] / DIMENSIONS[0])


def at_point(form, region):
    values = zip((powers.one, powers.alpha, powers.beta, powers.delta), (1, *MIDDLES[region]), strict=True)
    return float(form.subs(dict(values)))


@pytest.mark.parametrize("region", MIDDLES)
def test_primitives_have_the_exponents_of_table_3(region):
    scaled = [Scaling(*MIDDLES[region]).at(d) for d in DIMENSIONS]
    computed = [least_squares.coefficients(*cell) for cell in scaled]
    for name, exponent in exponents.TABLE_3[region].items():
        values = [c.P + c.Q * c.eps if name == "1-Q mu" else getattr(c, name) for c in computed]
        if exponent is None:
            assert max(values) < 1e-15
        else:
            assert slope(values) == pytest.approx(at_point(sympy.sympify(exponent), region), abs=0.02), name


def orders_in_eta(problem, eps):
    """Rows eta^0, eta^1, eta^2 of c1, c2, c3: 80-digit matrices at three learning rates, interpolated."""
    critical = stability.critical_learning_rate(problem, eps)
    optimizers = [HeavyBall(critical * factor, eps) for factor in (0.25, 0.5, 0.75)]
    found = mp.matrix([hp.characteristic(hp.active_map(problem, one) - mp.eye(3)) for one in optimizers])
    return mp.matrix([[mp.mpf(one.eta) ** n for n in range(3)] for one in optimizers]) ** -1 * found


@pytest.mark.parametrize("region", MIDDLES)
def test_coefficients_of_eta_and_ceilings_have_their_exponents(region):
    scaled = [Scaling(*MIDDLES[region]).at(d) for d in DIMENSIONS]
    orders = [orders_in_eta(problem, optimizer.eps) for problem, optimizer in scaled]
    for column, coefficients in enumerate(proofs.characteristic()):
        for n, coefficient in enumerate(coefficients):
            values = [found[n, column] for found in orders]
            if coefficient == 0:
                assert all(abs(value) < mp.mpf(10) ** -60 for value in values)
            elif (region, column, n) != ("A", 2, 2):  # there noise and curvature take turns
                expected = at_point(powers.leading(coefficient, region).exponent, region)
                assert slope(values) == pytest.approx(expected, abs=0.02), (column, n)
    noise, correlation, _ = exponents.TABLE_4[region]
    claimed = [found[0, 0] * found[0, 1] / found[1, 2] for found in orders]
    assert -slope(claimed) == pytest.approx(at_point(correlation, region), abs=0.02)
    if region != "A":
        exact = [-found[1, 2] / found[2, 2] for found in orders]
        assert -slope(exact) == pytest.approx(at_point(noise, region), abs=0.02)


@pytest.mark.parametrize("region", "ACF")
def test_margin_far_above_the_papers_ceiling(region):
    alpha, beta, delta = MIDDLES[region]
    end = -alpha if region == "A" else 1.0 - beta
    problem, optimizer = Scaling(alpha, beta, delta, kappa=0.5 * (end + delta - alpha)).at(DIMENSIONS[1])
    stiffness = optimizer.eta * problem.p / optimizer.eps
    retention = least_squares.coefficients(problem, optimizer).b1c
    assert stiffness > 100.0
    margin = stability.routh_hurwitz(problem, optimizer).margin
    assert margin == pytest.approx(8.0 * stiffness * retention**3, rel=0.03)


def test_report_says_what_is_refuted():
    good = CLAIMS["minibatch map"]

    def bad():
        check.identical(maps.p, maps.d)

    console = Console(record=True, width=160)
    assert symbolic.report([good], console)
    assert not symbolic.report([good, symbolic.Claim("odd", "E[x] = d", bad)], console)
    text = console.export_text()
    assert "odd: p is not d" in text
    assert "E[x] = d" in text
