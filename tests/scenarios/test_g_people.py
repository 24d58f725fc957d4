"""Scenarios G73 to G81: pauses, answers of people, cancelling, and what can be asked about an execution meanwhile."""

from __future__ import annotations

import asyncio
import threading
from contextlib import aclosing
from typing import Any

import pytest

from flowray.definition.answers import prepare_answer
from flowray.engine import stimuli as st
from flowray.engine.machine import new_state
from flowray.engine.outputs import progress
from flowray.engine.signals import Pause, Signals
from flowray.engine.statuses import ExecutionStatus, NodeStatus
from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.records import InboxRecord
from flowray.plan import ExecutionPlan
from flowray.runtime.identifiers import new_id
from flowray.runtime.waitpoints import answer_row
from tests.engine.harness import Reply, Run, asks, ok
from tests.engine.plans import PlanMaker
from tests.handlers.running import succeed
from tests.runtime.test_local import Bench, EndlessChat, bench
from tests.runtime.workflows import compiled
from tests.scenarios.playing import STEP, output, registry_with, source

CHAIN = ("a", "b", "c", "d")


def _chain() -> ExecutionPlan:
    maker = PlanMaker().node("a").node("b").node("c").output("d", reads=("a",))
    return maker.edge("a -> b", "b -> c", "c -> d").build()


def _request(execution_id: str, kind: str, data: dict[str, Any]) -> InboxRecord:
    return InboxRecord(id=new_id(), execution_id=execution_id, kind=kind, data=data, by="ann")


async def _seen(desk: Bench, execution_id: str, kind: str, instance: str | None = None) -> None:
    """Return once an event is committed."""
    stream: Any = desk.runtime.follow(execution_id)
    async with asyncio.timeout(60), aclosing(stream):
        async for batch in stream:
            if any(event.type == kind and event.body.get("instance") == instance for event in batch):
                return
    raise AssertionError(f"the execution ended without {kind} of {instance}")


def _pause(played: Run, **fields: Any) -> None:
    played.send(st.PauseRequested(ts=played.now, **fields))


def _resume(played: Run, **variables: Any) -> None:
    played.send(st.ResumeRequested(ts=played.now, variables=variables))


def _cancel(played: Run, **fields: Any) -> None:
    played.send(st.CancelRequested(ts=played.now, **fields))


@pytest.mark.parametrize(("given", "reason"), [({"reason": "lunch"}, "lunch"), ({}, "Paused by user")])
def test_g73_a_pause_holds_what_has_not_started(given: dict[str, str], reason: str) -> None:
    """Paused after a node, with its reason: what runs drains, nothing starts; resumed, nothing earlier runs again."""
    played = Run(_chain()).start()
    played.finish("a")
    _pause(played, **given)
    assert played.state.status is ExecutionStatus.PAUSED
    assert played.of_type("execution.paused")[0].reason == reason
    played.finish("b")
    assert played.pending == []
    assert played.root()["c"].status is not NodeStatus.RUNNING
    _resume(played)
    played.play()
    assert (played.ended, played.started()) == ("completed", list(CHAIN))


async def test_g73_a_pause_through_the_inbox() -> None:
    """The same on the in-process runtime: the node that runs ends, the next waits for the resume, whose changes of
    variables it sees."""
    gate = threading.Event()
    registry = registry_with({"a": lambda node: asyncio.to_thread(gate.wait, 60)})
    nodes = {"in": source(), "a": STEP, "b": STEP, "out": output("{{var.x}}")}
    async with bench(registry) as desk:
        (execution_id,) = await desk.start(compiled(nodes, "in -> a", "a -> b", "b -> out", registry=registry))
        await _seen(desk, execution_id, "node.started", "a")
        await desk.runtime.request(_request(execution_id, "pause", {"reason": "lunch"}))
        await _seen(desk, execution_id, "execution.paused")
        gate.set()
        await _seen(desk, execution_id, "node.completed", "a")
        row = desk.row(execution_id)
        await desk.runtime.request(_request(execution_id, "resume", {"variables": {"x": 42}}))
        log = await desk.events(execution_id)
        ended = desk.row(execution_id)
    kinds = [(event.type, event.body.get("instance")) for event in log]
    assert row.status == "paused"
    assert kinds.index(("execution.resumed", None)) < kinds.index(("node.started", "b"))
    assert kinds.index(("node.completed", "a")) < kinds.index(("execution.resumed", None))
    assert (ended.status, ended.outputs) == ("completed", {"result": 42})


