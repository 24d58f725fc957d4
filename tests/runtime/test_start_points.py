"""What a run of a part takes over becomes its own: descriptors at any depth, inputs, large pins (R34, R36)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import pytest

from flowray.engine.commands import RunNode
from flowray.engine.start_planning import StartRequest
from flowray.engine.start_points import Outcome, Selection, selection_from_json
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.writes import AppendEvents, Done, InsertExecution
from flowray.plan import ExecutionPlan, plan_hash, plan_to_json
from flowray.runtime.interfaces import ExecutionDirectory
from flowray.runtime.start_points import check_ended, check_results, prepare_start
from flowray.values import StoredValue, decode_json, describe, encode_json, to_wire
from tests.engine.harness import Reply, Run, items, ok
from tests.engine.plans import PlanMaker


class Desk:
    """A directory of which only reading and payloads are there. ``source`` is an ended execution."""

    def __init__(self) -> None:
        self.store = MemoryStore(lambda: 1)
        self.reader = self.store

    def stored(self, owner: str, value: Any) -> StoredValue:
        """A large value of an execution."""
        text = encode_json(value)
        return describe(self.store.payloads.put(owner, "", text), value, text)

    async def load_payload(self, payload_id: str) -> bytes:
        return self.store.payloads.get(payload_id)

    async def keep_payload(self, execution_id: str, data: bytes) -> str:
        return self.store.payloads.put(execution_id, "", data)

    def ended(self, plan: ExecutionPlan, script: Mapping[str, Any], **fields: Any) -> ExecutionRecord:
        """An execution of ``plan`` that has run to its end."""
        played = Run(plan, script).start().play()
        record = ExecutionRecord(id="old", status="queued", plan_hash=plan_hash(plan), owner_id="o", epoch=1, **fields)
        write = AppendEvents(
            execution_id="old", epoch=1, expected_seq=0, last_seq=len(played.events), ts=1,
            events=b"[" + b",".join(commit[1:-1] for commit in played.log) + b"]", changes={"status": played.ended},
        )  # fmt: skip
        results = self.store.commit([InsertExecution(record=record, plan=plan_to_json(plan)), write])
        assert results[1] == Done()
        found = self.store.execution("old")
        assert found is not None
        return found

    async def prepare(
        self, plan: ExecutionPlan, source: ExecutionRecord | None, inputs: Any = None, **request: Any
    ) -> tuple[ExecutionRecord, Selection]:
        """The prepared record of the execution ``new``, and its selection."""
        record = ExecutionRecord(id="new", status="queued", plan_hash=plan_hash(plan), inputs=inputs or {})
        directory = cast(ExecutionDirectory, self)
        prepared = await prepare_start(directory, plan, StartRequest(**request), record, source)
        return prepared, selection_from_json(prepared.selection) or Selection()


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def test_large_outputs_are_copied_and_the_copies_are_meant(desk: Desk) -> None:
    plan = PlanMaker().chain("a", "b").build()
    mine, others = desk.stored("old", list(range(9))), desk.stored("third", ["secret"])
    source = desk.ended(plan, {"a": ok({"big": to_wire(mine), "looks": to_wire(others), "small": 1})})
    _, selection = await desk.prepare(plan, source, from_node="b")
    output = selection.given["a"].output
    assert output["big"]["payload_id"].startswith("new.")
    assert {key: value for key, value in output["big"].items() if key != "payload_id"} == {
        key: value for key, value in to_wire(mine).items() if key != "payload_id"
    }
    assert await desk.load_payload(output["big"]["payload_id"]) == encode_json(list(range(9)))
    assert (output["looks"], output["small"]) == (to_wire(others), 1), "another's value is no business of ours"


async def test_a_whole_output_results_of_a_loop_and_what_its_body_shows(desk: Desk) -> None:
    maker = PlanMaker().node("a").loop("L").node("x", scope="L").node("r", reads=["L", "x"]).edge("a -> L", "L -> r")
    big, small = desk.stored("old", "x" * 40_000), desk.stored("old", "y")
    chunk = desk.stored("old", ["x" * 40_000] * 2)

    def loop(call: RunNode, _: object) -> Reply:
        return ok(chunk) if call.sentinel == "collect" else items(1, 2)

    source = desk.ended(maker.build(), {"a": ok(small), "L": loop, "x": ok(big)})
    _, selection = await desk.prepare(maker.build(), source, from_node="r")
    copied = selection.given["L"].exports["x"]
    assert isinstance(copied, StoredValue)
    assert copied.payload_id.startswith("new.")
    assert (copied.bytes, copied.preview) == (big.bytes, big.preview)
    assert selection.given["a"].output.payload_id.startswith("new.")
    output = selection.given["L"].output
    (part,) = output.parts
    assert (part.payload_id[:4], part.end, output.length) == ("new.", 2, 2)
    assert decode_json(await desk.load_payload(part.payload_id)) == ["x" * 40_000] * 2


async def test_r16_results_that_only_the_log_has_are_put_together_where_they_are_read_now(desk: Desk) -> None:
    """Nobody read them in the source. Its plan, edited, does: they come from its log, in chunks of the new one."""
    big = desk.stored("old", "x" * 90_000)
    script = {"L": items(1, 2, 3), "x": ok({"big": to_wire(big), "n": 1})}
    unread = PlanMaker().loop("L").node("x", scope="L").node("r").edge("L -> r").build()
    source = desk.ended(unread, script)
    _, untouched = await desk.prepare(unread, source, from_node="r")
    assert untouched.given["L"].output.is_in_log
    edited = PlanMaker().loop("L").node("x", scope="L").node("r", reads=["L"]).edge("L -> r").build()
    _, selection = await desk.prepare(edited, source, from_node="r")
    output = selection.given["L"].output
    assert (output.length, output.rest, [chunk.end for chunk in output.parts]) == (3, (), [1, 2, 3])
    assert all(chunk.payload_id.startswith("new.") for chunk in output.parts)
    assert decode_json(await desk.load_payload(output.parts[2].payload_id)) == [{"big": "x" * 90_000, "n": 1}]


async def test_r16_results_that_no_log_has_any_more_are_refused(desk: Desk) -> None:
    """A rerun whose source was itself a rerun that took them over without reading them."""
    outcome = Outcome(output=StoredValue("", 90_000, 3))
    with pytest.raises(FlowrayError, match="the results of 'L' were not kept") as refused:
        check_results(Selection(given={"L": outcome}), {"L"})
    assert refused.value.code == ErrorCode.INVALID_START_POINT
    check_results(Selection(given={"L": outcome}), {"M"})


async def test_inputs_of_a_child_are_its_own_afterwards(desk: Desk) -> None:
    """A child keeps its values under its first caller's id; run again, it has no caller."""
    plan = PlanMaker().chain("a", "b").build()
    given = desk.stored("root", ["big"])
    source = desk.ended(plan, {"a": ok(given)}, root_id="root", inputs={"big": to_wire(given)})
    record, selection = await desk.prepare(plan, source, source.inputs, from_node="b")
    assert record.inputs["big"]["payload_id"].startswith("new.")
    assert selection.given["a"].output.payload_id.startswith("new.")
    whole, _ = await desk.prepare(plan, source, source.inputs)
    assert (whole.inputs, whole.selection) == (record.inputs, None)


