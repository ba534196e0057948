/** Experiments with their intervals, and the versions of the models with what was done to them. */

import { element, svgElement } from "../dom.js";
import { counted, whole } from "../format.js";
import { experiments, models, results } from "./api.js";
import { panel } from "./help.js";
import { NONE, moment, percent } from "./numbers.js";
import { saver } from "./saving.js";
import { table } from "./tables.js";
import { nothing } from "./traffic.js";

const EVERY_MS = 60_000; // results are counted anew for each look
const AFTER_FAILURE_MS = 5_000; // as the page promises, and as often as its live part asks
const SHOWN = 6; // experiments: those that run, then the latest
const AUDITED = 12;
const WIDTH = 300; // of an interval's drawing
const HEIGHT = 24;
const ROWS = { experiments: "experiments", models: "models" };

const GOOD = new Set(["better", "no_difference"]);
const BAD = new Set(["broken_split", "guardrail_harmed", "worse"]);
const DEFINITION =
  "Each arm's units are counted from the first list that the arm could change. Intervals and verdicts hold however " +
  "often you look (always-valid, level 0.05). Bars show the lift of each treatment against the control; the shaded " +
  "part is what would not matter.";

let timer = null;
let run = 0;

const at = (id) => document.getElementById(id);

/** Asks now and every minute, sooner after a failure, while the page is visible; tells how it went. */
export function followExperiments(found, failed) {
  stopExperiments();
  if (document.hidden) return;
  const mine = run;
  const again = async () => {
    let wait = EVERY_MS;
    try {
      const [known, versions] = await Promise.all([experiments(), models()]);
      const shown = chosen(known.experiments);
      const answers = await Promise.all(shown.map((one) => results(one.name)));
      if (mine !== run) return;
      found();
      if (!busy()) {
        at(ROWS.experiments).replaceChildren(...experimentPanels(known, shown, answers));
        at(ROWS.models).replaceChildren(versionPanel(versions), auditPanel(versions));
      }
    } catch (error) {
      wait = AFTER_FAILURE_MS;
      if (mine === run) failed(error);
    }
    if (mine === run) timer = setTimeout(again, wait);
  };
  again();
}

export function stopExperiments() {
  run += 1;
  clearTimeout(timer);
}

/** Nothing of what was shown stays. */
export function clearExperiments() {
  stopExperiments();
  for (const id of Object.values(ROWS)) at(id).replaceChildren();
}

const busy = () => Object.values(ROWS).some((id) => at(id).contains(document.activeElement)); // something is read there

/** Running ones first, then the newest. */
function chosen(all) {
  const newest = [...all].reverse();
  const running = newest.filter((one) => one.state === "running");
  return [...running, ...newest.filter((one) => one.state !== "running")].slice(0, SHOWN);
}

function experimentPanels(known, shown, answers) {
  if (shown.length === 0) {
    const said = known.enabled ? "No experiment yet: POST /admin/experiments defines one." : "ENABLE_AB_TESTING is off.";
    return [panel("Experiments", DEFINITION, nothing(said))];
  }
  return shown.map((one, index) => experimentPanel(one, answers[index]));
}

function experimentPanel(experiment, answer) {
  const units = Object.entries(answer.units).map(([arm, count]) => `${arm} ${whole(count)}`);
  const asked = [`${experiment.method === "ab" ? "A/B" : experiment.method.replace("_", " ")} by ${experiment.unit}`];
  asked.push(`${percent(experiment.traffic)} of traffic`, units.join(" · "));
  const sentences = Object.values(answer.verdicts).map((one) => verdict(one));
  return panel(
    experiment.name,
    DEFINITION,
    element("p", { class: "soft" }, element("span", { class: "state" }, experiment.state), ` · ${asked.join(" · ")}`),
    experiment.hypothesis ? element("p", {}, experiment.hypothesis) : null,
    experiment.waiting_for.length ? element("p", { class: "bad" }, `Waits for ${experiment.waiting_for.join(", ")}.`) : null,
    ...sentences,
    answer.preference ? element("p", {}, preference(answer.preference)) : null,
    ...[metricTable(experiment, answer)].flat(),
  );
}

function verdict({ state, sentence }) {
  const tone = GOOD.has(state) ? "good" : BAD.has(state) ? "bad" : "soft";
  return element("p", { class: `verdict ${tone}` }, sentence);
}

function preference({ control, treatment, units, for_control: less, for_treatment: more }) {
  return `${counted(units, "unit")}: ${whole(more)} for ${treatment}, ${whole(less)} for ${control}, the others for neither.`;
}

