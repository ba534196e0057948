/** Buttons that save a table as CSV: a link could not carry the key. */

import { element } from "../dom.js";
import { save } from "./api.js";
import { hidden } from "./help.js";

/** A button that saves what `path` answers as `file`. `name`: of the table, for who cannot see where it stands. */
export function saver(name, path, file) {
  const button = element("button", { class: "save", type: "button" }, "CSV", hidden(` of “${name}”`));
  button.addEventListener("click", async () => {
    button.disabled = true;
    try {
      await save(path, file);
    } catch (error) {
      button.title = error.message;
    } finally {
      button.disabled = false;
    }
  });
  return button;
}
