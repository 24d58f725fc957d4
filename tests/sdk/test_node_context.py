"""The context of a function that is a node."""

from __future__ import annotations

from flowray.expressions.names import Names
from flowray.handlers.handler import Cancellation, NodeInput
from flowray.sdk.node_context import NodeContext
from tests.fakes.services import fake_services


def test_it_shows_the_attempt_and_hands_on_what_is_said() -> None:
    said: list[tuple[object, ...]] = []
    services = fake_services()
    cancellation = Cancellation()
    context = NodeContext(
        NodeInput(
            execution_id="e", instance="i", node_id="n", node_type="t", config={}, names=Names(), services=services,
            node_name="Name", workflow_name="Flow", attempt=2, idempotency_key="k", deadline_ms=5, inputs={"a": 1},
            cancellation=cancellation, emit_token=lambda text, tokens=1: said.append((text, tokens)),
            log=lambda message, level="info", **fields: said.append((message, level, fields)),
        )
    )  # fmt: skip
    context.emit("x", 3)
    context.log("hello", "warning", why=1)
    assert said == [("x", 3), ("hello", "warning", {"why": 1})]
    assert (context.execution_id, context.node_id, context.node_name, context.workflow_name) == (
        "e",
        "n",
        "Name",
        "Flow",
    )
    assert (context.attempt, context.idempotency_key, context.deadline_ms, context.inputs) == (2, "k", 5, {"a": 1})
    assert context.services is services
    assert context.cancellation is cancellation
    assert not context.is_cancelled
    cancellation.cancel()
    assert context.is_cancelled
