"use strict";

// A quantity over one or two dims of the cells, drawn by Observable Plot, with a cursor for pointer and keyboard.

const plane = (() => {
  const CLIPPED = 0.05; // the share of the cells that may lie below a logarithmic scale
  const LETTERS = 6; // pixels a letter takes, about
  const FEW = 4; // values that stand side by side, however far apart they are

  // Positions along an axis: values where they are numbers, ranks where they are names or few.
  function axis(given) {
    const ranked = given.text || (given.values.length <= FEW && !given.exponent);
    const dim = {...given, ranked, log: given.log && !ranked};
    const at = ranked ? ranks(dim) : dim.values;
    const order = at.map((_, i) => i).sort((a, b) => at[a] - at[b]);
    const sorted = order.map((i) => (dim.log ? Math.log(at[i]) : at[i]));
    const inner = sorted.slice(1).map((one, i) => (one + sorted[i]) / 2);
    const ends =
      sorted.length > 1
        ? [2 * sorted[0] - inner[0], ...inner, 2 * sorted.at(-1) - inner.at(-1)]
        : [sorted[0] - 0.5, sorted[0] + 0.5];
    return {...dim, at, order, edges: dim.log ? ends.map(Math.exp) : ends};
  }

  function ranks(dim) {
    const order = d3.range(dim.values.length);
    if (!dim.text) order.sort((a, b) => dim.values[a] - dim.values[b]);
    return order.map((_, i) => order.indexOf(i));
  }

  // The cells of a slice: their number, place, borders and value.
  function items(view) {
    const {x, y} = view,
      found = [];
    const place = [...view.place];
    for (let row = 0; row < (y ? y.order.length : 1); row++) {
      for (let column = 0; column < x.order.length; column++) {
        place[x.number] = x.order[column];
        if (y) place[y.number] = y.order[row];
        const cell = data.cell(place);
        found.push({
          cell,
          column,
          row,
          value: view.value(cell),
          text: view.text(cell),
          unstable: view.unstable(cell),
          x1: x.edges[column],
          x2: x.edges[column + 1],
          middle: x.at[x.order[column]],
          ...(y ? {y1: y.edges[row], y2: y.edges[row + 1], level: y.at[y.order[row]]} : {}),
        });
      }
    }
    return found;
  }

  const finite = (values) => values.filter(Number.isFinite);

  // The colour scale of a quantity: that of the stable cells, if there are any.
  function colours(view, cells) {
    const stable = cells.filter((one) => !one.unstable);
    const shown = finite((stable.length ? stable : cells).map((one) => one.value));
    if (view.kind === "category") return {type: "ordinal", domain: view.names, scheme: "Tableau10", legend: false};
    const low = d3.min(shown) ?? 0,
      high = d3.max(shown) ?? 1;
    if (view.kind === "log" && low >= 0 && high > 0) {
      const bottom = d3.quantile(
        shown.filter((one) => one > 0),
        CLIPPED,
      );
      const domain = bottom < high ? [bottom, high] : [high / 2, high * 2];
      return {type: "log", domain, ...axes.log(domain), scheme: "viridis", clamp: true, label: view.label};
    }
    if (
      view.kind === "linear" ||
      (view.kind === "signed" && low >= 0 && !(low > 0 && high > 30 * low) && !view.least)
    ) {
      return {
        type: "linear",
        domain: low < high ? [low, high] : [low - 0.5, high + 0.5],
        scheme: "viridis",
        clamp: true,
        label: view.label,
      };
    }
    if (view.kind === "signed" && low > 0 && high > 30 * low) {
      return {
        type: "log",
        domain: [low, high],
        ...axes.log([low, high]),
        scheme: "viridis",
        clamp: true,
        label: view.label,
      };
    }
    const most = Math.max(Math.abs(low), Math.abs(high), view.least ?? 0) || 1;
    const spread = finite(shown.map(Math.abs)).filter((one) => one > 0);
    const wide = spread.length > 0 && d3.median(spread) < most / 30;
    return {
      type: wide ? "diverging-symlog" : "diverging",
      domain: [-most, most],
      pivot: 0,
      scheme: "PuOr",
      ...(wide ? {constant: d3.quantile(spread, 0.1)} : {}),
      label: view.label,
    };
  }

  // What a boundary leaves in the plane: a segment from left to right, or upwards, and the names at its sides.
  function segments(view, boundaries = data.boundaries) {
    const {x, y} = view;
    if (!y || !x.exponent || !y.exponent) return [];
    return boundaries.flatMap((one) => {
      const by = Object.fromEntries(["alpha", "beta", "delta"].map((name, i) => [name, one.normal[i]]));
      const a = by[x.name],
        b = by[y.name];
      delete by[x.name];
      delete by[y.name];
      let c = one.offset;
      for (const [name, factor] of Object.entries(by)) {
        const value = view.exponent(name);
        if (factor && value === null) return [];
        c -= factor * (value ?? 0);
      }
      const ends = crossing(a, b, c, x.edges, y.edges);
      return ends ? [{...one, ...ends, upright: b === 0}] : [];
    });
  }

  // Where a x + b y = c enters and leaves the box.
  function crossing(a, b, c, xs, ys) {
    const [left, right, bottom, top] = [xs[0], xs.at(-1), ys[0], ys.at(-1)];
    const points = [];
    if (b) for (const x of [left, right]) points.push([x, (c - a * x) / b]);
    if (a) for (const y of [bottom, top]) points.push([(c - b * y) / a, y]);
    const inside = points.filter(([x, y]) => x >= left && x <= right && y >= bottom && y <= top);
    inside.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
    const [first, last] = [inside[0], inside.at(-1)];
    if (inside.length < 2 || (first[0] === last[0] && first[1] === last[1])) return null;
    const middle = [(first[0] + last[0]) / 2, (first[1] + last[1]) / 2];
    if (!(left < middle[0] && middle[0] < right && bottom < middle[1] && middle[1] < top)) return null; // along a border
    // Above the line, or left of it where it is upright, a x + b y is larger or smaller.
    return {x1: first[0], y1: first[1], x2: last[0], y2: last[1], above: b ? b > 0 : a < 0};
  }

  // The names at the sides of a line: above it or left of it, and below or right.
  const sidesOf = (one) => (one.above ? [one.positive, one.negative] : [one.negative, one.positive]);

  // Names at both sides of the lines, as marks; those for which there is no room are left to the legend below.
  function names(found, width, height, view) {
    const {x, y} = view;
    const scaleX = width / (x.edges.at(-1) - x.edges[0]),
      scaleY = height / (y.edges.at(-1) - y.edges[0]);
    return found.flatMap((one) => {
      const dx = (one.x2 - one.x1) * scaleX,
        dy = (one.y2 - one.y1) * scaleY;
      const length = Math.hypot(dx, dy),
        angle = (-Math.atan2(dy, dx) * 180) / Math.PI;
      const sides = sidesOf(one);
      const along = one.batch ? 0.78 : 0.45;
      return sides.flatMap((name, side) => {
        if (!name || name.length * LETTERS > 0.8 * length) return [];
        const away = (side === 0 ? -1 : 1) * 9,
          turn = (angle * Math.PI) / 180;
        return [
          Plot.text([name], {
            x: one.x1 + along * (one.x2 - one.x1),
            y: one.y1 + along * (one.y2 - one.y1),
            text: (text) => text,
            dx: -away * Math.sin(turn),
            dy: away * Math.cos(turn),
            rotate: angle,
            fill: "white",
            stroke: "black",
            strokeWidth: 2.5,
            fontSize: 12,
            ariaHidden: "true",
          }),
        ];
      });
    });
  }

  // One letter or name for every connected region of a category, where it is widest.
  function marksOfCategories(cells, view, width) {
    const byName = d3.group(cells, (one) => one.value);
    const [left, right] = [view.x.edges[0], view.x.edges.at(-1)];
    return [...byName].flatMap(([name, of]) => {
      const rows = d3.groups(of, (one) => one.row).map(([, row]) => longestRun(row));
      const best = d3.greatest(rows, (run) => run.length),
        enough = rows.filter((run) => run.length >= 0.8 * best.length);
      const run = enough[Math.floor(enough.length / 2)];
      const room = ((run.at(-1).x2 - run[0].x1) / (right - left)) * width;
      if (!name || (name.length * LETTERS > room && name.length > 2)) return [];
      return [{text: name, x: (run[0].x1 + run.at(-1).x2) / 2, y: (run[0].y1 + run[0].y2) / 2}];
    });
  }

  function longestRun(row) {
    let best = [],
      run = [];
    for (const one of row) {
      run = run.length && one.column === run.at(-1).column + 1 ? [...run, one] : [one];
      if (run.length > best.length) best = run;
    }
    return best;
  }

  function ticks(dim) {
    if (!dim.ranked) return dim.log ? axes.log([dim.edges[0], dim.edges.at(-1)]) : {};
    const every = Math.ceil(dim.values.length / 14);
    const word = (i) => (dim.text ? dim.values[dim.order[i]] : write.number(dim.values[dim.order[i]]));
    return {ticks: d3.range(0, dim.values.length, every), tickFormat: word};
  }

  const scaleOf = (dim) => ({
    type: dim.log ? "log" : "linear",
    domain: [dim.edges[0], dim.edges.at(-1)],
    label: dim.label,
    ...ticks(dim),
    labelOffset: (dim.text ? 90 : 44) - 8,
  });

  // Draw the plane of a view. Returns the figure, its cells by place, and scales from values to pixels.
  function draw(view, width) {
    const cells = items(view);
    return view.y ? heatmap(view, cells, width) : curve(view, cells, width);
  }

  function heatmap(view, cells, width) {
    const margin = {
      left: view.y.text ? 130 : view.y.ranked || view.y.log ? 64 : 48,
      right: 12,
      top: 24,
      bottom: view.x.text ? 90 : 44,
    };
    const height = Math.min(520, Math.max(280, 0.8 * width));
    const inner = [width - margin.left - margin.right, height - margin.top - margin.bottom];
    const found = segments(view),
      colour = colours(view, cells);
    const line = {x1: "x1", y1: "y1", x2: "x2", y2: "y2"};
    const area = {x1: "x1", x2: "x2", y1: "y1", y2: "y2", ariaHidden: "true", shapeRendering: "crispEdges"};
    const drawable = cells.filter((one) => (view.kind === "category" ? one.value : !Number.isNaN(one.value)));
    const log = colour.type === "log";
    const signs = colour.type.startsWith("diverging") && inner[0] / view.x.order.length > 9;
    const figure = Plot.plot({
      width,
      height,
      ...Object.fromEntries(
        Object.entries(margin).map(([side, size]) => [`margin${side[0].toUpperCase()}${side.slice(1)}`, size]),
      ),
      className: "plot",
      style: {fontSize: "12px"},
      x: {...scaleOf(view.x), ...(view.x.text ? {tickRotate: -40} : {})},
      y: {...scaleOf(view.y), labelOffset: margin.left - 4},
      color: colour,
      ariaLabel: `${view.label} over ${view.x.label} and ${view.y.label}`,
      marks: [
        Plot.frame({fill: "url(#missing)", ariaHidden: "true"}),
        Plot.rect(drawable, {...area, fill: (one) => (log ? Math.max(one.value, colour.domain[0]) : one.value)}),
        Plot.rect(
          cells.filter((one) => one.unstable),
          {...area, fill: "url(#hatch)"},
        ),
        Plot.link(found, {...line, stroke: "black", strokeWidth: 3, strokeOpacity: 0.6, ariaHidden: "true"}),
        Plot.link(
          found.filter((one) => one.batch),
          {...line, stroke: "white", strokeWidth: 1.3, ariaHidden: "true"},
        ),
        Plot.link(
          found.filter((one) => !one.batch),
          {...line, stroke: "white", strokeWidth: 1.3, strokeDasharray: "5 3", ariaHidden: "true"},
        ),
        view.kind === "category" ? [] : names(found, ...inner, view),
        view.kind === "category"
          ? Plot.text(marksOfCategories(cells, view, inner[0]), {
              x: "x",
              y: "y",
              text: "text",
              fill: "black",
              stroke: "white",
              strokeWidth: 3,
              fontSize: 12,
              fontWeight: "bold",
              ariaHidden: "true",
            })
          : [],
        signs
          ? Plot.text(
              cells.filter((one) => Math.abs(one.value) >= view.marked),
              {
                x: (one) => (one.x1 + one.x2) / 2,
                y: (one) => (one.y1 + one.y2) / 2,
                text: (one) => (one.value > 0 ? "+" : "−"),
                fill: "black",
                stroke: "white",
                strokeWidth: 2,
                fontSize: 10,
                ariaHidden: "true",
              },
            )
          : [],
      ].flat(),
    });
    const legend =
      view.kind === "category"
        ? null
        : (figure.legend?.("color", {
            width: Math.min(360, width - 20),
            label: view.label,
            ...(colour.type === "log" ? axes.log(colour.domain) : {}),
          }) ?? svgOf(figure).legend?.("color"));
    return {figure, legend, cells, found, signs, scales: {x: figure.scale("x"), y: figure.scale("y")}, height, margin};
  }

  function curve(view, cells, width) {
    const shown = finite(cells.map((one) => one.value));
    const log = view.kind === "log" && shown.length > 0 && d3.min(shown) > 0 && d3.max(shown) > 30 * d3.min(shown);
    const positive = shown.length ? d3.min(shown) : 1;
    const points = cells.filter((one) => (view.kind === "category" ? one.value : Number.isFinite(one.value)));
    const name = view.kind === "category" ? (one) => view.names.indexOf(one.value) : (one) => one.value;
    const bars = points.filter((one) => Number.isFinite(view.error(one.cell)));
    const low = (one) => one.value - 2 * view.error(one.cell);
    const figure = Plot.plot({
      width,
      height: 320,
      marginLeft: 64,
      marginBottom: view.x.text ? 90 : 44,
      className: "plot",
      style: {fontSize: "12px"},
      x: {...scaleOf(view.x), ...(view.x.text ? {tickRotate: -40} : {})},
      y: {
        type: log ? "log" : "linear",
        label: view.label,
        grid: true,
        ...(log ? axes.log(d3.extent(shown)) : {}),
        ...(view.kind === "category"
          ? {
              ticks: view.names.map((_, i) => i),
              tickFormat: (i) => view.names[i],
              domain: [-0.5, view.names.length - 0.5],
            }
          : {}),
      },
      ariaLabel: `${view.label} against ${view.x.label}`,
      marks: [
        view.marked < Infinity
          ? [
              Plot.rect([0], {y1: -1.96, y2: 1.96, fill: "currentColor", fillOpacity: 0.1, ariaHidden: "true"}),
              Plot.ruleY([0], {strokeOpacity: 0.5, ariaHidden: "true"}),
            ]
          : [],
        view.reference
          ? Plot.line(
              cells.filter(
                (one) => Number.isFinite(view.reference(one.cell)) && (!log || view.reference(one.cell) > 0),
              ),
              {x: "middle", y: (one) => view.reference(one.cell), stroke: "currentColor", ariaHidden: "true"},
            )
          : [],
        Plot.link(bars, {
          x1: "middle",
          x2: "middle",
          y1: (one) => (log ? Math.max(low(one), positive / 10) : low(one)),
          y2: (one) => one.value + 2 * view.error(one.cell),
          stroke: "var(--simulated)",
          strokeWidth: 1.5,
          ariaHidden: "true",
        }),
        Plot.dot(points, {
          x: "middle",
          y: name,
          r: 3.5,
          stroke: "var(--simulated)",
          fill: (one) => (one.unstable ? "var(--ground)" : "var(--simulated)"),
          ariaHidden: "true",
        }),
      ].flat(),
    });
    return {
      figure,
      legend: null,
      cells,
      found: [],
      signs: false,
      scales: {x: figure.scale("x"), y: figure.scale("y")},
      height: 320,
      margin: {top: 20, bottom: view.x.text ? 90 : 44},
    };
  }

  const svgOf = (figure) => (figure.tagName === "svg" ? figure : figure.querySelector("svg"));

  // The cell at a place of the screen; null outside.
  function at(drawn, view, event) {
    const svg = svgOf(drawn.figure),
      box = svg.getBoundingClientRect();
    const shrunk = svg.viewBox.baseVal.width / box.width;
    const place = (scale, pixels, edges) => {
      const value = scale.invert(pixels * shrunk);
      const number = d3.bisectRight(edges, value) - 1;
      return number >= 0 && number < edges.length - 1 ? number : null;
    };
    const column = place(drawn.scales.x, event.clientX - box.left, view.x.edges);
    const row = view.y ? place(drawn.scales.y, event.clientY - box.top, view.y.edges) : 0;
    return column === null || row === null ? null : drawn.cells[row * view.x.order.length + column];
  }

  // Frame a cell of the drawn plane: with `kind` "cursor" or "picked", each once.
  function frame(drawn, view, one, kind) {
    const svg = svgOf(drawn.figure);
    svg.querySelector(`.${kind}`)?.remove();
    if (!one) return;
    const [left, right] = [drawn.scales.x.apply(one.x1), drawn.scales.x.apply(one.x2)];
    const [top, bottom] = view.y
      ? [drawn.scales.y.apply(one.y2), drawn.scales.y.apply(one.y1)]
      : [drawn.margin.top, drawn.height - drawn.margin.bottom];
    const box = d3.create("svg:g").attr("class", kind).attr("aria-hidden", "true");
    for (const layer of ["outer", "inner"]) {
      box
        .append("rect")
        .attr("class", layer)
        .attr("x", Math.min(left, right))
        .attr("y", Math.min(top, bottom))
        .attr("width", Math.abs(right - left))
        .attr("height", Math.abs(bottom - top));
    }
    svg.append(box.node());
  }

  return {axis, draw, at, frame, segments, sidesOf};
})();
