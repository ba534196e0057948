/** Shelves of products that nobody searched for, one for each reason. */

import { card, skeletons } from "./card.js";
import { element } from "./dom.js";
import { client } from "./shop.js";

const HEADINGS = {
  for_you: "For you",
  similar: "Similar products",
  bought_together: "Often bought together",
  trending: "Popular now",
  new: "New in the shop",
};

/**
 * Fill `place` with shelves, beside the product `productId` if one is looked at; `headings` are other words for some.
 * Grey ones stand there meanwhile, so that nothing jumps. Their absence is no error.
 */
export async function showShelves(place, { productId = null, count = 12, reasons = [], headings = {} } = {}) {
  const grey = element(
    "section",
    { class: "shelf" },
    element("h2", {}, " "),
    element("ul", { class: "shelf-list" }, ...skeletons(6)),
  );
  place.replaceChildren(grey);
  try {
    const body = { max_results: count, reasons, ...(productId ? { product_id: productId } : {}) };
    const answer = await client.ask("/recommendations", body);
    const shelves = new Map();
    answer.products.forEach((product, at) => {
      const shelf = shelves.get(product.reason) ?? [];
      shelf.push(card(product, { rank: at + 1, requestId: answer.request_id, heading: "h3" }));
      shelves.set(product.reason, shelf);
    });
    place.replaceChildren(...Array.from(shelves, ([reason, cards]) => shelf(reason, headings, cards)));
  } catch {
    place.replaceChildren();
  }
}

function shelf(reason, headings, cards) {
  const heading = headings[reason] ?? HEADINGS[reason] ?? reason;
  return element(
    "section",
    { class: "shelf", "data-reason": reason, "aria-label": heading },
    element("h2", {}, heading),
    element("ul", { class: "shelf-list" }, ...cards),
  );
}
