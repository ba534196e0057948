/** The cards on top: each figure, how it changed, and what it means. */

import { element } from "../dom.js";
import { whole } from "../format.js";
import { help, hidden } from "./help.js";
import { NONE, change, decimal, percent } from "./numbers.js";

// `better`: the direction that is good news, 0 where it is neither.
const CARDS = [
  { name: "Sessions", field: "sessions", kind: "count", show: whole, better: 1 },
  { name: "Searches", field: "searches", kind: "count", show: whole, better: 1 },
  { name: "Purchases", field: "purchases", kind: "count", show: whole, better: 1 },
  { name: "Suggestion click-through", field: "suggestion_ctr", kind: "share", show: percent, better: 1 },
  { name: "Search click-through", field: "search_ctr", kind: "share", show: percent, better: 1 },
  { name: "Zero-result rate", field: "zero_result_rate", kind: "share", show: percent, better: -1 },
  { name: "Mean position chosen", field: "mean_position", kind: "mean", show: decimal, better: -1 },
  { name: "Characters saved", field: "saved_characters", kind: "mean", show: decimal, better: 1, share: "saved_share" },
];

/** A card with a figure and a line below it. */
export function card(name, value, note, definition) {
  return element(
    "li",
    { class: "card" },
    element("div", { class: "card-head" }, element("h3", {}, name), help(name, definition)),
    element("p", { class: "card-value" }, value),
    element("p", { class: "card-note" }, note),
  );
}

export function figureCards({ figures, before, definitions }) {
  return CARDS.map(({ name, field, kind, show, better, share }) => {
    const note = [delta(change(figures[field], before[field], kind), better)];
    if (share && figures[share] !== null) note.push(element("span", { class: "soft" }, ` · ${percent(figures[share])} of all`));
    return card(name, figures[field] === null ? NONE : show(figures[field]), note, definitions[field]);
  });
}

function delta(changed, better) {
  if (changed === null) return element("span", { class: "soft" }, "nothing to compare with");
  const { text, direction } = changed;
  if (direction === 0) return element("span", { class: "soft" }, "as before");
  const mood = direction === better ? "good" : "bad";
  return element(
    "span",
    { class: `delta ${mood}` },
    element("span", { "aria-hidden": "true" }, direction > 0 ? "▲ " : "▼ "),
    hidden(direction > 0 ? "up by " : "down by "),
    text,
    hidden(" compared with the time before"),
  );
}

/** Cards that hold their place until there are figures. */
export function emptyCards() {
  return CARDS.map(({ name }) => card(name, element("span", { class: "skeleton" }), element("span", { class: "skeleton short" }), null));
}
