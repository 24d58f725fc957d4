"""The tables themselves."""

from __future__ import annotations

import pytest

from flowray.engine.statuses import (
    EXECUTION_TRANSITIONS,
    NODE_TRANSITIONS,
    TERMINAL_EXECUTION,
    TERMINAL_NODE,
    ExecutionStatus,
    NodeStatus,
    transition,
)


def test_every_status_has_a_row() -> None:
    assert set(EXECUTION_TRANSITIONS) == set(ExecutionStatus)
    assert set(NODE_TRANSITIONS) == set(NodeStatus)


def test_terminal_statuses_lead_nowhere_but_for_a_crash_that_is_redriven() -> None:
    leaving = {status for status in TERMINAL_EXECUTION if EXECUTION_TRANSITIONS[status]}
    assert leaving == {ExecutionStatus.CRASHED}
    assert {NodeStatus.COMPLETED, NodeStatus.FAILED, NodeStatus.SKIPPED, NodeStatus.CANCELLED} == TERMINAL_NODE


def test_an_unknown_arrow_is_refused() -> None:
    assert transition(NODE_TRANSITIONS, NodeStatus.READY, "start") is NodeStatus.RUNNING
    with pytest.raises(ValueError, match="'start' from 'completed'"):
        transition(NODE_TRANSITIONS, NodeStatus.COMPLETED, "start")
