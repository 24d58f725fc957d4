"""What must hold after every fault scenario: invariants I1 to I6 and the laws L1, L2, L3, L7 and L8. Pure, but for L7.

Each check returns what is wrong, in words that name the invariant. A check that never found anything proves nothing:
``test_invariants.py`` shows each of them a violation made by hand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Engine, and_, exists, not_, or_, select

from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.persistence.database.tables import executions, inbox, is_active, node_logs, owners, waitpoints
from tests.durability.effects import Effect

Event = dict[str, Any]

WAITING = {ExecutionStatus.WAITING.value, ExecutionStatus.PAUSED.value}
NOT_STARTED = {ExecutionStatus.QUEUED.value, ExecutionStatus.DELAYED.value}


@dataclass(frozen=True)
class History:
    """One execution, as it can be seen from outside once its scenario is over.

    ``execution`` is the API's view, None if it does not know the id. ``logs`` are its events as each replica shows
    them; ``seen`` those that somebody was shown earlier, by seq. ``epochs`` are those of its commits, in order.
    ``answers``: what was acknowledged, by waitpoint.
    """

    id: str
    execution: dict[str, Any] | None
    logs: Sequence[Sequence[Event]] = ()
    seen: Mapping[int, Event] = field(default_factory=dict)
    epochs: Sequence[int] = ()
    effects: Sequence[Effect] = ()
    answers: Mapping[str, Any] = field(default_factory=dict)

    @property
    def events(self) -> Sequence[Event]:
        """The log as the first replica shows it."""
        return self.logs[0] if self.logs else ()

    @property
    def status(self) -> str:
        """Of the execution; empty if it is unknown."""
        return "" if self.execution is None else str(self.execution["status"])


def i1_starts_are_kept(history: History) -> Iterator[str]:
    """Every acknowledged start ends or waits."""
    if history.execution is None:
        yield "I1: its start was acknowledged, and nobody knows it"
    elif history.status not in TERMINAL_EXECUTION | WAITING | NOT_STARTED:
        yield f"I1: it neither ended nor waits, but is {history.status}"


def i2_outputs_stand(history: History) -> Iterator[str]:
    """A committed output never changes."""
    completed: dict[str, Event] = {}
    for event in history.events:
        if event["type"] != "node.completed":
            continue
        if event["instance"] in completed:
            yield f"I2: {event['instance']} completed at {completed[event['instance']]['seq']} and at {event['seq']}"
        completed[event["instance"]] = event
    for seq, event in history.seen.items():
        if event["type"] != "node.completed":
            continue
        now = completed.get(event["instance"])
        if now is None or now.get("output") != event.get("output"):
            found = None if now is None else now.get("output")
            yield f"I2: the output of {event['instance']} was {event.get('output')!r} at {seq}, and is {found!r}"


def i3_effects_have_attempts(history: History) -> Iterator[str]:
    """Effects are at most as many as attempts, and at least one for each completed node that had to have one."""
    attempts = _attempts(history)
    calls = Counter(effect.instance for effect in history.effects)
    for instance, count in calls.items():
        if count > attempts[instance]:
            yield f"I3: {instance} had its effect {count} times in {attempts[instance]} attempts"
    for event in history.events:
        if event["type"] == "node.completed" and not event.get("handled_error") and not calls[event["instance"]]:
            started = _starts(history)[event["instance"]]
            if started and all(start.get("node_type") == "http" for start in started):
                yield f"I3: {event['instance']} completed without its effect"


def i4_answers_count_once(history: History) -> Iterator[str]:
    """An acknowledged completion is consumed exactly once, as it was given, unless its execution ended before."""
    closed: dict[str, list[Event]] = defaultdict(list)
    for event in history.events:
        if event["type"] == "waitpoint.closed" and event["status"] == "completed":
            closed[event["waitpoint"]].append(event)
    for waitpoint, events in closed.items():
        if len(events) > 1:
            yield f"I4: {waitpoint} was completed {len(events)} times"
    for waitpoint, data in history.answers.items():
        found = closed.get(waitpoint.partition(":")[2] or waitpoint, [])
        if not found and history.status in {"completed", *WAITING}:
            yield f"I4: the answer to {waitpoint} was acknowledged and not consumed"
        elif found and found[0].get("data") != data:
            yield f"I4: {waitpoint} was answered {data!r}; what counts is {found[0].get('data')!r}"


def i5_epochs_rise(history: History) -> Iterator[str]:
    """Nobody writes under a lower epoch after somebody wrote under a higher one."""
    for before, after in zip(history.epochs, history.epochs[1:], strict=False):
        if after < before:
            yield f"I5: epoch {after} wrote after epoch {before}"


def i6_everything_finishes(history: History) -> Iterator[str]:
    """Once the faults have stopped, nothing is left but what waits for somebody or some time."""
    if history.execution is None or history.status in TERMINAL_EXECUTION | NOT_STARTED:
        return
    if history.status not in WAITING:
        yield f"I6: it is still {history.status}"
    elif not history.execution["waiting_for"] and history.execution.get("pause") is None:
        yield f"I6: it is {history.status}, and waits for nothing"


def l2_effects_have_tries(history: History) -> Iterator[str]:
    """A key is new only after a failure that was received, never after a lost outcome."""
    received = Counter(
        event["instance"] for event in history.events if event["type"] == "node.retrying" and not event.get("lost")
    )
    tries: dict[str, set[int]] = defaultdict(set)
    for effect in history.effects:
        tries[effect.instance].add(effect.tries)
    for instance, found in tries.items():
        if found - set(range(1, received[instance] + 2)):
            yield f"L2: {instance} had tries {sorted(found)} after {received[instance]} received failures"


def l3_logs_are_contiguous(history: History) -> Iterator[str]:
    """Every replica shows seq 1 to n, the same for ever."""
    for number, log in enumerate(history.logs):
        seqs = [event["seq"] for event in log]
        if seqs != list(range(1, len(seqs) + 1)):
            yield f"L3: replica {number} shows {_gaps(seqs)}"
        if list(log) != list(history.events):
            yield f"L3: replica {number} shows another log than replica 0"
    now = {event["seq"]: event for event in history.events}
    for seq, event in history.seen.items():
        if now.get(seq) != event:
            yield f"L3: event {seq} was {event!r}, and is {now.get(seq)!r}"


CHECKS: tuple[Callable[[History], Iterator[str]], ...] = (
    i1_starts_are_kept, i2_outputs_stand, i3_effects_have_attempts, i4_answers_count_once, i5_epochs_rise,
    i6_everything_finishes, l2_effects_have_tries, l3_logs_are_contiguous,
)  # fmt: skip


def violations(history: History) -> list[str]:
    """Everything that is wrong with one execution."""
    return [f"{history.id}: {wrong}" for check in CHECKS for wrong in check(history)]


def l1_is_caused(effect: Effect, events: Sequence[Event]) -> str | None:
    """At the moment of an effect all that caused it is durable: ``events`` are what the log held then."""
    started = [event for event in events if event["type"] == "node.started" and event["instance"] == effect.instance]
    if not started:
        return f"L1: {effect.key} has its effect before its start is durable"
    if any(event["type"] == "node.completed" and event["instance"] == effect.instance for event in events):
        return f"L1: {effect.key} has its effect again although its result is durable"
    return None


def l7_stuck(engine: Engine, now_ms: int) -> list[str]:
    """Executions that nothing will ever move: one query (L7)."""
    with engine.connect() as connection:
        rows = connection.execute(stuck_query(now_ms)).all()
    return [f"{row.id}: L7: it is {row.status}, and nothing will move it" for row in rows]


def stuck_query(now_ms: int) -> Any:
    """Active executions without a running instance, a timer, an open waitpoint, an inbox row, a place in a queue, a
    requested pause, or an owner whose lease has ended.
    """
    e = executions.c
    live_owner = exists().where(owners.c.id == e.owner_id, owners.c.lease_until > now_ms)
    at_work = exists().where(
        node_logs.c.execution_id == e.id, node_logs.c.status.in_(["running", "waiting", "retrying"])
    )
    moved_by = or_(
        and_(live_owner, at_work),
        and_(e.owner_id.is_not(None), not_(live_owner)),
        and_(e.owner_id.is_(None), e.status.in_(sorted(NOT_STARTED))),
        e.wake_at.is_not(None),
        exists().where(waitpoints.c.execution_id == e.id, waitpoints.c.status == "open"),
        exists().where(inbox.c.execution_id == e.id, inbox.c.consumed_at.is_(None)),
        e.pause.is_not(None),
    )
    return select(e.id, e.status).where(is_active(), not_(moved_by)).order_by(e.id)


def l8_left_over(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """What is not back at its baseline: each resource by name, a number or a set of names (L8)."""
    found = []
    for name, baseline in before.items():
        if after[name] != baseline:
            found.append(f"L8: {name} was {baseline!r}, and is {after[name]!r}")
    return found


def _starts(history: History) -> dict[str, list[Event]]:
    starts: dict[str, list[Event]] = defaultdict(list)
    for event in history.events:
        if event["type"] == "node.started":
            starts[event["instance"]].append(event)
    return starts


def _attempts(history: History) -> Counter[str]:
    return Counter({instance: len(starts) for instance, starts in _starts(history).items()})


def _gaps(seqs: Sequence[int]) -> str:
    missing = sorted(set(range(1, max(seqs, default=0) + 1)) - set(seqs))
    twice = sorted(seq for seq, count in Counter(seqs).items() if count > 1)
    return f"{len(seqs)} events, without {missing[:10]}, twice {twice[:10]}, in the order {seqs[:5]}…"
