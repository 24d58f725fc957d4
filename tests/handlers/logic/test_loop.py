"""The loop's answers to the engine: collection, count, condition (R12, R15)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handlers.running import fail, output


@pytest.mark.parametrize("field", ["arrayPath", "collection", "items", "iterateOver"])
@pytest.mark.parametrize("spelling", ["rows", "{{rows}}", "${rows}", "source.rows"])
async def test_a_collection_in_any_spelling(field: str, spelling: str) -> None:
    given = {"inputs": {"rows": [1, 2]}, "outputs": {"source": {"rows": [1, 2]}}}
    assert await output("loop", {field: spelling}, sentinel="open", **given) == {"items": [1, 2]}


@pytest.mark.parametrize("text", ['["a", "b"]', '```json\n["a", "b"]\n```', '```\n["a","b"]\n```\n'])
async def test_a_collection_given_as_text_is_parsed(text: str) -> None:
    """R12."""
    assert await output("forEach", {"collection": "{{llm.text}}"}, outputs={"llm": {"text": text}}) == {
        "items": ["a", "b"]
    }
    assert await output("forEach", {"collection": text}) == {"items": ["a", "b"]}


@pytest.mark.parametrize(
    ("value", "got"),
    [("no list", "text that is not JSON"), (3, "number"), (None, "null"), ("3", "number")],
)
async def test_what_is_no_list_is_an_error(value: Any, got: str) -> None:
    error = await fail("loop", {"arrayPath": "x"}, inputs={"x": value})
    assert error.code == "COLLECTION_INVALID"
    assert error.message.startswith("'x' did not resolve to an array. Got: " + got)


@pytest.mark.parametrize(("count", "total"), [(3, 3), ("{{n}}", 5), ("4", 4), (2.9, 2), (0, 0)])
async def test_counts(count: Any, total: int) -> None:
    assert await output("repeat", {"loopType": "count", "count": count}, inputs={"n": "5"}) == {"total": total}
    assert await output("loop", {"loopType": "for", "iterations": count}, inputs={"n": 5}) == {"total": total}


async def test_wrong_counts() -> None:
    assert (await fail("loop", {"loopType": "count", "count": -1})).message == "Invalid count: -1 is -1"
    assert (await fail("loop", {"loopType": "count", "count": "{{n}}"}, inputs={"n": "x"})).code == "COLLECTION_INVALID"
    assert (await fail("loop", {"loopType": "count"})).message == "count is required for count loop"
    assert (await fail("loop", {"loopType": "forEach"})).message == "arrayPath is required for forEach loop"
    assert (await fail("loop", {"loopType": "while"})).message == "condition is required for while loop"
    assert (await fail("loop", {"loopType": "spiral"})).code == "INVALID_NODE_CONFIG"


@pytest.mark.parametrize(("loop_type", "counter", "number", "goes_on"), [
    ("while", 4, 0, True), ("while", 5, 0, False), ("doWhile", 9, 0, True), ("doWhile", 9, 1, False),
    ("forEach", 9, 1, False), ("forEach", 4, 1, True),
])  # fmt: skip
async def test_conditions(loop_type: str, counter: int, number: int, goes_on: bool) -> None:
    config = {"loopType": loop_type, "condition": "{{counter}} < 5", "arrayPath": "rows"}
    answer = await output("loop", config, sentinel="condition", round=number, variables={"counter": counter})
    assert answer == {"continue": goes_on}


async def test_a_while_loop_opens_without_a_total_and_a_break_condition_ends_any_loop() -> None:
    assert await output("while", {"condition": "true"}, sentinel="open") == {"total": None}
    config = {"arrayPath": "rows", "breakCondition": "loop.index === 2"}
    assert await output("loop", config, sentinel="condition", loop={"index": 2}) == {"continue": False}
    assert await output("loop", config, sentinel="condition", loop={"index": 1}) == {"continue": True}


@pytest.mark.parametrize("value", [{"a": 1, "b": [2]}, '{"a": 1, "b": [2]}'])
async def test_an_object_is_its_pairs(value: Any) -> None:
    config = {"loopType": "forEach", "arrayPath": "found"}
    asked = {"inputs": {"found": value}, "sentinel": "open"}
    assert await output("loop", config, **asked) == {"items": [{"key": "a", "value": 1}, {"key": "b", "value": [2]}]}
    assert await output("loop", config, dialect="sim", **asked) == {"items": [["a", 1], ["b", [2]]]}


@pytest.mark.parametrize(("field", "goes_on"), [("condition", False), ("breakCondition", True)])
async def test_a_collection_may_have_a_condition(field: str, goes_on: bool) -> None:
    config = {"loopType": "forEach", "arrayPath": "found", field: "loop.item > 2"}
    answer = await output(
        "loop", config, inputs={"found": [1]}, loop={"item": 1, "index": 0}, sentinel="condition", round=0
    )
    assert answer == {"continue": goes_on}
