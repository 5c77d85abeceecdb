"use strict";

// The explorer: what is chosen, the plane, the cell under the cursor, and the trajectories of the one that is picked.

const explorer = (() => {
  const part = (id) => document.getElementById(id);
  const dims = data.dims.map((dim, number) => ({...plane.axis(dim), number}));
  const state = {
    x: null,
    y: null,
    place: dims.map(() => 0),
    quantity: null,
    moment: 0,
    record: data.length - 1,
    cursor: null,
    picked: null,
    log: null,
  };
  let drawn = null,
    view = null;

  // The axes that one would choose: two exponents or the first two that are long, of names last.
  function firstAxes() {
    const rank = (dim) => ["alpha", "delta", "beta"].indexOf(dim.name);
    const order = [...dims]
      .filter((dim) => dim.values.length > 1)
      .sort(
        (a, b) =>
          (rank(b) >= 0) - (rank(a) >= 0) ||
          (rank(a) >= 0 ? rank(a) - rank(b) : a.text - b.text || a.number - b.number),
      );
    state.x = order[0]?.number ?? dims[0]?.number ?? null;
    state.y = order[1]?.number ?? null;
  }

  // What a quantity of the present choice is, for `plane`.
  function viewOf(quantity) {
    const ofRecord = quantity.of === "record";
    const value = (cell, name = quantity.name) => {
      if (!ofRecord) return data.about(quantity.name, cell);
      return data.records[name] ? data.record(name, cell, state.record, state.moment) : NaN;
    };
    const moment = ofRecord && data.moments.length > 1 ? `${data.moments[state.moment].label}: ` : "";
    const names = quantity.kind === "category" ? categories(quantity.name) : [];
    return {
      x: dims[state.x],
      y: state.y === null ? null : dims[state.y],
      place: state.place,
      kind: quantity.kind,
      names,
      value:
        quantity.kind === "category" && !names.length
          ? (cell) => (value(cell) ? "yes" : "no")
          : quantity.name === "z"
            ? (cell) => (trusted(cell) ? value(cell) : NaN)
            : (cell) => value(cell),
      ...(quantity.kind === "category" && !names.length ? {names: ["no", "yes"]} : {}),
      text: (cell) =>
        shown(quantity, value(cell)) +
        (quantity.name === "z" && Number.isFinite(value(cell)) && !trusted(cell) ? " (not trusted)" : ""),
      least: quantity.name === "z" ? (data.bound ?? 5) : 0,
      label: `${moment}${quantity.label}${ofRecord && data.moments.length === 1 ? ` ${data.moments[0].label}` : ""}`,
      unstable: (cell) =>
        data.cells.margin ? data.about("margin", cell) <= 0 : (data.about("feedback", cell) ?? 0) >= 1,
      exponent,
      marked: quantity.name === "z" ? 1.96 : Infinity,
      error: (cell) => (quantity.name === "mean" ? value(cell, "std_error") : NaN),
      reference: quantity.name === "mean" && data.records.exact ? (cell) => value(cell, "exact") : null,
    };
  }

  const trusted = (cell) => !data.records.trusted || data.record("trusted", cell, state.record, state.moment) === 1;

  const categories = (name) => (data.cells[name].names ?? []).filter(Boolean);

  // The value of an exponent in the slice that is shown; null if its cells differ in it.
  function exponent(name) {
    const dim = dims.find((one) => one.name === name);
    return dim ? dim.values[state.place[dim.number]] : data.shared(name);
  }

  const shown = (quantity, value) =>
    quantity.kind === "category" ? (value === 1 ? "yes" : value === 0 ? "no" : value || "–") : write.number(value);

  // The whole page anew, where what is chosen has changed.
  function render() {
    view = viewOf(state.quantity);
    const box = part("plane");
    drawn = plane.draw(view, Math.max(280, Math.min(760, box.clientWidth)));
    box.replaceChildren(drawn.figure);
    part("legend").replaceChildren(...(drawn.legend ? [drawn.legend] : []));
    const moment = part("moment");
    if (moment) moment.disabled = state.quantity.of !== "record";
    part("plane").setAttribute("aria-label", `${view.label}. Arrow keys move from cell to cell, Enter picks one.`);
    describeLines();
    if (state.cursor)
      state.cursor =
        drawn.cells.find((one) => one.column === state.cursor.column && one.row === state.cursor.row) ?? null;
    show(state.cursor ?? drawn.cells.find((one) => one.cell === state.picked) ?? null);
    renderTable();
    renderTrajectories();
  }

  // Which lines are drawn, and what they part, in words.
  function describeLines() {
    const lines = drawn.found.map((one) => {
      const [first, second] = plane.sidesOf(one);
      const sides = one.upright
        ? `${first} | ${second}`
        : [first && `${first} above`, second && `${second} below`].filter(Boolean).join(", ");
      const rule = one.batch ? "" : "dashed";
      return element(
        "li",
        {class: rule},
        element("span", {class: `sample ${rule}`, "aria-hidden": "true"}),
        `${one.equation}: ${sides}`,
      );
    });
    const unstable = drawn.cells.some((one) => one.unstable);
    if (!view.y) {
      const what = state.quantity.name === "mean" ? "simulated mean, two standard errors each way" : view.label;
      lines.push(element("li", {}, element("span", {class: "sample dot", "aria-hidden": "true"}), what));
      if (view.reference)
        lines.push(element("li", {}, element("span", {class: "sample", "aria-hidden": "true"}), data.exact));
      if (unstable)
        lines.push(
          element("li", {}, element("span", {class: "sample open", "aria-hidden": "true"}), "open: unstable, H ≥ 1"),
        );
    } else if (unstable) {
      lines.push(
        element(
          "li",
          {},
          element("span", {class: "sample hatched", "aria-hidden": "true"}),
          "hatched: unstable, H ≥ 1",
        ),
      );
    }
    if (view.kind === "category") {
      const present = new Set(drawn.cells.map((one) => one.value));
      for (const name of view.names.filter((one) => present.has(one))) {
        lines.push(
          element(
            "li",
            {},
            element("b", {}, name),
            data.regions[name] && state.quantity.name === "region" ? `: ${data.regions[name]}` : "",
          ),
        );
      }
    }
    if (drawn.signs && view.marked < Infinity)
      lines.push(element("li", {}, "+ and −: |z| above 1.96, one in twenty by chance"));
    if (view.marked < Infinity && drawn.cells.some((one) => one.text.endsWith("(not trusted)")))
      lines.push(element("li", {}, "empty: no z, or none to trust"));
    part("lines").replaceChildren(...lines);
  }

  // Show a cell beside the plane, as the pointer or the keys come to it.
  function show(one) {
    state.cursor = one;
    plane.frame(drawn, view, one, "cursor");
    plane.frame(
      drawn,
      view,
      drawn.cells.find((other) => other.cell === state.picked),
      "picked",
    );
    const box = part("cell");
    if (!one) {
      box.replaceChildren(
        element(
          "p",
          {class: "hint"},
          `Point at a cell, or move there with the arrow keys, for what is known of it${data.length ? "; click or press Enter for its trajectories" : ""}.`,
        ),
      );
      return;
    }
    const place = placeOf(one.cell);
    part("said").textContent = `${place}: ${view.label} ${one.text}${one.unstable ? ", unstable" : ""}`;
    box.replaceChildren(
      element("h3", {}, place),
      element("p", {class: "value"}, element("b", {id: "value"}, one.text), ` ${view.label}`),
      ...described(one.cell),
    );
  }

  // Where a cell is, along all axes that have more than one value.
  function placeOf(cell) {
    const along = dims.filter((dim) => dim.values.length > 1 || dims.length === 1);
    return along
      .map(
        (dim) =>
          `${dim.symbol} = ${dim.text ? dim.values[indexOf(dim, cell)] : write.number(dim.values[indexOf(dim, cell)])}`,
      )
      .join(", ");
  }

  function coordinate(dim, rank) {
    const value = dim.values[dim.order[rank]];
    return dim.text ? value : write.number(value);
  }

  // Lists of what is known of a cell.
  function described(cell) {
    const rows = (pairs) => pairs.filter(([, value]) => value !== undefined && value !== "" && !Number.isNaN(value));
    const number = (name) => data.about(name, cell);
    const eps = number("eps");
    const parameters = rows([
      ["d", number("d")],
      ["p", number("p")],
      ["B", number("B")],
      ["η", number("eta")],
      ["ε = 1 − μ", eps],
      ["label noise", number("label_noise") || undefined],
      ["r", number("r")],
    ]);
    const exponents = rows([
      ["α", number("alpha")],
      ["β", number("beta")],
      ["δ", number("delta")],
      ["κ", number("kappa")],
    ]);
    const times = rows([
      ["memory", number("retention")],
      ["learning", number("learning")],
    ]);
    const region = number("region");
    const regime = rows([
      ["region", region && `${region}: ${data.regions[region] ?? ""}`],
      ["batches", number("batch_regime")],
      ["momentum", number("momentum_phase")],
      [data.problem === "logistic" ? "η over its lower ceiling" : "feedback H", number("feedback")],
      ["rate a minibatch", number("rate")],
      ["verdict", number("verdict")],
      ["ended", number("status") === "finite" ? undefined : number("status")],
      ["error", number("error")],
    ]);
    const said = [
      "region",
      "batch_regime",
      "momentum_phase",
      "rate",
      "retention",
      "learning",
      "margin",
      "verdict",
      "status",
    ];
    const others = rows(
      data.quantities
        .filter((one) => one.of === "cell" && !said.includes(one.name) && one.name !== "kappa")
        .map((one) => [one.label, shown(one, number(one.name))]),
    );
    const found = [
      ["parameters", parameters],
      ["exponents", exponents],
      ["timescales, active updates", times],
      ["regime", regime],
      ["of this study", others],
    ];
    return found
      .filter(([, pairs]) => pairs.length)
      .flatMap(([title, pairs]) => [
        element("h4", {}, title),
        element(
          "dl",
          {},
          ...pairs.flatMap(([name, value]) => [
            element("dt", {}, name),
            element("dd", {}, typeof value === "number" ? write.number(value) : value),
          ]),
        ),
      ]);
  }

  // The quantity as a table, for those who read numbers; made when it is opened.
  function renderTable() {
    const box = part("table");
    if (!box.open) return;
    const {x, y} = view;
    const head = element(
      "tr",
      {},
      element("th", {scope: "col"}, y ? `${y.symbol} \\ ${x.symbol}` : x.symbol),
      ...x.order.map((_, i) => element("th", {scope: "col"}, coordinate(x, i))),
    );
    const rows = (y ? d3.range(y.order.length).reverse() : [0]).map((row) =>
      element(
        "tr",
        {},
        element("th", {scope: "row"}, y ? coordinate(y, row) : view.label),
        ...x.order.map((_, column) => element("td", {}, drawn.cells[row * x.order.length + column].text)),
      ),
    );
    box
      .querySelector("div")
      .replaceChildren(
        element(
          "table",
          {},
          element("caption", {}, view.label),
          element("thead", {}, head),
          element("tbody", {}, ...rows),
        ),
      );
  }

  function pick(one) {
    if (!one || !data.length) return;
    state.picked = one.cell;
    show(one);
    renderTrajectories();
  }

  function renderTrajectories() {
    const box = part("trajectories");
    if (!data.length || state.picked === null) return;
    part("trajectory").hidden = false;
    part("limit").hidden = !data.records.limit;
    const moment = state.moment,
      all = trajectories.points(state.picked, moment);
    const log = state.log ?? trajectories.decades(all);
    part("log").checked = log;
    const made = trajectories.draw(state.picked, moment, Math.max(280, Math.min(760, box.clientWidth)), {
      log,
      record: state.record,
    });
    const where = placeOf(state.picked);
    part("trajectory-title").textContent = data.moments[moment].label + (where && ` at ${where}`);
    part("exact").hidden = !data.records.exact;
    box.replaceChildren(made.main, ...(made.scores ? [made.scores] : []));
    renderRecords(made.points);
  }

  // The place of a cell along a dim.
  function indexOf(dim, cell = state.picked) {
    const after = dims.slice(dim.number + 1).reduce((product, one) => product * one.values.length, 1);
    return Math.floor(cell / after) % dim.values.length;
  }

  function renderRecords(points) {
    const names = ["mean", "exact", "limit"].filter((name) => data.records[name]);
    const words = {mean: "simulated", exact: data.exact, limit: "limit"};
    const columns = [data.clock, ...names.map((name) => words[name]), ...(data.records.z ? ["z"] : [])];
    const cells = (one) => [
      write.number(one.time),
      ...names.map(
        (name) =>
          write.number(one[name]) +
          (name === "mean" && Number.isFinite(one.error) ? ` ± ${write.number(one.error, 2)}` : ""),
      ),
      ...(data.records.z
        ? [write.number(one.z, 3) + (one.trusted || Number.isNaN(one.z) ? "" : " (not trusted)")]
        : []),
    ];
    part("records").replaceChildren(
      element(
        "table",
        {},
        element("thead", {}, element("tr", {}, ...columns.map((name) => element("th", {scope: "col"}, name)))),
        element(
          "tbody",
          {},
          ...points.map((one) => element("tr", {}, ...cells(one).map((text) => element("td", {}, text)))),
        ),
      ),
    );
  }

  function controls() {
    const made = [];
    made.push(
      choice(
        "quantity",
        "quantity",
        data.quantities.map((one, i) => [String(i), one.label]),
        String(data.quantities.indexOf(state.quantity)),
        (value) => {
          state.quantity = data.quantities[Number(value)];
          render();
        },
      ),
    );
    if (data.moments.length > 1) {
      made.push(
        choice(
          "moment",
          "moment",
          data.moments.map((one, i) => [String(i), one.label]),
          String(state.moment),
          (value) => {
            state.moment = Number(value);
            state.log = null;
            render();
          },
        ),
      );
    }
    if (dims.filter((dim) => dim.values.length > 1).length > 2) {
      for (const side of ["x", "y"]) {
        made.push(
          choice(
            `axis-${side}`,
            side === "x" ? "across" : "up",
            dims.map((dim) => [String(dim.number), dim.label]),
            String(state[side]),
            (value) => {
              const other = side === "x" ? "y" : "x";
              if (Number(value) === state[other]) state[other] = state[side];
              state[side] = Number(value);
              if (state.picked !== null) state.place = dims.map((dim) => indexOf(dim));
              state.cursor = null;
              controls();
              render();
            },
          ),
        );
      }
    }
    for (const dim of dims.filter((one) => one.number !== state.x && one.number !== state.y && one.values.length > 1)) {
      const words = (rank) => `${coordinate(dim, rank)}`;
      made.push(
        slider(
          `slice-${dim.name}`,
          dim.label,
          dim.values.length,
          dim.order.indexOf(state.place[dim.number]),
          words,
          (rank) => {
            state.place[dim.number] = dim.order[rank];
            if (state.picked !== null)
              state.picked = data.cell(dims.map((one) => (one === dim ? dim.order[rank] : indexOf(one))));
            render();
          },
        ),
      );
    }
    if (data.length > 1) {
      const words = (k) =>
        data.times.shape.length === 1 ? `${write.number(data.time(0, k))} ${data.clock}` : `${k + 1} of ${data.length}`;
      made.push(
        slider("record", "record", data.length, state.record, words, (k) => {
          state.record = k;
          render();
        }),
      );
    }
    part("controls").replaceChildren(...made);
  }

  function listen() {
    const box = part("plane");
    box.addEventListener("pointermove", (event) => {
      const one = plane.at(drawn, view, event);
      if (one && one.cell !== state.cursor?.cell) show(one);
    });
    box.addEventListener("click", (event) => pick(plane.at(drawn, view, event)));
    box.addEventListener("keydown", (event) => {
      const steps = {
        ArrowLeft: [-1, 0],
        ArrowRight: [1, 0],
        ArrowUp: [0, 1],
        ArrowDown: [0, -1],
        Home: [-1e6, 0],
        End: [1e6, 0],
      };
      const columns = view.x.order.length,
        rows = view.y ? view.y.order.length : 1;
      if (event.key === "Enter" || event.key === " ") {
        pick(state.cursor);
      } else if (steps[event.key]) {
        const from = state.cursor ?? drawn.cells[0],
          [right, up] = steps[event.key];
        const column = Math.max(0, Math.min(columns - 1, from.column + (state.cursor ? right : 0)));
        const row = Math.max(0, Math.min(rows - 1, from.row + (state.cursor ? up : 0)));
        show(drawn.cells[row * columns + column]);
      } else return;
      event.preventDefault();
    });
    part("log").addEventListener("change", (event) => {
      state.log = event.target.checked;
      renderTrajectories();
    });
    part("table").addEventListener("toggle", renderTable);
    let width = innerWidth;
    addEventListener("resize", () => {
      if (innerWidth !== width) render();
      width = innerWidth;
    });
  }

  function start() {
    if (data.count === 0 || (!data.quantities.length && !data.length)) return;
    part("explorer").hidden = false;
    part("thinned").textContent = data.thinned
      ? `To keep this page small it has ${data.thinned}; data.nc has all.`
      : "";
    firstAxes();
    const plain = data.dims.length === 0 || state.x === null;
    if (plain) {
      part("over").hidden = true;
      state.picked = 0;
      part("log").addEventListener("change", (event) => {
        state.log = event.target.checked;
        renderTrajectories();
      });
      part("alone").replaceChildren(...described(0));
      part("alone").hidden = false;
      if (data.moments.length > 1) {
        part("moments").replaceChildren(
          choice(
            "moment",
            "moment",
            data.moments.map((one, i) => [String(i), one.label]),
            "0",
            (value) => {
              state.moment = Number(value);
              state.log = null;
              renderTrajectories();
            },
          ),
        );
      }
      renderTrajectories();
      return;
    }
    const r = data.moments.findIndex((one) => one.name === "R");
    state.moment = Math.max(0, r);
    state.quantity = data.quantities[0];
    if (data.length) {
      const onAxis = (dim) => dim.number === state.x || dim.number === state.y;
      state.picked = data.cell(
        dims.map((dim) => (onAxis(dim) ? dim.order[Math.floor(dim.values.length / 2)] : state.place[dim.number])),
      );
    }
    controls();
    listen();
    render();
  }

  return {
    start,
    state,
    get drawn() {
      return drawn;
    },
    get view() {
      return view;
    },
  };
})();
