"""Reads of triggers and firings from a SQL database."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from sqlalchemy import Connection, Engine, Select, desc, func, select, tuple_

from flowray.engine.statuses import TERMINAL_EXECUTION
from flowray.persistence.cursors import cut_page, decode_cursor
from flowray.persistence.database.engine import clock_ms, query, reading
from flowray.persistence.database.tables import executions
from flowray.persistence.records import DEFAULT_WORKSPACE, Page, Record
from flowray.persistence.records.triggers import STARTED, FiringRecord, TriggerRecord
from flowray.persistence.rows import from_row
from flowray.persistence.triggers.tables import IS_QUEUED, trigger_firings, triggers

R = TypeVar("R", bound=Record)
T = TypeVar("T")

_t = triggers.c
_f = trigger_firings.c


class SqlTriggerReader:
    """A TriggerReader over the tables. Thread-safe."""

    def __init__(self, engine: Engine) -> None:
        self._engine = reading(engine)

    def get(self, trigger_id: str, workspace_id: str | None = None) -> TriggerRecord | None:
        statement = select(triggers).where(_t.id == trigger_id)
        if workspace_id is not None:
            statement = statement.where(_t.workspace_id == workspace_id)
        return next(iter(self._all(TriggerRecord, statement)), None)

    def page(
        self,
        *,
        workflow_id: str | None = None,
        kind: str | None = None,
        enabled: bool | None = None,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        statement = select(triggers).where(_t.workspace_id == workspace_id)
        if workflow_id is not None:
            statement = statement.where(_t.workflow_id == workflow_id)
        if kind is not None:
            statement = statement.where(_t.kind == kind)
        if enabled is not None:
            statement = statement.where(_t.enabled.is_(enabled))
        if (key := decode_cursor("triggers", cursor)) is not None:
            statement = statement.where(tuple_(_t.created_at, _t.id) < tuple_(*key))
        rows = self._all(TriggerRecord, statement.order_by(desc(_t.created_at), desc(_t.id)).limit(limit + 1))
        return cut_page("triggers", rows, limit, lambda row: (row.created_at, row.id))

    def of_nodes(self, workflow_id: str, workspace_id: str = DEFAULT_WORKSPACE) -> list[TriggerRecord]:
        mine = (_t.workspace_id == workspace_id) & (_t.workflow_id == workflow_id) & _t.node_id.is_not(None)
        return self._all(TriggerRecord, select(triggers).where(mine).order_by(_t.id))

    def hearing(self, topic: str, workspace_id: str = DEFAULT_WORKSPACE) -> list[TriggerRecord]:
        hears = (_t.topic == topic) & (_t.workspace_id == workspace_id) & _t.enabled.is_(True)
        return self._all(TriggerRecord, select(triggers).where(hears).order_by(_t.id))

    def due(self, limit: int = 100) -> list[TriggerRecord]:
        has_come = _t.next_fire_at <= clock_ms(self._engine)
        statement = select(triggers).where(has_come).order_by(_t.next_fire_at, _t.id).limit(limit)
        return self._all(TriggerRecord, statement)

    def next_at(self) -> int | None:
        statement = select(func.min(_t.next_fire_at)).where(_t.next_fire_at.is_not(None))
        return self._read("the next tick", lambda connection: connection.execute(statement).scalar_one_or_none())

    def firing(self, trigger_id: str, fire_key: str) -> FiringRecord | None:
        statement = select(trigger_firings).where(_f.trigger_id == trigger_id, _f.fire_key == fire_key)
        return next(iter(self._all(FiringRecord, statement)), None)

    def history(
        self,
        trigger_id: str,
        *,
        limit: int = 50,
        cursor: str | None = None,
        workspace_id: str = DEFAULT_WORKSPACE,
    ) -> Page:
        listing = f"firings {trigger_id}"
        statement = select(trigger_firings).where(_f.trigger_id == trigger_id, _f.workspace_id == workspace_id)
        if (key := decode_cursor(listing, cursor)) is not None:
            statement = statement.where(tuple_(_f.fired_at, _f.fire_key) < tuple_(*key))
        rows = self._all(FiringRecord, statement.order_by(desc(_f.fired_at), desc(_f.fire_key)).limit(limit + 1))
        return cut_page(listing, rows, limit, lambda row: (row.fired_at, row.fire_key))

    def forgotten(self, limit: int = 100) -> list[FiringRecord]:
        overdue = _f.retry_at <= clock_ms(self._engine)
        statement = select(trigger_firings).where(overdue).order_by(_f.retry_at, _f.fire_key).limit(limit)
        return self._all(FiringRecord, statement)

    def with_queue(self) -> list[str]:
        statement = select(_f.trigger_id).where(IS_QUEUED).distinct().order_by(_f.trigger_id)
        return self._read("queued firings", lambda connection: list(connection.execute(statement).scalars()))

    def running(self, trigger_id: str) -> list[str]:
        joined = trigger_firings.join(executions, executions.c.id == _f.execution_id)
        statement = (
            select(_f.execution_id)
            .select_from(joined)
            .where(_f.trigger_id == trigger_id, _f.holds.is_(True), _f.status == STARTED)
            .where(executions.c.status.not_in([*TERMINAL_EXECUTION]))
            .order_by(_f.execution_id)
        )
        return self._read("running executions", lambda connection: list(connection.execute(statement).scalars()))

    def _read(self, what: str, read: Callable[[Connection], T]) -> T:
        return query(self._engine, f"read {what}", read)

    def _all(self, kind: type[R], statement: Select[Any]) -> list[R]:
        rows = self._read(kind.__name__, lambda connection: connection.execute(statement).mappings().all())
        return [from_row(kind, row) for row in rows]
