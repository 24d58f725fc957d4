// Small helpers to build elements and to write times. All text goes in as text, never as markup.

const SVG = "http://www.w3.org/2000/svg";

/** An HTML element. `on…` properties become listeners, the rest attributes; null and false leave an attribute out. */
export const h = (tag, properties = {}, ...children) => build(document.createElement(tag), properties, children);

/** The same for SVG. */
export const s = (tag, properties = {}, ...children) => build(document.createElementNS(SVG, tag), properties, children);

function build(element, properties, children) {
  for (const [name, value] of Object.entries(properties)) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** Set the text only where it changed, so that selections and scroll positions stay. */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

export function statusPill(status) {
  return h("span", { class: `pill ${status}` }, h("span", { class: "dot", "aria-hidden": "true" }), status.replace("_", " "));
}

/** 340 ms, 2.4 s, 3 min 5 s, 2 h 4 min. */
export function duration(ms) {
  if (ms === null || ms === undefined || Number.isNaN(ms)) return "–";
  if (ms < 1000) return `${Math.max(0, Math.round(ms))} ms`;
  if (ms < 60000) return `${(ms / 1000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60000) / 1000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

export function between(start, end) {
  return start ? new Date(end ?? Date.now()) - new Date(start) : null;
}

/** Local time; with the date if it is not today's. */
export function clock(iso) {
  if (!iso) return "–";
  const when = new Date(iso);
  const sameDay = when.toDateString() === new Date().toDateString();
  return sameDay ? when.toLocaleTimeString() : when.toLocaleString();
}

/** A JSON value as readable text; text itself stays as it is. */
export function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2) ?? "";
}

export function announce(text) {
  document.getElementById("announcer").textContent = text;
}
