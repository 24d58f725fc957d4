"""An agent on the in-process runtime: its steps in the log, a person who approves, a workflow that it calls."""

from __future__ import annotations

from typing import Any

from flowray.eventlog.log import RecordedEvent
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import Inserted
from flowray.runtime.identifiers import new_id
from flowray.runtime.waitpoints import answer_row
from tests.fakes.services import NOW_MS, ScriptedHttp
from tests.handlers.agents.playing import ScriptedModel, calls
from tests.runtime.test_local import Bench, answering, bench, output
from tests.runtime.workflows import compiled

ORDER = {"name": "order", "url": "http://shop/orders", "method": "POST", "requireApproval": True}
PRICE = {"name": "price", "url": "http://shop/prices/{item}"}


def shop(*tools: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"type": "agent", "config": {"model": "m", "prompt": "Buy {{item}}", "tools": list(tools), **more}}


async def approve(desk: Bench, row: ExecutionRecord, data: Any) -> None:
    [waiting] = row.waiting_for
    answer = answer_row(new_id(), row.id, waiting["waitpoint_id"], data, now_ms=NOW_MS, by="ann")
    assert isinstance(await desk.runtime.request(answer), Inserted)


def kinds(events: list[RecordedEvent]) -> list[str]:
    return [event.type for event in events if event.body.get("node_id") == "agent" and event.type != "node.token"]


async def test_a_call_waits_for_its_approval_and_the_agent_goes_on_where_it_was() -> None:
    web: ScriptedHttp = answering((200, {"price": 3}), (200, {"ordered": True}))
    turns = [calls(("price", {"item": "ink"}), text="Looking. "), calls(("order", {"body": {"item": "ink"}})), "Done."]
    model = ScriptedModel(turns)
    nodes = {
        "in": {"type": "input", "config": {"inputName": "item"}}, "agent": shop(PRICE, ORDER),
        "out": output("{{agent.content}}"),
    }  # fmt: skip
    async with bench(http=web, chat=model) as desk:
        (its_id,) = await desk.start(compiled(nodes, "in -> agent", "agent -> out"), item="ink")
        await desk.events(its_id, until="execution.paused")
        row = desk.row(its_id)
        sent = len(web.sent)
        await approve(desk, row, {"approved": True})
        events = await desk.events(its_id)
        row, statuses = desk.row(its_id), desk.statuses(its_id)
    assert (sent, len(web.sent), len(model.asked)) == (1, 2, 3)
    assert (row.status, row.outputs) == ("completed", {"result": "Done."})
    assert kinds(events) == [
        "node.ready",
        *("node.started", "node.stepped", "node.ready") * 3,  # the model, the price, the model
        *("node.started", "node.stepped", "node.waiting", "node.answered"),
        *("node.started", "node.stepped", "node.ready"),
        *("node.started", "node.completed"),
    ]
    tokens = [(event.body["offset"], event.body["text"]) for event in events if event.type == "node.token"]
    assert tokens == [(0, "Looking. "), (9, "Done.")]
    assert row.usage["output_tokens"] == 15
    assert [statuses[f"agent#{number}"] for number in range(1, 7)] == ["stepped"] * 5 + ["completed"]
    keys = [dict(request.headers).get("Idempotency-Key") for request in web.sent]
    assert len(set(keys)) == 2


async def test_a_refused_call_is_never_made() -> None:
    web: ScriptedHttp = answering((200, {}))
    model = ScriptedModel([calls(("order", {"body": {}})), "As you like."])
    nodes = {"agent": shop(ORDER, prompt="Buy."), "out": output("{{agent.content}}")}
    async with bench(http=web, chat=model) as desk:
        (its_id,) = await desk.start(compiled(nodes, "agent -> out"))
        await desk.events(its_id, until="execution.paused")
        await approve(desk, desk.row(its_id), {"approved": False, "reason": "not today"})
        await desk.events(its_id)
        row = desk.row(its_id)
    assert (row.outputs, web.sent) == ({"result": "As you like."}, [])
    assert "not today" in model.asked[1].messages[-1]["content"]


async def test_an_agent_calls_a_workflow_and_a_failing_one_is_told_to_the_model() -> None:
    good = {"nodes": {"o": {"type": "output", "config": {"outputName": "twice", "value": "{{inputs.n * 2}}"}}}}
    bad = {"nodes": {"o": {"type": "http", "config": {"url": "http://x/", "method": "GET", "failOnStatus": True}}}}
    tools = [{"name": "twice", "definition": good}, {"name": "bad", "definition": bad}]
    model = ScriptedModel([calls(("twice", {"n": 21})), calls(("bad", {})), "42"])
    nodes = {"agent": shop(*tools, prompt="Twice 21?"), "out": output("{{agent.content}}")}
    async with bench(http=answering((500, {})), chat=model) as desk:
        (its_id,) = await desk.start(compiled(nodes, "agent -> out"))
        events = await desk.events(its_id)
        row = desk.row(its_id)
    assert (row.status, row.outputs) == ("completed", {"result": "42"})
    assert model.asked[1].messages[-1]["content"] == '{"twice":42}'
    assert "HTTP_STATUS" in model.asked[2].messages[-1]["content"]
    assert [event.body["status"] for event in events if event.type == "child.ended"] == ["completed", "failed"]
