/**
 * `<cadence-search>`: a search box with suggestions for any shop, and `CadenceClient`, the calls behind it.
 *
 * One module without dependencies and without a build, so that a shop can copy it: longer than our others for that
 * reason. Its reference is cadence-search.d.ts. Focus stays in the input and `aria-activedescendant` names the active
 * option (WAI-ARIA 1.2, editable combobox with list autocomplete). What a server said becomes text, never markup.
 */

const HOME = new URL(import.meta.url).origin;
const WAIT_MS = 60; // between two prefixes that are asked for
const CACHED_PREFIXES = 60;
const CACHE_MS = 30_000; // what one does changes what is suggested, so answers do not live long
const SEEN_MS = 400; // a list that stood this long was seen
const FLUSH_MS = 1_000;
const RETRY_MS = 5_000;
const BATCH = 40; // events; requests that outlive their page may carry 64 KiB in all
const KEPT_EVENTS = 500; // while the server is away
const LONGEST_SECONDS = 86_400;

export class CadenceError extends Error {
  constructor({ status = 0, code = "unreachable", title = "The shop cannot be reached", detail = "" } = {}) {
    super(detail || title);
    Object.assign(this, { name: "CadenceError", status, code, title, detail });
  }
}

export class CadenceClient {
  static #shared = new Map();

