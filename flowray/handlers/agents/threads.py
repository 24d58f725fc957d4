"""Conversations that go on from one execution of a workflow to the next: what was said before, and what is added.

A thread is an entry of the workflow's memory, a list of exchanges. What is added is an operation of the result that
ends the agent, applied in its commit: a repeat of the last step cannot add it twice (R17).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from flowray.engine.signals import VariableOperation
from flowray.handlers.handler import NodeInput
from flowray.handlers.services import MemoryPlace, MemoryView
from flowray.handlers.workflow_memory import check_change, no_workflow, view
from flowray.values import Json, encode_json

PREFIX = "thread:"

ROOM = 0.8
"""Of an entry's limit: a thread that has grown beyond is cut to its newest exchanges."""


def key_of(thread_id: str) -> str:
    """The entry of a thread."""
    return f"{PREFIX}{thread_id}"


async def said_before(node: NodeInput, thread_id: str) -> list[dict[str, Any]]:
    """The messages of a thread, as committed now. Raises INVALID_NODE_CONFIG for an execution of no stored workflow."""
    _, found = await _view(node, thread_id)
    return [message for exchange in _exchanges(found, thread_id) for message in exchange]


async def addition(
    node: NodeInput, thread_id: str, messages: Sequence[dict[str, Any]]
) -> tuple[VariableOperation, ...]:
    """What adds these messages to a thread. One that is full loses its oldest exchanges.

    Raises SHARED_MEMORY_LIMIT_EXCEEDED if the workflow's memory has no room for another thread.
    """
    place, found = await _view(node, thread_id)
    exchange: Json = [dict(message) for message in messages]
    change = VariableOperation(op="append", name=key_of(thread_id), value=exchange, workflow=True)
    kept = [*_exchanges(found, thread_id), list(messages)]
    if len(encode_json(kept)) > place.max_value_bytes * ROOM:
        value: Json = _newest(kept, int(place.max_value_bytes * ROOM) // 2)
        change = VariableOperation(op="set", name=key_of(thread_id), value=value, workflow=True)
    check_change(place, found, change)
    return (change,)


async def _view(node: NodeInput, thread_id: str) -> tuple[MemoryPlace, MemoryView]:
    if node.memory is None:
        raise no_workflow()
    return await view(node, key_of(thread_id))


def _exchanges(found: MemoryView, thread_id: str) -> list[list[dict[str, Any]]]:
    entry = found.entries.get(key_of(thread_id))
    value: Any = entry.value if entry is not None else None
    return [exchange for exchange in value if isinstance(exchange, list)] if isinstance(value, list) else []


def _newest(exchanges: list[list[dict[str, Any]]], room: int) -> Json:
    """As many of the last exchanges as there is room for, and the last one whatever its size."""
    kept: list[Json] = []
    for exchange in reversed(exchanges):
        room -= len(encode_json(exchange))
        if kept and room < 0:
            break
        kept.insert(0, [dict(message) for message in exchange])
    return kept
