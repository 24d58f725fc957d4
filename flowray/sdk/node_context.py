"""What a function that is a node type may know and say of the attempt it runs in: its parameter ``ctx``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flowray.handlers.handler import Cancellation, NodeInput
from flowray.handlers.services import Services
from flowray.values import Json


class NodeContext:
    """What a function gets that has a parameter ``ctx``: the attempt around it. Safe to use from any thread."""

    def __init__(self, node: NodeInput) -> None:
        self._node = node
        self.execution_id = node.execution_id
        self.node_id = node.node_id
        self.node_name = node.node_name
        self.workflow_name = node.workflow_name
        self.attempt = node.attempt
        self.idempotency_key = node.idempotency_key
        self.deadline_ms = node.deadline_ms
        self.inputs: Mapping[str, Any] = node.inputs

    @property
    def services(self) -> Services:
        """The outer world as nodes reach it: ``http``, ``chat``, ``models``, … Use it in async functions."""
        return self._node.services

    @property
    def cancellation(self) -> Cancellation:
        """``await ctx.cancellation.wait()`` returns when the result is no longer wanted."""
        return self._node.cancellation

    @property
    def is_cancelled(self) -> bool:
        """True once the result is no longer wanted: a function in a thread should look now and then, and return."""
        return self._node.cancellation.is_cancelled

    def log(self, message: str, level: str = "info", **fields: Json) -> None:
        """Record a line with the node; secrets in it are masked."""
        self._node.log(message, level, **fields)

    def emit(self, text: str, tokens: int = 1) -> None:
        """Stream a piece of text to whoever follows. The type must be declared with ``streams=True``."""
        self._node.emit_token(text, tokens)
