"""What is known of an execution from its events so far, in the fields that the page's core has too. No display."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

ENDED = frozenset({"completed", "failed", "cancelled", "timed_out", "crashed", "expired"})

_STATUS_OF_EVENT = {"started": "running", "resumed": "running", "recovered": "running", "cancelling": None}
_NODE_STATUS = {"started": "running", "retrying": "waiting", "answered": "ready"}
_NODE_STATUSES = frozenset({"ready", "running", "waiting", "completed", "failed", "skipped", "cancelled"})
_MOST_TELLING = ("running", "waiting", "ready", "failed", "cancelled", "completed", "skipped")


@dataclass
class LlmStream:
    """The text that one language-model node has written so far."""

    node_id: str
    stream_id: str
    text: str = ""


@dataclass
class NodeState:
    """All instances of one node. ``counts`` by status; ``scopes`` and ``total``: iterations, ended and in all.
    ``completed``: an instance has completed, whatever the others do.
    """

    instances: dict[str, str] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    attempt: int = 0
    handles: set[str] = field(default_factory=set)
    scopes: int = 0
    total: int | None = None
    completed: bool = False

    @property
    def status(self) -> str:
        """The most telling status of its instances."""
        return next((name for name in _MOST_TELLING if self.counts[name]), "pending")

    @property
    def badge(self) -> str:
        """A few characters for the corner of its picture: ``3/10`` or ``attempt 2``; often empty."""
        if self.total is not None:
            return f"{self.scopes}/{self.total}"
        if self.scopes:
            return f"{self.scopes} done"
        if len(self.instances) > 1:
            return f"{self.counts['completed']}/{len(self.instances)}"
        return f"attempt {self.attempt}" if self.attempt > 1 else ""


@dataclass
class LiveState:
    """Fold events into it with ``apply``. ``nodes`` by node id; ``output`` as events show it (large values cut)."""

    status: str = "queued"
    completed_nodes: list[str] = field(default_factory=list)
    current_node: str | None = None
    llm_streams: list[LlmStream] = field(default_factory=list)
    waitpoint_id: str | None = None
    error: dict[str, Any] | None = None
    output: Any = None
    last_seq: int = 0
    nodes: dict[str, NodeState] = field(default_factory=dict)
    _running: dict[str, None] = field(default_factory=dict, repr=False, compare=False)
    """Ids of the nodes that run, in the order in which they began: looking for one costs nothing, however many."""

    @property
    def is_paused(self) -> bool:
        """Whether a person must act."""
        return self.status == "paused"

    @property
    def is_complete(self) -> bool:
        """Whether it has ended, in whatever way."""
        return self.status in ENDED

    def apply(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Fold public events (``{seq, type, …}``) in order; those already seen change nothing."""
        for event in events:
            if event["seq"] <= self.last_seq:
                continue
            self.last_seq = event["seq"]
            family, _, what = event["type"].partition(".")
            if family == "execution":
                self._execution(what, event)
            elif family == "node":
                self._node(what, event)
            elif family == "scope":
                self._scope(what, event)
            elif event["type"] == "stream.reset" and "stream_id" in event:
                stream = self._stream(event)
                stream.text = stream.text[: event.get("offset", 0)]

    def statuses(self) -> dict[str, str]:
        """Node id → status, of the nodes that were heard of."""
        return {node_id: node.status for node_id, node in self.nodes.items()}

    def badges(self) -> dict[str, str]:
        """Node id → badge, where there is one."""
        return {node_id: node.badge for node_id, node in self.nodes.items() if node.badge}

    def handles(self) -> dict[str, frozenset[str]]:
        """Node id → handles that its results made live, for nodes that select."""
        return {node_id: frozenset(node.handles) for node_id, node in self.nodes.items() if node.handles}

    def _execution(self, what: str, event: Mapping[str, Any]) -> None:
        self.status = _STATUS_OF_EVENT.get(what, what) or self.status
        if not self.is_complete:
            return
        self.output = event.get("outputs")
        self.error = event.get("error")
        if what == "crashed":
            self.error = {"message": event.get("reason", ""), "code": "EXECUTION_CRASHED"}

    def _node(self, what: str, event: Mapping[str, Any]) -> None:
        if what == "token":
            stream = self._stream(event)
            stream.text = stream.text[: event["offset"]] + event["text"]
            return
        if what == "reused":
            what = "failed" if event.get("failed") else "completed"
        status = _NODE_STATUS.get(what, what)
        if status not in _NODE_STATUSES:
            return
        node_id, instance = event["node_id"], event["instance"]
        node = self.nodes.setdefault(node_id, NodeState())
        if instance in node.instances:
            node.counts[node.instances[instance]] -= 1
        node.instances[instance] = status
        node.counts[status] += 1
        node.attempt = event.get("attempt") or node.attempt
        self._move(node_id, node, status)
        if status == "completed":
            node.handles |= set(event.get("handles") or ())
            if not node.completed:
                node.completed = True
                self.completed_nodes.append(node_id)

    def _move(self, node_id: str, node: NodeState, status: str) -> None:
        if status == "running":
            self.current_node = node_id
            self._running[node_id] = None
        elif node_id in self._running and not node.counts["running"]:
            del self._running[node_id]
            if self.current_node == node_id:
                self.current_node = next(iter(self._running), None)

    def _scope(self, what: str, event: Mapping[str, Any]) -> None:
        node = self.nodes.setdefault(event["node_id"], NodeState())
        if event.get("total", -1) >= 0:
            node.total = event["total"]
        if what == "completed":
            node.scopes += 1

    def _stream(self, event: Mapping[str, Any]) -> LlmStream:
        for stream in self.llm_streams:
            if stream.stream_id == event["stream_id"]:
                return stream
        stream = LlmStream(event["node_id"], event["stream_id"])
        self.llm_streams.append(stream)
        return stream
