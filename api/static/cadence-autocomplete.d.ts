import type { CadenceClient } from "./cadence-search.js";

/** The suggestions as a source for `getSources` of `@algolia/autocomplete-js`; its type is `AutocompleteSource`. */
export function autocompleteSource(
  client: CadenceClient,
  options?: { onSearch?: (query: string) => void; more?: Record<string, unknown> },
): any;
