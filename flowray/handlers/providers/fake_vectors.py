"""Vectors of the fake embedding model: texts that share words, or the beginnings of words, lie near to each other.

Feature hashing (Weinberger et al. 2009): each feature adds +1 or -1 at a place that its hash names.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterator

DIMENSIONS = 256
_WORD = re.compile(r"\w+")
_STEM = 4
"""Words with this many first characters in common are related: plays, played and player."""


def fake_vector(text: str, dimensions: int = DIMENSIONS) -> list[float]:
    """A vector of length 1 (of zeros for a text without words); the same for the same text, on every machine."""
    vector = [0.0] * dimensions
    for feature, weight in _features(text.lower()):
        number = int.from_bytes(hashlib.sha256(feature.encode()).digest()[:8], "big")
        vector[(number >> 1) % dimensions] += weight if number & 1 else -weight
    norm = math.sqrt(sum(value * value for value in vector))
    return [round(value / norm, 6) for value in vector] if norm else vector


def _features(text: str) -> Iterator[tuple[str, float]]:
    for word in _WORD.findall(text):
        yield word, 1.0
        yield f"{word[:_STEM]}…", 1.0
