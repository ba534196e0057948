/** The demo storefront: what is shown follows the address bar, and what is clicked is told to the server. */

import { noFilters, ofList, ofProduct, parse } from "./address.js";
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

const at = (id) => document.getElementById(id);
const main = at("main");
const box = at("search");
let leave = null; // what the view on screen wants done when it goes
let place = null; // the path that is on screen
let begun = false; // whether a view was shown before: a page that has just opened keeps the focus where it is

function announce(words) {
  at("announcer").textContent = words;
}

/**
 * Lead to a path of this shop: a new entry in the browser's history. `context`: of the list that led there; `fresh`: it
 * is a search of its own, not one that was narrowed down; `focus`: the control that led there, if it is there again.
 */
function go(path, { context = {}, fresh = true, focus = null } = {}) {
  history.replaceState({ ...history.state, scrolled: scrollY }, "");
  history.pushState({ context, fresh }, "", path);
  follow(focus);
}

/** Show what the address says. */
function follow(focus = null) {
  fillBox();
  show(focus);
  if (focus === null) scrollTo(0, history.state?.scrolled ?? 0);
}

/** The box holds what is searched for. Only where the address changes: nobody's typing is wiped away. */
function fillBox() {
  box.value = parse(location.search).query ?? "";
  box.close();
}

/** The view on screen is left. */
function leaveView() {
  leave?.();
  leave = null;
}

/** Draw the view of the address. */
function show(focus = null) {
  leaveView();
  place = location.pathname + location.search;
  const address = parse(location.search);
  for (const link of document.querySelectorAll(".department-links a")) {
    const isHere = link.getAttribute("href") === ofList({ department: address.department ?? "" });
    if (isHere) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  titled(address.query || address.department || TITLES[address.view] || "");
  if (address.view !== "list") explain(null); // the list before is not on screen any more
  const refocus = () => {
    const control = focus === null ? null : document.querySelector(focus);
    if (control !== null) control.focus({ preventScroll: true });
    // Who typed into the box goes on there; everybody else begins where the page begins.
    else if (begun && document.activeElement !== box) main.focus({ preventScroll: true });
  };
  const left = VIEWS[address.view](main, address, { go, announce, titled, refocus, ...stateOfView() });
  leave = typeof left === "function" ? left : null;
  refocus();
  begun = true;
}

/** What the browser's history keeps of this entry. A search is fresh once: neither after a reload nor by going back. */
function stateOfView() {
  const { context, fresh = true, list } = history.state ?? {};
  history.replaceState({ ...history.state, fresh: false }, "");
  const keep = (shown) => history.replaceState({ ...history.state, list: shown }, "");
  return { context, fresh, kept: list, keep, scrolled: history.state?.scrolled ?? 0 };
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
  go(link.getAttribute("href"), { context: context && { rank: context.rank, requestId: context.requestId } });
}

/** Departments, pictures and shoppers, as soon as the shop has said what it is; asked for again until it has. */
async function openShop() {
  if (shop.isOpen || !(await loadShop())) return;
  const links = shop.departments.map(({ category }) =>
    element("li", {}, element("a", { href: ofList({ department: category }) }, category)),
  );
  at("departments").replaceChildren(...links);
  at("departments").parentElement.hidden = links.length < 2;
  installSwitcher(at("shopper"), at("shopper-label"), { before: leaveView, after: switched });
}

/** The page belongs to another shopper: what the list before says of clicks is not theirs. */
function switched(words) {
  at("about-shopper").textContent = words;
  announce(words);
  history.replaceState({ fresh: false }, "");
  countCart();
  show("#shopper");
}

async function countCart() {
  const pieces = (await cart.lines()).reduce((sum, { count }) => sum + count, 0);
  at("cart-count").textContent = pieces > 0 ? String(pieces) : "";
  at("cart-link").setAttribute("aria-label", pieces > 0 ? `Cart, ${pieces} inside` : "Cart, empty");
}

box.client = client;
box.picture = (product) => picture(product);
box.addEventListener("cadence:search", ({ detail: { query, category } }) => {
  go(ofList({ query, filters: { ...noFilters(), category: category ? [category] : [] } }));
});
box.addEventListener("cadence:select", ({ detail: { kind, product, rank, requestId } }) => {
  if (kind !== "product") return;
  go(ofProduct(product.product_id), { context: { rank, requestId } });
  main.focus({ preventScroll: true });
});
box.addEventListener("cadence:suggest", ({ detail: { prefix } }) => {
  explain({ title: prefix, path: "/autosuggest", body: { query_prefix: prefix } });
});
document.addEventListener("click", onClick);
document.addEventListener("auxclick", (event) => event.button === 1 && onClick(event));
addEventListener("popstate", () => {
  if (place === location.pathname + location.search) return; // a link within the page, such as the one to its content
  openShop();
  follow();
});
addEventListener("pagehide", leaveView);
addEventListener("pageshow", ({ persisted }) => persisted && show());
cart.onChange(countCart);
installDrawer(at("explain"), at("explain-body"), at("explain-toggle"), at("explain-close"));
history.scrollRestoration = "manual"; // lists are there only after they were asked for

fillBox();
await openShop();
if (!begun) show(); // who searched meanwhile has a list on screen, and asking for it again would not count as a search
countCart();
