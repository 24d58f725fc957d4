"""The ``parallel`` container's question: how many branches, over what (R15). Running them is the engine's."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.collection import as_count, as_items, results_so_far
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.handlers.scripts import SCRIPT_TIMEOUT_MS, jsonata_context
from flowray.values import Json


class ParallelConfig(NodeConfig):
    """Branches by ``collection``, one for each item, or by ``count``."""

    collection: Any = Field(None, description="A name or reference that is a list, or text that is a JSON list.")
    count: Any = Field(None, description="Number of branches.")
    max_concurrency: int | None = Field(None, gt=0)
    aggregation: Literal["collect", "merge", "first", "reduce"] | None = Field(
        None,
        description="collect: a list in order; merge: one object, later branches winning; first: that of the branch "
        "that succeeds first, after which none starts; reduce: by an expression.",
    )
    reduce: str | None = Field(None, description="JSONata over results, such as $sum(results.score).")
    item_variable: str | None = None
    index_variable: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        return rename(values, collection=("arrayPath", "items", "distribution"), count=("parallelCount", "branchCount"))

    @model_validator(mode="after")
    def _reduces_by_something(self) -> ParallelConfig:
        if self.aggregation == "reduce" and not self.reduce:
            raise ValueError("reduce: Required for aggregation 'reduce'")
        return self


class ParallelHandler:
    """Output at ``open``: ``{"items": […]}`` or ``{"total": n}``; at ``condition`` always ``{"continue": true}``.

    At ``close``: the results as the aggregation makes them.
    """

    node_type = NodeType(
        name="parallel",
        summary="Runs its body in several branches at once, by a number or for each item.",
        config_model=ParallelConfig,
        role=Role.PARALLEL,
        computes=True,
        effects=Effects.NONE,
        fields={
            "collection": FieldKind.PATH, "arrayPath": FieldKind.PATH, "items": FieldKind.PATH,
            "distribution": FieldKind.PATH, "aggregation": FieldKind.LITERAL, "reduce": FieldKind.JSONATA,
            "itemVariable": FieldKind.LITERAL, "indexVariable": FieldKind.LITERAL,
        },
    )  # fmt: skip

    def can_handle(self, type_name: str) -> bool:
        """The one type, under its only name."""
        return type_name == self.node_type.name

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises COLLECTION_INVALID, EXPRESSION_ERROR, or INVALID_NODE_CONFIG without collection and count."""
        config = config_of(node, ParallelConfig)
        if node.sentinel == "condition":
            return NodeResult(data={"continue": True})
        if node.sentinel == "close":
            return NodeResult(data=await _aggregated(node, config))
        written = next((node.raw_config[name] for name in _COLLECTIONS if node.raw_config.get(name) is not None), None)
        if written is not None or config.collection is not None:
            return NodeResult(data={"items": as_items(config.collection, str(written)[:200], node.dialect)})
        if config.count is not None:
            return NodeResult(data={"total": as_count(config.count, str(node.raw_config.get("count", config.count)))})
        raise FlowrayError(
            ErrorCode.INVALID_NODE_CONFIG,
            "collection or count is required for parallel",
            hint="see the config schema of 'parallel'",
        )


async def _aggregated(node: NodeInput, config: ParallelConfig) -> Json:
    results = results_so_far(node)
    if config.aggregation == "merge":
        merged: dict[str, Json] = {}
        for index, result in enumerate(results):
            merged.update(result if isinstance(result, dict) else {str(index): result})
        return merged
    if config.reduce is None or config.aggregation not in (None, "reduce"):
        return results
    context = {**jsonata_context(config.reduce, node.names), "results": results}
    return await node.services.sandbox.jsonata(config.reduce, context, {}, SCRIPT_TIMEOUT_MS)


_COLLECTIONS = ("collection", "arrayPath", "items", "distribution")
