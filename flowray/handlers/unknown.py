"""The fallback for types that nobody provides: it fails and says what to do. It never pretends that something ran."""

from __future__ import annotations

from collections.abc import Callable, Collection
from difflib import get_close_matches

from flowray.definition.node_type import Effects, NodeType
from flowray.definition.policies import Lane
from flowray.errors import ErrorCode
from flowray.handlers.handler import NodeInput, NodeResult

HOW_TO_ADD = (
    "install the package that provides it (entry point group 'flowray.nodes'), or register a handler with "
    "NodeRegistry.register"
)


class UnknownTypeHandler:
    """Fails with UNKNOWN_NODE_TYPE. ``known`` returns the names that the registry has, for near misses."""

    node_type = NodeType(
        name="unknown",
        summary="Stands in for a type that is not installed; always fails.",
        category="fallback",
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
    )

    def __init__(self, known: Callable[[], Collection[str]]) -> None:
        self._known = known

    def can_handle(self, type_name: str) -> bool:
        """Every type: the last resort."""
        return True

    async def execute(self, node: NodeInput) -> NodeResult:
        """Always a failure; not retryable."""
        return unknown_type(node.node_type, self._known())


def unknown_type(type_name: str, known: Collection[str]) -> NodeResult:
    """The failure for ``type_name``, with near misses among ``known``."""
    lowered = {name.lower(): name for name in known}
    near = [lowered[match] for match in get_close_matches(type_name.lower(), lowered, n=3, cutoff=0.7)]
    meant = f"; did you mean {' or '.join(near)}?" if near else ""
    return NodeResult.failure(
        ErrorCode.UNKNOWN_NODE_TYPE,
        f"no handler for node type {type_name!r}{meant}",
        details={"type": type_name, "near": near, "known": sorted(known)},
        hint=HOW_TO_ADD,
    )
