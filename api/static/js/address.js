/** The address bar: which view is shown, and everything that makes it the same after a reload or in a friend's hands. */

export const SORTS = {
  relevance: "Relevance",
  price_asc: "Price: low to high",
  price_desc: "Price: high to low",
  rating: "Rating",
  newest: "Newest",
};
const ATTRIBUTE = "attribute.";
const PLACES = ["cart", "checkout", "thanks"];

/** No filter at all. `price` and `rating` are ranges `[low, high]`, where high may be null. */
export function noFilters() {
  return { category: [], brand: [], price: null, rating: null, inStock: false, attributes: {} };
}

/** The filters in the form of the API. */
export function asRequest(chosen) {
  const filters = {};
  if (chosen.category.length > 0) filters.category = chosen.category;
  if (chosen.brand.length > 0) filters.brand = chosen.brand;
  if (chosen.price) {
    filters.price_min = chosen.price[0];
    if (chosen.price[1] !== null) filters.price_max = chosen.price[1];
  }
  if (chosen.rating) filters.rating_min = chosen.rating[0];
  if (chosen.inStock) filters.in_stock = true;
  const attributes = Object.entries(chosen.attributes).filter(([, values]) => values.length > 0);
  if (attributes.length > 0) filters.attributes = Object.fromEntries(attributes);
  return filters;
}

/** How many filters hold. */
export function countFilters(chosen) {
  const lists = [chosen.category, chosen.brand, ...Object.values(chosen.attributes)];
  const others = [chosen.price, chosen.rating, chosen.inStock].filter(Boolean).length;
  return others + lists.reduce((sum, values) => sum + values.length, 0);
}

/**
 * What an address shows: `{view: "home"}`, `{view: "list", query, department, sort, filters, interpret}`,
 * `{view: "product", id}`, or `{view: "cart" | "checkout" | "thanks"}`.
 */
export function parse(search) {
  const parameters = new URLSearchParams(search);
  const query = (parameters.get("q") ?? "").trim();
  const department = parameters.get("department") ?? "";
  if (parameters.get("product")) return { view: "product", id: parameters.get("product") };
  if (PLACES.includes(parameters.get("view"))) return { view: parameters.get("view") };
  if (!query && !department) return { view: "home" };
  const filters = noFilters();
  for (const field of ["category", "brand"]) filters[field] = parameters.getAll(field);
  for (const field of ["price", "rating"]) filters[field] = range(parameters.get(field));
  filters.inStock = parameters.get("in_stock") === "true";
  for (const name of new Set(parameters.keys())) {
    if (name.startsWith(ATTRIBUTE)) filters.attributes[name.slice(ATTRIBUTE.length)] = parameters.getAll(name);
  }
  const wanted = parameters.get("sort");
  const sort = Object.hasOwn(SORTS, wanted ?? "") ? wanted : "relevance";
  const interpret = parameters.get("interpret") !== "false";
  return { view: "list", query, department: query ? "" : department, sort, filters, interpret };
}

/** The address of a list; `parse` reads it. */
export function ofList({ query = "", department = "", sort = "relevance", filters = noFilters(), interpret = true }) {
  const parameters = new URLSearchParams(query ? { q: query } : { department });
  if (sort !== "relevance") parameters.set("sort", sort);
  for (const field of ["category", "brand"]) filters[field].forEach((value) => parameters.append(field, value));
  for (const field of ["price", "rating"]) {
    if (filters[field]) parameters.set(field, filters[field].map((bound) => bound ?? "").join("-"));
  }
  if (filters.inStock) parameters.set("in_stock", "true");
  for (const [name, values] of Object.entries(filters.attributes)) {
    values.forEach((value) => parameters.append(ATTRIBUTE + name, value));
  }
  if (!interpret) parameters.set("interpret", "false");
  return `/?${parameters}`;
}

/** The address of a product's page. */
export function ofProduct(id) {
  return `/?${new URLSearchParams({ product: id })}`;
}

function range(text) {
  const found = /^(\d+(?:\.\d+)?)-(\d+(?:\.\d+)?)?$/.exec(text ?? "");
  if (!found) return null;
  const [low, high] = [Number(found[1]), found[2] === undefined ? null : Number(found[2])];
  return high !== null && high < low ? [high, low] : [low, high];
}
