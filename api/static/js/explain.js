/**
 * The explain drawer: why the list on screen is in this order.
 *
 * The list is asked for twice more, as previews that are not logged: for this shopper with the parts of each score, and
 * for nobody in particular. Side by side they say what taste has moved, and by which of its four components.
 */

import { element } from "./dom.js";
import { milliseconds } from "./format.js";
import { client } from "./shop.js";

const COMPONENTS = {
  personal: "Personal: your own searches, clicks and purchases",
  contextual: "Contextual: this visit, device and hour",
  collaborative: "Collaborative: what shoppers like you do",
  temporal: "Temporal: what is wanted now",
};
const COMPARED = 50; // as deep as the list without taste is looked through
const SHOWN = 10;

let drawer = null; // {panel, body, toggle}
let last = null; // what is explained: {title, path, body}
let asking = null; // AbortController of the previews under way

/** Make the drawer `panel` work: `toggle` opens and closes it, `body` is filled. */
export function installDrawer(panel, body, toggle, close) {
  drawer = { panel, body, toggle };
  toggle.addEventListener("click", () => open(panel.hidden));
  close.addEventListener("click", () => open(false));
  panel.addEventListener("keydown", (event) => event.key === "Escape" && open(false));
}

function open(wanted) {
  const { panel, toggle } = drawer;
  const hadFocus = panel.contains(document.activeElement);
  panel.hidden = !wanted;
  toggle.setAttribute("aria-expanded", String(wanted));
  document.documentElement.classList.toggle("explaining", wanted);
  if (wanted) draw();
  else if (hadFocus) toggle.focus();
}

/** Explain the list that POST `path` gives for `body`, now if the drawer is open. */
export function explain(list) {
  last = list;
  if (drawer && !drawer.panel.hidden) draw();
}

async function draw() {
  const { body } = drawer;
  asking?.abort();
  asking = new AbortController();
  const { signal } = asking;
  if (last === null) {
    body.replaceChildren(
      element("p", {}, "Type something, search, or look into a department: such a list is explained here."),
    );
    return;
  }
  const { path, title, body: asked } = last;
  const size = path === "/autosuggest" ? "max_suggestions" : "max_results";
  const most = path === "/autosuggest" ? 20 : COMPARED;
  const preview = { ...asked, preview: true, explain: true };
  try {
    const [mine, everybodys] = await Promise.all([
      client.ask(path, { ...preview, [size]: SHOWN }, { signal }),
      client.ask(path, { ...preview, [size]: most, include_personalization: false }, { signal }),
    ]);
    if (!signal.aborted) body.replaceChildren(...explained(title, lines(mine), lines(everybodys), mine));
  } catch (error) {
    if (!signal.aborted) body.replaceChildren(element("p", {}, error.message));
  }
}

/** Suggestions and products alike: `[{name, score, explain}]`. */
function lines(answer) {
  const list = answer.items ?? answer.products;
  return list.map((line) => ({
    name: line.text ?? line.title,
    id: line.text ?? line.product_id,
    score: line.score,
    explain: line.explain ?? {},
  }));
}

function explained(title, mine, everybodys, answer) {
  const before = new Map(everybodys.map((line, at) => [line.id, at + 1]));
  const moved = mine.filter((line, at) => before.get(line.id) !== at + 1).length;
  const said = answer.personalized
    ? `Ranked for you: ${moved} of the first ${mine.length} stand elsewhere than for everybody.`
    : "Nothing is known of you yet, so this is the order for everybody. Click on something, then look again.";
  return [
    element("p", { class: "explain-what" }, title ? `“${title}”` : "The empty box"),
    element("p", {}, said),
    element(
      "ol",
      { class: "explain-lines" },
      ...mine.map((line, at) => explainedLine(line, at + 1, before.get(line.id))),
    ),
    stages(answer),
    element(
      "dl",
      { class: "explain-legend" },
      ...Object.entries(COMPONENTS).map(([name, words]) =>
        element("div", {}, element("dt", { class: `swatch swatch-${name}` }), element("dd", {}, words)),
      ),
    ),
  ];
}

function explainedLine({ name, explain }, rank, before) {
  const parts = Object.keys(COMPONENTS).filter((component) => Number.isFinite(explain[component]));
  return element(
    "li",
    { class: "explain-line" },
    element(
      "div",
      { class: "explain-name" },
      element("span", { class: "explain-rank" }, String(rank)),
      element("span", { class: "explain-title" }, name),
      shift(rank, before),
    ),
    parts.length > 0 ? bar(explain, parts) : null,
    element("p", { class: "explain-sum" }, sum(explain)),
  );
}

function shift(rank, before) {
  if (before === undefined) return element("span", { class: "shift shift-up" }, "from far below");
  if (before === rank) return element("span", { class: "shift" }, "as for all");
  const up = before > rank;
  return element(
    "span",
    { class: `shift ${up ? "shift-up" : "shift-down"}` },
    `${up ? "▲" : "▼"} ${Math.abs(before - rank)}`,
    element("span", { class: "visually-hidden" }, ` from place ${before}`),
  );
}

/** The four components, each as wide as its weight and as full as its value. */
function bar(explain, parts) {
  const words = parts.map((name) => `${name} ${explain[name].toFixed(2)}`).join(", ");
  const cells = parts.map((name) => {
    const full = element("span", { class: `fill swatch-${name}` });
    full.style.inlineSize = `${Math.round(100 * explain[name])}%`;
    const cell = element("span", { class: "cell" }, full);
    cell.style.flexGrow = String(explain[`${name}_weight`] ?? 1);
    return cell;
  });
  return element("div", { class: "explain-bar", role: "img", "aria-label": words, title: words }, ...cells);
}

/** What adds up to the score, in the list's own unit: log units for suggestions, shares for products. */
function sum(explain) {
  const added = ["base", "relevance", "session", "business", "preference", "rule", "taste"];
  const shown = added.filter(
    (name) =>
      Number.isFinite(explain[name]) && (Math.abs(explain[name]) >= 0.0005 || name === "base" || name === "relevance"),
  );
  const words = shown.map((name, at) => {
    const value = explain[name];
    const sign = at === 0 ? "" : value < 0 ? "− " : "+ ";
    return `${sign}${name} ${(at === 0 ? value : Math.abs(value)).toFixed(3)}`;
  });
  return explain.explored ? `${words.join(" ")} · shown here to get its chance` : words.join(" ");
}

function stages(answer) {
  const took = Object.entries(answer.stage_ms ?? {});
  if (took.length === 0) return "";
  const most = Math.max(...took.map(([, ms]) => ms));
  return element(
    "section",
    { class: "explain-stages", "aria-label": "Time per stage" },
    element(
      "h3",
      {},
      `${milliseconds(answer.response_time_ms)} for this answer; its stages, those that were cached included`,
    ),
    element(
      "ul",
      {},
      ...took.map(([name, ms]) => {
        const full = element("span", { class: "fill" });
        full.style.inlineSize = `${Math.max(1, Math.round((100 * ms) / most))}%`;
        return element(
          "li",
          {},
          element("span", { class: "stage-name" }, name.replaceAll("_", " ")),
          element("span", { class: "cell" }, full),
          element("span", { class: "stage-ms" }, `${ms.toFixed(1)} ms`),
        );
      }),
    ),
  );
}
