/** The HTTP calls of this page: one session, problem documents as errors, nothing else. */

const STORED_SESSION = "cadence-session";

/** A request that the server refused (RFC 9457 problem) or that never reached it (code "unreachable"). */
export class ApiError extends Error {
  constructor({ status = 0, code = "unreachable", title = "The shop cannot be reached", detail = "" } = {}) {
    super(detail || title);
    this.name = "ApiError";
    this.status = status;
    this.code = code;
    this.title = title;
    this.detail = detail;
  }
}

let session = stored();
let starting = null;

function stored() {
  try {
    return JSON.parse(sessionStorage.getItem(STORED_SESSION));
  } catch {
    return null; // storage may be switched off
  }
}

function keep(started) {
  session = started;
  try {
    sessionStorage.setItem(STORED_SESSION, JSON.stringify(started));
  } catch {
    // a session that lasts one page view is enough
  }
}

/** The session `{session_id, user_id, session_token}`, started on the first call. */
export async function openSession() {
  if (session) return session;
  starting ??= post("/user/session/start", {}).then(keep).finally(() => {
    starting = null;
  });
  await starting;
  return session;
}

async function post(path, body, { signal, token, keepalive = false } = {}) {
  let response;
  try {
    response = await fetch(path, {
      method: "POST",
      headers: { "Content-Type": "application/json", ...(token ? { Authorization: `Bearer ${token}` } : {}) },
      body: JSON.stringify(body),
      signal,
      keepalive,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError();
  }
  const type = response.headers.get("Content-Type") ?? "";
  const answer = type.includes("json") ? await response.json() : null;
  if (!response.ok || answer === null) {
    throw new ApiError({
      status: response.status,
      code: answer?.code ?? "unexpected_answer",
      title: answer?.title ?? "Something went wrong",
      detail: answer?.detail ?? "",
    });
  }
  return answer;
}

/** As `post`, within the session. A token that the server no longer knows is replaced once. */
async function postInSession(path, body, options = {}) {
  const { session_id, session_token } = await openSession();
  try {
    return await post(path, { ...body, session_id }, { ...options, token: session_token });
  } catch (error) {
    if (!(error instanceof ApiError) || (error.status !== 401 && error.status !== 403)) throw error;
    session = null;
    const fresh = await openSession();
    return post(path, { ...body, session_id: fresh.session_id }, { ...options, token: fresh.session_token });
  }
}

/** A random UUID (RFC 9562, version 4). Browsers keep `crypto.randomUUID` for https and localhost. */
function randomId() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}

/** Completions of `prefix`, or recent and trending queries where it is empty. */
export function autosuggest(prefix, { signal, products = 0 } = {}) {
  const body = { query_prefix: prefix, max_suggestions: 10, include_products: products };
  return postInSession("/autosuggest", body, { signal });
}

/** One page of products. `filters` and `requestId` may be absent; without `interpret` words are only words. */
export function search({ query, offset, pageSize, sort, filters, interpret, requestId }, { signal } = {}) {
  const body = { query, max_results: pageSize, offset, sort };
  if (filters && Object.keys(filters).length > 0) body.filters = filters;
  if (!interpret) body.interpret = false;
  if (requestId) body.request_id = requestId;
  return postInSession("/search", body, { signal });
}

/** Products that nobody searched for, beside `productId` if one is looked at, each with its `reason`. */
export function recommended({ productId, count }) {
  return postInSession("/recommendations", { max_results: count, ...(productId ? { product_id: productId } : {}) });
}

/** Tell what the shopper did. Never rejects: a lost event must not disturb the shopper. */
export async function tell(action, { item, query, rank, requestId, seconds, additional } = {}) {
  try {
    const { user_id } = await openSession();
    const event = { user_id, action_type: action, event_id: randomId() };
    if (item) event.item_id = item;
    if (query) event.query = query;
    if (rank) event.item_rank = rank;
    if (requestId) event.request_id = requestId;
    if (seconds) event.duration_seconds = seconds;
    if (additional) event.additional_data = additional;
    // keepalive: the event outlives the page when the click leaves it
    await postInSession("/engagement", event, { keepalive: true });
    return true;
  } catch (error) {
    console.warn("event not recorded:", error.message);
    return false;
  }
}
