/** Asks for the admin key, tries it, and tells what is wrong with it. */

import { rememberKey, stats } from "./api.js";

const at = (id) => document.getElementById(id);

/** Shows the form with `said` above its field. */
export function askForKey(said = "") {
  at("key-form").hidden = false;
  at("key-error").textContent = said;
  at("key").value = "";
  at("key").focus();
}

/** Calls `opened` once a key is accepted; it is remembered then. */
export function listenForKey(opened) {
  at("key-form").addEventListener("submit", async (event) => {
    event.preventDefault();
    const given = at("key").value.trim();
    at("key-error").textContent = "";
    try {
      await stats({ given });
    } catch (error) {
      at("key-error").textContent = explained(error);
      at("key").focus();
      return;
    }
    rememberKey(given);
    at("key-form").hidden = true;
    at("key").value = "";
    opened();
  });
}

/** What an operator can do about it. */
export function explained(error) {
  if (error.code === "admin_disabled") {
    return "This server has no admin key: set ADMIN_API_KEY and start it again to open the dashboard.";
  }
  if (error.status === 401) return "That key was not accepted. Check it and try again.";
  return error.message;
}
