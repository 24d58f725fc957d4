"""The calls that an actor answers whose process has a token stream: a hub, an orchestrator. The stream is its own."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from typing import Any

import ray

from flowray.runtime.on_ray.token_stream import PushedBatch, TokenStream

STREAM_GROUP = {"stream": 10_000}
"""Its concurrency group: a thread and an event loop of its own, so that no other role holds it up."""


class HostedStream:
    """Hosts a TokenStream. Ray keeps no record of these calls: they would push the nodes' own out of the dashboard."""

    def __init__(self) -> None:
        self._stream = TokenStream()

    @ray.method(concurrency_group="stream", enable_task_events=False)
    async def subscribe(self, subscriber_id: str) -> AsyncIterator[list[PushedBatch]]:
        """Committed events of the executions that are driven here, or told here, as they come."""
        async for batches in self._stream.subscribe(subscriber_id):
            yield batches

    @ray.method(concurrency_group="stream", enable_task_events=False)
    async def stream_statistics(self) -> dict[str, Any]:
        """``{subscribers, relayed, dropped, pid}``."""
        return {**self._stream.statistics(), "pid": os.getpid()}
