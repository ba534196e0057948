// What a shop's engineer writes; `tsc --strict` must agree (test_embedding.py).
import { autocompleteSource } from "../../../api/static/cadence-autocomplete.js";
import { CadenceClient, CadenceSearch, cut } from "../../../api/static/cadence-search.js";

const box: CadenceSearch = document.querySelector("cadence-search")!;
box.labels = { placeholder: "Suchen", counted: (count) => `${count} Artikel` };
box.addEventListener("cadence:select", ({ detail }) => {
  if (detail.kind === "product") console.log(detail.product.title, detail.rank.toFixed(0));
  else console.log(detail.query, detail.category ?? "everywhere");
});
box.addEventListener("cadence:search", (event) => {
  event.preventDefault();
  console.log(event.detail.query);
});

const client = new CadenceClient({ endpoint: "https://search.example" });
const answer = await client.autosuggest("wat", { max_suggestions: 5 });
console.log(answer.items.map((item) => cut(item.text, item.highlights)), autocompleteSource(client));
const stored: boolean = await client.track("click", { item: "P1", rank: 1, requestId: answer.request_id });
console.log(stored);
// @ts-expect-error an action that does not exist
await client.track("applaud");
export {};
