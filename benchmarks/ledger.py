"""The rows that runs have left, read from the server's own database: what decides whether a figure counts. Measures
nothing, and asks no server.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func, select

from benchmarks.workloads import Definition, broken
from flowray.bootstrap import open_engine
from flowray.persistence.database.engine import is_postgresql, reading
from flowray.persistence.database.tables import executions
from flowray.persistence.records import ExecutionRecord, NodeLogRecord, Page
from flowray.persistence.sql.reader import SqlReader
from flowray.persistence.stores import Reader
from flowray.settings import Settings
from flowray.values import as_value

_PAGE = 500
_EVENTS = 1_000
_POSTGRES_FACTS = ("server_version", "fsync", "synchronous_commit", "full_page_writes")


def problem_of(
    reader: Reader,
    record: ExecutionRecord,
    definition: Definition,
    expected: Any,
    ran: Collection[str] | None = None,
) -> str:
    """Why an execution does not count, or "": it has completed, every event and every node log is there once, the
    outputs are right. ``ran``: as for ``workloads.broken``.
    """
    if record.status != "completed":
        return f"{record.id} ended {record.status}: {record.error}"
    events = events_of(reader, record.id)
    if len(events) != record.last_seq:
        return f"{len(events)} events of {record.last_seq}"
    logs = [{"status": log.status} for log in node_logs(reader, record.id)]
    return broken(events, logs, definition, as_value(record.outputs), expected, ran)


def seconds_of(records: Sequence[ExecutionRecord]) -> float:
    """From the first start's commit to the last terminal event."""
    began = min(record.created_at for record in records)
    return (max(record.ended_at or began for record in records) - began) / 1_000


def events_of(reader: Reader, execution_id: str) -> list[dict[str, Any]]:
    """All of one execution."""
    found: list[dict[str, Any]] = []
    while True:
        page = reader.events.read(execution_id, found[-1]["seq"] if found else 0, _EVENTS)
        found += [{**event.body, "seq": event.seq, "type": event.type, "ts": event.ts} for event in page]
        if len(page) < _EVENTS:
            return found


def node_logs(reader: Reader, execution_id: str) -> list[NodeLogRecord]:
    """All of one execution."""
    return _whole(lambda cursor: reader.node_logs(execution_id, limit=_PAGE, cursor=cursor))


def _whole(page_at: Callable[[str | None], Page]) -> list[Any]:
    """What all pages of a listing hold."""
    found: list[Any] = []
    cursor = None
    while True:
        page = page_at(cursor)
        found += page.data
        cursor = page.next_cursor
        if cursor is None:
            return found


class Ledger:
    """One server's database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.reader = SqlReader(engine)

    @classmethod
    @contextmanager
    def of(cls, state_dir: Path, database_url: str | None) -> Iterator[Ledger]:
        """The database of a server with this state folder, or at this URL."""
        engine = open_engine(Settings(state_dir=state_dir, database_url=database_url))
        try:
            yield cls(engine)
        finally:
            engine.dispose()

    def facts(self) -> dict[str, Any]:
        """What its durability hangs on, as the database itself reports it; the server says its own mode."""
        if not is_postgresql(self._engine):
            return {}
        with reading(self._engine).connect() as connection:
            shown = {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in _POSTGRES_FACTS}
        off = [name for name in ("fsync", "full_page_writes") if shown[name] != "on"]
        mode = {"durability_mode": f"PostgreSQL with {' and '.join(off)} off"} if off else {}
        return {"postgresql": shown, **mode}

    def ended(self, batch_id: str) -> int:
        """How many executions of a batch have ended. One SELECT, so that looking on costs the server little."""
        columns = executions.c
        statement = (
            select(func.count())
            .select_from(executions)
            .where(columns.batch_id == batch_id, columns.ended_at.is_not(None))
        )
        with reading(self._engine).connect() as connection:
            return int(connection.execute(statement).scalar_one())

    def records(self, batch_id: str) -> list[ExecutionRecord]:
        """All executions of a batch."""
        return _whole(lambda cursor: self.reader.executions(batch_id=batch_id, limit=_PAGE, cursor=cursor))

    def record(self, execution_id: str) -> ExecutionRecord | None:
        """One execution."""
        return self.reader.execution_by_id(execution_id)

    def problem(self, records: Sequence[ExecutionRecord], definition: Definition, expected: Any, count: int = 1) -> str:
        """Why these executions, of which there should be ``count``, do not count, or ""."""
        if len(records) != count:
            return f"{len(records)} executions, not {count}"
        for record in records:
            problem = problem_of(self.reader, record, definition, expected)
            if problem:
                return problem
        return ""
