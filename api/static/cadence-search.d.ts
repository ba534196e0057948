/**
 * Types of cadence-search.js, and its reference: attributes, properties, events, CSS parts and custom properties.
 *
 * Attributes of `<cadence-search>`
 *   endpoint         address of the service; default: where this module came from
 *   session          the answer of POST /user/session/start as JSON; default: one is begun, and kept for all tabs
 *   placeholder, label, value   of the input
 *   suggestions      how many, 1 to 20 (10); products: how many beside them, 0 to 6 (3)
 *   category         only suggestions of this category
 *   action           address to go to with `?q=` (and `&category=`); default: nowhere, see the event `cadence:search`
 *   product-action   address of a product with `{id}` in it; default: nowhere, see the event `cadence:select`
 *   log-searches     tell the service of completed searches; needed where /search of the service is not used
 *   show-sources     say where each suggestion comes from
 *   theme            `auto`, `light` or `dark`; default: the page's own `color-scheme`
 *
 * CSS parts: box, icon, input, clear, submit, popup, list, group, heading, option, suggestion, scope, product, picture,
 * typed, completed, footer.
 *
 * Custom properties: --cadence-font, --cadence-radius, --cadence-z-index, and the colours --cadence-ground, -surface,
 * -surface-soft, -ink, -ink-soft, -line, -accent, -accent-soft, -on-accent.
 */

export interface Session {
  session_id: string;
  user_id: string;
  session_token: string;
}

export interface Product {
  product_id: string;
  title: string;
  brand: string | null;
  category: string | null;
  price: number | null;
  currency: string | null;
  rating: number | null;
  rating_count: number | null;
  image_url: string | null;
  in_stock: boolean | null;
  score?: number;
  explain?: Record<string, number>;
}

export interface Suggestion {
  text: string;
  category: string | null;
  product_count: number | null;
  source: "history" | "query_model" | "catalog_model" | "recent" | "trending";
  /** Half-open ranges of `text` that were typed, in UTF-16 units. */
  highlights: [number, number][];
  score: number;
  corrected: boolean;
  explain?: Record<string, unknown>;
}

export interface Suggestions {
  suggestions: string[];
  items: Suggestion[];
  scopes: { category: string; product_count: number }[];
  products?: Product[];
  personalized: boolean;
  response_time_ms: number;
  session_id: string;
  request_id: string;
  stage_ms?: Record<string, number>;
}

export interface SearchAnswer {
  products: Product[];
  total_results: number;
  personalized: boolean;
  response_time_ms: number;
  session_id: string;
  request_id: string;
  facets: Record<string, unknown>;
  corrected_query?: string;
  did_you_mean?: string;
  relaxed?: string;
  understood?: { kind: string; text: string; value: string; applied: "filter" | "preference" | "ignored" }[];
  redirect?: string;
  stage_ms?: Record<string, number>;
}

export type Action =
  | "view"
  | "click"
  | "add_to_cart"
  | "remove_from_cart"
  | "wishlist"
  | "purchase"
  | "review_view"
  | "suggestion_click"
  | "impression"
  | "search";

export interface Told {
  /** Product id. */
  item?: string;
  query?: string;
  /** 1-based, absolute across pages. */
  rank?: number;
  /** Of the list that the item was shown in. */
  requestId?: string;
  seconds?: number;
  data?: Record<string, unknown>;
}

/** A request that was refused (RFC 9457 problem), or that never arrived (`code` "unreachable", `status` 0). */
export class CadenceError extends Error {
  constructor(problem?: { status?: number; code?: string; title?: string; detail?: string });
  readonly status: number;
  readonly code: string;
  readonly title: string;
  readonly detail: string;
}

