// Follows one execution over HTTP and keeps its state: framework-free, no DOM. Pages, hooks and tests build on this.
//
//   const watch = watchExecution(id, { token, onChange: (state) => … });
//   watch.stop();
//
// A stream that breaks is taken up again after the last event seen; only the terminal event ends an execution.

const ENDED = new Set(["completed", "failed", "cancelled", "timed_out", "crashed", "expired"]);
const STATUS_OF_EVENT = { started: "running", resumed: "running", recovered: "running" };
const MOST_TELLING = ["running", "waiting", "ready", "failed", "cancelled", "completed", "skipped"];
const MAX_BACKOFF_MS = 8000;

export const isEnded = (status) => ENDED.has(status);

/** A problem answered by the API (RFC 9457). `fatal`: asking again would not help. */
export class ApiProblem extends Error {
  constructor(status, body) {
    super(body.detail || body.title || `HTTP ${status}`);
    this.status = status;
    this.code = body.code ?? null;
    this.hint = body.hint ?? null;
    this.fatal = status >= 400 && status < 500 && status !== 408 && status !== 429;
  }
}

/** GET (or `method`) a JSON answer. Throws ApiProblem, or TypeError if there is no connection. */
export async function requestJson(path, { token, baseUrl = "", fetch = globalThis.fetch, signal, method = "GET", body } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  const init = { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) };
  const response = await fetch(baseUrl + withToken(path, token), init);
  if (!response.ok) throw await problemOf(response);
  return response.json();
}

export function withToken(path, token) {
  return token ? `${path}${path.includes("?") ? "&" : "?"}token=${encodeURIComponent(token)}` : path;
}

async function problemOf(response) {
  return new ApiProblem(response.status, await response.json().catch(() => ({})));
}

/** The state before anything is known. `nodes[id]` = {status, counts, attempt, startedAt, endedAt, handles, scopes}. */
export function initialState(id) {
  return {
    id, status: "queued", completedNodes: [], currentNode: null, llmStreams: [], isPaused: false, waitpointId: null,
    error: null, isComplete: false, output: null, nodes: {}, cancelling: false, lastSeq: 0,
    startedAt: null, endedAt: null, total: 0, connection: "connecting", connectionError: null,
  };
}

/** Fold one event (the `data` of its frame) into a state, in place. Events already seen change nothing. */
export function applyEvent(state, event) {
  if (event.type === "stream.reset" && event.state) return applySnapshot(state, event.state, event.seq);
  if (event.seq !== undefined && event.seq <= state.lastSeq) return state;
  if (event.seq !== undefined) state.lastSeq = event.seq;
  const [family, what] = event.type.split(".");
  if (family === "execution") applyExecution(state, what, event);
  else if (family === "node") applyNode(state, what, event);
  else if (family === "scope") applyScope(state, what, event);
  else if (event.type === "stream.reset") cutText(streamOf(state, event), event.offset ?? 0);
  return state;
}

function applyExecution(state, what, event) {
  if (what === "cancelling") { state.cancelling = true; return; }
  setStatus(state, STATUS_OF_EVENT[what] ?? what);
  if (what === "started") { state.startedAt = event.ts; state.total = event.total ?? 0; }
  if (!state.isComplete) return;
  state.endedAt = event.ts;
  if (event.outputs !== undefined) state.output = event.outputs;
  state.error = event.error ?? (what === "crashed" ? { message: event.reason, code: "EXECUTION_CRASHED" } : null);
}

function setStatus(state, status) {
  state.status = status;
  state.isPaused = status === "paused";
  state.isComplete = isEnded(status);
  if (!state.isPaused) state.waitpointId = null;
}

const NODE_STATUS = { started: "running", retrying: "waiting", answered: "ready" };
const NODE_STATUSES = new Set(["ready", "running", "waiting", "completed", "failed", "skipped", "cancelled"]);

function applyNode(state, what, event) {
  if (what === "token") { addText(state, event); return; }
  if (what === "reused") what = event.failed ? "failed" : "completed";
  const status = NODE_STATUS[what] ?? what;
  if (!NODE_STATUSES.has(status)) return;
  const node = nodeOf(state, event.node_id);
  const before = node.instances.get(event.instance);
  if (before) node.counts[before] -= 1;
  node.instances.set(event.instance, status);
  node.counts[status] = (node.counts[status] ?? 0) + 1;
  node.status = MOST_TELLING.find((name) => node.counts[name]) ?? "pending";
  if (event.attempt) node.attempt = event.attempt;
  if (status === "running") { node.startedAt ??= event.ts; state.currentNode = event.node_id; }
  if (status === "completed") {
    if (event.handles) for (const handle of event.handles) node.handles.add(handle);
    if (!state.completedNodes.includes(event.node_id)) state.completedNodes.push(event.node_id);
  }
  if (["completed", "failed", "skipped", "cancelled"].includes(status)) {
    node.endedAt = event.ts;
    if (state.currentNode === event.node_id) state.currentNode = runningNode(state);
  }
}

function runningNode(state) {
  return Object.keys(state.nodes).find((id) => state.nodes[id].status === "running") ?? null;
}

function applyScope(state, what, event) {
  const scopes = nodeOf(state, event.node_id).scopes;
  if (event.total !== undefined && event.total >= 0) scopes.total = event.total;
  if (what === "completed") scopes.completed += 1;
}

function nodeOf(state, id) {
  return (state.nodes[id] ??= {
    status: "pending", counts: {}, instances: new Map(), attempt: 0, startedAt: null, endedAt: null,
    handles: new Set(), scopes: { total: null, completed: 0 },
  });
}

