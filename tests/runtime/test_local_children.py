"""Sub-workflows in the in-process runtime: nested, in loops and parallels, failing, retried, cancelled (R19)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.engine.signals import Usage
from flowray.handlers.services import ChatChunk
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import SaveWorkflow
from flowray.plan import plan_hash, plan_to_json
from flowray.runtime.child_starts import ChildLimits
from flowray.values import INLINE_LIMIT_BYTES, StoredValue, as_value, stable_hash
from tests.fakes.services import ScriptedChat
from tests.runtime.test_local import Bench, answering, bench, http, output
from tests.runtime.workflows import compiled, definition

INPUT = {"type": "input", "config": {"inputName": "n", "required": True}}
DOUBLE = definition(
    {
        "in": INPUT,
        "twice": {
            "type": "transform",
            "config": {"operation": "custom", "inputData": "{{n}}", "expression": "$data * 2"},
        },
        "out": output("{{twice}}", "doubled"),
    },
    "in -> twice", "twice -> out", name="Double",
)  # fmt: skip
GET = {"type": "http", "config": {"url": "http://h/", "method": "GET", "failOnStatus": True}}
FAILING = definition({"in": INPUT, "get": GET}, "in -> get", name="Failing")
SLEEPING = definition({"nap": {"type": "wait", "config": {"duration": 600_000}}}, name="Sleeping")


def call(inline: dict[str, Any] | None = None, /, **config: Any) -> dict[str, Any]:
    """A node that calls a workflow, inline or by id."""
    more = {key: config.pop(key) for key in ("timeoutMs", "retry", "onError") if key in config}
    return {"type": "subworkflow", "config": {**({"definition": inline} if inline else {}), **config}, **more}


def save(store: MemoryStore, workflow_id: str, document: dict[str, Any]) -> None:
    """Store a workflow, or its next version."""
    store.commit(
        [SaveWorkflow(id=workflow_id, name=document["name"], hash=stable_hash(document), definition=document, ts=1)]
    )


def children(store: MemoryStore, parent_id: str) -> list[ExecutionRecord]:
    """Oldest first."""
    return list(store.executions(parent_id=parent_id).data)[::-1]


def types(store: MemoryStore, execution_id: str, prefix: str = "") -> list[str]:
    return [event.type for event in store.events.read(execution_id) if event.type.startswith(prefix)]


async def called(running: Bench, parent_id: str) -> ExecutionRecord:
    """The only child of an execution, once it is there."""
    await running.events(parent_id, until="child.started")
    (child,) = children(running.store, parent_id)
    return child


async def ended(running: Bench, execution_id: str) -> ExecutionRecord:
    await running.events(execution_id)
    return running.row(execution_id)


async def test_r19_a_child_runs_as_an_execution_of_its_own_and_returns_its_outputs() -> None:
    plan = compiled({"call": call(DOUBLE, inputs={"n": "{{x}}"}), "end": output("{{call.doubled}}")}, "call -> end")
    async with bench() as running:
        row = await running.run(plan, x=21)
        (child,) = children(running.store, row.id)
    assert (row.status, row.outputs) == ("completed", {"result": 42})
    assert (child.status, child.outputs, child.workflow_name) == ("completed", {"doubled": 42}, "Double")
    assert (child.parent_id, child.parent_key, child.root_id, child.depth) == (row.id, "call#1", row.id, 1)
    events = {event.type: event.body for event in running.store.events.read(row.id)}
    assert events["child.started"]["child_id"] == events["child.ended"]["child_id"] == child.id
    assert (events["child.ended"]["status"], events["child.ended"]["last_seq"]) == ("completed", child.last_seq)


async def test_r19_latest_and_pinned_versions_and_the_one_that_ran_is_recorded() -> None:
    newer = {**DOUBLE, "name": "Double again"}
    pinned = {"old": call(workflowId="d", version=1, inputs={"n": 1}), "new": call(workflowId="d", inputs={"n": 1})}
    async with bench() as running:
        save(running.store, "d", DOUBLE)
        save(running.store, "d", newer)
        row = await running.run(compiled(pinned, "old -> new"))
        made = [(child.workflow_name, child.workflow_version) for child in children(running.store, row.id)]
    assert row.status == "completed"
    assert made == [("Double", 1), ("Double again", 2)]
    started = [event.body for event in running.store.events.read(row.id) if event.type == "child.started"]
    assert [(body["workflow_id"], body["version"]) for body in started] == [("d", 1), ("d", 2)]


async def test_children_call_children_three_deep() -> None:
    edges = ("in -> call", "call -> out")
    inner_call, outer_call = call(DOUBLE, inputs={"n": "{{n}}"}), call(inputs={"n": "{{n}}"})
    inner = definition({"in": INPUT, "call": inner_call, "out": output("{{call.doubled}}", "v")}, *edges)
    outer_call["config"]["definition"] = inner
    middle = definition({"in": INPUT, "call": outer_call, "out": output("{{call.v}}", "v")}, *edges)
    plan = compiled({"call": call(middle, inputs={"n": 5}), "end": output("{{call.v}}")}, "call -> end")
    async with bench() as running:
        row = await running.run(plan)
        assert row.outputs == {"result": 10}
        assert running.store.descendants(row.id) == 3
        (first,) = children(running.store, row.id)
        (second,) = children(running.store, first.id)
        (third,) = children(running.store, second.id)
    assert [(child.depth, child.root_id) for child in (first, second, third)] == [(n, row.id) for n in (1, 2, 3)]


@pytest.mark.parametrize(
    ("container", "item"),
    [
        ({"type": "loop", "config": {"loopType": "forEach", "collection": "{{list}}"}}, "{{loop.item}}"),
        ({"type": "parallel", "config": {"parallelType": "collection", "collection": "{{list}}"}},
         "{{parallel.currentItem}}"),
    ],
)  # fmt: skip
async def test_a_child_per_round_and_per_branch(container: dict[str, Any], item: str) -> None:
    nodes = {"each": container, "call": {**call(DOUBLE, inputs={"n": item}), "parentId": "each"},
             "end": output("{{each}}")}  # fmt: skip
    async with bench() as running:
        row = await running.run(compiled(nodes, "each -> end"), list=[1, 2, 3])
        keys = {child.parent_key for child in children(running.store, row.id)}
    assert row.outputs == {"result": [{"doubled": 2}, {"doubled": 4}, {"doubled": 6}]}
    assert keys == {"each[0]/call#1", "each[1]/call#1", "each[2]/call#1"}


async def test_the_error_of_a_child_goes_through_the_error_port() -> None:
    nodes = {"call": call(FAILING, inputs={"n": 1}), "saved": output("{{call.code}} {{call.message}}")}
    async with bench(http=answering((500, {}))) as running:
        row = await running.run(compiled(nodes, "call error-> saved"))
    assert row.status == "completed"
    assert row.outputs is not None
    assert row.outputs["result"].startswith("HTTP_STATUS The sub-workflow ended failed: GET http://h/ answered 500")
    assert row.handled_errors[0]["details"]["node_id"] == "get"


async def test_r19_a_retry_starts_another_child() -> None:
    retry = {"maxAttempts": 2, "initialDelayMs": 1}
    plan = compiled({"call": call(FAILING, inputs={"n": 1}, retry=retry)})
    async with bench(http=answering((500, {}), (200, {}))) as running:
        row = await running.run(plan)
        made = children(running.store, row.id)
    assert row.status == "completed"
    assert {child.parent_key: child.status for child in made} == {"call#1": "failed", "call#2": "completed"}


async def test_cancelling_the_parent_cancels_every_child_below_it() -> None:
    middle = definition({"call": call(SLEEPING)}, name="Middle")
    async with bench() as running:
        (parent,) = await running.start(compiled({"call": call(middle)}))
        child = await called(running, parent)
        grandchild = await called(running, child.id)
        await running.cancel(parent)
        rows = [await ended(running, its_id) for its_id in (parent, child.id, grandchild.id)]
        assert await running.still_driven() == []
    assert [row.status for row in rows] == ["cancelled"] * 3
    assert [row.cancel_reason for row in rows] == [
        "Cancelled by user", "Parent: Cancelled by user", "Parent: Parent: Cancelled by user",
    ]  # fmt: skip


async def test_r14_the_deadline_passes_down_and_the_smaller_one_counts() -> None:
    async with bench() as running:
        for own, theirs, kept in ((None, 2**41, 2**41), (2**40, 2**41, 2**40), (2**42, 2**41, 2**41)):
            plan = compiled({"call": call(SLEEPING, **({"deadline": own} if own else {}))})
            record = ExecutionRecord(id=f"e{own}", status="queued", plan_hash=plan_hash(plan), deadline_at=theirs)
            await running.runtime.start([record], plan_to_json(plan))
            assert (await called(running, record.id)).deadline_at == kept


async def test_r14_a_deadline_that_has_passed_ends_parent_and_child() -> None:
    plan = compiled({"call": call(SLEEPING, deadline=1)})
    async with bench() as running:
        row = await running.run(plan)
        (child,) = children(running.store, row.id)
    assert (child.status, row.status, row.error and row.error["code"]) == ("timed_out", "failed", "EXECUTION_TIMEOUT")


async def test_r19_endless_recursion_ends_with_an_error_that_names_the_chain() -> None:
    recursive = definition({"call": call(workflowId="r")}, name="Round")
    async with bench(child_limits=ChildLimits(max_depth=3)) as running:
        save(running.store, "r", recursive)
        row = await running.run(compiled({"call": call(workflowId="r")}))
        assert running.store.descendants(row.id) == 3
    assert row.error is not None
    assert row.error["code"] == "CALL_DEPTH_EXCEEDED"
    deepest = next(found for found in running.store.executions().data if found.depth == 3)
    assert deepest.error is not None
    assert deepest.error["details"]["chain"] == ["inline", "Round", "Round", "Round", "r"]


async def test_r19_an_execution_has_so_many_descendants_and_no_more() -> None:
    nodes = {"each": {"type": "loop", "config": {"loopType": "for", "count": 4}},
             "call": {**call(DOUBLE, inputs={"n": 1}), "parentId": "each"}}  # fmt: skip
    async with bench(child_limits=ChildLimits(max_descendants=3)) as running:
        row = await running.run(compiled(nodes))
        assert running.store.descendants(row.id) == 3
    assert row.error is not None
    assert row.error["code"] == "DESCENDANT_LIMIT_EXCEEDED"


@pytest.mark.parametrize(
    ("config", "code", "words"),
    [
        ({"workflowId": "nowhere"}, "NOT_FOUND", "there is no workflow 'nowhere'"),
        ({"workflowId": "d", "version": 7}, "NOT_FOUND", "workflow 'd' has no version 7; it is at version 1"),
        ({"workflowId": "d"}, "INVALID_INPUT", "the required input 'n' is missing"),
        ({"definition": {"nodes": {}, "edges": []}}, "INVALID_DEFINITION", ""),
    ],
)
async def test_a_child_that_cannot_be_started_fails_its_node(config: dict[str, Any], code: str, words: str) -> None:
    """R57: inputs are checked before the row exists."""
    async with bench() as running:
        save(running.store, "d", DOUBLE)
        row = await running.run(compiled({"call": call(**config)}))
        assert children(running.store, row.id) == []
    assert row.error is not None
    assert (row.status, row.error["code"]) == ("failed", code)
    assert row.error["message"].startswith("The sub-workflow could not be started: ")
    assert words in row.error["message"]
    assert types(running.store, row.id, "child.") == []


async def test_r36_large_values_pass_in_and_out_by_reference() -> None:
    echo = definition({"in": INPUT, "out": output("{{n}}", "echo")}, "in -> out", name="Echo")
    nodes = {"make": http(), "call": call(echo, inputs={"n": "{{make.data.blob}}"}), "end": output("{{call.echo}}")}
    large = "x" * (2 * INLINE_LIMIT_BYTES)
    async with bench(http=answering((200, {"blob": large}))) as running:
        row = await running.run(compiled(nodes, "make -> call", "call -> end"))
        (child,) = children(running.store, row.id)
        result = as_value((row.outputs or {})["result"])
        assert isinstance(result, StoredValue), row
        assert await running.runtime.load_payload(result.payload_id) == f'"{large}"'.encode()
    for stored in (child.inputs["n"], (child.outputs or {})["echo"]):
        value = as_value(stored)
        assert isinstance(value, StoredValue)
        assert value.payload_id.startswith(f"{row.id}.")


async def test_the_usage_of_a_child_counts_for_its_parent() -> None:
    talk = definition({"say": {"type": "llm", "config": {"prompt": "hi"}}}, name="Talk")
    usage = Usage(input_tokens=3, output_tokens=2)
    chat = ScriptedChat([ChatChunk("Hello"), ChatChunk(finish_reason="stop", usage=usage)])
    async with bench(chat=chat) as running:
        row = await running.run(compiled({"call": call(talk)}))
        (child,) = children(running.store, row.id)
    assert (child.usage["input_tokens"], child.usage["output_tokens"]) == (3, 2)
    assert list(child.usage["by_node"]) == ["say"]
    assert list(row.usage["by_node"]) == ["call"]
    assert {**row.usage, "by_node": {}} == {**child.usage, "by_node": {}}
