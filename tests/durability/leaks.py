"""Law L8 for what lies in a database: everything that is left behind there, found by plain reading of the tables; and
one leak of each kind, made by hand. What lies elsewhere, such as actors and slots, is ``invariants.l8_left_over``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, Engine, text

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.persistence.records import WaitpointRecord
from flowray.persistence.records.triggers import FiringRecord, TriggerRecord
from flowray.persistence.writes import AnyResult, AnyWrite
from flowray.persistence.writes.callbacks import ClaimCallbacks, ClaimedCallbacks, SettleCallback
from flowray.persistence.writes.limits import LimitAsk, SaveLimit, ShareLimits
from flowray.persistence.writes.metadata import ChangeMetadata, MetadataOperation
from flowray.persistence.writes.triggers import FireTrigger, SaveTrigger, SettleFiring
from flowray.persistence.writes.waitpoints import CompleteWaitpoint, CreateWaitpoint
from tests.persistence.samples import append, owned, owner, save

MAY_NAME = ("executions", "events", "node_logs", "snapshots", "inbox", "waitpoints", "callbacks")
"""Tables whose rows may name a stored value."""


def l8_leaks(engine: Engine, now: int, before: int, history_before: int) -> list[str]:
    """What is left behind from before ``before``, and of what is kept for history from before ``history_before``."""
    with engine.connect() as connection:
        found = [*_spent(connection, now, before, history_before), *_unnamed(connection, before)]
    return [f"L8: {wrong}" for wrong in found]


def _spent(connection: Connection, now: int, before: int, history_before: int) -> Iterator[str]:
    ended = ", ".join(f"'{status}'" for status in sorted(TERMINAL_EXECUTION))
    queries = {
        "a use of a limit that nobody has": (
            "SELECT id FROM limit_uses u WHERE asked_at < :before AND NOT EXISTS (SELECT 1 FROM owners o, executions e "
            "WHERE o.id = u.owner_id AND o.lease_until > :now AND e.id = u.execution_id "
            f"AND e.status NOT IN ({ended}))"
        ),
        "an old note of a change of metadata": "SELECT id FROM metadata_changes WHERE changed_at < :before",
        "an old callback": "SELECT id FROM callbacks WHERE status <> 'pending' AND next_at < :history",
        "an old firing": (
            "SELECT fire_key FROM trigger_firings f WHERE status NOT IN ('queued', 'starting') AND fired_at < :history"
            f" AND NOT EXISTS (SELECT 1 FROM executions e WHERE e.id = f.execution_id AND e.status NOT IN ({ended}))"
        ),
        "a shared waitpoint that is over": (
            "SELECT id FROM waitpoints WHERE execution_id IS NULL AND status <> 'open' AND completed_at < :history"
        ),
    }
    parameters = {"now": now, "before": before, "history": history_before}
    for what, query in queries.items():
        wanted = {name: value for name, value in parameters.items() if f":{name}" in query}
        for row in connection.execute(text(query), wanted):
            yield f"{what}: {row[0]}"


def _unnamed(connection: Connection, before: int) -> Iterator[str]:
    ended = text("SELECT id FROM executions WHERE ended_at < :before AND status <> 'crashed' AND root_id IS NULL")
    for its_id in connection.execute(ended, {"before": before}).scalars().all():
        values = connection.execute(
            text("SELECT id, data FROM payloads WHERE execution_id = :id AND created_at < :before"),
            {"id": its_id, "before": before},
        )
        stored = {row[0]: bytes(row[1]) for row in values}
        family = connection.execute(text("SELECT id FROM executions WHERE id = :id OR root_id = :id"), {"id": its_id})
        written = b"".join(_written(connection, member) for member in family.scalars().all())
        yield from (f"a stored value that nothing names: {name}" for name in sorted(_unreached(stored, written)))


def _unreached(stored: Mapping[str, bytes], written: bytes) -> set[str]:
    reached: set[str] = set()
    while True:
        known = written + b"".join(stored[name] for name in reached)
        now = {name for name in stored if name.encode() in known}
        if now == reached:
            return set(stored) - reached
        reached = now


def _written(connection: Connection, execution_id: str) -> bytes:
    parts = []
    for table in MAY_NAME:
        key = "id" if table == "executions" else "execution_id"
        for row in connection.execute(text(f"SELECT * FROM {table} WHERE {key} = :id"), {"id": execution_id}):
            parts += [value if isinstance(value, bytes) else str(value).encode() for value in row]
    return b"".join(parts)


# -- made by hand -------------------------------------------------------------------------------------------------

Commit = Callable[[Sequence[AnyWrite]], list[AnyResult]]


def leak(commit: Commit) -> None:
    """One of each of what is spent, of an execution ``e1`` that has ended; by the store's clock all of it is of now."""
    end = append(count=1, changes={"status": "completed", "ended_at": 1}, release=True)
    asked = {"url": "https://example.org", "events": ["completed"]}
    commit([owner(lease_ms=3_600_000), owned(status="running", callback=asked), SaveLimit(name="api", concurrency=1)])
    commit([ShareLimits(owner_id="o1", asks=(LimitAsk("use", "e1", "a", 1, ("api",), 0),))])
    commit([ChangeMetadata(id="change", execution_id="e1", operations=(MetadataOperation("set", "k", 1),)), end])
    leak_callback(commit)
    leak_waitpoint(commit)
    leak_firing(commit)


def leak_callback(commit: Commit) -> None:
    """The callback of ``e1`` is delivered."""
    (claimed,) = commit([ClaimCallbacks(claim_id="claim")])
    assert isinstance(claimed, ClaimedCallbacks)
    commit([SettleCallback(id=row.id, claim_id="claim", status="delivered") for row in claimed.claims])


def leak_waitpoint(commit: Commit, name: str = "sign") -> None:
    """A shared waitpoint is created and answered."""
    record: dict[str, Any] = {"execution_id": None, "kind": "shared", "status": "open", "created_at": 1, "name": name}
    its_id = f"wp:default/{name}"
    commit([CreateWaitpoint(record=WaitpointRecord(id=its_id, token=name, token_hash=name, **record))])
    commit([CompleteWaitpoint(id=its_id, completion_id="c", data=1)])


def leak_firing(commit: Commit, execution_id: str = "e1") -> None:
    """A firing of a trigger that looks at earlier ones, and never fires again."""
    trigger = TriggerRecord(id="t1", workflow_id="wf", kind="webhook", config={}, enabled=True)
    commit([save(), SaveTrigger(record=trigger)])
    row = FiringRecord(trigger_id="t1", fire_key="k", execution_id=execution_id)
    commit([FireTrigger(trigger_id="t1", firings=(row,), overlap="skip")])
    commit([SettleFiring(trigger_id="t1", fire_key="k", status="started")])
