/** Product cards, the grey ones that stand in for them, and messages in place of a list. */

import { price } from "/static/cadence-search.js";
import { ofProduct } from "./address.js";
import { element, svgElement } from "./dom.js";
import { whole } from "./format.js";
import { picture } from "./picture.js";
import { tellWhenSeen } from "./shop.js";

const STAR =
  "m12 2.600 2.900 6 6.500.9-4.700 4.600 1.100 6.500L12 17.500l-5.800 3.100 1.100-6.500L2.600 9.500l6.500-.9z";

/**
 * One card of the list `requestId` at the 1-based `rank`. A click is told and leads to the product's page; the address
 * is a true one, so that it opens in another tab as well.
 */
export function card(product, { rank, requestId, heading = "h2" }) {
  const context = { item: product.product_id, rank, requestId };
  const made = element(
    "li",
    { class: "card", "data-product-id": product.product_id },
    picture(product),
    element(
      "div",
      { class: "card-text" },
      product.brand ? element("p", { class: "card-brand" }, product.brand) : null,
      element(
        heading,
        { class: "card-title" },
        // The link covers the whole card (cards.css), so that the card has one clear name and role.
        element("a", { class: "card-open", href: ofProduct(product.product_id) }, product.title),
      ),
      stars(product),
      element("div", { class: "card-bottom" }, priceTag(product), stock(product)),
    ),
  );
  made.querySelector("a").cadence = context; // main.js tells the click, and hands it on to the product's page
  tellWhenSeen(made, context);
  return made;
}

/** The price, or that the shop gives none. */
export function priceTag(product) {
  if (!Number.isFinite(product.price)) return element("p", { class: "price price-unknown" }, "Price on request");
  return element("p", { class: "price" }, price(product.price, product.currency));
}

/** That it is sold out, where it is. */
export function stock(product) {
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

/** Grey cards while products are on their way. */
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

/** Fill `box` with a message in place of products: nothing found, no catalogue, server down. */
export function message(box, { heading, text, action = null }) {
  const button = action
    ? element("button", { class: "button", type: "button", onclick: action.run }, action.label)
    : null;
  box.replaceChildren(element("h2", {}, heading), element("p", {}, text), ...(button ? [button] : []));
  box.hidden = false;
}

/** What to say about a `CadenceError`. */
export function explained(error, retry) {
  const again = { label: "Try again", run: retry };
  if (error.code === "no_catalog") {
    return {
      heading: "This shop has suggestions only",
      text: "It was set up from a log of searches, without a catalogue, so there are no products to show. Keep typing: suggestions work.",
    };
  }
  if (error.code === "unreachable") {
    return {
      heading: "The shop cannot be reached",
      text: "Is the server running? Your search is kept.",
      action: again,
    };
  }
  if (error.code === "unknown_product") {
    return { heading: "This product is gone", text: "The shop does not sell it any more. Search for another one." };
  }
  if (error.status === 422) {
    return { heading: "This search cannot be answered", text: error.detail || error.title };
  }
  return { heading: "Something went wrong", text: error.detail || error.title || "Please try again.", action: again };
}
