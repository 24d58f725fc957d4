"""A journal whose transactions take time, fail, lose their answers, are repeated, and outlive their process."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import msgspec

from flowray.errors import ErrorCode, FlowrayError
from flowray.persistence.writes import AnyResult, AnyWrite, RegisterOwner

if TYPE_CHECKING:
    from tests.simulation.process import Process

WhenDone = Callable[[list[AnyResult] | None, Exception | None], None]


def away() -> FlowrayError:
    """What a caller sees while the database does not answer."""
    return FlowrayError(ErrorCode.DATABASE_UNAVAILABLE, "the simulated database is away", retryable=True)


def _with_pid(write: AnyWrite, pid: int) -> AnyWrite:
    """Every simulated process has a pid of its own; the real one is that of the whole simulation."""
    return msgspec.structs.replace(write, pid=pid) if isinstance(write, RegisterOwner) else write


class _Group:
    """Submissions that share a transaction; ``answer`` once it is known what became of it."""

    def __init__(self, submissions: list[tuple[list[AnyWrite], WhenDone]]) -> None:
        self.submissions = submissions
        self.writes = [write for writes, _ in submissions for write in writes]
        self.answer: tuple[list[AnyResult] | None, Exception | None] | None = None


class SimulatedJournal:
    """One process's journal. A write once sent may be applied although its process is dead, and applied again long
    after its repeat was answered. Groups are sent one after the other, as by ``ThreadJournal``, or each submission at
    once, as by ``RemoteJournal``: then they may overtake each other, and only their answers keep their order.
    """

    def __init__(self, process: Process) -> None:
        self._process = process
        self._world = process.world
        self._is_remote = self._world.rng.random() < 0.4
        self._queue: deque[tuple[list[AnyWrite], WhenDone]] = deque()
        self._sent: deque[_Group] = deque()

    # -- group commit ---------------------------------------------------------------------------------------------

    def submit(self, writes: Sequence[AnyWrite], done: WhenDone) -> None:
        self._process.may_die("submit")
        self._queue.append((list(writes), done))
        if self._is_remote:
            self._send()
        elif len(self._queue) == 1 and not self._sent:
            self._world.later(self._world.delay(0, 3), self._process, self._send)

    def _send(self) -> None:
        group = _Group(list(self._queue))
        self._queue.clear()
        self._sent.append(group)
        self._transmit(group)

    def _transmit(self, group: _Group) -> None:
        world = self._world
        if world.strikes(0.02):  # not written: tried again
            world.later(world.delay(20, 2_000), self._process, lambda: self._transmit(group))
        elif world.strikes(0.01):  # written, but nobody hears of it: repeated
            world.later(world.delay(0, 5), None, lambda: world.ledger.commit(group.writes))
            world.later(world.delay(5, 2_000), self._process, lambda: self._transmit(group))
        elif world.strikes(0.01):  # the first sending is only delayed, long enough for its repeat to overtake it
            world.later(world.delay(100, 30_000), None, lambda: world.ledger.commit(group.writes))
            world.later(world.delay(50, 2_000), self._process, lambda: self._transmit(group))
        elif world.strikes(0.005):  # given up; whether it is ever written is open
            if world.rng.random() < 0.5:
                world.later(world.delay(0, 70_000), None, lambda: world.ledger.commit(group.writes))
            world.later(world.delay(2_000, 60_000), self._process, lambda: self._answer(group, None, away()))
        else:
            world.later(world.delay(0, world.slowness), None, lambda: self._apply(group))

    def _apply(self, group: _Group) -> None:
        results = self._world.ledger.commit(group.writes)
        if self._world.strikes(0.02):
            self._process.stop()  # Between the commit and whatever it sets free.
        self._world.later(self._world.delay(0, 2), self._process, lambda: self._answer(group, results, None))

    def _answer(self, group: _Group, results: list[AnyResult] | None, error: Exception | None) -> None:
        group.answer = (results, error)
        while self._sent and (answer := self._sent[0].answer) is not None:
            self._tell(self._sent.popleft(), *answer)
        if self._queue and not self._sent:
            self._send()

    @staticmethod
    def _tell(group: _Group, results: list[AnyResult] | None, error: Exception | None) -> None:
        start = 0
        for writes, done in group.submissions:
            part = None if results is None else results[start : start + len(writes)]
            start += len(writes)
            done(part, error)

    # -- waiting for the answer ----------------------------------------------------------------------------------------

    def commit(self, writes: Sequence[AnyWrite]) -> list[AnyResult]:
        """As a thread sees it that waits: the world goes on meanwhile, and this process may die in between."""
        world, process = self._world, self._process
        writes = [_with_pid(write, process.pid) for write in writes]
        process.may_die("commit")
        process.wait_a_little(0.15)
        while world.strikes(0.02):
            process.wait(world.delay(20, 500))
        if world.strikes(0.005):
            if world.rng.random() < 0.5:
                world.later(world.delay(0, 5_000), None, lambda: world.ledger.commit(list(writes)))
            raise away()
        results = world.ledger.commit(writes)
        process.may_die("commit")
        if world.strikes(0.03):
            process.wait(world.delay(20, 2_000))
            results = world.ledger.commit(writes)
        process.wait_a_little(0.15)
        return results

    def close(self) -> None:
        """Nothing is held."""
