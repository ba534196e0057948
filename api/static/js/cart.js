/** The cart, kept on this device for each shopper. Fake money: nothing leaves it but what was done. */

import { client } from "./shop.js";

const listeners = new Set();

async function name() {
  return `cadence-cart ${(await client.session()).user_id}`;
}

/** `[{product, count, rank, requestId}]`, what was put in first first. */
export async function lines() {
  try {
    return JSON.parse(localStorage.getItem(await name())) ?? [];
  } catch {
    return []; // storage may be switched off, or the server away
  }
}

async function keep(kept) {
  try {
    localStorage.setItem(await name(), JSON.stringify(kept));
  } catch {
    // a cart that lasts one page view
  }
  listeners.forEach((listener) => listener());
}

/** Call `listener` after each change, those of other tabs too. */
export function onChange(listener) {
  listeners.add(listener);
}

addEventListener("storage", (event) => {
  if (event.key?.startsWith("cadence-cart ")) listeners.forEach((listener) => listener());
});

/** One more of a product; `context` is `{rank, requestId}` of the list that it was found in. */
export async function add(product, context = {}) {
  const kept = await lines();
  const known = kept.find((line) => line.product.product_id === product.product_id);
  if (known) known.count += 1;
  else kept.push({ product, count: 1, ...context });
  await keep(kept);
  client.track("add_to_cart", { item: product.product_id, ...context });
}

/** `count` of the product with this id; 0 takes it out. */
export async function change(id, count) {
  const kept = await lines();
  await keep(kept.flatMap((line) => (line.product.product_id !== id ? [line] : count > 0 ? [{ ...line, count }] : [])));
  if (count === 0) client.track("remove_from_cart", { item: id });
}

/** Everything is bought: an event for each line, with its `quantity`. */
export async function buy() {
  for (const { product, count, rank, requestId } of await lines()) {
    client.track("purchase", { item: product.product_id, rank, requestId, data: { quantity: count } });
  }
  await keep([]);
}

/** Sums by currency: `[[currency, sum]]`. Products without a price count nothing. */
export function totals(kept) {
  const sums = new Map();
  for (const { product, count } of kept) {
    if (!Number.isFinite(product.price)) continue;
    sums.set(product.currency, (sums.get(product.currency) ?? 0) + product.price * count);
  }
  return [...sums];
}
