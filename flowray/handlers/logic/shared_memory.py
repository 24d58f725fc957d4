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
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.meaning_search import is_not_set_up, search_by_meaning
from flowray.handlers.memory_search import Match, search
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
    search_query: Any = Field(None, description="What to look for in keys and values.")
    top_k: int = Field(5, ge=1, le=50)
    similarity_threshold: float = Field(
        0.0, ge=0, le=1, description="Share of the query's words that must be found; by meaning, the cosine."
    )
    prefix: str = Field("", description="list only keys that begin with this.")
    scope: Literal["execution", "workflow"] = Field(
        "execution", description="Whose entries: this execution's, or those that all executions of the workflow share."
    )
    enable_semantic_search: bool = Field(
        False, description="Search by meaning, with embeddings; by words where no provider of them is set up."
    )
    embedding_provider: str = Field("", description="Who makes the embeddings; the default provider without it.")
    embedding_model: str = Field("", description="Embedding model; the provider's default without it.")

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

    For ``search``: ``{query, results: [{key, value, similarity}], resultCount}``, the best first; with
    ``enableSemanticSearch`` also ``searchedBy``, which is ``embeddings`` or ``words``.
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
        fields=dict.fromkeys(
            ("operation", "scope", "valueType", "enableSemanticSearch", "embeddingProvider"), FieldKind.LITERAL
        ),
        reads_shared=True,
        reads_committed_when=("scope", "workflow"),
    )

    def can_handle(self, type_name: str) -> bool:
        """``shared-memory`` and its other spellings."""
        return type_name == self.node_type.name or type_name in self.node_type.aliases

    async def execute(self, node: NodeInput) -> NodeResult:
        """Fails with INVALID_NODE_CONFIG for a value that does not fit its type.

        A change that cannot be made, or would exceed a limit, fails with VARIABLE_MISMATCH or
        SHARED_MEMORY_LIMIT_EXCEEDED: of the execution's own entries in the engine, of the workflow's here. A semantic
        search raises PROVIDER_* as the provider does; with a provider or model of its own also where it is not set up.
        """
        config = config_of(node, SharedMemoryConfig)
        if config.scope == "workflow":
            return await _of_workflow(node, config)
        return await _answer(node, config, node.names.shared)


async def _of_workflow(node: NodeInput, config: SharedMemoryConfig) -> NodeResult:
    """The same on the entries of the workflow, as they are committed now. Raises what ``check_change`` does."""
    everything = config.operation in ("search", "list")
    place, found = await view(node, None if everything else text_of(config.key))
    result = await _answer(node, config, contents(found.entries))
    changes = tuple(msgspec.structs.replace(change, shared=False, workflow=True) for change in result.variables)
    for change in changes:
        check_change(place, found, change)
    return dataclasses.replace(result, variables=changes)


async def _answer(node: NodeInput, config: SharedMemoryConfig, entries: Mapping[str, Json]) -> NodeResult:
    key = text_of(config.key)
    match config.operation:
        case "get":
            return NodeResult(data=entries.get(key, config.default_value))
        case "list":
            keys: list[Json] = [name for name in entries if name.startswith(config.prefix)]
            return NodeResult(data={"keys": keys, "count": len(keys)})
        case "search":
            return await _search(node, config, entries)
        case "delete":
            change = VariableOperation(op="delete", name=key, shared=True)
            return NodeResult(data={"key": key, "deleted": key in entries}, variables=(change,))
        case _:
            return _change(config, key)


async def _search(node: NodeInput, config: SharedMemoryConfig, entries: Mapping[str, Json]) -> NodeResult:
    query = text_of(config.search_query)
    if config.enable_semantic_search and entries and query.strip():
        try:
            found = await search_by_meaning(
                node.services.models, entries, query, config.top_k, config.similarity_threshold,
                model=config.embedding_model, provider=config.embedding_provider,
            )  # fmt: skip
            return NodeResult(data=_found(query, found.matches, "embeddings"), usage=found.usage)
        except FlowrayError as error:
            if config.embedding_provider or config.embedding_model or not is_not_set_up(error):
                raise
            node.log(f"searched by words: {error.message}", "warning")
    matches = search(entries, query, config.top_k, config.similarity_threshold)
    return NodeResult(data=_found(query, matches, "words" if config.enable_semantic_search else None))


def _found(query: str, matches: list[Match], searched_by: str | None) -> Json:
    results: list[Json] = [match._asdict() for match in matches]
    said: dict[str, Json] = {} if searched_by is None else {"searchedBy": searched_by}
    return {"query": query, "results": results, "resultCount": len(results), **said}


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
