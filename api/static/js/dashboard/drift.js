/** Whether today's traffic is still what the served version was trained on: drawn anew with every answer of /admin/stats. */

import { element } from "../dom.js";
import { whole } from "../format.js";
import { panel } from "./help.js";
import { NONE, moment } from "./numbers.js";
import { table } from "./tables.js";
import { nothing } from "./traffic.js";

const NAMES = {
  first_letters: "First letters of queries",
  category: "Kinds of products",
  words: "Words of queries",
  score: "Score of the first line",
  source: "Source of the first line",
  lines: "Length of lists",
  products: "Products found",
  likelihood: "Likelihood of new queries",
  calibration: "Scores against choices",
};
const STATES = { ok: "✓ ok", warning: "△ warning", alarm: "▲ alarm", unknown: "– not known yet" };
const DEFINITION =
  "The latest searches and lists against those that the served version was trained on. Histograms differ by the " +
  "population stability index, in excess of what chance gives; the likelihood is what it fell by for certain, in nats a " +
  "word; scores are compared with how often their lines are chosen. Each measure has its own marks.";

export function driftPanel(stats) {
  const drift = stats.drift;
  if (drift === null) return panel("Drift", DEFINITION, nothing("Traffic was not looked at yet."));
  const columns = [
    ["Measure", (one) => element("span", { title: one.explanation }, NAMES[one.name] ?? one.name), "words"],
    ["Value", (one) => number(one.value), "number"],
    ["Warning", (one) => number(one.threshold_warning), "number"],
    ["Alarm", (one) => number(one.threshold_alarm), "number"],
    ["Seen", (one) => whole(one.samples), "number"],
    ["State", (one) => STATES[one.state], "words"],
  ];
  const told = drift.measures.filter((one) => one.state === "alarm" || one.state === "warning");
  return panel(
    "Drift",
    DEFINITION,
    element("p", { class: "soft" }, `${STATES[drift.state]} · looked at ${moment(new Date(drift.checked_at))}`),
    table("Drift of traffic by measure", columns, drift.measures),
    told.map((one) => element("p", { class: "soft" }, one.explanation)),
  );
}

function number(value) {
  return value === null ? NONE : value.toFixed(3);
}
