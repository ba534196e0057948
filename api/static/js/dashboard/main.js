/** The dashboard: the address says which range of time, the figures follow it, what is live is asked every 5 seconds. */

import { forgetKey, hasKey, insights, stats } from "./api.js";
import { clearBreakdown, listenForBreakdown, showBreakdown } from "./breakdown.js";
import { clearExperiments, followExperiments, stopExperiments } from "./experiments.js";
import { driftPanel } from "./drift.js";
import { emptyCards, figureCards } from "./figures.js";
import { askForKey, explained, listenForKey } from "./key-form.js";
import { Rate, latencyPanels, liveCards, servicePanels } from "./live.js";
import { moment } from "./numbers.js";
import { tablePanels } from "./tables.js";
import { answered, funnelPanel, positionPanel, seriesPanels } from "./traffic.js";

const LIVE_EVERY_MS = 5_000;
const FIGURES_EVERY_MS = 60_000; // they are counted anew: more often would be a load …
const LONG_RANGE = 5; // … and of long ranges, where a minute changes little, so many times more seldom
const USUAL_HOURS = 24;
const PARTS = ["figures", "breakdown", "trials", "live", "ranges", "forget"]; // for operators
const SPAN = document.getElementById("span").textContent;

const at = (id) => document.getElementById(id);
const links = [...at("ranges").querySelectorAll("a")];

let asking = null; // AbortController of the figures under way
let drawn = null; // {hours, shown, when} of the figures on screen: `shown` as text, to leave alone what did not change
let countedAt = 0; // when they were last counted, in milliseconds
let troubles = {}; // what went wrong last with the figures, the live part and the experiments: {error, since} each
let rate = new Rate();
let timer = null;
let looking = 0; // a number for each run of the live part: what an earlier one still gets is of no use

/** The range that the address names, among those offered. */
function hoursAsked() {
  const asked = new URLSearchParams(location.search).get("hours");
  return Number(links.find((link) => link.dataset.hours === asked)?.dataset.hours ?? USUAL_HOURS);
}

function markRange() {
  for (const link of links) {
    if (Number(link.dataset.hours) === hoursAsked()) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

/** The figures of the range in the address. Those of another range give way to place-holders at once. */
async function showFigures() {
  const hours = hoursAsked();
  markRange();
  asking?.abort();
  const mine = (asking = new AbortController());
  if (drawn?.hours !== hours) holdPlaces();
  at("figures").setAttribute("aria-busy", "true");
  try {
    const answer = await insights(hours, { signal: mine.signal });
    if (mine !== asking) return;
    found("figures");
    draw(answer, hours);
    showBreakdown(hours);
  } catch (error) {
    if (error.name === "AbortError" || mine !== asking) return;
    failed("figures", error);
  } finally {
    if (mine === asking) asking = null;
  }
}

function holdPlaces() {
  drawn = null;
  at("cards").replaceChildren(...emptyCards());
  for (const [id, count] of [["series", 5], ["outcome", 2], ["tables", 4]]) {
    at(id).replaceChildren(...Array.from({ length: count }, () => {
      const box = document.createElement("div");
      box.className = "panel skeleton";
      return box;
    }));
  }
}

function draw(answer, hours) {
  const { start, end, ...rest } = answer;
  countedAt = Date.now();
  at("figures").setAttribute("aria-busy", "false");
  const shown = JSON.stringify(rest);
  if (drawn && at("figures").contains(document.activeElement)) return; // a definition is read, or a table scrolled
  at("span").textContent = `${moment(new Date(start))} to ${moment(new Date(end))}, compared with as long before`;
  if (drawn?.shown === shown) return;
  drawn = { hours, shown, when: new Date() };
  at("cards").replaceChildren(...figureCards(answer));
  at("answered").textContent = answered(answer);
  at("series").replaceChildren(...seriesPanels(answer, hours));
  at("outcome").replaceChildren(funnelPanel(answer), positionPanel(answer));
  at("tables").replaceChildren(...tablePanels(answer, hours));
}

async function showLive(run) {
  try {
    const answer = await stats();
    if (run !== looking) return;
    const wasAway = troubles.live !== undefined;
    found("live");
    rate.add(answer.requests_total, performance.now());
    if (!at("live").contains(document.activeElement)) { // as above
      at("live-cards").replaceChildren(...liveCards(answer, rate));
      at("latencies").replaceChildren(...latencyPanels(answer));
      at("service").replaceChildren(...servicePanels(answer));
      at("drift").replaceChildren(driftPanel(answer));
    }
    if ((wasAway || troubles.figures || figuresAreOld()) && asking === null) showFigures();
  } catch (error) {
    if (run === looking) failed("live", error);
  }
}

function figuresAreOld() {
  if (drawn === null) return true;
  return Date.now() - countedAt > FIGURES_EVERY_MS * (drawn.hours > USUAL_HOURS ? LONG_RANGE : 1);
}

function found(part) {
  delete troubles[part];
  tellTroubles();
}

/** A refused key is asked for again; a server that is away leaves what was known where it is. */
function failed(part, error) {
  if (error.refused) {
    close(explained(error));
    return;
  }
  at("figures").setAttribute("aria-busy", "false");
  troubles[part] = { error, since: troubles[part]?.since ?? new Date() };
  tellTroubles();
}

function tellTroubles() {
  const trouble = troubles.live ?? troubles.figures ?? troubles.experiments;
  const known = drawn ? ` Shown is what was known at ${moment(drawn.when)}.` : "";
  const again = trouble ? ` Since ${moment(trouble.since)}; trying again every few seconds.${known}` : "";
  const said = trouble ? `${trouble.error.message}${again}` : "";
  if (at("notice").textContent !== said) at("notice").textContent = said; // said once to screen readers
}

/** Looks now and every few seconds as long as the page is visible. */
function follow() {
  stopFollowing();
  if (document.hidden || !hasKey()) return;
  const run = looking;
  const again = async () => {
    await showLive(run);
    if (run === looking) timer = setTimeout(again, LIVE_EVERY_MS);
  };
  again();
  followExperiments(() => found("experiments"), (error) => failed("experiments", error));
}

function stopFollowing() {
  looking += 1;
  clearTimeout(timer);
  stopExperiments();
}

function open() {
  for (const id of PARTS) at(id).hidden = false;
  showFigures();
  follow();
}

/** Without a key nothing of what it showed stays. */
function close(said = "") {
  forgetKey();
  stopFollowing();
  asking?.abort();
  asking = null;
  drawn = null;
  troubles = {};
  rate = new Rate();
  clearExperiments();
  for (const id of PARTS) at(id).hidden = true;
  clearBreakdown();
  for (const id of ["cards", "answered", "series", "outcome", "tables", "live-cards", "latencies", "service", "drift"]) at(id).replaceChildren();
  at("notice").textContent = "";
  at("span").textContent = SPAN;
  askForKey(said);
}

at("ranges").addEventListener("click", (event) => {
  const link = event.target.closest("a");
  if (!link || event.metaKey || event.ctrlKey || event.shiftKey) return; // a new tab or window
  event.preventDefault();
  if (Number(link.dataset.hours) !== hoursAsked()) history.pushState(null, "", link.href);
  showFigures();
});
at("forget").addEventListener("click", () => close());
addEventListener("popstate", () => (hasKey() ? showFigures() : markRange()));
document.addEventListener("visibilitychange", follow);
listenForKey(open);
listenForBreakdown(hoursAsked);

if (hasKey()) open();
else askForKey();
