"""The read model: columns of the row and node logs that one commit's events imply (R26, the HTTP contract)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.definition.policies import OnFailure
from flowray.engine import stimuli as st
from flowray.engine.signals import NodeError, Pause, Signals, Step, Usage
from flowray.engine.start_points import Outcome, Selection
from flowray.plan import ExecutionPlan, PlanRetry
from flowray.runtime.projection import error_body, node_logs, row_changes, usage_body, waiting_for
from flowray.values import StoredValue
from tests.engine.harness import START_MS, Reply, Run, asks, err, items, ok, sleeps, steps
from tests.engine.plans import PlanMaker


def played(plan: ExecutionPlan, script: dict[str, Any], **inputs: Any) -> Run:
    return Run(plan, script).start(**inputs).play()


def logs(run: Run, first_seq: int = 1) -> dict[str, Any]:
    return {log.id: log for log in node_logs(run.index, "e1", first_seq, run.events)}


def changes(run: Run, *, with_progress: bool = False) -> dict[str, Any]:
    return row_changes(run.index, "e1", run.state, run.events, with_progress)


RETRY = PlanRetry(max_attempts=3, initial_delay_ms=10, codes=("E",))


def test_a_finished_execution() -> None:
    run = played(PlanMaker().node("a", type="llm").build(), {"a": ok("x", usage=Usage(3, 4, "m", 0.5, "USD"))})
    row = changes(run)
    assert (row["status"], row["outputs"], row["partial"]) == ("completed", {"a": "x"}, False)
    assert (row["started_at"], row["ended_at"]) == (run.events[0].ts, run.events[-1].ts)
    used = {
        "input_tokens": 3, "output_tokens": 4, "model": "m", "cost": 0.5, "currency": "USD", "estimated": False,
    }  # fmt: skip
    assert row["usage"] == {**used, "by_node": {"a": used}, "by_model": {"m": used}}
    assert row["progress"]["percent"] == 100
    assert row["waiting_for"] == []
    assert "error" not in row


@pytest.mark.parametrize(
    ("completed_ms", "failed_ms", "code", "kept"),
    [
        (5_000, 9_000, None, 5_000), (5_000, 9_000, "E", 9_000), (0, None, None, 0), (-1, None, None, 2**62),
        (None, 9_000, None, None), (5_000, None, "E", None),
    ],
)  # fmt: skip
def test_until_when_a_workflow_keeps_its_executions(
    completed_ms: int | None, failed_ms: int | None, code: str | None, kept: int | None
) -> None:
    plan = PlanMaker(retain_completed_ms=completed_ms, retain_failed_ms=failed_ms).node("a").build()
    run = played(plan, {"a": ok(1) if code is None else err(code)})
    row = changes(run)
    if kept is None:
        assert "retain_until" not in row
    else:
        assert row["retain_until"] == (kept if kept == 2**62 else row["ended_at"] + kept)


def test_progress_only_when_asked_for_and_at_the_end() -> None:
    run = Run(PlanMaker().chain("a", "b").build(), {"a": ok(1)})
    run.send(st.Start(ts=START_MS))
    assert "progress" not in changes(run)
    assert changes(run, with_progress=True)["progress"]["running"] == ["a"]


def test_a_failed_execution_keeps_every_error_and_what_came_out() -> None:
    plan = PlanMaker().node("a").node("b").node("c").build()
    row = changes(played(plan, {"a": err("X"), "b": err("Y"), "c": ok(1)}))
    assert (row["status"], row["partial"], row["outputs"]) == ("failed", True, {"c": 1})
    assert [error["code"] for error in row["errors"]] == ["X", "Y"]
    assert row["error"]["code"] == "X"
    assert row["error"]["node_id"] == "a"
    assert row["error"]["attempt"] == 1


def test_handled_errors_are_listed_apart() -> None:
    plan = PlanMaker().node("a").node("h").edge("a error-> h").build()
    row = changes(played(plan, {"a": err("X"), "h": ok(1)}))
    assert row["status"] == "completed"
    assert [error["code"] for error in row["handled_errors"]] == ["X"]
    assert "errors" not in row


def test_one_log_per_attempt_in_the_order_of_their_start() -> None:
    """R26: attempts that begin and end within one commit keep the seq at which they began."""
    plan = PlanMaker().node("a").node("b").build()
    run = Run(plan, {"a": ok(1), "b": ok(2)}, pick=lambda pending: len(pending) - 1).start().play()
    found = logs(run, first_seq=11)
    assert [event.instance for event in run.of_type("node.completed")] == ["b", "a"]
    assert found["a#1"].seq < found["b#1"].seq
    assert found["a#1"].seq >= 11
    assert (found["a#1"].status, found["a#1"].success, found["a#1"].output) == ("completed", True, 1)


def test_retries_are_attempts_of_their_own() -> None:
    run = played(PlanMaker().node("a", retry=RETRY).build(), {"a": [err("E"), ok(1)]})
    found = logs(run)
    assert sorted(found) == ["a#1", "a#2"]
    assert (found["a#1"].status, found["a#1"].success) == ("failed", False)
    assert found["a#1"].error["code"] == "E"
    assert (found["a#2"].status, found["a#2"].success) == ("completed", True)


def test_skipped_cancelled_and_handled_nodes() -> None:
    plan = PlanMaker().branch("s").node("yes").node("no").edge("s true-> yes", "s false-> no").build()
    run = Run(plan, {"s": ok(1)})
    run.send(st.Start(ts=START_MS))
    run.send(st.CancelRequested(ts=START_MS + 5))
    found = logs(run)
    assert (found["s#1"].status, found["s#1"].success, found["s#1"].ended_at) == ("cancelled", False, START_MS + 5)
    row = changes(run)
    assert (row["status"], row["cancel_reason"]) == ("cancelled", "Cancelled by user")
    skipped = logs(played(plan, {"s": ok(1)}))
    assert (skipped["yes#0"].status, skipped["yes#0"].success, skipped["yes#0"].attempt) == ("skipped", None, 0)


def test_instances_in_loops_have_logs_of_their_own() -> None:
    plan = PlanMaker().loop("L").node("x", scope="L", name="Work", type="http").build()
    found = logs(played(plan, {"L": items(1, 2), "x": ok("v")}))
    assert sorted(found) == ["L#1", "L[0]/x#1", "L[1]/x#1"]
    log = found["L[1]/x#1"]
    assert (log.node_id, log.instance, log.type, log.name, log.lane) == ("x", "L[1]/x", "http", "Work", "io")


def test_stored_values_are_descriptors_in_logs() -> None:
    stored = StoredValue(payload_id="p", bytes=99_999, length=3)
    found = logs(played(PlanMaker().node("a").build(), {"a": ok(stored)}))
    assert found["a#1"].output == {"$flowray": "stored", "payload_id": "p", "bytes": 99_999, "length": 3, "preview": ""}


def test_what_is_waited_for() -> None:
    plan = PlanMaker().node("t", name="Sleep").node("p").node("r", retry=PlanRetry(3, 60_000, codes=("E",))).build()
    run = Run(plan, {"t": sleeps(START_MS + 9_000_000), "p": asks("ok?"), "r": err("E")}).start()
    for node in ("t", "p", "r"):
        run.finish(node)
    found = {entry["node_id"]: entry for entry in waiting_for(run.index, "e1", run.state)}
    assert sorted(found) == ["p", "t"]
    assert (found["t"]["kind"], found["t"]["expires_at"], found["t"]["reason"]) == (
        "time",
        START_MS + 9_000_000,
        "Sleep",
    )
    assert (found["p"]["kind"], found["p"]["expires_at"], found["p"]["reason"]) == ("person", None, "ok?")
    assert found["t"]["waitpoint_id"] == "e1:t#1"
    assert changes(run)["waiting_for"] == waiting_for(run.index, "e1", run.state)


def test_a_wait_that_was_cancelled_is_waited_for_no_longer() -> None:
    plan = PlanMaker(on_failure=OnFailure.CANCEL_RUNNING).node("t").node("f").build()
    run = Run(plan, {"t": sleeps(START_MS + 9_000_000), "f": err("X")}).start()
    run.finish("t")
    assert [entry["node_id"] for entry in changes(run)["waiting_for"]] == ["t"]
    run.finish("f")
    assert changes(run)["waiting_for"] == []


def test_error_and_usage_bodies() -> None:
    assert error_body(NodeError(message="m", code="C")) == {
        "message": "m", "code": "C", "node_id": None, "attempt": None, "details": {},
    }  # fmt: skip
    body = error_body(NodeError(message="m", code="C", node_id="n", attempt=2, details={"a": 1}, hint="h"))
    assert (body["node_id"], body["attempt"], body["details"], body["hint"]) == ("n", 2, {"a": 1}, "h")
    assert usage_body(Usage(1, 2))["cost"] is None


def test_what_is_taken_over_has_a_row_that_says_so() -> None:
    """R53: no attempt ran here, but its outcome can be looked at."""
    failure = NodeError(message="boom", code="X", node_id="b")
    given = {
        "a": Outcome(output={"n": 1}), "p": Outcome(output=5, pinned=True),
        "b": Outcome(output={"code": "X"}, handles=("error",), failed=True, error=failure),
    }  # fmt: skip
    run = Run(PlanMaker().node("a").node("p").node("b").node("c").edge("b error-> c").build())
    run.send(st.Start(ts=START_MS, selection=Selection(run_from="c", may_run={"c": True}, given=given)))
    run.play()
    rows = logs(run)
    shown = {log.node_id: (log.status, log.success, log.lane, log.output) for log in rows.values()}
    assert shown["a"] == ("completed", True, "reused", {"n": 1})
    assert shown["p"] == ("completed", True, "pinned", 5)
    assert shown["b"] == ("failed", False, "reused", None)
    assert rows["a#0"].ended_at == START_MS
    row = changes(run)
    assert (row["selection"], row["progress"]["percent"]) == (None, 100)
    assert [error["code"] for error in row["handled_errors"]] == ["X"]
    assert "selection" not in changes(played(PlanMaker().node("a").build(), {}))


def test_each_step_has_an_entry_of_its_own_and_so_has_a_wait_between_two() -> None:
    plan = PlanMaker().node("a", name="Agent").build()
    script = {
        "a": [
            Reply(output="called", signals=Signals(step=Step("model", input="q")), usage=Usage(3, 4)),
            steps("tool", pause=Pause(reason="may I?")),
            ok("done", usage=Usage(1, 1)),
        ]
    }
    run = played(plan, script)
    waiting = logs(run)
    assert (waiting["a#2"].status, waiting["a#2.wait"].status) == ("stepped", "waiting")
    [row] = waiting_for(run.index, "e1", run.state)
    assert row["waitpoint_id"] == "e1:a#2.0"
    run.send(st.WaitAnswered(ts=run.now + 50, instance="a", data={"ok": True}))
    run.play()
    found = logs(run)
    assert [(log.id, log.name, log.status, log.success) for log in found.values()] == [
        ("a#1", "Agent: model", "stepped", True), ("a#2", "Agent: tool", "stepped", True),
        ("a#2.wait", "Agent: waits", "stepped", True), ("a#3", "Agent", "completed", True),
    ]  # fmt: skip
    assert (found["a#1"].input, found["a#1"].output, found["a#1"].usage) == ("q", "called", usage_body(Usage(3, 4)))
    wait = found["a#2.wait"]
    assert (wait.output, (wait.ended_at or 0) - (wait.started_at or 0)) == ({"ok": True}, 50)
    assert changes(run)["usage"]["input_tokens"] == 4


def test_a_cancelled_wait_between_two_steps_leaves_the_step_as_it_was() -> None:
    run = played(PlanMaker().node("a").build(), {"a": steps("tool", pause=Pause(reason="?"))})
    run.send(st.CancelRequested(ts=run.now))
    found = logs(run)
    assert (found["a#1"].status, found["a#1.wait"].status) == ("stepped", "cancelled")
