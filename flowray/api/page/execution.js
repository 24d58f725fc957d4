// One execution, live: its graph, the text that models write, the selected node, and how it ended.

import { isEnded, requestJson, watchExecution } from "./core.js";
import { announce, between, clock, duration, h, setText, statusPill } from "./dom.js";
import { Graph } from "./graph.js";
import { errorBlock, NodePanel, value } from "./node_panel.js";

const NODE_REFRESH_MS = 700;

/** Fills `root`; returns what stops it. */
export function showExecution(root, id, token) {
  const view = new ExecutionView(root, id, token);
  view.start();
  return () => view.stop();
}

class ExecutionView {
  constructor(root, id, token) {
    Object.assign(this, { root, id, token, state: null, execution: null, graph: null, frame: 0, timers: [] });
    this.path = `/v1/executions/${encodeURIComponent(id)}`;
    this.items = new Map();
    this.panel = new NodePanel(id, token);
    this.#build();
  }

  #build() {
    this.title = h("h1", {}, "Execution");
    this.pill = h("span", {}, statusPill("queued"));
    this.facts = h("p", { class: "muted small" }, h("span", { class: "mono" }, this.id));
    this.bar = h("progress", { max: 1, value: 0, "aria-label": "Nodes ended" });
    this.count = h("span", { class: "muted small number" });
    this.cancel = h("button", { class: "danger", hidden: true, onclick: () => this.#cancel() }, "Cancel");
    this.notice = h("p", { class: "notice", role: "status", hidden: true });
    this.canvas = h("div", { class: "canvas" }, h("p", { class: "muted pad" }, "Loading the plan…"));
    this.streams = h("div");
    this.streamCard = h("section", { class: "card", "aria-label": "Text from language models", hidden: true }, h("h2", {}, "Text as it is written"), this.streams);
    this.result = h("section", { class: "card", "aria-label": "Result", hidden: true });
    this.inputs = h("section", { class: "card", "aria-label": "Inputs", hidden: true });
    const zoom = (label, name, act) => h("button", { type: "button", "aria-label": name, title: name, onclick: act }, label);
    this.root.replaceChildren(
      h("div", { class: "bar" }, h("a", { class: "back", href: "#/", "aria-label": "Back to all executions" }, "←"), this.title, this.pill,
        h("span", { class: "grow" }), this.bar, this.count, this.cancel),
      this.facts, this.notice,
      h("div", { class: "split" },
        h("section", { class: "card graph", "aria-label": "Graph" },
          h("div", { class: "tools" }, zoom("−", "Zoom out", () => this.graph?.zoomBy(-1)), zoom("+", "Zoom in", () => this.graph?.zoomBy(1)),
            zoom("Fit", "Fit to width", () => this.graph?.fit(this.canvas.clientWidth))),
          this.canvas),
        h("div", { class: "side" }, this.result, this.streamCard, this.panel.element, this.inputs)));
  }

  async start() {
    this.watch = watchExecution(this.id, { token: this.token, onChange: (state) => this.#changed(state) });
    this.timers.push(setInterval(() => this.#showTimes(), 1000));
    try {
      const [plan, execution] = await Promise.all([
        requestJson(`${this.path}/plan?layout=true`, { token: this.token }), requestJson(this.path, { token: this.token }),
      ]);
      if (this.stopped) return;
      this.execution = execution;
      this.title.textContent = execution.workflow_name || plan.name || "Execution";
      document.title = `${this.title.textContent} · flowray`;
      this.inputs.replaceChildren(value("Inputs", execution.inputs) ?? "");
      this.inputs.hidden = Object.keys(execution.inputs ?? {}).length === 0;
      this.#draw(plan.layout);
    } catch (error) {
      this.canvas.replaceChildren(h("p", { class: "notice" }, `The plan cannot be drawn: ${error.message}`));
    }
  }

  stop() {
    this.stopped = true;
    this.watch?.stop();
    this.timers.forEach(clearInterval);
    clearTimeout(this.nodeTimer);
    cancelAnimationFrame(this.frame);
  }

  #draw(layout) {
    for (const item of [...layout.nodes, ...layout.groups]) this.items.set(item.id, item);
    this.graph = new Graph(layout, (nodeId) => this.#select(nodeId));
    this.canvas.replaceChildren(this.graph.element);
    this.graph.fit(this.canvas.clientWidth);
    if (this.state) this.#render();
  }

  #select(nodeId) {
    this.graph.select(nodeId);
    this.panel.show(this.items.get(nodeId), this.state?.nodes[nodeId]).then(() => {
      this.panel.element.scrollIntoView({ block: "nearest" });
    });
  }

  #changed(state) {
    const before = this.state;
    this.state = state;
    if (before?.status !== state.status) announce(`Execution ${state.status}`);
    if (!this.frame) this.frame = requestAnimationFrame(() => { this.frame = 0; this.#render(); });
    const id = this.panel.nodeId;
    // Maps inside are shared between states, so a change shows in what was rendered last.
    const mark = id === null ? null : JSON.stringify([state.nodes[id]?.counts, state.nodes[id]?.attempt]);
    if (id !== null && mark !== this.nodeMark) {
      this.nodeMark = mark;
      this.nodeTimer ??= setTimeout(() => { this.nodeTimer = null; this.panel.refresh(this.state.nodes[id]); }, NODE_REFRESH_MS);
    }
  }

  #render() {
    const { state } = this;
    this.pill.replaceChildren(statusPill(state.cancelling && !state.isComplete ? "cancelling" : state.status));
    this.cancel.hidden = state.isComplete || state.cancelling || state.connection === "failed";
    this.graph?.update(state.nodes, state.isComplete);
    this.#showProgress(state);
    this.#showTimes();
    this.#showConnection(state);
    this.#showStreams(state.llmStreams, state);
    if (state.isComplete || state.error) this.#showResult(state);
  }

  #showProgress(state) {
    const outer = [...this.items.values()].filter((item) => item.parent === null);
    const done = outer.filter((item) => ["completed", "failed", "skipped", "cancelled"].includes(state.nodes[item.id]?.status));
    this.bar.max = Math.max(outer.length, 1);
    this.bar.value = done.length;
    setText(this.count, outer.length ? `${done.length}/${outer.length} nodes` : "");
  }

  #showTimes() {
    const { state, execution } = this;
    if (!state) return;
    const started = state.startedAt ?? execution?.started_at;
    const parts = [h("span", { class: "mono" }, this.id)];
    if (started) parts.push(` · started ${clock(started)} · ${duration(between(started, state.endedAt))}`);
    this.facts.replaceChildren(...parts);
  }

  #showConnection(state) {
    const lost = state.connection === "reconnecting";
    const failed = state.connection === "failed";
    this.notice.hidden = !(lost || failed || this.actionProblem);
    if (failed) setText(this.notice, `${state.connectionError.message}${state.connectionError.hint ? ` (${state.connectionError.hint})` : ""}`);
    else if (lost) setText(this.notice, "The connection was lost; taking it up again…");
    else if (this.actionProblem) setText(this.notice, this.actionProblem);
  }

  #showStreams(streams, state) {
    this.streamCard.hidden = streams.length === 0;
    for (const stream of streams) {
      let block = this.streams.querySelector(`[data-stream="${CSS.escape(stream.streamId)}"]`);
      if (!block) {
        block = h("div", { class: "stream", "data-stream": stream.streamId },
          h("h3", {}, h("span", { class: "name" }), h("span", { class: "muted small" }, " ", streamScope(stream))), h("p", { class: "text" }));
        this.streams.append(block);
      }
      setText(block.querySelector(".name"), this.items.get(stream.nodeId)?.title ?? stream.nodeId);
      const text = block.querySelector(".text");
      const atEnd = text.scrollHeight - text.scrollTop - text.clientHeight < 30;
      setText(text, stream.text);
      text.classList.toggle("live", state.nodes[stream.nodeId]?.status === "running" && !state.isComplete);
      if (atEnd) text.scrollTop = text.scrollHeight;
    }
  }

  #showResult(state) {
    this.result.hidden = false;
    const isEmpty = state.output && typeof state.output === "object" && Object.keys(state.output).length === 0;
    const outputs = isEmpty ? null : value(state.status === "completed" ? "Outputs" : "Outputs so far", state.output);
    this.result.replaceChildren(
      h("h2", {}, state.error ? "What went wrong" : "Result"),
      ...[state.error ? errorBlock(state.error) : null, outputs].filter(Boolean),
      ...(outputs || state.error ? [] : [h("p", { class: "muted" }, "No outputs.")]));
  }

  async #cancel() {
    this.cancel.disabled = true;
    try {
      const after = await requestJson(`${this.path}/cancel`, { method: "POST", body: { reason: "Cancelled on the page" } });
      this.actionProblem = null;
      if (isEnded(after.status)) announce(`Execution ${after.status}`);
    } catch (error) {
      this.actionProblem = `It could not be cancelled: ${error.message}`;
    }
    this.cancel.disabled = false;
    if (this.state) this.#render();
  }
}

function streamScope(stream) {
  const scope = stream.streamId.replace(/^llm-/, "");
  return scope === stream.nodeId ? "" : scope;
}
