/** The operator's calls: one key, problem documents as errors. */

// sessionStorage, not localStorage: the key closes with its tab, and no other tab or later visitor finds it.
const STORED_KEY = "cadence-admin-key";

/** A request that was refused (RFC 9457 problem) or that never reached the server (code "unreachable"). */
export class ApiError extends Error {
  constructor({ status = 0, code = "unreachable", detail = "The server cannot be reached." } = {}) {
    super(detail);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
  }

  /** Whether another key could help. */
  get refused() {
    return this.status === 401 || this.status === 403;
  }
}

let key = stored();

function stored() {
  try {
    return sessionStorage.getItem(STORED_KEY);
  } catch {
    return null; // storage may be switched off: then the key lives as long as the page
  }
}

export const hasKey = () => key !== null;

export function rememberKey(given) {
  key = given;
  try {
    sessionStorage.setItem(STORED_KEY, given);
  } catch {
    // as above
  }
}

export function forgetKey() {
  key = null;
  try {
    sessionStorage.removeItem(STORED_KEY);
  } catch {
    // as above
  }
}

/** Counts since the start, latencies, models. `given` instead of the remembered key, for trying it. */
export const stats = ({ signal, given } = {}) => get("/admin/stats", { signal, given });

/** The figures of the last `hours`. */
export const insights = (hours, { signal } = {}) => get(`/admin/dashboard?hours=${hours}`, { signal });

/** Every experiment, newest version. */
export const experiments = () => get("/admin/experiments", {});

/** What one experiment says now. */
export const results = (name) => get(`/admin/experiments/${encodeURIComponent(name)}/results`, {});

/** The published versions and the audit log. */
export const models = () => get("/admin/models", {});

/** Searches and suggestions of the last days, by one of the dimensions of `GET /admin/metrics`. */
export const outcomes = (range, { signal } = {}) => get(`/admin/metrics?${range}`, { signal });

/** Saves what a path answers as a file of this name. */
export async function save(path, name) {
  const response = await ask(path);
  if (!response.ok) throw new ApiError({ status: response.status, code: "unexpected_answer", detail: "The table could not be saved." });
  const link = document.createElement("a");
  link.href = URL.createObjectURL(await response.blob());
  link.download = name;
  link.click();
  URL.revokeObjectURL(link.href);
}

async function ask(path, { signal, given = key } = {}) {
  // A header carries Latin-1 only; a key that holds more is wrong anyway, and fetch must not throw over it.
  if (!/^[\x21-\x7e]+$/.test(given ?? "")) throw new ApiError({ status: 401, code: "unauthorized", detail: "" });
  try {
    return await fetch(path, { headers: { Authorization: `Bearer ${given}` }, signal, cache: "no-store" });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError();
  }
}

async function get(path, options = {}) {
  const response = await ask(path, options);
  let answer = null;
  try {
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error; // otherwise cut off, or no JSON: told below
  }
  if (!response.ok || answer === null) {
    const { code = "unexpected_answer", detail = `The server answered with status ${response.status}.` } = answer ?? {};
    throw new ApiError({ status: response.ok ? 502 : response.status, code, detail });
  }
  return answer;
}
