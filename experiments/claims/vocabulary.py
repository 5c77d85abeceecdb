"""Many features of unequal frequency under one momentum (later work; docs/momentum.md, section 5).

Closed forms are compared with searches that know none of them, and rows with eigenvalues of maps that
`experiments.claims.matrices` writes down.
"""

import math
from collections.abc import Sequence

import mpmath
import numpy as np
from scipy.optimize import differential_evolution, minimize_scalar
from scipy.special import comb

from experiments.claims import matrices
from experiments.claims.momentum import wrong
from sparsesim.claims import (
    BOUNDS,
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
    within,
)
from sparsesim.problems import Embedding, HeavyBall
from sparsesim.theory import conflict
from sparsesim.theory import embedding as rows

FEW = "the exponent to 0.05, beside twice what it still changes: what is left is the next order"
SIGNS = "0: none of the points may be on the wrong side; eigenvalues in 50 digits"


def random_tokens(rng: np.random.Generator, size: int, largest: float = 6.0) -> Embedding:
    """Tokens of a random range of frequencies, in a random width and batch."""
    p = rng.uniform(1e-3, 0.5) * np.geomspace(1.0, 10.0 ** -rng.uniform(0.2, 3), size)
    d, B = int(10 ** rng.uniform(0, 4)), int(10 ** rng.uniform(0, largest))
    return Embedding(p / max(1.0, p.sum()), d, B)


def own_frontier(d: int, p: float, B: int, eps: float) -> float:
    """eta_c of one row."""
    return 1.0 / ((d + 2 - p) / (2 * B) + p / 2 * eps / (2 - eps))


def rates(embedding: Embedding, eta: float, eps: float) -> np.ndarray:
    """Of every row, by eigenvalues in many digits."""
    optimizer = HeavyBall(eta, eps)
    return np.array([float(matrices.rate(embedding.row(j), optimizer)) for j in range(embedding.p.size)])


def resonance(scale: str) -> Judged:
    """Rates of tokens around the frequency at which stiffness is 1, and where their mean begins to turn."""
    d, B, eps, r = 10**4, 10**3, 1e-4, 0.4
    eta, mean_turns = r * B / d, []
    p_res = eps * d / (r * B)  # 0.0025
    far, off_below, off_above = np.array([1e2, 1e3, 1e4]), [], []
    with mpmath.workdps(50):
        for factor in far.tolist():
            rare = Embedding(np.array([p_res / factor]), d, B).row(0)
            with_momentum, plain = (matrices.rate(rare, HeavyBall(eta, own)) for own in (eps, 1.0))
            off_below.append(float(with_momentum / plain) - 1.0)
            # Above resonance at smaller eps, so that frequent tokens stay probabilities.
            short = eps / factor
            common = Embedding(np.array([p_res]), d, B).row(0)
            left = 1.0 - eta * (d + 2) / (2 * B)
            off_above.append(float(matrices.rate(common, HeavyBall(eta, short))) / (short * left) - 1.0)
        for share in (0.24, 0.26):
            values = mpmath.eig(mpmath.matrix(matrices.mean_map(mpmath.mpf(share) * eps**2, mpmath.mpf(eps))))[0]
            mean_turns.append(max(abs(mpmath.im(z)) for z in values) > 1e-12)
    stiffness = identity({"stiffness at eps d/(r B), less 1": eta * p_res / eps - 1.0}, 1e-12, "")
    samples = identity({"samples in 1/eps minibatches over d/r, less 1": p_res * B / eps / (d / r) - 1.0}, 1e-12, "")
    return combined(
        [stiffness, samples, approach(far, off_below, -1.0, "below"), approach(far, off_above, -1.0, "above"),
         wrong(int(mean_turns != [False, True]), 2, "the mean turns from stiffness 1/4 on")],
        "by eigenvalues in 50 digits: rates far below resonance over plain SGD's, and far above over eps (1 - u), both "
        "against powers of the distance; the mean at stiffness 0.24 and 0.26",
    )  # fmt: skip


