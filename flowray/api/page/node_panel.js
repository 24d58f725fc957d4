// What is known of one node: its attempts with input, output, error and times. Asked for when a node is selected.

import { requestJson } from "./core.js";
import { between, clock, duration, h, pretty, statusPill } from "./dom.js";

const MAX_ROWS = 50;
const ENDED = new Set(["completed", "failed", "skipped", "cancelled"]);

/** Shows one node at a time in `element`. */
export class NodePanel {
  constructor(executionId, token) {
    this.executionId = executionId;
    this.token = token;
    this.element = h("section", { class: "card panel", "aria-label": "Selected node" });
    this.nodeId = null;
    this.#placeholder();
  }

  /** `item` is the node of the layout. */
  async show(item, node) {
    this.nodeId = item.id;
    this.item = item;
    await this.refresh(node);
  }

  /** Ask again; `node` is its state as watchExecution knows it. */
  async refresh(node) {
    const nodeId = this.nodeId;
    if (nodeId === null) return;
    const status = node?.status ?? "pending";
    let rows = [];
    let problem = null;
    try {
      const path = `/v1/executions/${encodeURIComponent(this.executionId)}/nodes?node_id=${encodeURIComponent(nodeId)}&limit=${MAX_ROWS}`;
      const page = await requestJson(path, { token: this.token });
      rows = page.data;
    } catch (error) {
      problem = error;
    }
    if (this.nodeId !== nodeId) return;
    const open = new Set([...this.element.querySelectorAll("details")].filter((one) => one.open).map((one) => one.dataset.key));
    const known = this.shownId === nodeId;
    this.shownId = nodeId;
    const notice = problem ? h("p", { class: "notice" }, `The attempts cannot be read: ${problem.message}`)
      : rows.length === 0 ? h("p", { class: "muted" }, waitingText(status)) : null;
    this.element.replaceChildren(
      h("h2", {}, this.item.title, " ", statusPill(status)),
      h("p", { class: "muted small" }, `${this.item.subtitle} · `, h("span", { class: "mono" }, nodeId)),
      ...(notice ? [notice] : []),
      ...rows.map((row, index) => attempt(row, rows.length, known ? open.has(row.id) : index === rows.length - 1)));
  }

  #placeholder() {
    this.element.replaceChildren(h("h2", {}, "Node"), h("p", { class: "muted" }, "Select a node of the graph to see its input, output and attempts."));
  }
}

function waitingText(status) {
  return status === "skipped" ? "Skipped: no way led here in this execution." : "Nothing has been recorded yet.";
}

function attempt(row, count, open) {
  const took = row.duration_ms ?? (ENDED.has(row.status) ? null : between(row.started_at, null));
  const which = row.instance === row.node_id ? "" : ` · ${row.instance}`;
  const facts = [
    ["Started", clock(row.started_at)], ["Duration", duration(took)], ["Lane", row.lane || "–"],
    row.usage ? ["Tokens", `${row.usage.input_tokens} in, ${row.usage.output_tokens} out${row.usage.estimated ? " (estimated)" : ""}`] : null,
    row.usage?.model ? ["Model", row.usage.model] : null,
  ].filter(Boolean);
  return h("details", { class: "attempt", "data-key": row.id, open: open || count === 1 },
    h("summary", {}, statusPill(row.status), ` attempt ${row.attempt}`, h("span", { class: "muted" }, which)),
    h("dl", { class: "facts" }, ...facts.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])),
    row.error ? errorBlock(row.error) : null,
    value("Input", row.input), value("Output", row.output));
}

/** An error as {message, code, details}; also used for the execution's own. */
export function errorBlock(error) {
  const where = [error.code, error.node_id ? `node ${error.node_id}` : null, error.attempt ? `attempt ${error.attempt}` : null];
  const details = error.details && Object.keys(error.details).length ? value("Details", error.details) : null;
  return h("div", { class: "error" }, h("p", {}, error.message), h("p", { class: "mono small" }, where.filter(Boolean).join(" · ")),
    error.hint ? h("p", { class: "small" }, error.hint) : null, details);
}

/** A named JSON value; nothing for null. */
export function value(name, content) {
  if (content === null || content === undefined) return null;
  return h("div", { class: "value" }, h("h3", {}, name), h("pre", { tabindex: 0, "aria-label": name }, pretty(content)));
}
