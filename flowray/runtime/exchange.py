"""An execution as one document, to take it to another database: plan, row, log, waitpoints, payloads. And back.

The log goes along, so that the state there is the same fold, streams replay it, and recovery needs nothing else. What
still moves cannot be taken along. Neither direction knows HTTP or who may do it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from itertools import groupby
from typing import Any, TypeVar

import msgspec

from flowray.engine.plan_index import PlanIndex
from flowray.engine.replay import replay
from flowray.engine.state import ExecutionState, next_wake
from flowray.engine.statuses import TERMINAL_EXECUTION, ExecutionStatus
from flowray.engine.versions import Steps, brought_up
from flowray.errors import ErrorCode, FlowrayError
from flowray.eventlog.log import RecordedEvent
from flowray.persistence.records import EventBatch, ExecutionRecord, InboxRecord, NodeLogRecord, Record, WaitpointRecord
from flowray.persistence.rows import from_row
from flowray.persistence.stores import Reader
from flowray.persistence.writes.imports import ImportExecution
from flowray.plan import plan_from_json, plan_hash, plan_to_json
from flowray.runtime.snapshots import load_state, snapshot_document
from flowray.values import encode_json

R = TypeVar("R", bound=Record)

FORMAT = "flowray.execution"
VERSION = 1

STEPS: Steps = {}
"""From each earlier version of the document, what makes the next one of it."""

INLINE_PAYLOAD_BYTES = 64 * 1024 * 1024
"""Of all payloads in a document. Those above are only named, and must be where the document goes."""

BATCH_EVENTS = 500
PAGE_ROWS = 200
TRIES = 5

_RESTING = TERMINAL_EXECUTION | {ExecutionStatus.WAITING, ExecutionStatus.PAUSED}

_NOT_TAKEN = frozenset(
    {
        "owner_id", "orchestrator_actor_id", "log_location", "snapshot_id", "idempotency_key", "request_hash",
        "callback", "wake_at", "workspace_id", "idempotency_expires_at",
    }
)  # fmt: skip
"""Fields of an execution's row that mean something only in its own database, or hold a secret."""


# -- export -------------------------------------------------------------------------------------------------------


def export_execution(reader: Reader, execution_id: str, now_ms: int) -> dict[str, Any]:
    """The document, all but the payloads. Raises NOT_FOUND, and CONFLICT for an execution that something still moves.

    Tokens are in it: who has it may answer.
    """
    for _ in range(TRIES):
        record = reader.execution_by_id(execution_id)
        if record is None:
            raise FlowrayError(ErrorCode.NOT_FOUND, f"there is no execution {execution_id[:200]!r}")
        document = _document(reader, record, now_ms)
        again = reader.execution_by_id(execution_id)
        if again is not None and (again.last_seq, again.epoch) == (record.last_seq, record.epoch):
            return document
    raise _moves(execution_id, "it keeps changing")


def _document(reader: Reader, record: ExecutionRecord, now_ms: int) -> dict[str, Any]:
    plan = reader.plan(record.plan_hash)
    if plan is None:
        raise FlowrayError(ErrorCode.NOT_FOUND, "the plan of this execution is no longer kept")
    index = PlanIndex(plan_from_json(plan))
    state = load_state(reader, record, index)
    _check_rests(record, state)
    row = {name: value for name, value in _json(record).items() if name not in _NOT_TAKEN}
    return {
        "format": FORMAT,
        "version": VERSION,
        "exported_at": now_ms,
        "snapshot": snapshot_document(record, index, state),
        "plan": msgspec.json.decode(plan),
        "execution": row,
        "events": [_json(batch) for batch in _batches(reader, record)],
        "node_logs": [_json(log) for log in _pages(lambda cursor: _logs(reader, record, cursor))],
        "inbox": [_json(request) for request in reader.inbox(record.id)],
        "waitpoints": [_json(found) for found in _pages(lambda cursor: _waits(reader, record, cursor))],
    }


def _check_rests(record: ExecutionRecord, state: ExecutionState) -> None:
    if record.status not in _RESTING:
        raise _moves(record.id, f"it is {record.status}")
    if state.running:
        raise _moves(record.id, f"{', '.join(sorted(state.running)[:5])} still runs")
    if state.waiting_kinds.get("child"):
        raise _moves(record.id, "it waits for another execution, which would stay behind")


