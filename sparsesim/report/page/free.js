"use strict";

// Any scaling of least squares: its region, timescales, frontier and moments, from the closed forms in `theory`.

const free = (() => {
  const part = (id) => document.getElementById(id);
  const RANGES = {alpha: [0, 2], beta: [0, 2], delta: [0.02, 2], kappa: [-2, 3], d: [0.3, 12]}; // of d, its logarithm
  const WORDS = {
    alpha: "α, sparsity: p = c d^−α",
    beta: "β, batch: B = c d^β",
    delta: "δ, momentum decay: ε = c d^−δ",
    kappa: "κ, learning rate: η = c d^−κ",
    d: "d, dimension",
  };
  const PREFACTORS = ["c_p", "c_B", "c_eps", "c_eta"];
  const POINTS = 60; // of a curve
  const LONGEST = 1e10; // minibatches of a curve: beyond, doubles no longer tell what becomes of it near the frontier
  const FRONTIER = 1e-9; // 1 - H nearer to 0 has no digits left
  const STALE = ["free-values", "free-map", "free-moments", "free-last"];
  const scaling = {...data.scaling, kappa: null};
  let length = 3; // of the curve, in learning times

  function field(name) {
    const log = name === "d",
      [low, high] = RANGES[name];
    const shown = () => scaling[name] ?? theory.prescription(scaling);
    const number = element("input", {
      id: `free-${name}`,
      type: "number",
      step: log ? 1 : 0.01,
      min: log ? 1 : name === "kappa" ? -10 : 0,
      "aria-label": WORDS[name],
    });
    const range = element("input", {
      id: `slide-${name}`,
      type: "range",
      min: low,
      max: high,
      step: 0.01,
      "aria-label": WORDS[name],
      tabindex: -1,
    });
    const set = () => {
      number.removeAttribute("aria-invalid");
      number.value = log ? Math.round(shown()) : Number(shown().toFixed(4));
      range.value = log ? Math.log10(shown()) : shown();
    };
    const take = (value) => {
      const wrong = refusal(name, value);
      number.setAttribute("aria-invalid", Boolean(wrong));
      if (wrong) return refuse(wrong);
      scaling[name] = value;
      render();
    };
    number.addEventListener("change", () => take(number.value === "" ? NaN : Number(number.value)));
    range.addEventListener("input", () => take(log ? Math.round(10 ** Number(range.value)) : Number(range.value)));
    const auto = name === "kappa" ? automatic() : null;
    return {
      set,
      node: element("div", {class: "field"}, element("label", {for: `free-${name}`}, WORDS[name]), number, range, auto),
    };
  }

  // Why a value is none, in words; nothing where it is one.
  function refusal(name, value) {
    const symbol = WORDS[name]?.split(",")[0] ?? name;
    const allowed = {
      d: [Number.isInteger(value) && value >= 1, "a whole number of at least 1"],
      delta: [value > 0, "above 0"],
      kappa: [true, "a number"],
    };
    const [good, words] =
      allowed[name] ?? (PREFACTORS.includes(name) ? [value > 0, "above 0"] : [value >= 0, "0 or above"]);
    return Number.isFinite(value) && good ? "" : `${symbol} must be ${words}`;
  }

  // Say what is wrong, and that what is shown is not of it.
  function refuse(words) {
    part("free-error").textContent = words;
    for (const id of STALE) part(id).classList.add("stale");
  }

  // The paper's learning rate: kappa that follows the other exponents.
  function automatic() {
    const box = element("input", {id: "free-prescribed", type: "checkbox", checked: scaling.kappa === null});
    box.addEventListener("change", () => {
      scaling.kappa = box.checked ? null : theory.prescription(scaling);
      render();
    });
    return element("label", {class: "check", for: "free-prescribed"}, box, "as prescribed: max(1 − β, δ − α)");
  }

  function prefactor(name) {
    const input = element("input", {id: `free-${name}`, type: "number", step: 0.1, min: 0, value: scaling[name]});
    input.addEventListener("change", () => {
      const wrong = refusal(name, input.value === "" ? NaN : Number(input.value));
      input.setAttribute("aria-invalid", Boolean(wrong));
      if (wrong) return refuse(wrong);
      scaling[name] = Number(input.value);
      render();
    });
    return {
      set: () => {
        input.removeAttribute("aria-invalid");
        input.value = scaling[name];
      },
      node: element("label", {for: `free-${name}`}, name.replace("_", " "), input),
    };
  }

  const fields = [...Object.keys(RANGES).map(field)],
    prefactors = PREFACTORS.map(prefactor);

  // Everything that is said of a scaling; null with a message where it has no problem.
  function evaluated() {
    const phase = theory.classify(scaling),
      cell = theory.realised(scaling);
    const {noise, curvature} = theory.feedbacks(cell),
      H = noise + curvature,
      rate = theory.rate(cell);
    return {
      phase,
      cell,
      H,
      rate,
      critical: theory.critical(cell),
      P: theory.activity(cell)[0],
      ...theory.timescales(cell),
    };
  }

  function curve(found) {
    const time = found.rate === 0 ? 100 : 1 / Math.abs(found.rate);
    const last = Math.max(10, Math.min(LONGEST, length * time));
    const counts = [...new Set([0, ...d3.range(POINTS).map((i) => Math.round((last * (i + 1)) / POINTS))])];
    const moments = theory.moments(found.cell, counts);
    return counts.map((count, i) => ({count, R: moments[i][0], V: moments[i][1], C: moments[i][2]}));
  }

  function listed(found) {
    const {phase, cell} = found,
      number = write.number;
    const near = Math.abs(1 - found.H) < FRONTIER;
    const stable = near
      ? "at the frontier"
      : found.H < 1
        ? `stable: η is ${number(found.H)} of the largest stable one`
        : `unstable: η is ${number(found.H)} times the largest stable one`;
    return [
      ["region", `${phase.region}: ${data.free.regions[phase.region] ?? ""}`],
      ["batches, momentum", `${phase.batch_regime}, ${phase.momentum_phase}`],
      ["p, B", `${number(cell.p)}, ${number(cell.B)}`],
      ["ε, η", `${number(cell.eps)}, ${number(cell.eta)}`],
      ["active minibatches P", number(found.P)],
      ["largest stable η", number(found.critical)],
      ["feedback H", `${number(found.H)}, ${stable}`],
      ["memory, active updates", number(found.retention)],
      ["learning time, active updates", near ? "–" : number(found.learning)],
      ["decay rate a minibatch", near ? "0" : number(found.rate)],
      ["prescribed κ, that of the frontier", `${number(phase.kappa)}, ${number(phase.frontier_exponent)}`],
      ["memory, learning: like d to the", `${number(phase.retention_exponent)}, ${number(phase.learning_exponent)}`],
    ];
  }

  function render() {
    for (const one of [...fields, ...prefactors]) one.set();
    part("free-prescribed").checked = scaling.kappa === null;
    const message = part("free-error");
    let found;
    try {
      found = evaluated();
      message.textContent = "";
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      refuse(error.message);
      return;
    }
    for (const id of STALE) part(id).classList.remove("stale");
    part("free-values").replaceChildren(
      ...listed(found).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]),
    );
    drawMap(found);
    drawMoments(found);
  }

  // The (alpha, delta) plane at this beta, with its lines and where the scaling is.
  function drawMap(found) {
    const box = part("free-map"),
      width = Math.max(260, Math.min(460, box.clientWidth)),
      height = 0.8 * width;
    const side = (name, high) => ({
      name,
      label: name === "alpha" ? "sparsity exponent α" : "momentum-decay exponent δ",
      edges: [0, high],
      exponent: true,
      order: [0],
      at: [high / 2],
      text: false,
      log: false,
    });
    const view = {
      x: side("alpha", Math.max(2, scaling.alpha)),
      y: side("delta", Math.max(2, scaling.delta)),
      exponent: (name) => scaling[name],
    };
    const lines = plane.segments(view, LINES);
    const letters = regions(view);
    const figure = Plot.plot({
      width,
      height,
      marginLeft: 44,
      marginBottom: 42,
      className: "plot",
      style: {fontSize: "12px"},
      x: {domain: view.x.edges, label: view.x.label},
      y: {domain: view.y.edges, label: view.y.label},
      ariaLabel: `α = ${write.number(scaling.alpha)} and δ = ${write.number(scaling.delta)} lie in region ${found.phase.region}; β = ${write.number(scaling.beta)}`,
      marks: [
        Plot.frame({ariaHidden: "true", strokeOpacity: 0.4}),
        ...[true, false].map((batch) =>
          Plot.link(
            lines.filter((one) => one.batch === batch),
            {
              x1: "x1",
              y1: "y1",
              x2: "x2",
              y2: "y2",
              stroke: "currentColor",
              strokeWidth: 1.4,
              strokeDasharray: batch ? null : "5 3",
              ariaHidden: "true",
            },
          ),
        ),
        Plot.text(letters, {x: "x", y: "y", text: "name", fontSize: 15, fillOpacity: 0.65, ariaHidden: "true"}),
        Plot.dot([scaling], {
          x: "alpha",
          y: "delta",
          r: 6,
          fill: "var(--simulated)",
          stroke: "var(--ground)",
          strokeWidth: 2,
          ariaHidden: "true",
        }),
      ],
    });
    figure.addEventListener("click", (event) => {
      const frame = figure.getBoundingClientRect(),
        shrunk = width / frame.width;
      const alpha = figure.scale("x").invert((event.clientX - frame.left) * shrunk),
        delta = figure.scale("y").invert((event.clientY - frame.top) * shrunk);
      if (alpha < 0 || delta <= 0 || alpha > view.x.edges[1] || delta > view.y.edges[1]) return;
      Object.assign(scaling, {alpha: Number(alpha.toFixed(3)), delta: Number(delta.toFixed(3))});
      render();
    });
    box.replaceChildren(figure);
  }

  // One letter a region, in the middle of what a coarse grid finds of it.
  function regions(view) {
    const across = d3.range(0.5, 40).map((i) => (i / 40) * view.x.edges[1]),
      up = d3.range(0.5, 40).map((i) => (i / 40) * view.y.edges[1]);
    const found = d3.cross(across, up, (alpha, delta) => ({
      x: alpha,
      y: delta,
      name: theory.classify({alpha, beta: scaling.beta, delta}).region,
    }));
    const open = d3
      .groups(
        found.filter((one) => one.name.length === 1),
        (one) => one.name,
      )
      .filter(([, of]) => of.length > 12);
    return open.map(([name, of]) => ({name, x: d3.mean(of, (one) => one.x), y: d3.mean(of, (one) => one.y)}));
  }

  function drawMoments(found) {
    const box = part("free-moments"),
      width = Math.max(260, Math.min(560, box.clientWidth)),
      points = curve(found);
    const finite = points.filter((one) => Number.isFinite(one.R) && one.R > 0);
    const p2 = found.cell.p ** 2;
    const log = finite.length > 1 && d3.max(finite, (one) => one.R) > 30 * d3.min(finite, (one) => one.R);
    const scaled = points
      .flatMap((one) => [
        {count: one.count, value: one.R, name: "R"},
        {count: one.count, value: one.V / p2, name: "V/p²"},
      ])
      .filter((one) => Number.isFinite(one.value) && (one.value > 0 || !log));
    const hidden = {ariaHidden: "true"};
    const figure = Plot.plot({
      width,
      height: 260,
      marginLeft: 60,
      marginBottom: 42,
      className: "plot",
      style: {fontSize: "12px"},
      x: {label: "minibatches", tickFormat: (value) => write.number(value, 3), grid: true},
      y: {
        type: log ? "log" : "linear",
        label: "exact moments",
        grid: true,
        ...(log ? axes.log(d3.extent(scaled, (one) => one.value)) : {}),
      },
      ariaLabel: `Squared error R from 1 to ${write.number(points.at(-1).R)} after ${write.number(points.at(-1).count)} minibatches`,
      marks: ["R", "V/p²"].flatMap((name, i) => {
        const of = scaled.filter((one) => one.name === name);
        return [
          Plot.line(of, {
            x: "count",
            y: "value",
            stroke: i ? "var(--limit)" : "currentColor",
            strokeWidth: 1.8,
            strokeDasharray: i ? "6 4" : null,
            ...hidden,
          }),
        ];
      }),
    });
    const last = points.at(-1);
    const unit = found.rate < 0 ? "growth times" : "learning times";
    const whole = found.rate !== 0 && length / Math.abs(found.rate) <= LONGEST && length / Math.abs(found.rate) >= 10;
    part("free-length-said").textContent = whole ? `${length} ${unit}` : `${write.number(last.count)} minibatches`;
    part("free-last").textContent =
      `After ${write.number(last.count)} minibatches R = ${write.number(last.R)}, V = ${write.number(last.V)}, C = ${write.number(last.C)}, from R = 1 and momentum at rest.`;
    box.replaceChildren(figure);
  }

  // Least squares has these lines, whatever the run is about.
  const LINES = data.free.boundaries;

  function start() {
    part("free-fields").replaceChildren(...fields.map((one) => one.node));
    part("free-prefactors").replaceChildren(...prefactors.map((one) => one.node));
    const slider = part("free-length");
    slider.addEventListener("input", () => {
      length = Number(slider.value);
      render();
    });
    part("free").addEventListener("toggle", render);
    part("free-take").hidden = !data.length || data.problem !== "least_squares" || !data.cells.c_eta;
    part("free-take").addEventListener("click", () => {
      for (const name of ["alpha", "beta", "delta", "kappa", "d", ...PREFACTORS]) {
        scaling[name] = Number(data.about(name, explorer.state.picked).toPrecision(7)); // as it was before single precision
      }
      render();
    });
    addEventListener("resize", render);
    render();
  }

  return {start, scaling, evaluated, curve, render};
})();
