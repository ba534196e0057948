/** Shelves of products that nobody searched for, one for each reason. */

import { recommended } from "./api.js";
import { element } from "./dom.js";
import { card } from "./results.js";

const HEADINGS = {
  for_you: "For you",
  similar: "Similar products",
  bought_together: "Often bought together",
  trending: "Popular now",
  new: "New in the shop",
};

/**
 * Fill `place` with shelves, beside the product `productId` if one is looked at. Their absence is no error.
 * `onOpen(product, rank, requestId)` is called for a chosen product; ranks are those of the server's list. An answer that
 * comes when `still()` says that nobody waits for it is dropped.
 */
export async function showShelves(place, onOpen, { productId = null, count = 12, still = () => true } = {}) {
  try {
    const answer = await recommended({ productId, count });
    if (!still()) return;
    const shelves = new Map();
    answer.products.forEach((product, index) => {
      const shelf = shelves.get(product.reason) ?? [];
      shelf.push(card(product, () => onOpen(product, index + 1, answer.request_id)));
      shelves.set(product.reason, shelf);
    });
    place.replaceChildren(
      ...Array.from(shelves, ([reason, cards]) =>
        element(
          "section",
          { class: "shelf", "data-reason": reason },
          element("h2", {}, HEADINGS[reason] ?? reason),
          element("ul", { class: "shelf-list" }, ...cards),
        ),
      ),
    );
    place.hidden = shelves.size === 0;
  } catch {
    place.hidden = true;
  }
}