/** Calls of one shop's service, within one session that is kept for all tabs. */
export class CadenceClient {
  /**
   * `session`: the answer of /user/session/start, where the shop's own server began it; else one is begun here. One that
   * is over is followed by another of the same user; a given one by a guest's, and `cadence:session-expired` on `window`.
   */
  constructor(options?: { endpoint?: string; session?: Session | null });
  /** The one for `endpoint` that all boxes of a page share; default: where this module came from. */
  static shared(endpoint?: string): CadenceClient;
  readonly endpoint: string;
  /** Grows with everything that may change what is suggested: events, told or stored, and sessions. */
  readonly changes: number;
  /** The session, begun on the first call. */
  session(): Promise<Session>;
  /**
   * Begin another one, for `user_id` or a new guest. `takeAlong`: what was done so far becomes part of the profile of
   * `user_id`. Several calls are answered in turn, so that the last one holds.
   */
  start(
    visit?: { user_id?: string; device?: string; locale?: string; location?: string; referrer?: string },
    options?: { takeAlong?: boolean },
  ): Promise<Session>;
  /** Completions of `prefix`, or recent and trending queries where it is empty. `more`: other fields of the request. */
  autosuggest(prefix: string, more?: Record<string, unknown>, options?: { signal?: AbortSignal }): Promise<Suggestions>;
  search(query: string, more?: Record<string, unknown>, options?: { signal?: AbortSignal }): Promise<SearchAnswer>;
  /** POST within the session, to any path of the service. */
  ask<Answer = unknown>(path: string, body: object, options?: { signal?: AbortSignal; keepalive?: boolean }): Promise<Answer>;
  /** POST, or GET where `body` is null, outside of a session. */
  call<Answer = unknown>(path: string, body: object | null, options?: { signal?: AbortSignal; token?: string; keepalive?: boolean }): Promise<Answer>;
  /**
   * Tell what the shopper did; impressions wait a second for company, the rest is sent at once. Resolves to whether all
   * that waited is stored by now; what is not is kept, and sent again later. Never rejects.
   */
  track(action: Action, told?: Told): Promise<boolean>;
  /** Send what waits. */
  flush(): Promise<boolean>;
}

export function cut(text: string, ranges: readonly (readonly [number, number])[]): { text: string; typed: boolean }[];
export function price(amount: number, currency: string | null, locale?: string): string;

export interface Labels {
  label: string;
  placeholder: string;
  clear: string;
  submit: string;
  suggestions: string;
  recent: string;
  trending: string;
  products: string;
  within: string;
  corrected: string;
  personalized: string;
  /** "12 products"; the number first. */
  counted: (count: number) => string;
  available: (count: number) => string;
  keys: [key: string, does: string][];
}

export class CadenceSearch extends HTMLElement {
  client: CadenceClient;
  value: string;
  get labels(): Labels;
  set labels(labels: Partial<Labels>);
  /** Draws a product beside the suggestions. */
  picture: (product: Product) => Element;
  /** Fields of /autosuggest that each request carries besides the usual ones. */
  request: Record<string, unknown>;
  readonly isOpen: boolean;
  close(): void;
  /** Forget cached answers: for a page that knows of something that happened elsewhere. */
  forget(): void;
}

export type Selected =
  | { kind: "suggestion" | "scope"; query: string; category: string | null; rank: number; requestId: string; prefix: string }
  | { kind: "product"; product: Product; rank: number; requestId: string; prefix: string };

declare global {
  interface HTMLElementTagNameMap {
    "cadence-search": CadenceSearch;
  }
  interface HTMLElementEventMap {
    /** An option was chosen. `preventDefault()`: no search follows, nor the way to `product-action`. */
    "cadence:select": CustomEvent<Selected>;
    /** A search is wanted. `preventDefault()`: the page stays where it is. */
    "cadence:search": CustomEvent<{ query: string; category: string | null }>;
    /** A list is on screen. */
    "cadence:suggest": CustomEvent<{ prefix: string; answer: Suggestions }>;
    /** Suggestions could not be had; the next keystroke asks again. */
    "cadence:error": CustomEvent<{ error: Error }>;
  }

  interface WindowEventMap {
    /** A session that was given is over: begin another one on the shop's server, and set it. Meanwhile one is a guest. */
    "cadence:session-expired": CustomEvent<{ session: Session }>;
  }
}
