"""Node types that misbehave as only code can: they compute without a pause, or give back what nobody can write down."""

from __future__ import annotations

import time
from typing import Any

from flowray.definition.node_type import NodeType
from flowray.definition.policies import Lane
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.registry import NodeRegistry, default_registry


class UnpicklableError(Exception):
    """Cannot be sent to another process: it holds a lock's worth of nothing."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.hold = (part for part in ())

    def __reduce__(self) -> Any:
        raise TypeError("this error cannot be pickled")


class Misbehaving:
    """``how``: compute (for ``ms``, without a pause), unserialisable, unpicklable, database, fatal."""

    node_type = NodeType(name="misbehaving", summary="Misbehaves.", lane=Lane.IO)

    def can_handle(self, type_name: str) -> bool:
        """Only its own."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """As asked."""
        how = node.config["how"]
        if how == "compute":
            end = time.monotonic() + float(node.config["ms"]) / 1000
            while time.monotonic() < end:
                pass
        elif how == "unserialisable":
            return NodeResult(data={"it": object()})  # type: ignore[dict-item]
        elif how == "unpicklable":
            raise UnpicklableError("cannot be pickled")
        elif how == "database":
            raise ConnectionError("server closed the connection unexpectedly; SSL connection has been closed")
        elif how == "fatal":
            raise FlowrayError(ErrorCode.INVALID_NODE_CONFIG, "this will never work")
        return NodeResult(data={"how": how})


def registry() -> NodeRegistry:
    """All types of flowray, and these."""
    found = default_registry()
    found.register(Misbehaving())
    return found
