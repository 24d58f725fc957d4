"""The ``loop`` container's questions: what to iterate over, and whether to go on (R15). Iterating is the engine's."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType, Role
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.conversions import truthy
from flowray.handlers.collection import as_count, as_items
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig, config_of, rename
from flowray.handlers.references import evaluate_condition

_MODES = {
    "foreach": "forEach", "collection": "forEach", "array": "forEach", "each": "forEach",
    "for": "count", "count": "count", "repeat": "count", "times": "count",
    "while": "while", "dowhile": "doWhile", "do-while": "doWhile",
}  # fmt: skip


class LoopConfig(NodeConfig):
    """How to repeat the body. Without ``loopType`` the fields decide: a collection, a count or a condition."""

    loop_type: Literal["forEach", "count", "while", "doWhile"] = "forEach"
    array_path: Any = Field(None, description="A name or reference that is a list, or text that is a JSON list.")
    count: Any = Field(None, description="Number of iterations.")
    condition: str | None = Field(None, description="Goes on while this holds; loops over items or a number, too.")
    break_condition: str | None = Field(None, description="Stops before an iteration for which this holds.")
    item_variable: str | None = None
    index_variable: str | None = None
    max_iterations: int | None = Field(None, gt=0, le=10_000)
    max_concurrency: int | None = Field(None, gt=0)

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(
            values, arrayPath=("collection", "items", "iterateOver"), count=("iterations", "times"),
            itemVariable=("iterationVariable",), loopType=("mode",),
        )  # fmt: skip
        if not isinstance(given, dict):
            return given
        mode = given.get("loopType")
        if mode is None:
            named = (("arrayPath", "forEach"), ("count", "count"), ("condition", "while"))
            mode = next((kind for field, kind in named if given.get(field) is not None), "forEach")
        given["loopType"] = _MODES.get(str(mode).lower(), mode)
        return given


class LoopHandler:
    """At ``open``: ``{"items": […]}``, or ``{"total": n}`` (null for while); at ``condition``: ``{"continue": …}``."""

    node_type = NodeType(
        name="loop",
        summary="Repeats its body for each item, a number of times, or while a condition holds.",
        config_model=LoopConfig,
        aliases=("forEach", "while", "repeat"),
        role=Role.LOOP,
        computes=True,
        effects=Effects.NONE,
        fields={
            "arrayPath": FieldKind.PATH, "collection": FieldKind.PATH, "items": FieldKind.PATH,
            "iterateOver": FieldKind.PATH, "condition": FieldKind.EXPRESSION, "breakCondition": FieldKind.EXPRESSION,
            "loopType": FieldKind.LITERAL, "itemVariable": FieldKind.LITERAL, "indexVariable": FieldKind.LITERAL,
            "iterationVariable": FieldKind.LITERAL,
        },
    )  # fmt: skip

    def can_handle(self, type_name: str) -> bool:
        """``loop`` and its aliases."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Raises COLLECTION_INVALID, EXPRESSION_ERROR, or INVALID_NODE_CONFIG for what the loop's type lacks."""
        config = config_of(node, LoopConfig)
        if node.sentinel == "condition":
            return NodeResult(data={"continue": await self._goes_on(node, config)})
        match config.loop_type:
            case "forEach":
                if "arrayPath" not in _present(node) and config.array_path is None:
                    raise _required("arrayPath", "forEach")
                return NodeResult(data={"items": as_items(config.array_path, _source(node), node.dialect)})
            case "count":
                if config.count is None:
                    raise _required("count", "count")
                return NodeResult(
                    data={"total": as_count(config.count, str(node.raw_config.get("count", config.count)))}
                )
            case _:
                if config.condition is None:
                    raise _required("condition", config.loop_type)
                return NodeResult(data={"total": None})

    async def _goes_on(self, node: NodeInput, config: LoopConfig) -> bool:
        if config.break_condition and truthy(await evaluate_condition(config.break_condition, node)):
            return False
        if config.condition is None or (config.loop_type == "doWhile" and node.round == 0):
            return True
        return truthy(await evaluate_condition(config.condition, node))


_COLLECTION_FIELDS = ("arrayPath", "collection", "items", "iterateOver")


def _present(node: NodeInput) -> set[str]:
    """``arrayPath`` if the author wrote a collection under any spelling, even one that is null now."""
    return {"arrayPath"} if any(node.raw_config.get(field) is not None for field in _COLLECTION_FIELDS) else set()


def _source(node: NodeInput) -> str:
    written = (node.raw_config.get(field) for field in _COLLECTION_FIELDS)
    return str(next((value for value in written if value is not None), "arrayPath"))[:200]


def _required(field: str, loop_type: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.INVALID_NODE_CONFIG,
        f"{field} is required for {loop_type} loop",
        hint="see the config schema of 'loop'",
    )
