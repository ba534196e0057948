/** One product in a dialog: the demo's product page. */

import { element } from "./dom.js";
import { picture } from "./picture.js";
import { priceTag, stars } from "./results.js";

const ACTIONS = [
  { action: "add_to_cart", label: "Add to cart", done: "Added to cart", main: true },
  { action: "wishlist", label: "Save for later", done: "Saved" },
];

/** Open `dialog` for `product`; `tell(action)` records what the shopper does there. */
export function openProduct(dialog, body, product, tell) {
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
  );
  dialog.showModal();
}
