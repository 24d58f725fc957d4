"""A node that streams tokens at an even pace, each with the time at which it was emitted: a scripted model.

No provider and no SDK is between the node and flowray, so that what is measured is the relay alone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable

from flowray.definition.node_type import Effects, NodeType
from flowray.handlers.handler import NodeInput, NodeResult, Streaming

NAME = "bench-tokens"


def token(number: int, at_us: int) -> str:
    """The text of one token: its number in the stream, and when it was emitted (µs since the epoch)."""
    return f"{number}@{at_us} "


def read_tokens(text: str) -> Iterable[tuple[int, int]]:
    """``(number, µs since the epoch)`` of each whole token of a text. Raises ValueError for anything else."""
    for piece in text.split():
        number, _, at_us = piece.partition("@")
        yield int(number), int(at_us)


class TokenNode:
    """Output: how many tokens it has emitted. Config: ``count``; ``rate``, tokens per second; ``startAt``, ms since the
    epoch, before which none is emitted.
    """

    node_type = NodeType(name=NAME, summary="Streams tokens at an even pace.", effects=Effects.READ, streams=True)

    def can_handle(self, type_name: str) -> bool:
        """The one type."""
        return type_name == NAME

    async def execute(self, node: NodeInput) -> NodeResult:
        """Emits what is due, and never waits for anything but the time."""
        count, rate = int(node.config["count"]), float(node.config["rate"])
        await asyncio.sleep(max(float(node.config["startAt"]) / 1000 - time.time(), 0))
        began = time.monotonic()
        for number in range(count):
            early_s = began + number / rate - time.monotonic()
            if early_s > 0:
                await asyncio.sleep(early_s)
            node.emit_token(token(number, time.time_ns() // 1000))
        return NodeResult(data=count, streaming=Streaming(node.stream_id))