def all_rows(scale: str) -> Judged:
    """Eigenvalues of all rows at both sides of the frontier, and of which row leaves first."""
    rng, count, bad = np.random.default_rng(50), 10 if scale == "smoke" else 60, 0
    with mpmath.workdps(50):
        for number in range(count):
            embedding, eps = random_tokens(rng, 6), float(10 ** rng.uniform(-3, -0.01))
            if number % 2:  # near where it is the other end that binds
                batch = max(1, round((2.0 - eps) / eps * 10 ** rng.uniform(-0.5, 0.5)))
                embedding = Embedding(embedding.p, embedding.d, batch)
            first, last = (own_frontier(embedding.d, embedding.p[j], embedding.B, eps) for j in (0, -1))
            inside, outside = (rates(embedding, min(first, last) * (1 + side), eps) for side in (-1e-9, 1e-9))
            leaves = 0 if embedding.B * eps > 2.0 - eps else embedding.p.size - 1
            bad += not (inside > 0.0).all() or outside[leaves] > 0.0
            between = rates(embedding, math.sqrt(first * last), eps)[[0, -1]] > 0.0
            bad += between.tolist() != ([False, True] if leaves == 0 else [True, False])
    return wrong(bad, count, "signs of the rates of six rows, 1e-9 inside and outside, and between the two ends")


def ends(scale: str) -> Judged:
    """The slowest of many rows against the slower of two."""
    rng, worst = np.random.default_rng(51), 0.0
    for _ in range(60 if scale == "smoke" else 600):
        embedding, eps = random_tokens(rng, 40), float(10 ** rng.uniform(-2, 0))
        p, d, B = embedding.p, embedding.d, embedding.B
        eta = float(rng.uniform(0.01, 0.98)) * min(own_frontier(d, p[j], B, eps) for j in (0, -1))
        maps = np.array([matrices.minibatch(d, one, B, eta, eps) for one in p.tolist()], dtype=float)
        radii = np.abs(np.linalg.eigvals(maps)).max(axis=-1)
        worst = max(worst, float((radii.max() - max(radii[0], radii[-1])) / (1.0 - radii.max())))
    return bounded(
        worst, -1.0, 1e-6, "largest excess of 1 - rho of the slower end", "eigenvalues of 40 rows at random, in doubles"
    )


def plain_search(embedding: Embedding) -> tuple[float, float]:
    """(eta, rate) of the fastest slowest row without momentum, by a grid and a search of E|e'|^2/|e|^2."""
    p, d, B = embedding.p, embedding.d, embedding.B

    def kept(eta: float) -> float:
        """The largest share of |e|^2 that a minibatch leaves."""
        return float((1 - 2 * eta * p + eta**2 * ((d + 2) * p + (B - 1) * p * p) / B).max())

    top = 2.0 * min(own_frontier(d, one, B, 1.0) for one in (p[0], p[-1]))
    grid = np.concatenate([np.geomspace(1e-6, 0.05, 200), np.linspace(0.05, 0.5, 2000)[1:]]) * top
    best = int(np.argmin([kept(eta) for eta in grid.tolist()]))
    found = minimize_scalar(kept, bounds=(grid[best - 1], grid[min(best + 1, grid.size - 1)]), method="bounded",
                            options={"xatol": 1e-12 * top})  # fmt: skip
    return float(found.x), -math.log(float(found.fun))


def plain_branches(scale: str) -> Judged:
    """Both branches as stated against the search."""
    rng, seen, worst = np.random.default_rng(52), [0, 0], {"rate, rarest decides": 0.0, "rate, both decide": 0.0}
    for _ in range(60 if scale == "smoke" else 400):
        embedding = random_tokens(rng, 12)
        p1, pV, d, B = embedding.p[0], embedding.p[-1], embedding.d, embedding.B
        if rare := (B - 1) * (p1 - pV) <= d + 2:
            stated = math.log1p(B * pV / (d + 2 - pV))
        else:
            stated = -math.log1p(-4 * B * (B - 1) * p1 * pV / (d + 2 + (B - 1) * (p1 + pV)) ** 2)
        name = "rate, rarest decides" if rare else "rate, both decide"
        seen[not rare] += 1
        worst[name] = max(worst[name], abs(plain_search(embedding)[1] / stated - 1.0))
    assert min(seen) >= 5
    return identity(
        worst, 1e-6, f"grid and search over eta of 12 rows each: {seen[0]} and {seen[1]} of the two branches"
    )


def two_roots(lam: np.ndarray, mu: float) -> float:
    """The largest modulus of the roots of z^2 - (1 + mu - lam) z + mu."""
    half = np.asarray((1.0 + mu - lam) / 2.0, dtype=complex)
    gap = np.sqrt(half * half - mu)
    return float(np.maximum(np.abs(half + gap), np.abs(half - gap)).max())


