"""A vocabulary under one momentum, as the paper discusses it (Section 7).

The example is that of Llama 3 8B: 128,256 tokens of a Zipf law of exponent 1, rows of width 4,096, minibatches of 4 and
16 million tokens, in the model of one row a token. Shares are counted here from frequencies.
"""

import math
from collections.abc import Sequence

import mpmath
import numpy as np

from experiments.claims import matrices
from experiments.claims.momentum import wrong
from experiments.claims.vocabulary import own_frontier
from sparsesim.claims import BOUNDS, HOLDS, LOOSE, Claim, Judged, bounded, combined, identity, loose, slope, within
from sparsesim.problems import HeavyBall, LeastSquares
from sparsesim.scaling import Scaling
from sparsesim.theory import phases
from sparsesim.vocabulary import Vocabulary, changes, preserving_size, spectral_conflict, summary

SIZE, WIDTH, BATCHES = 128_256, 4096, (4_000_000, 16_000_000)
TRIALS = 64  # steps of the exponents that are looked through


def zipf(size: int, exponent: float = 1.0) -> np.ndarray:
    """Frequencies by rank."""
    weights = np.arange(1, size + 1) ** -exponent
    return weights / weights.sum()


def stable_rate(p: np.ndarray, d: int, B: int, eps: float) -> float:
    """Half of the largest learning rate at which the most frequent token and the rarest are stable."""
    return 0.5 * min(own_frontier(d, float(one), B, eps) for one in (p[0], p[-1]))


def text_above(p: np.ndarray, d: int, B: int, eps: float) -> float:
    """The share of a text whose tokens have stiffness above 1."""
    return float(p[stable_rate(p, d, B, eps) * p / eps > 1.0].sum())


def one_on_resonance(scale: str) -> Judged:
    """Sparsity exponents on resonance, along lines of one momentum; and rates along one of them."""
    rng, bad, count = np.random.default_rng(60), 0, 40 if scale == "smoke" else 400
    for _ in range(count):
        beta, delta = (float(n) / TRIALS for n in rng.integers(1, 2 * TRIALS, 2))
        alphas = [n / TRIALS for n in range(2 * TRIALS)]
        on = [a for a in alphas if phases.classify(a, beta, delta).momentum_phase == "on resonance"]
        shared = [a for a in alphas if phases.classify(a, beta, delta).balance(1.0 - beta)[:2] == (0, 0)]
        line = delta + beta - 1.0
        expected = [line] if 0.0 <= line < 2.0 and line > beta - 1.0 else []
        bad += on != expected or shared != expected
    neither = []
    with mpmath.workdps(60):
        for alpha in (0.1, 0.2, 0.3, 0.4, 0.5):
            problem, optimizer = Scaling(alpha, 0.5, 0.8, 0.5, c_eta=0.5).at(10**12)
            rate, u = float(matrices.rate(problem, optimizer)), optimizer.eta * (problem.d + 2) / (2 * problem.B)
            sides = 2 * optimizer.eta * problem.p * (1 - u), optimizer.eps * (1 - u)
            if all(abs(rate / side - 1.0) > 0.1 for side in sides):
                neither.append(alpha)
    alone = neither == [0.3]
    return combined(
        [wrong(bad, count, "lines"), within(float(alone), 1.0, 1.0, "alpha = 0.3 alone has neither limit's rate")],
        f"sparsity exponents in steps of 1/{TRIALS} along {count} lines of one momentum, each at its own learning rate "
        f"and all at one; and at d = 1e12 which of five sparsities have neither plain SGD's rate nor that of the "
        "buffer",
    )


