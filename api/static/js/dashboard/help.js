/** What a figure means, behind a question mark: a disclosure, so that keyboards and screen readers know it. */

import { element } from "../dom.js";

/** The question mark of `name`; opens `text` below the box that it stands in. */
export function help(name, text) {
  if (!text) return null;
  const mark = element("summary", {}, element("span", { "aria-hidden": "true" }, "?"), hidden(`What is “${name}”?`));
  const box = element("details", { class: "help" }, mark, element("p", {}, text));
  box.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !box.open) return;
    box.open = false;
    mark.focus();
  });
  box.addEventListener("focusout", (event) => {
    if (!box.contains(event.relatedTarget)) box.open = false;
  });
  return box;
}

/** Text that is heard, not seen. */
export function hidden(text) {
  return element("span", { class: "visually-hidden" }, text);
}

/** A box with a heading, its definition and `children`. */
export function panel(title, definition, ...children) {
  const head = element("div", { class: "panel-head" }, element("h3", {}, title), help(title, definition));
  return element("article", { class: "panel" }, head, ...children);
}
