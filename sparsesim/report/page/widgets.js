"use strict";

// An element with attributes and children; text is never markup.
function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(key, "");
    else if (value !== false && value !== null && value !== undefined) made.setAttribute(key, value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// A menu of values with their words.
function choice(id, label, options, chosen, changed) {
  const select = element(
    "select",
    {id},
    ...options.map(([value, text]) => element("option", {value, selected: value === chosen}, text)),
  );
  select.addEventListener("change", () => changed(select.value));
  return element("label", {for: id}, label, select);
}

// A slider over places, each with its words.
function slider(id, label, count, start, words, changed) {
  const output = element("output", {for: id}, words(start));
  const input = element("input", {
    id,
    type: "range",
    min: 0,
    max: count - 1,
    step: 1,
    value: start,
    "aria-valuetext": words(start),
  });
  input.addEventListener("input", () => {
    output.textContent = words(Number(input.value));
    input.setAttribute("aria-valuetext", words(Number(input.value)));
    changed(Number(input.value));
  });
  return element("label", {for: id}, label, input, output);
}