def segment(scale: str) -> Judged:
    """Stiffness of the most frequent token and the rarest, where the line crosses and where it does not."""
    p, numbers, crosses = zipf(SIZE), {}, {}
    for B, mu in ((BATCHES[0], 0.9), (BATCHES[0], 0.95), (BATCHES[1], 0.9), (4000, 0.5), (BATCHES[0], 0.9999)):
        ends = [stable_rate(p, WIDTH, B, 1.0 - mu) * float(one) / (1.0 - mu) for one in (p[0], p[-1])]
        crosses[B, mu] = ends[1] < 1.0 < ends[0]
        numbers |= {f"stiffness, B = {B}, mu = {mu}, first": ends[0], f"B = {B}, mu = {mu}, last": ends[1]}
    meant = [crosses[B, mu] for B, mu in crosses if mu <= 0.95 and min(BATCHES) <= B]
    return loose(
        all(meant), all(crosses.values()), numbers,
        "stiffness eta p/eps of the most frequent token and of the rarest, at half of the largest stable learning rate",
    )  # fmt: skip


def llama(scale: str) -> Judged:
    """Counts of types by samples in a minibatch, by frequency, by the project, and in drawn minibatches."""
    p, rng, parts = zipf(SIZE), np.random.default_rng(61), []
    last = -math.log(p[-1]) / math.log(WIDTH)
    for B in BATCHES:
        beta, sparse = math.log(B) / math.log(WIDTH), float((p * B < 1.0).mean())
        shares = summary(spectral_conflict(Vocabulary.zipf(SIZE), WIDTH, B, HeavyBall(1.0, 0.1))).batches
        seen = float((rng.multinomial(B, p) > 0).mean())
        parts += [
            bounded(sparse, 0.0, 0.5, f"types that are sparse, B = {B}", ""),
            within(shares["sparse"].types - sparse, 0.0, 0.0, f"the same by the project, less this, B = {B}"),
            within(seen, 0.5, 1.0, f"types in a drawn minibatch, B = {B}"),
            within(beta - last, -0.1, math.inf, f"beta less the largest alpha, B = {B}"),
            within(float(p[p * B > WIDTH].sum()), 0.35, 0.6, f"text that is concentrated, B = {B}"),
        ]
    return combined(
        parts, "types with fewer than one sample in a minibatch, counted from frequencies and in one that is drawn"
    )


def mitigated(scale: str) -> Judged:
    """The share of a text above resonance as batches grow, at one momentum."""
    p, batches = zipf(SIZE), (4_000, 40_000, 400_000, 4_000_000, 16_000_000, 10**9)
    above = [text_above(p, WIDTH, B, 0.05) for B in batches]
    concentrated = [float(p[p * B > WIDTH].sum()) for B in batches]
    grows = all(np.diff(above) >= 0.0) and all(np.diff(concentrated) >= 0.0)
    return combined(
        [within(float(grows), 1.0, 1.0, "both shares grow"), within(above[0], 0.0, 0.1, "text above, B = 4,000"),
         within(above[3], 0.5, 0.6, "text above, B = 4M"),
         within(concentrated[3], 0.35, 0.45, "text concentrated, B = 4M"),
         bounded(above[-1], 0.3, 0.9, "text above, B = 1e9", "")],
        "shares of the text above resonance and concentrated at mu = 0.95 and half of the largest stable learning rate",
    )  # fmt: skip


def concentrated(scale: str) -> Judged:
    """Decay rates and turning angles of all concentrated tokens."""
    p, B, eps = zipf(SIZE), BATCHES[1], 0.05
    eta, tokens = stable_rate(p, WIDTH, B, eps), p[p * B > WIDTH]
    maps = np.array([matrices.minibatch(WIDTH, one, B, eta, eps) for one in tokens.tolist()])
    rates = -np.log(np.abs(np.linalg.eigvals(maps)).max(axis=-1)) / eps
    means = np.linalg.eigvals(np.array([matrices.mean_map(eta * eps * one, eps) for one in tokens.tolist()]))
    angles = np.abs(np.angle(means)).max(axis=-1) / eps
    spread, turning = float(rates.max() / rates.min()), float(angles.max() / angles.min())
    numbers = {"tokens": float(tokens.size), "their p, largest over least": float(tokens[0] / tokens[-1]),
               "decay rate, largest over least": spread, "decay rate over eps, least": float(rates.min()),
               "angle in a memory, largest over least": turning}  # fmt: skip
    return loose(spread < 1.1 and rates.min() > 0.5, turning < 1.1, numbers,
                 "eigenvalues of all concentrated tokens at 16 million and mu = 0.95")  # fmt: skip


