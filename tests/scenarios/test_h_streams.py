"""Scenarios H82 to H86: event streams, cursors, many readers, snapshots and node logs."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import msgspec
import pytest

from flowray.engine.snapshot import snapshot_from_json, snapshot_to_json
from flowray.engine.statuses import NodeStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.eventlog.sse import FIRST_FRAME, HEARTBEAT, event_frame, parse_last_event_id
from flowray.eventlog.tail import PushedEvents
from flowray.handlers.log_view import LOG_LIMIT_BYTES
from flowray.handlers.services import ChatChunk
from tests.engine.harness import Run, items, ok
from tests.engine.plans import PlanMaker
from tests.fakes.services import ScriptedChat
from tests.runtime.test_local import bench
from tests.runtime.workflows import compiled
from tests.scenarios.playing import STEP, output, play, registry_with, source

ASK = {"type": "llm", "config": {"model": "m", "prompt": "p"}}
WORDS = [f"word{number} " for number in range(150)]


def _talk() -> ScriptedChat:
    return ScriptedChat([*(ChatChunk(word) for word in WORDS), ChatChunk(finish_reason="stop")])


def _fields(frame: str) -> dict[str, str]:
    return dict(line.split(": ", 1) for line in frame.strip().splitlines())


def test_h82_events_travel_as_frames() -> None:
    """id, event and one line of data, then a blank line; what went in comes out. Ours numbers by seq alone (R33)."""
    event = RecordedEvent(7, "node.token", 1_000, {"instance": "a", "node_id": "a", "text": "line\nbreak: ü"})
    frame = event_frame(event, "e1")
    assert frame.endswith("\n\n")
    fields = _fields(frame)
    assert (fields["id"], fields["event"], json.loads(fields["data"])["text"]) == ("7", "node.token", "line\nbreak: ü")
    assert parse_last_event_id(fields["id"]) == 7
    for malformed in ("exec-7", "-1", "7.0", "७"):
        with pytest.raises(FlowrayError) as caught:
            parse_last_event_id(malformed)
        assert caught.value.code is ErrorCode.INVALID_CURSOR


async def test_h83_a_reader_comes_back_where_it_was() -> None:
    """After 3 it gets 4 and all that follow, of its own execution only. Theirs forgets events after 100 or five
    minutes; here the log is what is read, from any point on (R33). Silence is filled with comments."""
    nodes = {"in": source(), "a": STEP, "b": STEP, "out": output("{{b}}")}
    plan = compiled(nodes, "in -> a", "a -> b", "b -> out", registry=registry_with())
    async with bench(registry_with()) as desk:
        first, other = await desk.start(plan, "e1", "e2")
        whole = await desk.events(first)
        await desk.events(other)
        again: Any = desk.runtime.follow(first, 3)
        rest = [event async for batch in again for event in batch]
    assert rest == whole[3:]
    assert [event.seq for event in rest] == list(range(4, len(whole) + 1))
    assert (HEARTBEAT[0], HEARTBEAT[-2:]) == (":", "\n\n")
    assert FIRST_FRAME.startswith("retry: ")


async def test_h84_every_reader_gets_the_whole_text() -> None:
    """Theirs gives a late reader the last 50 tokens and refuses the eleventh. Ours gives each of twelve readers, the
    late ones too, every token once (R33); a reader that does not read costs the others nothing."""
    async with bench(chat=_talk()) as desk:
        (execution_id,) = await desk.start(compiled({"ask": ASK, "out": output("{{ask.text}}")}, "ask -> out"))
        idle = desk.runtime.follow(execution_id)
        early = await asyncio.gather(*(desk.events(execution_id) for _ in range(6)))
        late = await asyncio.gather(*(desk.events(execution_id) for _ in range(6)))
        usage = desk.row(execution_id).usage
        await idle.aclose()  # type: ignore[attr-defined]
    texts = {"".join(event.body["text"] for event in seen if event.type == "node.token") for seen in (*early, *late)}
    assert texts == {"".join(WORDS)}
    assert usage["output_tokens"] > 0
    slow = PushedEvents(max_events=10)
    for number in range(50):
        slow.push([RecordedEvent(number + 1, "node.token", 0, {})])
    assert len(await slow.wait() or ()) <= 11, "what is dropped here is read from the log"


def test_h85_a_snapshot_is_the_whole_state() -> None:
    """Saved and restored it is the same, loops included; what was running runs on after a recovery, nothing that is
    done runs again; what is no snapshot is refused."""
    plan = PlanMaker().node("a").loop("L").node("body", scope="L").node("z").edge("a -> L", "L -> z").build()
    played = Run(plan, {"a": ok({"k": [1, None, "ä"]}), "L": items("x", "y", "z")}).start()
    for instance in ("a", "L", "L[0]/body"):
        played.finish(instance)
    saved = snapshot_to_json(played.state)
    restored = snapshot_from_json(saved)
    assert snapshot_to_json(restored) == saved
    assert (list(restored.containers["L"].results), restored.scopes["L[1]"].item) == ([0], "y")
    played.crash_and_recover()
    assert [call.instance for call in played.pending] == ["L[1]/body"]
    assert played.state.scopes["L[1]"].nodes["body"].status is NodeStatus.RUNNING
    played.play()
    assert played.started().count("a") == 1
    for broken in (b"[]", b"no json", saved[:-20]):
        with pytest.raises((FlowrayError, msgspec.MsgspecError)):
            snapshot_from_json(broken)


async def test_h86_a_log_entry_per_attempt() -> None:
    """Started, then completed with its times; inputs above 10 KiB shortened; tokens counted; a retry has its own."""
    prompt = "x" * 20_000
    nodes = {
        "in": source(), "ask": {"type": "llm", "config": {"model": "m", "prompt": prompt}},
        "out": output("{{ask.text}}"),
    }  # fmt: skip
    async with bench(chat=_talk()) as desk:
        (execution_id,) = await desk.start(compiled(nodes, "in -> ask", "ask -> out"))
        await desk.events(execution_id)
        logs = {log.id: log for log in desk.store.node_logs(execution_id).data}
    assert {log.type for log in logs.values()} == {"input", "llm", "output"}
    entry = logs["ask#1"]
    assert (entry.status, entry.success, entry.attempt) == ("completed", True, 1)
    assert entry.started_at is not None
    assert entry.ended_at is not None
    assert entry.ended_at >= entry.started_at
    assert set(entry.input) == {"__truncated", "__originalSize", "__preview"}
    assert len(entry.input["__preview"]) == 1_000
    assert entry.input["__originalSize"] > LOG_LIMIT_BYTES
    assert entry.usage is not None
    assert entry.usage["output_tokens"] > 0
    tries = await play({"a": {**STEP, "retry": {"maxAttempts": 2, "initialDelayMs": 1, "codes": ["NODE_FAILED"]}}},
                       acts={"a": lambda node: {"try": node.attempt} if node.attempt > 1 else 1 / 0})  # fmt: skip
    assert tries.attempts == {"a#1": "failed", "a#2": "completed"}
