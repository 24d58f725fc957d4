"""A turn folds each event the moment it is decided."""

from __future__ import annotations

from flowray.engine import events as ev
from flowray.engine.commands import EndExecution
from flowray.engine.machine import new_state
from flowray.engine.plan_index import PlanIndex
from flowray.engine.statuses import ExecutionStatus
from flowray.engine.turn import Turn
from tests.engine.plans import PlanMaker


def test_emit_changes_the_state_at_once_and_keeps_the_order() -> None:
    turn = Turn(PlanIndex(PlanMaker().node("a").build()), new_state(), ts=7)
    turn.emit(ev.ExecutionStarted(ts=turn.ts))
    assert turn.state.status is ExecutionStatus.RUNNING
    turn.emit(ev.NodeReady(ts=turn.ts, instance="a", node_id="a"))
    turn.command(EndExecution("failed"))
    assert [ev.event_type(event) for event in turn.events] == ["execution.started", "node.ready"]
    assert turn.commands == [EndExecution("failed")]
