"""Reads from a SQL database: records, listings and logs. Writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Engine, Select, Table, desc, func, select, tuple_

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.eventlog.log import RecordedEvent, number_events
from flowray.persistence.callbacks.sql import SqlCallbacks
from flowray.persistence.connections.sql import SqlConnections
from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.database.engine import clock_ms, query, reading
from flowray.persistence.database.json_text import holds_pair, holds_text
from flowray.persistence.database.tables import (
    events,
    executions,
    inbox,
    node_logs,
    owners,
    plans,
    snapshots,
    waitpoints,
    workflow_versions,
    workflows,
)
from flowray.persistence.inbox.sql import UNCONSUMED
from flowray.persistence.knowledge.sql_reader import SqlKnowledge
from flowray.persistence.limits.sql import SqlLimits
from flowray.persistence.queues.sql_reader import SqlQueues
from flowray.persistence.records import (
    DEFAULT_WORKSPACE,
    ExecutionRecord,
    InboxRecord,
    NodeLogRecord,
    OwnerRecord,
    Page,
    Record,
    SnapshotRecord,
    WaitpointRecord,
    WorkflowRecord,
)
from flowray.persistence.retention.sql_upkeep import SqlUpkeep
from flowray.persistence.rows import from_row
from flowray.persistence.sql.owners import count_claimable
from flowray.persistence.sql.shared_children import SqlSharedChildren
from flowray.persistence.triggers.sql_reader import SqlTriggerReader
from flowray.persistence.waitpoints.sql import due_waitpoints, of_workflow
from flowray.persistence.workflow_memory.sql import SqlWorkflowMemory

R = TypeVar("R", bound=Record)
T = TypeVar("T")


class SqlEventLog:
    """An EventLog over the table of events."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)

    def read(self, execution_id: str, after: int = 0, limit: int = 1_000) -> list[RecordedEvent]:
        recorded: list[RecordedEvent] = []
        for first_seq, batch in self._batches(execution_id, after, limit):
            recorded.extend(event for event in number_events(first_seq, batch) if event.seq > after)
            if len(recorded) >= limit:
                break
        return recorded

    def read_raw(self, execution_id: str, after: int = 0) -> Sequence[bytes]:
        return [batch for _, batch in self._batches(execution_id, after, None)]

    def _batches(self, execution_id: str, after: int, limit: int | None) -> list[tuple[int, bytes]]:
        # Every batch holds at least one event, so ``limit`` batches always suffice.
        statement = (
            select(events.c.first_seq, events.c.events)
            .where(events.c.execution_id == execution_id, events.c.last_seq > after)
            .order_by(events.c.last_seq)
            .limit(limit)
        )
        return query(
            self._engine,
            "read the event log",
            lambda connection: [(row.first_seq, bytes(row.events)) for row in connection.execute(statement)],
        )


