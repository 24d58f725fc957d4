"""Large lists in stored chunks, read by index: collections, and the results of containers as they fill (R16).

Says what belongs into which chunk. Loads and stores nothing; lanes do.
"""

from __future__ import annotations

from math import isqrt
from typing import Any

from flowray.engine.state import ContainerState
from flowray.values import Chunk, StoredValue, Value, as_value, encode_json, holds_descriptor, to_wire

MOST_BYTES = 1024 * 1024
LEAST_BYTES = 128 * 1024
"""Of a chunk of results: whoever reads one entry loads a whole chunk."""

LEAST_READ_BYTES = 16 * 1024
"""Where each round may read the results so far: what is in no chunk yet travels with every dispatch."""


def collection_of(answer: dict[str, Any]) -> Value:
    """What a container keeps of its sentinel's answer: the list itself, the manifest of one, or None."""
    items = as_value(answer.get("items"))
    return items if isinstance(items, list) or (isinstance(items, StoredValue) and items.is_manifest) else None


def item_at(items: Value, index: int) -> Value:
    """Item ``index``: its value, or a descriptor of the chunk that says where in it. None without a collection."""
    if isinstance(items, list):
        return items[index] if index < len(items) else None
    if isinstance(items, StoredValue) and items.is_manifest:
        return items.entry(index) if index < items.length else None
    return None


def results_of(container: ContainerState, before: int | None = None) -> Value:
    """The results so far: a list, or a manifest once some are in chunks. An entry may be, or hold, a descriptor.

    One entry per started round, null for one that has not ended (R12); with ``before`` only those of ended rounds
    before that one.
    """
    first, results = container.collected, container.results
    if container.in_log:
        return StoredValue("", container.result_bytes, container.next_index)
    if before is None:
        tail = [to_wire(results.get(index)) for index in range(first, container.next_index)]
    else:
        tail = [to_wire(results[index]) for index in range(first, before) if index in results]
    if not container.chunks:
        return tail
    inside = sum(chunk.bytes - 1 for chunk in container.chunks) + sum(size_of(entry) + 1 for entry in tail)
    return StoredValue(
        "", inside + 1, first + len(tail), container.preview, chunks=tuple(container.chunks), tail=tuple(tail)
    )


def size_of(value: Value) -> int:
    """Bytes of a value's JSON text, about, that of stored values in it included."""
    value = as_value(value)
    if isinstance(value, StoredValue):
        return value.bytes
    if isinstance(value, dict | list) and holds_descriptor(value):
        return sum(size_of(part) + 1 for part in (value.values() if isinstance(value, dict) else value))
    return len(encode_json(value))


def plan_chunk(container: ContainerState, least_bytes: int) -> None:
    """Decide whether the next results, in order and without a gap, fill a chunk: then ``collecting`` is set.

    Chunks grow with the square root of what there is, so that neither they nor their number gets large. A container
    that is closing collects whatever is left, one that has failed nothing more.
    """
    if container.collecting or container.failed is not None or container.in_log:
        return
    first = container.collected
    most = min(MOST_BYTES, max(least_bytes, 16 * isqrt(container.chunk_bytes)))
    container.gathered = max(container.gathered, first)
    while container.gathered in container.results:
        size = size_of(container.results[container.gathered]) + 1
        if container.gathered > first and container.gathered_bytes + size > most:
            container.collecting = container.gathered
            return
        container.gathered += 1
        container.gathered_bytes += size
    if container.closing and container.gathered > first:
        container.collecting = container.gathered


def add_chunk(container: ContainerState, chunk: Chunk, preview: str) -> list[Value]:
    """The results up to ``chunk.end`` are in this chunk now. Returns them: they are kept nowhere else any more."""
    gone = [container.results.pop(index) for index in range(container.collected, chunk.end)]
    container.preview = container.preview or preview
    container.chunks.append(chunk)
    container.chunk_bytes += chunk.bytes
    container.collecting, container.gathered_bytes, container.losses = 0, 0, 0
    return gone
