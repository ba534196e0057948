/** A list of products: what was searched for, or a department; with filters, sorting, pages and every state between. */

import { SORTS, asRequest, countFilters, noFilters, ofList } from "./address.js";
import { card, explained, message, skeletons } from "./card.js";
import { element } from "./dom.js";
import { drawFacets } from "./facets.js";
import { counted, milliseconds, whole } from "./format.js";
import { explain } from "./explain.js";
import { understoodChips, wordsAbout } from "./notices.js";
import { client } from "./shop.js";

const PAGE_SIZE = 24;
const LARGEST_PAGE = 100;
let filtersOpen = false; // on narrow screens; stays so from list to list

/**
 * Fill `main` with the list of `address`. `go(path, how)` leads elsewhere; `kept` is `{requestId, loaded}` of the list as
 * it was left, which goes on from there; `keep` takes that. Returns what to do when the view is left.
 */
export function listView(main, address, { go, announce, refocus, fresh, kept, keep, scrolled }) {
  const list = { ...address, fresh, kept, requestId: kept?.requestId ?? null, loaded: 0, total: 0 };
  const parts = drawn(main, list, go);
  const move = (changed, focus) => go(ofList({ ...address, ...changed }), { fresh: false, focus });
  let loading = null; // AbortController of the request under way

  /** Load the first page, or the next one. */
  async function load() {
    loading?.abort();
    loading = new AbortController();
    const { signal } = loading;
    const first = list.loaded === 0;
    begin(first);
    try {
      const answer = await ask(list, signal);
      finish(answer, first);
    } catch (error) {
      if (error.name !== "AbortError" && !signal.aborted) fail(error, first);
    }
  }

  function begin(first) {
    parts.results.setAttribute("aria-busy", "true");
    parts.message.hidden = true;
    parts.moreButton.disabled = true;
    if (!first) return;
    parts.meta.textContent = list.query ? "Searching…" : "Loading…";
    parts.grid.replaceChildren(...skeletons(8));
  }

  function finish(answer, first) {
    if (first) {
      parts.grid.replaceChildren();
      Object.assign(list, { requestId: list.requestId ?? answer.request_id, total: answer.total_results });
      head(answer);
      explain({ title: list.query || list.department, ...bodyOf(list) });
    }
    const before = list.loaded;
    const cards = answer.products.map((product, at) =>
      card(product, { rank: before + at + 1, requestId: list.requestId }),
    );
    parts.grid.append(...cards);
    list.loaded = before + cards.length;
    const again = list.loaded < (list.kept?.loaded ?? 0) && cards.length > 0; // a long list comes back in pages
    if (!again) keep({ requestId: list.requestId, loaded: list.loaded });
    if (first && cards.length === 0) nothingFound();
    if (!first && !list.kept) cards[0]?.querySelector("a").focus(); // keyboards go on where the new cards begin
    if (list.kept) scrollTo(0, scrolled);
    if (!again) list.kept = null;
    parts.more.hidden = cards.length === 0 || list.loaded >= list.total;
    parts.moreButton.disabled = false;
    parts.moreCount.textContent = `${whole(list.loaded)} of ${whole(list.total)} shown`;
    parts.results.setAttribute("aria-busy", "false");
    announce(`${counted(list.total, "product")} for ${list.query || list.department}, ${whole(list.loaded)} shown`);
    if (again) load();
  }

  function head(answer) {
    const took = `${counted(answer.total_results, "product")} · ${milliseconds(answer.response_time_ms)}`;
    parts.meta.textContent = answer.personalized ? `${took} · ranked for you` : took;
    const chips = understoodChips(answer.understood ?? [], () => move({ interpret: false }));
    parts.understood.replaceChildren(...chips);
    parts.understood.hidden = chips.length === 0;
    const said = wordsAbout(answer, (query) => go(ofList({ ...address, query })));
    parts.notice.replaceChildren(...said);
    parts.notice.hidden = said.length === 0;
    const currency = answer.products.find((product) => product.currency)?.currency ?? null;
    const onChange = (filters, focus) => move({ filters }, focus);
    drawFacets(parts.facets, answer.facets, list.filters, { currency, department: list.department, onChange });
    parts.filters.hidden = parts.facets.childElementCount === 0;
    if (document.activeElement === main) refocus(); // the filter that led here is there again
  }

  async function nothingFound() {
    const filtered = countFilters(list.filters) > 0;
    message(parts.message, {
      heading: `Nothing found for “${list.query || list.department}”`,
      text: filtered ? "Nothing matches these filters." : "Check the spelling, or try fewer or more general words.",
      action: filtered ? { label: "Remove filters", run: () => move({ filters: noFilters() }) } : null,
    });
    if (!list.query || filtered) return;
    const { items } = await client
      .autosuggest(list.query, { max_suggestions: 5, preview: true })
      .catch(() => ({ items: [] }));
    const chips = items.map(({ text }) => element("a", { class: "chip", href: ofList({ query: text }) }, text));
    if (chips.length > 0)
      parts.message.append(element("p", {}, "These find something:"), element("div", { class: "chips" }, ...chips));
  }

  function fail(error, first) {
    parts.results.setAttribute("aria-busy", "false");
    parts.moreButton.disabled = false;
    if (first) {
      parts.grid.replaceChildren();
      parts.meta.textContent = "";
    }
    const said = explained(error, () => load());
    message(parts.message, said);
    announce(said.heading);
  }

  parts.sort.addEventListener("change", () => move({ sort: parts.sort.value }, "#sort"));
  parts.moreButton.addEventListener("click", () => load());
  load();
  return () => loading?.abort();
}

