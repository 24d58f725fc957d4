"""Processes that are kept, killed and replaced. What they compute is another test's."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import msgspec
import pytest

from flowray.errors import FlowrayError
from flowray.runtime.sandbox import worker_pool
from flowray.runtime.sandbox.calls import JsonataCall, Outcome
from flowray.runtime.sandbox.worker_pool import WorkerDiedError, WorkerPool, usable_cpus
from tests.runtime.sandbox.waiting import until

MIB = 1024 * 1024


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    made = WorkerPool(2, 512 * MIB)
    yield made
    await made.aclose()
    await made.aclose()


async def ask(pool: WorkerPool, expression: str, data: str = "{}", timeout_s: float = 60.0) -> bytes:
    call = JsonataCall(expression, data.encode(), b"{}", 60_000, MIB)
    return msgspec.msgpack.decode(await pool.call(msgspec.msgpack.encode(call), timeout_s), type=Outcome).value


SPINS = "$match(a, /^(a+)+$/)", '{"a": "%s!"}' % ("a" * 40)


async def test_one_after_the_other_use_one_process(pool: WorkerPool) -> None:
    assert pool.pids == []
    assert [await ask(pool, f"{number} + 1") for number in range(5)] == [b"1", b"2", b"3", b"4", b"5"]
    assert len(pool.pids) == 1


async def test_at_once_they_use_as_many_as_there_may_be(pool: WorkerPool) -> None:
    answers = await asyncio.gather(*[ask(pool, f"{number} + 1") for number in range(20)])
    assert answers == [str(number + 1).encode() for number in range(20)]
    assert len(pool.pids) == 2


async def test_what_overruns_is_killed_and_replaced(pool: WorkerPool) -> None:
    await ask(pool, "1")
    (before,) = pool.pids
    with pytest.raises(TimeoutError):
        await ask(pool, *SPINS, timeout_s=0.05)
    assert await ask(pool, "2") == b"2"
    assert before not in pool.pids


async def test_what_is_cancelled_is_killed(pool: WorkerPool) -> None:
    await ask(pool, "1")
    (before,) = pool.pids
    running = asyncio.create_task(ask(pool, *SPINS))
    await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert await ask(pool, "2") == b"2"
    assert before not in pool.pids


async def test_a_process_that_dies_idle_is_not_noticed_by_anybody(pool: WorkerPool) -> None:
    await ask(pool, "1")
    (before,) = pool.pids
    os.kill(before, signal.SIGKILL)
    await until(lambda: os.waitid(os.P_PID, before, os.WEXITED | os.WNOWAIT | os.WNOHANG))
    assert await ask(pool, "2") == b"2"
    assert before not in pool.pids


async def test_a_process_that_dies_at_work_says_so(pool: WorkerPool) -> None:
    running = asyncio.create_task(ask(pool, *SPINS))
    await until(lambda: pool.pids)
    os.kill(pool.pids[0], signal.SIGKILL)
    with pytest.raises((WorkerDiedError, FlowrayError)):
        await running
    assert await ask(pool, "2") == b"2"


async def test_all_but_one_leave_when_there_is_nothing_to_do(pool: WorkerPool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "KEPT_IDLE_S", 0.0)
    await asyncio.gather(*[ask(pool, "1") for _ in range(4)])
    await until(lambda: len(pool.pids) == 1)
    assert await ask(pool, "2") == b"2"


async def test_a_closed_pool_starts_nothing(pool: WorkerPool) -> None:
    await ask(pool, "1")
    await pool.aclose()
    assert pool.pids == []
    with pytest.raises(FlowrayError) as caught:
        await ask(pool, "1")
    assert caught.value.code == "RUNTIME_UNAVAILABLE"


def test_there_is_a_cpu() -> None:
    assert usable_cpus() >= 1