def test_g74_resuming_may_change_variables() -> None:
    """Updates are seen by later nodes; none are fine; resuming what is not paused means nothing; again and again."""
    played = Run(_chain()).start()
    _resume(played, ignored=1)
    assert (played.state.variables, played.of_type("execution.resumed")) == ({}, [])
    _pause(played)
    played.finish("a")
    _resume(played, injectedVariable="test-value", numberVariable=42)
    assert played.slices["b"].variables == {"injectedVariable": "test-value", "numberVariable": 42}
    for _ in range(3):
        _pause(played)
        _pause(played, reason="twice")
        _resume(played)
    played.finish("b")
    played.play()
    assert (played.ended, len(played.of_type("execution.paused"))) == ("completed", 4)


async def test_g75_cancelling_wins_over_a_pause_and_keeps_what_there_is() -> None:
    """Paused, then cancelled: cancelled, for the first reason, partial outputs kept; a pause afterwards, a second
    cancellation and one before the first node change nothing more."""
    maker = PlanMaker().output("a").node("b").node("c").edge("a -> b", "b -> c")
    played = Run(maker.build(), {"a": ok({"kept": 1})}).start()
    played.finish("a")
    _pause(played)
    _cancel(played, reason="first")
    _cancel(played, reason="second")
    _pause(played)
    assert (played.ended, played.state.cancel_reason, played.outputs) == ("cancelled", "first", {"kept": 1})
    assert played.statuses() == {"a": "completed", "b": "cancelled", "c": "pending"}, "what never began"
    asking = Run(maker.build(), {"b": asks()}).start()
    asking.finish("a")
    asking.finish("b")
    _cancel(asking)
    assert (asking.ended, asking.state.cancel_reason) == ("cancelled", "Cancelled by user")
    async with bench(chat=EndlessChat()) as desk:
        ask = {"type": "llm", "config": {"model": "m", "prompt": "p"}}
        (execution_id,) = await desk.start(compiled({"ask": ask, "out": output("x")}, "ask -> out"), new_id())
        for _ in range(3):
            await desk.cancel(execution_id)
        assert (await desk.events(execution_id))[-1].type == "execution.cancelled"


def _review(variable: str, **fields: Any) -> Reply:
    """What a review asks for: an answer that is also set as a variable."""
    return Reply(signals=Signals(pause=Pause(reason=f"approve {variable}?", variables=(variable,), **fields)))


@pytest.mark.parametrize("answer", ["fine", 42, False, {"approved": True}])
def test_g76_an_answer_is_the_output_and_a_variable(answer: Any) -> None:
    """Paused at the node; the answer is its output and is set under the configured name (theirs does neither); later
    nodes read both; what ran before does not run again."""
    maker = PlanMaker().node("a").node("review").node("after", reads=("review",))
    played = Run(maker.edge("a -> review", "review -> after").build(), {"review": _review("decision")}).start()
    played.finish("a")
    played.finish("review")
    assert (played.state.status, played.pending) == (ExecutionStatus.PAUSED, [])
    assert played.of_type("execution.paused")[0].reason == "approve decision?"
    played.send(st.WaitAnswered(ts=played.now, instance="review", data=answer, by="ann"))
    assert played.slices["after"].outputs == {"review": answer}
    assert played.slices["after"].variables == {"decision": answer}
    played.play()
    assert (played.ended, played.started()) == ("completed", ["a", "review", "after"])


async def test_g76_a_review_on_the_runtime() -> None:
    """The real node, paused without holding anything; the answer reaches later nodes under both names."""
    review = {"type": "humanReview", "config": {"prompt": "Ship {{order}}?", "variableName": "decision",
                                                "outputVariable": "verdict", "inputType": "boolean"}}  # fmt: skip
    nodes = {"in": source("order"), "ask": review, "out": output("{{decision}}|{{verdict}}|{{var.decision}}")}
    async with bench() as desk:
        (execution_id,) = await desk.start(compiled(nodes, "in -> ask", "ask -> out"), order=7)
        await desk.events(execution_id, until="execution.paused")
        (asked,) = desk.row(execution_id).waiting_for
        answer = answer_row(new_id(), execution_id, asked["waitpoint_id"], True, now_ms=1, by="ann")
        await desk.runtime.request(answer)
        await desk.events(execution_id)
        row = desk.row(execution_id)
    assert (asked["node_id"], asked["kind"], asked["reason"]) == ("ask", "person", "Waiting for human review: Ship 7?")
    assert (row.status, row.outputs, row.waiting_for) == ("completed", {"result": "true|true|true"}, ())


@pytest.mark.parametrize(
    ("kind", "given"), [("number", 0), ("boolean", False), ("text", "yes"), ("json", {"a": []}), (None, "")]
)
async def test_g77_a_value_that_is_there_already_asks_nobody(kind: str | None, given: Any) -> None:
    """Among the inputs: taken, 0, false and "" too, if it is of the type that is asked for. Optional with a default:
    the default is taken."""
    config = {"prompt": "?", "variableName": "x", "outputVariable": "o"} | ({"inputType": kind} if kind else {})
    found = await succeed("humanReview", config, inputs={"x": given})
    assert (found.signals.pause, found.output) == (None, given)
    found = await succeed("humanReview", {**config, "required": False, "defaultValue": 5})
    assert (found.signals.pause, found.output) == (None, 5)
    assert (await succeed("humanReview", config)).signals.pause is not None