function streamOf(state, event) {
  let stream = state.llmStreams.find((known) => known.streamId === event.stream_id);
  if (!stream) {
    stream = { nodeId: event.node_id, streamId: event.stream_id, text: "", chars: 0 };
    state.llmStreams.push(stream);
  }
  return stream;
}

function addText(state, event) {
  const stream = streamOf(state, event);
  // Offsets count Unicode characters, JavaScript's strings UTF-16 units. A batch may overlap what is already there.
  if (event.offset < stream.chars) cutText(stream, event.offset);
  stream.text += event.text;
  stream.chars += Array.from(event.text).length;
}

function cutText(stream, offset) {
  const kept = Array.from(stream.text).slice(0, offset);
  Object.assign(stream, { text: kept.join(""), chars: kept.length });
}

/** Take over what GET /v1/executions/{id} says, `seq` being the last event that it includes. */
export function applySnapshot(state, execution, seq) {
  setStatus(state, execution.status);
  const progress = execution.progress ?? {};
  for (const id of progress.completed_nodes ?? []) nodeOf(state, id).status = "completed";
  for (const id of progress.running ?? []) nodeOf(state, id).status = "running";
  Object.assign(state, {
    completedNodes: [...(progress.completed_nodes ?? [])],
    currentNode: progress.running?.[0] ?? null,
    total: progress.total ?? state.total,
    startedAt: execution.started_at, endedAt: execution.ended_at,
    error: execution.error ?? null, output: execution.outputs ?? null,
    waitpointId: execution.waiting_for?.[0]?.waitpoint_id ?? null,
    lastSeq: Math.max(state.lastSeq, seq ?? execution.last_seq ?? 0),
  });
  return state;
}

/** Frames of a server-sent event stream (HTML standard, 9.2) as {id, event, data}; comments are dropped. */
export async function* readFrames(stream) {
  const reader = stream.pipeThrough(new TextDecoderStream()).getReader();
  let rest = "";
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      const blocks = (rest + value).replace(/\r\n?/g, "\n").split("\n\n");
      rest = blocks.pop();
      const frames = blocks.map(parseFrame).filter((frame) => frame.data !== "");
      if (frames.length) yield frames;
    }
  } finally {
    reader.cancel().catch(() => {});
  }
}

function parseFrame(block) {
  const frame = { id: "", event: "message", data: "" };
  const lines = [];
  for (const line of block.split("\n")) {
    const [, name, value] = /^([^:]*)(?:: ?(.*))?$/s.exec(line) ?? [];
    if (name === "data") lines.push(value ?? "");
    else if (name === "id" || name === "event") frame[name] = value ?? "";
  }
  frame.data = lines.join("\n");
  return frame;
}

/**
 * Follow an execution. `onChange(state)` is called with a new object after every change: {status, completedNodes,
 * currentNode, llmStreams[{nodeId, streamId, text}], isPaused, waitpointId, error, isComplete, output, nodes,
 * connection}. `connection` is connecting, live, reconnecting, closed or failed (`connectionError` says why).
 * Returns {state, stop(), done}; `done` resolves with the last state.
 */
export function watchExecution(id, options = {}) {
  const { token, onChange = () => {}, baseUrl = "", fetch = globalThis.fetch } = options;
  const path = `/v1/executions/${encodeURIComponent(id)}`;
  const abort = new AbortController();
  const state = initialState(id);
  const watch = { state: snapshot(state), stop: () => abort.abort(), done: null };
  const read = () => requestJson(path, { token, baseUrl, fetch, signal: abort.signal });

  const publish = (changes = {}) => {
    Object.assign(state, changes);
    watch.state = snapshot(state);
    if (!abort.signal.aborted) onChange(watch.state);
  };

  const streamOnce = async () => {
    const headers = { Accept: "text/event-stream" };
    if (state.lastSeq) headers["Last-Event-ID"] = String(state.lastSeq);
    const init = { headers, signal: abort.signal, cache: "no-store" };
    const response = await fetch(baseUrl + withToken(`${path}/events`, token), init);
    if (!response.ok) throw await problemOf(response);
    if (response.status === 204) { applySnapshot(state, await read()); return; }
    publish({ connection: "live", connectionError: null });
    for await (const frames of readFrames(response.body)) {
      let paused = false;
      for (const frame of frames) {
        if (frame.event === "error") throw new ApiProblem(503, JSON.parse(frame.data));
        applyEvent(state, JSON.parse(frame.data));
        paused ||= frame.event === "execution.paused";
      }
      // Only the execution itself knows its waitpoints by their public ids.
      if (paused && state.isPaused) state.waitpointId = (await read()).waiting_for?.[0]?.waitpoint_id ?? null;
      publish();
      if (state.isComplete) return;
    }
  };

  const run = async () => {
    let failures = 0;
    while (!abort.signal.aborted) {
      const seen = state.lastSeq;
      try {
        await streamOnce();
        if (state.isComplete) break;
      } catch (error) {
        if (abort.signal.aborted) break;
        if (error.fatal) { publish({ connection: "failed", connectionError: error }); return watch.state; }
        state.connectionError = error;
      }
      failures = state.lastSeq > seen ? 0 : failures + 1;
      publish({ connection: "reconnecting" });
      await pause(Math.min(500 * 2 ** failures, MAX_BACKOFF_MS) * (0.5 + Math.random() / 2), abort.signal);
    }
    if (state.isComplete) {
      // Events show large values cut short; the execution has them whole.
      const whole = await read().catch(() => null);
      if (whole) Object.assign(state, { output: whole.outputs, error: whole.error });
    }
    publish({ connection: "closed" });
    return watch.state;
  };

  watch.done = run();
  return watch;
}

function snapshot(state) {
  return { ...state, completedNodes: [...state.completedNodes], llmStreams: state.llmStreams.map((one) => ({ ...one })) };
}

function pause(ms, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
