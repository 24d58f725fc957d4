"""Lets schedules tick, and takes up firings that nobody has finished. A role: which process it runs in is decided
elsewhere, and several may run at once. It plans with ``triggers.ticks`` and starts nothing itself.

What it knows is in the database: a tick is recorded in the transaction that moves its schedule on, together with the
id of the execution to be; whoever starts that execution, once or twice, starts the same one.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence

from flowray.errors import FlowrayError
from flowray.eventlog.sse import iso_time
from flowray.persistence.records.triggers import SKIPPED, STARTING, FiringRecord, TriggerRecord
from flowray.persistence.stores import Reader
from flowray.persistence.writes import AnyResult, AnyWrite
from flowray.persistence.writes.triggers import Fired, FireTrigger, PromoteFiring
from flowray.triggers.configs import ScheduleConfig
from flowray.triggers.payloads import tick_payload
from flowray.triggers.ticks import TickPlan, plan_ticks

logger = logging.getLogger(__name__)

LONGEST_SLEEP_S = 2.0
"""A schedule that is new may tick before the one it sleeps for, and nobody wakes it: a look costs one small query."""

AFTER_FAILURE_S = 1.0

Write = Callable[[Sequence[AnyWrite]], Awaitable[list[AnyResult]]]

StartFiring = Callable[[FiringRecord], Awaitable[None]]
"""Starts the execution of a firing and settles it; safe to repeat. Raises FlowrayError if it may work out later."""


class Scheduler:
    """``reader`` and ``write`` are the database's, whose clock is the only one (R27): a tick is never early by it."""

    def __init__(
        self,
        reader: Reader,
        write: Write,
        start: StartFiring,
        new_id: Callable[[], str],
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self._reader = reader
        self._write = write
        self._start = start
        self._new_id = new_id
        self._sleep = sleep

    async def run(self) -> None:
        """Look after schedules for ever."""
        while True:
            try:
                pause_s = await self.round()
            except FlowrayError as error:
                logger.warning("flowray scheduler: will try again: %s", error)
                pause_s = AFTER_FAILURE_S
            except Exception:
                logger.exception("flowray scheduler: a round failed")
                pause_s = AFTER_FAILURE_S
            await self._sleep(pause_s)

    async def round(self) -> float:
        """Do what is due now. Returns for how many seconds there is nothing to do, at most ``LONGEST_SLEEP_S``."""
        read = self._reader.triggers
        failures = 0
        for trigger in await asyncio.to_thread(read.due):
            failures += not await self._careful(self._tick(trigger), trigger.id)
        for trigger_id in await asyncio.to_thread(read.with_queue):
            failures += not await self._careful(self._promote(trigger_id), trigger_id)
        for firing in await asyncio.to_thread(read.forgotten):
            failures += not await self._careful(self._start(firing), firing.trigger_id)
        now, next_at = await asyncio.to_thread(lambda: (self._reader.now_ms(), read.next_at()))
        if failures:
            return AFTER_FAILURE_S
        return LONGEST_SLEEP_S if next_at is None else min(max(next_at - now, 0) / 1_000, LONGEST_SLEEP_S)

    async def _careful(self, work: Awaitable[None], trigger_id: str) -> bool:
        """One broken trigger must not stop the others."""
        try:
            await work
        except FlowrayError as error:
            logger.warning("flowray scheduler: the trigger %s will be tried again: %s", trigger_id, error)
            return False
        except Exception:
            logger.exception("flowray scheduler: the trigger %s failed", trigger_id)
            return False
        return True

    async def _tick(self, trigger: TriggerRecord) -> None:
        config = ScheduleConfig.model_validate(trigger.config)
        now = await asyncio.to_thread(self._reader.now_ms)
        due_at = trigger.next_fire_at or now
        write = ticks_of(trigger, config, plan_ticks(config, due_at, max(now, due_at)), self._new_id)
        (result,) = await self._write([write])
        await self._start_all(result)

    async def _promote(self, trigger_id: str) -> None:
        (result,) = await self._write([PromoteFiring(trigger_id=trigger_id)])
        await self._start_all(result)

    async def _start_all(self, result: AnyResult) -> None:
        """Fenced: somebody else has seen to it."""
        for firing in result.firings if isinstance(result, Fired) else ():
            if firing.status == STARTING:
                await self._start(firing)


def ticks_of(trigger: TriggerRecord, config: ScheduleConfig, plan: TickPlan, new_id: Callable[[], str]) -> FireTrigger:
    """The plan as a write. Ticks that are left out stand in the history as one skipped firing."""
    rows = [
        FiringRecord(
            trigger_id=trigger.id,
            fire_key=tick_key(tick),
            execution_id=new_id(),
            scheduled_at=tick,
            payload=tick_payload(config, tick),
        )
        for tick in plan.fire
    ]
    if plan.last_missed is not None:
        rows.insert(0, _missed(trigger, plan, plan.last_missed, new_id))
    return FireTrigger(
        trigger_id=trigger.id,
        firings=tuple(rows),
        revision=trigger.revision,
        expected_at=trigger.next_fire_at,
        next_at=plan.next_at,
        overlap=config.overlap,
        max_queued=config.max_queued,
        workspace_id=trigger.workspace_id,
    )


def tick_key(tick: int) -> str:
    """The fire key of a tick: its time."""
    return f"tick:{iso_time(tick)}"


def _missed(trigger: TriggerRecord, plan: TickPlan, last: int, new_id: Callable[[], str]) -> FiringRecord:
    what = "this tick was" if plan.missed == 1 else f"{plan.missed} ticks up to this one were"
    return FiringRecord(
        trigger_id=trigger.id,
        fire_key=tick_key(last),
        execution_id=new_id(),
        status=SKIPPED,
        reason=f"{what} missed",
        scheduled_at=last,
    )
