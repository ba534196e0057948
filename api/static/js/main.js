/** The demo storefront: what is shown follows the address bar, and what is clicked is told to the server. */

import { autosuggest, openSession, search, tell } from "./api.js";
import { element } from "./dom.js";
import { asRequest, drawFacets, noFilters } from "./facets.js";
import { counted, milliseconds, whole } from "./format.js";
import { leave, openProduct } from "./product-dialog.js";
import { showShelves } from "./recommendations.js";
import { card, explained, message, skeletons, understoodChips } from "./results.js";
import { SearchBox } from "./search-box.js";

const PAGE_SIZE = 24;
const SUGGESTED_PRODUCTS = 3;
const SHOWN_TRENDING = 8;
const SHOP_NAME = document.title;

const at = (id) => document.getElementById(id);
const results = at("results");
const grid = at("grid");

/** The list on screen: its query and filters, and how far it has been loaded. */
let shown = { query: "", sort: "relevance", filters: noFilters(), interpret: true, requestId: null, loaded: 0, total: 0 };
let loading = null; // AbortController of the search under way

const box = new SearchBox(
  {
    form: at("search-form"),
    input: at("search-input"),
    clear: at("search-clear"),
    popup: at("suggestions"),
    list: at("suggestion-list"),
    timing: at("suggestion-timing"),
    announcer: at("announcer"),
  },
  {
    fetch: (prefix, signal) => autosuggest(prefix, { signal, products: prefix.trim() ? SUGGESTED_PRODUCTS : 0 }),
    onSubmit: (text) => go(text),
    onSuggestion: (item, rank, answer, prefix) => {
      tell("suggestion_click", { query: item.text, rank, requestId: answer.request_id, additional: { prefix } });
      go(item.text);
    },
    onScope: (item, scope, rank, answer, prefix) => {
      const additional = { prefix, category: scope.category };
      tell("suggestion_click", { query: item.text, rank, requestId: answer.request_id, additional });
      go(item.text, { filters: { ...noFilters(), category: [scope.category] } });
    },
    onProduct: (product, rank, answer) => open(product, rank, answer.request_id),
  },
);

/** Search for `query`: a new entry in the browser's history. */
function go(query, { sort = "relevance", filters = noFilters(), interpret = true } = {}) {
  history.pushState(null, "", address(query, sort, filters, interpret));
  follow();
}

function address(query, sort, filters, interpret) {
  const parameters = new URLSearchParams({ q: query });
  if (sort !== "relevance") parameters.set("sort", sort);
  for (const field of ["category", "brand"]) filters[field].forEach((value) => parameters.append(field, value));
  for (const field of ["price", "rating"]) {
    if (filters[field]) parameters.set(field, filters[field].map((bound) => bound ?? "").join("-"));
  }
  if (!interpret) parameters.set("interpret", "false");
  return `/?${parameters}`;
}

/** Show what the address says. */
function follow() {
  const parameters = new URLSearchParams(location.search);
  const query = (parameters.get("q") ?? "").trim();
  box.text = query;
  box.forget();
  at("welcome").hidden = query !== "";
  results.hidden = query === "";
  document.title = query ? `${query} – ${SHOP_NAME}` : SHOP_NAME;
  at("recommended").hidden = true;
  at("recommended").replaceChildren();
  if (!query) {
    loading?.abort();
    showTrending();
    showRecommended();
    return;
  }
  const filters = noFilters();
  for (const field of ["category", "brand"]) filters[field] = parameters.getAll(field);
  for (const field of ["price", "rating"]) filters[field] = range(parameters.get(field));
  const interpret = parameters.get("interpret") !== "false";
  shown = { query, sort: sortOf(parameters), filters, interpret, requestId: null, loaded: 0, total: 0 };
  at("sort").value = shown.sort;
  load();
}

function sortOf(parameters) {
  const wanted = parameters.get("sort");
  return [...at("sort").options].some((option) => option.value === wanted) ? wanted : "relevance";
}

function range(text) {
  const found = /^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)?$/.exec(text ?? "");
  return found ? [Number(found[1]), found[2] === undefined ? null : Number(found[2])] : null;
}

/** Load the first page of `shown`, or the next one. */
async function load() {
  const list = shown;
  loading?.abort();
  loading = new AbortController();
  const first = list.loaded === 0;
  begin(first);
  try {
    const { query, sort, filters, interpret, requestId, loaded } = list;
    const page = { requestId, offset: loaded, pageSize: PAGE_SIZE };
    const asked = { query, sort, filters: asRequest(filters), interpret, ...page };
    const answer = await search(asked, { signal: loading.signal });
    if (list === shown) finish(answer, first);
  } catch (error) {
    if (error.name === "AbortError" || list !== shown) return;
    fail(error, first);
  }
}

function begin(first) {
  results.setAttribute("aria-busy", "true");
  at("message").hidden = true;
  at("more-button").disabled = true;
  if (!first) return;
  at("results-title").textContent = `“${shown.query}”`;
  at("results-meta").textContent = "Searching…";
  at("notice").hidden = true;
  at("understood").hidden = true;
  at("facets").hidden = true;
  at("more").hidden = true;
  grid.replaceChildren(...skeletons(8));
}

