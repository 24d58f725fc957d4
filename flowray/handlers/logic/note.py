"""Notes on the canvas (``comment``, ``annotation``, …): dropped by the compiler, harmless if they run all the same."""

from __future__ import annotations

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.definition.policies import Lane
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig


class NoteConfig(NodeConfig):
    """Text for a reader of the drawing."""

    text: str | None = None


class NoteHandler:
    """Output: an empty object."""

    node_type = NodeType(
        name="comment",
        summary="A note on the canvas; nothing runs.",
        config_model=NoteConfig,
        aliases=("annotation", "label", "group", "note"),
        category="notes",
        role=Role.NOTE,
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
        fields={"text": FieldKind.LITERAL},
    )

    def can_handle(self, type_name: str) -> bool:
        """``comment`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """No errors of its own."""
        return NodeResult(data={})