/** One line for each treatment and metric that was asked about, or of which there is anything to compare. */
function metricTable(experiment, answer) {
  const control = experiment.arms[0].name;
  const rows = answer.metrics.flatMap((metric) =>
    metric.comparisons
      .filter((one) => metric.role !== "secondary" || (one.reason === null && Object.values(metric.values).some(Boolean)))
      .map((one) => ({ metric, one, control: metric.values[control], treated: metric.values[one.treatment] })),
  );
  if (rows.length === 0) return nothing("Nothing was counted yet.");
  const scale = widest(rows, experiment.minimum_effect);
  const several = experiment.arms.length > 2;
  const columns = [
    ["Metric", ({ metric }) => [element("span", {}, metric.metric), roleOf(metric)], "words"],
    ...(several ? [["Arm", ({ one }) => one.treatment, "words"]] : []),
    [control, (row) => value(row.control), "number"],
    [several ? "It" : experiment.arms[1].name, (row) => value(row.treated), "number"],
    ["Lift", ({ one }) => interval(one, scale, experiment.minimum_effect), "interval-cell"],
    ["Likely better", ({ one }) => percent(one.win_probability), "number"],
  ];
  const path = `/admin/experiments/${encodeURIComponent(experiment.name)}/results.csv`;
  return [
    table(`Results of ${experiment.name}`, columns, rows),
    element("div", { class: "below" }, saver(`Results of ${experiment.name}`, path, `experiment-${experiment.name}.csv`)),
  ];
}

function roleOf({ role, definition }) {
  return element("span", { class: "soft id" }, role === "secondary" ? definition : `${role}: ${definition}`);
}

function value(number) {
  if (number === null) return NONE;
  return Math.abs(number) >= 100 ? whole(Math.round(number)) : String(Number(number.toPrecision(3)));
}

/** The lift that the drawings reach to, either way: what the finite intervals need, and at least twice what matters. */
function widest(rows, matters) {
  const ends = rows.flatMap(({ one }) => [one.lift_low, one.lift_high, one.lift]).filter((end) => end !== null);
  return Math.min(1, Math.max(2 * matters, ...ends.map(Math.abs)));
}

function interval(one, scale, matters) {
  if (one.reason !== null) return element("span", { class: "soft id" }, one.reason);
  const range = one.lift_low === null ? "open" : `${signed(one.lift_low)} to ${signed(one.lift_high)}`;
  const text = one.lift === null ? NONE : `${signed(one.lift)} (${range})`;
  const x = (lift) => (WIDTH / 2) * (1 + Math.max(-1, Math.min(1, lift / scale)));
  const middle = HEIGHT / 2;
  const drawn = [
    svgElement("rect", { class: "matters-not", x: x(-matters), width: x(matters) - x(-matters), height: HEIGHT }),
    svgElement("line", { class: "grid", x1: x(0), x2: x(0), y1: 0, y2: HEIGHT }),
  ];
  if (one.lift_low !== null && one.lift_high !== null) {
    const ends = { x1: x(one.lift_low), x2: x(one.lift_high), y1: middle, y2: middle };
    drawn.push(svgElement("line", { class: "interval", ...ends }));
  }
  if (one.lift !== null) drawn.push(svgElement("circle", { class: "estimate", cx: x(one.lift), cy: middle, r: 4 }));
  return [
    svgElement("svg", { class: "interval-chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, "aria-hidden": "true" }, ...drawn),
    element("span", { class: "soft id range" }, text),
  ];
}

function signed(share) {
  return `${share < 0 ? "−" : "+"}${(100 * Math.abs(share)).toFixed(1)} %`;
}

function versionPanel({ versions }) {
  const columns = [
    ["Version", ({ version }) => version, "words"],
    ["State", ({ state, resident }) => (resident && state !== "current" ? `${state}, loaded` : state), "words"],
    ["Trained", ({ made_at: made }) => (made ? moment(new Date(made)) : NONE), "words"],
    ["Products", ({ facts }) => (facts.counts ? whole(facts.counts.products) : NONE), "number"],
    ["Queries", ({ facts }) => (facts.counts ? whole(facts.counts.queries) : NONE), "number"],
  ];
  const definition = "Published versions, the newest first; older ones are removed when a new one is published.";
  if (versions.length === 0) return panel("Versions", definition, nothing("Nothing is published."));
  return panel("Versions", definition, table("Versions", columns, versions), below("Versions", "versions"));
}

function auditPanel({ audit }) {
  const columns = [
    ["When", ({ happened_at: when }) => moment(new Date(when)), "words"],
    ["Who", ({ actor }) => actor, "words"],
    ["What", ({ action }) => action.replaceAll("_", " "), "words"],
    ["Of", ({ subject, details }) => [element("span", {}, subject), reason(details)], "words"],
  ];
  const definition = "What operators, the schedule and the guard of promotions did. GET /admin/models has the last hundred.";
  const shown = audit.slice(0, AUDITED);
  if (shown.length === 0) return panel("Audit log", definition, nothing("Nothing was done yet."));
  return panel("Audit log", definition, table("Audit log", columns, shown), below("Audit log", "audit"));
}

function below(name, file) {
  return element("div", { class: "below" }, saver(name, `/admin/models/${file}.csv`, `${file}.csv`));
}

function reason(details) {
  return details.reason ? element("span", { class: "soft id" }, details.reason) : null;
}
