/** Searches and suggestions by day, device, category, experiment arm or kind of visitor: a table of its own. */

import { element } from "../dom.js";
import { whole } from "../format.js";
import { outcomes } from "./api.js";
import { decimal, percent } from "./numbers.js";
import { saver } from "./saving.js";
import { table } from "./tables.js";
import { nothing } from "./traffic.js";

const two = (number) => (number === null ? "–" : number.toFixed(2));
const COLUMNS = [
  ["Sessions", "sessions", whole],
  ["Searches", "searches", whole],
  ["Searches from suggestions", "searches_with_suggestion", percent],
  ["Sessions with a suggestion", "sessions_with_suggestion", percent],
  ["Suggestion click-through", "suggestion_ctr", percent],
  ["Reciprocal rank", "mean_reciprocal_rank", two],
  ["Keystrokes saved", "saved_keystrokes", decimal],
  ["Search click-through", "search_ctr", percent],
  ["Zero-result rate", "zero_result_rate", percent],
  ["Conversion", "conversion", percent],
  ["Revenue by session", "revenue_per_session", two],
  ["Engagement by session", "engagement_score", decimal],
];
const DAY_MS = 86_400_000;

const at = (id) => document.getElementById(id);
let asking = null;

/** What the range of the page comes to in days. */
function rangeOf(hours, by) {
  const [until, days] = [Date.now(), Math.min(400, Math.max(1, Math.ceil(hours / 24)))];
  const day = (time) => new Date(time).toISOString().slice(0, 10);
  return new URLSearchParams({ from: day(until - (days - 1) * DAY_MS), to: day(until), by }).toString();
}

/** Asks anew and shows it; what goes wrong is told in its place, for the rest of the page tells its own troubles. */
export async function showBreakdown(hours) {
  asking?.abort();
  const mine = (asking = new AbortController());
  const by = at("breakdown-by").value;
  const range = rangeOf(hours, by);
  try {
    const answer = await outcomes(range, { signal: mine.signal });
    if (mine !== asking) return;
    if (at("breakdown-table").contains(document.activeElement)) return; // a table is scrolled
    at("breakdown-table").replaceChildren(...drawn(answer, by, range));
  } catch (error) {
    if (error.name !== "AbortError" && mine === asking) at("breakdown-table").replaceChildren(nothing(error.message));
  }
}

export function clearBreakdown() {
  asking?.abort();
  asking = null;
  at("breakdown-table").replaceChildren();
}

function drawn(answer, by, range) {
  if (answer.rows.length === 0) return [nothing("Nothing to break down in these days.")];
  const { robot_sessions: robots, duplicates, demo_events: demos } = answer.excluded;
  const columns = COLUMNS.map(([heading, field, show]) => [heading, (row) => show(row[field]), "number"]);
  const terms = COLUMNS.flatMap(([heading, field]) => [
    element("dt", {}, heading),
    element("dd", {}, answer.definitions[field]),
  ]);
  return [
    element("p", { class: "soft" }, `${answer.first_day} to ${answer.last_day} (UTC). Left out: ${whole(robots)} sessions of robots, ${whole(duplicates)} repeated and ${whole(demos)} demo events.`),
    table(`By ${by}`, [[by[0].toUpperCase() + by.slice(1), (row) => row.key, "words"], ...columns], answer.rows),
    element("div", { class: "below" },
      element("details", { class: "terms" }, element("summary", {}, "What the columns mean"), element("dl", {}, terms)),
      saver(`Breakdown by ${by}`, `/admin/metrics.csv?${range}`, `metrics-by-${by}.csv`)),
  ];
}

/** Asks again when another breakdown is chosen. */
export function listenForBreakdown(hoursAsked) {
  at("breakdown-by").addEventListener("change", () => showBreakdown(hoursAsked()));
}
