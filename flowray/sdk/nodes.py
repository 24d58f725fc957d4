"""Nodes of a workflow that is being built in Python, and ``>>`` between them. They hold no state of any execution."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol, TypeVar

T = TypeVar("T", bound="Node | list[Node]")


class Canvas(Protocol):
    """What nodes are drawn on: the workflow."""

    def connect(self, source: Node, target: Node, handle: str | None = None) -> None:
        """Draw an edge."""
        ...

    def enter(self, container: Node) -> None:
        """Put nodes made from now on into the body of a loop or parallel."""
        ...

    def leave(self, container: Node) -> None:
        """Undo ``enter``."""
        ...


class _Source:
    """Something that edges leave from."""

    _node: Node
    _handle: str | None = None

    def __rshift__(self, target: T) -> T:
        """``a >> b`` or ``a >> [b, c]``: success leads on. Returns the target, so chains can be written."""
        if not isinstance(target, Node | list) or not all(isinstance(one, Node) for one in _each(target)):
            return NotImplemented
        for one in _each(target):
            self._node._canvas.connect(self._node, one, self._handle)
        return target


class Port(_Source):
    """One named handle of a node: ``check["true"] >> b``."""

    def __init__(self, node: Node, handle: str) -> None:
        self._node = node
        self._handle = handle


class Node(_Source):
    """One node. Loops and parallels are context managers: nodes made inside the block are their body."""

    def __init__(self, canvas: Canvas, node_id: str, node_type: str) -> None:
        self._canvas = canvas
        self._node = self
        self.id = node_id
        self.type = node_type

    def __getitem__(self, handle: str) -> Port:
        """The handle of that name: of a branch, ``error``, ``loop-body`` …"""
        return Port(self, handle)

    @property
    def error(self) -> Port:
        """Where an error of this node leads: ``fetch.error >> apologise``."""
        return Port(self, "error")

    def __rrshift__(self, sources: Any) -> Node:
        """``[a, b] >> c``."""
        if not isinstance(sources, Iterable) or isinstance(sources, str):
            return NotImplemented
        for source in sources:
            if not isinstance(source, _Source):
                return NotImplemented
            source >> self
        return self

    def __enter__(self) -> Node:
        self._canvas.enter(self)
        return self

    def __exit__(self, *_exc: object) -> None:
        self._canvas.leave(self)

    def __repr__(self) -> str:
        return f"<node {self.id!r} ({self.type})>"


def _each(target: Any) -> list[Node]:
    return target if isinstance(target, list) else [target]
