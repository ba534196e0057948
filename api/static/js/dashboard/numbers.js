/** Numbers and times as the dashboard shows them; null is shown as "–". */

import { whole } from "../format.js";

export const NONE = "–";

/** 0.1234 → "12.3 %". */
export function percent(share) {
  return share === null ? NONE : `${(100 * share).toFixed(1)} %`;
}

/** 5.678 → "5.7". */
export function decimal(number) {
  return number === null ? NONE : number.toFixed(1);
}

/** 1234567 → "1.2M", 12345 → "12k", 1234 → "1.2k"; small ones as they are. For axes, where room is scarce. */
export function short(number) {
  for (const [size, letter] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]]) {
    if (number >= size) return `${Number((number / size).toFixed(number < 10 * size ? 1 : 0))}${letter}`;
  }
  return String(Number(number.toFixed(1)));
}

/** Milliseconds with as many digits as matter: "0.42", "8.1", "1,234". */
export function latency(ms) {
  if (ms >= 100) return whole(Math.round(ms));
  return ms >= 10 ? ms.toFixed(0) : ms >= 1 ? ms.toFixed(1) : ms.toFixed(2);
}

/** Seconds as "3 d 4 h", "4 h 5 min", "5 min", "20 s". */
export function duration(seconds) {
  const [days, hours] = [Math.floor(seconds / 86_400), Math.floor((seconds % 86_400) / 3_600)];
  const minutes = Math.floor((seconds % 3_600) / 60);
  if (days) return `${days} d ${hours} h`;
  if (hours) return `${hours} h ${minutes} min`;
  return minutes ? `${minutes} min` : `${Math.floor(seconds)} s`;
}

/**
 * The change from `before` to `now`: `{text, direction}` with direction −1, 0 or 1, or null where there is none to tell.
 * Shares and means change by a difference, counts by a share of what was before.
 */
export function change(now, before, kind) {
  if (now === null || before === null) return null;
  if (kind === "count" && before === 0) return null;
  const difference = kind === "count" ? (now - before) / before : now - before;
  const size = Math.abs(difference);
  const text = { count: `${(100 * size).toFixed(0)} %`, share: `${(100 * size).toFixed(1)} pp`, mean: size.toFixed(1) }[kind];
  const direction = Number(text.replace(/[^\d.]/g, "")) === 0 ? 0 : Math.sign(difference);
  return { text, direction };
}

const CLOCK = { hour: "2-digit", minute: "2-digit", hourCycle: "h23" };

/** A time of an axis: with the clock up to two days, with the date beyond. */
export function tick(date, hours) {
  return date.toLocaleString("en-GB", hours <= 48 ? CLOCK : { day: "numeric", month: "short" });
}

/** "31 Jan, 14:05". */
export function moment(date) {
  return date.toLocaleString("en-GB", { day: "numeric", month: "short", ...CLOCK });
}
