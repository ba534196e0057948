/** How much went on over time, and how far it went: series, funnel, positions. */

import { element } from "../dom.js";
import { counted, whole } from "../format.js";
import { bars, timeChart } from "./chart.js";
import { hidden, panel } from "./help.js";
import { change, moment, percent } from "./numbers.js";

const SERIES = [
  ["Keystrokes", "keystrokes"],
  ["Searches", "searches"],
  ["Clicks", "clicks"],
  ["Added to cart", "add_to_cart"],
  ["Purchases", "purchases"],
];
const STEPS = [
  ["Searched", "searched"],
  ["Clicked", "clicked"],
  ["Added to cart", "added_to_cart"],
  ["Purchased", "purchased"],
];

export function seriesPanels(answer, hours) {
  const [start, end] = [new Date(answer.start), new Date(answer.end)];
  return SERIES.map(([name, field]) => {
    const values = answer.series[field];
    const total = answer.figures[field];
    const changed = change(total, answer.before[field], "count");
    const most = Math.max(...values);
    const busiest = new Date(start.getTime() + 1_000 * answer.bucket_seconds * values.indexOf(most));
    const label = total
      ? `${name}: ${whole(total)} in all; most, ${whole(most)}, in the part that began ${moment(busiest)}`
      : `${name}: none`;
    return panel(
      name,
      answer.definitions[field],
      element(
        "p",
        { class: "total" },
        element("strong", {}, whole(total)),
        element("span", { class: "soft" }, total === 0 ? " none in this range yet" : trend(changed)),
      ),
      timeChart({ values, start, end, hours, label }),
      figuresOf(name, values, start, answer.bucket_seconds),
    );
  });
}

function trend(changed) {
  if (changed === null) return "";
  if (changed.direction === 0) return " as before";
  return ` ${changed.direction > 0 ? "+" : "−"}${changed.text}`;
}

/** All that was answered, in a sentence. */
export function answered({ figures }) {
  const lists = `${counted(figures.suggest_lists, "list")} of suggestions, ${whole(figures.search_lists)} of products found, `;
  const others = `${whole(figures.recommend_lists)} of recommendations were shown. `;
  return `${lists}${others}Somebody typed into the box ${counted(figures.typing_sequences, "time")}.`;
}

/** The figures of a chart for who cannot see it. */
function figuresOf(name, values, start, seconds) {
  const rows = values
    .map((value, index) => [new Date(start.getTime() + 1_000 * seconds * index), value])
    .filter(([, value]) => value > 0)
    .map(([at, value]) => element("tr", {}, element("td", {}, moment(at)), element("td", {}, whole(value))));
  if (rows.length === 0) return null;
  const head = element("tr", {}, element("th", { scope: "col" }, "From"), element("th", { scope: "col" }, name));
  return element(
    "div",
    { class: "visually-hidden" },
    element("table", {}, element("caption", {}, `${name} over time`), element("thead", {}, head), element("tbody", {}, rows)),
  );
}

export function funnelPanel({ funnel, definitions }) {
  const first = funnel.searched;
  const rows = STEPS.map(([name, field]) => {
    const share = first ? percent(funnel[field] / first) : null;
    return { name, size: funnel[field], text: whole(funnel[field]), detail: share };
  });
  return panel("Funnel of sessions", definitions.funnel, first ? bars(rows, "bars steps") : nothing("No session searched in this range yet."));
}

export function positionPanel({ positions, definitions }) {
  const total = positions.reduce((sum, one) => sum + one.choices, 0);
  const rows = positions
    .filter(({ position, choices }) => position !== null || choices > 0)
    .map(({ position, choices }) => ({
      name: position === null ? element("span", {}, "11+") : [hidden("Position "), String(position)],
      size: choices,
      text: whole(choices),
      detail: total ? percent(choices / total) : null,
    }));
  const title = "Positions of chosen suggestions";
  if (total === 0) return panel(title, definitions.positions, nothing("No suggestion was chosen in this range yet."));
  return panel(title, definitions.positions, element("p", { class: "soft" }, counted(total, "choice")), bars(rows, "bars places"));
}

/** Words where figures would stand. */
export function nothing(text) {
  return element("p", { class: "nothing" }, text);
}
