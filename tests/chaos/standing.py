"""What stands for a whole chaos run: a schedule, an event trigger and a named limit; and whether each tick was kept."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from functools import partial

from flowray import wire
from flowray.client import Client
from flowray.client.retrying import RetryPolicy
from tests.chaos.asked import Asked, insist
from tests.chaos.definitions import EVENT, LIMIT, triggered
from tests.durability.effects import Effects

EVERY_S = 3
SETTLING = ("queued", "starting")
PATIENCE = RetryPolicy(max_attempts=60, max_s=2.0)


class Standing:
    """``url`` is the server's. Firings of the schedule are those between ``set_up`` and ``stop``."""

    def __init__(self, url: str) -> None:
        self._client = Client(url, retry=PATIENCE, timeout_s=15)
        self._schedule = ""
        self._workflow = ""

    def set_up(self, effects: Effects) -> None:
        """Make them, before anything is killed."""
        self._client.limits.set(LIMIT, concurrency=2)
        every = {"triggerType": "schedule", "every": f"{EVERY_S}s", "catchUp": "all", "maxCatchUp": 1_000}
        for config in (every, {"triggerType": "event", "event": EVENT}):
            workflow = self._client.workflows.create(triggered(effects, **config))
            [trigger] = self._client.triggers.publish(workflow.id).triggers
            if config is every:
                self._schedule, self._workflow = trigger.id, workflow.id

    def stop(self, timeout_s: float) -> None:
        """Let the schedule tick no more, and wait until what has fired has started."""
        insist(lambda: self._client.triggers.unpublish(self._workflow))
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline and any(firing.status in SETTLING for firing in self.firings()):
            time.sleep(1)

    def firings(self) -> list[wire.Firing]:
        """Of the schedule, oldest first."""
        found: list[wire.Firing] = []
        cursor: str | None = None
        while True:
            page = insist(partial(self._client.triggers.history, self._schedule, limit=200, cursor=cursor))
            found += page.data
            cursor = page.next_cursor
            if cursor is None:
                return found[::-1]

    def asked(self) -> list[Asked]:
        """Its executions: a tick that was kept is a promise."""
        return [
            Asked(firing.execution_id, "tick", "by-schedule", {"completed"}, {"last": "by-schedule"})
            for firing in self.firings()
            if firing.execution_id is not None
        ]

    def violations(self) -> Iterator[str]:
        """Each tick fires once, none is left out, and there is no other execution."""
        firings = self.firings()
        yield from ticks_missed([firing.scheduled_at for firing in firings if firing.scheduled_at is not None])
        for firing in firings:
            if firing.status != "started":
                yield f"tick {firing.fire_key} is {firing.status}: {firing.reason}"
        started = {firing.execution_id for firing in firings}
        for page_id in self._executions():
            if page_id not in started:
                yield f"{page_id} is an execution of the schedule, and of no tick"

    def _executions(self) -> Iterator[str]:
        cursor: str | None = None
        while True:
            page = insist(partial(self._client.executions.list, limit=200, cursor=cursor, workflow_id=self._workflow))
            yield from (execution.id for execution in page.data)
            cursor = page.next_cursor
            if cursor is None:
                return

    def close(self) -> None:
        """Close what it talks through."""
        self._client.close()


def ticks_missed(ticks: list[datetime]) -> Iterator[str]:
    """Ticks that came twice or never, between the first and the last."""
    seconds = Counter(int(tick.timestamp()) for tick in ticks)
    yield from (f"the tick at {second} fired {count} times" for second, count in seconds.items() if count > 1)
    if seconds:
        expected = range(min(seconds), max(seconds) + 1, EVERY_S)
        yield from (f"the tick at {second} never fired" for second in expected if second not in seconds)
    else:
        yield "the schedule never ticked"
