"""Calls as data: paths that survive any id, bodies that say what they are, keys that make starts repeatable."""

from __future__ import annotations

import json
from datetime import UTC, datetime

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


def test_the_memory_of_a_workflow() -> None:
    """R17."""
    listed = calls.workflow_memory("w/1", 10, None, "log")
    assert (listed.path, listed.params) == ("/v1/workflows/w%2F1/memory", {"limit": 10, "prefix": "log"})
    assert calls.workflow_memory_entry("w", "a/b").path == "/v1/workflows/w/memory/a%2Fb"
    assert calls.clear_workflow_memory("w", "k").path == "/v1/workflows/w/memory/k"
    cleared = calls.clear_workflow_memory("w", None)
    assert (cleared.method, cleared.path, cleared.repeatable) == ("DELETE", "/v1/workflows/w/memory", True)


def test_an_execution_is_deleted_and_measured() -> None:
    """R55."""
    call = calls.delete_execution("e/1")
    assert (call.method, call.path, call.repeatable) == ("DELETE", "/v1/executions/e%2F1", True)
    assert calls.execution_storage("e").path == "/v1/executions/e/storage"


def test_every_start_has_a_key_of_its_own() -> None:
    first, second = [calls.start("w", None, {"a": 1}, None, None, False) for _ in range(2)]
    assert first.path == "/v1/workflows/w/execute"
    assert first.headers["Idempotency-Key"] != second.headers["Idempotency-Key"]
    assert first.repeatable is True
    assert calls.start("w", None, None, {"idempotency_key": "k"}, None, False).headers["Idempotency-Key"] == "k"
    assert calls.start_batch("w", [{}], None, "k").headers["Idempotency-Key"] == "k"


def test_a_deadline_may_be_a_moment_or_text() -> None:
    """R14, R51."""
    moment = datetime(2030, 1, 1, tzinfo=UTC)
    for deadline in (moment, "2030-01-01T00:00:00+00:00"):
        call = calls.start("w", None, None, {"deadline": deadline}, None, False)
        assert json.loads(call.content or b"")["options"] == {"deadline": "2030-01-01T00:00:00+00:00"}
    with pytest.raises(TypeError):
        calls.start("w", None, {"a": {1, 2}}, None, None, False)


def test_a_rerun_sends_only_what_was_said_and_has_a_key() -> None:
    call = calls.rerun("e", {"from_node": "b", "inputs": None, "definition": b"nodes: {}"}, None)
    assert (call.method, call.path, call.repeatable) == ("POST", "/v1/executions/e/rerun", True)
    assert json.loads(call.content or b"") == {"from_node": "b", "definition": "nodes: {}"}
    assert call.headers["Idempotency-Key"]
    assert calls.rerun("e", {}, "k").headers["Idempotency-Key"] == "k"


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


def test_an_answer_is_what_is_given_and_null_is_one() -> None:
    assert json.loads(calls.resume_execution("e", calls.NO_DATA, None, None).content or b"") == {}
    call = calls.resume_execution("e", None, "go", {"a": 1})
    assert (call.path, json.loads(call.content or b"")) == (
        "/v1/executions/e/resume", {"data": None, "waitpoint_id": "go", "context_updates": {"a": 1}},
    )  # fmt: skip
    assert calls.complete_waitpoint("wp/1", None).path == "/v1/waitpoints/wp%2F1/complete"


def test_a_resume_without_a_name_is_not_repeated() -> None:
    """It could answer the waitpoint after the one that was meant."""
    assert calls.resume_execution("e", 1, None, None).repeatable is False
    assert calls.resume_execution("e", 1, "go", None).repeatable is True
