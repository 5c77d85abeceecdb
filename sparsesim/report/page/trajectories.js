"use strict";

// One cell along time: its simulated mean with two standard errors each way, exact and limit, and the scores below.

const trajectories = (() => {
  const ERRORS = 2; // standard errors each way

  function points(cell, moment) {
    const value = (name, k) => (data.records[name] ? data.record(name, cell, k, moment) : NaN);
    return d3.range(data.length).map((k) => ({
      time: data.time(cell, k),
      mean: value("mean", k),
      error: value("std_error", k),
      exact: value("exact", k),
      limit: value("limit", k),
      z: value("z", k),
      trusted: data.records.trusted ? value("trusted", k) === 1 : true,
    }));
  }

  const finite = Number.isFinite;

  // Whether values are better shown by their logarithm: positive, and over more than a decade and a half.
  function decades(shown) {
    const values = shown.flatMap((one) => [one.mean, one.exact]).filter((one) => finite(one) && one !== 0);
    return values.length > 0 && d3.min(values) > 0 && d3.max(values) > 30 * d3.min(values);
  }

  function draw(cell, moment, width, {log, record}) {
    const all = points(cell, moment),
      shown = all.filter((one) => finite(one.mean));
    const low =
      d3.min(
        shown.filter((one) => one.mean > 0),
        (one) => one.mean,
      ) / 10;
    const inRange = (value) => finite(value) && (!log || value > 0);
    const down = (one) => (log ? Math.max(low, one.mean - ERRORS * one.error) : one.mean - ERRORS * one.error);
    const measured = shown.filter((one) => inRange(one.mean)),
      hidden = {ariaHidden: "true"};
    const barred = measured.filter((one) => finite(one.error));
    const label = data.moments[moment].label;
    const main = Plot.plot({
      width,
      height: 310,
      marginLeft: 64,
      marginBottom: 42,
      className: "plot",
      style: {fontSize: "12px"},
      x: {label: data.clock, grid: true, tickFormat: (value) => write.number(value, 3)},
      y: {
        type: log ? "log" : "linear",
        label,
        grid: true,
        ...(log ? axes.log(d3.extent(measured, (one) => one.mean)) : {}),
      },
      ariaLabel: `${label} against ${data.clock}: simulated, exact and limit`,
      marks: [
        Plot.areaY(barred, {
          x: "time",
          y1: down,
          y2: (one) => one.mean + ERRORS * one.error,
          fill: "var(--simulated)",
          fillOpacity: 0.18,
          ...hidden,
        }),
        Plot.line(
          all.filter((one) => inRange(one.limit)),
          {x: "time", y: "limit", stroke: "var(--limit)", strokeWidth: 2, strokeDasharray: "7 4", ...hidden},
        ),
        Plot.line(
          all.filter((one) => inRange(one.exact)),
          {x: "time", y: "exact", stroke: "currentColor", strokeWidth: 1.5, ...hidden},
        ),
        Plot.link(barred, {
          x1: "time",
          x2: "time",
          y1: down,
          y2: (one) => one.mean + ERRORS * one.error,
          stroke: "var(--simulated)",
          strokeWidth: 1.5,
          ...hidden,
        }),
        Plot.dot(measured, {x: "time", y: "mean", r: 3, fill: "var(--simulated)", ...hidden}),
        Plot.ruleX([data.time(cell, record)], {stroke: "var(--soft)", strokeDasharray: "2 3", ...hidden}),
      ],
    });
    return {main, scores: scores(all, width), points: all};
  }

  function scores(all, width) {
    const scored = all.filter((one) => finite(one.z));
    if (!scored.length) return null;
    const most = Math.max(2.5, d3.max(scored, (one) => Math.abs(one.z)) * 1.1);
    return Plot.plot({
      width,
      height: 110,
      marginLeft: 64,
      className: "plot",
      style: {fontSize: "12px"},
      x: {label: null, domain: d3.extent(all, (one) => one.time), tickFormat: (value) => write.number(value, 3)},
      y: {label: "z", domain: [-most, most], ticks: 4},
      ariaLabel: "z: the distance of simulated from exact in standard errors",
      marks: [
        Plot.rect([0], {y1: -1.96, y2: 1.96, fill: "currentColor", fillOpacity: 0.1, ariaHidden: "true"}),
        Plot.ruleY([0], {strokeOpacity: 0.5, ariaHidden: "true"}),
        Plot.dot(scored, {
          x: "time",
          y: "z",
          r: 3,
          stroke: "currentColor",
          fill: (one) => (one.trusted ? "currentColor" : "var(--ground)"),
          ariaHidden: "true",
        }),
      ],
    });
  }

  return {draw, points, decades};
})();
