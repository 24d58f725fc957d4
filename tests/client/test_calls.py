"""Calls as data: paths that survive any id, bodies that say what they are, keys that make starts repeatable."""

from __future__ import annotations

import json

import httpx
import pytest

from flowray.client import calls


def test_ids_are_one_segment_whatever_they_hold() -> None:
    assert calls.get_execution("a/b?c").path == "/v1/executions/a%2Fb%3Fc"
    output = calls.node_output("e", "loop[0]/a%2Fb", 2)
    assert output.path == "/v1/executions/e/nodes/loop%5B0%5D%2Fa%252Fb/output"
    assert output.params == {"attempt": 2}


@pytest.mark.parametrize(
    ("definition", "kind", "content"),
    [
        ({"nodes": {}}, "application/json", b'{"nodes":{}}'), (' {"nodes": {}}', "application/json", b' {"nodes": {}}'),
        ("nodes: {}", "application/yaml", b"nodes: {}"), (b"nodes: {}", "application/yaml", b"nodes: {}"),
    ],
)  # fmt: skip
def test_definitions_are_objects_or_text(definition: calls.Definition, kind: str, content: bytes) -> None:
    call = calls.create_workflow(definition, strict=True)
    assert (call.headers["Content-Type"], call.content) == (kind, content)
    assert (call.params, call.repeatable) == ({"strict": "true"}, False)
    assert calls.update_workflow("w", definition, strict=False).repeatable is True


def test_every_start_has_a_key_of_its_own() -> None:
    first, second = [calls.start("w", None, {"a": 1}, None, None, False) for _ in range(2)]
    assert first.path == "/v1/workflows/w/execute"
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
    assert first.repeatable is True
    assert calls.start("w", None, None, {"idempotency_key": "k"}, None, False).headers["Idempotency-Key"] == "k"
    assert calls.start_batch("w", [{}], None, "k").headers["Idempotency-Key"] == "k"


def test_a_definition_starts_inline() -> None:
    call = calls.start(None, b"nodes: {}", None, {"labels": {"a": "b"}}, None, True)
    assert (call.path, call.params) == ("/v1/executions", {"strict": "true"})
    assert json.loads(call.content or b"") == {
        "inputs": {}, "options": {"labels": {"a": "b"}}, "definition": "nodes: {}",
    }  # fmt: skip


def test_results_come_in_the_order_of_the_rows() -> None:
    line = '{{"index":{0},"execution_id":"e{0}","status":"completed","outputs":{0},"error":null}}\n'
    response = httpx.Response(200, text=line.format(1) + line.format(0))
    assert [result.outputs for result in calls.batch_results("b").read(response)] == [0, 1]


def test_streams_go_on_where_they_were() -> None:
    assert "Last-Event-ID" not in calls.event_stream("e", 0, ()).headers
    call = calls.event_stream("e", 7, ("node.token", "node.log"))
    assert call.headers["Last-Event-ID"] == "7"
    assert call.params == {"types": "node.token,node.log"}
