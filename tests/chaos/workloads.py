"""The kinds of executions of a chaos run: what is started, with which options, and what must come of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from flowray.client import Client
from tests.chaos import behaviours, definitions
from tests.chaos.asked import Behave, Start
from tests.chaos.definitions import EVENT, STEPS
from tests.durability.effects import Effects

Outputs = Callable[[str], dict[str, Any]]
Options = Callable[[random.Random], dict[str, Any]]


def once(client: Client, start: Start) -> Iterator[str]:
    """One execution."""
    yield start.send(client).id


def thrice(client: Client, start: Start) -> Iterator[str]:
    """Three executions of the same."""
    for number in range(3):
        yield start.send(client, number).id


def racing(client: Client, start: Start) -> Iterator[str]:
    """Three at once with the same idempotency key, and one more: all are told of the same execution."""
    with ThreadPoolExecutor(3) as threads:
        started = list(threads.map(lambda _: start.send(client).id, range(3)))
    yield from sorted({*started, start.send(client).id})


def fired(client: Client, start: Start) -> Iterator[str]:
    """Told of an event that a trigger waits for, twice: it fires once."""
    told = [client.triggers.deliver(EVENT, {"key": start.key}, key=start.key) for _ in range(2)]
    yield from sorted({firing.execution_id for delivery in told for firing in delivery.fired if firing.execution_id})


@dataclass(frozen=True)
class Workload:
    """A kind of execution. ``start`` gives the ids of what was acknowledged, of which there must be ``count``.

    ``outputs``, by the prefix, if it is known what they will be. ``calls_back``: its end is told to a receiver.
    """

    kind: str
    definition: Callable[[Effects, str], dict[str, Any]]
    behave: Behave = behaviours.leave
    outputs: Outputs | None = None
    options: Options = lambda chance: {}
    start: Callable[[Client, Start], Iterator[str]] = once
    count: int = 1
    may_end: frozenset[str] = frozenset({"completed"})
    calls_back: bool = False


def _ends_with(last: str) -> Outputs:
    return lambda prefix: {"last": f"{prefix}-{last}"}


def _in_turn(chance: random.Random) -> dict[str, Any]:
    """Some key, and some priority."""
    return {"concurrency_key": chance.choice("abc"), "priority": chance.randrange(-60, 60)}


def _later(chance: random.Random) -> dict[str, Any]:
    """A delay of some seconds."""
    return {"delay_ms": chance.randrange(500, 6_000)}


STOPPED = frozenset({"completed", "cancelled"})

WORKLOADS = (
    Workload("leave", definitions.chain, outputs=_ends_with(f"{STEPS - 1:02d}")),
    Workload("task", definitions.long_task, outputs=_ends_with("02")),
    Workload("fan", definitions.fan, behaviours.stream, _ends_with("0")),
    Workload("loop", definitions.loop, outputs=_ends_with(f"{STEPS - 1}")),
    Workload("talk", definitions.talk, behaviours.stream, _ends_with("told")),
    Workload("answer", definitions.ask, behaviours.answer, _ends_with("after"), calls_back=True),
    Workload("sleep", definitions.sleep, outputs=_ends_with("after")),
    Workload("call", definitions.call, behaviours.stream, _ends_with("after")),
    Workload("cancel", definitions.long_chain, behaviours.cancel, may_end=STOPPED, calls_back=True),
    Workload("interrupt", definitions.chain, behaviours.interrupt, _ends_with(f"{STEPS - 1:02d}")),
    Workload("queue", definitions.queued, outputs=_ends_with("01"), options=_in_turn),
    Workload("held queue", definitions.queued, behaviours.hold_queue, _ends_with("01"), _in_turn),
    Workload("delay", definitions.short_chain, outputs=_ends_with("01"), options=_later, calls_back=True),
    Workload("same key", definitions.short_chain, outputs=_ends_with("01"), start=racing),
    Workload("bulk", definitions.long_chain, behaviours.cancel_together, start=thrice, count=3, may_end=STOPPED),
    Workload("shared", definitions.await_shared, behaviours.answer_shared, _ends_with("after"), start=thrice, count=3),
    Workload("event", definitions.await_event, behaviours.tell_event, _ends_with("after")),
    Workload("trigger", definitions.short_chain, start=fired),
    Workload("limit", definitions.limited, outputs=_ends_with("0")),
    Workload("metadata", definitions.chain, behaviours.count, _ends_with(f"{STEPS - 1:02d}")),
)
