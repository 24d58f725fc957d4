"""Attempts without a lane: what only computes is carried out, what waits is refused before it did anything.

That both ways say the same of every built-in type is asserted by every test that uses ``running.attempt``.
"""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.node_type import NodeType
from flowray.definition.policies import Lane
from flowray.engine import stimuli as st
from flowray.engine.commands import COLLECT
from flowray.handlers.at_once import AtOnce
from flowray.handlers.handler import NodeInput, NodeResult
from flowray.handlers.node_config import NodeConfig
from flowray.handlers.node_task import NodeTask
from flowray.handlers.registry import NodeRegistry, default_registry
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, to_wire
from tests.fakes.services import NOW_MS, fake_services

BUILT_IN = default_registry(plugins=False)
STORED = to_wire(StoredValue("e1.abc", bytes=40_000, length=-1, preview="x"))


def task(node_type: str, config: dict[str, Any] | None = None, **fields: Any) -> NodeTask:
    return NodeTask(
        execution_id="e1", instance="n1", node_id="n1", node_type=node_type, config=config or {}, attempt=1, **fields
    )


def at_once(given: NodeTask, registry: NodeRegistry = BUILT_IN) -> list[st.AnyStimulus] | None:
    return AtOnce(registry, fake_services(), lambda: NOW_MS).run(given)


def scripted(run: Any, **fields: Any) -> NodeRegistry:
    """A type of the test's own."""

    class Scripted:
        node_type = NodeType(
            name="scripted", summary="", config_model=NodeConfig, lane=Lane.INLINE, **{"computes": True, **fields}
        )
        execute = staticmethod(run)

        def can_handle(self, type_name: str) -> bool:
            return type_name == "scripted"

    return NodeRegistry([Scripted()])


def test_what_only_computes_reports_its_result_alone() -> None:
    said = at_once(task("transform", {"operation": "passthrough", "inputData": {"n": "{{inputs.x}}"}}, inputs={"x": 2}))
    assert said is not None
    assert [type(stimulus) for stimulus in said] == [st.AttemptSucceeded]
    assert isinstance(said[-1], st.AttemptSucceeded)
    assert (said[-1].output, said[-1].started_at, said[-1].ended_at) == ({"n": 2}, NOW_MS, NOW_MS)


def test_a_failure_is_reported_as_from_a_lane() -> None:
    said = at_once(task("conditional", {}))
    assert said is not None
    assert isinstance(said[-1], st.AttemptFailed)
    assert (said[-1].error.code, said[-1].error.attempt) == ("INVALID_NODE_CONFIG", 1)


@pytest.mark.parametrize(
    "given",
    [
        task("conditional", {"leftValue": "aab", "operator": "matches", "rightValue": "a+b"}),
        task("transform", {"operation": "custom", "inputData": [1], "expression": "$sum($)"}),
        task("transform", {"operation": "passthrough", "inputData": {"text": "y" * INLINE_LIMIT_BYTES}}),
        task("output", {"outputName": "o", "value": "{{a}}"}, outputs={"a": STORED}),
        task("http", {"method": "GET", "url": "http://x"}),
        task("llm", {"prompt": "hi"}, streams=True),
        task("loop", {}, sentinel=COLLECT),
    ],
    ids=["regular expression", "jsonata", "large output", "stored value", "effect", "stream", "collect"],
)
def test_r45_what_waits_for_anything_is_refused(given: NodeTask) -> None:
    assert at_once(given) is None


def test_a_handler_that_waits_has_been_closed() -> None:
    closed: list[bool] = []

    async def waits(node: NodeInput) -> NodeResult:
        try:
            await Pending()
        finally:
            closed.append(True)
        return NodeResult()

    assert at_once(task("scripted"), scripted(waits)) is None
    assert closed == [True]


class Pending:
    """Never done."""

    def __await__(self) -> Any:
        yield


def test_a_handler_that_does_not_promise_to_compute_only_or_may_block_goes_to_a_lane() -> None:
    async def unsaid(node: NodeInput) -> NodeResult:
        raise AssertionError("it must not run here")

    def blocks(node: NodeInput) -> NodeResult:
        raise AssertionError("it must not run here")

    assert at_once(task("scripted"), scripted(unsaid, computes=False)) is None
    assert at_once(task("scripted"), scripted(blocks)) is None


def test_logs_and_tokens_come_before_the_result() -> None:
    async def says(node: NodeInput) -> NodeResult:
        node.emit_token("to")
        node.emit_token("ken")
        node.log("half way")
        return NodeResult(data=1)

    said = at_once(task("scripted", stream_id="llm-n1"), scripted(says))
    assert said is not None
    assert [type(stimulus) for stimulus in said] == [st.NodeLogged, st.TokensProduced, st.AttemptSucceeded]
