/** What stands in the list below the search box: suggestions, and products for the best of them. */

import { element, icon } from "./dom.js";
import { cut, price, whole } from "./format.js";
import { picture } from "./picture.js";

const SOURCES = {
  history: { badge: "popular", title: "Shoppers completed this search before" },
  query_model: { badge: "query model", title: "Composed by the language model of queries" },
  catalog_model: { badge: "catalogue model", title: "Composed by the language model of the catalogue" },
  recent: { badge: "recent", title: "You searched this before" },
  trending: { badge: "trending", title: "Many shoppers search this now" },
};
const HEADINGS = { recent: "Recent searches", trending: "Trending" };

/** Fill `list` with the answer's options. Returns `[{element, text, choose}]` in the order on screen. */
export function fillList(list, answer, { onSuggestion, onScope, onProduct }) {
  const options = [];
  const groups = new Map();
  answer.items.forEach((item, index) => {
    const heading = HEADINGS[item.source] ?? "";
    const option = suggestionOption(item, `suggestion-${options.length}`);
    options.push({ element: option, text: item.text, choose: () => onSuggestion(item, index + 1) });
    const members = [option];
    if (index === 0) {
      for (const scope of answer.scopes ?? []) {
        const scoped = scopeOption(item, scope, `suggestion-${options.length}`);
        options.push({ element: scoped, text: item.text, choose: () => onScope(item, scope, index + 1) });
        members.push(scoped);
      }
    }
    groups.set(heading, [...(groups.get(heading) ?? []), ...members]);
  });
  const products = answer.products ?? [];
  const cards = products.map((product, index) => {
    const option = productOption(product, `suggestion-${options.length}`);
    options.push({ element: option, text: product.title, choose: () => onProduct(product, index + 1) });
    return option;
  });
  const made = [...groups].map(([heading, members], index) => group(heading, members, `suggestion-group-${index}`));
  if (cards.length > 0) made.push(group("Products", cards, "suggestion-group-products"));
  list.replaceChildren(...made);
  return sortedByPlace(list, options);
}

/** Grouping may have moved options: the arrows follow what is seen. */
function sortedByPlace(list, options) {
  const places = new Map([...list.querySelectorAll("[role=option]")].map((option, place) => [option, place]));
  return options.sort((a, b) => places.get(a.element) - places.get(b.element));
}

function group(heading, members, id) {
  const label = heading ? element("div", { class: "suggestion-heading", id, role: "presentation" }, heading) : null;
  const name = heading ? { "aria-labelledby": id } : { "aria-label": "Suggestions" };
  return element("div", { class: "suggestion-group", role: "group", ...name }, label, ...members);
}

function suggestionOption(item, id) {
  const source = SOURCES[item.source] ?? { badge: item.source, title: "" };
  const symbol = { recent: "clock", trending: "trend" }[item.source] ?? "search";
  const words = cut(item.text, item.highlights).map((part) =>
    element("span", { class: part.typed ? "typed" : "completed" }, part.text),
  );
  return element(
    "div",
    { class: "suggestion", id, role: "option", "aria-selected": "false" },
    icon(symbol, "suggestion-icon"),
    element(
      "span",
      { class: "suggestion-words" },
      item.corrected ? element("span", { class: "corrected" }, "did you mean ") : null,
      element("span", { class: "suggestion-text" }, ...words),
      item.category ? element("span", { class: "suggestion-category" }, ` in ${item.category}`) : null,
    ),
    Number.isInteger(item.product_count)
      ? element("span", { class: "suggestion-count" }, whole(item.product_count), productWord(item.product_count))
      : null,
    element("span", { class: `badge badge-${item.source}`, title: source.title }, source.badge),
  );
}

/** The best suggestion within one of the shop's categories: "nintendo in Video Games". */
function scopeOption(item, scope, id) {
  return element(
    "div",
    { class: "suggestion suggestion-scope", id, role: "option", "aria-selected": "false" },
    element(
      "span",
      { class: "suggestion-words" },
      element("span", { class: "completed" }, item.text),
      " in ",
      element("span", { class: "suggestion-scope-name" }, scope.category),
    ),
    element("span", { class: "suggestion-count" }, whole(scope.product_count), productWord(scope.product_count)),
  );
}

/** Small screens show the bare number (styles.css). */
function productWord(count) {
  return element("span", {}, count === 1 ? " product" : " products");
}

function productOption(product, id) {
  const details = [product.brand, Number.isFinite(product.price) ? price(product.price, product.currency) : null];
  return element(
    "div",
    { class: "suggestion suggestion-product", id, role: "option", "aria-selected": "false" },
    picture(product),
    element(
      "span",
      { class: "suggestion-words" },
      element("span", { class: "suggestion-title" }, product.title),
      element("span", { class: "suggestion-category" }, details.filter(Boolean).join(" · ")),
    ),
  );
}
