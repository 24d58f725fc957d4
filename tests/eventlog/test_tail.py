"""Following a log: contiguous, complete, ended by the terminal event (R33)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.eventlog.tail import READ_LIMIT, PushedEvents, follow
from flowray.persistence.memory.store import MemoryStore
from tests.persistence.samples import append, bodies, owned

END = bodies("execution.completed")


class ManualWake:
    """A Wake that gives what the test hands it, and tells when the reader has come back for more."""

    def __init__(self) -> None:
        self._given: asyncio.Queue[Sequence[RecordedEvent] | None] = asyncio.Queue()
        self.waits = 0

    def give(self, pushed: Sequence[RecordedEvent] | None) -> None:
        self._given.put_nowait(pushed)

    async def wait(self) -> Sequence[RecordedEvent] | None:
        self.waits += 1
        return await self._given.get()


class CountingLog:
    """The store's log, with its reads counted."""

    def __init__(self, store: MemoryStore) -> None:
        self._log = store.events
        self.reads: list[int] = []

    def read(self, execution_id: str, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        self.reads.append(after)
        return self._log.read(execution_id, after, limit)

    def read_raw(self, execution_id: str, after: int = 0) -> Sequence[bytes]:
        return self._log.read_raw(execution_id, after)


@pytest.fixture
def store() -> MemoryStore:
    store = MemoryStore()
    store.commit([owned()])
    return store


@pytest.fixture
def log(store: MemoryStore) -> CountingLog:
    return CountingLog(store)


@pytest.fixture
def wake() -> ManualWake:
    return ManualWake()


def commit(store: MemoryStore, expected_seq: int, count: int = 1, events: bytes | None = None) -> list[RecordedEvent]:
    """Append to the log; returns the events as they would be pushed."""
    changes: dict[str, Any] = {} if events is None else {"events": events}
    store.commit([append(expected_seq=expected_seq, count=count, **changes)])
    return store.events.read("e1", expected_seq)


async def next_seqs(stream: Any) -> list[int]:
    return [event.seq for event in await anext(stream)]


async def test_what_is_there_comes_first_then_what_is_pushed_without_further_reads(
    store: MemoryStore, log: CountingLog, wake: ManualWake
) -> None:
    commit(store, 0, 3)
    stream = follow(log, "e1", 0, wake)
    assert await next_seqs(stream) == [1, 2, 3]
    wake.give(commit(store, 3, 2))
    wake.give(commit(store, 5, 1))
    assert await next_seqs(stream) == [4, 5]
    assert await next_seqs(stream) == [6]
    assert log.reads == [0]


async def test_it_begins_after_the_cursor(store: MemoryStore, log: CountingLog, wake: ManualWake) -> None:
    commit(store, 0, 5)
    assert await next_seqs(follow(log, "e1", 2, wake)) == [3, 4, 5]


async def test_r33_a_gap_in_what_is_pushed_is_filled_from_the_log(
    store: MemoryStore, log: CountingLog, wake: ManualWake
) -> None:
    stream = follow(log, "e1", 0, wake)
    commit(store, 0, 2)
    wake.give(commit(store, 2, 2))  # the push of 1 and 2 was lost
    assert await next_seqs(stream) == [1, 2, 3, 4]


async def test_r33_what_was_delivered_is_not_delivered_again(
    store: MemoryStore, log: CountingLog, wake: ManualWake
) -> None:
    stream = follow(log, "e1", 0, wake)
    first = commit(store, 0, 3)
    assert await next_seqs(stream) == [1, 2, 3]
    wake.give(first)
    wake.give(first + commit(store, 3, 1))
    assert await next_seqs(stream) == [4]


async def test_r33_a_gap_inside_one_push_delivers_what_is_contiguous_and_reads_the_rest(
    store: MemoryStore, log: CountingLog, wake: ManualWake
) -> None:
    stream = follow(log, "e1", 0, wake)
    one, two, three = commit(store, 0, 3)
    assert await next_seqs(stream) == [1, 2, 3]
    four, five, six = commit(store, 3, 3)
    wake.give([three, four, six])
    wake.give([])
    assert await next_seqs(stream) == [4]
    assert await next_seqs(stream) == [5, 6]
    assert (one.seq, two.seq, five.seq) == (1, 2, 5)


async def test_r33_silence_looks_at_the_log_and_only_then_is_idle(
    store: MemoryStore, log: CountingLog, wake: ManualWake
) -> None:
    stream = follow(log, "e1", 0, wake)
    wake.give(None)
    assert await next_seqs(stream) == []
    commit(store, 0, 2)
    wake.give(None)
    assert await next_seqs(stream) == [1, 2]


async def test_it_ends_after_the_terminal_event(store: MemoryStore, log: CountingLog, wake: ManualWake) -> None:
    commit(store, 0, 2)
    commit(store, 2, 1, END)
    assert [[event.seq for event in batch] async for batch in follow(log, "e1", 0, wake)] == [[1, 2, 3]]
    assert [[event.seq for event in batch] async for batch in follow(log, "e1", 2, wake)] == [[3]]
    assert wake.waits == 0


async def test_a_pushed_terminal_event_ends_it_too(store: MemoryStore, log: CountingLog, wake: ManualWake) -> None:
    stream = follow(log, "e1", 0, wake)
    wake.give(None)
    assert await next_seqs(stream) == []
    wake.give(commit(store, 0, 1, END))
    assert [event.type for event in await anext(stream)] == ["execution.completed"]
    with pytest.raises(StopAsyncIteration):
        await anext(stream)


async def test_a_cursor_on_the_terminal_event_ends_at_once(
    store: MemoryStore, log: CountingLog, wake: ManualWake
) -> None:
    commit(store, 0, 1, END)
    assert [batch async for batch in follow(log, "e1", 1, wake)] == []


async def test_a_cursor_ahead_of_the_log_is_invalid(store: MemoryStore, log: CountingLog, wake: ManualWake) -> None:
    commit(store, 0, 2)
    with pytest.raises(FlowrayError) as caught:
        await anext(follow(log, "e1", 3, wake))
    assert caught.value.code == ErrorCode.INVALID_CURSOR


async def test_a_long_log_is_read_in_pieces(store: MemoryStore, log: CountingLog, wake: ManualWake) -> None:
    for start in range(0, READ_LIMIT * 2 + 100, 100):
        commit(store, start, 100)
    commit(store, READ_LIMIT * 2 + 100, 1, END)
    batches = [batch async for batch in follow(log, "e1", 0, wake)]
    assert [len(batch) for batch in batches] == [READ_LIMIT, READ_LIMIT, 101]
    assert [event.seq for batch in batches for event in batch] == list(range(1, READ_LIMIT * 2 + 102))


# -- the queue ----------------------------------------------------------------------------------------------------


def recorded(*seqs: int) -> list[RecordedEvent]:
    return [RecordedEvent(seq, "test", 0, {}) for seq in seqs]


async def test_pushes_are_handed_over_together_in_order() -> None:
    queue = PushedEvents()
    queue.push(recorded(1, 2))
    queue.push(recorded(3))
    assert await queue.wait() == recorded(1, 2, 3)


async def test_a_waiting_reader_is_woken_from_another_thread() -> None:
    queue = PushedEvents(silence_s=30)
    waiting = asyncio.create_task(_list(queue))
    await asyncio.to_thread(queue.push_from_thread, recorded(1))
    assert await waiting == recorded(1)


async def test_a_push_on_the_loop_itself_is_there_at_once() -> None:
    queue = PushedEvents(silence_s=30)
    queue.push_from_thread(recorded(1))
    assert await _list(queue) == recorded(1)


async def test_silence_counts_from_the_last_wait_and_comes_again() -> None:
    """One alarm serves many waits."""
    queue = PushedEvents(silence_s=0.02)
    clock = asyncio.get_running_loop().time
    for seq in range(1, 4):
        asyncio.get_running_loop().call_later(0.001, queue.push, recorded(seq))
        while (pushed := await queue.wait()) is None:
            continue  # A slow machine.
        assert list(pushed) == recorded(seq)
    for _ in range(2):
        began = clock()
        assert await queue.wait() is None
        assert clock() - began >= 0.019


async def test_a_wait_that_is_given_up_leaves_what_comes_to_the_next() -> None:
    queue = PushedEvents(silence_s=30)
    waiting = asyncio.ensure_future(queue.wait())
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.gather(waiting, return_exceptions=True)
    queue.push(recorded(1))
    assert await _list(queue) == recorded(1)


async def _list(queue: PushedEvents) -> list[RecordedEvent] | None:
    pushed = await queue.wait()
    return None if pushed is None else list(pushed)


async def test_silence_ends_the_wait() -> None:
    assert await PushedEvents(silence_s=0).wait() is None


async def test_r33_a_reader_that_falls_behind_costs_a_bounded_queue_and_then_reads_the_log(
    store: MemoryStore, log: CountingLog
) -> None:
    queue = PushedEvents(max_events=3, silence_s=30)
    for seq in range(5):
        queue.push(commit(store, seq, 1))
    queue.push(commit(store, 5, 1, END))
    dropped_and_rest = await queue.wait()
    assert dropped_and_rest is not None
    assert len(dropped_and_rest) <= 3
    queue.push(dropped_and_rest)
    batches = [batch async for batch in follow(log, "e1", 0, queue)]
    assert [event.seq for batch in batches for event in batch] == [1, 2, 3, 4, 5, 6]
