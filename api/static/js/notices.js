/** What a search understood, corrected, left out or loosened, in words and as chips. */

import { element } from "./dom.js";

/** The parts read out of the query, as chips: filters and likely prices. Removing one searches for all words again. */
export function understoodChips(parts, onRemove) {
  return parts
    .filter((part) => part.applied === "filter" || isLikelyLimit(part))
    .map((part) => {
      const value = part.kind === "rating" ? `${part.value} ★` : part.value;
      const label = `Understood “${part.text}” as ${value}. Remove`;
      return element("button", { class: "chip", type: "button", "aria-label": label, onclick: onRemove }, `${value} ✕`);
    });
}

function isLikelyLimit(part) {
  return part.applied === "preference" && (part.kind === "price" || part.kind === "rating") && /\d/.test(part.text);
}

/** Sentences about the answer, as nodes. `search(query)` searches for another wording. */
export function wordsAbout(answer, search) {
  const said = [];
  if (answer.redirect)
    said.push("This search has ", element("a", { href: answer.redirect }, "a page of its own"), ". ");
  if (answer.corrected_query) said.push("Showing results for ", element("strong", {}, answer.corrected_query), ". ");
  if (answer.did_you_mean) {
    const other = answer.did_you_mean;
    said.push(
      "Did you mean ",
      element("button", { class: "link", type: "button", onclick: () => search(other) }, other),
      "? ",
    );
  }
  for (const part of answer.understood ?? []) {
    const told = answer.relaxed?.includes(part.text);
    if (part.applied === "ignored" && !told) said.push(`“${part.text}” was left out of the search. `);
  }
  if (answer.relaxed) said.push(element("span", {}, `Few products match everything: ${answer.relaxed}.`));
  return said;
}
