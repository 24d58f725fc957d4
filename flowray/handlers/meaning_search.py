"""Finds entries of shared memory by what they mean: the cosine of their vectors with that of the query.

Vectors come from ``services.models`` and stay in the process; entries are the author's data and hold none.
"""

from __future__ import annotations

import asyncio
from array import array
from collections.abc import Mapping
from dataclasses import dataclass
from heapq import nlargest

from flowray.engine.signals import Usage
from flowray.errors import ErrorCode, FlowrayError
from flowray.handlers.embedded_texts import EmbeddedTexts, cosine
from flowray.handlers.memory_search import Match
from flowray.handlers.model_calls import Models
from flowray.handlers.node_config import text_of
from flowray.values import Json

MAX_CHARS = 16_000
"""Of an entry that count: embedding models take some 8,000 tokens."""

_EMBEDDED = EmbeddedTexts()

_UNUSABLE = frozenset(
    {ErrorCode.CONFIGURATION, ErrorCode.PROVIDER_AUTH, ErrorCode.PROVIDER_REJECTED, ErrorCode.INVALID_NODE_CONFIG}
)


@dataclass(frozen=True)
class Found:
    """The best entries, the best first; ``similarity`` is a cosine."""

    matches: list[Match]
    usage: Usage | None


async def search_by_meaning(
    models: Models, entries: Mapping[str, Json], query: str, most: int, at_least: float, *, model: str, provider: str,
    embedded: EmbeddedTexts = _EMBEDDED,
) -> Found:  # fmt: skip
    """The best ``most`` entries with a cosine of ``at_least``. Raises as ``Models.embed``."""
    texts = [f"{key}: {text_of(value)}"[:MAX_CHARS] for key, value in entries.items()]
    made = await embedded.embed(models, [query[:MAX_CHARS], *texts], model, provider)
    one, *others = made.vectors
    return Found(await asyncio.to_thread(_nearest, entries, one, others, most, at_least), made.usage)


def _nearest(
    entries: Mapping[str, Json], one: array[float], others: list[array[float]], most: int, at_least: float
) -> list[Match]:
    """Off the loop: a thousand long vectors take a tenth of a second."""
    found = ((cosine(one, other), -at, key) for at, (key, other) in enumerate(zip(entries, others, strict=True)))
    best = nlargest(most, (entry for entry in found if entry[0] >= at_least))
    return [Match(key, entries[key], round(value, 4)) for value, _, key in best]


def is_not_set_up(error: FlowrayError) -> bool:
    """Whether nobody was asked because no provider can be: a key, an address or a model is missing."""
    return error.code in _UNUSABLE and "status" not in error.details