def _moves(execution_id: str, why: str) -> FlowrayError:
    return FlowrayError(
        ErrorCode.CONFLICT,
        f"execution {execution_id!r} cannot be exported: {why}",
        details={"execution_id": execution_id},
        hint="pause it, and wait until nothing runs",
    )


def _batches(reader: Reader, record: ExecutionRecord) -> Iterator[EventBatch]:
    """The log up to the row's last event, in pieces without a gap."""
    after = 0
    while True:
        read = reader.events.read(record.id, after, BATCH_EVENTS)
        for _, run in groupby(enumerate(read), key=lambda numbered: numbered[1].seq - numbered[0]):
            events = [event for _, event in run if event.seq <= record.last_seq]
            if events:
                yield EventBatch(
                    execution_id=record.id, first_seq=events[0].seq, last_seq=events[-1].seq, epoch=record.epoch,
                    events=encode_json([_body(event) for event in events]),
                )  # fmt: skip
        if not read:
            return
        after = read[-1].seq


def _body(event: RecordedEvent) -> dict[str, Any]:
    return {"type": event.type, "ts": event.ts, **event.body}


def _logs(reader: Reader, record: ExecutionRecord, cursor: str | None) -> Any:
    return reader.node_logs(record.id, limit=PAGE_ROWS, cursor=cursor)


def _waits(reader: Reader, record: ExecutionRecord, cursor: str | None) -> Any:
    return reader.waitpoints(execution_id=record.id, limit=PAGE_ROWS, cursor=cursor, workspace_id=record.workspace_id)


def _pages(read: Callable[[str | None], Any]) -> Iterator[Record]:
    cursor: str | None = None
    while True:
        page = read(cursor)
        yield from page.data
        cursor = page.next_cursor
        if cursor is None:
            return


def _json(record: Record) -> dict[str, Any]:
    """A record as JSON; the events of a batch as they are, not as text."""
    decoded: dict[str, Any] = msgspec.to_builtins(record)
    if isinstance(record, EventBatch):
        decoded["events"] = msgspec.json.decode(record.events)
    return decoded


