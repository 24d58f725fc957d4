// The list of executions, newest first, asked for again while it is looked at.

import { requestJson } from "./core.js";
import { between, clock, duration, h, statusPill } from "./dom.js";

const REFRESH_MS = 2000;
const PAGE = 50;
const STATUSES = [
  "queued", "delayed", "running", "waiting", "paused", "completed", "failed", "cancelled", "timed_out", "crashed", "expired",
];

/** Fills `root`; returns what stops it. `query` is the part of the address after `?`. */
export function showList(root, query) {
  const wanted = query.get("status") ?? "";
  const abort = new AbortController();
  let limit = PAGE;
  let timer = null;

  const select = h("select", { id: "status", onchange: () => { location.hash = select.value ? `#/?status=${select.value}` : "#/"; } },
    h("option", { value: "" }, "All statuses"),
    ...STATUSES.map((name) => h("option", { value: name, selected: name === wanted }, name.replace("_", " "))));
  const notice = h("p", { class: "notice", role: "status", hidden: true });
  const body = h("tbody");
  const more = h("button", { hidden: true, onclick: () => { limit = Math.min(limit + PAGE, 500); refresh(); } }, "Show more");
  const empty = h("div", { class: "empty", hidden: true });

  root.replaceChildren(
    h("div", { class: "bar" }, h("h1", {}, "Executions"), h("label", { class: "filter", for: "status" }, "Status ", select)),
    notice,
    h("div", { class: "scroll" }, h("table", { class: "list" },
      h("caption", { class: "hidden" }, "Executions, newest first"),
      h("thead", {}, h("tr", {}, ...["Status", "Workflow", "Started", "Duration", "Progress", "Execution"].map((name) => h("th", { scope: "col" }, name)))),
      body)),
    empty, more);

  async function refresh() {
    clearTimeout(timer);
    try {
      const page = await requestJson(`/v1/executions?limit=${limit}${wanted ? `&status=${wanted}` : ""}`, { signal: abort.signal });
      reconcile(body, page.data);
      more.hidden = !page.has_more || limit >= 500;
      notice.hidden = true;
      showEmpty(empty, page.data.length === 0, wanted);
    } catch (error) {
      if (abort.signal.aborted) return;
      notice.textContent = `The list cannot be refreshed: ${error.message}. Trying again.`;
      notice.hidden = false;
    }
    if (!document.hidden && !abort.signal.aborted) timer = setTimeout(refresh, REFRESH_MS);
  }

  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); }, { signal: abort.signal });
  refresh();
  return () => { abort.abort(); clearTimeout(timer); };
}

/** Replace only rows that changed, so that keyboard focus stays where it is. */
function reconcile(body, executions) {
  const known = new Map([...body.children].map((row) => [row.dataset.id, row]));
  executions.forEach((execution, index) => {
    const key = JSON.stringify([execution.status, execution.started_at, execution.ended_at, execution.progress]);
    let row = known.get(execution.id);
    known.delete(execution.id);
    if (!row) {
      row = h("tr", { "data-id": execution.id });
    }
    if (body.children[index] !== row) body.insertBefore(row, body.children[index] ?? null);
    if (row.dataset.key === key && execution.ended_at) return;
    const focused = row.contains(document.activeElement);
    row.dataset.key = key;
    row.replaceChildren(...cells(execution));
    if (focused) row.querySelector("a").focus();
  });
  for (const row of known.values()) row.remove();
}

function cells(execution) {
  const progress = execution.progress ?? {};
  const done = (progress.completed ?? 0) + (progress.failed ?? 0) + (progress.skipped ?? 0);
  const started = execution.started_at ?? execution.created_at;
  const open = `#/executions/${encodeURIComponent(execution.id)}`;
  return [
    h("td", {}, statusPill(execution.status)),
    h("td", {}, h("a", { class: "open", href: open }, execution.workflow_name || execution.workflow_id || "inline workflow")),
    h("td", { class: "nowrap" }, h("time", { datetime: started }, clock(started))),
    h("td", { class: "nowrap number" }, duration(between(execution.started_at, execution.ended_at))),
    h("td", {}, progress.total ? h("span", { class: "progress" },
      h("progress", { max: progress.total, value: done, "aria-label": "Nodes ended" }), ` ${done}/${progress.total}`) : "–"),
    h("td", { class: "mono muted" }, execution.id),
  ];
}

function showEmpty(element, isEmpty, wanted) {
  element.hidden = !isEmpty;
  if (!isEmpty) return;
  element.replaceChildren(...(wanted
    ? [h("p", {}, `No execution is ${wanted.replace("_", " ")}.`)]
    : [h("p", {}, "Nothing has run yet. Start a workflow:"),
      h("pre", {}, `flowray submit examples/hello.json\n\n# or\ncurl -X POST ${location.origin}/v1/executions \\\n  -H 'Content-Type: application/json' \\\n  -d '{"definition": {"nodes": {"in": {"type": "input"}}, "edges": []}, "inputs": {"name": "Ada"}}'`)]));
}
