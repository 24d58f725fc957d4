// Draws the plan of an execution from the server's layout and shows the states of its nodes. Computes no places itself.

import { s } from "./dom.js";

const SIGNS = {
  pending: "", ready: "M-3 0h6", running: "M-2 -3.5L3.5 0L-2 3.5Z", waiting: "M-2 -3.5V3.5M2 -3.5V3.5",
  completed: "M-3.5 0.2L-1 2.8L3.6 -2.6", failed: "M-2.8 -2.8L2.8 2.8M2.8 -2.8L-2.8 2.8",
  skipped: "M-3.5 -2.5L0 0L-3.5 2.5M0.5 -2.5L4 0L0.5 2.5", cancelled: "M-2.6 -2.6H2.6V2.6H-2.6Z",
};
const NOT_REACHED = new Set(["pending", "skipped"]);
const ZOOMS = { min: 0.2, max: 2, step: 1.25 };

/** `onSelect(nodeId)` is called for a click, Enter or Space. Arrow keys move between nodes in plan order. */
export class Graph {
  constructor(layout, onSelect) {
    this.layout = layout;
    this.onSelect = onSelect;
    this.items = new Map();
    this.edges = [];
    this.zoom = 1;
    this.element = s("svg", {
      class: "fr", role: "group", "aria-label": "Graph of the workflow; arrow keys move between nodes",
      viewBox: `0 0 ${layout.width} ${layout.height}`,
    });
    for (const group of layout.groups) this.element.append(this.#item(group, true));
    for (const edge of layout.edges) this.element.append(this.#edge(edge));
    for (const node of layout.nodes) this.element.append(this.#item(node, false));
    this.order = [...this.items.keys()];
    this.element.addEventListener("keydown", (event) => this.#onKey(event));
    this.#tabStop(this.order[0]);
    this.setZoom(1);
  }

  /** Show the states of `nodes` as watchExecution gives them. */
  update(nodes, ended) {
    const statusOf = (id) => nodes[id]?.status ?? "pending";
    for (const [id, item] of this.items) {
      const status = statusOf(id);
      const badge = badgeOf(nodes[id]);
      if (item.status === status && item.badge === badge) continue;
      Object.assign(item, { status, badge });
      item.group.setAttribute("class", `${item.base} ${status}${item.selected ? " selected" : ""}`);
      item.group.setAttribute("aria-label", [item.label, status, badge].filter(Boolean).join(", "));
      item.sign.setAttribute("d", SIGNS[status]);
      item.badgeText.textContent = badge;
    }
    for (const { edge, group } of this.edges) {
      const taken = isTaken(edge, nodes, statusOf);
      const dead = !taken && (ended || statusOf(edge.target) === "skipped" || statusOf(edge.source) === "skipped");
      group.setAttribute("class", `fr-edge ${edge.kind}${taken ? " taken" : dead ? " dead" : ""}`);
    }
  }

  select(id) {
    for (const [other, item] of this.items) {
      item.selected = other === id;
      item.group.classList.toggle("selected", item.selected);
      item.group.setAttribute("aria-pressed", String(item.selected));
    }
    this.#tabStop(id);
  }

  setZoom(zoom) {
    this.zoom = Math.min(Math.max(zoom, ZOOMS.min), ZOOMS.max);
    this.element.setAttribute("width", this.layout.width * this.zoom);
    this.element.setAttribute("height", this.layout.height * this.zoom);
  }

  zoomBy(steps) {
    this.setZoom(this.zoom * ZOOMS.step ** steps);
  }

  fit(width) {
    this.setZoom(Math.min(1, width / this.layout.width));
  }

  #item(item, isGroup) {
    const middle = isGroup ? item.y + 20 : item.y + item.height / 2;
    const title = s("text", { class: "fr-title", x: item.x + 40, y: isGroup ? middle + 4 : middle - 3 }, item.title);
    const subtitle = isGroup
      ? s("tspan", { class: "fr-sub", dx: 6 }, item.subtitle)
      : s("text", { class: "fr-sub", x: item.x + 40, y: middle + 13 }, item.subtitle);
    if (isGroup) title.append(subtitle);
    const sign = s("path", { d: "" });
    const badgeText = s("text", { class: "fr-badge", x: item.x + item.width - 10, y: isGroup ? middle + 4 : middle + 13 });
    const base = isGroup ? "fr-group" : "fr-node";
    const group = s("g", {
      class: `${base} pending`, role: "button", tabindex: -1, "aria-label": `${item.label}, pending`,
      "aria-pressed": "false", "data-node": item.id, onclick: () => this.onSelect(item.id),
    },
    s("title", {}, item.label),
    s("rect", { class: "fr-card", x: item.x, y: item.y, width: item.width, height: item.height, rx: isGroup ? 12 : 9 }),
    s("g", { class: "fr-sign", transform: `translate(${item.x + 21} ${middle})` }, s("circle", { r: 9 }), sign),
    title, isGroup ? null : subtitle, badgeText);
    this.items.set(item.id, { group, sign, badgeText, base, label: item.label, status: "pending", badge: "", selected: false });
    return group;
  }

  #edge(edge) {
    const { tip, label } = edge;
    const group = s("g", { class: `fr-edge ${edge.kind}`, "data-edge": edge.id, "aria-hidden": "true" },
      s("path", { d: edge.path }),
      s("path", { class: "fr-tip", d: `M${tip.x} ${tip.y}l-4.5 ${tip.up ? 7 : -7}h9z` }),
      label ? s("text", { x: label.x, y: label.y + 4 }, label.text) : null);
    this.edges.push({ edge, group });
    return group;
  }

  #onKey(event) {
    const id = event.target.closest?.("[data-node]")?.dataset.node;
    const at = this.order.indexOf(id);
    if (at < 0) return;
    const last = this.order.length - 1;
    const goal = { ArrowDown: at + 1, ArrowRight: at + 1, ArrowUp: at - 1, ArrowLeft: at - 1, Home: 0, End: last }[event.key];
    if (goal !== undefined) {
      const next = this.order[Math.min(Math.max(goal, 0), last)];
      this.#tabStop(next);
      this.items.get(next).group.focus();
    } else if (event.key === "Enter" || event.key === " ") {
      this.onSelect(id);
    } else return;
    event.preventDefault();
  }

  /** One node is reached by Tab, the others by arrow keys: a graph of hundreds is no trap. */
  #tabStop(id) {
    if (!this.items.has(id)) return;
    for (const [other, item] of this.items) item.group.setAttribute("tabindex", other === id ? 0 : -1);
  }
}

function badgeOf(node) {
  if (!node) return "";
  if (node.scopes.total !== null) return `${node.scopes.completed}/${node.scopes.total}`;
  if (node.scopes.completed) return `${node.scopes.completed} done`;
  if (node.instances?.size > 1) return `${node.counts.completed ?? 0}/${node.instances.size}`;
  return node.attempt > 1 ? `attempt ${node.attempt}` : "";
}

function isTaken(edge, nodes, statusOf) {
  if (edge.kind === "ordering" || NOT_REACHED.has(statusOf(edge.target))) return false;
  const source = nodes[edge.source];
  if (edge.handle === "error") return statusOf(edge.source) === "failed";
  if (!source || !source.counts?.completed && source.status !== "completed") return false;
  return !source.handles?.size || source.handles.has(edge.handle);
}
