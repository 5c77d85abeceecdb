"use strict";

// The numbers of a page: what was encoded by `sparsesim.report.payload`, and how to find one.

const data = (() => {
  const found = JSON.parse(document.getElementById("data").textContent);
  const KINDS = {f4: Float32Array, f8: Float64Array, u1: Uint8Array, u2: Uint16Array};

  function decoded(array) {
    const bytes = Uint8Array.from(atob(array.data), (letter) => letter.charCodeAt(0));
    return {shape: array.shape, names: array.names, values: new KINDS[array.type](bytes.buffer)};
  }

  const all = (arrays) => Object.fromEntries(Object.entries(arrays).map(([name, array]) => [name, decoded(array)]));
  const records = all(found.records),
    cells = all(found.cells);
  const times = found.times && decoded(found.times);
  const lengths = found.dims.map((dim) => dim.values.length);
  const strides = lengths.map((_, i) => lengths.slice(i + 1).reduce((product, one) => product * one, 1));
  const length = found.times ? found.times.shape.at(-1) : 0;

  // The number of a cell, from its place along each dim.
  const cell = (place) => place.reduce((sum, one, i) => sum + one * strides[i], 0);
  const record = (name, of, time, moment) => records[name].values[(of * length + time) * found.moments.length + moment];

  function about(name, of) {
    const array = cells[name];
    if (!array) return undefined;
    return array.names ? array.names[array.values[of]] : array.values[of];
  }

  const time = (of, number) => times.values[times.shape.length === 1 ? number : of * length + number];

  // The value of an exponent or parameter where all cells share it, else null.
  function shared(name) {
    const values = cells[name]?.values;
    return values && values.every((one) => one === values[0]) ? values[0] : null;
  }

  return {
    ...found,
    cells,
    records,
    length,
    cell,
    record,
    about,
    time,
    shared,
    count: lengths.reduce((a, b) => a * b, 1),
  };
})();

const write = (() => {
  const SUPERSCRIPTS = {"-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹"};

  // A number to so many digits: in full where that is short, else with a power of ten.
  function number(value, digits = 4) {
    if (value === undefined || value === null || Number.isNaN(value)) return "–";
    if (!Number.isFinite(value)) return value > 0 ? "∞" : "−∞";
    const rounded = Number(value.toPrecision(digits)),
      size = Math.abs(rounded);
    if (rounded === 0) return "0";
    if (Number.isInteger(value) && Math.abs(value) < 1e6) return minus(value.toLocaleString("en"));
    if (size >= 1e-3 && size < 1e5) return minus(String(rounded));
    const [mantissa, exponent] = rounded.toExponential().split("e");
    return minus(`${mantissa} × 10`) + [...String(Number(exponent))].map((one) => SUPERSCRIPTS[one]).join("");
  }

  const minus = (text) => text.replace("-", "−");
  return {number};
})();

const axes = {
  // Ticks of a logarithmic axis: powers of ten, and their double and fivefold where there are few.
  log([low, high]) {
    const decades = Math.log10(high / low),
      every = Math.max(1, Math.ceil(decades / 8));
    const powers = d3.range(Math.floor(Math.log10(low)), Math.ceil(Math.log10(high)) + 1);
    const factors = decades < 1.2 ? [1, 2, 3, 5, 7] : decades < 2.6 ? [1, 2, 5] : [1];
    const ticks = powers
      .filter((power) => power % every === 0)
      .flatMap((power) => factors.map((factor) => factor * 10 ** power));
    return {
      ticks: ticks.filter((one) => one >= 0.999 * low && one <= 1.001 * high),
      tickFormat: (value) => write.number(value, 3),
    };
  },
};
