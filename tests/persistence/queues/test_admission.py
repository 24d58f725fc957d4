"""Who is next: room, rotation, order. The stores' own suite is tests/conformance/test_queue_store.py."""

from __future__ import annotations

from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as some

from flowray.persistence.queues.admission import (
    ALL,
    NO_LIMITS,
    Line,
    QueueLimits,
    Room,
    Waiting,
    admit,
    has_expired,
    timed,
    waiting_in_line,
)
from flowray.persistence.records import ExecutionRecord
from flowray.persistence.records.queues import QueueId


class Guest(NamedTuple):
    name: str
    queue_order: int


Q = QueueId("default", "q")


def line(key: str = "", queue: str = "q") -> Line:
    return Line("default", queue, key)


def served(
    room: Room, lines: dict[Line, list[int]], limit: int = 100, last: dict[Line, int] | None = None
) -> list[str]:
    """Names (key and number) of who is admitted from lines of orders."""
    guests = {its: [Guest(f"{its.key}{n}", order) for n, order in enumerate(orders)] for its, orders in lines.items()}
    waiting = [Waiting(its, orders[0], (last or {}).get(its, 0)) for its, orders in lines.items() if orders]
    return [guest.name for guest in admit(room, waiting, limit, lambda its, count: guests[its][:count])]


def room(limits: QueueLimits = NO_LIMITS, running: dict[Line, int] | None = None, **more: QueueLimits) -> Room:
    others = {QueueId("default", name): its for name, its in more.items()}
    return Room({Q: limits, **others}, running or {})


@pytest.mark.parametrize(
    ("limits", "running", "free"),
    [
        (QueueLimits(), {line(): 99}, True),
        (QueueLimits(max_concurrent=2), {line("a"): 1}, True),
        (QueueLimits(max_concurrent=2), {line("a"): 1, line("b"): 1}, False),
        (QueueLimits(max_concurrent=2), {line("a", "p"): 9}, True),
        (QueueLimits(max_per_key=1), {line("x"): 1}, False),
        (QueueLimits(max_per_key=1), {line("y"): 1}, True),
        (QueueLimits(paused=True), {}, False),
    ],
)
def test_what_is_free(limits: QueueLimits, running: dict[Line, int], free: bool) -> None:
    assert room(limits, running).has_room(line("x")) is free


def test_a_limit_per_key_does_not_concern_who_has_none() -> None:
    assert room(QueueLimits(max_per_key=0), {line(): 5}).has_room(line()) is True


def test_a_pause_stops_starts_only() -> None:
    paused = room(QueueLimits(max_concurrent=1, paused=True))
    assert paused.has_room(line(), starting=False) is True
    paused.take(line())
    assert paused.has_room(line(), starting=False) is False
    assert room(**{ALL.name: QueueLimits(paused=True)}).has_room(line("", "p")) is False


def test_within_a_key_the_order_decides() -> None:
    assert served(room(), {line(): [3, 5, 9]}, limit=2) == ["0", "1"]


def test_keys_take_turns() -> None:
    lines = {line("a"): [1, 2, 3], line("b"): [10, 11], line("c"): [20]}
    assert served(room(), lines) == ["a0", "b0", "c0", "a1", "b1", "a2"]


def test_the_key_that_was_served_longest_ago_is_next() -> None:
    lines = {line("a"): [1], line("b"): [10], line("c"): [20]}
    assert served(room(), lines, last={line("a"): 900, line("b"): 800}) == ["c0", "b0", "a0"]


def test_a_key_at_its_limit_is_passed_over() -> None:
    limits = QueueLimits(max_per_key=1)
    assert served(room(limits, {line("a"): 1}), {line("a"): [1], line("b"): [2, 3]}) == ["b0"]


def test_among_queues_the_order_decides() -> None:
    both = room(**{ALL.name: QueueLimits(max_concurrent=3)})
    lines = {line("a"): [5, 30], line("b", "p"): [1, 2, 40]}
    assert served(both, lines) == ["b0", "b1", "a0"]


