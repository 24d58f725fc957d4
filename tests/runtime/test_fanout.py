"""Committed events handed to readers: pushes, gaps, ends, and nothing left behind (R33)."""

from __future__ import annotations

import asyncio
import threading

from flowray.eventlog.log import RecordedEvent
from flowray.eventlog.tail import PushedEvents
from flowray.persistence.memory.store import MemoryStore
from flowray.persistence.writes import AppendEvents
from flowray.runtime.fanout import Fanout
from tests.persistence.samples import bodies, owned


class Log:
    """One execution's log with a fanout beside it."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.store.commit([owned("e1")])
        self.fanout = Fanout()
        self.seq = 0

    def append(self, *types: str, push: bool = True) -> None:
        events = bodies(*types)
        first = self.seq + 1
        write = AppendEvents(
            execution_id="e1", epoch=1, expected_seq=self.seq, last_seq=self.seq + len(types), ts=1, events=events
        )
        self.store.commit([write])
        self.seq += len(types)
        if push:
            thread = threading.Thread(target=self.fanout.publish, args=("e1", first, events))
            thread.start()
            thread.join()


def shown(batch: list[RecordedEvent]) -> list[tuple[int, str]]:
    return [(event.seq, event.type) for event in batch]


async def test_a_reader_gets_what_was_and_what_comes_and_the_end() -> None:
    log = Log()
    log.append("execution.started", "node.ready")
    stream = log.fanout.follow(log.store.events, "e1", 0)
    assert shown(await anext(stream)) == [(1, "execution.started"), (2, "node.ready")]
    assert log.fanout.followed() == 1
    log.append("node.started")
    assert shown(await anext(stream)) == [(3, "node.started")]
    log.append("node.completed", push=False)
    log.append("execution.completed")
    assert shown(await anext(stream)) == [(4, "node.completed"), (5, "execution.completed")]
    assert [batch async for batch in stream] == []
    assert log.fanout.followed() == 0


async def test_a_push_that_overlaps_with_what_was_read_is_delivered_once() -> None:
    log = Log()
    log.append("a", "b")
    stream = log.fanout.follow(log.store.events, "e1", 1)
    assert shown(await anext(stream)) == [(2, "b")]
    log.fanout.publish("e1", 1, bodies("a", "b"))
    log.append("execution.failed")
    assert shown(await anext(stream)) == [(3, "execution.failed")]
    await stream.aclose()


async def test_a_watch_hears_of_whatever_it_looks_at_and_of_nothing_else() -> None:
    fanout = Fanout()
    watch = fanout.watch()
    watch._reader = PushedEvents(silence_s=0.001)
    watch.look_at(["e1", "e2"])
    fanout.publish("e2", 1, bodies("a"))
    assert await watch.wait() is True
    watch.look_at(["e1"])
    assert fanout.followed() == 1
    watch.close()
    fanout.publish("e1", 1, bodies("a"))
    assert await watch.wait() is False
    assert fanout.followed() == 0


async def test_several_readers_follow_side_by_side_and_leave_one_by_one() -> None:
    log = Log()
    log.append("a")
    streams = [log.fanout.follow(log.store.events, "e1", 0) for _ in range(3)]
    assert [shown(await anext(stream)) for stream in streams] == [[(1, "a")]] * 3
    await streams[0].aclose()
    assert log.fanout.followed() == 1
    log.append("b")
    assert [shown(await anext(stream)) for stream in streams[1:]] == [[(2, "b")]] * 2
    await asyncio.gather(*(stream.aclose() for stream in streams[1:]))
    assert log.fanout.followed() == 0


async def test_publishing_to_nobody_costs_nothing_and_fails_nowhere() -> None:
    fanout = Fanout()
    fanout.publish("e1", 1, b"this is not even JSON")
    assert fanout.followed() == 0
