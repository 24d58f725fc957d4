"""Vectors of texts that are asked for again and again, kept in the process that needs them. No store, no search."""

from __future__ import annotations

import hashlib
import math
import threading
from array import array
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from operator import mul

from flowray.engine.signals import Usage
from flowray.handlers.model_calls import Models

KEPT = 4_096
"""Vectors, four bytes a number: 25 MB of 1,536 numbers each."""

Key = tuple[str, str, bytes]


@dataclass(frozen=True)
class Embedded:
    """One vector of length 1 per text, in their order. ``usage`` is of those that were not known, None of none."""

    vectors: list[array[float]]
    usage: Usage | None


class EmbeddedTexts:
    """The last vectors by provider, model and text. Thread-safe: all lanes of a process share one."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._known: OrderedDict[Key, array[float]] = OrderedDict()
        self._lock = threading.Lock()

    async def embed(self, models: Models, texts: Sequence[str], model: str = "", provider: str = "") -> Embedded:
        """Asks only for what is not known. Raises as ``Models.embed``."""
        keys = [(provider, model, hashlib.sha256(text.encode(errors="replace")).digest()) for text in texts]
        with self._lock:
            known = {key: self._known[key] for key in keys if key in self._known}
        missing = {key: text for key, text in zip(keys, texts, strict=True) if key not in known}
        usage = None
        if missing:
            found = await models.embed(list(missing.values()), model, provider)
            usage = found.usage
            known |= {key: _unit(vector) for key, vector in zip(missing, found.vectors, strict=True)}
        with self._lock:
            for key in keys:
                self._known[key] = known[key]
                self._known.move_to_end(key)
            while len(self._known) > self._kept:
                self._known.popitem(last=False)
        return Embedded([known[key] for key in keys], usage)


def cosine(one: array[float], other: array[float]) -> float:
    """Of two vectors of length 1; 0 for such as have different dimensions."""
    return sum(map(mul, one, other)) if len(one) == len(other) else 0.0


def _unit(vector: Sequence[float]) -> array[float]:
    length = math.sqrt(sum(map(mul, vector, vector)))
    return array("f", (value / length for value in vector) if length else vector)
