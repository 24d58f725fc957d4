"""Bodies about waiting: what is left out differs from null, slips are errors, and newer servers are read."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from flowray.api.views.rows import waitpoint_view
from flowray.persistence.records import WaitpointRecord
from flowray.wire import CompleteRequest, Completion, PauseRequest, ResumeRequest, Snapshot, Waitpoint


def test_null_is_an_answer_and_nothing_is_none() -> None:
    assert "data" in ResumeRequest.model_validate({"data": None}).model_fields_set
    assert "data" not in ResumeRequest.model_validate({}).model_fields_set
    assert CompleteRequest.model_validate({}).data is None
    assert PauseRequest.model_validate({}).reason == "Paused by user"


@pytest.mark.parametrize(("model", "body"), [(CompleteRequest, {"date": 1}), (ResumeRequest, {"contextUpdates": {}})])
def test_slips_are_errors(model: Any, body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(body)


def test_a_waitpoint_is_shown_as_its_model_says() -> None:
    record = WaitpointRecord(id="e1:p#1", execution_id="e1", kind="person", status="open", created_at=1_500, token="t")
    shown = waitpoint_view(record)
    read = Waitpoint.model_validate(shown)
    assert set(shown) <= set(Waitpoint.model_fields)
    assert (read.waitpoint_id, read.token, read.status, read.data) == ("e1:p#1", "t", "open", None)


def test_newer_servers_are_read() -> None:
    kept = Completion.model_validate({"status": "completed", "already_completed": True, "data": 1, "by": "ann"})
    assert kept.already_completed is True
    assert Snapshot.model_fields["pause_context"].alias == "pauseContext"
