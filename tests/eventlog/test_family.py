"""Logs of a family read as one: order, cursors at every event, every size of page, cursors of others (R19, R33)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.family import FamilyLog
from flowray.eventlog.log import RecordedEvent

END = "execution.completed"


class Logs:
    """An EventLog over lists: an event is its type, or the start or end of a child as ``"+id"`` or ``"-id"``."""

    def __init__(self, **logs: list[str]) -> None:
        self.logs = logs

    def read(self, execution_id: str, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        known = self.logs.get(execution_id, [])
        return [_event(number, text) for number, text in enumerate(known, 1)][after:][:limit]

    def read_raw(self, execution_id: str, after: int = 0) -> Sequence[bytes]:
        raise NotImplementedError


def _event(seq: int, text: str) -> RecordedEvent:
    kinds: dict[str, str] = {"+": "child.started", "-": "child.ended"}
    body: dict[str, Any] = {"child_id": text[1:]} if text[0] in kinds else {}
    return RecordedEvent(seq, kinds.get(text[0], text), 0, body)


def names(log: FamilyLog, limit: int = 1_000) -> list[str]:
    return [f"{item.execution_id}{item.event.seq}" for item in log.read(limit)]


FAMILY = Logs(
    p=["a", "+c", "b", "+d", "-c", "-d", "e", END],
    c=["a", "+g", "-g", END],
    d=["a", END],
    g=["a", END],
)
WHOLE = ["p1", "p2", "p3", "p4", "c1", "c2", "g1", "g2", "c3", "c4", "p5", "d1", "d2", "p6", "p7", "p8"]


def test_a_childs_events_stand_between_its_start_and_its_end() -> None:
    log = FamilyLog(FAMILY, "p")
    assert names(log) == WHOLE
    assert (log.ended, log.open_ids, log.cursor) == (True, [], "8")


@pytest.mark.parametrize("size", [1, 2, 3, 5, 100])
def test_r33_pages_of_any_size_have_no_gap_and_no_double(size: int) -> None:
    seen: list[str] = []
    cursor = "0"
    while not (log := FamilyLog(FAMILY, "p", cursor)).ended:
        page = log.read(size)
        assert len(page) <= size
        seen += [f"{item.execution_id}{item.event.seq}" for item in page]
        cursor = log.cursor
    assert seen == WHOLE


def test_r33_every_events_cursor_goes_on_right_after_it() -> None:
    for number, item in enumerate(FamilyLog(FAMILY, "p").read(100), 1):
        assert names(FamilyLog(FAMILY, "p", item.cursor)) == WHOLE[number:]


def test_a_cursor_names_only_the_children_that_run_at_its_place() -> None:
    cursors = [item.cursor for item in FamilyLog(FAMILY, "p").read(100)]
    assert cursors == [
        "1", "2;2:0", "3;2:0", "4;2:0;4:0", "4;2:1;4:0", "4;2:2;2.2:0;4:0", "4;2:2;2.2:1;4:0", "4;2:2;4:0",
        "4;2:3;4:0", "4;4:0", "5;4:0", "5;4:1", "5", "6", "7", "8",
    ]  # fmt: skip


def test_what_has_not_happened_yet_is_read_later() -> None:
    live = Logs(p=["a", "+c"], c=["a"])
    log = FamilyLog(live, "p")
    assert (names(log), log.ended, log.open_ids) == (["p1", "p2", "c1"], False, ["p", "c"])
    assert names(log) == []
    live.logs["c"] += ["b", END]
    assert (names(log), log.open_ids) == (["c2", "c3"], ["p"])
    live.logs["p"] += ["-c", END]
    assert (names(log), log.ended) == (["p3", "p4"], True)


def test_a_child_that_outlives_its_parent_is_read_to_its_end() -> None:
    """A cancelled parent ends at once, its child when it hears of it."""
    live = Logs(p=["+c", "execution.cancelled"], c=["+g"], g=["a"])
    log = FamilyLog(live, "p")
    assert (names(log), log.ended, log.cursor) == (["p1", "p2", "c1", "g1"], False, "2;1:1;1.1:1")
    live.logs["c"].append("execution.cancelled")
    live.logs["g"].append("execution.cancelled")
    again = FamilyLog(live, "p", log.cursor)
    assert (names(again), again.ended) == (["c2", "g2"], True)


def test_a_child_that_was_heard_while_one_below_it_still_ends() -> None:
    live = Logs(p=["+c", "-c"], c=["+g", "execution.timed_out"], g=["a"])
    log = FamilyLog(live, "p")
    assert (names(log), log.open_ids) == (["p1", "c1", "c2", "g1", "p2"], ["p", "g"])
    live.logs["g"].append("execution.cancelled")
    assert names(FamilyLog(live, "p", log.cursor)) == ["g2"]


@pytest.mark.parametrize(
    "cursor", ["", "x", "-1", "1;", "1;2", "2;2:x", "3;1:0", "1;2:0", "4;2.2:0", "4;2:0;2.2:0", "4;9:0", "4;0:1"]
)
def test_a_cursor_of_something_else_is_refused(cursor: str) -> None:
    with pytest.raises(FlowrayError) as caught:
        FamilyLog(FAMILY, "p", cursor)
    assert caught.value.code is ErrorCode.INVALID_CURSOR