def large_batches(scale: str) -> Judged:
    """The best lam_1 and mu without noise, by evolution, against both limits."""
    rng, worst, missed, beaten = np.random.default_rng(53), 0.0, 0.0, 0.0
    for seed, k in enumerate((10 ** rng.uniform(0.2, 3, 4 if scale == "smoke" else 30)).tolist()):
        ratio, root = np.array([1.0, 1.0 / k]), math.sqrt(k)
        stated_plain, stated = (0.5 / math.log((x + 1) / (x - 1)) for x in (k, root))
        mu = ((root - 1) / (root + 1)) ** 2
        there = -0.5 / math.log(two_roots((1 + math.sqrt(mu)) ** 2 * ratio, mu))
        # At the optimum both tokens have double roots: doubles keep half of the digits.
        worst = max(worst, abs(there / stated - 1.0))
        plain = minimize_scalar(lambda lam, r=ratio: two_roots(lam * r, 0.0), bounds=(0.5, 2.0), method="bounded",
                                options={"xatol": 1e-12})  # fmt: skip
        missed = max(missed, abs(-0.5 / math.log(plain.fun) / stated_plain - 1.0))
        found = differential_evolution(
            lambda x, r=ratio: math.log(two_roots(x[0] * (1 + x[1]) * r, x[1])),
            [(1e-3, 2.0), (0.0, 0.9999)], rng=seed, popsize=15, maxiter=120, tol=1e-10,
        )  # fmt: skip
        beaten = max(beaten, stated / (-0.5 / found.fun) - 1.0)
    return combined(
        [identity({"S_mom at the stated optimum": worst}, 1e-6, ""), identity({"S_SGD": missed}, 1e-6, ""),
         bounded(beaten, -1.0, 1e-6, "by how much a search beats S_mom", "")],
        "roots of z^2 - (1+mu-lam) z + mu of the most frequent token and the rarest: at the stated optimum, by search "
        "over lam, and by evolution over lam and mu",
    )  # fmt: skip


def fixed_momentum(scale: str) -> Judged:
    """S_b at given mu against a search over lam."""
    rng, worst = np.random.default_rng(54), 0.0
    for _ in range(15 if scale == "smoke" else 150):
        k, mu = float(10 ** rng.uniform(0.1, 3)), float(rng.uniform(0.0, 0.995))
        ratio, top = np.array([1.0, 1.0 / k]), 2.0 * (1.0 + mu)
        grid = np.linspace(1e-3, 1.0, 4000) * top
        best = float(grid[int(np.argmin([two_roots(lam * ratio, mu) for lam in grid]))])
        near = np.linspace(best - grid[0], min(top, best + grid[0]), 4000)
        found = -0.5 / math.log(min(two_roots(lam * ratio, mu) for lam in near))
        stated = -0.5 / math.log(np.abs(np.roots([1.0, -(1 + mu) * (k - 1) / (k + 1), mu])).max())
        worst = max(worst, abs(found / stated - 1.0))
    return identity(
        {"largest relative error of S_b": worst}, 1e-5,
        "the best lam of two tokens on a grid, refined, at random k and mu, against the root of the stated polynomial",
    )  # fmt: skip


def single_samples(scale: str) -> Judged:
    """B S(B) by evolution over batch, momentum and learning rate, against one sample without momentum."""
    rng, least, worst = np.random.default_rng(55), math.inf, 0.0
    for seed in range(2 if scale == "smoke" else 15):
        embedding = random_tokens(rng, 2, 1.0)
        p, d = embedding.p, embedding.d
        stated = 1.0 / math.log1p(p[-1] / (d + 2 - p[-1]))
        worst = max(worst, abs(1.0 / plain_search(Embedding(p, d, 1))[1] / stated - 1.0))

        def cost(x: np.ndarray, p: np.ndarray = p, d: int = d) -> float:
            """Log of the samples an e-fold of the slower of both takes."""
            B, eps = round(10 ** x[0]), float(10 ** x[1])
            eta = x[2] * min(own_frontier(d, one, B, eps) for one in p.tolist())
            maps = np.array([matrices.minibatch(d, one, B, eta, eps) for one in p.tolist()], dtype=float)
            radius = np.abs(np.linalg.eigvals(maps)).max()
            return math.log(B / -math.log(radius)) if radius < 1.0 - 1e-13 else 700.0

        found = differential_evolution(cost, [(0.0, 4.0), (-2.5, 0.0), (1e-3, 1.0)], rng=seed, popsize=10, maxiter=40)
        least = min(least, math.exp(found.fun) / stated)
    return combined(
        [identity({"B = 1, plain SGD": worst}, 1e-6, ""),
         bounded(least, 1.0 - 1e-6, 1.2, "least samples over E, by evolution", "")],
        "a search over eta at B = 1, and evolution over B up to 1e4, mu and eta",
    )  # fmt: skip


