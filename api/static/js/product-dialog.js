/** One product in a dialog: the demo's product page. */

import { element } from "./dom.js";
import { picture } from "./picture.js";
import { showShelves } from "./recommendations.js";
import { priceTag, stars } from "./results.js";

const ACTIONS = [
  { action: "add_to_cart", label: "Add to cart", done: "Added to cart", main: true },
  { action: "wishlist", label: "Save for later", done: "Saved" },
];

const looking = new Map(); // dialog → what tells of the product in it

/** The product in `dialog` is looked at no longer. */
export function leave(dialog) {
  looking.get(dialog)?.();
  looking.delete(dialog);
}

/**
 * Open `dialog` for `product`; `tell(action, {seconds})` records what the shopper does there, and how long it was open.
 * `onOpen` opens another product from the shelves below.
 */
export function openProduct(dialog, body, product, tell, onOpen) {
  const buttons = ACTIONS.map(({ action, label, done, main }) => {
    const button = element("button", { class: main ? "button button-main" : "button", type: "button" }, label);
    button.addEventListener("click", async () => {
      button.disabled = true;
      const told = await tell(action);
      button.textContent = told ? done : label;
      button.disabled = told;
    });
    return button;
  });
  const opened = performance.now();
  const shelves = element("div", { class: "shelves product-dialog-shelves", hidden: "" });
  body.replaceChildren(
    picture(product),
    element(
      "div",
      { class: "product-dialog-text" },
      element("p", { class: "card-brand" }, [product.brand, product.category].filter(Boolean).join(" · ")),
      element("h2", { id: "product-dialog-title" }, product.title),
      stars(product),
      priceTag(product),
      product.in_stock === false ? element("p", { class: "out-of-stock" }, "Out of stock") : null,
      element("div", { class: "product-dialog-actions" }, ...buttons),
    ),
    shelves,
  );
  showShelves(shelves, onOpen, { productId: product.product_id, count: 8, still: () => shelves.isConnected });
  leave(dialog);
  looking.set(dialog, () => tell("view", { seconds: Math.round((performance.now() - opened) / 100) / 10 }));
  if (!dialog.open) dialog.showModal();
  dialog.scrollTop = 0;
}
