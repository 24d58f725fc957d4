"""The sub-workflow node: what it asks for, in every spelling; its own templates are filled, the child's are not."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import ChildCall
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, as_value
from tests.fakes.services import fake_services
from tests.handlers.running import fail, succeed

INLINE = {"nodes": {"in": {"type": "input", "config": {"inputName": "who", "defaultValue": "{{x}}"}}}, "edges": []}


async def call(config: dict[str, Any], kind: str = "subworkflow", **more: Any) -> ChildCall:
    """What the node asks for."""
    child = (await succeed(kind, config, **more)).signals.child
    assert child is not None
    return child


@pytest.mark.parametrize("kind", ["subworkflow", "workflow", "workflow_input", "subWorkflow", "sub-workflow"])
async def test_it_calls_a_workflow_by_id_with_inputs_mapped_by_templates(kind: str) -> None:
    config = {"workflowId": "w-{{n}}", "version": 3, "inputs": {"who": "{{name}}", "list": [1, "{{n}}"]}}
    found = await call(config, kind, inputs={"name": {"first": "Ada"}, "n": 7})
    assert found == ChildCall(workflow_id="w-7", version=3, inputs={"who": {"first": "Ada"}, "list": [1, 7]})


@pytest.mark.parametrize("version", [None, "latest", "Latest", "deployed", ""])
async def test_without_a_version_it_is_the_latest(version: Any) -> None:
    assert (await call({"workflowId": "w", "version": version})).version is None


@pytest.mark.parametrize("version", ["2", 2, 2.0])
async def test_a_version_may_be_text(version: Any) -> None:
    assert (await call({"workflowId": "w", "version": version})).version == 2


@pytest.mark.parametrize(
    "config",
    [
        {"workflow": "w", "inputMapping": {"a": 1}},
        {"workflow_id": "w", "input": '{"a": 1}'},
        {"subworkflowId": "w", "parameters": [{"name": "a", "value": 1}]},
        {"workflowId": {"id": "w", "name": "Mine"}, "inputs": [{"key": "a", "value": 1}]},
    ],
)
async def test_real_files_spell_it_in_many_ways(config: dict[str, Any]) -> None:
    assert await call(config) == ChildCall(workflow_id="w", inputs={"a": 1})


async def test_the_templates_of_an_inline_definition_are_the_childs() -> None:
    found = await call({"definition": INLINE, "inputs": {"who": "{{x}}"}}, inputs={"x": "parent"})
    assert found == ChildCall(definition=INLINE, inputs={"who": "parent"})


@pytest.mark.parametrize(
    ("key", "meant"), [("order-{{n}}", "order-7"), ("{{n}}", "7"), ("", ""), (None, None), ("{{nothing}}", None)]
)
async def test_an_idempotency_key_may_be_a_template_but_not_nothing(key: Any, meant: str | None) -> None:
    config = {"workflowId": "w", "idempotencyKey": key}
    if meant is None:
        error = await fail("subworkflow", config)
        assert (error.code, "idempotencyKey" in error.message) == ("INVALID_NODE_CONFIG", True)
    else:
        assert (await call(config, inputs={"n": 7})).idempotency_key == meant


async def test_an_idempotency_key_has_a_limit() -> None:
    error = await fail("subworkflow", {"workflowId": "w", "idempotencyKey": "k" * 201})
    assert "the limit is 200" in error.message


@pytest.mark.parametrize("deadline", ["2030-01-01T00:00:00Z", "2030-01-01T00:00:00", 1_893_456_000_000])
async def test_the_deadline_is_absolute(deadline: Any) -> None:
    assert (await call({"workflowId": "w", "deadline": deadline})).deadline_ms == 1_893_456_000_000


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({}, "exactly one of"),
        ({"workflowId": " "}, "exactly one of"),
        ({"workflowId": "w", "definition": INLINE}, "exactly one of"),
        ({"workflowId": "w", "version": "newest"}, "no version"),
        ({"workflowId": "w", "version": 0}, "no version"),
        ({"workflowId": "w", "inputs": "no json"}, "inputs must be"),
        ({"workflowId": "w", "inputs": [1]}, "inputs must be"),
        ({"workflowId": "w", "deadline": "soon"}, "no time"),
    ],
)
async def test_what_is_wrong_is_named(config: dict[str, Any], words: str) -> None:
    error = await fail("subworkflow", config)
    assert error.code == "INVALID_NODE_CONFIG"
    assert words in error.message


async def test_r36_large_inputs_travel_by_reference() -> None:
    services = fake_services()
    large = "x" * INLINE_LIMIT_BYTES
    found = await call({"workflowId": "w", "inputs": {"text": "{{text}}", "n": 1}}, services=services,
                       inputs={"text": large}, payload_owner="root")  # fmt: skip
    stored = as_value(found.inputs["text"])
    assert isinstance(stored, StoredValue)
    assert stored.payload_id.startswith("root")
    assert found.inputs["n"] == 1
    assert await services.payloads.load(stored.payload_id) == large
