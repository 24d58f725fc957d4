"""The response node: data or typed fields, status, headers, and the end of the execution (R9)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import Signals
from tests.handlers.running import fail, output, succeed


@pytest.mark.parametrize(
    ("config", "data"),
    [
        ({"data": {"list": "{{a}}", "text": "a has {{a.length}}"}}, {"list": [1, 2], "text": "a has 2"}),
        ({"data": "{{a}}"}, [1, 2]),
        ({"value": "plain"}, "plain"),
        ({}, None),
    ],
)
async def test_data(config: dict[str, Any], data: Any) -> None:
    assert await output("response", config, inputs={"a": [1, 2]}) == {
        "data": data, "status": 200, "headers": {"Content-Type": "application/json"},
    }  # fmt: skip


async def test_r9_the_execution_ends_with_it() -> None:
    assert (await succeed("response", {"data": 1})).signals == Signals(finish=True)


async def test_typed_fields_as_sim_writes_them() -> None:
    rows = [
        {"name": "n", "type": "number", "value": "5"},
        {"name": "b", "type": "boolean", "value": "true"},
        {"name": "s", "type": "string", "value": "x"},
        {"name": "arr", "type": "array", "value": "{{a}}"},
        {"name": "obj", "type": "object", "value": '{"k": 1}'},
        {"name": "any", "value": 7},
    ]
    found = await output("response", {"fields": rows}, inputs={"a": [1, 2]})
    assert found["data"] == {"n": 5, "b": True, "s": "x", "arr": [1, 2], "obj": {"k": 1}, "any": 7}


async def test_status_and_headers() -> None:
    headers = [{"key": "X-Trace", "value": "{{a}}"}, {"key": "Content-Type", "value": "text/plain"}]
    found = await output(
        "response", {"data": "no", "status": "{{code}}", "headers": headers}, inputs={"a": 1, "code": 404}
    )
    assert (found["status"], found["headers"]) == (404, {"Content-Type": "text/plain", "X-Trace": "1"})


@pytest.mark.parametrize(
    ("config", "text"),
    [
        ({"status": 99}, "status"),
        ({"fields": [{"name": "n", "type": "number", "value": "five"}]}, "'five' is not a number"),
        ({"fields": [{"type": "number", "value": 1}]}, "fields/0/name"),
        ({"data": 1, "headers": "x"}, "headers must be an object"),
    ],
)
async def test_what_does_not_fit(config: dict[str, Any], text: str) -> None:
    error = await fail("response", config)
    assert error.code == "INVALID_NODE_CONFIG"
    assert text in error.message
