"""The names an attempt sees: a task's slice of the context with large values loaded. Resolves no reference."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from flowray.engine.signals import Answer
from flowray.expressions.names import MISSING, Names
from flowray.expressions.stored_lists import PartlyStored
from flowray.handlers.node_task import NodeTask
from flowray.handlers.services import Services
from flowray.handlers.value_loader import ValueLoader
from flowray.values import Json, Value


async def load_names(task: NodeTask, services: Services, now_ms: int) -> Names:
    """Names for ``task``; every StoredValue in it is loaded, all at once, but for lists in chunks: parts of these are
    loaded as they are read.

    Raises PAYLOAD_MISSING, or CONTEXT_LIMIT_EXCEEDED for more than ``READ_LIMIT_BYTES``.
    """
    loader = ValueLoader(services.payloads, task.values_of)
    around = {name: _small(values) for name, values in task.containers.items()}
    parts = (
        task.inputs, task.variables, task.outputs, _small(task.loop), _small(task.parallel), around, task.bound
    )  # fmt: skip
    for part in filter(None, parts):
        loader.note(part)
    filled: Iterable[Any] = parts
    if loader.has_any:
        await loader.load()
        filled = map(loader.filled, parts)
    inputs, variables, outputs, loop, parallel, containers, bound = filled
    return Names(
        loop=_with_lists(loader, task.loop, loop),
        parallel=_with_lists(loader, task.parallel, parallel),
        containers={name: _with_lists(loader, task.containers[name], values) for name, values in containers.items()},
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
        partly_loaded=loader.has_lists,
    )


async def load_steps(task: NodeTask, services: Services) -> tuple[Json, Answer | None]:
    """What the steps of a node have left, and what it has waited for since, loaded. Raises PAYLOAD_MISSING."""
    if not task.step:
        return None, None
    answer = task.answer
    loader = ValueLoader(services.payloads, task.values_of)
    parts = {"journal": task.journal, "answer": None if answer is None else answer.output}
    loader.note(parts)
    if loader.has_any:
        await loader.load()
        parts = loader.filled(parts)
    told = None if answer is None else msgspec.structs.replace(answer, output=parts["answer"])
    return parts["journal"], told


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


def _small(values: Mapping[str, Value] | None) -> dict[str, Value] | None:
    return None if values is None else {name: value for name, value in values.items() if name not in _LISTS}


def _with_lists(loader: ValueLoader, given: Mapping[str, Value] | None, values: Any) -> Any:
    """The values of a round with its results and collection: whole lists, or such as are read by index (R16)."""
    if given is None or not (_LISTS & given.keys()):
        return values
    return PartlyStored(values | {name: loader.listed(given[name]) for name in _LISTS & given.keys()})