def choose_payloads(document: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Ids of the stored values that go into a document, and of those that are too large to."""
    row = document["execution"]
    prefix = f"{row.get('root_id') or row['id']}."
    inline: list[str] = []
    elsewhere: list[str] = []
    left = INLINE_PAYLOAD_BYTES
    for payload_id, size in sorted(_named(document).items()):
        # A value of a workflow could look like a descriptor of somebody else's.
        if payload_id.startswith(prefix):
            (inline if size <= left else elsewhere).append(payload_id)
            left -= size if size <= left else 0
    return inline, elsewhere


def with_payloads(document: dict[str, Any], inline: dict[str, bytes], elsewhere: list[str]) -> dict[str, Any]:
    """The whole document."""
    encoded = {its_id: base64.b64encode(data).decode() for its_id, data in inline.items()}
    return {**document, "payloads": encoded, "payloads_elsewhere": elsewhere}


def _named(value: Any) -> dict[str, int]:
    """Payload ids in a document, with their sizes."""
    found: dict[str, int] = {}
    pending = [value]
    while pending:
        part = pending.pop()
        if isinstance(part, dict):
            if part.get("$flowray") == "stored" and isinstance(part.get("payload_id"), str):
                found[part["payload_id"]] = int(part.get("bytes") or 0)
            pending.extend(part.values())
        elif isinstance(part, list | tuple):
            pending.extend(part)
    return found


# -- import -------------------------------------------------------------------------------------------------------


class Incoming(msgspec.Struct, frozen=True):
    """An execution to import. ``payloads`` by id are to be durable before ``write`` commits (R34), those
    ``elsewhere`` must be there already. ``payload_owner``: under whose id they are kept."""

    write: ImportExecution
    payload_owner: str
    payloads: dict[str, bytes]
    elsewhere: tuple[str, ...]


def read_document(document: Any) -> Incoming:
    """What a document brings. Raises INVALID_REQUEST for what is none or does not hold together, UNSUPPORTED_VERSION
    for one that a newer flowray wrote. Its log is folded to see that it leads somewhere."""
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise _invalid(f"it is no document of the format {FORMAT!r}")
    document = brought_up(document, "document", VERSION, STEPS)
    try:
        return _incoming(document)
    except (msgspec.MsgspecError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
        raise _invalid(f"{type(error).__name__}: {error}") from error


def _incoming(document: dict[str, Any]) -> Incoming:
    plan = plan_from_json(msgspec.json.encode(document["plan"]))
    row = document["execution"]
    if plan_hash(plan) != row["plan_hash"]:
        raise ValueError("the plan is not the one that the execution runs")
    batches = tuple(_batch(entry) for entry in document["events"])
    state = replay(PlanIndex(plan), [batch.events for batch in batches])
    record = _record(row, state)
    if not batches or batches[-1].last_seq != record.last_seq or state.status != record.status:
        raise ValueError("the log does not lead to the state of the execution")
    write = ImportExecution(
        record=record,
        plan=plan_to_json(plan),
        batches=batches,
        node_logs=tuple(_converted(NodeLogRecord, entry) for entry in document["node_logs"]),
        inbox=tuple(_converted(InboxRecord, entry) for entry in document["inbox"]),
        waitpoints=tuple(_converted(WaitpointRecord, entry) for entry in document["waitpoints"]),
    )
    _check_belongs(write)
    payloads = {its_id: base64.b64decode(text, validate=True) for its_id, text in document["payloads"].items()}
    return Incoming(write, record.payload_owner, payloads, tuple(document["payloads_elsewhere"]))


def _record(row: dict[str, Any], state: ExecutionState) -> ExecutionRecord:
    taken = {name: value for name, value in row.items() if name not in _NOT_TAKEN}
    resting = state.status not in TERMINAL_EXECUTION
    return _converted(ExecutionRecord, {**taken, "wake_at": next_wake(state) if resting else None})


def _converted(kind: type[R], entry: Any) -> R:
    """A record whose fields have the right types, in the form in which stores give it."""
    checked = msgspec.convert(entry, kind)
    return from_row(kind, msgspec.structs.asdict(checked))


def _batch(entry: dict[str, Any]) -> EventBatch:
    events = entry["events"]
    if not isinstance(events, list) or entry["last_seq"] - entry["first_seq"] + 1 != len(events):
        raise ValueError("a part of the log does not have the events that it says")
    return msgspec.structs.replace(msgspec.convert({**entry, "events": ""}, EventBatch), events=encode_json(events))


def _check_belongs(write: ImportExecution) -> None:
    its_id = write.record.id
    parts: list[EventBatch | NodeLogRecord | InboxRecord | WaitpointRecord] = [
        *write.batches, *write.node_logs, *write.inbox, *write.waitpoints,
    ]  # fmt: skip
    for part in parts:
        if part.execution_id != its_id:
            raise ValueError(f"it holds parts of the execution {part.execution_id!r}, too")


def _invalid(why: str) -> FlowrayError:
    return FlowrayError(ErrorCode.INVALID_REQUEST, f"the document cannot be imported: {why}"[:1_000])


def as_new(incoming: Incoming, now_ms: int) -> Incoming:
    """The same under an epoch above all that it may have had here already, before it was deleted: those who drove it
    take only what goes further than they have been."""
    record = msgspec.structs.replace(incoming.write.record, epoch=max(incoming.write.record.epoch, now_ms))
    return msgspec.structs.replace(incoming, write=msgspec.structs.replace(incoming.write, record=record))


def is_the_same(reader: Reader, incoming: Incoming) -> bool:
    """Whether the execution that has this id here began as the imported one: then it has been imported before."""
    wanted = [event for batch in incoming.write.batches for event in msgspec.json.decode(batch.events)]
    here: list[dict[str, Any]] = []
    after = 0
    while len(here) < len(wanted) and (read := reader.events.read(incoming.write.record.id, after)):
        here.extend(_body(event) for event in read)
        after = read[-1].seq
    return here[: len(wanted)] == wanted
