"""Finds entries of shared memory by the words of a query: simple, exact and the same every time. No embeddings."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from flowray.handlers.node_config import text_of
from flowray.values import Json

MAX_TERMS = 32
"""Words of a query that count; every one of them is looked for in every entry."""

_WORDS = re.compile(r"\w+")


class Match(NamedTuple):
    """An entry that has words of the query. ``similarity``: the share of the query's words it has, from 0 to 1."""

    key: str
    value: Json
    similarity: float


def search(entries: Mapping[str, Json], query: str, most: int, at_least: float = 0.0) -> list[Match]:
    """The best ``most`` entries for ``query`` with a similarity of ``at_least``; none for a query without words.

    A word counts if it stands anywhere in the key or in the value's text, upper and lower case alike. Among equals the
    one with more words in its key comes first, then the one in which they occur more often, then the lesser key.
    """
    terms = list(dict.fromkeys(_WORDS.findall(query.casefold())))[:MAX_TERMS]
    found: list[tuple[tuple[float, int, int], Match]] = []
    for key, value in entries.items():
        name, text = key.casefold(), text_of(value).casefold()
        in_key = sum(term in name for term in terms)
        hits = sum(term in name or term in text for term in terms)
        if not hits or hits / len(terms) < at_least:
            continue
        count = sum(text.count(term) for term in terms)
        found.append(((-hits, -in_key, -count), Match(key, value, round(hits / len(terms), 4))))
    found.sort(key=lambda entry: (entry[0], entry[1].key))
    return [match for _, match in found[:most]]
