"""Cosine similarity of stored vectors to one: by numpy where it is installed, else in plain Python. Reads no store."""

from __future__ import annotations

import importlib
import math
from collections.abc import Sequence
from functools import lru_cache
from heapq import nlargest
from operator import mul
from typing import Any

from flowray.persistence.knowledge.tables import floats

DIGITS = 6
"""Of a similarity: more than 32-bit floats have to say."""


def most_similar(
    vectors: Sequence[bytes], query: bytes, most: int, at_least: float, *, plain: bool = False
) -> list[tuple[int, float]]:
    """Places in ``vectors`` and their cosines with ``query``, the best first; among equals the first of them.

    Vectors of another length than the query's are left out, and the zero vector is like nothing. ``plain`` does
    without numpy.
    """
    places = [place for place, vector in enumerate(vectors) if len(vector) == len(query)]
    if not places:
        return []
    numpy = None if plain else _numpy()
    cosines = _plain_cosines if numpy is None else lambda rows, one: _array_cosines(numpy, rows, one)
    found = zip(places, cosines([vectors[place] for place in places], query), strict=True)
    best = nlargest(most, ((round(value, DIGITS), -place) for place, value in found if value >= at_least))
    return [(-place, value) for value, place in best]


@lru_cache(maxsize=1)
def _numpy() -> Any:
    """Loaded by name at the first search: it takes a tenth of a second, and most processes never search."""
    try:
        return importlib.import_module("numpy")
    except ImportError:
        return None


def _array_cosines(numpy: Any, vectors: Sequence[bytes], query: bytes) -> list[float]:
    rows = numpy.frombuffer(b"".join(vectors), dtype="<f4").reshape(len(vectors), -1).astype("f8")
    one = numpy.frombuffer(query, dtype="<f4").astype("f8")
    norms = numpy.linalg.norm(rows, axis=1) * numpy.linalg.norm(one)
    cosines: list[float] = numpy.divide(rows @ one, norms, out=numpy.zeros(len(rows)), where=norms > 0).tolist()
    return cosines


def _plain_cosines(vectors: Sequence[bytes], query: bytes) -> list[float]:
    one = floats(query)
    length = math.sqrt(sum(map(mul, one, one)))
    found = []
    for vector in vectors:
        other = floats(vector)
        norm = math.sqrt(sum(map(mul, other, other))) * length
        found.append(sum(map(mul, one, other)) / norm if norm else 0.0)
    return found
