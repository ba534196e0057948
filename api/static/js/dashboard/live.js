/** What the service does right now: drawn anew with every answer of /admin/stats. */

import { element } from "../dom.js";
import { whole } from "../format.js";
import { bar, sparkline } from "./chart.js";
import { card } from "./figures.js";
import { hidden, panel } from "./help.js";
import { NONE, decimal, duration, latency, moment, percent } from "./numbers.js";
import { table } from "./tables.js";
import { nothing } from "./traffic.js";

const KEPT = 60; // requests per second of the last five minutes
const FLOWS = { autosuggest: "Autosuggest", search: "Search" };

/** Requests per second, from the counts of two answers. */
export class Rate {
  #last = null;
  #values = [];

  /** Takes the newest count. `at` in milliseconds; a count that fell is of a server that was started anew. */
  add(count, at) {
    if (this.#last !== null && count >= this.#last.count && at > this.#last.at) {
      this.#values.push((1_000 * (count - this.#last.count)) / (at - this.#last.at));
      this.#values = this.#values.slice(-KEPT);
    }
    this.#last = { count, at };
  }

  get values() {
    return this.#values;
  }
}

export function liveCards(stats, rate) {
  const { models, cache, model_process: process } = stats;
  const now = rate.values.at(-1) ?? null;
  const requests = element("span", {}, decimal(now), element("span", { class: "unit" }, " /s"));
  const drawn = sparkline(rate.values, `Requests per second lately: ${rate.values.map(decimal).join(", ") || "not known yet"}`);
  return [
    card("Requests", requests, drawn, "Requests per second between the last two looks, this page's own included."),
    card("Uptime", duration(stats.uptime_seconds), `${whole(stats.requests_total)} requests`, null),
    card(
      "Cache hits",
      percent(cache.hit_rate),
      `${cache.kind} · ${whole(cache.hits)} of ${whole(cache.hits + cache.misses)}`,
      "Share of the candidate lists for a prefix that were in the cache.",
    ),
    card(
      "Model process",
      process === null ? "in threads" : process.state,
      process === null ? "no process of its own" : `${whole(process.pending)} waiting · ${whole(process.restarts)} restarts`,
      "The process that asks the language models. While it is away, suggestions come from the index alone.",
    ),
  ];
}

export function latencyPanels(stats) {
  const stages = Object.entries(FLOWS)
    .filter(([flow]) => stats.stages[flow])
    .flatMap(([flow, name]) => Object.entries(stats.stages[flow]).map(([stage, times]) => [`${name}: ${stage}`, times]));
  return [
    latencyPanel("Latency by endpoint", "Endpoint", Object.entries(stats.endpoints)),
    latencyPanel("Latency by stage", "Stage", stages),
  ];
}

function latencyPanel(title, what, rows) {
  const definition =
    "Milliseconds inside the server. Half of the requests took at most p50, all but five of a hundred at most p95, " +
    "all but one of a hundred at most p99. The bar shows p50 (dark) and p95 (light) beside the slowest p95 here.";
  if (rows.length === 0) return panel(title, definition, nothing("Nothing was asked yet."));
  const slowest = Math.max(...rows.map(([, times]) => times.p95_ms), 0.001);
  const columns = [
    [what, ([name]) => (name === "unmatched" ? "other paths, files" : name), "words"],
    [hidden("p50 and p95 as a bar"), ([, times]) => bar(times.p50_ms / slowest, times.p95_ms / slowest), "bar-cell"],
    ["p50", ([, times]) => latency(times.p50_ms), "number"],
    ["p95", ([, times]) => latency(times.p95_ms), "number"],
    ["p99", ([, times]) => latency(times.p99_ms), "number"],
    ["Count", ([, times]) => whole(times.count), "number"],
  ];
  return panel(title, definition, table(`${title}, milliseconds`, columns, rows));
}

export function servicePanels(stats) {
  const { manifest, version, published } = stats.models;
  const made = manifest.created_at ? moment(new Date(manifest.created_at)) : NONE;
  const models = [
    ["Version", version],
    ["Preset", manifest.preset ?? NONE],
    ["Trained", made],
    ["Published versions", whole(published.length)],
    ["Products", whole(stats.data.products)],
    ["Reranker", stats.personalization.reranker],
    ["Queries learnt since", whole(stats.live_queries.learnt)],
  ];
  const failed = { ...stats.degraded, lists_dropped: stats.lists_dropped };
  const degraded = Object.entries(failed).filter(([, count]) => count > 0);
  const rows = degraded.map(([name, count]) => [name.replaceAll("_", " "), whole(count)]);
  const definition = "How often something optional was left out of an answer or a log, so that it came in time.";
  return [
    panel("Models", null, facts(models)),
    panel("Degraded", definition, rows.length ? facts(rows) : nothing("Nothing was left out of any answer.")),
  ];
}

function facts(rows) {
  return element(
    "dl",
    { class: "facts" },
    rows.map(([name, value]) => element("div", {}, element("dt", {}, name), element("dd", {}, String(value)))),
  );
}
