/** The demo storefront: what is shown follows the address bar, and what is clicked is told to the server. */

import { ofList, ofProduct, parse } from "./address.js";
import * as cart from "./cart.js";
import { cartView, checkoutView, thanksView } from "./cart-view.js";
import { element } from "./dom.js";
import { explain, installDrawer } from "./explain.js";
import { homeView } from "./home-view.js";
import { listView } from "./list-view.js";
import { installSwitcher } from "./personas.js";
import { picture } from "./picture.js";
import { productView } from "./product-view.js";
import { client, loadShop, shop, tell } from "./shop.js";

const SHOP_NAME = document.title;
const VIEWS = {
  home: homeView,
  list: listView,
  product: productView,
  cart: cartView,
  checkout: checkoutView,
  thanks: thanksView,
};
const TITLES = { cart: "Cart", checkout: "Checkout", thanks: "Thank you" };
const LINKED_DEPARTMENTS = 12;

const at = (id) => document.getElementById(id);
const main = at("main");
const box = at("search");
let leave = null; // what the view on screen wants done when it goes

function announce(words) {
  at("announcer").textContent = words;
}

/** Lead to a path of this shop: a new entry in the browser's history. `context`: of the list that led there. */
function go(path, context = {}) {
  history.pushState({ context }, "", path);
  follow();
  scrollTo(0, 0);
}

/** Show what the address says. */
function follow() {
  fillBox();
  show();
}

/** The box holds what is searched for. Only where the address changes: nobody's typing is wiped away. */
function fillBox() {
  box.value = parse(location.search).query ?? "";
  box.close();
  box.forget();
}

/** Draw the view of the address. */
function show() {
  leave?.();
  const address = parse(location.search);
  for (const link of document.querySelectorAll(".department-links a")) {
    const isHere = link.getAttribute("href") === ofList({ department: address.department ?? "" });
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  titled(address.query || address.department || TITLES[address.view] || "");
  const view = { go, announce, titled, context: history.state?.context };
  leave = null;
  const left = VIEWS[address.view](main, address, view);
  leave = typeof left === "function" ? left : null;
}

function titled(words) {
  document.title = words ? `${words} – ${SHOP_NAME}` : SHOP_NAME;
}

/** Links within the shop do not load the page anew; a click on a product is told. */
function onClick(event) {
  const link = event.target.closest("a[href^='/?'], a[href='/']");
  if (!link) return;
  const context = link.cadence;
  if (context) tell("click", context);
  if (event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return; // a new tab
  event.preventDefault();
  go(link.getAttribute("href"), context && { rank: context.rank, requestId: context.requestId });
}

function drawDepartments() {
  const links = shop.departments
    .slice(0, LINKED_DEPARTMENTS)
    .map(({ category }) => element("li", {}, element("a", { href: ofList({ department: category }) }, category)));
  at("departments").replaceChildren(...links);
  at("departments").parentElement.hidden = links.length < 2;
}

async function countCart() {
  const pieces = (await cart.lines()).reduce((sum, { count }) => sum + count, 0);
  at("cart-count").textContent = pieces > 0 ? String(pieces) : "";
  at("cart-link").setAttribute("aria-label", pieces > 0 ? `Cart, ${pieces} inside` : "Cart, empty");
}

box.client = client;
box.picture = (product) => picture(product);
box.addEventListener("cadence:search", ({ detail: { query, category } }) => {
  const filters = category ? { filters: { ...parse("?q=x").filters, category: [category] } } : {};
  go(ofList({ query, ...filters }));
});
box.addEventListener("cadence:select", ({ detail: { kind, product, rank, requestId } }) => {
  if (kind === "product") go(ofProduct(product.product_id), { rank, requestId });
});
box.addEventListener("cadence:suggest", ({ detail: { prefix } }) => {
  explain({ title: prefix, path: "/autosuggest", body: { query_prefix: prefix } });
});
document.addEventListener("click", onClick);
addEventListener("popstate", follow);
addEventListener("pagehide", () => leave?.());
cart.onChange(countCart);
installDrawer(at("explain"), at("explain-body"), at("explain-toggle"), at("explain-close"));

fillBox();
await loadShop();
drawDepartments();
show();
countCart();
installSwitcher(at("shopper"), at("shopper-label"), (words) => {
  at("about-shopper").textContent = words;
  announce(words);
  countCart();
  box.forget();
  show();
});
