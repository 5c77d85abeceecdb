"""What momentum does to one feature (later work; docs/momentum.md, sections 1 to 4).

Theory is compared with eigenvalues, in many digits, of matrices that `experiments.claims.matrices` writes down from the
update rule, with searches that know no closed form, and with trajectories.
"""

import math
from collections.abc import Callable, Sequence

import mpmath
import numpy as np
from scipy.linalg import expm
from scipy.optimize import minimize_scalar

from experiments.claims import matrices, points
from sparsesim import simulate
from sparsesim.claims import (
    BOUNDS,
    FALSE,
    HOLDS,
    LIMIT,
    Claim,
    Judged,
    approach,
    bounded,
    combined,
    exponent,
    identity,
    later,
    proof,
    scored,
    within,
)
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.scaling import Scaling
from sparsesim.theory import continuum, frontier, least_squares, stability, tuning
from sparsesim.theory.proofs import continuum as continuum_proofs
from sparsesim.theory.proofs import stability as proofs

SIGNS = "0: none of the points may be on the wrong side; eigenvalues in 50 digits or more"
FEW = "the exponent to 0.05, beside twice what it still changes: what is left is the next order"

# Inside every cell: exponents (alpha, beta, delta, kappa), and that of the largest term that the limit leaves out.
CELLS = {
    1: (0.5, 0.5, 0.5, 0.8, -0.3),  # noise feedback
    2: (0.5, 0.5, 0.6, 0.5, -0.4),  # stiffness
    3: (0.3, 1.2, 0.5, 0.2, -0.4),  # noise feedback
    4: (0.3, 0.9, 0.4, 0.1, -0.4),  # eps
    5: (0.3, 1.2, 0.5, 0.0, -0.2),  # noise feedback
    6: (0.3, 0.9, 0.7, 0.1, -0.3),  # one over the stiffness
    7: (0.2, 2.0, 0.3, -0.5, -0.3),  # eps
    8: (0.2, 1.5, 0.3, -0.5, -0.3),  # eps
}


def wrong(points_wrong: int, among: int, computed: str) -> Judged:
    """HOLDS if no point contradicts."""
    return identity({"points that contradict": float(points_wrong)}, 0.0, f"{computed}, at {among} points")


def on_all_clocks(scale: str) -> Judged:
    """Radii of the maps of two clocks on both sides of H = 1; the Poisson generator is one of them minus 1."""
    count, bad = (8, 0) if scale == "smoke" else (250, 0)
    with mpmath.workdps(matrices.DIGITS):
        for problem, optimizer in points.random_cells(count, seed=21, stable=False):
            H = stability.feedbacks(problem, optimizer).total
            each, active = matrices.clocks(problem, optimizer)
            values = mpmath.eig(active, left=False, right=False)
            stable = (matrices.radius(each) < 1, max(map(abs, values)) < 1, max(mpmath.re(z - 1) for z in values) < 0)
            bad += any(one != (H < 1.0) for one in stable)
    cone, others = (proofs.cone, proofs.frontier), (proofs.singular_together, proofs.jury, proofs.routh_hurwitz)
    return combined(
        [proof(cone if scale == "smoke" else (*cone, *others), "by SymPy"),
         wrong(bad, count, "radii")],
        f"proved in exact arithmetic by the cone of covariances, and at scale full by the criteria of Jury and of "
        f"Routh "
        f"and Hurwitz as well; eigenvalues of the maps of all three clocks at {count} random points on both sides",
    )  # fmt: skip


def inverse_critical(problem: LeastSquares, eps: float) -> mpmath.mpf:
    """1/eta_c as docs/momentum.md states it, in many digits."""
    d, p, B, decay = (mpmath.mpf(value) for value in (problem.d, problem.p, problem.B, eps))
    mu = 1 - decay
    return (d + 2 - p) / (2 * B) + p / 2 * (1 - mu) / (1 + mu)


def closed_frontier(scale: str) -> Judged:
    """Where the spectral radius of the written map passes 1, by a secant through both sides."""
    worst, step = mpmath.mpf(0), mpmath.mpf(10) ** -20
    with mpmath.workdps(80):
        for problem, optimizer in points.random_cells(15 if scale == "smoke" else 120, seed=22):
            start = 1 / inverse_critical(problem, optimizer.eps) / optimizer.eta
            below, above = (matrices.rate(problem, optimizer, start * (1 + side * step)) for side in (-1, 1))
            worst = max(worst, abs(step * (below + above) / (below - above)))
        for problem, _ in points.random_cells(20, seed=23):
            d, p, B = (mpmath.mpf(value) for value in (problem.d, problem.p, problem.B))
            worst = max(worst, abs(inverse_critical(problem, 1.0) * (2 * B / (d + 2 + (B - 1) * p)) - 1))
    return identity(
        {"largest relative error of eta_c": float(worst)}, 1e-30,
        "the secant of Lambda through 1 -+ 1e-20 times the closed form, 80 digits; and the form of plain SGD",
    )  # fmt: skip


