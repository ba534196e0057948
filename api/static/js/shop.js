/** What all views share: the calls of this page, and what the shop says of itself. */

import { CadenceClient } from "/static/cadence-search.js";

export const client = CadenceClient.shared();

/** `GET /storefront`; empty until it is there, and where it cannot be had. */
export const shop = { departments: [], image_hosts: [], shoppers: [], isOpen: false };

/** Ask the shop what it is; resolves to whether it said so. A shop without departments is one with fewer links. */
export async function loadShop() {
  try {
    Object.assign(shop, await client.call("/storefront", null), { isOpen: true });
  } catch (error) {
    console.warn("the shop says nothing of itself:", error.message);
  }
  return shop.isOpen;
}

/** Tell what the shopper did; resolves to whether it is stored. */
export const tell = (action, told) => client.track(action, told);

const watched = new WeakMap(); // element → what to tell when it is seen
const watcher = new IntersectionObserver(
  (entries) => {
    for (const { isIntersecting, target } of entries) {
      if (!isIntersecting) continue;
      watcher.unobserve(target);
      tell("impression", watched.get(target));
    }
  },
  { threshold: 0.5 },
);

/** Tell once when half of `element` has come into sight. */
export function tellWhenSeen(element, told) {
  watched.set(element, told);
  watcher.observe(element);
}
