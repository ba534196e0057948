/** Building elements without markup strings: everything a server sent becomes text, never HTML. */

const SVG = "http://www.w3.org/2000/svg";

/** An element with attributes and children; `null` children and `null` or `false` attributes are left out. */
export function element(name, attributes = {}, ...children) {
  return filled(document.createElement(name), attributes, children);
}

/** As `element`, in the SVG namespace. */
export function svgElement(name, attributes = {}, ...children) {
  return filled(document.createElementNS(SVG, name), attributes, children);
}

function filled(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (key.startsWith("on")) made.addEventListener(key.slice(2), value);
    else made.setAttribute(key, value === true ? "" : String(value));
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

/** An icon of /static/icons.svg. */
export function icon(name, className = "icon") {
  return svgElement(
    "svg",
    { class: className, viewBox: "0 0 24 24", "aria-hidden": "true" },
    svgElement("use", { href: `/static/icons.svg#${name}` }),
  );
}
