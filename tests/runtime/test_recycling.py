"""R39: a lane that has grown too large is ended when it has nothing to do, and not before."""

from __future__ import annotations

import asyncio

from flowray.runtime.recycling import Recycler, resident_bytes


class Lane:
    """Its memory and its work, by hand; each sleep takes one entry of ``busy``."""

    def __init__(self, bytes_: int, *busy: bool) -> None:
        self.bytes = bytes_
        self.busy = list(busy)
        self.ended = 0
        self.sleeps = 0
        self.recycler = Recycler(100, lambda: not self.busy[0], self.leave, lambda: self.bytes, self.sleep)

    def leave(self) -> None:
        self.ended += 1

    async def sleep(self, _seconds: float) -> None:
        self.sleeps += 1
        self.busy = self.busy[1:] or self.busy
        if self.sleeps > 10:
            self.bytes = 0
        await asyncio.sleep(0)

    async def settle(self) -> None:
        self.recycler.look()
        self.recycler.look()
        if self.recycler._waiting is not None:
            await asyncio.wait([self.recycler._waiting], timeout=0 if self.busy == [True] else 60)


async def test_r39_a_large_lane_ends_once_it_has_been_quiet() -> None:
    lane = Lane(101, True, False, True, False, False)
    await lane.settle()
    assert (lane.ended, lane.sleeps) == (1, 4)


async def test_r39_a_busy_lane_does_not_end() -> None:
    lane = Lane(101, True)
    await lane.settle()
    assert lane.ended == 0


async def test_a_small_lane_is_left_alone() -> None:
    lane = Lane(100, False)
    await lane.settle()
    assert (lane.ended, lane.recycler._waiting) == (0, None)


def test_memory_is_measured() -> None:
    assert resident_bytes() > 10_000_000
