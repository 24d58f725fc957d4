"""Writes lists into the payload store chunk by chunk: a large collection, the results of a container (R16).

What belongs into which chunk of results is the engine's business. Raises OUTPUT_TOO_LARGE for one entry above the limit
of a value; a list as a whole has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from flowray.errors import ErrorCode, FlowrayError
from flowray.expressions.stored_lists import NotLoadedError, whole
from flowray.handlers.node_task import NodeTask
from flowray.handlers.services import Payloads
from flowray.handlers.value_loader import WHOLE_LIMIT_BYTES, ValueLoader
from flowray.values import Chunk, Json, StoredValue, Value, describe, encode_json

CHUNK_BYTES = 128 * 1024
"""Of a large collection: a lane reads a whole chunk for one item, and a chunk costs the engine a descriptor."""

_PREVIEW_CHARS = 200


async def collect(task: NodeTask, payloads: Payloads) -> StoredValue:
    """The entries of ``task`` as one stored list, the values in them that are stored included."""
    loader = ValueLoader(payloads, task.values_of)
    texts: list[bytes] = []
    for number, entry in enumerate(task.entries, task.round):
        text = encode_json(await _whole(loader, entry))
        if len(text) > WHOLE_LIMIT_BYTES:
            raise FlowrayError(
                ErrorCode.OUTPUT_TOO_LARGE,
                f"result {number} of {task.node_id!r} has {len(text)} bytes; the limit is {WHOLE_LIMIT_BYTES} bytes "
                f"({WHOLE_LIMIT_BYTES // 1024 // 1024} MiB)",
                details={"index": number, "bytes": len(text), "limit": WHOLE_LIMIT_BYTES},
            )
        texts.append(text)
    encoded = b"[" + b",".join(texts) + b"]"
    payload_id = await payloads.store(task.values_of, f"{task.instance}#results/{task.round}", encoded)
    return describe(payload_id, list(task.entries), encoded)


async def _whole(loader: ValueLoader, entry: Value) -> Json:
    while True:
        try:
            return whole(loader.resolved(entry))
        except NotLoadedError as missing:
            await missing.load()


async def store_list(items: Sequence[Json], owner: str, key: str, payloads: Payloads) -> StoredValue:
    """The manifest of ``items``, which are kept under the id of ``owner``."""
    chunks: list[Chunk] = []
    preview, end = "", 0
    for number, (part, encoded) in enumerate(chunks_of(items)):
        end += len(part)
        preview = preview or encoded[: 4 * _PREVIEW_CHARS].decode("utf-8", errors="ignore")[:_PREVIEW_CHARS]
        chunks.append(Chunk(await payloads.store(owner, f"{key}/{number}", encoded), len(encoded), end))
    size = sum(chunk.bytes - 1 for chunk in chunks) + 1
    return StoredValue("", size, end, preview, chunks=tuple(chunks), tail=())


def chunks_of(items: Sequence[Json]) -> Iterator[tuple[Sequence[Json], bytes]]:
    """``items`` in order, cut into lists of about ``CHUNK_BYTES`` of JSON, each with its text."""
    texts: list[bytes] = []
    start, size = 0, 2
    for index, item in enumerate(items):
        text = encode_json(item)
        if texts and size + len(text) > CHUNK_BYTES:
            yield items[start:index], b"[" + b",".join(texts) + b"]"
            start, texts, size = index, [], 2
        texts.append(text)
        size += len(text) + 1
    if texts:
        yield items[start:], b"[" + b",".join(texts) + b"]"