function finish(answer, first) {
  results.setAttribute("aria-busy", "false");
  if (first) {
    grid.replaceChildren();
    shown.requestId = answer.request_id;
    shown.total = answer.total_results;
    drawHead(answer);
  }
  const before = shown.loaded;
  const cards = answer.products.map((product, index) => {
    const rank = before + index + 1;
    return card(product, () => open(product, rank, shown.requestId));
  });
  grid.append(...cards);
  shown.loaded = before + cards.length;
  if (first && cards.length === 0) nothingFound();
  if (!first) cards[0]?.querySelector("button")?.focus(); // keyboards go on where the new cards begin
  const more = cards.length > 0 && shown.loaded < shown.total;
  at("more").hidden = !more;
  at("more-button").disabled = false;
  at("more-count").textContent = `${whole(shown.loaded)} of ${whole(shown.total)} shown`;
  at("announcer").textContent = `${counted(shown.total, "product")} for ${shown.query}, ${whole(shown.loaded)} shown`;
}

function drawHead(answer) {
  at("results-meta").textContent = `${counted(answer.total_results, "product")} · ${milliseconds(answer.response_time_ms)}`;
  const { query, sort, filters } = shown;
  const chips = understoodChips(answer.understood ?? [], () => go(query, { sort, filters, interpret: false }));
  at("understood").replaceChildren(...chips);
  at("understood").hidden = chips.length === 0;
  const notice = at("notice");
  const said = [];
  if (answer.redirect) said.push("This search has ", element("a", { href: answer.redirect }, "a page of its own"), ". ");
  if (answer.corrected_query) said.push("Showing results for ", element("strong", {}, answer.corrected_query), ". ");
  if (answer.did_you_mean) {
    const other = answer.did_you_mean;
    said.push("Did you mean ", element("button", { class: "link", type: "button", onclick: () => go(other, { sort, filters }) }, other), "? ");
  }
  for (const part of answer.understood ?? []) {
    const told = answer.relaxed?.includes(part.text);
    if (part.applied === "ignored" && !told) said.push(`“${part.text}” was left out of the search. `);
  }
  if (answer.relaxed) said.push(element("span", {}, `Few products match everything: ${answer.relaxed}.`));
  notice.replaceChildren(...said);
  notice.hidden = said.length === 0;
  if (answer.facets) {
    const currency = answer.products.find((product) => product.currency)?.currency ?? null;
    drawFacets(at("facets"), answer.facets, shown.filters, currency, (filters) => {
      go(shown.query, { sort: shown.sort, filters, interpret: shown.interpret });
    });
  }
}

function nothingFound() {
  const filtered = Object.keys(asRequest(shown.filters)).length > 0;
  message(at("message"), {
    heading: `Nothing found for “${shown.query}”`,
    text: filtered ? "Nothing matches these filters." : "Check the spelling, or try fewer or more general words.",
    action: filtered ? { label: "Remove filters", run: () => go(shown.query, { sort: shown.sort }) } : null,
  });
}

function fail(error, first) {
  results.setAttribute("aria-busy", "false");
  at("more-button").disabled = false;
  if (first) {
    grid.replaceChildren();
    at("results-meta").textContent = "";
  }
  const said = explained(error, () => load());
  message(at("message"), said);
  at("announcer").textContent = said.heading;
}

/** A click on a product: told, and shown. */
function open(product, rank, requestId) {
  const context = { item: product.product_id, rank, requestId };
  tell("click", context);
  box.forget();
  const told = (action, more) => tell(action, { ...context, ...more });
  openProduct(at("product-dialog"), at("product-dialog-body"), product, told, open);
}

/** Shelves on the first page, as long as that is shown. */
function showRecommended() {
  showShelves(at("recommended"), open, { still: () => !at("welcome").hidden });
}

/** Trending queries below the welcome; their absence is no error. */
async function showTrending() {
  try {
    const answer = await autosuggest("");
    // Numbered before the recent ones go: a rank says where the server put it.
    const ranked = answer.items.map((item, index) => ({ item, rank: index + 1 }));
    const entries = ranked
      .filter(({ item }) => item.source === "trending")
      .slice(0, SHOWN_TRENDING)
      .map(({ item, rank }) => {
        const choose = () => chooseTrending(item, rank, answer);
        return element("li", {}, element("button", { class: "chip", type: "button", onclick: choose }, item.text));
      });
    at("trending-list").replaceChildren(...entries);
    at("trending").hidden = entries.length === 0;
  } catch {
    at("trending").hidden = true;
  }
}

function chooseTrending(item, rank, answer) {
  tell("suggestion_click", { query: item.text, rank, requestId: answer.request_id });
  go(item.text);
}

at("sort").addEventListener("change", () => go(shown.query, { ...shown, sort: at("sort").value }));
at("more-button").addEventListener("click", () => load());
at("home-link").addEventListener("click", (event) => {
  if (event.metaKey || event.ctrlKey || event.shiftKey) return; // a new tab or window
  event.preventDefault();
  history.pushState(null, "", "/");
  follow();
});
at("product-dialog-close").addEventListener("click", () => at("product-dialog").close());
at("product-dialog").addEventListener("click", (event) => {
  if (event.target === event.currentTarget) event.currentTarget.close(); // the backdrop
});
at("product-dialog").addEventListener("close", () => {
  leave(at("product-dialog"));
  if (!at("welcome").hidden) showRecommended(); // what was looked at shows
});
addEventListener("popstate", () => {
  at("product-dialog").close();
  follow();
});

openSession().catch(() => {}); // each call tries again; a shopper who only looks needs none
follow();