class SqlReader:
    """A Reader over the tables. Thread-safe: each call takes a connection from the pool."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)
        self.events = SqlEventLog(engine)
        self.memory = SqlWorkflowMemory(engine)
        self.upkeep = SqlUpkeep(engine)
        self.knowledge = SqlKnowledge(engine)
        self.limits = SqlLimits(engine)
        self.connections = SqlConnections(engine)
        self.callbacks = SqlCallbacks(engine)
        self.shared_children = SqlSharedChildren(engine)
        self.queues = SqlQueues(engine)
        self.triggers = SqlTriggerReader(engine)

    # -- one thing ------------------------------------------------------------------------------------------------

    def workflow(self, workflow_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> WorkflowRecord | None:
        return self._one(
            WorkflowRecord,
            select(workflows).where(workflows.c.workspace_id == workspace_id, workflows.c.id == workflow_id),
        )

    def workflow_version(
        self, workflow_id: str, version: int, workspace_id: str = DEFAULT_WORKSPACE
    ) -> WorkflowRecord | None:
        columns = workflow_versions.c
        return self._one(
            WorkflowRecord,
            select(workflow_versions, columns.workflow_id.label("id"), columns.created_at.label("updated_at")).where(
                columns.workspace_id == workspace_id, columns.workflow_id == workflow_id, columns.version == version
            ),
        )

    def plan(self, plan_hash: str) -> bytes | None:
        statement = select(plans.c.plan).where(plans.c.hash == plan_hash)
        found = self._read("a plan", lambda connection: connection.execute(statement).scalar_one_or_none())
        return None if found is None else bytes(found)

    def execution(self, execution_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> ExecutionRecord | None:
        return self._one(
            ExecutionRecord,
            select(executions).where(executions.c.id == execution_id, executions.c.workspace_id == workspace_id),
        )

    def execution_by_id(self, execution_id: str) -> ExecutionRecord | None:
        return self._one(ExecutionRecord, select(executions).where(executions.c.id == execution_id))

    def executions_by_ids(self, execution_ids: Sequence[str]) -> list[ExecutionRecord]:
        return self._all(ExecutionRecord, select(executions).where(executions.c.id.in_(execution_ids)))

    def node_log(self, execution_id: str, log_id: str) -> NodeLogRecord | None:
        return self._one(
            NodeLogRecord,
            select(node_logs).where(node_logs.c.execution_id == execution_id, node_logs.c.id == log_id),
        )

    # -- listings -------------------------------------------------------------------------------------------------

    def workflows(self, *, limit: int = 50, cursor: str | None = None, workspace_id: str = DEFAULT_WORKSPACE) -> Page:
        conditions = [workflows.c.workspace_id == workspace_id]
        return self._newest_first(WorkflowRecord, workflows, conditions, limit, cursor)

    def executions(
        self,
        *,
        status: Sequence[str] = (),
        workflow_id: str | None = None,
        batch_id: str | None = None,
        parent_id: str | None = None,
        created_after: int | None = None,
        created_before: int | None = None,
        labels: Mapping[str, str] | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        columns = executions.c
        conditions: list[ColumnElement[bool]] = [columns.workspace_id == workspace_id]
        if status:
            conditions.append(columns.status.in_(status))
        if workflow_id is not None:
            conditions.append(columns.workflow_id == workflow_id)
        if batch_id is not None:
            conditions.append(columns.batch_id == batch_id)
        if parent_id is not None:
            conditions.append(columns.parent_id == parent_id)
        if created_after is not None:
            conditions.append(columns.created_at > created_after)
        if created_before is not None:
            conditions.append(columns.created_at < created_before)
        conditions += [holds_pair(columns.labels, name, value) for name, value in (labels or {}).items()]
        return self._newest_first(ExecutionRecord, executions, conditions, limit, cursor)

    def node_logs(
        self,
        execution_id: str,
        *,
        node_id: str | None = None,
        status: str | None = None,
        limit: int = 100,
        cursor: str | None = None,
    ) -> Page:
        columns = node_logs.c
        listing = f"node_logs {execution_id}"
        statement = select(node_logs).where(columns.execution_id == execution_id)
        if node_id is not None:
            statement = statement.where(columns.node_id == node_id)
        if status is not None:
            statement = statement.where(columns.status == status)
        if (key := decode_cursor(listing, cursor)) is not None:
            statement = statement.where(tuple_(columns.seq, columns.id) > tuple_(*key))
        rows = self._all(NodeLogRecord, statement.order_by(columns.seq, columns.id).limit(limit + 1))
        return cut_page(listing, rows, limit, lambda record: (record.seq, record.id))

    def inbox(self, execution_id: str) -> list[InboxRecord]:
        rows = self._read(
            "an inbox", lambda connection: connection.execute(UNCONSUMED, {"ids": [execution_id]}).mappings().all()
        )
        return [from_row(InboxRecord, row) for row in rows]

    def inbox_row(self, execution_id: str, row_id: str) -> InboxRecord | None:
        return self._one(InboxRecord, select(inbox).where(inbox.c.execution_id == execution_id, inbox.c.id == row_id))

    def first_received(self, execution_ids: Collection[str], prefix: str) -> dict[str, int]:
        mine = inbox.c.execution_id.in_(execution_ids), inbox.c.id.startswith(prefix, autoescape=True)
        first = select(inbox.c.execution_id, func.min(inbox.c.received_at)).where(*mine).group_by(inbox.c.execution_id)
        rows = self._read("inboxes", lambda connection: connection.execute(first).all())
        return {row[0]: row[1] for row in rows}

    def waitpoint(self, waitpoint_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> WaitpointRecord | None:
        statement = select(waitpoints).where(waitpoints.c.id == waitpoint_id)
        return self._one(WaitpointRecord, statement.where(waitpoints.c.workspace_id == workspace_id))

    def waitpoint_by_token(self, token_hash: str) -> WaitpointRecord | None:
        return self._one(WaitpointRecord, select(waitpoints).where(waitpoints.c.token_hash == token_hash))

    def waitpoints(
        self,
        *,
        status: str | None = None,
        execution_id: str | None = None,
        workflow_id: str | None = None,
        kind: str | None = None,
        tag: str | None = None,
        source: str | None = None,
        expires_before: int | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        conditions = [waitpoints.c.workspace_id == workspace_id]
        wanted = {"status": status, "execution_id": execution_id, "kind": kind, "source": source}
        conditions += [waitpoints.c[name] == value for name, value in wanted.items() if value is not None]
        if workflow_id is not None:
            conditions.append(of_workflow(workflow_id))
        if tag is not None:
            conditions.append(holds_text(waitpoints.c.tags, tag))
        if expires_before is not None:
            conditions.append(waitpoints.c.expires_at < expires_before)
        return self._newest_first(WaitpointRecord, waitpoints, conditions, limit, cursor)

    def due_waitpoints(self) -> list[str]:
        return self._ids("the shared waitpoints whose time is up", due_waitpoints(clock_ms(self._engine)))

    def snapshot(self, snapshot_id: str) -> SnapshotRecord | None:
        return self._one(SnapshotRecord, select(snapshots).where(snapshots.c.id == snapshot_id))

    def executions_owned_by(self, owner_id: str) -> list[str]:
        return self._ids(
            "what an owner owns",
            select(executions.c.id).where(
                executions.c.owner_id == owner_id, executions.c.status.not_in([*TERMINAL_EXECUTION])
            ),
        )

    def descendants(self, root_id: str) -> int:
        statement = select(func.count(executions.c.id)).where(executions.c.root_id == root_id)
        return self._read("the descendants", lambda connection: int(connection.execute(statement).scalar_one()))

    def unread_inboxes(self, owner_id: str) -> list[str]:
        joined = inbox.join(executions, inbox.c.execution_id == executions.c.id)
        return self._ids(
            "unread inboxes",
            select(inbox.c.execution_id)
            .select_from(joined)
            .where(executions.c.owner_id == owner_id, inbox.c.consumed_at.is_(None))
            .distinct(),
        )

    # -- owners ---------------------------------------------------------------------------------------------------

    def owners(self) -> list[OwnerRecord]:
        alive = select(owners).where(owners.c.lease_until > clock_ms(self._engine)).order_by(owners.c.id)
        return self._all(OwnerRecord, alive)

    def claimable(self, suspects: bool = False) -> int:
        return self._read("what can be claimed", lambda connection: count_claimable(connection, suspects))

    def now_ms(self) -> int:
        statement = select(clock_ms(self._engine))
        return self._read("the database's clock", lambda connection: int(connection.execute(statement).scalar_one()))

    # -- how ------------------------------------------------------------------------------------------------------

    def _read(self, what: str, read: Callable[[Connection], T]) -> T:
        return query(self._engine, f"read {what}", read)

    def _ids(self, what: str, statement: Select[Any]) -> list[str]:
        return self._read(what, lambda connection: [str(found) for found in connection.execute(statement).scalars()])

    def _one(self, kind: type[R], statement: Select[Any]) -> R | None:
        row = self._read(kind.__name__, lambda connection: connection.execute(statement).mappings().one_or_none())
        return None if row is None else from_row(kind, row)

    def _all(self, kind: type[R], statement: Select[Any]) -> list[R]:
        rows = self._read(kind.__name__, lambda connection: connection.execute(statement).mappings().all())
        return [from_row(kind, row) for row in rows]

    def _newest_first(
        self, kind: type[R], table: Table, conditions: list[ColumnElement[bool]], limit: int, cursor: str | None
    ) -> Page:
        created_at, row_id, listing = table.c.created_at, table.c.id, str(table.name)
        statement = select(table).where(*conditions)
        if (key := decode_cursor(listing, cursor)) is not None:
            statement = statement.where(tuple_(created_at, row_id) < tuple_(*key))
        rows = self._all(kind, statement.order_by(desc(created_at), desc(row_id)).limit(limit + 1))
        return cut_page(listing, rows, limit, lambda record: (record.created_at, record.id))
