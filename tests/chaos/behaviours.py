"""How the clients of a chaos run behave after a start: leave, stream, answer, cancel, pause, tell of events."""

from __future__ import annotations

import random
import time
from functools import partial
from typing import Any

from flowray import wire
from flowray.client import Client
from flowray.errors import ErrorCode, FlowrayError
from tests.chaos.asked import PATIENCE_S, Asked, as_seen, insist
from tests.chaos.definitions import QUEUE


def leave(client: Client, asked: Asked, chance: random.Random) -> None:
    """Start and go away."""


def stream(client: Client, asked: Asked, chance: random.Random) -> None:
    """Follow the stream to its end, across every broken connection; note each event."""
    for event in client.stream_events(asked.id):
        seen = as_seen(event)
        if event.seq in asked.seen:
            asked.seen[-event.seq] = seen  # doubled: the check finds a seq that no log has
        asked.seen[event.seq] = seen


def answer(client: Client, asked: Asked, chance: random.Random) -> None:
    """Wait for the question, then answer it; sometimes twice, with different words."""
    waitpoint = _question(client, asked)
    if waitpoint is None or waitpoint.token is None:
        return
    token = waitpoint.token
    for words in (["yes"], ["yes", "no"])[chance.random() < 0.3]:
        completion = insist(partial(client.waitpoints.complete, token, words))
        asked.answers[waitpoint.waitpoint_id] = completion.data


def _question(client: Client, asked: Asked) -> wire.Waitpoint | None:
    """Its waitpoint, once it is open; None if it has ended without."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        found = insist(lambda: client.waitpoints.list(execution_id=asked.id)).data
        if found:
            return found[0]
        if insist(lambda: client.executions.get(asked.id)).status in ("completed", "failed", "crashed", "cancelled"):
            return None
        time.sleep(0.3)
    return None


def cancel(client: Client, asked: Asked, chance: random.Random) -> None:
    """Stop it somewhere on its way; what was acknowledged stays so."""
    time.sleep(chance.uniform(0, 2.5))
    try:
        client.executions.cancel(asked.id)
    except FlowrayError as error:
        if error.code is ErrorCode.EXECUTION_ENDED:
            asked.may_end = {"completed"}
        return
    asked.may_end = {"cancelled"}


def cancel_together(client: Client, asked: Asked, chance: random.Random) -> None:
    """Stop all that were started together by their label; none of the others may be meant."""
    time.sleep(chance.uniform(0, 2.5))
    ours = {one.id: one for one in asked.together}
    for item in client.bulk.cancel({"labels": {"run": asked.prefix}}):
        if item.id not in ours:
            asked.broken.append(f"a bulk cancel by label meant {item.id}, which has another label")
        elif item.outcome == "cancelling":
            ours[item.id].may_end = {"cancelled"}


def interrupt(client: Client, asked: Asked, chance: random.Random) -> None:
    """Pause it, look away, let it go on."""
    time.sleep(chance.uniform(0, 1.5))
    try:
        client.executions.pause(asked.id)
        time.sleep(chance.uniform(0, 3))
    finally:
        _resume(client, asked)


def _resume(client: Client, asked: Asked) -> None:
    """Whether the pause was taken or not: it must not stay paused for want of a word."""
    while True:
        try:
            execution: wire.Execution = client.executions.resume(asked.id)
        except FlowrayError as error:
            if error.code in (ErrorCode.EXECUTION_ENDED, ErrorCode.CONFLICT):
                return
            time.sleep(0.5)
            continue
        if execution.status != "paused":
            return
        time.sleep(0.2)


def hold_queue(client: Client, asked: Asked, chance: random.Random) -> None:
    """Pause the queue for a moment; it must not stay so for want of a word."""
    try:
        client.queues.pause(QUEUE)
        time.sleep(chance.uniform(0, 2))
    finally:
        insist(lambda: client.queues.resume(QUEUE))


def answer_shared(client: Client, asked: Asked, chance: random.Random) -> None:
    """Create the shared waitpoint that it waits for, before or after the wait begins; answer it, sometimes twice."""
    time.sleep(chance.uniform(0, 2))
    made = insist(lambda: client.waitpoints.create(name=asked.prefix, idempotency_key=asked.prefix))
    token = made.token or ""
    first = insist(lambda: client.waitpoints.complete(token, {"go": asked.prefix}))
    again = insist(lambda: client.waitpoints.complete(token, {"go": "elsewhere"})) if chance.random() < 0.3 else first
    for completion in (first, again):
        if completion.data != {"go": asked.prefix}:
            asked.broken.append(f"I4: a shared waitpoint's first answer is {completion.data!r}")


def tell_event(client: Client, asked: Asked, chance: random.Random) -> None:
    """Once it waits for its event, tell of it, sometimes twice."""
    if _question(client, asked) is None:
        return
    for _ in range(chance.choice((1, 2))):
        insist(lambda: client.triggers.deliver(asked.prefix, {"told": True}, key=asked.prefix))


def count(client: Client, asked: Asked, chance: random.Random) -> None:
    """Change its metadata some times: each acknowledged change counts once."""
    done = 0
    for number in range(3):
        operation: dict[str, Any] = {"op": "increment", "key": "count", "value": 1}
        key = f"{asked.prefix}-{number}"
        insist(partial(client.executions.change_metadata, asked.id, operation, idempotency_key=key))
        done += 1
    found = insist(lambda: client.executions.get(asked.id)).metadata.get("count")
    if found != done:
        asked.broken.append(f"its metadata was incremented {done} times and says {found}")
