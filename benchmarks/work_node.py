"""A node that does work in a Ray task of its own: it computes, or waits, for a while. Found as ``effect_node`` is."""

from __future__ import annotations

import asyncio
import time

from flowray.definition.node_type import FieldKind, NodeType
from flowray.definition.policies import Lane
from flowray.handlers.handler import NodeInput, NodeResult

NAME = "bench-work"


class WorkNode:
    """Keeps a processor busy for ``burnMs`` of its time, then waits for ``sleepMs``. Output: 1."""

    node_type = NodeType(
        name=NAME,
        summary="Computes or waits.",
        lane=Lane.TASK,
        fields={"burnMs": FieldKind.LITERAL, "sleepMs": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """The one type."""
        return type_name == NAME

    async def execute(self, node: NodeInput) -> NodeResult:
        """No errors of its own."""
        until = time.thread_time() + node.config["burnMs"] / 1_000
        while time.thread_time() < until:
            pass
        await asyncio.sleep(node.config["sleepMs"] / 1_000)
        return NodeResult(data=1)
