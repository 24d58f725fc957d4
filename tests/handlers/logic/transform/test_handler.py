"""The transform node: every operation, JSONata and JavaScript, the corpus's spellings."""

from __future__ import annotations

from typing import Any

import pytest

from tests.handlers.running import fail, output

ROWS = [{"n": 3, "tag": "b", "on": True}, {"n": 1, "tag": "a", "on": False}, {"n": 2, "tag": "c", "on": True}]
CONTEXT: dict[str, Any] = {
    "inputs": {"rows": ROWS, "rate": 10, "topic": "ray", "holes": [1, None, 2, 3], "nested": [[1, 2], [3]]},
    "outputs": {"a": [1, 2], "b": [3], "left": {"x": 1}, "right": {"x": 2, "y": 3}, "text": {"text": '{"k": [1]}'}},
}


@pytest.mark.parametrize(
    ("config", "result"),
    [
        ({"operation": "map", "inputData": "${rows}", "expression": "r => r.n * rate"}, [30, 10, 20]),
        ({"operation": "map", "inputData": "{{rows}}", "expression": "n * rate"}, [30, 10, 20]),
        ({"transformType": "map", "inputData": "rows", "expression": "item.tag & index"}, ["b0", "a1", "c2"]),
        ({"operation": "map", "inputData": "rows", "expression": "gone"}, [None, None, None]),
        ({"operation": "map", "inputData": "rows", "expression": "$map(items, function($r){$r.n})"}, [3, 1, 2]),
        ({"operation": "filter", "inputData": "rows", "expression": "r => r.on"}, [ROWS[0], ROWS[2]]),
        ({"operation": "filter", "inputData": "rows", "expression": "n >= 3 and on = true"}, [ROWS[0]]),
        ({"operation": "filter", "inputData": "a", "expression": "$ > 1"}, [2]),
        ({"operation": "filter", "inputData": "rows", "expression": "n > 99"}, []),
        ({"operation": "filter", "inputData": "holes", "expression": "$ != 2"}, [1, None, 3]),
        ({"operation": "map", "inputData": "nested", "expression": "$map(items, function($v){$sum($v)})"}, [3, 3]),
        ({"operation": "map", "inputData": "rows", "expression": "$count(rows) + n"}, [6, 4, 5]),
        ({"operation": "reduce", "inputData": "a", "expression": "(acc, x) => acc + x"}, 3),
        ({"operation": "reduce", "inputData": "a", "expression": "(acc, x) => acc + x", "initialValue": 10}, 13),
        ({"operation": "reduce", "inputData": "rows", "expression": "$sum(items.n)"}, 6),
        ({"operation": "sort", "inputData": "rows", "expression": "(a, b) => a.n - b.n"}, [ROWS[1], ROWS[2], ROWS[0]]),
        ({"operation": "sort", "inputData": "rows", "expression": "tag", "order": "desc"}, [ROWS[2], ROWS[0], ROWS[1]]),
        ({"operation": "merge", "inputData": "a", "expression": "${b}"}, [1, 2, 3]),
        ({"operation": "merge", "inputData": "left", "expression": "{{right}}"}, {"x": 2, "y": 3}),
        ({"operation": "merge", "inputData": "left", "mergeData": '{"t": "${topic}"}'}, {"x": 1, "t": "ray"}),
        ({"transformType": "merge", "sources": ["{{a}}", "b"]}, [1, 2, 3]),
        ({"transformType": "merge", "sources": ["left", "{{right}}"]}, {"left": {"x": 1}, "right": {"x": 2, "y": 3}}),
        ({"operation": "extract", "inputData": "rows", "expression": "[1].tag"}, "a"),
        ({"operation": "extract", "inputData": "right", "path": "y"}, 3),
        ({"operation": "custom", "inputData": "right", "expression": '{"sum": x + y + left.x}'}, {"sum": 6}),
        ({"operation": "custom", "inputData": "${gone}", "expression": "$exists($data) ? $data : [2,3]"}, [2, 3]),
        ({"operation": "custom", "inputData": "a", "expression": "$count($data)"}, 2),
        ({"operation": "custom", "inputData": "a", "expression": "data => data.length"}, 2),
        ({"operation": "custom", "inputData": "${topic}", "expression": '"On " & $ & "."'}, "On ray."),
        ({"operation": "custom", "inputData": "a", "expression": "$sum($)"}, 3),
        ({"operation": "parseJSON", "inputData": "text.text"}, {"k": [1]}),
        ({"transformType": "parseJson", "inputData": "{{left}}"}, {"x": 1}),
        ({"operation": "passthrough", "inputData": "a"}, [1, 2]),
        ({"transformType": "template", "template": "About {{topic}}"}, "About ray"),
        ({"transformType": "template", "template": '{"t": "{{topic}}"}'}, {"t": "ray"}),
        ({"operation": "template", "expression": '{"r": ${left}}'}, {"r": {"x": 1}}),
        ({"operation": "template", "template": "{{right.y}}"}, 3),
        ({"operation": "template", "template": "{{left}}"}, {"x": 1}),
        ({"operation": "template", "template": "{{gone}}"}, None),
        ({"template": "{{left.x - 1}}"}, 0),
        (
            {"transformType": "aggregate", "inputData": "rows", "field": "n", "operations": ["sum", "count"]},
            {"sum": 6, "count": 3},
        ),
        ({"transformType": "flatten", "sources": ["a", "b"]}, [1, 2, 3]),
        ({"operations": [{"type": "set", "path": "d.e", "value": "{{topic}}"}]}, {"d": {"e": "ray"}}),
        ({"operation": "deduplicate", "inputData": "rows", "keyFields": ["on"], "keep": "last"}, [ROWS[1], ROWS[2]]),
        ({}, None),
    ],
)  # fmt: skip
async def test_operations(config: dict[str, Any], result: Any) -> None:
    assert await output("transform", config, dollar=True, **CONTEXT) == result


@pytest.mark.parametrize(
    ("config", "code", "message"),
    [
        ({"operation": "sort", "inputData": "left", "expression": "x"}, "NODE_FAILED", "Sort operation requires array"),
        ({"operation": "map", "inputData": "a"}, "INVALID_NODE_CONFIG", "expression is required for the map operation"),
        ({"operation": "filter_and_rank"}, "INVALID_NODE_CONFIG", "operation"),
        ({"operation": "parseJSON", "inputData": "topic"}, "NODE_FAILED", "Invalid JSON"),
        ({"operation": "custom", "expression": "a ("}, "EXPRESSION_ERROR", "JSONata"),
        ({"operation": "map", "inputData": "a", "expression": "x => y.z"}, "EXPRESSION_ERROR", "y is not defined"),
    ],
)  # fmt: skip
async def test_failures(config: dict[str, Any], code: str, message: str) -> None:
    error = await fail("transform", config, **CONTEXT)
    assert error.code == code
    assert message in error.message


async def test_secrets_do_not_reach_expressions() -> None:
    assert await output("transform", {"operation": "custom", "expression": "secret"}, **CONTEXT) is None