function ask(list, signal) {
  const missing = list.kept ? list.kept.loaded - list.loaded : PAGE_SIZE; // as much as was there when it was left
  const page = {
    max_results: Math.min(Math.max(missing, 1), LARGEST_PAGE),
    offset: list.loaded,
    ...(list.requestId ? { request_id: list.requestId } : {}),
  };
  const { path, body } = bodyOf(list);
  const completed = path === "/search" && list.loaded === 0 ? { completed: list.fresh } : {};
  return client.ask(path, { ...body, ...page, ...completed }, { signal });
}

/** Where the list is asked for, and what makes it this one. */
function bodyOf({ query, department, sort, filters, interpret }) {
  const chosen = asRequest(filters);
  if (!query) return { path: "/browse", body: { sort, filters: { ...chosen, category: [department] } } };
  const read = interpret ? {} : { interpret: false };
  return {
    path: "/search",
    body: { query, sort, ...read, ...(Object.keys(chosen).length ? { filters: chosen } : {}) },
  };
}

function drawn(main, list, go) {
  const count = countFilters(list.filters);
  const parts = {
    meta: element("p", { class: "results-meta", id: "results-meta" }, " "),
    sort: element(
      "select",
      { id: "sort" },
      ...Object.entries(SORTS).map(([value, label]) =>
        element("option", { value, selected: value === list.sort }, label),
      ),
    ),
    understood: element("div", {
      class: "chips understood",
      id: "understood",
      role: "group",
      "aria-label": "Understood",
      hidden: true,
    }),
    notice: element("p", { class: "notice", id: "notice", hidden: true }),
    facets: element("div", { class: "facets", id: "facets" }),
    grid: element("ul", { class: "grid", id: "grid" }),
    message: element("div", { class: "message", id: "message", hidden: true }),
    moreCount: element("p", { class: "more-count" }),
    moreButton: element("button", { class: "button", id: "more-button", type: "button" }, "Load more"),
  };
  const toggle = element(
    "button",
    {
      class: "button button-small filters-toggle",
      type: "button",
      "aria-expanded": String(filtersOpen),
      "aria-controls": "facets",
    },
    count ? `Filters (${count})` : "Filters",
  );
  toggle.addEventListener("click", () => {
    filtersOpen = !filtersOpen;
    toggle.setAttribute("aria-expanded", String(filtersOpen));
  });
  const reset =
    count > 0
      ? element(
          "button",
          {
            class: "link",
            type: "button",
            onclick: () => go(ofList({ ...list, filters: noFilters() }), { fresh: false }),
          },
          "Remove all filters",
        )
      : null;
  parts.filters = element("aside", { class: "filters", "aria-label": "Filters" }, toggle, parts.facets, reset);
  parts.more = element("div", { class: "more", hidden: true }, parts.moreCount, parts.moreButton);
  parts.results = element(
    "section",
    { class: "results", id: "results", tabindex: "-1", "aria-labelledby": "results-title" },
    element(
      "div",
      { class: "results-bar" },
      element(
        "div",
        {},
        element(
          "h1",
          { class: "results-title", id: "results-title" },
          list.query ? `“${list.query}”` : list.department,
        ),
        parts.meta,
      ),
      element("label", { class: "sort" }, element("span", {}, "Sort by"), parts.sort),
    ),
    parts.understood,
    parts.notice,
    element(
      "div",
      { class: "results-body" },
      parts.filters,
      element("div", { class: "results-list" }, parts.grid, parts.message, parts.more),
    ),
  );
  main.replaceChildren(parts.results);
  return parts;
}