  static shared(endpoint = HOME) {
    if (!this.#shared.has(endpoint)) this.#shared.set(endpoint, new CadenceClient({ endpoint }));
    return this.#shared.get(endpoint);
  }

  /** Grows with everything that may change what is suggested: events, told or stored, and sessions. */
  changes = 0;
  #session;
  #given;
  #starting = null;
  #queue = []; // {event, session, at, late}: session null where none has begun, late where sent in vain
  #timer = 0;
  #failures = 0;
  #tab = randomId();
  #saved = false; // whether events wait in the storage too

  constructor({ endpoint = HOME, session = null } = {}) {
    this.endpoint = endpoint.replace(/\/+$/, "");
    this.#given = session !== null;
    this.#session = session ?? this.#read("session");
    this.#adopt();
    addEventListener("storage", ({ key }) => {
      if (key === this.#name("session") && !this.#given) this.#use(this.#read("session"));
    });
    document.addEventListener("visibilitychange", () => document.visibilityState === "hidden" && this.flush());
    addEventListener("pagehide", () => this.flush());
    addEventListener("online", () => this.flush());
  }

  async session() {
    if (this.#starting) await this.#starting;
    if (!this.#session && !this.#given) this.#session = this.#read("session"); // begun elsewhere on this page
    return this.#session ?? this.start();
  }

  /** Several calls are answered in turn, so that the last one holds. */
  start(visit = {}, { takeAlong = false } = {}) {
    const begin = async () => {
      const token = takeAlong ? this.#session?.session_token : undefined;
      const begun = await this.call("/user/session/start", visit, { token });
      this.#given = false;
      this.#write("session", begun);
      this.#use(begun);
      return begun;
    };
    const mine = (this.#starting ?? Promise.resolve()).catch(() => {}).then(begin);
    this.#starting = mine;
    return mine.finally(() => {
      if (this.#starting === mine) this.#starting = null;
    });
  }

  autosuggest(prefix, more = {}, options = {}) {
    return this.ask("/autosuggest", { query_prefix: prefix, ...more }, options);
  }

  search(query, more = {}, options = {}) {
    return this.ask("/search", { query, ...more }, options);
  }

  /** POST `body` within the session. One that is over is followed by another of the same user, once. */
  async ask(path, body, options = {}) {
    const within = (session) =>
      this.call(path, { ...body, session_id: session.session_id }, { ...options, token: session.session_token });
    const session = await this.session();
    try {
      return await within(session);
    } catch (error) {
      if (error.status !== 401 && error.status !== 403) throw error;
      return within(await this.#renewed(session));
    }
  }

  async call(path, body, { signal, token, keepalive = false } = {}) {
    let response;
    try {
      response = await fetch(this.endpoint + path, {
        method: body === null ? "GET" : "POST",
        headers: {
          ...(body === null ? {} : { "Content-Type": "application/json" }),
          ...(token ? { Authorization: `Bearer ${token}` } : {}),
        },
        body: body === null ? undefined : JSON.stringify(body),
        signal,
        keepalive,
      });
    } catch (error) {
      if (error.name === "AbortError") throw error;
      throw new CadenceError();
    }
    const isJson = (response.headers.get("Content-Type") ?? "").includes("json");
    const answer = isJson ? await response.json() : null;
    if (response.ok && answer !== null) return answer;
    const told = { status: response.status, code: "unexpected_answer", title: "Something went wrong" };
    throw new CadenceError({ ...told, ...answer });
  }

  /** Impressions wait a second for company, the rest is sent at once. */
  track(action, { item, query, rank, requestId, seconds, data } = {}) {
    const event = { action_type: action, event_id: randomId(), item_id: item, query, item_rank: rank };
    const duration = seconds === undefined ? undefined : Math.min(seconds, LONGEST_SECONDS);
    Object.assign(event, { request_id: requestId, duration_seconds: duration, additional_data: data });
    this.#queue.push({ event, session: this.#session, at: Date.now(), late: false });
    this.#queue.splice(0, this.#queue.length - KEPT_EVENTS);
    if (action === "impression") {
      this.#later(FLUSH_MS);
      return Promise.resolve(false);
    }
    this.changes += 1;
    return this.flush().finally(() => (this.changes += 1));
  }

  /** Each event goes in the name of who did it. */
  async flush() {
    clearTimeout(this.#timer);
    this.#timer = 0;
    if (this.#queue.length === 0) return true;
    const { session } = this.#queue[0];
    const others = this.#queue.findIndex((one) => one.session?.session_token !== session?.session_token);
    const batch = this.#queue.splice(0, Math.min(BATCH, others < 0 ? BATCH : others));
    try {
      await this.#send(batch, session ?? (await this.session()));
    } catch {
      for (const one of batch) one.late = true;
      this.#queue.unshift(...batch);
      this.#save();
      this.#later(RETRY_MS * 2 ** Math.min(this.#failures++, 4));
      return false;
    }
    this.#failures = 0;
    if (this.#saved) this.#save();
    return this.flush();
  }

  /** Throws where it is worth another try. */
  async #send(batch, session) {
    const { session_id, user_id, session_token: token } = session;
    const stamped = ({ event, at, late }) => {
      const when = late ? { timestamp: new Date(at).toISOString() } : {}; // on time, the server's clock is the better one
      return { ...event, session_id, user_id, ...when };
    };
    try {
      // keepalive: the events outlive the page when the click leaves it
      await this.call("/engagement/batch", { events: batch.map(stamped) }, { token, keepalive: true });
    } catch (error) {
      const { status } = error;
      if (status === 401 || status === 403) {
        const renewed = await this.#renewed(session);
        if (renewed.user_id === user_id) return this.#send(batch, renewed);
      } else if (!(status >= 400 && status < 500) || [408, 425, 429].includes(status)) {
        throw error;
      } else if (batch.length > 1) {
        for (const one of batch) await this.#send([one], session); // one that is refused must not take others along
        return;
      } else if (batch[0].late) {
        batch[0].late = false; // its clock may be wrong, or too long ago
        return this.#send(batch, session);
      }
      console.warn("an event was refused:", error.message); // it would be for ever
    }
  }

  /** The session after `over`: of the same user, unless the shop's own server has to begin it. */
  async #renewed(over) {
    if (this.#session?.session_token !== over.session_token) return this.session(); // another call was faster
    const wasGiven = this.#given;
    this.#session = null;
    const { user_id } = over;
    const begun = await this.start(wasGiven ? {} : { user_id });
    if (wasGiven) dispatchEvent(new CustomEvent("cadence:session-expired", { detail: { session: over } }));
    return begun;
  }

  #use(session) {
    this.#session = session;
    this.changes += 1;
  }

  #later(ms) {
    this.#timer ||= setTimeout(() => this.flush(), ms);
  }

  /** Each tab keeps its own; one that opens adopts what any has left. What is sent twice is stored once. */
  #save() {
    this.#saved = this.#queue.length > 0;
    this.#write(`unsent ${this.#tab}`, this.#saved ? this.#queue : null);
  }

  #adopt() {
    const left = Object.keys(this.#storage).filter(
      (name) => name.startsWith(`cadence-unsent `) && name.endsWith(this.endpoint),
    );
    for (const name of left) {
      this.#queue.push(...(this.#parsed(name) ?? []));
      this.#storage.removeItem(name);
    }
    if (left.length > 0) {
      this.#save();
      this.#later(FLUSH_MS);
    }
  }

  #name(what) {
    return `cadence-${what} ${this.endpoint}`;
  }

  get #storage() {
    try {
      return localStorage;
    } catch {
      return {}; // it may be switched off: a session that lasts one page view is enough
    }
  }

  #read(what) {
    return this.#parsed(this.#name(what));
  }

  #parsed(name) {
    try {
      return JSON.parse(this.#storage.getItem(name));
    } catch {
      return null;
    }
  }

  #write(what, value) {
    try {
      if (value === null) this.#storage.removeItem(this.#name(what));
      else this.#storage.setItem(this.#name(what), JSON.stringify(value));
    } catch {
      // full, or switched off
    }
  }
}

/** A random UUID (RFC 9562, version 4). Browsers keep `crypto.randomUUID` for https and localhost. */
function randomId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20)}`;
}

/**
 * `text` cut at the ranges that were typed: `[{text, typed}]`.
 * Ranges are half-open and count UTF-16 units, as JavaScript strings do; wrong ones are ignored.
 */
export function cut(text, ranges) {
  const parts = [];
  let at = 0;
  for (const [start, end] of [...(ranges ?? [])].sort((a, b) => a[0] - b[0])) {
    if (start < at || end <= start || end > text.length) continue;
    if (start > at) parts.push({ text: text.slice(at, start), typed: false });
    parts.push({ text: text.slice(start, end), typed: true });
    at = end;
  }
  if (at < text.length) parts.push({ text: text.slice(at), typed: false });
  return parts;
}

/** A price with the shop's own symbol ("$", "₹") in front, or its code ("EUR") behind; `currency` may be null. */
export function price(amount, currency, locale = "en-US") {
  const digits = Number.isInteger(amount) ? 0 : 2;
  const number = amount.toLocaleString(locale, { minimumFractionDigits: digits, maximumFractionDigits: 2 });
  if (!currency) return number;
  return /^\p{L}/u.test(currency) && !currency.endsWith("$") ? `${number} ${currency}` : `${currency}${number}`;
}

const LABELS = {
  label: "Search products",
  placeholder: "Search products and brands",
  clear: "Clear search",
  submit: "Search",
  suggestions: "Suggestions",
  recent: "Recent searches",
  trending: "Trending",
  products: "Products",
  within: "in",
  corrected: "did you mean",
  personalized: "ranked for you",
  counted: (count) => `${count.toLocaleString()} ${count === 1 ? "product" : "products"}`,
  available: (count) => (count ? `${count} ${count === 1 ? "suggestion" : "suggestions"} available` : "No suggestions"),
  keys: [
    ["↑↓", "choose"],
    ["Enter", "search"],
    ["Esc", "close"],
  ],
};
const SOURCES = { history: "popular", query_model: "query model", catalog_model: "catalogue model" };
const ICONS = {
  search: "M10.8 4a6.8 6.8 0 1 1 0 13.6 6.8 6.8 0 0 1 0-13.6m5 11.8L20.5 20.5",
  clear: "M6 6l12 12M18 6L6 18",
  recent: "M12 4a8 8 0 1 1-8 8m0-6v4h4M12 8v4.5l3 1.8",
  trending: "M3.5 17l6-6 4 4 7-8m-5 0h5v5",
};

/** An element with attributes and children; what is null, undefined or false is left out. */
function h(name, attributes = {}, ...children) {
  const made = ["svg", "path"].includes(name)
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== undefined && value !== false) made.setAttribute(key, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

function icon(name) {
  const path = h("path", { d: ICONS[name] ?? ICONS.search });
  return h("svg", { class: "icon", part: "icon", viewBox: "0 0 24 24", "aria-hidden": "true" }, path);
}

/** A product's own picture, or its first letter where there is none or it does not load. */
function picture(product) {
  const letter = h("span", { class: "letter", "aria-hidden": "true" }, [...product.title][0] ?? "");
  if (!/^https?:\/\//i.test(product.image_url ?? "")) return letter;
  const image = h("img", { src: product.image_url, alt: "", loading: "lazy", decoding: "async" });
  image.addEventListener("error", () => image.replaceWith(letter));
  return image;
}

/** Properties that a page has set before this module was there: they would hide those of the class. */
function early(element) {
  const names = ["client", "labels", "picture", "request", "value"].filter((name) => Object.hasOwn(element, name));
  const found = Object.fromEntries(names.map((name) => [name, element[name]]));
  names.forEach((name) => delete element[name]);
  return found;
}

export class CadenceSearch extends HTMLElement {
  static observedAttributes = ["placeholder", "label", "endpoint", "session"];

  #early = early(this);
  picture = this.#early.picture ?? picture;
  request = this.#early.request ?? {};

  #labels = LABELS;
  #client = null;
  #parts = null;
  #options = []; // {element, text, choose}, in the order on screen
  #active = -1;
  #shown = null; // {prefix, answer} of the list on screen
  #seen = new Set(); // request ids of lists that were told as seen
  #sequence = 0;
  #request = null;
  #timer = 0;
  #seeing = 0;
  #asked = -Infinity; // when the last request went out
  #cache = new Map();
  #composing = false;

  get client() {
    const endpoint = this.getAttribute("endpoint") || HOME;
    const session = this.getAttribute("session");
    this.#client ??= session
      ? new CadenceClient({ endpoint, session: JSON.parse(session) })
      : CadenceClient.shared(endpoint);
    return this.#client;
  }

  set client(client) {
    this.#client = client;
  }

  get labels() {
    return this.#labels;
  }

  set labels(labels) {
    this.#labels = { ...this.#labels, ...labels };
    if (this.#parts) this.#label();
  }

  get value() {
    return this.#parts?.input.value ?? this.getAttribute("value") ?? "";
  }

  set value(value) {
    if (!this.#parts) return this.setAttribute("value", value);
    this.#parts.input.value = value;
    this.#parts.clear.hidden = value === "";
  }

  get isOpen() {
    return this.#parts !== null && !this.#parts.popup.hidden;
  }

  connectedCallback() {
    if (this.#parts) return;
    const id = "suggestion-list";
    const input = h("input", {
      ...{ class: "search-input", part: "input", type: "text", name: "q", maxlength: 200, enterkeyhint: "search" },
      ...{ autocomplete: "off", autocapitalize: "none", autocorrect: "off", spellcheck: "false" },
      ...{ role: "combobox", "aria-expanded": "false", "aria-controls": id, "aria-autocomplete": "list" },
      "aria-haspopup": "listbox",
    });
    const clear = h("button", { class: "clear", part: "clear", type: "button", hidden: true }, icon("clear"));
    const submit = h("button", { class: "submit", part: "submit", type: "submit" });
    const list = h("div", { class: "list", part: "list", role: "listbox", id });
    const keys = h("span", { class: "keys" });
    const timing = h("span", { class: "timing" });
    const footer = h("div", { class: "footer", part: "footer", "aria-hidden": "true" }, keys, timing);
    const popup = h("div", { class: "popup", part: "popup", id: "suggestions", hidden: true }, list, footer);
    const announcer = h("div", { class: "hidden", role: "status" });
    const form = h("form", { class: "box", part: "box", role: "search" }, icon("search"), input, clear, submit, popup);
    this.#parts = { form, input, clear, submit, popup, list, keys, timing, announcer };
    const root = this.attachShadow({ mode: "open", delegatesFocus: true });
    root.adoptedStyleSheets = [sheet()];
    root.append(form, announcer);
    this.#label();
    this.value = this.getAttribute("value") ?? "";
    Object.assign(this, this.#early);
    this.#listen();
  }

  disconnectedCallback() {
    this.close();
  }

  attributeChangedCallback(name) {
    if (name === "endpoint" || name === "session") this.#client = null;
    else if (this.#parts) this.#label();
  }

  #label() {
    const { input, clear, submit, list, keys, form } = this.#parts;
    const label = this.getAttribute("label") ?? this.labels.label;
    for (const named of [input, list, form]) named.setAttribute("aria-label", label);
    list.setAttribute("aria-label", this.labels.suggestions);
    input.placeholder = this.getAttribute("placeholder") ?? this.labels.placeholder;
    clear.setAttribute("aria-label", this.labels.clear);
    submit.textContent = this.labels.submit;
    keys.replaceChildren(...this.labels.keys.flatMap(([key, does]) => [h("kbd", {}, key), ` ${does} `]));
  }

  #listen() {
    const { input, form, clear, popup, list } = this.#parts;
    input.addEventListener("input", () => {
      clear.hidden = input.value === "";
      this.#activate(-1); // Enter and Tab now mean what is typed
      this.#ask(); // of a half-composed word, too: many telephones compose every word
    });
    input.addEventListener("focus", () => input.value === "" && this.#ask());
    input.addEventListener("click", () => this.isOpen || this.#ask());
    input.addEventListener("blur", () => this.close());
    input.addEventListener("keydown", (event) => this.#onKey(event));
    input.addEventListener("compositionstart", () => (this.#composing = true));
    input.addEventListener("compositionend", () => (this.#composing = false));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const query = input.value.trim();
      this.close();
      if (query) this.#search(query);
      else input.focus();
    });
    clear.addEventListener("click", () => {
      this.value = "";
      input.blur();
      input.focus(); // which asks for the empty box
    });
    // The input must not lose its focus to the list: that would close it before the click arrives.
    popup.addEventListener("mousedown", (event) => event.preventDefault());
    list.addEventListener("click", (event) => {
      const chosen = event.target.closest("[role=option]");
      this.#options.find((option) => option.element === chosen)?.choose();
    });
  }

  #onKey(event) {
    // While a word is being composed, its keys belong to the input method; Safari lets its Enter submit the form.
    if (event.isComposing || this.#composing || event.keyCode === 229) {
      if (event.key === "Enter") event.preventDefault();
      return;
    }
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      const step = event.key === "ArrowDown" ? 1 : -1;
      if (step < 0 && event.altKey) this.close();
      else if (!this.isOpen) this.#ask(event.altKey ? 0 : step);
      else this.#move(step);
    } else if (event.key === "Escape") {
      if (!this.isOpen) this.value = "";
      else event.preventDefault();
      this.close();
    } else if (event.key === "Enter" && this.#active >= 0) {
      event.preventDefault();
      this.#options[this.#active].choose();
    } else if (event.key === "Tab" && this.#active >= 0) {
      this.value = this.#options[this.#active].text; // take the words over and go on to the next control
      this.close();
    } else if (["Home", "End", "ArrowLeft", "ArrowRight"].includes(event.key)) {
      this.#activate(-1); // back to editing; the browser moves the caret
    }
  }

  /** Ask for what stands in the box, at once or when the last request is `WAIT_MS` old; `step`: then move so far. */
  #ask(step = 0) {
    this.#cancel();
    const sequence = this.#sequence;
    const prefix = this.value;
    const number = (name, otherwise) => Number(this.getAttribute(name) ?? otherwise);
    const body = {
      max_suggestions: number("suggestions", 10),
      include_products: prefix.trim() ? number("products", 3) : 0,
      ...(this.hasAttribute("category") ? { category: this.getAttribute("category") } : {}),
      ...this.request,
    };
    const { changes, endpoint } = this.client;
    const key = JSON.stringify([endpoint, changes, prefix, body]); // after a search or a click the server knows more
    const known = this.#cache.get(key);
    if (known && performance.now() - known.at < CACHE_MS) {
      this.#show(prefix, known.answer, step);
      return;
    }
    const ask = async () => {
      if (prefix) this.#asked = performance.now(); // the first letter does not wait for the empty box
      this.#request = new AbortController();
      try {
        const answer = await this.client.autosuggest(prefix, body, { signal: this.#request.signal });
        if (prefix.trim()) this.#remember(key, answer);
        if (sequence === this.#sequence) this.#show(prefix, answer, step);
      } catch (error) {
        if (sequence !== this.#sequence || error.name === "AbortError") return;
        this.close();
        this.#emit("cadence:error", { error });
      }
    };
    const wait = this.#asked + WAIT_MS - performance.now();
    if (wait <= 0) ask();
    else this.#timer = setTimeout(ask, wait);
  }

  #remember(key, answer) {
    this.#cache.delete(key);
    this.#cache.set(key, { answer, at: performance.now() });
    if (this.#cache.size > CACHED_PREFIXES) this.#cache.delete(this.#cache.keys().next().value);
  }

  forget() {
    this.#cache.clear();
  }

  #show(prefix, answer, step) {
    const { input, popup, timing, announcer } = this.#parts;
    if (this.shadowRoot.activeElement !== input) return; // the shopper went elsewhere meanwhile
    this.#shown = { prefix, answer };
    this.#fill(answer);
    this.#activate(-1);
    const some = this.#options.length > 0;
    popup.hidden = !some;
    input.setAttribute("aria-expanded", String(some));
    const below = innerHeight - this.getBoundingClientRect().bottom - 16; // it ends where the screen does
    popup.style.maxHeight = `${Math.min(640, Math.max(220, below))}px`;
    const ms = answer.response_time_ms;
    const took = ms < 1 ? "<1 ms" : `${Math.round(ms)} ms`;
    timing.textContent = answer.personalized ? `${this.labels.personalized} · ${took}` : took;
    announcer.textContent = this.labels.available(this.#options.length);
    clearTimeout(this.#seeing);
    if (some) this.#seeing = setTimeout(() => this.#tellSeen(), SEEN_MS);
    if (some && step) this.#move(step);
    this.#emit("cadence:suggest", { prefix, answer });
  }

  #tellSeen() {
    clearTimeout(this.#seeing);
    const { answer } = this.#shown;
    const requestId = answer.request_id;
    if (this.#seen.has(requestId)) return;
    this.#seen.add(requestId);
    const tell = (what, at) => this.client.track("impression", { ...what, rank: at + 1, requestId });
    answer.items.forEach((item, at) => tell({ query: item.text }, at));
    (answer.products ?? []).forEach((product, at) => tell({ item: product.product_id }, at));
  }

  #fill(answer) {
    const options = [];
    const add = (element, text, choose) => {
      element.id = `suggestion-${options.length}`;
      options.push({ element, text, choose });
      return element;
    };
    const groups = new Map();
    answer.items.forEach((item, at) => {
      const heading = { recent: this.labels.recent, trending: this.labels.trending }[item.source] ?? "";
      const group = groups.get(heading) ?? [];
      groups.set(heading, group);
      group.push(add(this.#suggestion(item), item.text, () => this.#chooseText("suggestion", item.text, at + 1)));
      const scopes = at === 0 ? (answer.scopes ?? []) : [];
      const chips = scopes.map((scope) => {
        const choose = () => this.#chooseText("scope", item.text, at + 1, scope.category);
        return add(this.#scope(item, scope), item.text, choose);
      });
      if (chips.length > 0) group.push(h("div", { class: "scopes", role: "presentation" }, chips));
    });
    const words = [...groups].map(([heading, members], at) => this.#group(heading, members, `group-${at}`));
    const cards = (answer.products ?? []).map((product, at) =>
      add(this.#product(product), product.title, () => this.#chooseProduct(product, at + 1)),
    );
    const columns = [h("div", { class: "words", role: "presentation" }, words)];
    if (cards.length > 0) columns.push(this.#group(this.labels.products, cards, "group-products", "cards"));
    this.#parts.list.replaceChildren(...columns);
    // Grouping may have moved options: the arrows follow what is seen.
    const places = new Map([...this.#parts.list.querySelectorAll("[role=option]")].map((one, place) => [one, place]));
    this.#options = options.sort((a, b) => places.get(a.element) - places.get(b.element));
  }

  #group(heading, members, id, also = "") {
    const label = heading ? h("div", { class: "heading", part: "heading", id, role: "presentation" }, heading) : null;
    const name = heading ? { "aria-labelledby": id } : { "aria-label": this.labels.suggestions };
    return h("div", { class: `group ${also}`, part: "group", role: "group", ...name }, label, members);
  }

  #option(kind, ...children) {
    const also = kind === "suggestion" ? "" : ` suggestion-${kind}`;
    const named = { class: `suggestion${also}`, part: `option ${kind}`, role: "option", "aria-selected": "false" };
    return h("div", named, ...children);
  }

  #suggestion(item) {
    const parts = cut(item.text, item.highlights).map((part) =>
      h("span", { class: part.typed ? "typed" : "completed", part: part.typed ? "typed" : "completed" }, part.text),
    );
    return this.#option(
      "suggestion",
      icon(item.source),
      h(
        "span",
        { class: "main" },
        item.corrected && h("span", { class: "corrected" }, `${this.labels.corrected} `),
        h("span", { class: "suggestion-text" }, parts),
        item.category && h("span", { class: "soft" }, ` ${this.labels.within} ${item.category}`),
      ),
      Number.isInteger(item.product_count) && this.#count(item.product_count),
      this.hasAttribute("show-sources") &&
        h("span", { class: `badge ${item.source}` }, SOURCES[item.source] ?? item.source),
    );
  }

  /** The best suggestion within one of the shop's categories: "nintendo in Video Games". */
  #scope(item, scope) {
    return this.#option(
      "scope",
      h("span", { class: "hidden" }, item.text),
      ` ${this.labels.within} `,
      h("b", {}, scope.category),
      " ",
      this.#count(scope.product_count),
    );
  }

  /** "12 products"; narrow lists show the bare number. */
  #count(number) {
    const [, digits, words] = /^([\d.,\s\u202f]*)(.*)$/u.exec(this.labels.counted(number));
    return h("span", { class: "suggestion-count soft" }, digits.trim(), h("span", {}, ` ${words}`));
  }

  #product(product) {
    const cost = Number.isFinite(product.price) ? price(product.price, product.currency) : null;
    return this.#option(
      "product",
      h("span", { class: "picture", part: "picture" }, this.picture(product)),
      h(
        "span",
        { class: "main" },
        h("span", { class: "suggestion-title" }, product.title),
        h("span", { class: "soft" }, [product.brand, cost].filter(Boolean).join(" · ")),
      ),
    );
  }

  /** Drop the answer that is on its way. */
  #cancel() {
    clearTimeout(this.#timer);
    this.#request?.abort();
    this.#sequence += 1;
  }

  close() {
    if (!this.#parts) return;
    this.#cancel(); // a late answer must not open the list again
    clearTimeout(this.#seeing);
    this.#parts.popup.hidden = true;
    this.#parts.input.setAttribute("aria-expanded", "false");
    this.#activate(-1);
  }

  /** One option down or up; beyond either end lies the input itself. */
  #move(step) {
    this.#cancel(); // the list must not change under the arrows: what is seen is what Enter chooses
    const places = this.#options.length + 1;
    this.#activate(((this.#active + 1 + step + places) % places) - 1);
  }

  #activate(index) {
    const { input } = this.#parts;
    this.#options[this.#active]?.element.setAttribute("aria-selected", "false");
    this.#active = index;
    const option = this.#options[index];
    if (option) {
      option.element.setAttribute("aria-selected", "true");
      option.element.scrollIntoView({ block: "nearest" });
      input.setAttribute("aria-activedescendant", option.element.id);
    } else {
      input.removeAttribute("aria-activedescendant");
    }
  }

  #chooseText(kind, query, rank, category = null) {
    const { prefix, answer } = this.#shown;
    const requestId = answer.request_id;
    this.#tellSeen();
    this.client.track("suggestion_click", { query, rank, requestId, data: { prefix, ...(category && { category }) } });
    this.value = query;
    this.close();
    if (this.#emit("cadence:select", { kind, query, category, rank, requestId, prefix })) this.#search(query, category);
  }

  #chooseProduct(product, rank) {
    const { prefix, answer } = this.#shown;
    const requestId = answer.request_id;
    this.#tellSeen();
    this.client.track("click", { item: product.product_id, rank, requestId });
    this.close();
    const goOn = this.#emit("cadence:select", { kind: "product", product, rank, requestId, prefix });
    const address = this.getAttribute("product-action");
    if (goOn && address) location.assign(address.replace("{id}", encodeURIComponent(product.product_id)));
  }

  #search(query, category = null) {
    this.client.changes += 1;
    if (this.hasAttribute("log-searches")) this.client.track("search", { query });
    if (!this.#emit("cadence:search", { query, category }) || !this.hasAttribute("action")) return;
    const address = new URL(this.getAttribute("action"), location.href);
    address.searchParams.set("q", query);
    if (category) address.searchParams.set("category", category);
    location.assign(address);
  }

  /** Whether nobody prevented what follows. */
  #emit(name, detail) {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}

let constructed = null;

function sheet() {
  if (constructed) return constructed;
  constructed = new CSSStyleSheet();
  constructed.replaceSync(STYLES);
  return constructed;
}

const STYLES = `
:host {
  --_ground: var(--cadence-ground, light-dark(#f6f5f1, #131416));
  --_surface: var(--cadence-surface, light-dark(#fff, #1c1e21));
  --_soft: var(--cadence-surface-soft, light-dark(#efede7, #26292d));
  --_ink: var(--cadence-ink, light-dark(#1d1c1a, #f0eee9));
  --_ink-soft: var(--cadence-ink-soft, light-dark(#625e57, #a9a69f));
  --_line: var(--cadence-line, light-dark(#e2dfd6, #33363b));
  --_accent: var(--cadence-accent, light-dark(#0b6b57, #56cfb1));
  --_accent-soft: var(--cadence-accent-soft, light-dark(#e0f0eb, #17352e));
  --_on-accent: var(--cadence-on-accent, light-dark(#fff, #07241d));
  display: block;
  container: cadence / inline-size;
  color: var(--_ink);
  font: 16px/1.5 var(--cadence-font, system-ui, sans-serif);
}
:host([theme="auto"]) { color-scheme: light dark; }
:host([theme="light"]) { color-scheme: light; }
:host([theme="dark"]) { color-scheme: dark; }
* { box-sizing: border-box; }
[hidden] { display: none !important; }
.hidden { position: absolute; width: 1px; height: 1px; overflow: hidden; clip-path: inset(50%); white-space: nowrap; }
.box {
  position: relative; display: flex; align-items: center; margin: 0; height: 50px;
  background: var(--_ground); border: 1.5px solid var(--_line); border-radius: var(--cadence-radius, 25px);
}
.box:focus-within { border-color: var(--_accent); box-shadow: 0 0 0 4px var(--_accent-soft); background: var(--_surface); }
.icon {
  flex: none; width: 18px; height: 18px; color: var(--_ink-soft);
  fill: none; stroke: currentColor; stroke-width: 1.7; stroke-linecap: round; stroke-linejoin: round;
}
.box > .icon { width: 20px; height: 20px; margin-inline-start: 16px; }
input, button { font: inherit; color: inherit; border: 0; background: none; }
input { flex: 1; min-width: 0; height: 100%; padding: 0 10px; outline: none; }
input::placeholder { color: var(--_ink-soft); opacity: 1; }
button { flex: none; cursor: pointer; border-radius: var(--cadence-radius, 999px); }
button:focus-visible { outline: 2px solid var(--_accent); outline-offset: 2px; }
.clear { display: grid; place-items: center; width: 36px; height: 36px; }
.clear:hover { background: var(--_soft); }
.submit { height: 38px; margin: 4px; padding: 0 20px; background: var(--_accent); color: var(--_on-accent); font-weight: 600; }
.popup {
  position: absolute; inset: calc(100% + 8px) 0 auto; z-index: var(--cadence-z-index, 25);
  display: flex; flex-direction: column; overflow: hidden;
  background: var(--_surface); border: 1px solid var(--_line); border-radius: 14px;
  box-shadow: 0 12px 40px light-dark(rgb(30 28 20 / 16%), rgb(0 0 0 / 55%)); text-align: start;
}
.list { overflow-y: auto; overscroll-behavior: contain; padding: 8px; }
.group + .group, .words + .cards { margin-top: 6px; padding-top: 6px; border-top: 1px solid var(--_line); }
.heading {
  padding: 6px 12px 4px; font-size: 12px; font-weight: 600; letter-spacing: .04em; text-transform: uppercase;
  color: var(--_ink-soft);
}
.suggestion { display: flex; align-items: center; gap: 12px; min-height: 40px; padding: 5px 12px; border-radius: 9px; cursor: pointer; }
.suggestion:hover { background: var(--_soft); }
.suggestion[aria-selected="true"] { background: var(--_accent-soft); outline: 2px solid var(--_accent); outline-offset: -2px; }
.scopes { display: flex; flex-wrap: wrap; gap: 6px; padding: 2px 12px 6px; padding-inline-start: 42px; }
.suggestion-scope {
  gap: 4px; min-height: 0; padding: 2px 11px; border: 1px solid var(--_line); border-radius: 999px; font-size: 14px;
}
.suggestion-scope b { font-weight: 600; color: var(--_accent); }
.main { flex: 1; min-width: 0; overflow: hidden; text-overflow: ellipsis; white-space: nowrap; unicode-bidi: plaintext; text-align: start; }
.completed { font-weight: 650; }
.corrected { font-size: 13px; font-style: italic; color: var(--_accent); }
.soft { font-size: 13.5px; color: var(--_ink-soft); }
.suggestion-count { flex: none; }
.badge { flex: none; padding: 1px 8px; border-radius: 999px; background: var(--_soft); color: var(--_ink-soft); font-size: 11.5px; }
.badge.query_model, .badge.catalog_model { background: var(--_accent-soft); color: var(--_accent); }
.picture { flex: none; display: grid; place-items: center; width: 48px; height: 48px; border-radius: 8px; overflow: hidden; background: var(--_soft); }
.picture > * { width: 100%; height: 100%; object-fit: contain; }
.letter { display: grid; place-items: center; font-size: 20px; color: var(--_ink-soft); text-transform: uppercase; }
.suggestion-product .main { display: flex; flex-direction: column; line-height: 1.35; }
.suggestion-title { overflow: hidden; text-overflow: ellipsis; }
.footer {
  display: flex; justify-content: space-between; padding: 7px 20px; border-top: 1px solid var(--_line);
  font-size: 12px; color: var(--_ink-soft);
}
kbd { padding: 0 5px; margin-inline-start: 6px; border: 1px solid var(--_line); border-radius: 4px; font: inherit; }
@container cadence (width >= 680px) {
  .list:has(.cards) { display: grid; grid-template-columns: minmax(0, 62fr) minmax(0, 38fr); gap: 8px; }
  .words + .cards { margin: 0; padding: 0 0 0 8px; padding-inline: 8px 0; border-top: 0; border-inline-start: 1px solid var(--_line); }
  .suggestion-product .suggestion-title { white-space: normal; display: -webkit-box; -webkit-box-orient: vertical; -webkit-line-clamp: 2; }
}
@container cadence (width < 560px) {
  .submit, .keys, .badge, .suggestion-count span { display: none; }
  .footer { justify-content: end; }
  .suggestion { min-height: 44px; }
  .suggestion-scope { min-height: 34px; }
}
`;

if (!customElements.get("cadence-search")) customElements.define("cadence-search", CadenceSearch);
