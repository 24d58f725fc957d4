"""Bodies about triggers: slips are errors, rows are shown as their models say, and secrets are not."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from flowray.api.triggers.setup import firing_view, trigger_view
from flowray.persistence.records.triggers import FiringRecord, TriggerRecord
from flowray.wire import EventRequest, Firing, Trigger, TriggerPatch, TriggerRequest


@pytest.mark.parametrize(
    ("model", "body"),
    [
        (TriggerRequest, {"workflow_id": "w", "kind": "cron"}), (TriggerRequest, {"kind": "manual"}),
        (TriggerRequest, {"workflow_id": "w", "kind": "manual", "inputMapping": {}}),
        (TriggerPatch, {"kind": "manual"}),
        (TriggerRequest, {"workflow_id": "w", "kind": "webhook", "secret": "short"}), (EventRequest, {"data": 1}),
    ],
)  # fmt: skip
def test_slips_are_errors(model: Any, body: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(body)


def test_a_trigger_is_shown_as_its_model_says_without_its_secret() -> None:
    record = TriggerRecord(id="t", workflow_id="w", kind="webhook", secret="hush hush", config={"auth": "bearer"})
    view = trigger_view(record)
    assert set(view) == set(Trigger.model_fields)
    assert "hush" not in str(view)
    assert Trigger.model_validate(view).url == "/v1/hooks/t"
    assert trigger_view(record, "hush hush")["secret"] == "hush hush"


def test_a_firing_is_shown_as_its_model_says() -> None:
    record = FiringRecord(trigger_id="t", fire_key="k", execution_id="x", kind="event", status="started", fired_at=1)
    assert set(firing_view(record)) == set(Firing.model_fields)
    assert Firing.model_validate(firing_view(record)).execution_id == "x"
    skipped = FiringRecord(trigger_id="t", fire_key="k", execution_id="x", kind="event", status="skipped", reason="r")
    assert firing_view(skipped)["execution_id"] is None
