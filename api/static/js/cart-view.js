/** The cart, the till and the receipt. Fake money: nothing is charged, and nothing is asked that one would not tell. */

import { price } from "/static/cadence-search.js";
import * as cart from "./cart.js";
import { ofProduct } from "./address.js";
import { message } from "./card.js";
import { element } from "./dom.js";
import { counted } from "./format.js";
import { picture } from "./picture.js";

/** Fill `main` with the cart. */
export async function cartView(main, _address, view) {
  const kept = await cart.lines();
  if (kept.length === 0) return empty(main, view);
  const change = async (id, count, label) => {
    await cart.change(id, count);
    view.announce(count === 0 ? "Removed from the cart" : `${count} in the cart`);
    await cartView(main, _address, view);
    const used = [...main.querySelectorAll("button")].find((button) => button.getAttribute("aria-label") === label);
    (used ?? main).focus({ preventScroll: true });
  };
  main.replaceChildren(
    element(
      "section",
      { class: "cart", "aria-labelledby": "cart-title" },
      element("h1", { id: "cart-title" }, "Your cart"),
      element("ul", { class: "cart-lines" }, ...kept.map((line) => cartLine(line, change))),
      element(
        "div",
        { class: "cart-end" },
        sum(kept),
        element("a", { class: "button button-main", href: "/?view=checkout" }, "Checkout"),
      ),
    ),
  );
}

function cartLine({ product, count }, change) {
  const id = product.product_id;
  const button = (does, text, next) => {
    const label = `${does}: ${product.title}`;
    const onclick = () => change(id, next, label);
    return element("button", { class: "button button-round", type: "button", "aria-label": label, onclick }, text);
  };
  return element(
    "li",
    { class: "cart-line" },
    picture(product),
    element(
      "div",
      { class: "cart-words" },
      element("a", { href: ofProduct(id) }, product.title),
      element("p", {}, product.brand ?? ""),
    ),
    element(
      "div",
      { class: "cart-count" },
      button("One less", "−", count - 1),
      element("span", {}, String(count)),
      button("One more", "+", count + 1),
    ),
    element(
      "p",
      { class: "cart-price" },
      Number.isFinite(product.price) ? price(product.price * count, product.currency) : "on request",
    ),
  );
}

function sum(kept) {
  const pieces = kept.reduce((all, { count }) => all + count, 0);
  const sums = cart.totals(kept).map(([currency, amount]) => price(Math.round(amount * 100) / 100, currency));
  return element(
    "p",
    { class: "cart-sum" },
    `${counted(pieces, "piece")} · `,
    element("strong", {}, sums.join(" + ") || "price on request"),
  );
}

function empty(main, { go }) {
  const box = element("div", { class: "message" });
  message(box, {
    heading: "Your cart is empty",
    text: "What you put in stays here, on this device.",
    action: { label: "Look around", run: () => go("/") },
  });
  main.replaceChildren(box);
}

/** Fill `main` with the till. */
export async function checkoutView(main, _address, { go }) {
  const kept = await cart.lines();
  if (kept.length === 0) return empty(main, { go });
  const field = (label, value) =>
    element(
      "label",
      { class: "field" },
      element("span", {}, label),
      element("input", { type: "text", value, autocomplete: "off", required: true }),
    );
  const pay = async (event) => {
    event.preventDefault();
    await cart.buy();
    go("/?view=thanks");
  };
  main.replaceChildren(
    element(
      "section",
      { class: "checkout", "aria-labelledby": "checkout-title" },
      element("h1", { id: "checkout-title" }, "Checkout"),
      element("p", {}, "This is a demo: the money is not real, and what stands here stays on this page."),
      element(
        "form",
        { class: "checkout-form", onsubmit: pay },
        field("Name", "A. Shopper"),
        field("Address", "1 Example Street"),
        field("Card", "Fake money, always accepted"),
        sum(kept),
        element("button", { class: "button button-main", type: "submit" }, "Buy now"),
      ),
    ),
  );
}

/** Fill `main` with the receipt. */
export function thanksView(main, _address, { go }) {
  const box = element("div", { class: "message" });
  message(box, {
    heading: "Thank you",
    text: "Your next suggestions know what you bought.",
    action: { label: "Go on shopping", run: () => go("/") },
  });
  main.replaceChildren(box);
}
