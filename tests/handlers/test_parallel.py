"""The parallel's answer to the engine."""

from __future__ import annotations

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
