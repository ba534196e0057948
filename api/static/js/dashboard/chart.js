/** Charts as plain SVG: each with its words for who cannot see it, and none with a style of its own. */

import { element, svgElement } from "../dom.js";
import { short, tick } from "./numbers.js";

const WIDTH = 480; // of the drawing; the page scales it, and the text stands beside it in HTML
const HEIGHT = 120;

/**
 * A line with the area below it. `values` are equal parts of the time from `start` to `end`, `hours` apart.
 * The axes are text in HTML: scaled with the drawing they would be unreadable on a telephone.
 */
export function timeChart({ values, start, end, hours, label }) {
  const top = niceTop(Math.max(...values));
  const drawing = svgElement(
    "svg",
    { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img", "aria-label": label },
    [0.5, 1].map((share) => line(0, HEIGHT * (1 - share), WIDTH, HEIGHT * (1 - share), "grid")),
    line(0, HEIGHT, WIDTH, HEIGHT, "grid"),
    ...lineAndArea(values, top),
  );
  const middle = new Date((start.getTime() + end.getTime()) / 2);
  return element(
    "div",
    { class: "time-chart" },
    element("div", { class: "y-axis", "aria-hidden": "true" }, [top, top / 2, 0].map((at) => element("span", {}, short(at)))),
    drawing,
    element(
      "div",
      { class: "x-axis", "aria-hidden": "true" },
      [start, middle, end].map((at) => element("span", {}, tick(at, hours))),
    ),
  );
}

/** A small line without axes. */
export function sparkline(values, label) {
  const top = Math.max(...values, 1);
  const box = { class: "sparkline", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none" };
  return svgElement("svg", { ...box, role: "img", "aria-label": label }, ...lineAndArea(values, top));
}

function lineAndArea(values, top) {
  const step = WIDTH / Math.max(1, values.length - 1);
  const points = values.map((value, index) => `${(index * step).toFixed(1)},${(HEIGHT * (1 - value / top)).toFixed(1)}`);
  if (points.length < 2) return [];
  return [
    svgElement("path", { class: "area", d: `M0,${HEIGHT} L${points.join(" L")} L${WIDTH},${HEIGHT} Z` }),
    svgElement("path", { class: "line", d: `M${points.join(" L")}`, "vector-effect": "non-scaling-stroke" }),
  ];
}

function line(x1, y1, x2, y2, name) {
  return svgElement("line", { x1, y1, x2, y2, class: name, "vector-effect": "non-scaling-stroke" });
}

/** The least of 1, 2, 4, 5 or 10 times a power of ten (and an even count) that holds `value`. */
function niceTop(value) {
  if (value <= 2) return 2;
  const power = 10 ** Math.floor(Math.log10(value));
  return [1, 2, 4, 5, 10].map((factor) => factor * power).find((top) => top >= value);
}

/**
 * Bars with their names and figures as a list of text: `[{name, size, text, detail}]`, the longest as wide as the box.
 * The bars themselves say nothing that the text does not.
 */
export function bars(rows, className = "bars") {
  const longest = Math.max(...rows.map((row) => row.size), 1);
  return element(
    "ul",
    { class: className },
    rows.map(({ name, size, text, detail }) =>
      element(
        "li",
        {},
        element("span", { class: "bar-name" }, name),
        bar(size / longest),
        element("span", { class: "bar-value" }, text),
        element("span", { class: "bar-detail soft" }, detail),
      ),
    ),
  );
}

/** One bar, `share` of its box wide; a `second` share marks where another figure lies. */
export function bar(share, second = null) {
  const width = Math.max(0, Math.min(100, 100 * share));
  return svgElement(
    "svg",
    { class: "bar", viewBox: "0 0 100 10", preserveAspectRatio: "none", "aria-hidden": "true" },
    svgElement("rect", { class: "bar-ground", width: 100, height: 10 }),
    second === null ? null : svgElement("rect", { class: "bar-second", width: Math.min(100, 100 * second), height: 10 }),
    svgElement("rect", { class: "bar-filled", width, height: 10 }),
  );
}
