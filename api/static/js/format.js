/** Numbers as the shop shows them. Prices: `price` of cadence-search.js. */

const WHOLE = new Intl.NumberFormat("en-US");

/** 12345 → "12,345". */
export function whole(number) {
  return WHOLE.format(number);
}

/** "1 product", "2,345 products". */
export function counted(number, noun) {
  return `${whole(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Milliseconds as "8 ms", below one as "<1 ms". */
export function milliseconds(ms) {
  return ms < 1 ? "<1 ms" : `${whole(Math.round(ms))} ms`;
}
