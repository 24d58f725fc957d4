"""The parallel's answer to the engine."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handlers.running import fail, output


async def test_by_collection_and_by_count() -> None:
    assert await output("parallel", {"collection": "{{rows}}"}, inputs={"rows": ["a"]}) == {"items": ["a"]}
    assert await output("parallel", {"arrayPath": "rows"}, inputs={"rows": "[1]"}) == {"items": [1]}
    assert await output("parallel", {"parallelCount": "3"}) == {"total": 3}
    assert await output("parallel", {"count": 0}, sentinel="condition") == {"continue": True}


async def test_what_cannot_be_repeated() -> None:
    assert (await fail("parallel", {})).message == "collection or count is required for parallel"
    assert (await fail("parallel", {"collection": "gone"})).code == "COLLECTION_INVALID"
    assert (await fail("parallel", {"count": "many"})).message == "Invalid count: many is string"


RESULTS = [{"name": "a", "score": 1}, 7, {"name": "b", "more": True}, None]


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, RESULTS),
        ({"aggregation": "collect"}, RESULTS),
        ({"aggregation": "merge"}, {"name": "b", "score": 1, "1": 7, "more": True, "3": None}),
        ({"aggregation": "reduce", "reduce": "$sum(results.score) + offset"}, 11),
        ({"reduce": "$count(results)"}, 4),
    ],
)
async def test_r15_end_aggregates_the_results(config: dict[str, Any], expected: Any) -> None:
    task = {"containers": {"n1": {"results": RESULTS}}, "inputs": {"offset": 10}, "sentinel": "close"}
    assert await output("parallel", {"count": 4, **config}, **task) == expected


async def test_wrong_aggregations() -> None:
    assert (await fail("parallel", {"count": 1, "aggregation": "reduce"})).code == "INVALID_NODE_CONFIG"
    assert (await fail("parallel", {"count": 1, "aggregation": "average"})).code == "INVALID_NODE_CONFIG"
    error = await fail("parallel", {"count": 1, "reduce": "$sum("}, sentinel="close")
    assert error.code == "EXPRESSION_ERROR"
