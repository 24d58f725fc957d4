"""The ``parallel`` container's question: how many branches, over what (R15). Running them is the engine's."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.collection import as_count, as_items
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename


class ParallelConfig(NodeConfig):
    """Branches by ``collection``, one for each item, or by ``count``."""

    collection: Any = Field(None, description="A name or reference that is a list, or text that is a JSON list.")
    count: Any = Field(None, description="Number of branches.")
    max_concurrency: int | None = Field(None, gt=0)
    item_variable: str | None = None
    index_variable: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, collection=("arrayPath", "items", "distribution"), count=("parallelCount", "branchCount"))


class ParallelHandler:
    """Output at ``open``: ``{"items": […]}`` or ``{"total": n}``; at ``condition`` always ``{"continue": true}``."""

    node_type = NodeType(
        name="parallel",
        summary="Runs its body in several branches at once, by a number or for each item.",
        config_model=ParallelConfig,
        role=Role.PARALLEL,
        effects=Effects.NONE,
        fields={
            "collection": FieldKind.PATH, "arrayPath": FieldKind.PATH, "items": FieldKind.PATH,
            "distribution": FieldKind.PATH, "itemVariable": FieldKind.LITERAL, "indexVariable": FieldKind.LITERAL,
        },
    )  # fmt: skip

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises COLLECTION_INVALID, or INVALID_NODE_CONFIG if neither collection nor count is given."""
        config = config_of(node, ParallelConfig)
        if node.sentinel == "condition":
            return NodeResult(data={"continue": True})
        written = next((node.raw_config[name] for name in _COLLECTIONS if node.raw_config.get(name) is not None), None)
        if written is not None or config.collection is not None:
            return NodeResult(data={"items": as_items(config.collection, str(written)[:200])})
        if config.count is not None:
            return NodeResult(data={"total": as_count(config.count, str(node.raw_config.get("count", config.count)))})
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG,
            "collection or count is required for parallel",
            hint="see the config schema of 'parallel'",
        )


_COLLECTIONS = ("collection", "arrayPath", "items", "distribution")
