"""The response cache of nodes that ask models: which requests are the same, and what is kept of an answer."""

from __future__ import annotations

import dataclasses
from typing import Any

import msgspec

from flowray.engine.signals import Usage
from flowray.handlers.handler import NodeInput
from flowray.handlers.prices import CURRENCY
from flowray.handlers.services import ChatRequest
from flowray.values import canonical_json, stable_hash

VERSION = 1
"""Part of every key: raised when what is kept changes its shape."""

MAX_BYTES = 1024 * 1024
"""The largest answer that is kept."""

NOT_ASKED = frozenset({"timeout_ms"})
"""Fields of a request that change no answer."""


class KeptAnswer(msgspec.Struct, frozen=True, omit_defaults=True):
    """An answer without what it cost: the next one costs nothing."""

    text: str
    model: str
    provider: str
    finish_reason: str | None = None
    tool_calls: tuple[dict[str, Any], ...] = ()
    thinking: str = ""

    @property
    def usage(self) -> Usage:
        """What it costs to read it."""
        return Usage(model=self.model, cost=0.0, currency=CURRENCY)


def cache_key(request: ChatRequest) -> str:
    """The same for requests that ask the same of the same model under the same key; shows nothing of them."""
    fields = dataclasses.asdict(request)
    asked = {name: value for name, value in fields.items() if name not in NOT_ASKED}
    return stable_hash({"version": VERSION, **asked})


async def kept_answer(node: NodeInput, key: str) -> KeptAnswer | None:
    """What was answered before; None for nothing, or for what another release has kept."""
    found = await node.services.answers.get(key, node.now_ms())
    try:
        return None if found is None else msgspec.convert(found, KeptAnswer)
    except msgspec.ValidationError:
        return None


async def keep_answer(node: NodeInput, key: str, answer: KeptAnswer, ttl_ms: int) -> None:
    """For the next one who asks the same."""
    body = msgspec.to_builtins(answer)
    if len(canonical_json(body)) <= MAX_BYTES:
        await node.services.answers.put(key, body, node.now_ms(), ttl_ms)
