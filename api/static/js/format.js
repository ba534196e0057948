/** Numbers and texts as the shop shows them. */

const WHOLE = new Intl.NumberFormat("en-US");

/** 12345 → "12,345". */
export function whole(number) {
  return WHOLE.format(number);
}

/** "1 product", "2,345 products". */
export function counted(number, noun) {
  return `${whole(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** A price with the shop's own symbol ("$", "₹") in front, or its code ("EUR") behind; `currency` may be null. */
export function price(amount, currency) {
  const digits = Number.isInteger(amount) ? 0 : 2;
  const number = amount.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: 2 });
  if (!currency) return number;
  return /^\p{L}/u.test(currency) && !currency.endsWith("$") ? `${number} ${currency}` : `${currency}${number}`;
}

/** Milliseconds as "8 ms", below one as "<1 ms". */
export function milliseconds(ms) {
  return ms < 1 ? "<1 ms" : `${whole(Math.round(ms))} ms`;
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
