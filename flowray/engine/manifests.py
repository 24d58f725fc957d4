"""Collections above the inline limit: a list of stored chunks, read by index (R16). Loads nothing; lanes do."""

from __future__ import annotations

from typing import Any

import msgspec

from flowray.values import StoredValue, Value, as_value

CHUNKS = "chunks"


def collection_of(answer: dict[str, Any]) -> Value:
    """What a container keeps of its sentinel's answer: the list itself, ``{"chunks": [descriptor, …]}``, or None."""
    if isinstance(answer.get("items"), list):
        return answer["items"]
    chunks = answer.get(CHUNKS)
    return {CHUNKS: chunks} if isinstance(chunks, list) else None


def item_at(items: Value, index: int) -> Value:
    """Item ``index``: its value, or a descriptor of the chunk that says where in it. None without a collection."""
    if isinstance(items, list):
        return items[index] if index < len(items) else None
    if not isinstance(items, dict):
        return None
    left = index
    for chunk in items[CHUNKS]:
        stored = as_value(chunk)
        if isinstance(stored, StoredValue):
            if left < stored.length:
                return msgspec.structs.replace(stored, index=left, bytes=stored.bytes // stored.length, length=-1)
            left -= stored.length
    return None
