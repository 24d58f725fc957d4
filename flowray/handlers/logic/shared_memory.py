"""The ``shared-memory`` node: stores, reads and finds entries by key. The engine applies the changes (R17)."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Literal

import msgspec
from pydantic import Field, model_validator

from flowray.definition.node_type import Effects, FieldKind, NodeType
from flowray.definition.policies import Lane
from flowray.engine.shared_memory import contents
from flowray.engine.signals import VariableOperation
from flowray.errors import ErrorCode
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.memory_search import search
from flowray.handlers.node_config import NodeConfig, config_of, number_of, rename, text_of
from flowray.handlers.typed_values import typed
from flowray.handlers.workflow_memory import check_change, view
from flowray.values import Json

_CHANGES = {"store": "set", "set": "set", "append": "append", "increment": "increment", "merge": "merge"}
"""Operation of the node → operation of the engine."""


class SharedMemoryConfig(NodeConfig):
    """``operation`` on the entry ``key``; ``search`` and ``list`` look at all entries."""

    operation: Literal["store", "set", "get", "append", "increment", "merge", "delete", "search", "list"]
    key: Any = Field(None, description="Key of the entry; its value is read as {{shared.key}}.")
    value: Any = Field("", description="New value; what to append; the step; the object to merge.")
    value_type: str = Field("auto", description="auto, string, number, boolean, json, object or array.")
    default_value: Any = Field(None, description="What get returns for an entry that is not there.")
    search_query: Any = Field(None, description="Words to look for in keys and values.")
    top_k: int = Field(5, ge=1, le=50)
    similarity_threshold: float = Field(0.0, ge=0, le=1, description="Share of the query's words that must be found.")
    prefix: str = Field("", description="list only keys that begin with this.")
    scope: Literal["execution", "workflow"] = Field(
        "execution", description="Whose entries: this execution's, or those that all executions of the workflow share."
    )
    enable_semantic_search: bool | None = Field(None, description="Accepted; the search is by words.")

    @model_validator(mode="before")
    @classmethod
    def _spellings(cls, values: Any) -> Any:
        given = rename(values, operation=("action",), searchQuery=("query",), topK=("limit",))
        if not isinstance(given, dict):
            return given
        return {name: value for name, value in given.items() if value is not None or name == "value"}

    @model_validator(mode="after")
    def _names_what_it_needs(self) -> SharedMemoryConfig:
        if self.operation == "search":
            if self.search_query in (None, ""):
                raise ValueError("searchQuery: Required for search")
        elif self.operation != "list" and self.key in (None, ""):
            raise ValueError(f"key: Required for {self.operation}")
        return self


class SharedMemoryHandler:
    """Output: the value for ``get``; ``{key, stored}`` for changes; ``{key, deleted}``; ``{keys, count}`` for ``list``.

    For ``search``: ``{query, results: [{key, value, similarity}], resultCount}``, the best first.
    """

    node_type = NodeType(
        name="shared-memory",
        summary="Stores, reads, appends to, finds, lists or deletes entries that all nodes of an execution share.",
        config_model=SharedMemoryConfig,
        aliases=("sharedMemory", "shared_memory"),
        category="logic",
        lane=Lane.INLINE,
        computes=True,
        effects=Effects.NONE,
        fields=dict.fromkeys(("operation", "scope", "valueType", "enableSemanticSearch"), FieldKind.LITERAL),
        reads_shared=True,
        reads_committed_when=("scope", "workflow"),
    )

    def can_handle(self, type_name: str) -> bool:
        """``shared-memory`` and its other spellings."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Fails with INVALID_NODE_CONFIG for a value that does not fit its type.

        A change that cannot be made, or would exceed a limit, fails with VARIABLE_MISMATCH or
        SHARED_MEMORY_LIMIT_EXCEEDED: of the execution's own entries in the engine, of the workflow's here.
        """
        config = config_of(node, SharedMemoryConfig)
        if config.scope == "workflow":
            return await _of_workflow(node, config)
        return _answer(config, node.names.shared)


async def _of_workflow(node: NodeInput, config: SharedMemoryConfig) -> NodeResult:
    """The same on the entries of the workflow, as they are committed now. Raises what ``check_change`` does."""
    everything = config.operation in ("search", "list")
    place, found = await view(node, None if everything else text_of(config.key))
    result = _answer(config, contents(found.entries))
    changes = tuple(msgspec.structs.replace(change, shared=False, workflow=True) for change in result.variables)
    for change in changes:
        check_change(place, found, change)
    return dataclasses.replace(result, variables=changes)


def _answer(config: SharedMemoryConfig, entries: Mapping[str, Json]) -> NodeResult:
    key = text_of(config.key)
    match config.operation:
        case "get":
            return NodeResult(data=entries.get(key, config.default_value))
        case "list":
            keys: list[Json] = [name for name in entries if name.startswith(config.prefix)]
            return NodeResult(data={"keys": keys, "count": len(keys)})
        case "search":
            return NodeResult(data=_search(config, entries))
        case "delete":
            change = VariableOperation(op="delete", name=key, shared=True)
            return NodeResult(data={"key": key, "deleted": key in entries}, variables=(change,))
        case _:
            return _change(config, key)


def _search(config: SharedMemoryConfig, entries: Any) -> Json:
    query = text_of(config.search_query)
    found = search(entries, query, config.top_k, config.similarity_threshold)
    results: list[Json] = [match._asdict() for match in found]
    return {"query": query, "results": results, "resultCount": len(results)}


def _change(config: SharedMemoryConfig, key: str) -> NodeResult:
    operation = _CHANGES[config.operation]
    try:
        value = typed(config.value, config.value_type)
    except ValueError as error:
        return NodeResult.failure(
            ErrorCode.INVALID_NODE_CONFIG, f"cannot {config.operation} the entry {key[:100]!r}: {error}"
        )
    if operation == "increment":
        step = 1 if value in ("", None) else number_of(value)
        if step is None:
            return NodeResult.failure(
                ErrorCode.INVALID_NODE_CONFIG, f"cannot increment the entry {key[:100]!r} by {text_of(value)[:100]!r}"
            )
        value = step
    change = VariableOperation(op=operation, name=key, value=value, shared=True)
    return NodeResult(data={"key": key, "stored": True}, variables=(change,))
