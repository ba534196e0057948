/** One product's page: picture, facts, cart, and what goes with it. */

import * as cart from "./cart.js";
import { explained, message, priceTag, stars, stock } from "./card.js";
import { element } from "./dom.js";
import { ofList } from "./address.js";
import { picture } from "./picture.js";
import { showShelves } from "./shelves.js";
import { client, tell } from "./shop.js";

const LOOKED_AT = "cadence-looked-at"; // the product before this one, for "because you looked at"

/**
 * Fill `main` with the page of `address.id`. `context` is `{rank, requestId}` of the list that it was chosen from.
 * Returns what to do when it is left: that the product was looked at is told, and for how long.
 */
export function productView(main, address, { announce, titled, context = {} }) {
  const body = element("section", { class: "product", "aria-busy": "true" }, ...grey());
  const similar = element("section", { class: "shelves", id: "beside", "aria-label": "Beside this product" });
  const because = element("section", {
    class: "shelves",
    id: "because",
    "aria-label": "Because of what you looked at",
  });
  main.replaceChildren(body, similar, because);
  const opened = performance.now();
  let shown = null;

  async function load() {
    try {
      shown = await client.call(`/products/${encodeURIComponent(address.id)}`, null);
      if (!body.isConnected) return;
      titled(shown.title);
      body.replaceChildren(...facts(shown, context, announce));
      showShelves(similar, { productId: shown.product_id, count: 12, reasons: ["similar", "bought_together"] });
      showBecause(because, shown);
    } catch (error) {
      const box = element("div", { class: "message" });
      message(box, explained(error, load));
      body.replaceChildren(box);
    }
    body.setAttribute("aria-busy", "false");
  }

  load();
  return () => {
    if (shown === null) return;
    const seconds = Math.round((performance.now() - opened) / 100) / 10;
    tell("view", { item: shown.product_id, ...context, seconds });
  };
}

function grey() {
  return [
    element("div", { class: "picture skeleton-box" }),
    element("div", { class: "product-text skeleton" }, element("i"), element("i"), element("i"), element("i")),
  ];
}

function facts(product, context, announce) {
  const told = { item: product.product_id, ...context };
  const addToCart = element("button", { class: "button button-main", type: "button" }, "Add to cart");
  addToCart.disabled = product.in_stock === false;
  addToCart.addEventListener("click", async () => {
    await cart.add(card(product), context);
    addToCart.textContent = "Added to cart";
    announce(`${product.title} is in the cart`);
  });
  const save = element("button", { class: "button", type: "button" }, "Save for later");
  save.addEventListener("click", () => {
    tell("wishlist", told);
    save.textContent = "Saved";
    save.disabled = true;
  });
  const rows = Object.entries(product.attributes).slice(0, 12);
  return [
    picture(product),
    element(
      "div",
      { class: "product-text" },
      element(
        "p",
        { class: "product-path" },
        product.brand ? `${product.brand} ` : null,
        product.category ? element("a", { href: ofList({ department: product.category }) }, product.category) : null,
      ),
      element("h1", { class: "product-title", id: "product-title" }, product.title),
      stars(product),
      priceTag(product),
      stock(product),
      element("div", { class: "product-actions" }, addToCart, save),
      product.description ? element("p", { class: "product-description" }, product.description) : null,
      rows.length > 0
        ? element(
            "dl",
            { class: "product-attributes" },
            ...rows.flatMap(([name, value]) => [
              element("dt", {}, name.replaceAll("_", " ")),
              element("dd", {}, value),
            ]),
          )
        : null,
    ),
  ];
}

/** What the cart keeps of a product. */
function card({ product_id, title, brand, category, price, currency, image_url }) {
  return { product_id, title, brand, category, price, currency, image_url };
}

/** Products like the one that was looked at before this one. The latest two are remembered: a reload shows it again. */
async function showBecause(place, { product_id: id, title }) {
  let before;
  try {
    const name = `${LOOKED_AT} ${(await client.session()).user_id}`;
    const others = (JSON.parse(sessionStorage.getItem(name)) ?? []).filter((one) => one.id !== id);
    before = others[0];
    sessionStorage.setItem(name, JSON.stringify([{ id, title }, ...others].slice(0, 2)));
  } catch {
    // storage may be switched off: then nothing is remembered
  }
  if (!before) return;
  showShelves(place, {
    productId: before.id,
    count: 12,
    reasons: ["similar"],
    headings: { similar: `Because you looked at ${before.title}` },
  });
}