def test_g78_two_reviews_one_after_the_other() -> None:
    """The first answer survives while the second is waited for; either may be cancelled."""
    script = {"r1": _review("one"), "r2": _review("two")}
    plan = PlanMaker().chain("r1", "r2").output("out", reads=("r1", "r2")).edge("r2 -> out").build()
    played = Run(plan, script).start()
    played.finish("r1")
    first = Run(plan, script).start()
    first.finish("r1")
    _cancel(first)
    played.send(st.WaitAnswered(ts=played.now, instance="r1", data="first"))
    played.finish("r2")
    assert (played.state.status, played.state.variables) == (ExecutionStatus.PAUSED, {"one": "first"})
    second = Run(plan, script).start()
    second.finish("r1")
    second.send(st.WaitAnswered(ts=second.now, instance="r1", data="first"))
    second.finish("r2")
    _cancel(second)
    played.send(st.WaitAnswered(ts=played.now, instance="r2", data="second"))
    assert played.slices["out"].outputs == {"r1": "first", "r2": "second"}
    assert (first.ended, second.ended) == ("cancelled", "cancelled")
    assert second.state.variables == {"one": "first"}


def test_g79_answers_that_come_early() -> None:
    """For a waitpoint that is not there yet an answer means nothing; for one that has a name it is kept (R30), and
    whoever asks later goes on at once; the first answer counts."""
    plan = PlanMaker().chain("a", "review", "after").build()
    unnamed = Run(plan, {"review": _review("x")}).start()
    unnamed.send(st.WaitAnswered(ts=unnamed.now, instance="review", data="too early"))
    unnamed.finish("a")
    unnamed.finish("review")
    assert unnamed.state.status is ExecutionStatus.PAUSED
    named = Run(plan, {"review": _review("x", name="approval")}).start()
    named.send(st.WaitAnswered(ts=named.now, waitpoint="/approval", data="early"))
    named.send(st.WaitAnswered(ts=named.now, waitpoint="/approval", data="second"))
    named.finish("a")
    named.finish("review")
    assert [call.instance for call in named.pending] == ["after"]
    assert named.output_of("review") == "early"
    assert named.state.variables == {"x": "early"}


@pytest.mark.parametrize(
    ("kind", "given", "taken"),
    [
        ("number", "42", 42), ("boolean", "true", True), ("boolean", "1", True), ("boolean", "false", False),
        ("boolean", "0", False), ("json", {"a": 1}, {"a": 1}), ("text", "fine", "fine"),
    ],
)  # fmt: skip
async def test_g80_answers_are_read_as_what_was_asked_for(kind: str, given: Any, taken: Any) -> None:
    """A number, true or false and text out of text. What does not fit, or is empty, is refused, and the waitpoint
    stays open."""
    found = await succeed("humanReview", {"prompt": "?", "variableName": "x", "inputType": kind})
    assert found.signals.pause is not None
    assert prepare_answer(found.signals.pause.expected_input, given) == taken


@pytest.mark.parametrize(("kind", "given"), [("number", "abc"), ("boolean", "perhaps"), ("text", ""), ("number", None)])
async def test_g80_answers_that_do_not_fit_are_refused(kind: str, given: Any) -> None:
    """ "abc" for a number, no answer where one is required: INVALID_INPUT."""
    found = await succeed("humanReview", {"prompt": "?", "variableName": "x", "inputType": kind})
    assert found.signals.pause is not None
    with pytest.raises(FlowrayError) as caught:
        prepare_answer(found.signals.pause.expected_input, given)
    assert caught.value.code is ErrorCode.INVALID_INPUT


def test_g81_what_can_be_asked_at_any_time() -> None:
    """0 % before the start; what runs is listed; an unknown node is none; after a cancellation all still answers."""
    plan = _chain()
    played = Run(plan)
    assert progress(played.index, new_state())["percent"] == 0
    played.start()
    assert (progress(played.index, played.state)["running"], played.state.node("", "ghost")) == (["a"], None)
    played.finish("a")
    shown = progress(played.index, played.state)
    assert (shown["percent"], shown["completed_nodes"], shown["running"]) == (25, ["a"], ["b"])
    _cancel(played)
    shown = progress(played.index, played.state)
    assert (shown["total"], shown["completed"], shown["running"]) == (4, 1, [])
    assert played.statuses() == {"a": "completed", "b": "cancelled", "c": "pending", "d": "pending"}
