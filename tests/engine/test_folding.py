"""State is exactly a fold of recorded events; the harness checks it after every step of every engine test."""

from __future__ import annotations

import pytest

from flowray.engine import events as ev
from flowray.engine.folding import apply, error_output, fold, instances_of
from flowray.engine.machine import new_state
from flowray.engine.plan_index import PlanIndex
from flowray.engine.signals import NodeError
from flowray.engine.snapshot import snapshot_to_json
from flowray.engine.statuses import ExecutionStatus
from tests.engine.harness import Run, items, run
from tests.engine.plans import PlanMaker


def test_every_event_has_a_fold() -> None:
    index = PlanIndex(PlanMaker().node("a").build())
    for event in (ev.ExecutionQueued(ts=1), ev.NodeLog(ts=1, instance="a", node_id="a", attempt=1, message="")):
        apply(index, new_state(), event)


@pytest.mark.parametrize(
    ("event", "status"),
    [(ev.ExecutionExpired(ts=1), "expired"), (ev.ExecutionCrashed(ts=1, reason="three times"), "crashed")],
)
def test_ends_that_no_step_decides_yet(event: ev.AnyEvent, status: str) -> None:
    state = fold(PlanIndex(PlanMaker().node("a").build()), new_state(), [event])
    assert state.status.value == status
    assert state.ended


def test_an_event_that_the_tables_forbid_is_refused() -> None:
    index = PlanIndex(PlanMaker().node("a").build())
    state = fold(index, new_state(), [ev.ExecutionStarted(ts=1)])
    with pytest.raises(ValueError, match="'complete' from 'pending'"):
        apply(index, state, ev.NodeCompleted(ts=1, instance="a", node_id="a", attempt=1))
    assert state.status is ExecutionStatus.RUNNING


def test_r29_folding_all_at_once_or_commit_by_commit_gives_the_same() -> None:
    maker = PlanMaker().loop("L").node("x", scope="L").node("after").edge("L -> after")
    played = run(maker.build(), {"L": items(1, 2, 3)})
    whole = fold(played.index, new_state(), played.events)
    assert snapshot_to_json(whole) == snapshot_to_json(played.state)


def test_instances_of_lists_all_open_scopes() -> None:
    played = Run(PlanMaker().loop("L").node("x", scope="L").build(), {"L": items(1)}).start()
    played.finish("L")
    assert [(instance, node_id) for instance, node_id, _ in instances_of(played.state)] == [("L", "L"), ("L[0]/x", "x")]


def test_error_output_is_the_public_shape() -> None:
    error = NodeError(message="m", code="C", node_id="n", attempt=2, details={"a": 1}, instance="L[0]/n")
    assert error_output(error) == {"message": "m", "code": "C", "node_id": "n", "attempt": 2, "details": {"a": 1}}
