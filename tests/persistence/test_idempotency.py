"""The table of what a repeat of a key finds, by the status of the execution that has it (docs/decisions/0024)."""

from __future__ import annotations

import pytest

from flowray.engine.statuses import ExecutionStatus
from flowray.persistence.idempotency import is_spent
from flowray.persistence.records import ExecutionRecord

ANEW = {"failed", "timed_out", "crashed", "expired"}


@pytest.mark.parametrize("status", list(ExecutionStatus))
def test_every_status_is_decided(status: ExecutionStatus) -> None:
    record = ExecutionRecord(id="e", status=status.value, plan_hash="p", idempotency_expires_at=10)
    assert is_spent(record, 9) is (status.value in ANEW)
    assert is_spent(record, 10) is True


def test_a_key_without_an_end_lasts() -> None:
    assert is_spent(ExecutionRecord(id="e", status="completed", plan_hash="p"), 2**62) is False
