/** Filters with their counts beside a list: what is pressed holds, and stays visible to be taken back. */

import { price } from "/static/cadence-search.js";
import { element } from "./dom.js";
import { whole } from "./format.js";

const SHOWN = 8; // values of one field; the counts fall steeply after the first few

/**
 * Draw the filters for `facets` into `box`; `onChange` gets the new ones, and a selector of the control that was used. `department`: the category that is looked at
 * already, which needs no filter.
 */
export function drawFacets(box, facets, chosen, { currency, department = "", onChange }) {
  const lists = (field, found, label) =>
    row(
      label,
      values(field, found, chosen[field], (next, key) => onChange({ ...chosen, [field]: next }, key)),
    );
  const attribute = ([name, found]) => {
    const change = (next, key) => onChange({ ...chosen, attributes: { ...chosen.attributes, [name]: next } }, key);
    return row(worded(name), values(name, found, chosen.attributes[name] ?? [], change));
  };
  const attributes = new Map(Object.entries(facets.attributes ?? {}));
  for (const name of Object.keys(chosen.attributes)) if (!attributes.has(name)) attributes.set(name, []);
  const prices = ranges("price", facets.price, chosen, onChange, (low, high) => priceLabel(low, high, currency));
  const rows = [
    department ? null : lists("category", facets.category, "Category"),
    lists("brand", facets.brand, "Brand"),
    prices.length > 0 ? row("Price", [...prices, priceForm(chosen, onChange)]) : null,
    row(
      "Rating",
      ranges("rating", facets.rating, chosen, onChange, (low) => `${low} ★ and up`),
    ),
    row("Stock", stock(facets.in_stock, chosen, onChange)),
    ...Array.from(attributes, attribute),
  ];
  box.replaceChildren(...rows.filter(Boolean));
}

function row(label, chips) {
  if (chips.length === 0) return null;
  return element(
    "div",
    { class: "facet", role: "group", "aria-label": label },
    element("span", { class: "facet-name" }, label),
    element("div", { class: "facet-values" }, ...chips),
  );
}

/** "screen_size" → "Screen size". */
function worded(name) {
  const words = name.replace(/[_\s]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

function values(field, found, pressedValues, onChange) {
  const shown = (found ?? []).slice(0, SHOWN);
  // A chosen value stays visible even where the server no longer counts it: it must be possible to undo.
  for (const value of pressedValues) {
    if (!shown.some((one) => one.value === value)) shown.unshift({ value, count: null });
  }
  if (shown.length < 2 && pressedValues.length === 0) return [];
  return shown.map(({ value, count }) => {
    const pressed = pressedValues.includes(value);
    const next = pressed ? pressedValues.filter((one) => one !== value) : [...pressedValues, value];
    return chip(field, value, count, pressed, (key) => onChange(next, key));
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
    const next = { ...chosen, [field]: pressed ? null : [low, high] };
    return chip(field, label(low, high), count, pressed, (key) => onChange(next, key));
  });
}

function stock(count, chosen, onChange) {
  if (!count && !chosen.inStock) return [];
  const next = { ...chosen, inStock: !chosen.inStock };
  return [chip("stock", "In stock", count, chosen.inStock, (key) => onChange(next, key))];
}

/** Two bounds of one's own. */
function priceForm(chosen, onChange) {
  const bound = (label, value) =>
    element("input", {
      class: "price-bound",
      type: "number",
      min: 0,
      step: "any",
      inputmode: "decimal",
      "aria-label": label,
      placeholder: label.split(" ")[0],
      value,
    });
  const least = bound("From price", chosen.price?.[0] || null);
  const most = bound("To price", chosen.price?.[1] ?? null);
  const apply = (event) => {
    event.preventDefault();
    const [low, high] = [least, most].map((input) => (input.value === "" ? null : Math.max(0, Number(input.value))));
    const price = low === null && high === null ? null : [low ?? 0, high];
    if (price?.[1] !== null && price?.[0] > price?.[1]) price.reverse();
    onChange({ ...chosen, price }, ".price-bound");
  };
  return element(
    "form",
    { class: "price-form", novalidate: true, onsubmit: apply },
    least,
    element("span", { "aria-hidden": "true" }, "–"),
    most,
    element("button", { class: "button button-small", type: "submit" }, "Go"),
  );
}

function chip(field, label, count, pressed, choose) {
  const key = `${field} ${label}`; // by which it is found again when the list has changed
  const onclick = () => choose(`[data-key="${CSS.escape(key)}"]`);
  return element(
    "button",
    { class: "facet-value", type: "button", "data-key": key, "aria-pressed": String(pressed), onclick },
    element("span", { class: "facet-label" }, label),
    count === null || count === undefined ? null : element("span", { class: "facet-count" }, whole(count)),
  );
}

function priceLabel(low, high, currency) {
  if (high === null) return `over ${price(low, currency)}`;
  return low === 0 ? `under ${price(high, currency)}` : `${price(low, currency)} – ${price(high, currency)}`;
}
