"use strict";

// The closed forms of least squares, as `sparsesim.scaling`, `theory.phases`, `theory.stability` and
// `theory.least_squares` have them; tests/report/test_browser.py compares the two. Minibatch clock but where named.

const theory = (() => {
  const TOLERANCE = 1e-9; // exponents that differ by less are equal
  const FAR = 200; // an exponent of two: numbers beyond 2^+-FAR are rescaled
  const sign = (difference) => (Math.abs(difference) <= TOLERANCE ? 0 : Math.sign(difference));

  const prescription = ({alpha, beta, delta}) => Math.max(1 - beta, delta - alpha);

  function halfToEven(value) {
    const low = Math.floor(value);
    if (value - low !== 0.5) return Math.round(value);
    return low % 2 === 0 ? low : low + 1;
  }

  // p, B, eps and eta at dimension d; kappa null takes the prescription. An error names what no problem has.
  function realised(scaling) {
    const {d, c_p, c_B, c_eps, c_eta} = scaling;
    const kappa = scaling.kappa ?? prescription(scaling);
    const value = {
      p: c_p * d ** -scaling.alpha,
      B: c_B * d ** scaling.beta,
      eps: c_eps * d ** -scaling.delta,
      eta: c_eta * d ** -kappa,
    };
    for (const [name, one] of Object.entries(value)) {
      if (!(one > 0 && Number.isFinite(one))) throw new RangeError(`${name} = ${one} is outside the range of a number`);
    }
    return {
      d,
      p: Math.min(1, value.p),
      B: Math.max(1, halfToEven(value.B)),
      eps: Math.min(1, value.eps),
      eta: value.eta,
    };
  }

  function region(noise, batches, resonance, memory) {
    if (noise <= 0) return noise < 0 ? "A" : "noise-line";
    if (resonance === 0) return ["resonance-dense", "triple-point", "resonance-sparse"][batches + 1];
    if (batches === 0) return resonance > 0 ? "dense-sparse-above" : "dense-sparse-below";
    if (batches < 0) return resonance > 0 ? "C" : "B";
    if (resonance > 0) return "F";
    return ["D", "memory-line", "E"][memory + 1];
  }

  // `theory.phases.classify` and what a `Phase` says.
  function classify({alpha, beta, delta}) {
    const noise = sign(alpha - beta + 1),
      batches = sign(alpha - beta);
    const resonance = noise > 0 ? sign(delta - (1 - beta + alpha)) : 1;
    const memory = batches > 0 ? sign(delta - (alpha - beta)) : 1;
    const idle = Math.max(0, alpha - beta);
    const phases = ["below resonance", "on resonance", "above resonance"];
    return {
      region: region(noise, batches, resonance, memory),
      batch_regime: noise <= 0 ? "concentrated" : ["dense", "dense-sparse", "sparse"][batches + 1],
      momentum_phase: memory <= 0 ? "memoryless" : phases[resonance + 1],
      kappa: prescription({alpha, beta, delta}),
      frontier_exponent: Math.max(1 - beta, -alpha - delta),
      retention_exponent: Math.max(0, delta - idle),
      learning_exponent: Math.max(1 - beta + alpha, delta) - idle,
    };
  }

  function activity({p, B}) {
    const idle = p < 1 ? B * Math.log1p(-p) : -Infinity;
    return [-Math.expm1(idle), Math.exp(idle)];
  }

  const critical = ({d, p, B, eps}) => 2 / ((d + 2 - p) / B + (eps * p) / (2 - eps));

  function feedbacks({d, p, B, eps, eta}) {
    return {noise: (eta * (d + 2 - p)) / (2 * B), curvature: (eta * eps * p) / (2 * (2 - eps))};
  }

  // The one root y > 0 of y^3 = a y^2 + b y + c, from above all roots (`theory.cubic`).
  function onlyPositiveRoot(a, b, c) {
    let y = 2 * Math.max(Math.abs(a), Math.sqrt(Math.abs(b)), Math.cbrt(c));
    if (!(y > 0 && y < 1e100)) return y;
    for (;;) {
      const slope = (3 * y - 2 * a) * y - b;
      if (slope <= 0) return y;
      let lower = y - (((y - a) * y - b) * y - c) / slope;
      if (lower < 0.5 * y) lower = ((2 * y - a) * y * y + c) / slope;
      if (!(lower < y)) return y;
      y = lower;
    }
  }

  // The decay rate of the second moments a minibatch, negative where they grow (`theory.stability`).
  function rate(cell) {
    const {p, eps, eta} = cell;
    const {noise, curvature} = feedbacks(cell);
    const mu = 1 - eps,
      w = (eta * p) / eps,
      k = 2 * w * (2 - eps) * (1 - curvature);
    const D = 1 - k,
      n = 2 * w * noise;
    const y = onlyPositiveRoot(eps * (D + n * eps), mu * (D + 3 * n * eps), 2 * n * mu * mu);
    let x = y - 1;
    if (Math.abs(x) < 0.5) {
      const constant = 2 * w * (2 - eps) * (1 - noise - curvature);
      const linear = 2 - eps + (1 + eps) * k - n * eps * (3 - eps);
      const quadratic = 3 - eps + eps * k - n * eps * eps;
      for (let step = 0; step < 5; step++) {
        x -= (((x + quadratic) * x + linear) * x + constant) / ((3 * x + 2 * quadratic) * x + linear);
      }
    }
    return eps * x > -0.5 ? -Math.log1p(eps * x) : -Math.log(mu + eps * y);
  }

  // In active updates, as `theory.phases.timescales`.
  function timescales(cell) {
    const [P, Q] = activity(cell),
      decay = rate(cell);
    return {retention: (P + Q * cell.eps) / cell.eps, learning: decay > 0 ? P / decay : Infinity};
  }

  // The minibatch map as diag(unit) + rest: what is near one as its difference from it (`theory.least_squares`).
  function split({d, p, B, eps, eta}) {
    const mu = 1 - eps,
      slope = eps * p;
    const chi = (d + 2) * (p / B) + (p * p * (B - 1)) / B;
    const energy = eps * eps * chi;
    const rest = [
      [eta * (eta * energy - 2 * slope), eta * eta * mu * mu, 2 * eta * mu * (eta * slope - 1)],
      [energy, -eps * (2 - eps), 2 * slope * mu],
      [slope - eta * energy, -eta * mu * mu, -eps - 2 * eta * slope * mu],
    ];
    const kept = 1 - eta * slope;
    const whole = [kept * kept + eta * eta * eps * eps * (p / B) * (d + 2 - p), mu * mu, mu - 2 * eta * slope * mu];
    const unit = [0, 1, 2].map((i) => (rest[i][i] > -0.5 ? 1 : 0));
    for (let i = 0; i < 3; i++) if (!unit[i]) rest[i][i] = whole[i];
    return normal({unit, rest, exponent: 0});
  }

  // 2^exponent (diag(unit) + rest), with units given up where they say nothing any more (`theory.propagate`).
  function normal({unit, rest, exponent}) {
    const exponents = rest.flat().map((one) => (one ? Math.floor(Math.log2(Math.abs(one))) : -Infinity));
    const largest = Math.max(...exponents);
    const left = unit.map((one, i) => one && (Math.abs(rest[i][i]) > 0.5 || largest > FAR));
    rest = rest.map((row, i) => row.map((one, j) => (i === j && left[i] ? one + 1 : one)));
    unit = unit.map((one, i) => (left[i] ? 0 : one));
    if (unit.some(Boolean) || !(Math.abs(largest) > FAR) || largest === -Infinity) return {unit, rest, exponent};
    return {unit, rest: rest.map((row) => row.map((one) => scaled(one, -largest))), exponent: exponent + largest};
  }

  // one 2^power, in two steps where a single power of two would leave the range of a number.
  function scaled(one, power) {
    const half = Math.trunc(Math.max(-4000, Math.min(4000, power)) / 2);
    const other = Math.max(-4000, Math.min(4000, power)) - half;
    return steps(steps(one, half), other);
  }

  function steps(one, power) {
    for (; power > 1000; power -= 1000) one *= 2 ** 1000;
    for (; power < -1000; power += 1000) one *= 2 ** -1000;
    return one * 2 ** power;
  }

  function squared({unit, rest, exponent}) {
    const product = rest.map((row, i) =>
      row.map((one, j) => unit[i] * one + one * unit[j] + row.reduce((sum, x, k) => sum + x * rest[k][j], 0)),
    );
    return normal({unit, rest: product, exponent: 2 * exponent});
  }

  function applied({unit, rest, exponent}, {mantissa, power}) {
    const moved = rest.map((row, i) => unit[i] * mantissa[i] + row.reduce((sum, x, k) => sum + x * mantissa[k], 0));
    const largest = Math.max(...moved.map(Math.abs));
    const shift = largest > 0 ? Math.floor(Math.log2(largest)) : 0;
    return {mantissa: moved.map((one) => scaled(one, -shift)), power: power + exponent + shift};
  }

  // Exact (R, V, C) after whole numbers of minibatches, from R = 1 and the rest 0.
  function moments(cell, counts) {
    const powers = [split(cell)];
    return counts.map((count) => {
      let vector = {mantissa: [1, 0, 0], power: 0};
      for (let bit = 0, left = count; left > 0; bit++, left = Math.floor(left / 2)) {
        if (powers.length <= bit) powers.push(squared(powers[bit - 1]));
        if (left % 2 === 1) vector = applied(powers[bit], vector);
      }
      return vector.mantissa.map((one) => scaled(one, vector.power));
    });
  }

  return {prescription, realised, classify, activity, critical, feedbacks, rate, timescales, moments};
})();