def critical_batches(scale: str) -> Judged:
    """E/S in 30 digits against its bounds."""
    rng, low, high, high_momentum = np.random.default_rng(56), math.inf, 0.0, 0.0
    with mpmath.workdps(30):
        for _ in range(500 if scale == "smoke" else 5000):
            k, p1 = mpmath.mpf(float(10 ** rng.uniform(0.01, 5))), mpmath.mpf(float(10 ** rng.uniform(-3, 0)))
            d, pV = int(10 ** rng.uniform(0, 5)), p1 / k
            E = 1 / mpmath.log1p(pV / (d + 2 - pV))
            plain, root = E * 2 * mpmath.log((k + 1) / (k - 1)), mpmath.sqrt(k)
            momentum = E * 2 * mpmath.log((root + 1) / (root - 1))
            low = min(low, float(plain / (4 * (d + 2 - pV) / p1)))
            high = max(high, float(plain / (k * k / (k * k - 1) * 4 * (d + 2) / p1)))
            high_momentum = max(high_momentum, float(momentum / (k / (k - 1) * 4 * (d + 2) / mpmath.sqrt(p1 * pV))))
    return combined(
        [bounded(low, 1.0, 1.1, "least B_SGD over its lower bound", ""),
         bounded(high, 0.9, 1.0, "largest B_SGD over its upper bound", ""),
         bounded(high_momentum, 0.9, 1.0, "largest B_mom over its bound", "")],
        "E/S in 30 digits over both bounds at random k, p_1 and d; each bound must be nearly met somewhere",
    )  # fmt: skip


def approach_of_limit(scale: str) -> Judged:
    """S of the best momentum, and at the limit's own learning rate and momentum, as B grows."""
    k, d, p1 = 64.0, 50, 0.2
    p, root = np.array([p1, p1 / k]), math.sqrt(k)
    limit, mu = 1 / (2 * math.log((root + 1) / (root - 1))), ((root - 1) / (root + 1)) ** 2
    eta = (1 + math.sqrt(mu)) ** 2 / ((1 - mu) * p1)
    batches = (10**9, 10**11, 10**13)
    own, best = [], []
    with mpmath.workdps(60):
        for B in batches:
            embedding = Embedding(p, d, B)
            tuned = conflict.best_momentum(embedding)
            best.append(1.0 / rates(embedding, tuned.eta, tuned.eps).min() - limit)
            own.append(1.0 / rates(embedding, eta, 1.0 - mu).min() - limit)
    return combined(
        [approach(batches, best, -0.5, "best at every B"), approach(batches, own, -1.0 / 3.0, "the limit's own")],
        "S - S_mom at k = 64, rates by eigenvalues in 60 digits, against powers of B: with the best eta and mu at "
        "every B, and with those of the limit",
    )


def benefit(scale: str) -> Judged:
    """How much later momentum bends, as a power of k, from searches alone."""
    ratios, apart = (10**2, 10**3, 10**4, 10**5), []
    for k in ratios:
        r = np.array([1.0, 1.0 / k])
        plain = minimize_scalar(lambda lam, r=r: two_roots(lam * r, 0.0), bounds=(0.5, 2.0), method="bounded",
                                options={"xatol": 1e-13})  # fmt: skip
        # With double roots at both ends of the window lam_1 = (1 + sqrt mu)^2 and lam_V = (1 - sqrt mu)^2.
        root = minimize_scalar(lambda m, k=k: abs((1 + m) ** 2 / (1 - m) ** 2 - k), bounds=(0.0, 1.0 - 1e-6),
                               method="bounded", options={"xatol": 1e-14}).x  # fmt: skip
        apart.append(math.log(root) / math.log(plain.fun))
    local = [one / math.sqrt(k) - 1.0 for one, k in zip(apart, ratios, strict=True)]
    return combined(
        [exponent(ratios, apart, 0.5, ""), within(local[0], -0.05, 0.05, "B_mom/B_SGD over sqrt k, less 1, k = 100")],
        "S_SGD/S_mom, which is B_mom/B_SGD, by searches over lam and mu, against powers of k",
    )


