"""The names an attempt sees: a task's slice of the context with large values loaded. Resolves no reference."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from flowray.engine.manifests import CHUNKS
from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.names import MISSING, Names
from flowray.handlers.node_task import NodeTask
from flowray.handlers.services import Payloads, Services
from flowray.values import Json, StoredValue, Value, as_value, to_wire

READ_LIMIT_BYTES = 256 * 1024 * 1024
"""Of stored values that one attempt reads, in JSON: they are all in memory at once, in a process that others share."""


async def load_names(task: NodeTask, services: Services, now_ms: int) -> Names:
    """Names for ``task``; every StoredValue in it is loaded, all at once.

    Raises PAYLOAD_MISSING, or CONTEXT_LIMIT_EXCEEDED for more than ``READ_LIMIT_BYTES``.
    """
    loader = _Loader(services.payloads, task.values_of)
    parts = (task.inputs, task.variables, task.outputs, task.loop, task.parallel, task.containers, task.bound)
    for part in parts:
        loader.note(part)
    rounds = _rounds(task.loop, task.parallel, task.containers)
    for values in rounds:
        loader.note_lists(values)
    await loader.load()
    inputs, variables, outputs, loop, parallel, containers, bound = (loader.filled(part) for part in parts)
    for given, values in zip(rounds, _rounds(loop, parallel, containers), strict=True):
        loader.fill_lists(given, values)
    return Names(
        loop=loop,
        parallel=parallel,
        containers=containers,
        shared=task.shared,
        variables=variables,
        outputs=outputs,
        aliases=_aliases(task, outputs),
        inputs=inputs,
        env=services.env,
        secrets=services.secrets,
        known=frozenset(task.known),
        flatten=task.flatten,
        bound=bound,
        now_ms=now_ms,
        elapsed_ms=task.elapsed_ms,
    )


def _rounds(loop: Any, parallel: Any, containers: dict[str, Any]) -> list[dict[str, Json]]:
    return [values for values in (loop, parallel, *containers.values()) if values]


def _aliases(task: NodeTask, outputs: Mapping[str, Json]) -> dict[str, Json]:
    """Aliases whose node has an output. One whose output lacks the key that is meant stays unresolved."""
    found: dict[str, Json] = {}
    for alias, node_id in task.aliases.items():
        value: Any = outputs.get(node_id, MISSING)
        key = task.alias_keys.get(alias)
        if key is not None:
            value = value.get(key, MISSING) if isinstance(value, dict) else MISSING
        if value is not MISSING:
            found[alias] = value
    return found


_LISTS = frozenset({"results", "items"})
"""Values of a loop or parallel that hold one entry per scope, each of which may lie in the payload store."""

_LIST_DEPTH = 3
"""A list of entries, an entry being a list or an object of the outputs of a body."""


class _Loader:
    """Loads every payload that a task mentions, once each."""

    _DEPTH = 2
    """A slice maps names to values, and ``containers`` ids to such maps; descriptors lie no deeper."""

    def __init__(self, payloads: Payloads, owner: str) -> None:
        self._payloads = payloads
        self._prefix = f"{owner}."
        self._values: dict[str, Json] = {}
        self._bytes: dict[str, int] = {}

    def note(self, part: Value, depth: int = _DEPTH) -> None:
        """Remember the payloads in ``part``."""
        value = self._descriptor(part)
        if isinstance(value, StoredValue):
            self._bytes[value.payload_id] = value.bytes
        elif isinstance(value, dict) and depth:
            for item in value.values():
                self.note(item, depth - 1)

    def _descriptor(self, part: Value) -> Value:
        """A descriptor of this execution's own, or its family's; one that imitates another's stays the JSON it is."""
        value = as_value(part)
        if isinstance(value, StoredValue) and not value.payload_id.startswith(self._prefix):
            return to_wire(part)
        return value

    async def load(self) -> None:
        """Load all of them, concurrently. Raises CONTEXT_LIMIT_EXCEEDED before it loads more than the process bears."""
        total = sum(self._bytes.values())
        if total > READ_LIMIT_BYTES:
            raise FlowrayError(
                ErrorCode.CONTEXT_LIMIT_EXCEEDED,
                f"the node reads {len(self._bytes)} stored values of together {total} bytes; the limit is "
                f"{READ_LIMIT_BYTES} bytes ({READ_LIMIT_BYTES // 1024 // 1024} MiB)",
                details={"values": len(self._bytes), "bytes": total, "limit": READ_LIMIT_BYTES},
                hint="let a loop or parallel return less per round, or read parts of it",
            )
        ids = list(self._bytes)
        loaded = await asyncio.gather(*(self._payloads.load(payload_id) for payload_id in ids))
        self._values = dict(zip(ids, loaded, strict=True))

    def filled(self, part: Value, depth: int = _DEPTH) -> Any:
        """``part`` with payloads in place of their descriptors."""
        value = self._descriptor(part)
        if isinstance(value, StoredValue):
            return value.part_of(self._values[value.payload_id])
        if isinstance(value, dict) and depth:
            return {key: self.filled(item, depth - 1) for key, item in value.items()}
        return value

    def note_lists(self, values: Mapping[str, Value]) -> None:
        """Remember the payloads in the results and the collection of a loop or parallel."""
        for name in _LISTS & values.keys():
            self._note_list(values[name], _LIST_DEPTH)

    def _note_list(self, part: Value, depth: int) -> None:
        self.note(part, 0)
        members = part.values() if isinstance(part, dict) else part
        if depth and isinstance(part, dict | list):
            for member in members:
                self._note_list(member, depth - 1)

    def fill_lists(self, given: Mapping[str, Value], values: dict[str, Json]) -> None:
        """Put results and collection into ``values`` as whole lists, a collection in chunks (R16) included."""
        for name in _LISTS & given.keys():
            filled = self._filled_list(given[name], _LIST_DEPTH)
            if isinstance(filled, dict) and isinstance(filled.get(CHUNKS), list):
                filled = [item for chunk in filled[CHUNKS] for item in chunk]
            values[name] = filled

    def _filled_list(self, part: Value, depth: int) -> Json:
        value = self.filled(part, 0)
        if value is not part or not depth:
            return value
        if isinstance(value, dict):
            return {key: self._filled_list(member, depth - 1) for key, member in value.items()}
        return [self._filled_list(member, depth - 1) for member in value] if isinstance(value, list) else value
