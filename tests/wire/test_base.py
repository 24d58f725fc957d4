"""The models of the wire: strict about requests, lenient about answers."""

from __future__ import annotations

from typing import get_args

import pytest
from pydantic import ValidationError

from flowray import wire
from flowray.engine.statuses import ExecutionStatus


def test_statuses_are_those_of_the_engine() -> None:
    assert set(get_args(wire.ExecutionStatusName)) == {status.value for status in ExecutionStatus}


def test_a_request_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValidationError, match="Extra inputs"):
        wire.ExecuteRequest.model_validate({"input": {}})
    with pytest.raises(ValidationError):
        wire.StartOptions.model_validate({"priorty": 1})


def test_an_answer_keeps_what_it_does_not_know() -> None:
    event = wire.EventBody.model_validate(
        {"seq": 1, "ts": "2025-06-15T15:06:40.000Z", "execution_id": "e", "type": "node.token", "text": "Hi"}
    )
    assert event.model_extra == {"text": "Hi"}
    assert event.ts.utcoffset() is not None


def test_the_options_are_those_of_the_contract() -> None:
    """R51."""
    assert set(wire.StartOptions.model_fields) == {
        "idempotency_key", "idempotency_ttl_ms", "trigger", "version", "delay_ms", "ttl_ms", "deadline", "priority",
        "labels", "metadata",
        "concurrency_key", "callback_url", "callback_events", "callback_secret", "run_from", "run_until", "only_node",
        "pins", "max_tokens", "max_cost",
    }  # fmt: skip


def test_an_execution_has_the_fields_of_the_contract() -> None:
    """R53 and the table of calls."""
    assert {
        "id", "workflow_id", "workflow_version", "status", "inputs", "outputs", "error", "errors", "progress",
        "created_at", "started_at", "ended_at", "usage", "waiting_for", "handled_errors", "partial", "deadline",
        "labels", "metadata", "parent_id", "rerun_of", "trigger", "plan_hash", "recoveries", "crash_reason",
        "cancel_reason", "updated_at", "last_seq",
    } <= set(wire.Execution.model_fields)  # fmt: skip
    assert set(wire.WaitingFor.model_fields) == {
        "waitpoint_id", "token", "node_id", "instance", "kind", "reason", "prompt", "expected_input", "created_at",
        "expires_at", "child_id",
    }  # fmt: skip