async def test_large_pins_are_stored_and_those_of_outputs_by_key(desk: Desk) -> None:
    plan = PlanMaker().node("a").output("o").node("z").edge("a -> o", "o -> z").build()
    text = "p" * 40_000
    _, selection = await desk.prepare(plan, None, until_node="z", pins={"a": text, "o": {"y": text, "n": 1}})
    assert isinstance(selection.given["a"].output, StoredValue)
    assert selection.given["o"].output["n"] == 1
    assert selection.given["o"].output["y"]["payload_id"] == selection.given["a"].output.payload_id


async def test_only_what_has_ended_can_be_taken_over_from(desk: Desk) -> None:
    """R56."""
    running = ExecutionRecord(id="old", status="waiting", plan_hash="p")
    with pytest.raises(FlowrayError) as raised:
        check_ended(running)
    assert (raised.value.code, raised.value.details) == (ErrorCode.EXECUTION_NOT_ENDED, {"execution_id": "old"})
    with pytest.raises(FlowrayError, match="EXECUTION_NOT_ENDED"):
        await desk.prepare(PlanMaker().node("a").build(), running, from_node="a")


async def test_what_is_kept_no_more_is_said(desk: Desk) -> None:
    plan = PlanMaker().chain("a", "b").build()
    gone = StoredValue(payload_id="old." + "0" * 64, bytes=50_000)
    source = desk.ended(plan, {"a": ok(gone)})
    with pytest.raises(FlowrayError, match="PAYLOAD_MISSING"):
        await desk.prepare(plan, source, from_node="b")
    lost = ExecutionRecord(id="old", status="completed", plan_hash="unknown")
    with pytest.raises(FlowrayError, match="plan of execution 'old' is no longer kept"):
        await desk.prepare(plan, lost, from_node="b")