def whole_vocabulary(scale: str) -> Judged:
    """From which momentum on the rarest token can be on resonance, by bisection; and eigenvalues beyond it."""
    p, parts = zipf(SIZE), []
    sample = p[np.unique(np.geomspace(1, SIZE, 12 if scale == "smoke" else 200).astype(int)) - 1]
    for B, low, high in ((BATCHES[0], 0.9987, 0.9989), (BATCHES[1], 0.9966, 0.9968)):
        least, most = math.log(1e-8), 0.0
        while most - least > 1e-10:
            middle = 0.5 * (least + most)
            eps = math.exp(middle)
            reaches = min(own_frontier(WIDTH, float(one), B, eps) for one in (p[0], p[-1])) * p[-1] > eps
            least, most = (middle, most) if reaches else (least, middle)
        eps = 0.9 * math.exp(least)
        eta = 1.05 * eps / float(p[-1])
        bad = 0
        with mpmath.workdps(40):
            for one in sample.tolist():
                turns = mpmath.eig(mpmath.matrix(matrices.mean_map(mpmath.mpf(eta * one) * eps, mpmath.mpf(eps))))[0]
                bad += matrices.rate(LeastSquares(WIDTH, one, B), HeavyBall(eta, eps)) <= 0
                bad += max(abs(mpmath.im(z)) for z in turns) < 1e-9
        parts += [bounded(1.0 - math.exp(least), low, high, f"least mu, B = {B}", ""),
                  within(float(bad), 0.0, 0.0, f"tokens unstable or at rest a tenth beyond, B = {B}")]  # fmt: skip
    return combined(
        parts, "where the frontier lets the rarest token have stiffness 1, by bisection over mu; a tenth beyond it all "
        "tokens that were looked at are stable, at stiffness 1.05 and more, and oscillate, by eigenvalues in 40 digits",
    )  # fmt: skip


def finetuned(scale: str) -> Judged:
    """What a batch of a thousandth has of the same tokens, and their stiffness at the same momentum."""
    vocabulary, B = Vocabulary.zipf(SIZE), BATCHES[0]
    p, few = zipf(SIZE), B // 1000
    table = changes(vocabulary, WIDTH, 10 * few, 10)["types"]
    by_project = float(table.sel(change="batch / 10", kind="sparse"))
    dense, sparse = ((p * one < 1.0).mean() for one in (B, few))
    above = [text_above(p, WIDTH, one, 0.05) for one in (B, few)]
    old = stable_rate(p, WIDTH, B, 0.05) / (2.0 * stable_rate(p, WIDTH, few, 0.05))
    return combined(
        [within(float(dense), 0.0, 0.01, "types sparse, B = 4M"), 
         bounded(float(sparse), 0.9, 1.0, "types sparse, B = 4,000", ""),
         within(by_project - float(sparse), 0.0, 0.0, "the same by the project, less this"),
         within(above[0], 0.3, 1.0, "text above resonance, B = 4M"), within(above[1], 0.0, 0.1, "above, B = 4,000"),
         within(old, 1.0, math.inf, "the old learning rate over the new critical one")],
        "types with fewer than one sample, and the text above resonance at mu = 0.95, each batch at half of its own "
        "largest stable learning rate: the old one would diverge",
    )  # fmt: skip