def test_a_full_queue_does_not_keep_the_others_waiting() -> None:
    full = room(QueueLimits(max_concurrent=0), p=QueueLimits(max_concurrent=1))
    assert served(full, {line("a"): [1], line("b", "p"): [2, 3]}) == ["b0"]


def test_a_line_whose_members_are_being_changed_elsewhere_is_left_out() -> None:
    waiting = [Waiting(line("a"), 1), Waiting(line("b"), 2)]
    found = admit(room(), waiting, 5, lambda its, count: [] if its.key == "a" else [Guest("b0", 2)])
    assert [guest.name for guest in found] == ["b0"]


_keys = some.sampled_from("abcd")


@given(
    lines=some.dictionaries(
        some.builds(line, _keys, some.sampled_from("qp")), some.lists(some.integers(0, 50), min_size=1, max_size=6)
    ),
    running=some.dictionaries(some.builds(line, _keys, some.sampled_from("qp")), some.integers(0, 3)),
    limits=some.tuples(*[some.one_of(some.none(), some.integers(0, 5))] * 3),
)
def test_no_limit_is_exceeded_and_no_slot_stays_empty_while_somebody_could_use_it(
    lines: dict[Line, list[int]], running: dict[Line, int], limits: tuple[int | None, ...]
) -> None:
    most, per_key, all_together = limits
    chosen = Room({Q: QueueLimits(most, per_key), ALL: QueueLimits(all_together)}, running)
    guests = {its: [Guest(f"{its.queue}{its.key}", order) for order in sorted(orders)] for its, orders in lines.items()}
    waiting = [Waiting(its, found[0].queue_order) for its, found in guests.items()]
    admitted = admit(chosen, waiting, 1_000, lambda its, count: guests[its][:count])
    taken = Counter(guest.name for guest in admitted)
    after = {its: running.get(its, 0) + taken[f"{its.queue}{its.key}"] for its in lines.keys() | running.keys()}
    before, total = sum(running.values()), sum(after.values())
    assert all_together is None or total <= max(all_together, before)
    for its, count in after.items():
        has_grown = count > running.get(its, 0)
        if has_grown and its.queue == "q":
            assert per_key is None or count <= per_key
            assert most is None or sum(found for other, found in after.items() if other.queue == "q") <= most
        left = len(lines.get(its, ())) - taken[f"{its.queue}{its.key}"]
        assert left == 0 or not Room({Q: QueueLimits(most, per_key), ALL: QueueLimits(all_together)}, after).has_room(
            its
        )


# -- rows ---------------------------------------------------------------------------------------------------------

RECORD = ExecutionRecord(
    id="e", status="delayed", plan_hash="p", owner_id="o", epoch=1, created_at=100, queued_at=150, queue_order=140,
    not_before=150, expires_at=170,
)  # fmt: skip


def test_times_count_from_the_insertion() -> None:
    found = timed(RECORD, 1_100)
    assert (found.not_before, found.expires_at, found.queued_at, found.queue_order) == (1_150, 1_170, 1_150, 1_140)
    assert found.created_at == 100


def test_who_waits_is_nobodys_until_it_may_run_or_is_to_be_ended() -> None:
    delayed = waiting_in_line(RECORD)
    assert (delayed.owner_id, delayed.epoch, delayed.wake_at) == (None, 0, 150)
    queued = waiting_in_line(ExecutionRecord(id="e", status="queued", plan_hash="p", expires_at=170))
    assert queued.wake_at == 170


@pytest.mark.parametrize(
    ("status", "started_at", "now", "expired"),
    [
        ("queued", None, 170, True), ("queued", None, 169, False), ("delayed", None, 170, True),
        ("running", 1, 999, False), ("queued", 1, 999, False),
    ],
)  # fmt: skip
def test_only_who_has_never_started_expires(status: str, started_at: int | None, now: int, expired: bool) -> None:
    record = ExecutionRecord(id="e", status=status, plan_hash="p", expires_at=170, started_at=started_at)
    assert has_expired(record, now) is expired
