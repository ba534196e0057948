/** The suggestions for a page that has `@algolia/autocomplete-js` already. Types: cadence-autocomplete.d.ts. */

import { cut } from "./cadence-search.js";

/**
 * A source of suggestions: `getSources: () => [autocompleteSource(client)]`.
 *
 * `onSearch(query)` is called for a chosen suggestion; `more` are other fields of the request, such as `category`.
 */
export function autocompleteSource(client, { onSearch = () => {}, more = {} } = {}) {
  return {
    sourceId: "cadence",
    async getItems({ query }) {
      const answer = await client.autosuggest(query, more);
      return answer.items.map((item, at) => ({ ...item, rank: at + 1, requestId: answer.request_id, prefix: query }));
    },
    getItemInputValue: ({ item }) => item.text,
    onSelect({ item }) {
      const { text: query, rank, requestId, prefix } = item;
      client.track("suggestion_click", { query, rank, requestId, data: { prefix } });
      onSearch(query);
    },
    templates: {
      item: ({ item, html }) =>
        html`<span
          >${cut(item.text, item.highlights).map((part) => (part.typed ? part.text : html`<b>${part.text}</b>`))}</span
        >`,
    },
  };
}
