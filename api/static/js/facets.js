/** Facets as chips: one row per field, pressed chips are the filters in force. */

import { element } from "./dom.js";
import { price, whole } from "./format.js";

const SHOWN = 8; // chips of one field; the counts fall steeply after the first few

/** No filter at all. `price` and `rating` are ranges `[low, high]`, where high may be null. */
export function noFilters() {
  return { category: [], brand: [], price: null, rating: null };
}

/** The filters in the form of the API. */
export function asRequest(chosen) {
  const filters = {};
  if (chosen.category.length > 0) filters.category = chosen.category;
  if (chosen.brand.length > 0) filters.brand = chosen.brand;
  if (chosen.price) {
    filters.price_min = chosen.price[0];
    if (chosen.price[1] !== null) filters.price_max = chosen.price[1];
  }
  if (chosen.rating) filters.rating_min = chosen.rating[0];
  return filters;
}

/** Draw the chips for `facets` into `box`; `onChange` gets the new filters. */
export function drawFacets(box, facets, chosen, currency, onChange) {
  const rows = [
    row("Category", values("category", facets.category, chosen, onChange)),
    row("Brand", values("brand", facets.brand, chosen, onChange)),
    row("Price", ranges("price", facets.price, chosen, onChange, (low, high) => priceLabel(low, high, currency))),
    row("Rating", ranges("rating", facets.rating, chosen, onChange, (low) => `${low} ★ and up`)),
  ];
  box.replaceChildren(...rows.filter(Boolean));
  box.hidden = box.childElementCount === 0;
}

function row(label, chips) {
  if (chips.length === 0) return null;
  return element(
    "div",
    { class: "facet", role: "group", "aria-label": label },
    element("span", { class: "facet-name" }, label),
    element("div", { class: "facet-chips" }, ...chips),
  );
}

function values(field, found, chosen, onChange) {
  const shown = (found ?? []).slice(0, SHOWN);
  // A chosen value stays visible even where the server no longer counts it: it must be possible to undo.
  for (const value of chosen[field]) {
    if (!shown.some((one) => one.value === value)) shown.unshift({ value, count: null });
  }
  if (shown.length < 2 && chosen[field].length === 0) return [];
  return shown.map(({ value, count }) => {
    const pressed = chosen[field].includes(value);
    const next = pressed ? chosen[field].filter((one) => one !== value) : [...chosen[field], value];
    return chip(value, count, pressed, () => onChange({ ...chosen, [field]: next }));
  });
}

function ranges(field, found, chosen, onChange, label) {
  const shown = (found ?? []).filter((range) => range.count > 0).map(({ low, high, count }) => ({ low, high, count }));
  const now = chosen[field];
  if (now && !shown.some((range) => range.low === now[0] && range.high === now[1])) {
    shown.unshift({ low: now[0], high: now[1], count: null });
  }
  if (shown.length < 2 && !now) return [];
  return shown.map(({ low, high, count }) => {
    const pressed = now !== null && now[0] === low && now[1] === high;
    return chip(label(low, high), count, pressed, () => onChange({ ...chosen, [field]: pressed ? null : [low, high] }));
  });
}

function chip(label, count, pressed, onclick) {
  return element(
    "button",
    { class: "chip", type: "button", "aria-pressed": String(pressed), onclick },
    label,
    count === null ? null : element("span", { class: "chip-count" }, whole(count)),
  );
}

function priceLabel(low, high, currency) {
  if (high === null) return `over ${price(low, currency)}`;
  return low === 0 ? `under ${price(high, currency)}` : `${price(low, currency)} – ${price(high, currency)}`;
}
