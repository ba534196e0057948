/** The first page: what this shop is, where to begin, and what may please. */

import { element } from "./dom.js";
import { ofList } from "./address.js";
import { whole } from "./format.js";
import { drawing } from "./picture.js";
import { showShelves } from "./shelves.js";
import { client, shop, tell } from "./shop.js";

const SHOWN_TRENDING = 8;

/** Fill `main` with the first page. */
export function homeView(main, _address, { go }) {
  const trending = element("ul", { class: "chips trending-list", id: "trending-list" });
  const shelves = element("section", { class: "shelves", id: "recommended", "aria-label": "Recommended" });
  main.replaceChildren(
    element(
      "section",
      { class: "welcome", id: "welcome" },
      element("h1", {}, "Find it in a few keystrokes."),
      element(
        "p",
        {},
        "Type a letter or two. Suggestions come from what shoppers searched before and from language models that know the whole catalogue, in the order that suits you.",
      ),
      element("div", { class: "welcome-trending", id: "trending" }, element("h2", {}, " "), trending),
    ),
    departments(),
    shelves,
  );
  showTrending(trending, go);
  showShelves(shelves);
}

function departments() {
  const tiles = shop.departments.map(({ category, product_count }) =>
    element(
      "li",
      {},
      element(
        "a",
        { class: "department", href: ofList({ department: category }) },
        drawing({ title: category, category }),
        element("span", { class: "department-name" }, category),
        element("span", { class: "department-count" }, whole(product_count)),
      ),
    ),
  );
  if (tiles.length < 2) return "";
  return element(
    "section",
    { class: "departments", "aria-label": "Departments" },
    element("h2", {}, "Departments"),
    element("ul", {}, ...tiles),
  );
}

/** What is trending, or else what was always popular, below the welcome; its absence is no error. */
async function showTrending(list, go) {
  let entries = [];
  try {
    const answer = await client.autosuggest("", { max_suggestions: 20 });
    const ranked = answer.items.map((item, at) => ({ item, rank: at + 1 })); // before the recent ones go
    const rising = ranked.filter(({ item }) => item.source === "trending");
    const others = ranked.filter(({ item }) => item.source !== "recent");
    list.previousElementSibling.textContent = rising.length > 0 ? "Trending now" : "Popular searches";
    entries = (rising.length > 0 ? rising : others).slice(0, SHOWN_TRENDING).map(({ item, rank }) => {
      const choose = () => {
        tell("suggestion_click", { query: item.text, rank, requestId: answer.request_id, data: { prefix: "" } });
        go(ofList({ query: item.text }));
      };
      return element("li", {}, element("button", { class: "chip", type: "button", onclick: choose }, item.text));
    });
  } catch {
    // the server is away: the next click says so
  }
  list.replaceChildren(...entries);
  list.parentElement.hidden = entries.length === 0;
}
