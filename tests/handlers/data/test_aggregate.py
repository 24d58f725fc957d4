"""The aggregate node: its spellings, fields, groups and errors."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.errors import ErrorCode
from tests.handlers.running import fail, output

ORDERS = [{"who": "a", "n": 3}, {"who": "b", "n": 4}, {"who": "a", "n": 5}, {"who": "b"}]
GIVEN = {"inputs": {"numbers": [2, 3, 5], "orders": ORDERS, "text": "[1, 2]", "one": {"k": 7}}}


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({"inputArray": "${numbers}", "operation": "max", "outputVariable": "m"}, 5),
        ({"inputArray": "{{numbers}}", "operation": "sum"}, 10), ({"items": "numbers", "function": "avg"}, 10 / 3),
        ({"inputArray": "orders", "operation": "sum", "field": "n"}, 12),
        ({"inputArray": "orders", "operation": "count", "path": "n"}, 4),
        ({"inputArray": "orders", "operation": "sum", "field": "n", "groupBy": "who"}, {"a": 8, "b": 4}),
        ({"inputArray": "orders", "operation": "groupBy", "field": "n", "groupBy": "who"},
         {"a": [3, 5], "b": [4, None]}),
        ({"inputArray": "orders", "operation": "concat", "field": "who", "separator": ", "}, "a, b, a, b"),
        ({"inputArray": "text", "operation": "sum"}, 3),
        ({"inputArray": [1, 2, "{{numbers[2]}}"], "operation": "sum"}, 8),
        ({"inputArray": "numbers"}, [2, 3, 5]), ({"inputArray": "one", "operation": "collect", "field": "value"}, [7]),
    ],
)  # fmt: skip
async def test_values(config: dict[str, Any], expected: Any) -> None:
    assert await output("aggregate", config, **GIVEN, dollar=True) == expected


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({"inputArray": "numbers", "operation": "explode"}, ErrorCode.INVALID_NODE_CONFIG),
        ({"inputArray": "gone", "operation": "sum"}, ErrorCode.COLLECTION_INVALID),
        ({"operation": "sum"}, ErrorCode.COLLECTION_INVALID),
        ({"inputArray": [1], "operation": "sum", "groupBy": 5}, ErrorCode.INVALID_NODE_CONFIG),
    ],
)
async def test_errors(config: dict[str, Any], code: ErrorCode) -> None:
    assert (await fail("aggregate", config, **GIVEN)).code == code