def shifted(scale: str) -> Judged:
    """How far each change alone moves the text between kinds of batches, and across resonance."""
    B = BATCHES[0]
    mass = changes(Vocabulary.zipf(SIZE), WIDTH, B)["mass"]
    alone = [str(name) for name in mass["change"].values if " or " not in str(name) and "suit" not in str(name)][1:]
    moved = {name: 0.5 * float(abs(mass.sel(change=name) - mass.sel(change="as it is")).sum()) for name in alone}
    settings = [(SIZE, WIDTH, B // 10), (SIZE, WIDTH, 10 * B), (SIZE // 10, WIDTH, B), (10 * SIZE, WIDTH, B),
                (SIZE, WIDTH // 10, B), (SIZE, 10 * WIDTH, B)]  # fmt: skip
    here = text_above(zipf(SIZE), WIDTH, B, 0.05)
    crossed = [abs(text_above(zipf(size), d, batch, 0.05) - here) for size, d, batch in settings]
    own = [(zipf(SIZE), WIDTH, B), (zipf(SIZE), WIDTH, 10 * B)]
    counted = [float(p[p * batch > d].sum()) for p, d, batch in own]
    of = mass.sel(kind="concentrated")
    stated = float(of.sel(change="batch x 10") - of.sel(change="as it is"))
    return combined(
        [bounded(min(moved.values()), 0.05, 1.0, "least share of the text that changes its kind", ""),
         within(float(len(moved)), 6.0, 6.0, "changes"),
         within(max(crossed), 0.02, 1.0, "largest share of the text that crosses resonance"),
         identity({"batch x 10, counted less the project's": counted[1] - counted[0] - stated}, 1e-12, "")],
        "d, B and V times ten and a tenth, one at a time: shares of the text that is sparse, dense and concentrated, "
        "and that above resonance at mu = 0.95 and half of the largest stable learning rate",
    )  # fmt: skip


def suiting_size(size: int, factor: float, exponent: float) -> float:
    """The vocabulary whose rarest token is rarer by a factor, by counting up; a line in logs between whole numbers."""
    weights = np.arange(1.0, 4.0e6) ** -exponent
    rarest = weights / np.cumsum(weights)
    return float(np.interp(-math.log(rarest[size - 1] / factor), -np.log(rarest), np.arange(1.0, 4.0e6)))


def vocabulary_scaling(scale: str) -> Judged:
    """The size that keeps the rarest token as rare, as a power of the batch, at four exponents of the law."""
    factors, numbers, off, apart = (10.0, 100.0, 1000.0), {}, {}, 0.0
    for law in (0.8, 1.0, 1.5, 2.0):
        sizes = [suiting_size(1000, factor, law) for factor in factors]
        found = [preserving_size(1000, factor, exponent=law) for factor in factors]
        apart = max(apart, *(abs(a / b - 1.0) for a, b in zip(found, sizes, strict=True)))
        power, change = slope(factors, sizes)
        numbers[f"power of B, law {law}"] = power
        off[law] = abs(power - 1.0 / law) > 0.02 + 2.0 * change
    harmonic = [size * float((1.0 / np.arange(1, round(size) + 1)).sum()) for size in
                (1000, suiting_size(1000, 1000.0, 1.0))]  # fmt: skip
    numbers["V times its harmonic number, law 1, over the batch, less 1"] = harmonic[1] / harmonic[0] / 1000.0 - 1.0
    numbers["the function, largest relative difference"] = apart
    meant = not off[1.5] and not off[2.0] and apart < 1e-6 and abs(harmonic[1] / harmonic[0] / 1000.0 - 1.0) < 1e-3
    return loose(
        meant, not any(off.values()), numbers,
        "the size at which p_V B is what it was, counted up from sums of the law, for batches 10, 100 and 1000 times "
        "as large",
    )  # fmt: skip


def distribution(scale: str) -> Judged:
    """Samples of tokens at equal relative ranks, with the vocabulary that suits and with the old one."""
    before, factor = zipf(10_000, 1.2), 100
    size = round(preserving_size(before.size, factor, exponent=1.2))
    after, share = zipf(size, 1.2), np.geomspace(1e-3, 1.0, 200)
    samples = [np.interp(np.log(share), np.log(np.arange(1, p.size + 1) / p.size), np.log(p * B))
               for p, B in ((before, 1), (after, factor), (before, factor))]  # fmt: skip
    mass = [float(p[p * B > 10 * before[-1]].sum()) for p, B in ((before, 1), (after, factor))]
    return combined(
        [bounded(float(np.abs(samples[1] - samples[0]).max()), 0.0, 0.01, "largest change of ln(p B)", ""),
         within(float(np.abs(samples[2] - samples[0]).min()), 1.0, math.inf, "with the old vocabulary"),
         within(mass[1] - mass[0], 0.0, 0.1, "change of the text in tokens ten times the rarest and more")],
        "p_j B at 200 relative ranks of Zipf laws of exponent 1.2, batches 100 times as large",
    )  # fmt: skip


CLAIMS: Sequence[Claim] = (
    Claim(
        "Section 7 (spectral conflict)", "At one momentum at most one sparsity exponent is on the resonance line.",
        one_on_resonance, HOLDS, "0: exponents are fractions of a power of 2; a rate is a limit's if within 10%",
        figure="fig03",
    ),
    Claim(
        "Section 7 (the segment)", "A vocabulary is a horizontal segment of the phase plane that the resonance line "
        "crosses, with some tokens above and others below.", segment, LOOSE, "none: stiffness above or below 1",
        "The line crosses the segment iff p_V < eps/eta < p_1, as at usual momenta with large batches; with small "
        "batches and little momentum all tokens are below, and near mu = 1 all are above.", figure="fig29",
    ),
    Claim(
        "Section 7 (Llama 3 8B)", "At pretraining batches beta reaches the sparsity of the rarest tokens, and most of "
        "a vocabulary is concentrated or dense.", llama, BOUNDS, "most is more than half; beta within 0.1 of alpha or "
        "above",
        figure="fig29",
    ),
    Claim(
        "Section 7 (large batches)", "Large batches mitigate the spectral conflict in part: they concentrate common "
        "tokens and take more of the text above resonance, but not all of it.", mitigated, BOUNDS,
        "shares must grow with B, from below a tenth to between 0.3 and 0.9", figure="fig29",
    ),
    Claim(
        "Section 7 (concentrated tokens)", "In concentrated batches a token's momentum dynamics do not depend on its "
        "sparsity.", concentrated, LOOSE, "rates within 10% of each other, above half of eps; angles within 10%",
        "Their buffer lives 1/eps minibatches and sets their decay rate while stiffness is above 1/4, whatever p; how "
        "fast they oscillate, and whether, depends on p by the stiffness eta p/eps.", figure="fig29",
    ),
    Claim(
        "Section 7 (all above resonance)", "With suitable momentum an entire vocabulary can be above resonance, where "
        "errors oscillate.", whole_vocabulary, BOUNDS, "1e-4 in mu; all sampled tokens stable and oscillating",
        figure="fig29",
    ),
    Claim(
        "Section 7 (finetuning)", "After a switch to small batches tokens that were dense are sparse, and at the same "
        "momentum they may drop below resonance.", finetuned, BOUNDS, "nine types in ten; below a tenth of the text "
        "left above",
    ),
    Claim(
        "Section 7 (scaling studies)", "Changing d, B or V alone shifts the effective sparsity of a vocabulary, so "
        "that one momentum is in other regions at other scales.", shifted, BOUNDS, "each moves a twentieth of the text "
        "or more",
    ),
    Claim(
        "Section 7 (vocabulary scaling)", "The rarest token of a Zipf law of exponent a stays as rare in a batch if "
        "the vocabulary grows like B^(1/a).", vocabulary_scaling, LOOSE, "the power of B to 0.02, beside twice what it "
        "still changes",
        "V ~ B^(1/a) for a above 1; at a = 1 it is V ln V that grows like B, and below 1 the vocabulary grows like B "
        "itself.",
    ),
    Claim(
        "Section 7 (distribution of sparsity)", "With the vocabulary scaled so, the distribution of effective sparsity "
        "over types stays as it was.", distribution, BOUNDS, "1% of p B at equal relative rank, the rounding of ranks",
    ),
)  # fmt: skip
