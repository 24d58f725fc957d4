"""The contract of ``shared-memory``: entries as the engine holds them, and embeddings by HTTP for what they mean."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from flowray.errors import ErrorCode
from tests.contracts.contract import Case, Contract
from tests.contracts.fake_models import AGAINST, asking, has

ENTRIES = {"lamp": "The price of lamps is ten", "hours": "Open from nine to five", "garden": "Tomatoes grow there"}


def _found(key: str, searched_by: str | None) -> Callable[[Any], None]:
    def check(output: Any) -> None:
        assert [entry["key"] for entry in output["results"]] == [key]
        assert output.get("searchedBy") == searched_by

    return check


def _cases(url: str) -> Sequence[Case]:
    given = {"shared": ENTRIES}

    def search(name: str, query: str, key: str, searched_by: str | None = "embeddings", **more: Any) -> Case:
        config = {"operation": "search", "searchQuery": query, "topK": 1, "enableSemanticSearch": True, **more}
        return Case(name, config, _found(key, searched_by), task=given)

    return [
        search("by meaning", "what is the pricing of a lamp", "lamp"),
        search("another", "a tomato in some garden", "garden"),
        search("by words", "five nine", "hours", None, enableSemanticSearch=False),
        Case("an entry", {"operation": "get", "key": "hours"}, partial(_is, ENTRIES["hours"]), task=given),
        Case(
            "a provider that fails",
            {"operation": "search", "searchQuery": "new", "enableSemanticSearch": True, "embeddingModel": "fake-429"},
            has(code=ErrorCode.PROVIDER_RATE_LIMITED), fails=True, task=given,
        ),
    ]  # fmt: skip


def _is(expected: Any, output: Any) -> None:
    assert output == expected


CONTRACTS = [Contract("shared-memory", AGAINST, asking(_cases))]
