"""The words of a drawing: titles of nodes, labels of edges, what a screen reader says. No shapes."""

from __future__ import annotations

from flowray.plan import ExecutableNode, PlanEdge

MAX_TITLE_CHARS = 26
MAX_LABEL_CHARS = 18

STATUSES = ("pending", "ready", "running", "waiting", "completed", "failed", "skipped", "cancelled")
"""Statuses of nodes in the order of a legend."""


def title_of(node: ExecutableNode) -> str:
    """What a node is called: its name, else its id, cut to what fits."""
    return shorten(node.name or node.id, MAX_TITLE_CHARS)


def subtitle_of(node: ExecutableNode) -> str:
    """What a node is."""
    return shorten(node.type, MAX_TITLE_CHARS + 4)


def describe(node: ExecutableNode, status: str | None = None, badge: str | None = None) -> str:
    """A node in one line, nothing cut: for tooltips and screen readers."""
    name = node.id if node.name in ("", node.id) else f"{node.name} ({node.id})"
    parts = [name, node.type, status or "", badge or ""]
    return ", ".join(part for part in parts if part)


def label_of(edge: PlanEdge) -> str:
    """The handle as a label; plain success needs none."""
    return "" if edge.handle == "source" else shorten(edge.handle, MAX_LABEL_CHARS)


def kind_of(edge: PlanEdge) -> str:
    """How an edge is drawn: ``flow``, ``error``, ``exit``, ``ordering`` or ``goto``."""
    if edge.handle in ("error", "goto"):
        return edge.handle
    return edge.kind


def shorten(text: str, limit: int) -> str:
    """One line of at most ``limit`` characters."""
    line = " ".join(text.split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"
