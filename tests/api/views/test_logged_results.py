"""Results that were left to the log, for people who ask (R16)."""

from __future__ import annotations

from typing import Any

import pytest

from flowray.api.views.logged_results import put_together
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.values import StoredValue, to_wire

NOTE = StoredValue("", 90_000, 3)
STORED = to_wire(StoredValue("e.1", 40_000))


class Log:
    """Three branches of ``P`` and one of ``Q``; the second of ``P`` ends last, its third never."""

    def __init__(self) -> None:
        ends = [("P", 0, STORED), ("Q", 1, "other"), ("P", 1, {"n": 1})]
        self.recorded = [
            RecordedEvent(seq + 1, "scope.completed", 0, {"instance": name, "index": index, "result": result})
            for seq, (name, index, result) in enumerate(ends)
        ]
        self.recorded.append(RecordedEvent(4, "node.completed", 0, {"instance": "P"}))

    def read(self, execution_id: str, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        return self.recorded[after : after + 2]

    def read_raw(self, execution_id: str, after: int = 0) -> list[bytes]:
        raise NotImplementedError


@pytest.mark.parametrize("output", [NOTE, to_wire(NOTE)])
def test_r16_they_are_read_from_the_ends_of_the_scopes_in_order(output: Any) -> None:
    assert put_together(Log(), "e", "P", output) == [STORED, {"n": 1}, None]
    assert put_together(Log(), "e", "P", {"results": to_wire(NOTE)}) == {"results": [STORED, {"n": 1}, None]}


@pytest.mark.parametrize("output", [None, [1], {"a": 1}, {"results": [1]}, STORED, StoredValue("", 9, 0)])
def test_any_other_output_is_what_it_is(output: Any) -> None:
    found = put_together(Log(), "e", "L", output)
    assert found == ([] if isinstance(output, StoredValue) else output)


def test_those_of_another_execution_are_said_to_be_there() -> None:
    with pytest.raises(FlowrayError, match="the results of 'L' were not taken over") as missing:
        put_together(Log(), "e", "L", NOTE)
    assert missing.value.code == ErrorCode.PAYLOAD_MISSING
