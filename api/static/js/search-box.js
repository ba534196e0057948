/**
 * The search box: a WAI-ARIA 1.2 editable combobox with list autocomplete.
 *
 * Focus stays in the input; `aria-activedescendant` says which option is active. Enter submits what was typed
 * unless an option is active. Answers that arrive late are dropped by their number.
 */

import { counted, milliseconds } from "./format.js";
import { fillList } from "./suggestion-list.js";

const DEBOUNCE_MS = 60;
const CACHED_PREFIXES = 60;
const CACHE_MS = 30_000; // what one does changes what is suggested, so answers do not live long

export class SearchBox {
  /**
   * @param parts elements: form, input, clear, popup, list, timing, announcer
   * @param hooks fetch(prefix, signal) → answer; onSubmit(text); onSuggestion(item, rank, answer, prefix);
   *              onScope(item, scope, rank, answer, prefix); onProduct(product, rank, answer)
   */
  constructor(parts, hooks) {
    Object.assign(this, parts);
    this.hooks = hooks;
    this.options = []; // {element, choose}, in the order on screen
    this.active = -1;
    this.sequence = 0;
    this.cache = new Map();
    this.composing = false;
    this.listen();
  }

  get text() {
    return this.input.value;
  }

  set text(value) {
    this.input.value = value;
    this.clear.hidden = value === "";
  }

  get isOpen() {
    return !this.popup.hidden;
  }

  listen() {
    const { input, form } = this;
    input.addEventListener("input", () => {
      this.clear.hidden = input.value === "";
      if (!this.composing) this.ask(DEBOUNCE_MS);
    });
    input.addEventListener("focus", () => this.ask(0));
    input.addEventListener("click", () => this.isOpen || this.ask(0));
    input.addEventListener("blur", () => this.close());
    input.addEventListener("keydown", (event) => this.onKey(event));
    input.addEventListener("compositionstart", () => {
      this.composing = true;
    });
    input.addEventListener("compositionend", () => {
      this.composing = false;
      this.ask(DEBOUNCE_MS);
    });
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.clear.addEventListener("click", () => {
      this.text = "";
      input.focus();
      this.ask(0);
    });
    // The input must not lose its focus to the list: that would close it before the click arrives.
    this.popup.addEventListener("pointerdown", (event) => event.preventDefault());
    this.popup.addEventListener("mousedown", (event) => event.preventDefault());
    this.list.addEventListener("click", (event) => {
      const chosen = event.target.closest("[role=option]");
      this.options.find((option) => option.element === chosen)?.choose();
    });
  }

  onKey(event) {
    // While a word is being composed, its keys belong to the input method.
    if (event.isComposing || this.composing || event.keyCode === 229) return;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (event.key === "ArrowUp" && event.altKey) this.close();
      else if (!this.isOpen) this.ask(0, event.altKey ? null : event.key);
      else this.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      if (this.isOpen) {
        event.preventDefault();
        this.close();
      } else {
        this.text = "";
      }
    } else if (event.key === "Enter" && this.active >= 0) {
      event.preventDefault();
      this.options[this.active].choose();
    } else if (event.key === "Tab" && this.active >= 0) {
      this.text = this.options[this.active].text; // take the words over and go on to the next control
      this.close();
    } else if (["Home", "End", "ArrowLeft", "ArrowRight"].includes(event.key)) {
      this.activate(-1); // back to editing; the browser moves the caret
    }
  }

  /** Ask for suggestions after `delay` ms; `key` is an arrow that waits for the list. */
  ask(delay, key = null) {
    clearTimeout(this.timer);
    this.request?.abort();
    const sequence = ++this.sequence;
    const prefix = this.text;
    const known = this.cached(prefix);
    if (known) {
      this.show(prefix, known, key);
      return;
    }
    this.timer = setTimeout(async () => {
      this.request = new AbortController();
      try {
        const answer = await this.hooks.fetch(prefix, this.request.signal);
        if (prefix.trim()) this.remember(prefix, answer);
        if (sequence === this.sequence) this.show(prefix, answer, key);
      } catch (error) {
        if (sequence === this.sequence && error.name !== "AbortError") this.close();
      }
    }, delay);
  }

  cached(prefix) {
    const entry = this.cache.get(prefix);
    return entry && performance.now() - entry.at < CACHE_MS ? entry.answer : null;
  }

  remember(prefix, answer) {
    this.cache.delete(prefix);
    this.cache.set(prefix, { answer, at: performance.now() });
    if (this.cache.size > CACHED_PREFIXES) this.cache.delete(this.cache.keys().next().value);
  }

  /** Forget cached answers: after a search or a click the server knows more. */
  forget() {
    this.cache.clear();
  }

  show(prefix, answer, key) {
    if (document.activeElement !== this.input) return; // the shopper went elsewhere meanwhile
    this.options = fillList(this.list, answer, {
      onSuggestion: (item, rank) => {
        this.text = item.text;
        this.close();
        this.hooks.onSuggestion(item, rank, answer, prefix);
      },
      onScope: (item, scope, rank) => {
        this.text = item.text;
        this.close();
        this.hooks.onScope(item, scope, rank, answer, prefix);
      },
      onProduct: (product, rank) => {
        this.close();
        this.hooks.onProduct(product, rank, answer);
      },
    });
    this.activate(-1);
    const some = this.options.length > 0;
    this.popup.hidden = !some;
    this.input.setAttribute("aria-expanded", String(some));
    this.timing.textContent = milliseconds(answer.response_time_ms);
    this.announcer.textContent = some ? `${counted(this.options.length, "suggestion")} available` : "No suggestions";
    if (some && key) this.move(key === "ArrowDown" ? 1 : -1);
  }

  /** Drop the answer that is on its way. */
  cancel() {
    clearTimeout(this.timer);
    this.request?.abort();
    this.sequence += 1;
  }

  close() {
    this.cancel(); // a late answer must not open the list again
    this.popup.hidden = true;
    this.input.setAttribute("aria-expanded", "false");
    this.activate(-1);
  }

  /** One option down or up; beyond either end lies the input itself. */
  move(step) {
    this.cancel(); // the list must not change under the arrows: what is seen is what Enter chooses
    const places = this.options.length + 1;
    this.activate(((this.active + 1 + step + places) % places) - 1);
  }

  activate(index) {
    this.options[this.active]?.element.setAttribute("aria-selected", "false");
    this.active = index;
    const option = this.options[index];
    if (option) {
      option.element.setAttribute("aria-selected", "true");
      option.element.scrollIntoView({ block: "nearest" });
      this.input.setAttribute("aria-activedescendant", option.element.id);
    } else {
      this.input.removeAttribute("aria-activedescendant");
    }
  }

  submit() {
    const text = this.text.trim();
    this.close();
    if (text) this.hooks.onSubmit(text);
    else this.input.focus();
  }
}