def monotone(scale: str) -> Judged:
    """Stable ones stay stable with more momentum, larger batches and fewer dimensions; where p helps depends."""
    rng, count, bad = np.random.default_rng(24), 12 if scale == "smoke" else 100, 0
    with mpmath.workdps(matrices.DIGITS):
        for problem, optimizer in points.random_cells(count, seed=25):
            d, p, B, eps = problem.d, problem.p, problem.B, optimizer.eps
            eta = float(1 / inverse_critical(problem, eps)) * (1.0 - 1e-9)
            share = float(rng.uniform(0.1, 0.9))
            larger, narrower = LeastSquares(d, p, 2 * B), LeastSquares(max(1, d // 2), p, B)
            better = [(problem, eps * share), (larger, eps), (narrower, eps)]
            # A larger p brings more curvature and less variance: it lowers the frontier iff B > (2-eps)/eps.
            rarer, commoner = LeastSquares(d, p * share, B), LeastSquares(d, min(1.0, p / share), B)
            better.append((rarer if (2.0 - eps) / eps < B else commoner, eps))
            bad += any(matrices.rate(one, HeavyBall(eta, own)) <= 0 for one, own in better)
    return wrong(bad, count, "just inside the frontier, eigenvalues after each change that should leave it stable")


def polynomial(scale: str) -> Judged:
    """The stated polynomial at eigenvalues of the written map, against the sum of its terms' sizes."""
    worst = mpmath.mpf(0)
    with mpmath.workdps(80):
        for problem, optimizer in points.random_cells(10 if scale == "smoke" else 60, seed=26, stable=False):
            p, eta, eps = (mpmath.mpf(value) for value in (problem.p, optimizer.eta, optimizer.eps))
            lam, mu = eta * eps * p, 1 - eps
            noise = eta * (problem.d + 2 - p) / (2 * problem.B)
            for z in mpmath.eig(matrices.of(problem, optimizer), left=False, right=False):
                first = (z - mu) * (z**2 - ((1 + mu - lam) ** 2 - 2 * mu) * z + mu**2)
                second = 2 * lam * eps * noise * z * (z + mu)
                size = (abs(z) + mu) * (abs(z) ** 2 + ((1 + mu + lam) ** 2 + 2 * mu) * abs(z) + mu**2) + abs(second)
                worst = max(worst, abs(first - second) / size)
    return combined(
        [proof((proofs.characteristic_polynomials,), "by SymPy"),
         identity({"largest residual": float(worst)}, 1e-40, "numbers")],
        "det(z - T) by SymPy, with its forms in x and in y; the polynomial at eigenvalues of the written map in 80 "
        "digits",
    )  # fmt: skip


def well_conditioned(scale: str) -> Judged:
    """Digits of the decay rate by the cubic in x, and by roots of the polynomial in z, both in doubles."""
    worst, lost = 0.0, {1e-3: 0.0, 1e-6: 0.0}
    rng, count = np.random.default_rng(27), 10 if scale == "smoke" else 100
    with mpmath.workdps(80):
        for problem, optimizer in points.random_cells(count, seed=28):
            own = HeavyBall(optimizer.eta, float(10 ** rng.uniform(-9, 0)))
            worst = max(worst, abs(float(stability.decay_rate(problem, own) / matrices.rate(problem, own) - 1)))
        for eps in lost:
            for w, u in [(0.25, 1e-9), *rng.uniform(0.05, [1.0, 0.9], (count, 2)).tolist()]:
                # With p = 1/10 and B = 1000: eta and d of this stiffness and feedback.
                eta = w * eps / 0.1
                problem, own = LeastSquares(max(1, round(2000 * u / eta)), 0.1, 1000), HeavyBall(eta, eps)
                lam, mu, noise = eta * eps * 0.1, 1.0 - eps, eta * (problem.d + 1.9) / 2000
                inner = [1.0, -((1 + mu - lam) ** 2 - 2 * mu), mu * mu]
                whole = np.polysub(np.polymul([1.0, -mu], inner), 2 * lam * eps * noise * np.array([1.0, mu, 0.0]))
                by_roots = -math.log(np.abs(np.roots(whole)).max())
                lost[eps] = max(lost[eps], abs(float(by_roots / matrices.rate(problem, own) - 1)))
    numbers = {"largest relative error by the cubic": worst, "by the polynomial, eps = 1e-3": lost[1e-3],
               "by the polynomial, eps = 1e-6": lost[1e-6]}  # fmt: skip
    good = worst <= 1e-12 and lost[1e-3] > 1e-7 and lost[1e-6] > 0.1
    return Judged(HOLDS if good else FALSE, numbers, "decay rates in doubles against eigenvalues in 80 digits")


def retention(scale: str) -> Judged:
    """Radii of F and T in many digits."""
    excess, low, high = 0.0, math.inf, 0.0
    with mpmath.workdps(60):
        for problem, optimizer in points.random_cells(40 if scale == "smoke" else 300, seed=29):
            mu, lam = 1 - mpmath.mpf(optimizer.eps), mpmath.mpf(optimizer.eta) * optimizer.eps * problem.p
            mean = matrices.radius(matrices.mean_map(lam, 1 - mu)) ** 2
            moments = matrices.radius(matrices.of(problem, optimizer))
            excess = max(excess, float(mu - mean), float(mean - moments))
            share = float(mpmath.log(moments) / mpmath.log(mu)) if mu > 0 else 0.0
            low, high = min(low, share), max(high, share)
    parts = [bounded(excess, -math.inf, 1e-20, "largest mu - rho(F)^2 or rho(F)^2 - rho(T)", "radii"),
             bounded(high, 0.5, 1.0, "largest Lambda over ln(1/mu)", "rates")]  # fmt: skip
    return combined(parts, "eigenvalues in 60 digits at random stable points, from far below the cap to just below it")


def oscillation(scale: str) -> Judged:
    """Eigenvalues of F in and out of the window, and at its edges."""
    rng, count, bad = np.random.default_rng(30), 40 if scale == "smoke" else 400, 0
    with mpmath.workdps(40):
        for _ in range(count):
            problem, eps = LeastSquares(10, float(10 ** rng.uniform(-4, 0)), 1), float(10 ** rng.uniform(-4, -0.01))
            low, high = (mpmath.mpf(edge) * eps * problem.p for edge in frontier.oscillation_window(problem, eps))
            for lam, within in ((low, 0.999), (low, 1.001), (high, 0.999), (high, 1.001), (low, 0.1), (high, 2.0)):
                inside = (within > 1.0) == (lam == low) and within not in (0.1, 2.0)
                radius = matrices.radius(matrices.mean_map(lam * within, mpmath.mpf(eps)))
                bad += (abs(radius**2 - (1 - mpmath.mpf(eps))) < mpmath.mpf(10) ** -20) != inside
    return wrong(bad, 6 * count, "rho(F)^2 = mu to 1e-20, or not, a thousandth inside and outside both edges")


def floor_solved(scale: str) -> Judged:
    """The fixed point of the written map with label noise."""
    worst = mpmath.mpf(0)
    with mpmath.workdps(60):
        for problem, optimizer in points.random_cells(30 if scale == "smoke" else 200, seed=31):
            noisy = LeastSquares(problem.d, problem.p, problem.B, 0.7)
            eta, eps, p = (mpmath.mpf(value) for value in (optimizer.eta, optimizer.eps, problem.p))
            energy = (eta * eps * mpmath.mpf(0.7)) ** 2 * p * problem.d / problem.B
            added = energy * mpmath.matrix([1, 1, -1])
            at_rest = mpmath.lu_solve(mpmath.eye(3) - matrices.of(problem, optimizer), added)
            worst = max(worst, abs(stability.noise_floor(noisy, optimizer) / at_rest[0] - 1))
    return identity(
        {"largest relative error": float(worst)}, 1e-14, "(1 - T)^-1 times what label noise adds, in 60 digits"
    )


def floor_simulated(scale: str) -> Judged:
    """Late squared errors of trajectories against phi/(1-H)."""
    trajectories, z = 4_000 if scale == "smoke" else 20_000, {}
    settings = [(LeastSquares(20, 0.3, 4, 0.5), HeavyBall(0.2, 0.3))]
    if scale == "full":
        settings.append((LeastSquares(9, 0.5, 2, 0.5), HeavyBall(0.2, 1.0)))
        settings.append((LeastSquares(50, 0.1, 8, math.sqrt(0.5)), HeavyBall(0.05, 0.1)))
    for problem, optimizer in settings:
        late = math.ceil(15.0 / stability.decay_rate(problem, optimizer))
        data = simulate(problem, optimizer, times=[late], trajectories=trajectories, seed=4, clock="minibatch")
        mean, error = (float(data[name].sel(moment="R", time=late)) for name in ("mean", "std_error"))
        H = optimizer.eta / float(1 / inverse_critical(problem, optimizer.eps))
        phi = problem.label_noise**2 * optimizer.eta * problem.d / (2 * problem.B)
        z[f"z of R at d = {problem.d}, mu = {optimizer.mu:g}"] = (mean - phi / (1.0 - H)) / error
    return scored(z, f"{trajectories:,} trajectories each, 15 e-folds after their start", 4.5)


def at_parameters(w: float, u: float, eps: float, p: float = 0.1) -> tuple[LeastSquares, HeavyBall]:
    """Single samples of stiffness w, and of a dimension at which the noise feedback is u as nearly as it can be."""
    eta = w * eps / p
    return LeastSquares(max(1, round(2.0 * u / eta - 2.0 + p)), p, 1), HeavyBall(eta, eps)


def continuum_limit(scale: str) -> Judged:
    """R of the written map and of the written system, as eps falls."""
    decays, t, parts = (1e-2, 1e-3, 1e-4, 1e-5), np.linspace(0.5, 6.0, 12), []
    for w, u in ((0.7, 0.4), (0.1, 0.8), (5.0, 0.2)):
        apart = []
        for eps in decays:
            problem, optimizer = at_parameters(w, u, eps)
            d, p, eta = problem.d, problem.p, optimizer.eta
            own, phi, energy = eta * (d + 2 - p) / 2, 0.05 * eta * d / 2, (eta * eps) ** 2 * p * d * 0.05
            T, A = np.eye(4), np.zeros((4, 4))
            T[:3, :3], T[:3, 3] = matrices.minibatch(d, p, 1, eta, eps), energy * np.array([1.0, 1.0, -1.0])
            A[:3, :3], A[1, 3] = matrices.continuum(w, own), 2.0 / w * phi
            start = np.array([1.0, 0.0, 0.0, 1.0])
            steps = [np.linalg.matrix_power(T, round(time / eps))[0] @ start for time in t]
            apart.append(max(abs(R - (expm(A * time) @ start)[0]) for R, time in zip(steps, t, strict=True)))
        parts.append(approach([1.0 / eps for eps in decays], apart, -1.0, "largest distance of R"))
    return combined(
        [proof((continuum_proofs.limits_of_the_maps,), "by SymPy"), *parts],
        "maps of all clocks tend to the system, by SymPy; the largest distance of R up to time 6/eps with label noise, "
        "at three pairs of stiffness and feedback, against powers of 1/eps",
    )


def continuum_cubic(scale: str) -> Judged:
    """Signs of eigenvalues of the written generator."""
    rng, count, bad = np.random.default_rng(33), 300 if scale == "smoke" else 3000, 0
    for _ in range(count):
        w, u = float(10 ** rng.uniform(-2, 2)), float(10 ** rng.uniform(-2, 0.5))
        roots = np.linalg.eigvals(matrices.continuum(w, u))
        gap = (1 - 4 * w) ** 3 - 108 * (w * u) ** 2
        if abs(u - 1.0) < 1e-6 or abs(gap) < 1e-6:
            continue  # rounding decides
        bad += (roots.real.max() < 0.0) != (u < 1.0) or (np.abs(roots.imag).max() > 1e-7) != (gap < 0.0)
    return combined(
        [proof((continuum_proofs.cubic,), "by SymPy"), wrong(bad, count, "eigenvalues")],
        f"cubic, margin and discriminant by SymPy; signs of eigenvalues at {count} pairs of stiffness and feedback",
    )


def rates_in_closed_form(scale: str) -> Judged:
    """r_c on the two lines where it is elementary, by roots in 60 digits and by the project's function."""
    rng, worst = np.random.default_rng(34), {"r_c(w, 0)": 0.0, "r_c(1/4, u)": 0.0, "the function": 0.0}
    with mpmath.workdps(60):
        for _ in range(15 if scale == "smoke" else 100):
            w, u = mpmath.mpf(float(10 ** rng.uniform(-3, 2))), mpmath.mpf(float(rng.uniform(0.001, 1.5)))
            plain = 1 - mpmath.sqrt(1 - 4 * w) if 4 * w < 1 else mpmath.mpf(1)
            quarter = 1 - mpmath.cbrt(u)
            worst["r_c(w, 0)"] = max(worst["r_c(w, 0)"], abs(float(matrices.slowest(w, 0) / plain - 1)))
            found = matrices.slowest(mpmath.mpf(1) / 4, u)
            worst["r_c(1/4, u)"] = max(worst["r_c(1/4, u)"], abs(float(found - quarter)))
            off = continuum.decay_rate(float(w), float(u)) / matrices.slowest(w, u) - 1
            worst["the function"] = max(worst["the function"], abs(float(off)))
    return identity(worst, 1e-12, "roots of the cubic in 60 digits at random stiffness or feedback")


def rate_bounds(scale: str) -> Judged:
    """r_c <= 1 - u, and how near it is at large stiffness."""
    rng, above, least, most, sharp = np.random.default_rng(35), -math.inf, math.inf, -math.inf, -math.inf
    with mpmath.workdps(40):
        for _ in range(40 if scale == "smoke" else 400):
            u = mpmath.mpf(float(rng.uniform(0.001, 1.0)))
            w = mpmath.mpf(float(10 ** rng.uniform(-3, 3)))
            gap = float(1 - u - matrices.slowest(w, u))
            above, sharp = max(above, -gap), max(sharp, 6 * math.sqrt(3) * float(w) * gap)
            w = mpmath.mpf(float(10 ** rng.uniform(0, 4)))
            gap = float(4 * w * (1 - u - matrices.slowest(w, u)))
            least, most = min(least, gap), max(most, gap)
    return combined(
        [bounded(above, -math.inf, 0.0, "largest r_c - (1 - u)", ""),
         within(least, 0.0, 1.0, "least 4 w ((1 - u) - r_c), w >= 1"),
         within(most, 0.0, 1.0, "largest 4 w ((1 - u) - r_c), w >= 1"),
         bounded(sharp, 0.9, 1.0, "largest 6 sqrt(3) w ((1 - u) - r_c), any w", "")],
        "roots of the cubic in 40 digits at random stiffness and feedback",
    )  # fmt: skip


def soft(scale: str) -> Judged:
    """r_c over 2 w (1 - u) as the stiffness falls."""
    inverse, parts = [10.0**n for n in range(2, 7)], []
    for u in (0.0, 0.1, 0.6, 0.95):
        off = [continuum.decay_rate(1.0 / x, u) / (2.0 / x * (1.0 - u)) - 1.0 for x in inverse]
        parts.append(approach(inverse, off, -1.0, f"u = {u}"))
    return combined(parts, "the relative distance of r_c from 2 w (1 - u) against powers of 1/w, at four feedbacks")


def matched_numbers(problem: LeastSquares, optimizer: HeavyBall) -> tuple[mpmath.mpf, ...]:
    """(ebar, w, sign, lam, mu) as docs/momentum.md states them."""
    mu = 1 - mpmath.mpf(optimizer.eps)
    lam = mpmath.mpf(optimizer.eta) * optimizer.eps * problem.p
    c, ebar = (1 + mu - lam) / (2 * mpmath.sqrt(mu)), -mpmath.log(mu)
    turn = (mpmath.acos(abs(c)) / ebar) ** 2 if abs(c) <= 1 else -((mpmath.acosh(abs(c)) / ebar) ** 2)
    return ebar, mpmath.mpf(1) / 4 + turn, mpmath.sign(c), lam, mu


def matched_mean(scale: str) -> Judged:
    """F = s P G P^-1 in many digits, and the project's parameters against the stated ones."""
    worst = {"the map of the mean": 0.0, "stiffness": 0.0, "feedback": 0.0}
    with mpmath.workdps(60):
        for problem, optimizer in points.random_cells(25 if scale == "smoke" else 200, seed=36):
            if optimizer.eps > 0.99:
                continue
            ebar, w, sign, lam, mu = matched_numbers(problem, optimizer)
            G = mpmath.expm(ebar * mpmath.matrix([[0, -w], [1, -1]]))
            P = mpmath.matrix([[1, 0], [(1 - lam - sign * G[0, 0]) / mu, -sign * G[0, 1] / mu]])
            F = mpmath.matrix(matrices.mean_map(lam, 1 - mu))
            off = mpmath.mnorm(sign * P * G * P**-1 - F, "f") / mpmath.mnorm(F, "f")
            found = continuum.matched(problem, optimizer)
            noise = mpmath.mpf(optimizer.eta) * (problem.d + 2 - mpmath.mpf(problem.p)) / (2 * problem.B)
            stated = noise / (1 - lam / (2 * (1 + mu)))
            for name, error in (("the map of the mean", off), ("stiffness", (found.stiffness - w) / max(w, 0.25)),
                                ("feedback", found.feedback / stated - 1)):  # fmt: skip
                worst[name] = max(worst[name], abs(float(error)))
    return identity(
        worst, 1e-11, "F against s P exp(ebar K) P^-1 in 60 digits, and the parameters of `continuum.matched`"
    )


def distance(problem: LeastSquares, optimizer: HeavyBall, start: dict[str, float], memories: float = 20.0) -> float:
    """The largest distance of the matched system's R from the algorithm's."""
    dense, late = np.arange(1, 40), np.geomspace(40, 40 + memories / optimizer.eps, 160)
    k = np.unique(np.rint(np.concatenate([dense, late])).astype(np.int64))
    exact = least_squares.moments(problem, optimizer, k, "minibatch", start)[:, 0]
    return float(np.abs(exact - continuum.matched(problem, optimizer).squared_error(k, start)).max())


def matching_bound(scale: str) -> Judged:
    """The factor c at random points and starts away from the Nyquist frequency."""
    rng, worst = np.random.default_rng(37), {False: 0.0, True: 0.0}
    for problem, optimizer in points.random_cells(150 if scale == "smoke" else 2000, seed=38):
        mu, eps, eta = optimizer.mu, optimizer.eps, optimizer.eta
        lam = eta * eps * problem.p
        if problem.d < 2 or eps > 0.95 or abs(1.0 + mu - lam) / (2.0 * math.sqrt(mu)) < 0.2:
            continue
        energy = float(10 ** rng.uniform(-2, 1)) * math.sqrt(lam) / eta
        start = {"R": 1.0, "V": energy**2, "C": float(rng.uniform(-1, 1)) * energy}
        noisy = LeastSquares(problem.d, problem.p, problem.B, 0.1)
        scaled = distance(noisy, optimizer, start) / continuum.matched(noisy, optimizer).error_scale(start)
        worst[eps > 0.5] = max(worst[eps > 0.5], scaled)
    parts = [bounded(worst[False], 1e-3, 1.0, "largest c, eps up to 1/2", ""),
             bounded(worst[True], 1e-3, 1.2, "largest c, eps beyond 1/2", "")]  # fmt: skip
    return combined(parts, "the largest distance of R over 20 momentum memories, at random points and random starts")


def nyquist(scale: str) -> Judged:
    """The same distance where the mean turns by a right angle a minibatch, as eps falls."""
    decays, apart = (1e-2, 1e-3, 1e-4, 1e-5), []
    for eps in decays:
        p, d = 0.1, 1000
        eta = (2.0 - eps) / (eps * p)  # lam = 1 + mu, and c = 0
        problem = LeastSquares(d, p, round(eta * (d + 2 - p) / 0.4))  # H_noise = 1/5
        apart.append(distance(problem, HeavyBall(eta, eps), {"R": 1.0, "V": 1.0 / eta**2, "C": -1.0 / eta}))
    return combined(
        [exponent([1.0 / eps for eps in decays], apart, 0.0, ""),
         Judged(LIMIT, {"largest distance of R at eps = 1e-5": apart[-1]}, "")],
        "the distance of R at lam = 1 + mu, from (e, q) with covariance ((1, -1), (-1, 1)), against powers of 1/eps",
    )  # fmt: skip


def cell_rate(scaling: Scaling, number: int, problem: LeastSquares, optimizer: HeavyBall) -> float:
    """The rate per minibatch that the table of docs/momentum.md, section 3, gives."""
    p, eta, eps = problem.p, optimizer.eta, optimizer.eps
    u, lam = scaling.c_eta / (2.0 * scaling.c_B), scaling.c_eta * scaling.c_eps * scaling.c_p
    w = scaling.c_eta * scaling.c_p / scaling.c_eps
    own: dict[int, Callable[[], float]] = {
        1: lambda: 2.0 * eta * p,
        2: lambda: 2.0 * eta * p * (1.0 - u),
        3: lambda: eps * float(matrices.slowest(mpmath.mpf(w), 0)),
        4: lambda: eps * float(matrices.slowest(mpmath.mpf(w), mpmath.mpf(u))),
        5: lambda: eps,
        6: lambda: eps * (1.0 - u),
        7: lambda: eps,
        8: lambda: eps * (1.0 - u / (1.0 - lam / 4.0)),
    }
    return own[number]()


def cell(number: int) -> Judged:
    """Exact rates in one cell up to d = 1e12 over the rate of the table."""
    alpha, beta, delta, kappa, left = CELLS[number]
    scaling = Scaling(alpha, beta, delta, kappa, c_eta=0.8)
    off = []
    for d in points.DIMENSIONS:
        problem, optimizer = scaling.at(d)
        off.append(stability.decay_rate(problem, optimizer) / cell_rate(scaling, number, problem, optimizer) - 1.0)
    judged = approach(points.DIMENSIONS, off, left, "")
    kept = ("exponent", "predicted exponent", "last error")
    return judged._replace(numbers={f"cell {number}, {name}": judged.numbers[name] for name in kept})


def cells(scale: str) -> Judged:
    """All eight."""
    return combined(
        [cell(number) for number in CELLS],
        "relative distances of exact decay rates from the rate of each of the eight cells at d = 1e8, 1e10 and 1e12, "
        "and the power at which they fall, which is that of the largest term left out",
    )


def frontier_exponent(scale: str) -> Judged:
    """eta_c from spectral radii, as a power of d; and radii a little above and below the exponent."""
    parts, bad, settings = [], 0, ((0.5, 0.5, 0.5), (0.8, 0.3, 2.0), (0.2, 2.0, 0.3), (0.2, 1.5, 0.3), (0.0, 1.8, 0.5))
    for alpha, beta, delta in settings:
        stated, found = max(1.0 - beta, -alpha - delta), []
        for d in points.DIMENSIONS:
            problem, optimizer = Scaling(alpha, beta, delta).at(d)
            found.append(frontier.critical_learning_rate_by_spectral_radius(problem, optimizer.eps))
        parts.append(exponent(points.DIMENSIONS, found, -stated, ""))
        with mpmath.workdps(80):
            for beside in (-0.1, 0.1):
                rate = matrices.rate(*Scaling(alpha, beta, delta, stated + beside).at(10**12))
                bad += (rate > 0) != (beside > 0.0)
    return combined(
        [*parts, wrong(bad, 2 * len(settings), "radii")],
        "where the spectral radius of the map is 1, against powers of d, in five places; and radii in 80 digits at d = "
        "1e12 with exponents 0.1 above and below",
    )


def plain_best(scale: str) -> Judged:
    """Eigenvalues of the written map at and around eta_c/2."""
    worst, bad, count = 0.0, 0, 15 if scale == "smoke" else 120
    with mpmath.workdps(60):
        for problem, _ in points.random_cells(count, seed=41):
            d, p, B = (mpmath.mpf(value) for value in (problem.d, problem.p, problem.B))
            half = HeavyBall(float(1 / inverse_critical(problem, 1.0) / 2), 1.0)
            there = matrices.rate(problem, half)
            worst = max(worst, abs(float(there / mpmath.log(1 + B * p / (d + 2 - p)) - 1)))
            bad += any(matrices.rate(problem, half, factor) >= there for factor in (0.3, 0.999999, 1.000001, 1.7))
    return combined(
        [identity({"largest relative error of the rate": worst}, 1e-12, ""), wrong(bad, 4 * count, "neighbours")],
        "the rate at eta_c/2 against ln(1 + B p/(d+2-p)), and at four other learning rates, all slower, in 60 digits",
    )


def searched(problem: LeastSquares, eps: float) -> float:
    """The best rate over the learning rate by a search of eigenvalues in doubles, which knows no closed form."""

    def cost(log_share: float) -> float:
        """The spectral radius at a share of the critical learning rate."""
        eta = math.exp(log_share) / float(inverse_critical(problem, eps))
        return float(np.abs(np.linalg.eigvals(matrices.minibatch(problem.d, problem.p, problem.B, eta, eps))).max())

    grid = np.linspace(-9.0, -1e-3, 120)
    best = min(max(1, int(np.argmin([cost(x) for x in grid]))), 118)
    found = minimize_scalar(cost, bounds=(grid[best - 1], grid[best + 1]), method="bounded", options={"xatol": 1e-7})
    return -math.log(min(float(found.fun), cost(float(grid[best]))))


def momentum_loses(scale: str) -> Judged:
    """Searched best rates against the closed form and against plain SGD's."""
    rng, worst, most = np.random.default_rng(42), 0.0, 0.0
    for _ in range(12 if scale == "smoke" else 150):
        d, p, B = (float(10 ** rng.uniform(low, high)) for low, high in ((0, 2), (-1, 0), (0, 3)))
        problem = LeastSquares(int(d), p, int(B))
        eps = float(10 ** rng.uniform(-2, -0.02))
        g, mu = problem.B * problem.p / (problem.d + 2 - problem.p), 1.0 - eps
        radius = (1 + mu**2 + math.sqrt((1 - mu**2) ** 2 + (2 * g * mu) ** 2)) / (2 * (1 + g))
        best = searched(problem, eps)
        worst, most = max(worst, abs(best / -math.log(radius) - 1.0)), max(most, best / math.log1p(g))
    return combined(
        [identity({"largest relative error of rho*": worst}, 1e-5, ""),
         bounded(most, 0.0, 1.0, "largest rate with momentum over plain SGD's", "")],
        "the best rate over eta by searching eigenvalues, at random problems and momenta, against the closed form of "
        "rho* and against ln(1 + g)",
    )  # fmt: skip


def sample_cost(scale: str) -> Judged:
    """Cost at the searched best learning rate against its limit, as eps falls at fixed s."""
    decays, parts = (1e-2, 1e-3, 1e-4), []
    for s in (0.1, 1.0, 10.0):
        off = []
        for eps in decays:
            d, B = 1000, 10_000
            problem = LeastSquares(d, (d + 2) * eps / (s * B), B)

            def rate(log_eta: float, problem: LeastSquares = problem, eps: float = eps) -> float:
                """Minus the decay rate."""
                return -stability.decay_rate(problem, HeavyBall(math.exp(log_eta), eps))

            top = -math.log(float(inverse_critical(problem, eps)))
            grid = np.linspace(top - 12.0, top - 1e-3, 300)
            best = int(np.argmin([rate(x) for x in grid]))
            found = minimize_scalar(rate, bounds=(grid[best - 1], grid[best + 1]), method="bounded",
                                    options={"xatol": 1e-9})  # fmt: skip
            stab, memory = 2 * B * float(inverse_critical(problem, eps)), problem.p * B / eps
            limit = 0.5 * (stab + memory + math.hypot(stab, memory))
            off.append(problem.p * B / -found.fun / limit - 1.0)
        parts.append(approach([1.0 / eps for eps in decays], off, -1.0, f"s = {s}"))
    return combined(
        parts,
        "the cost at the best learning rate, by search, over its limit at s = 0.1, 1 and 10, against powers of 1/eps",
    )


def speed_bound(scale: str) -> Judged:
    """Gamma by roots over a grid, its maximum, and its line of elementary values."""
    u = np.concatenate([[0.0], np.geomspace(1e-6, 0.99, 24 if scale == "smoke" else 80)])
    w = np.geomspace(1e-3, 1e3, 121 if scale == "smoke" else 481)
    found = np.array([[_gamma(one, other) for other in u] for one in w])
    elsewhere = (np.abs(np.log(4.0 * w))[:, None] > 0.1) | (u > 1e-3)
    worst = 0.0
    with mpmath.workdps(40):
        for one in (0.0, 1e-6, 0.01, 0.2, 0.5, 0.9):
            a = mpmath.cbrt(mpmath.mpf(one))
            exact = matrices.slowest(mpmath.mpf(1) / 4, mpmath.mpf(one)) / ((1 - mpmath.mpf(one)) / 2)
            worst = max(worst, abs(float(exact / (2 / (1 + a + a * a)) - 1)))
    corner = _gamma(0.25, 0.0)
    return combined(
        [bounded(float(found.max()), 0.0, 2.0, "largest Gamma of a grid", ""),
         bounded(float(found[elsewhere].max()), 0.0, 1.96, "largest away from w = 1/4, u = 0", ""),
         bounded(corner, 2.0 - 1e-4, 2.0 + 1e-4, "Gamma at w = 1/4, u = 0", ""),
         identity({"largest relative error of Gamma(1/4, u)": worst}, 1e-12, "")],
        "r_c/(2 w (1 - u)) by eigenvalues over a grid of stiffness and feedback; on w = 1/4 in 40 digits",
    )  # fmt: skip


def _gamma(w: float, u: float) -> float:
    """By eigenvalues of the written generator in doubles."""
    return float(-np.linalg.eigvals(matrices.continuum(w, u)).real.max() / (2.0 * w * (1.0 - u)))


def loses_from_a_third(scale: str) -> Judged:
    """Gamma - 1 in units of its first order in w, around u = 1/3."""
    w = np.geomspace(1e-4, 1e3, 60 if scale == "smoke" else 400)
    with mpmath.workdps(40):

        def gain(u: str) -> float:
            """The largest Gamma - 1 over stiffness, in units of it."""
            own = mpmath.mpf(1) / 3 if u == "1/3" else mpmath.mpf(u)
            found = ((matrices.slowest(mpmath.mpf(one), own) / (2 * mpmath.mpf(one) * (1 - own)) - 1) for one in w)
            return float(max(value / one for value, one in zip(found, w, strict=True)))

        parts = [bounded(gain("1/3"), -math.inf, 0.0, "largest (Gamma - 1)/w, u = 1/3", ""),
                 bounded(gain("0.6"), -math.inf, 0.0, "the same, u = 0.6", ""),
                 bounded(gain("0.33"), 1e-6, math.inf, "the same, u = 0.33", "")]  # fmt: skip
    return combined(parts, "roots of the cubic in 40 digits, over stiffness from 1e-4 to 1e3")


def speed_at_finite_eps(scale: str) -> Judged:
    """Rates of the written maps with and without momentum at one learning rate, as eps falls."""
    decays, parts = (1e-2, 1e-3, 1e-4, 1e-5), []
    with mpmath.workdps(60):
        for w, u in ((0.25, 0.05), (0.1, 0.2), (2.0, 0.5)):
            off = []
            for eps in decays:
                problem, optimizer = at_parameters(w, u, eps)
                own = optimizer.eta * (problem.d + 2 - problem.p) / 2
                ratio = matrices.rate(problem, optimizer) / matrices.rate(problem, HeavyBall(optimizer.eta, 1.0))
                off.append(float(ratio) / tuning.speed_ratio(w, own) - 1.0)
            parts.append(approach([1.0 / eps for eps in decays], off, -1.0, ""))
    return combined(parts, "ratios of rates by eigenvalues in 60 digits over Gamma, against powers of 1/eps")


def decaying(scale: str) -> Judged:
    """K R_k by the exact recursion of plain SGD at eta_k = 1/(p k); and what an early start does."""
    d, p, B, s2 = 20, 0.2, 4, 0.3
    first = math.ceil(float(inverse_critical(LeastSquares(d, p, B), 1.0)) / p) + 1
    counts, limit = (10**3, 10**4, 10**5, 10**6), s2 * d / (B * p)

    def path(start: int, last: int) -> dict[int, float]:
        """R_k from R = 1 at the start."""
        R, found = 1.0, {}
        for k in range(start, last + 1):
            step = 1.0 / (p * k)
            R = R * (1 - 2 * step * p + step**2 * ((d + 2) * p + (B - 1) * p * p) / B) + step**2 * p * d * s2 / B
            found[k] = R
        return found

    R = path(first, counts[-1])
    off = [(k * R[k] / limit - 1.0) / math.log(k) for k in counts]
    return combined(
        [approach(counts, off, -1.0, "", 0.1), within(max(R.values()), 0.0, 1.5, "largest R from 1/(p eta_c) on"),
         within(max(path(1, 100).values()), 10.0, math.inf, "largest R from k = 1 on")],
        "k R_k over s^2 d/(B p) by the recursion of the mean, its distance from 1 in units of ln k against powers of k",
    )  # fmt: skip


CLAIMS: Sequence[Claim] = (
    later(
        "Feedbacks", "All second moments are stable iff H = H_noise + H_curvature < 1, on all three clocks alike, at "
        "every momentum and stiffness.", on_all_clocks, HOLDS, SIGNS, "fig27",
    ),
    later(
        "Frontier (closed form)", "1/eta_c = (d+2-p)/(2B) + (p/2)(1-mu)/(1+mu), which is (d+2+(B-1)p)/(2B) without "
        "momentum.", closed_frontier, HOLDS, "1e-30: 80 digits and a step of 1e-20, its square left out", "fig27",
    ),
    later(
        "Frontier (monotone)", "eta_c rises with momentum and with B, falls with d, and falls with p iff B > "
        "(1+mu)/(1-mu).", monotone, HOLDS, SIGNS,
    ),
    later(
        "Characteristic polynomial", "det(z - T) = (z-mu)(z^2 - ((1+mu-lam)^2 - 2mu) z + mu^2) - 2 lam eps H_noise z "
        "(z+mu).", polynomial, HOLDS, "1e-40 of the terms: 80 digits",
    ),
    later(
        "Well-conditioned cubic", "With z = 1 + eps x the decay rate keeps all digits at any eps, where roots of the "
        "polynomial in z lose them.", well_conditioned, HOLDS,
        "1e-12 for the cubic; the polynomial must be off by more than 1e-7 at eps = 1e-3 and by a tenth at 1e-6",
    ),
    later(
        "Retention cap", "mu <= rho(F)^2 <= rho(T), so that Lambda <= ln(1/mu): nothing decays faster than the buffer "
        "forgets.", retention, BOUNDS, "1e-20: rounding of 60 digits; one point must come within half of the cap",
        "fig28",
    ),
    later(
        "Oscillation of the mean", "rho(F)^2 = mu iff (1 - sqrt mu)^2 <= eta eps p <= (1 + sqrt mu)^2.", oscillation,
        HOLDS, SIGNS,
    ),
    later(
        "Noise floor", "Label noise holds R at phi/(1-H), phi = s^2 eta d/(2B), whatever H is made of.", floor_solved,
        HOLDS, "1e-14: a few roundings",
    ),
    later(
        "Noise floor (in trajectories)", "Simulated squared errors settle at phi/(1-H).", floor_simulated, BOUNDS,
        "4.5 standard errors, of up to three means",
    ),
    later(
        "Continuum limit", "As eps -> 0 at fixed stiffness w and feedback u, (R, V/p^2, C/p) obeys one linear system "
        "in time k eps.", continuum_limit, LIMIT, FEW,
    ),
    later(
        "Continuum cubic", "The continuum's roots solve x^3 + 3x^2 + (2+4w)x + 4w(1-u) = 0, stable iff u < 1, complex "
        "iff (1-4w)^3 < 108 w^2 u^2.", continuum_cubic, HOLDS, "0 points; those within 1e-6 of a border are left out",
    ),
    later(
        "Continuum rate (closed forms)", "r_c(w, 0) = 1 - sqrt(1-4w) up to w = 1/4 and 1 beyond; r_c(1/4, u) = 1 - "
        "u^(1/3).",
        rates_in_closed_form, HOLDS, "1e-12: a function in doubles",
    ),
    later(
        "Continuum rate (bounds)", "r_c <= 1 - u, and 0 <= (1-u) - r_c <= 1/(4w) from w = 1 on; even 1/(6 sqrt(3) w), "
        "and at every w.", rate_bounds, BOUNDS, "none: the numbers must be within; the sharper bound must be nearly "
        "met",
    ),
    later(
        "Continuum rate (soft)", "r_c ~ 2w(1-u) as w -> 0: plain SGD.", soft, LIMIT, FEW,
    ),
    later(
        "Matched parameters (mean)", "At w = 1/4 + (arccos|c|/ln mu)^2, c = (1+mu-lam)/(2 sqrt mu), the continuum has "
        "the algorithm's mean exactly, at any eps.", matched_mean, HOLDS,
        "1e-11, of the stiffness or of the 1/4 in it: parameters in doubles; the map itself to 60 digits",
    ),
    later(
        "Matched parameters (moments)", "Away from c = 0 the matched continuum follows R uniformly in time, to c ebar "
        "(R + w V/p^2 + phi) with c < 1 for eps <= 1/2 and c < 1.2 beyond.", matching_bound, BOUNDS,
        "observed at random points with |c| >= 0.2, not proved",
    ),
    later(
        "Matched parameters (Nyquist)", "Where the mean turns by a right angle a minibatch, c = 0, the matched "
        "continuum is off by an amount that does not vanish with eps.", nyquist, LIMIT, "the exponent 0 to 0.02",
    ),
    later(
        "The eight cells", "For any learning-rate exponent stiffness, noise and curvature vanish, stay or grow, and "
        "each of the eight combinations has the rate of the table.", cells, LIMIT, FEW, "fig28",
    ),
    later(
        "The eight cells (frontier)", "The frontier is eta ~ d^-kappa_c with kappa_c = max(1-beta, -alpha-delta).",
        frontier_exponent, LIMIT, "the exponent to 0.02; 0.1 beside it all is stable or nothing", "fig27",
    ),
    later(
        "Plain SGD (best)", "Without momentum eta_c/2 is best, and its rate is ln(1 + Bp/(d+2-p)).", plain_best, HOLDS,
        "1e-12: eta in doubles; neighbours a millionth away must be slower",
    ),
    later(
        "One feature gains nothing", "No momentum decays one feature faster than plain SGD, each at its best learning "
        "rate; the best radius at given mu is rho* in closed form.", momentum_loses, BOUNDS,
        "1e-5 for rho*, a search of eigenvalues in doubles; the ratio of rates has none",
    ),
    later(
        "Sample cost", "At the best learning rate an e-fold takes (N_stab + N_mem + sqrt(N_stab^2 + N_mem^2))/2 active "
        "samples as eps -> 0.", sample_cost, LIMIT, FEW,
    ),
    later(
        "Speed ratio (bound)", "At equal learning rate momentum gains at most a factor of 2, and that at w = 1/4 and u "
        "= 0 alone; Gamma(1/4, u) = 2/(1 + u^(1/3) + u^(2/3)).", speed_bound, BOUNDS,
        "1e-4 at w = 1/4, u = 0, a triple root in doubles; 1e-12 on the line w = 1/4",
    ),
    later(
        "Speed ratio (loses)", "From u = 1/3 on momentum is slower than plain SGD at the same learning rate, at every "
        "stiffness; below, it is faster at some.", loses_from_a_third, BOUNDS, "none: signs in 40 digits",
    ),
    later(
        "Speed ratio (limit)", "Lambda over plain SGD's at the same eta tends to Gamma as eps -> 0.",
        speed_at_finite_eps, LIMIT, FEW,
    ),
    later(
        "Decaying learning rate", "With eta_k = 1/(p k) from k > 1/(p eta_c) on plain SGD has k R_k -> s^2 d/(B p); "
        "started earlier its first steps explode.", decaying, LIMIT, "the exponent to 0.1: the next order is ln k/k; R "
        "stays below 1.5, or passes 10",
    ),
)  # fmt: skip
