/** The product grid, its cards and its states. Functions here draw; main.js decides when. */

import { element, svgElement } from "./dom.js";
import { price, whole } from "./format.js";
import { picture } from "./picture.js";

const STAR = "m12 2.600 2.900 6 6.500.9-4.700 4.600 1.100 6.500L12 17.500l-5.800 3.100 1.100-6.500L2.600 9.500l6.500-.9z";

/** One card. `onOpen` is called with a click or Enter on it. */
export function card(product, onOpen) {
  return element(
    "li",
    { class: "card", "data-product-id": product.product_id },
    picture(product),
    element(
      "div",
      { class: "card-text" },
      product.brand ? element("p", { class: "card-brand" }, product.brand) : null,
      element(
        "h2",
        { class: "card-title" },
        // The button covers the whole card (styles.css), so that the card has one clear name and role.
        element("button", { class: "card-open", type: "button", onclick: onOpen }, product.title),
      ),
      stars(product),
      element("div", { class: "card-bottom" }, priceTag(product), stock(product)),
    ),
  );
}

/** The price, or nothing where the shop gives none. */
export function priceTag(product) {
  if (!Number.isFinite(product.price)) return element("p", { class: "price price-unknown" }, "Price on request");
  return element("p", { class: "price" }, price(product.price, product.currency));
}

function stock(product) {
  return product.in_stock === false ? element("p", { class: "out-of-stock" }, "Out of stock") : null;
}

/** Rating as five stars, a number, and how many gave it. */
export function stars(product) {
  if (!Number.isFinite(product.rating)) return element("p", { class: "stars stars-none" }, "Not rated yet");
  const count = Number.isInteger(product.rating_count) ? ` (${whole(product.rating_count)})` : "";
  const row = element("span", { class: "stars-row", "aria-hidden": "true" });
  for (let place = 0; place < 5; place += 1) {
    const share = Math.min(1, Math.max(0, product.rating - place));
    const full = svgElement("path", { class: "star-full", d: STAR });
    full.style.setProperty("clip-path", `inset(0 ${100 - Math.round(share * 100)}% 0 0)`);
    row.append(svgElement("svg", { viewBox: "0 0 24 24" }, svgElement("path", { class: "star-empty", d: STAR }), full));
  }
  return element(
    "p",
    { class: "stars" },
    row,
    element("span", { class: "visually-hidden" }, `Rated ${product.rating} of 5`),
    element("span", { class: "stars-number", "aria-hidden": "true" }, product.rating.toFixed(1)),
    element("span", { class: "stars-count" }, count),
  );
}

/** What was taken out of the query, as chips: filters and likely prices. Removing one searches for all words again. */
export function understoodChips(parts, onRemove) {
  return parts
    .filter((part) => part.applied === "filter" || isLikelyLimit(part))
    .map((part) => {
      const value = part.kind === "rating" ? `${part.value} ★` : part.value;
      const label = `Understood “${part.text}” as ${value}. Remove`;
      return element("button", { class: "chip", type: "button", "aria-label": label, onclick: onRemove }, `${value} ✕`);
    });
}

function isLikelyLimit(part) {
  return part.applied === "preference" && (part.kind === "price" || part.kind === "rating") && /\d/.test(part.text);
}

/** Grey cards while the first page is on its way. */
export function skeletons(count) {
  return Array.from({ length: count }, () =>
    element(
      "li",
      { class: "card skeleton", "aria-hidden": "true" },
      element("div", { class: "picture" }),
      element("div", { class: "card-text" }, element("i"), element("i"), element("i"), element("i")),
    ),
  );
}

/** A message in place of products: nothing found, no catalogue, server down. */
export function message(box, { heading, text, action = null }) {
  const button = action ? element("button", { class: "button", type: "button", onclick: action.run }, action.label) : null;
  box.replaceChildren(element("h2", {}, heading), element("p", {}, text), ...(button ? [button] : []));
  box.hidden = false;
}

/** What to say about an error of `api.js`. */
export function explained(error, retry) {
  const again = { label: "Try again", run: retry };
  if (error.code === "no_catalog") {
    return {
      heading: "This shop has suggestions only",
      text: "It was set up from a log of searches, without a catalogue, so there are no products to show. Keep typing: suggestions work.",
    };
  }
  if (error.code === "unreachable") {
    return { heading: "The shop cannot be reached", text: "Is the server running? Your search is kept.", action: again };
  }
  if (error.status === 422) {
    return { heading: "This search cannot be answered", text: error.detail || error.title };
  }
  return { heading: "Something went wrong", text: error.detail || error.title || "Please try again.", action: again };
}