def lazy(scale: str) -> Judged:
    """Squared errors of lazy rows against an active minibatch enumerated over its samples of the token."""
    rng, worst, times = np.random.default_rng(57), 0.0, [1, 3, 10, 50]
    for _ in range(10 if scale == "smoke" else 100):
        d, B, eps = int(rng.integers(1, 50)), int(rng.integers(1, 40)), float(rng.uniform(0.05, 1.0))
        p = float(10 ** rng.uniform(-2, -0.5))
        embedding = Embedding(np.array([p]), d, B)
        eta = 0.5 * min(own_frontier(d, p, B, eps), B / (d + 2.0))
        b = np.arange(1, B + 1)
        weights = comb(B, b) * p**b * (1 - p) ** (B - b)
        P = weights.sum()
        # b samples give g = (1/B) sum x <x, e>: mean b/B e, energy (b^2 + b (d + 1))/B^2 |e|^2.
        mean, energy = (weights / P) @ (b / B), (weights / P) @ ((b * b + b * (d + 1)) / B**2)
        active = np.array(matrices.moments_map(eta * eps * mean, (eta * eps) ** 2 * energy, eps), dtype=float)
        T = (1 - P) * np.eye(3) + P * active
        found = rows.risks(embedding, eta, eps, times, lazy=True)[0]
        exact = [np.linalg.matrix_power(T, k)[0, 0] for k in times]
        worst = max(worst, float(np.abs(found / exact - 1.0).max()))
        rate = float(rows.decay_rates(embedding, eta, eps, lazy=True)[0])
        worst = max(worst, abs(rate / -math.log(np.abs(np.linalg.eigvals(T)).max()) - 1.0))
    return identity(
        {"largest relative error of R and of rates": worst}, 1e-9,
        "(1-P) + P T_active with T_active enumerated over the number of samples of the token, its powers and its "
        "radius",
    )  # fmt: skip


CLAIMS: Sequence[Claim] = (
    later(
        "Resonance frequency", "At eta = r B/d tokens of frequency eps d/(r B), d/r samples in a memory, have "
        "stiffness 1; far rarer ones decay as by plain SGD, far commoner ones at eps (1-u).", resonance, LIMIT, FEW,
        "fig29",
    ),
    later(
        "Vocabulary frontier", "All rows are stable iff eta is below the lesser of eta_c(p_1) and eta_c(p_V), which is "
        "eta_c(p_1) iff B > (1+mu)/(1-mu).", all_rows, HOLDS, SIGNS, "fig29",
    ),
    later(
        "The slowest token", "While all rows are stable the slowest is the most frequent token or the rarest.", ends,
        BOUNDS, "1e-6 of 1 - rho: eigenvalues in doubles; observed at random vocabularies, not proved", "fig32",
    ),
    later(
        "Plain SGD over a vocabulary", "The fastest slowest token without momentum: the rarest decides alone while "
        "(B-1)(p_1-p_V) <= d+2, and beyond both decide, in closed form.", plain_branches, HOLDS,
        "1e-6: a search in doubles",
    ),
    later(
        "Large batches", "S = 1/Lambda_min tends to 1/(2 ln((k+1)/(k-1))) without and 1/(2 ln((sqrt k+1)/(sqrt k-1))) "
        "with momentum, at sqrt mu = (sqrt k-1)/(sqrt k+1) and eta eps p_1 = (1+sqrt mu)^2.", large_batches, BOUNDS,
        "1e-6: double roots in doubles, and searches", "fig30",
    ),
    later(
        "Large batches (given momentum)", "At a given mu the limit is -1/(2 ln rho_b), rho_b the largest root of z^2 - "
        "(1+mu)(k-1)/(k+1) z + mu.", fixed_momentum, HOLDS,
        "1e-5: near a double root the best lam of a grid is off by the root of its spacing",
    ),
    later(
        "Single samples are cheapest", "E, the least B/Lambda_min, is reached at B = 1 without momentum and is 1/ln(1 "
        "+ p_V/(d+2-p_V)).", single_samples, BOUNDS, "1e-6 for the search; evolution comes within a fifth",
    ),
    later(
        "Critical batch sizes", "E/S is from 4(d+2-p_V)/p_1 to (k^2/(k^2-1)) 4(d+2)/p_1 for plain SGD and at most "
        "(k/(k-1)) 4(d+2)/sqrt(p_1 p_V) with the best momentum.", critical_batches, BOUNDS,
        "none: the ratios must be on their side of 1, and come within a tenth of it", "fig30",
    ),
    later(
        "Large batches (approach)", "S_mom is approached like B^(-1/2) with the best eta and mu at every B, and like "
        "B^(-1/3) at the limit's own.", approach_of_limit, LIMIT, FEW,
    ),
    later(
        "Benefit of momentum", "The best momentum moves the critical batch size up by about sqrt k.", benefit, LIMIT,
        "the exponent to 0.02; at k = 100 the factor is within 5% of 10", "fig30",
    ),
    later(
        "Lazy momentum", "Rows touched in their active minibatches alone have T_lazy = (1-P) + P T_active: the dense "
        "model on the clock of active updates.", lazy, HOLDS, "1e-9: an enumeration and eigenvalues in doubles",
        "fig31",
    ),
)  # fmt: skip
