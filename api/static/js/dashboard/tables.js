/** Tables: which queries and products stand out. Their texts come from shoppers and stay text. */

import { element } from "../dom.js";
import { whole } from "../format.js";
import { panel } from "./help.js";
import { percent } from "./numbers.js";
import { saver } from "./saving.js";
import { nothing } from "./traffic.js";

/** A table in a box of its own that may scroll sideways. `columns`: `[heading, row → text or node, class]`. */
export function table(name, columns, rows) {
  const cells = (row) =>
    columns.map(([, show, kind], index) =>
      index === 0
        ? element("th", { scope: "row", class: kind }, show(row))
        : element("td", { class: kind }, show(row)),
    );
  const head = columns.map(([heading, , kind]) => element("th", { scope: "col", class: kind }, heading));
  return element(
    "div",
    { class: "table-box", tabindex: "0", role: "region", "aria-label": name },
    element(
      "table",
      {},
      element("thead", {}, element("tr", {}, head)),
      element("tbody", {}, rows.map((row) => element("tr", {}, cells(row)))),
    ),
  );
}

const QUERY = ["Query", (row) => row.query, "words"];
const SEARCHES = ["Searches", (row) => whole(row.searches), "number"];

const TABLES = [
  {
    name: "Top queries",
    field: "top_queries",
    empty: "No searches in this range yet.",
    columns: [QUERY, SEARCHES, ["Clicked", (row) => percent(row.click_through), "number"]],
  },
  {
    name: "Trending queries",
    field: "trending_queries",
    empty: "No query was searched more often than before.",
    columns: [QUERY, SEARCHES, ["Before", (row) => whole(row.earlier), "number"]],
  },
  {
    name: "Queries without results",
    field: "zero_result_queries",
    empty: "No search came back empty in this range.",
    columns: [QUERY, SEARCHES],
  },
  {
    name: "Most clicked products",
    field: "top_products",
    empty: "No clicks in this range yet.",
    columns: [["Product", product, "words"], ["Clicks", (row) => whole(row.clicks), "number"]],
  },
];

function product({ product_id: id, title }) {
  return [element("span", {}, title ?? "Not in the catalogue"), element("span", { class: "soft id" }, id)];
}

export function tablePanels(answer, hours) {
  return TABLES.map(({ name, field, empty, columns }) => {
    const rows = answer[field];
    const content = rows.length ? table(name, columns, rows) : nothing(empty);
    const saved = rows.length ? saver(name, `/admin/dashboard/${field}.csv?hours=${hours}`, `${field}-${hours}h.csv`) : null;
    return panel(name, answer.definitions[field], content, saved);
  });
}
